"""The service: its routes, and its limits."""

import contextlib
import os
from collections.abc import AsyncIterator
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from chat_service.answer import Answer
from chat_service.messages import Chat, mistakes
from chat_service.problems import problem
from chat_service.settings import Settings
from gemini_client import AsyncGeminiClient, GeminiClientError


class Service:
    """What answers requests.

    Args:
        client: how models are called; closed when the application ends.
        settings: limits.
    """

    def __init__(self, client: AsyncGeminiClient, settings: Settings) -> None:
        self._client, self._settings = client, settings
        self._streams = 0

    def application(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/v1/chat", self.chat, methods=["POST"]),
            Route("/healthz", self.healthz),
            Route("/readyz", self.readyz),
            Route("/state", self.state),
        ]
        return Starlette(routes=routes, lifespan=self._life, exception_handlers={HTTPException: _refused})

    @contextlib.asynccontextmanager
    async def _life(self, _: Starlette) -> AsyncIterator[None]:
        async with self._client:
            yield

    async def chat(self, request: Request) -> Any:
        """POST /v1/chat: an Answer, or a problem with what was asked."""
        content = await self._content(request)
        if content is None:
            return problem(413, f"The body is larger than {self._settings.most_bytes} bytes (CHAT_MOST_BYTES).")
        try:
            asked = Chat.model_validate_json(content)
        except ValidationError as error:
            return problem(400, mistakes(error))

        async def answered(scope: Scope, receive: Receive, send: Send) -> None:
            if self._streams >= self._settings.most_streams:
                detail = f"{self._streams} answers are under way, which is all that this instance takes: try again."
                await problem(503, detail, retry_after=1)(scope, receive, send)
                return
            self._streams += 1
            try:
                stream = self._client.stream(asked.contents(), config=asked.config(), session=asked.session)
                await Answer(stream, self._settings.ping_seconds)(scope, receive, send)
            except GeminiClientError as error:
                await problem(500, str(error))(scope, receive, send)
            finally:
                self._streams -= 1

        return answered

    async def _content(self, request: Request) -> bytes | None:
        """The body; None where it is too large, of which no more is read than shows it."""
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > self._settings.most_bytes:
            return None
        content = bytearray()
        async for piece in request.stream():
            content += piece
            if len(content) > self._settings.most_bytes:
                return None
        return bytes(content)

    async def healthz(self, _: Request) -> Response:
        """Whether the process answers: nothing else, since a restart mends nothing else."""
        return JSONResponse({"status": "ok"})

    async def readyz(self, _: Request) -> Response:
        """Whether calls can be made: routes are there, and a token."""
        try:
            await self._client.check()
        except GeminiClientError as error:
            return problem(503, str(error))
        return JSONResponse({"status": "ready"})

    async def state(self, _: Request) -> Response:
        """Routes, circuit breakers and what is under way; no key, no prompt."""
        own = {"process": os.getpid(), "streams": self._streams, "mostStreams": self._settings.most_streams}
        return JSONResponse({**own, **self._client.state()})


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    return problem(error.status_code, f"{error.detail}.")
