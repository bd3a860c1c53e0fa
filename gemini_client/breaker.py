"""A circuit breaker a route, on purgatory, which lets all calls through when half open: here it is one at a time."""

import logging
import math
from typing import Any

from purgatory import AsyncCircuitBreakerFactory
from purgatory.service._async.circuitbreaker import AsyncCircuitBreaker

from gemini_client import options
from gemini_client.errors import (
    DeadlineExceeded,
    LimitReached,
    QuotaExhausted,
    Refused,
    Unavailable,
)
from gemini_client.events import Event, Events
from gemini_client.timing import Timing

CLOSED, OPENED, HALF_OPENED = "closed", "opened", "half-opened"
# What a caller is told to wait for another's probe.
_PROBE_SECONDS = 1.0


class RouteClosedOff(Unavailable):
    """The breaker is open, or another call is probing: nothing was sent. `retry_after` says when to come again."""

    own_words = True


class Breaker:
    """Says whether a route may be called, and learns from how it went.

    Failures are Unavailable and an answer that does not begin before the deadline. A refusal or a used-up quota is an
    answer: the route works. What says nothing about the route changes nothing: no token, a caller that went away, a
    deadline that came after the first text (its reader may have been slow), or an attempt of before the last change.

    An answer that begins ends the row of failures; a long stream need not come to its end. Where streams have broken
    off, only one that comes to its end does, or every beginning would hide them.

    Args:
        name: of the route, for messages.
        key: what the breaker stands for.
        tuning: thresholds.
        factory: purgatory's, one a client.
        timing: the clock.
        events: told of every change.
    """

    def __init__(
        self,
        name: str,
        key: str,
        tuning: options.Breaker,
        factory: AsyncCircuitBreakerFactory,
        timing: Timing,
        events: Events,
    ) -> None:
        self._name, self._key, self._tuning = name, key, tuning
        self._factory, self._timing, self._events = factory, timing, events
        self._breaker: AsyncCircuitBreaker | None = None
        self._opened_at = 0.0
        self._generation = 0  # counts the changes of state
        self._probing = self._broken_off = False

    @property
    def state(self) -> str:
        """ "closed", "opened" or "half-opened". An open one whose time is over is still called opened."""
        return self._breaker.context.state if self._breaker else CLOSED

    @property
    def failures(self) -> int:
        """Failures in a row, while it is closed."""
        return (self._breaker.context.failure_count or 0) if self._breaker and self.state == CLOSED else 0

    @property
    def reopens_in(self) -> float | None:
        """Seconds until a probe is let through; None where it is not open."""
        if self.state != OPENED:
            return None
        return max(0.0, self._opened_at + self._tuning.open_seconds - self._timing.now())

    async def admit(self) -> "Admission":
        """Lets one attempt through.

        Raises:
            RouteClosedOff: the route is to be left alone.
        """
        if self._breaker is None:
            # purgatory goes by time.time, which may jump. Its time is always over: this class's clock decides.
            self._breaker = await self._factory.get_breaker(self._key, threshold=self._tuning.failures, ttl=-math.inf)
        before, wait = self.state, self.reopens_in
        if wait or self._probing:
            until = f"a probe is let through in {wait:.0f} s" if wait else "another call is probing it"
            said = f"{self._name} is left alone: its circuit breaker is open; {until}."
            raise RouteClosedOff(said, route=self._name, retry_after=wait or _PROBE_SECONDS)
        await self._breaker.__aenter__()
        self._probing = self.state == HALF_OPENED
        self._tell(before)
        return Admission(self, self._generation, probe=self._probing)

    async def begun(self, admission: "Admission") -> None:
        """An attempt's answer begins; see Admission."""
        probe = self._release(admission)
        if admission.generation == self._generation and (probe or not self._broken_off):
            await self._learn(None)
            admission.generation = self._generation

    async def settle(self, admission: "Admission", error: BaseException | None) -> None:
        """How an attempt went; see Admission."""
        self._release(admission)
        if admission.generation != self._generation:
            return
        if error is None or isinstance(error, Refused | QuotaExhausted):
            self._broken_off = False
            await self._learn(None)
        elif _failure(error, begun=admission.has_begun):
            self._broken_off = self._broken_off or admission.has_begun
            await self._learn(error)

    def _release(self, admission: "Admission") -> bool:
        """Lets the next probe in; whether this one was a probe until now."""
        probe, admission.probe = admission.probe, False
        self._probing = self._probing and not probe
        return probe

    async def _learn(self, error: BaseException | None) -> None:
        if self._breaker is None:
            return
        before = self.state
        await self._breaker.__aexit__(type(error) if error else None, error, None)
        self._tell(before)

    def _tell(self, before: str) -> None:
        state = self.state
        if state == before:
            return
        self._generation += 1
        if state == OPENED:
            self._opened_at = self._timing.now()
        words = {
            CLOSED: "answers again: its circuit breaker is closed.",
            OPENED: f"does not answer: its circuit breaker is open for {self._tuning.open_seconds:g} s.",
            HALF_OPENED: "is probed by one call: its circuit breaker is half open.",
        }
        level = logging.WARNING if state == OPENED else logging.INFO
        self._events.emit(Event("breaker", f"{self._name} {words[state]}", self._name, state=state, level=level))


class Admission:
    """One attempt that was let through. It must be settled.

    Attributes:
        generation: of the breaker's state that it belongs to.
        probe: whether others wait for it.
        has_begun: whether its answer has.
    """

    def __init__(self, breaker: Breaker, generation: int, *, probe: bool) -> None:
        self._breaker, self.generation, self.probe, self.has_begun = breaker, generation, probe, False

    async def begun(self) -> None:
        """The answer begins. That is enough of a probe; others need not wait for the end of its stream."""
        self.has_begun = True
        await self._breaker.begun(self)

    async def settle(self, error: BaseException | None) -> None:
        """Tells the breaker how it went: None for a whole answer, else what was raised."""
        await self._breaker.settle(self, error)


def _failure(error: BaseException, *, begun: bool) -> bool:
    if isinstance(error, DeadlineExceeded):
        return not begun
    return isinstance(error, Unavailable) and not isinstance(error, LimitReached | RouteClosedOff)


class Breakers:
    """The breakers of one client, by route and target; they outlive a reload of the routes."""

    def __init__(self, tuning: options.Breaker, timing: Timing, events: Events) -> None:
        self._tuning, self._timing, self._events = tuning, timing, events
        self._factory = AsyncCircuitBreakerFactory()
        self._all: dict[str, Breaker] = {}

    def of(self, name: str, target: str) -> Breaker:
        """The breaker of a route."""
        key = f"{name} {target}"
        if key not in self._all:
            self._all[key] = Breaker(name, key, self._tuning, self._factory, self._timing, self._events)
        return self._all[key]

    def shown(self, name: str, target: str) -> dict[str, Any]:
        """The state of a route's breaker as plain data."""
        breaker = self.of(name, target)
        wait = breaker.reopens_in
        return {"state": breaker.state, "failures": breaker.failures} | ({} if wait is None else {"probeIn": wait})
