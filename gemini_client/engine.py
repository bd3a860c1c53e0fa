"""One call, from the first route to its end: breaker, retries, fallback, deadline. Sync and async both run this."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import anyio

from gemini_client.bounds import Bounds
from gemini_client.breaker import Admission, Breaker
from gemini_client.budget import Budget
from gemini_client.errors import (
    Attempt,
    ConfigurationError,
    CredentialsError,
    DeadlineExceeded,
    GeminiClientError,
    LimitReached,
    QuotaExhausted,
    StreamInterrupted,
    Unavailable,
)
from gemini_client.events import Event, Events
from gemini_client.options import Options
from gemini_client.reply import Chunk, Reply
from gemini_client.request import Request
from gemini_client.retry import Retrying
from gemini_client.telemetry import DEVELOPER, Operation, Telemetry
from gemini_client.timing import Timing
from gemini_client.transport import Transport


@dataclass(frozen=True, slots=True)
class Target:
    """A route as it is called.

    Attributes:
        name: of the route.
        provider: gen_ai.provider.name of telemetry.
        model: that is asked for, or the endpoint's name.
        transport: calls it.
        breaker: guards it.
        bounds: of the Developer API.
    """

    name: str
    provider: str
    model: str
    transport: Transport
    breaker: Breaker
    bounds: Bounds | None = None


@dataclass(slots=True)
class Call:
    """One call under way.

    Attributes:
        request: what is asked.
        targets: the routes, in the order in which they are tried.
        deadline: seconds for the whole of it.
        deadline_at: when that is over, by the clock.
        begun_at: when it began.
        raw: whether pieces without text are given out too.
        reply: what has been given out.
        given_out: whether something has been.
    """

    request: Request
    targets: list[Target]
    deadline: float
    deadline_at: float
    begun_at: float
    raw: bool = False
    reply: Reply = field(default_factory=Reply)
    given_out: bool = False

    def counts(self, chunk: Chunk) -> bool:
        """Whether the caller sees this piece."""
        return bool(chunk.text) or (self.raw and chunk.has_content)


@dataclass(slots=True)
class _Opened:
    """An answer that has begun: its first pieces, and the rest."""

    first: list[Chunk]
    rest: AsyncGenerator[Chunk, None]
    admission: Admission


class Engine:
    """Runs calls.

    Args:
        options: all of them.
        timing: clock, sleep and chance.
        events: told of what happens on the way.
        telemetry: records calls.
    """

    def __init__(self, options: Options, timing: Timing, events: Events, telemetry: Telemetry) -> None:
        self._options, self._timing, self._events, self._telemetry = options, timing, events, telemetry
        self.budget = Budget(options.retry.budget_share, options.retry.budget_reserve)
        self._retrying = Retrying(options.retry, self.budget, timing, events)

    def call(self, request: Request, targets: list[Target], deadline: float | None) -> Call:
        """A call that begins now."""
        seconds = self._options.deadline if deadline is None else deadline
        now = self._timing.now()
        return Call(request, targets, seconds, now + seconds, now)

    async def run(self, call: Call) -> AsyncGenerator[Chunk, None]:
        """The pieces of the answer, from the first route that gives one. Closing it ends the request.

        Raises:
            GeminiClientError: see errors.py.
        """
        operation = self._telemetry.begin(call.request)
        self.budget.earn()
        failure: BaseException | None = None
        pieces = self._from_some_target(call, operation)
        try:
            async for chunk in pieces:
                yield chunk
        except BaseException as error:
            failure = error
            raise
        finally:
            await _close(pieces)
            ended = None if isinstance(failure, GeneratorExit) else failure
            operation.end(self._timing.now() - call.begun_at, call.reply, ended)

    async def _from_some_target(self, call: Call, operation: Operation) -> AsyncGenerator[Chunk, None]:
        failures: list[GeminiClientError] = []
        for number, target in enumerate(call.targets):
            operation.target(target.name, target.provider, target.model)
            try:
                opened = await self._enter(target, call, operation)
                call.reply.route, call.reply.model = target.name, target.model
                pieces = self._pieces(target, opened, call, operation)
                try:
                    async for chunk in pieces:
                        yield chunk
                finally:
                    await _close(pieces)
                return
            except GeminiClientError as error:
                error.route = error.route or target.name
                failures.append(error)
                if call.given_out or not self._goes_on(error, target, number, call):
                    error.attempts = _attempts(failures)
                    raise
            self._tell(target, call.targets[number + 1 :], failures[-1], operation)
        raise _summary(failures)

    async def _enter(self, target: Target, call: Call, operation: Operation) -> _Opened:
        if target.bounds:
            await target.bounds.enter()
        try:
            return await self._retrying.run(
                lambda: self._attempt(target, call),
                route=target.name,
                request=call.request,
                breaker=target.breaker,
                deadline_at=call.deadline_at,
                operation=operation,
            )
        except BaseException:
            if target.bounds:
                target.bounds.leave()
            raise

    async def _attempt(self, target: Target, call: Call) -> _Opened:
        """One attempt, up to the first piece that the caller sees."""
        admission = await target.breaker.admit()
        rest = target.transport.chunks(call.request)
        first: list[Chunk] = []
        try:
            if target.bounds:
                await target.bounds.count()
            while (chunk := await self._next(rest, call, target)) is not None:
                first.append(chunk)
                if call.counts(chunk):
                    break
            await admission.begun()
            return _Opened(first, rest, admission)
        except BaseException as error:
            await _close(rest)
            await admission.settle(error)
            raise

    async def _next(self, pieces: AsyncGenerator[Chunk, None], call: Call, target: Target) -> Chunk | None:
        """The next piece, None at the end. The scope of the timeout must not reach over a `yield`."""
        left = call.deadline_at - self._timing.now()
        try:
            async with asyncio.timeout(max(left, 0)) as timeout:
                return await anext(pieces, None)
        except TimeoutError:
            if not timeout.expired():
                raise
        raise DeadlineExceeded(
            f"{target.name} had not answered when the deadline of the whole call, {call.deadline:g} s, was over.",
            route=target.name,
        )

    async def _pieces(
        self, target: Target, opened: _Opened, call: Call, operation: Operation
    ) -> AsyncGenerator[Chunk, None]:
        failure: GeminiClientError | None = None
        try:
            if call.request.stream:
                operation.first_chunk(self._timing.now() - call.begun_at)
            for chunk in opened.first:
                call.reply.add(chunk)
                call.given_out = call.given_out or call.counts(chunk)
                yield chunk
            while (rest := await self._next(opened.rest, call, target)) is not None:
                call.reply.add(rest)
                yield rest
        except GeminiClientError as error:
            failure = error
            interrupted = _interrupted(target, call, error)
            self._events.emit(
                Event("interrupted", interrupted.brief, target.name, code=error.code, level=logging.WARNING)
            )
            raise interrupted from error
        finally:
            await _close(opened.rest)
            if target.bounds:
                target.bounds.leave()
            await opened.admission.settle(failure)

    def _goes_on(self, error: GeminiClientError, target: Target, number: int, call: Call) -> bool:
        """Whether the next route is tried, or, after the last one, the outage told and not this error."""
        if isinstance(error, DeadlineExceeded) or call.request.functions_called:
            return False
        if isinstance(error, Unavailable):
            return True
        if number > 0 and target.provider == DEVELOPER:
            return True
        if isinstance(error, QuotaExhausted):
            return self._options.fall_back_on_quota
        # A fallback to which nothing could be sent is passed over; what Vertex AI refuses, it refuses everywhere.
        return number > 0 and isinstance(error, ConfigurationError | CredentialsError)

    def _tell(self, target: Target, others: list[Target], error: GeminiClientError, operation: Operation) -> None:
        if not others:
            return
        message = f"{others[0].name} is asked instead of {target.name}: {error.brief}"
        event = Event("fallback", message, target.name, to=others[0].name, code=error.code, level=logging.WARNING)
        self._events.emit(event)
        operation.event(event)


async def _close(pieces: AsyncGenerator[Chunk, None]) -> None:
    with anyio.CancelScope(shield=True):
        await pieces.aclose()


def _interrupted(target: Target, call: Call, error: GeminiClientError) -> StreamInterrupted:
    made = StreamInterrupted(
        f"The stream of {target.name} broke off: {error} The {len(call.reply.text)} characters before are in `.text`;"
        " it was not asked again, since they have been given out.",
        code=error.code,
        status=error.status,
        route=target.name,
        retry_after=error.retry_after,
        brief=f"The stream of {target.name} broke off: {error.brief}",
    )
    made.text = call.reply.text
    return made


def _summary(failures: list[GeminiClientError]) -> GeminiClientError:
    """One error for all routes: the only one there is, or a sentence that names each."""
    if len(failures) == 1:
        failures[0].attempts = _attempts(failures)
        return failures[0]
    kind: type[GeminiClientError] = LimitReached if isinstance(failures[-1], LimitReached) else Unavailable
    if all(isinstance(each, QuotaExhausted) for each in failures):
        kind = QuotaExhausted
    made = kind(
        f"None of {len(failures)} routes answered. {' '.join(str(each) for each in failures)}",
        code=failures[0].code,
        status=failures[0].status,
        route=failures[-1].route,
        retry_after=failures[0].retry_after,
        brief=f"None of {len(failures)} routes answered. {' '.join(each.brief for each in failures)}",
    )
    made.attempts = _attempts(failures)
    return made


def _attempts(failures: list[GeminiClientError]) -> tuple[Attempt, ...]:
    return tuple(Attempt(each.route, str(each)) for each in failures)
