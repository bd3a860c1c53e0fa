"""How much this client sends to the Gemini Developer API: a rate and a number at a time."""

import asyncio

from aiolimiter import AsyncLimiter

from gemini_client.errors import LimitReached


class Bounds:
    """Refuses what is over; nothing waits.

    Args:
        name: of the route, for messages.
        requests_per_minute: calls a minute; so many may come at once.
        concurrency: calls and open streams at a time.
    """

    def __init__(self, name: str, requests_per_minute: float, concurrency: int) -> None:
        self._name = name
        self.requests_per_minute, self.concurrency = requests_per_minute, concurrency
        self._rate = AsyncLimiter(requests_per_minute, 60)
        self._slots = asyncio.Semaphore(concurrency)
        self.in_flight = 0

    async def enter(self) -> None:
        """Takes one of the slots; `leave` gives it back.

        Raises:
            LimitReached: all are taken.
        """
        if self._slots.locked():
            raise LimitReached(
                f"{self._name} was not asked: {self.concurrency} calls of this client are under way there, its own"
                " bound (DeveloperApiBounds.concurrency).",
                route=self._name,
            )
        await self._slots.acquire()
        self.in_flight += 1

    def leave(self) -> None:
        """Gives the slot back."""
        self.in_flight -= 1
        self._slots.release()

    async def count(self) -> None:
        """Counts one attempt.

        Raises:
            LimitReached: the minute's are used up.
        """
        if not self._rate.has_capacity():
            raise LimitReached(
                f"{self._name} was not asked: {self.requests_per_minute:g} calls a minute are this client's own bound"
                " (DeveloperApiBounds.requests_per_minute).",
                route=self._name,
            )
        await self._rate.acquire()
