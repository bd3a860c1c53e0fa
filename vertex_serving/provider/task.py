"""What one call of the engine carries with it: its deadline, its cancellation and its voice in Pulumi's display."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Final, Protocol, TypeVar

from vertex_serving.provider.failures import Cancelled, TimedOut

DEFAULT_TIMEOUT: Final = 3600.0
"""Seconds that an operation may take unless `customTimeouts` says otherwise. Real deployments take 5 to 60 minutes."""

_CANCEL_GRACE: Final = 5.0
"""Seconds that a request which changes something may go on after a cancellation, so that its answer is not lost."""

_TICK: Final = 0.2

T = TypeVar("T")


class Voice(Protocol):
    """Where messages for the person who runs Pulumi go."""

    def status(self, urn: str, message: str) -> None:
        """Show a line that the next one replaces."""

    def warn(self, urn: str, message: str) -> None:
        """Show a warning that stays."""


class Task:
    """One Create, Read, Update or Delete.

    Args:
        urn: The resource's URN.
        timeout: Seconds until TimedOut; 0 means DEFAULT_TIMEOUT.
        cancelled: Set when the engine asks for an end.
        voice: Pulumi's display.
    """

    def __init__(self, urn: str, timeout: float, cancelled: threading.Event, voice: Voice) -> None:
        self.urn = urn
        self.timeout = timeout if timeout > 0 else DEFAULT_TIMEOUT
        self._began = time.monotonic()
        self._cancelled = cancelled
        self._voice = voice
        self._last_status = ""

    @property
    def elapsed(self) -> float:
        """Seconds since the call began."""
        return time.monotonic() - self._began

    def check(self) -> None:
        """Raise Cancelled or TimedOut when it is time to end."""
        if self._cancelled.is_set():
            raise Cancelled
        if self.elapsed >= self.timeout:
            raise TimedOut(self.timeout)

    def pause(self, seconds: float) -> None:
        """Sleep, but never past the deadline or a cancellation.

        Raises:
            Cancelled: The engine asked for an end.
            TimedOut: The deadline passed.
        """
        self.check()
        self._cancelled.wait(max(0.0, min(seconds, self.timeout - self.elapsed)))
        self.check()

    def request(self, send: Callable[[], T], changes: bool) -> T:
        """Run one HTTP request so that a cancellation need not wait for a slow answer.

        Args:
            send: Sends the request.
            changes: Whether it changes something: its answer is then given a few seconds more.

        Raises:
            Cancelled: The engine asked for an end before the answer came.
            TimedOut: The deadline passed before the answer came.
        """
        self.check()
        answer: Future[T] = _requests.submit(send)
        while not wait([answer], timeout=_TICK).done:
            try:
                self.check()
            except (Cancelled, TimedOut):
                if changes and wait([answer], timeout=_CANCEL_GRACE).done:
                    break
                raise
        return answer.result()

    @contextmanager
    def turn(self, lock: threading.Lock) -> Iterator[None]:
        """Hold a lock; waiting for it ends at the deadline and at a cancellation."""
        while not lock.acquire(timeout=_TICK):
            self.check()
            self.status("waiting until Google has taken this run's other change of the endpoint")
        try:
            yield
        finally:
            lock.release()

    def status(self, message: str) -> None:
        """Show how far the work is, on the resource's own line; the same words are not sent twice."""
        if message != self._last_status:
            self._last_status = message
            self._voice.status(self.urn, message)

    def warn(self, message: str) -> None:
        """Tell the person something that stays in the display."""
        self._voice.warn(self.urn, message)


def in_words(seconds: float) -> str:
    """Return a duration as people write it: `45s`, `3m20s`, `1h05m`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


_requests: Final = ThreadPoolExecutor(max_workers=64, thread_name_prefix="vertex-request")
