"""What many calls need at once, and one task gets for all of them: a token, the API key, an endpoint's address."""

import asyncio
import contextlib
import contextvars
import copy
import math
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from gemini_client.errors import ConfigurationError, GeminiClientError
from gemini_client.timing import Timing

T = TypeVar("T")
CLOSED = "The client was closed while this call was under way."


class Background:
    """Tasks that may outlive the call that began them; `close` ends them. Made in the event loop that uses it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Runs a coroutine, with nothing of its caller's context."""
        task = asyncio.create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # taken, though nobody may be waiting any more

    def close(self) -> None:
        """Cancels what still runs."""
        for task in self._tasks:
            task.cancel()


class Shared(Generic[T]):
    """Work that is done once for all who ask while it is under way.

    Args:
        background: runs it.
        work: begins it.
    """

    def __init__(self, background: Background, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._background, self._work = background, work
        self._task: asyncio.Task[T] | None = None

    @property
    def running(self) -> bool:
        """Whether it is under way."""
        return self._task is not None and not self._task.done()

    async def get(self, seconds: float) -> T:
        """What comes of it. A caller that goes away, or has waited so many seconds, leaves it running.

        Raises:
            TimeoutError: it is not done in time.
            GeminiClientError: its own, each caller's a copy with a traceback of its own.
        """
        if self._task is None or self._task.done():
            self._task = self._background.start(self._work())
        task = self._task
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise TimeoutError
        if task.cancelled():
            raise ConfigurationError(CLOSED)
        if isinstance(error := task.exception(), GeminiClientError):
            raise copy.copy(error)
        return task.result()


class Kept(Generic[T]):
    """Something that is read once, kept, and read again by the first call after `fresh_seconds`.

    Where reading it again fails, or takes longer than `again_seconds`, what is known goes on.

    Args:
        background: reads.
        timing: the clock.
        read: reads it; raises GeminiClientError.
    """

    fresh_seconds = 300.0
    first_seconds = 10.0
    again_seconds = 2.0

    def __init__(self, background: Background, timing: Timing, read: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._timing, self._read = timing, read
        self._reading = Shared(background, self._renew)
        self._known: list[T] = []
        self._read_at = -math.inf

    async def get(self, left: float = math.inf) -> T:
        """The value, for a call that has so many seconds left.

        Raises:
            TimeoutError: it was never read, and is not in time.
            GeminiClientError: it was never read, and cannot be.
        """
        if not self._known:
            return await self._reading.get(patience(self.first_seconds, left))
        # One call waits for a new value, and no other, however long that hangs.
        if self._timing.now() - self._read_at > self.fresh_seconds and not self._reading.running:
            with contextlib.suppress(TimeoutError, GeminiClientError):
                await self._reading.get(patience(self.again_seconds, left))
        return self._known[0]

    def expire(self) -> None:
        """Has the next call read it again."""
        self._read_at = -math.inf

    async def _renew(self) -> T:
        try:
            self._known[:] = [await self._read()]
        finally:
            self._read_at = self._timing.now()
        return self._known[0]


def patience(most: float, left: float) -> float:
    """Seconds to wait for what a call needs first: at most so many, and not until its deadline is over.

    The wait ends before the deadline does, so that what kept the call from the route is named, and not the route.
    """
    return min(most, 0.9 * left)
