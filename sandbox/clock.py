"""The sandbox's time: real, accelerated, or standing still until it is stepped.

Everything in the sandbox that lasts, lasts by this clock: operations, delays, scaling windows, quota minutes.
"""

import asyncio
import math
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sandbox.errors import Json, invalid_argument

if TYPE_CHECKING:
    from sandbox.store import Store

KIND = "clock"
# How often those who wait for a stepped clock look at it, in real seconds.
_LOOK_SECONDS = 0.005


class Clock:
    """Seconds since 1970 that pass at `rate` times the real speed; at rate 0 only `step` moves them.

    The moment that it counts from is kept in the store, so that a restart finds the clock as it would have been.
    """

    def __init__(self, store: "Store") -> None:
        self._store = store
        kept = store.get(KIND, KIND) or {}
        self.rate: float = kept.get("rate", 1.0)
        # At real time `_since` this clock said `_base`; None follows real time itself.
        self._base: float | None = kept.get("base")
        self._since: float = kept.get("since", 0.0)

    def now(self) -> float:
        """Seconds since 1970."""
        if self._base is None:
            return time.time()
        return self._base + (time.time() - self._since) * self.rate

    async def sleep(self, seconds: float) -> None:
        """Lets other requests run until so many of this clock's seconds have passed."""
        until = self.now() + seconds
        if seconds <= 0:
            await asyncio.sleep(0)
        while (left := until - self.now()) > 0:
            # A step or a new rate may come at any time.
            await asyncio.sleep(min(max(left / self.rate, 0.001), 0.05) if self.rate else _LOOK_SECONDS)

    def stamp(self, seconds: float | None = None) -> str:
        """A google-datetime of the given or the current time, e.g. "2026-11-23T10:00:00.123456Z"."""
        moment = datetime.fromtimestamp(self.now() if seconds is None else seconds, UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def run(self, rate: float) -> None:
        """Goes on from now at this rate."""
        if rate != self.rate:
            self._set(self.now(), rate)

    def step(self, seconds: float) -> None:
        """Moves forward by so many seconds, whatever the rate."""
        self._set(self.now() + seconds, self.rate)

    def go_on_from(self, moment: float) -> None:
        """Continues from a moment of a snapshot, earlier or later."""
        self._set(moment, self.rate)

    def reset(self) -> None:
        """Back to the real time; the rate stays."""
        self._set(time.time(), self.rate)

    def _set(self, base: float, rate: float) -> None:
        self._base, self._since, self.rate = base, time.time(), rate
        if self.rate == 1.0 and abs(base - self._since) < 0.001:
            self._base = None
        self._store.put(KIND, KIND, {"base": self._base, "since": self._since, "rate": self.rate})

    def shown(self) -> Json:
        """As /_sandbox/clock shows it."""
        mode = {0.0: "stepped", 1.0: "real"}.get(self.rate, "accelerated")
        return {"time": self.stamp(), "seconds": self.now(), "rate": self.rate, "mode": mode}


def seconds_of(change: Any, now: float) -> float:
    """How far a body {"step": seconds} or {"to": "2026-11-23T10:00:00Z"} moves the clock; 400 for anything else."""
    if isinstance(change, dict) and len(change) == 1:
        step, to = change.get("step"), change.get("to")
        if isinstance(step, int | float) and not isinstance(step, bool) and math.isfinite(step) and step >= 0:
            return float(step)
        if isinstance(to, str):
            try:
                moment = datetime.fromisoformat(to)
            except ValueError:
                raise invalid_argument(f"to: {to} is no time like 2026-11-23T10:00:00Z.") from None
            ahead = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
            if ahead < 0:
                raise invalid_argument(f"to: {to} has passed: this clock only goes forward.")
            return ahead
    raise invalid_argument('Give {"step": seconds}, 0 or more, or {"to": "2026-11-23T10:00:00Z"}.')
