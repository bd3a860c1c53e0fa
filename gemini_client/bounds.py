"""How much this client sends to the Gemini Developer API: a rate and a number at a time."""

from collections.abc import AsyncGenerator

from gemini_client.errors import LimitReached
from gemini_client.reply import Chunk
from gemini_client.request import Request
from gemini_client.timing import Timing
from gemini_client.transport import Transport


class Bounds:
    """Refuses what is over; nothing waits. What has been counted stays when `set` changes the numbers.

    Args:
        name: of the route, for messages.
        timing: the clock of the rate.

    Attributes:
        requests_per_minute: attempts a minute, as a leaky bucket: so many may come at once, refilled evenly.
        concurrency: requests and open streams at a time. A call that waits for its next attempt is none.
        in_flight: how many there are now.
    """

    def __init__(self, name: str, timing: Timing) -> None:
        self._name, self._timing = name, timing
        self.requests_per_minute, self.concurrency = 0.0, 0
        self.in_flight = 0
        self._level, self._leaked_at = 0.0, timing.now()

    def set(self, requests_per_minute: float, concurrency: int) -> None:
        """Sets the numbers, from the next attempt on."""
        self._leak()
        self.requests_per_minute, self.concurrency = requests_per_minute, concurrency

    def enter(self) -> None:
        """Counts one attempt, and takes a slot, which `leave` gives back.

        Raises:
            LimitReached: all slots are taken, or the minute's attempts are used up.
        """
        if self.in_flight >= self.concurrency:
            raise LimitReached(
                f"{self._name} was not asked: {self.concurrency} calls of this client are under way there, its own"
                " bound (DeveloperApiBounds.concurrency).",
                route=self._name,
            )
        self._leak()
        if self._level + 1 > self.requests_per_minute:
            raise LimitReached(
                f"{self._name} was not asked: {self.requests_per_minute:g} calls a minute are this client's own bound"
                " (DeveloperApiBounds.requests_per_minute).",
                route=self._name,
            )
        self._level += 1
        self.in_flight += 1

    def leave(self) -> None:
        """Gives the slot back."""
        self.in_flight -= 1

    def _leak(self) -> None:
        now = self._timing.now()
        self._level = max(0.0, self._level - (now - self._leaked_at) * self.requests_per_minute / 60)
        self._leaked_at = now


class Bounded:
    """A transport within bounds: an attempt has its slot from its beginning until its answer is read or closed."""

    def __init__(self, inner: Transport, bounds: Bounds) -> None:
        self._inner, self._bounds = inner, bounds

    async def chunks(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """See Transport."""
        self._bounds.enter()
        pieces = self._inner.chunks(request)
        try:
            async for chunk in pieces:
                yield chunk
        finally:
            await pieces.aclose()
            self._bounds.leave()
