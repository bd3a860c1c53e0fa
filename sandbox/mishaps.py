"""What an ordered fault, and the latency profile, do to one request and its answer."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sandbox import latency
from sandbox.core import Sandbox
from sandbox.errors import GoogleError
from sandbox.faults import Fault

_LOOK_SECONDS = 0.02


class Unanswered(Response):
    """In place of an answer, where the connection is gone. The record of calls shows it with status 0."""

    def __init__(self) -> None:
        super().__init__()
        self.status_code = 0

    async def __call__(self, *_: Any) -> None:
        """Sends nothing."""


class Mishap:
    """The fault that one call meets, if any."""

    def __init__(self, sandbox: Sandbox, request: Request) -> None:
        self._sandbox = sandbox
        self._request = request
        self._latency = ""
        self.fault: Fault | None = None
        # Of a stream: whether it was cut, and the status of the error that was put into it.
        self.cut = False
        self.said = 0

    async def before(self, method: str, path: str, *, mutating: bool) -> Response | None:
        """Draws the fault and lets it happen, if it happens before the call does anything.

        Returns:
            None where the call goes on, else what to answer.

        Raises:
            GoogleError: the error that was ordered.
        """
        self.fault = self._sandbox.faults.strike(method, path)
        # The count of a struck call stays, though the call be rolled back; nothing is left open while others run.
        self._sandbox.store.commit()
        if self._waits():
            seed = f"{self._sandbox.settings.seed}:{self._sandbox.number_of_calls}"
            await self._sandbox.clock.sleep(latency.first(method, mutating=mutating, seed=seed))
        if self.fault and self.fault.when == "before":
            # A connection that breaks while a client still writes looks different to every client.
            await self._request.body()
            return await self._happen(self.fault)
        return None

    @contextlib.contextmanager
    def operations(self) -> Iterator[None]:
        """Operations that are started in this block fail, if that was ordered."""
        if self.fault and self.fault.operation:
            self._sandbox.operations.failure = (self.fault.stage, self.fault.error())
        try:
            yield
        finally:
            self._sandbox.operations.failure = None

    async def after(self, response: Response) -> Response:
        """The answer, or what becomes of it; the change is made and kept. Raises the ordered GoogleError."""
        fault = self.fault
        if fault and fault.when == "after":
            instead = await self._happen(fault)
            if instead:
                return instead
        if isinstance(response, StreamingResponse) and self._sandbox.settings.latency != "none":
            response.body_iterator = latency.paced(response.body_iterator, self._sandbox.clock, self._waits)
        if fault and fault.cut_after is not None:
            return self._streamed(response, self._cut(_chunks(response), fault.cut_after))
        if fault and fault.error_after is not None:
            if not isinstance(response, StreamingResponse):
                raise fault.error()
            array = response.media_type == "application/json"
            return self._streamed(
                response, self._failing(_chunks(response), fault.error_after, fault.error(), array=array)
            )
        return response

    async def _happen(self, fault: Fault) -> Response | None:
        if fault.delay:
            await self._sandbox.clock.sleep(fault.delay)
        if fault.hang:
            generation = self._sandbox.faults.generation
            while generation == self._sandbox.faults.generation and not await self._request.is_disconnected():
                await asyncio.sleep(_LOOK_SECONDS)
        if fault.hang or fault.reset:
            await self._sandbox.connections.reset(self._request)
            return Unanswered()
        if fault.status and not fault.operation and fault.error_after is None:
            raise fault.error()
        return None

    def _waits(self) -> bool:
        """Whether answers take their time: a clock that stands still would hold them for ever."""
        return self._sandbox.settings.latency != "none" and self._sandbox.clock.rate > 0

    @staticmethod
    def _streamed(response: Response, chunks: AsyncIterator[Any]) -> Response:
        return StreamingResponse(chunks, response.status_code, dict(response.headers), response.media_type)

    async def _cut(self, chunks: AsyncIterator[Any], count: int) -> AsyncIterator[Any]:
        async for number, chunk in _numbered(chunks):
            if number == count:
                self.cut = True
                await self._sandbox.connections.close(self._request)
                return
            yield chunk

    async def _failing(
        self, chunks: AsyncIterator[Any], count: int, error: GoogleError, *, array: bool
    ) -> AsyncIterator[Any]:
        """The first chunks of a stream and then the error: as an array's last element, else as bare lines of JSON.

        Bare lines are what google-genai expects between server-sent events; see its _iter_response_stream.
        """
        body = json.dumps(error.body(), indent=2).encode()
        async for number, chunk in _numbered(chunks):
            if number == count:
                self.said = error.code
                opening = b",\r\n" if count else b"["
                yield opening + body + b"]" if array else body + b"\n\n"
                return
            yield chunk


async def _chunks(response: Response) -> AsyncIterator[Any]:
    if isinstance(response, StreamingResponse):
        async for chunk in response.body_iterator:
            yield chunk
    else:
        yield bytes(response.body)


async def _numbered(chunks: AsyncIterator[Any]) -> AsyncIterator[tuple[int, Any]]:
    number = 0
    async for chunk in chunks:
        yield number, chunk
        number += 1
