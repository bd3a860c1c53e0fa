"""Clock, sleep and chance, so that a test needs no real time."""

import asyncio
import random
import time
from typing import Protocol


class Timing(Protocol):
    """Where the client takes time and chance from."""

    def now(self) -> float:
        """Seconds of a clock that never goes back: deadlines and breakers go by it."""

    def wall(self) -> float:
        """Seconds since 1970, which a date in Retry-After is compared with."""

    async def sleep(self, seconds: float) -> None:
        """Waits between two attempts."""

    def random(self) -> float:
        """A number in [0, 1): the jitter of waits, and the pick of a route where no session is given."""


class SystemTiming:
    """The machine's."""

    def now(self) -> float:
        """time.monotonic."""
        return time.monotonic()

    def wall(self) -> float:
        """time.time."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """asyncio.sleep."""
        await asyncio.sleep(seconds)

    def random(self) -> float:
        """random.random."""
        return random.random()  # noqa: S311 - no secret
