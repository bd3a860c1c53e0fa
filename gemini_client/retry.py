"""When a route is asked again, and after how long: tenacity's loop, with the server's own wishes as a minimum."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_exponential

from gemini_client import options
from gemini_client.breaker import CLOSED, Breaker
from gemini_client.budget import Budget
from gemini_client.errors import GeminiClientError, QuotaExhausted, Unavailable
from gemini_client.events import Event, Events
from gemini_client.request import Request
from gemini_client.telemetry import Operation
from gemini_client.timing import Timing

T = TypeVar("T")
# Whoever was told the same time or date comes back together. The first time it is obeyed to the second; from the second
# on, a random share up to this is added.
_ABOVE = 0.1


def repeatable(error: BaseException) -> bool:
    """RESOURCE_EXHAUSTED, UNAVAILABLE, and connections that broke before anything was given out."""
    return isinstance(error, QuotaExhausted) or (isinstance(error, Unavailable) and error.retryable)


@dataclass(frozen=True, slots=True)
class Retrying:
    """The retry rules of one client.

    Attributes:
        tuning: attempts and waits.
        budget: shared by all calls.
        timing: clock, sleep and chance.
        events: told of every retry.
    """

    tuning: options.Retry
    budget: Budget
    timing: Timing
    events: Events

    async def run(
        self,
        attempt: Callable[[], Awaitable[T]],
        *,
        route: str,
        request: Request,
        breaker: Breaker,
        deadline_at: float,
        operation: Operation,
    ) -> T:
        """Calls `attempt` until it succeeds, or may not be made again; then its last error is raised.

        It is not made again when it failed with anything but `repeatable`, after so many attempts, when the wait would
        end after the deadline, when the route's breaker has opened meanwhile, when the retry budget is used up, or
        when one of the caller's functions has been called.
        """
        waits = wait_exponential(
            multiplier=self.tuning.first_wait, min=self.tuning.first_wait, max=self.tuning.longest_wait
        )

        def wait(state: RetryCallState) -> float:
            chance, base, most = self.timing.random(), waits(state), self.tuning.longest_wait
            jitter = 1 + self.tuning.jitter
            low, high = min(base, most / jitter), min(base * jitter, most)
            told = _error(state).retry_after or 0.0
            if state.attempt_number > 1:
                told *= 1 + _ABOVE * chance
            return max(low + (high - low) * chance, told)

        def stop(state: RetryCallState) -> bool:
            return (
                state.attempt_number >= self.tuning.attempts
                or self.timing.now() + state.upcoming_sleep >= deadline_at
                or breaker.state != CLOSED
                or bool(request.functions_called)
                or not self.budget.take()
            )

        def tell(state: RetryCallState) -> None:
            error, seconds = _error(state), state.upcoming_sleep
            message = f"{route} is asked again in {seconds:.1f} s, attempt {state.attempt_number + 1}: {error.brief}"
            event = Event("retry", message, route, code=error.code, wait=seconds, level=logging.WARNING)
            self.events.emit(event)
            operation.event(event)

        retrying = AsyncRetrying(
            sleep=self.timing.sleep,
            wait=wait,
            stop=stop,
            retry=retry_if_exception(repeatable),
            before_sleep=tell,
            reraise=True,
        )

        async def once() -> T:  # tenacity awaits coroutine functions only
            return await attempt()

        return await retrying(once)


def _error(state: RetryCallState) -> GeminiClientError:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, GeminiClientError):
        raise TypeError("only this package's errors are repeated")
    return error
