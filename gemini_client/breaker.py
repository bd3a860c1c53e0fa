"""A circuit breaker a route, on purgatory, which lets all calls through when half open: here it is one at a time."""

import logging
from typing import Any

from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState
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


class RouteClosedOff(Unavailable):
    """The breaker is open, or another call is probing: nothing was sent."""

    own_words = True


class Breaker:
    """Says whether a route may be called, and learns from how it went.

    Failures are Unavailable and an answer that does not come before the deadline. A refusal or a used-up quota is an
    answer: the route works. What says nothing about the route (no token, a caller that went away) changes nothing.

    Args:
        name: of the route, for messages.
        key: what the breaker stands for.
        tuning: thresholds.
        factory: purgatory's, one a client.
        timing: its wall clock must be purgatory's, which is time.time.
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
        self._probing = False

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
        if self._breaker is None or self.state != OPENED:
            return None
        opened = self._breaker.context.opened_at or 0.0
        return max(0.0, opened + self._tuning.open_seconds - self._timing.wall())

    async def admit(self) -> "Admission":
        """Lets one attempt through.

        Raises:
            RouteClosedOff: the route is to be left alone.
        """
        if self._breaker is None:
            self._breaker = await self._factory.get_breaker(
                self._key, threshold=self._tuning.failures, ttl=self._tuning.open_seconds
            )
        before = self.state
        wait = self.reopens_in
        refused = bool(wait) or (before != CLOSED and self._probing)
        if not refused:
            try:
                await self._breaker.__aenter__()
            except OpenedState as opened:
                # It is raised again and again, and would collect the frames of every caller.
                opened.__traceback__ = None
                refused = True
        if refused:
            until = f"a probe is let through in {wait:.0f} s" if wait else "another call is probing it"
            raise RouteClosedOff(f"{self._name} is left alone: its circuit breaker is open; {until}.", route=self._name)
        probe = self.state == HALF_OPENED
        self._probing = self._probing or probe
        self._tell(before)
        return Admission(self, probe=probe)

    async def failed(self, error: BaseException) -> None:
        """Counts a failure of an attempt that had been settled as a success: a probe's stream that broke off."""
        if self.state == CLOSED and _failure(error):
            await self._learn(error)

    async def settle(self, error: BaseException | None, *, probe: bool) -> None:
        """How an attempt went; see Admission."""
        if probe:
            self._probing = False
        elif self.state != CLOSED:
            return  # an attempt from before it opened; only probes count now
        if error is None or isinstance(error, Refused | QuotaExhausted):
            await self._learn(None)
        elif _failure(error):
            await self._learn(error)

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
        words = {
            CLOSED: "answers again: its circuit breaker is closed.",
            OPENED: f"does not answer: its circuit breaker is open for {self._tuning.open_seconds:g} s.",
            HALF_OPENED: "is probed by one call: its circuit breaker is half open.",
        }
        level = logging.WARNING if state == OPENED else logging.INFO
        self._events.emit(Event("breaker", f"{self._name} {words[state]}", self._name, state=state, level=level))


class Admission:
    """One attempt that was let through. It must be settled."""

    def __init__(self, breaker: Breaker, *, probe: bool) -> None:
        self._breaker, self._probe, self._settled = breaker, probe, False

    async def begun(self) -> None:
        """The answer begins. That is enough of a probe; others need not wait for the end of its stream."""
        if self._probe:
            await self.settle(None)

    async def settle(self, error: BaseException | None) -> None:
        """Tells the breaker how it went: None for an answer, else what was raised. Only a failure counts twice."""
        if self._settled:
            if error is not None:
                await self._breaker.failed(error)
            return
        self._settled = True
        await self._breaker.settle(error, probe=self._probe)


def _failure(error: BaseException) -> bool:
    return isinstance(error, Unavailable | DeadlineExceeded) and not isinstance(error, LimitReached | RouteClosedOff)


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
