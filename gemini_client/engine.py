"""One call, from the first route to its end: breaker, retries, fallback, deadline. Sync and async both run this."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import anyio

from gemini_client.breaker import Admission, Breaker
from gemini_client.budget import Budget
from gemini_client.errors import (
    ConfigurationError,
    CredentialsError,
    DeadlineExceeded,
    GeminiClientError,
    QuotaExhausted,
    StreamInterrupted,
    Unavailable,
)
from gemini_client.events import Event, Events
from gemini_client.failing import attempts, interrupted, summary
from gemini_client.options import Options
from gemini_client.reply import Chunk, Reply
from gemini_client.request import Request
from gemini_client.retry import Retrying
from gemini_client.telemetry import DEVELOPER, Asked, Operation, Telemetry
from gemini_client.timing import Timing
from gemini_client.transport import Transport


@dataclass(frozen=True, slots=True)
class Target:
    """A route as it is called.

    Attributes:
        asked: its name, model and what telemetry tells of it.
        transport: calls it.
        breaker: guards it.
        first_chunk_seconds: that an attempt may take to begin, None for Options.first_chunk_seconds.
    """

    asked: Asked
    transport: Transport
    breaker: Breaker
    first_chunk_seconds: float | None = None

    @property
    def name(self) -> str:
        """Of the route."""
        return self.asked.route


@dataclass(slots=True)
class Call:
    """One call under way.

    Attributes:
        request: what is asked.
        targets: the routes, in the order in which they are tried.
        deadline: seconds for the whole of it.
        deadline_at: when that is over, by the clock; known once it runs.
        begun_at: when it began, likewise.
        raw: whether pieces without text are given out too.
        reply: what has been given out.
        given_out: whether something has been.
    """

    request: Request
    targets: list[Target]
    deadline: float
    deadline_at: float = 0.0
    begun_at: float = 0.0
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


class _TooLateError(Exception):
    """No piece came in the time that there was."""


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
        """A call to run; its time counts from then on."""
        return Call(request, targets, self._options.deadline if deadline is None else deadline)

    async def run(self, call: Call) -> AsyncGenerator[Chunk, None]:
        """The pieces of the answer, from the first route that gives one. Closing it ends the request.

        Raises:
            GeminiClientError: see errors.py.
        """
        call.begun_at = self._timing.now()
        call.deadline_at = call.begun_at + call.deadline
        operation = self._telemetry.begin(call.request, call.targets[0].asked)
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
            operation.target(target.asked)
            try:
                opened = await self._enter(target, call, operation, last=number + 1 == len(call.targets))
                call.reply.route, call.reply.model = target.name, target.asked.model
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
                    error.attempts = attempts(failures)
                    raise
            self._tell(target, call.targets[number + 1 :], failures[-1], operation)
        raise summary(failures)

    async def _enter(self, target: Target, call: Call, operation: Operation, *, last: bool) -> _Opened:
        return await self._retrying.run(
            lambda: self._attempt(target, call, last=last),
            route=target.name,
            request=call.request,
            breaker=target.breaker,
            deadline_at=call.deadline_at,
            operation=operation,
        )

    async def _attempt(self, target: Target, call: Call, *, last: bool) -> _Opened:
        """One attempt, up to the first piece that the caller sees."""
        admission = await target.breaker.admit()
        rest = target.transport.chunks(call.request)
        first: list[Chunk] = []
        try:
            await self._begin(target, call, rest, first, patient=last or call.request.runs_functions)
            await admission.begun()
            return _Opened(first, rest, admission)
        except BaseException as error:
            await _close(rest)
            await admission.settle(error)
            raise

    async def _begin(
        self, target: Target, call: Call, pieces: AsyncGenerator[Chunk, None], first: list[Chunk], *, patient: bool
    ) -> None:
        """Fills `first`. Where it is not patient, the first piece of any kind has to come soon."""
        seconds = target.first_chunk_seconds or self._options.first_chunk_seconds
        soon = call.deadline_at if patient else min(call.deadline_at, self._timing.now() + seconds)
        try:
            while (chunk := await self._next(pieces, call.deadline_at if first else soon)) is not None:
                first.append(chunk)
                if call.counts(chunk):
                    return
        except _TooLateError:
            if not first and soon < call.deadline_at:
                where = "its firstChunkSeconds" if target.first_chunk_seconds else "Options.first_chunk_seconds"
                said = f"{target.name} had not begun to answer after {seconds:g} s ({where})."
                raise Unavailable(said, route=target.name, brief=said) from None
            raise DeadlineExceeded(
                f"{target.name} had not answered when the deadline of the whole call, {call.deadline:g} s, was over.",
                route=target.name,
            ) from None

    async def _next(self, pieces: AsyncGenerator[Chunk, None], until: float) -> Chunk | None:
        """The next piece, None at the end. The scope of the timeout must not reach over a `yield`."""
        left = until - self._timing.now()
        if left > 0:
            try:
                async with asyncio.timeout(left) as timeout:
                    return await anext(pieces, None)
            except TimeoutError:
                if not timeout.expired():
                    raise
        raise _TooLateError

    async def _pieces(
        self, target: Target, opened: _Opened, call: Call, operation: Operation
    ) -> AsyncGenerator[Chunk, None]:
        ended: BaseException | None = None
        try:
            if call.request.stream:
                operation.first_chunk(self._timing.now() - call.begun_at)
            for chunk in opened.first:
                call.reply.add(chunk)
                call.given_out = call.given_out or call.counts(chunk)
                yield chunk
            while (rest := await self._rest(target, opened, call)) is not None:
                call.reply.add(rest)
                yield rest
        except BaseException as error:
            ended = error
            if isinstance(error, GeminiClientError):
                raise self._interrupted(target, call, error) from error
            raise
        finally:
            await _close(opened.rest)
            await opened.admission.settle(ended)

    async def _rest(self, target: Target, opened: _Opened, call: Call) -> Chunk | None:
        try:
            return await self._next(opened.rest, call.deadline_at)
        except _TooLateError:
            if call.reply.finish_reason or not call.request.stream:
                return None  # its end has come, and only its reader was late
            raise DeadlineExceeded(
                f"{target.name} was not at the end of its answer when the deadline of the whole call,"
                f" {call.deadline:g} s, was over; what its reader takes between the texts counts.",
                route=target.name,
            ) from None

    def _interrupted(self, target: Target, call: Call, error: GeminiClientError) -> StreamInterrupted:
        made = interrupted(target.name, call.reply.text, error)
        self._events.emit(Event("interrupted", made.brief, target.name, code=error.code, level=logging.WARNING))
        return made

    def _goes_on(self, error: GeminiClientError, target: Target, number: int, call: Call) -> bool:
        """Whether the next route is tried, or, after the last one, the outage told and not this error."""
        if isinstance(error, DeadlineExceeded) or call.request.functions_called:
            return False
        if isinstance(error, Unavailable):
            return True
        if number > 0 and target.asked.provider == DEVELOPER:
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
