"""One answer as server-sent events: its texts as they come, then how it ended."""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import anyio
from starlette.types import Receive, Scope, Send

from chat_service import problems
from chat_service.logs import record
from gemini_client import AsyncStream, GeminiClientError, Refused

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would collect the events
]
_STOPPING = "The service is stopping and could not wait for the end of this answer: ask again."


def event(name: str, data: Mapping[str, Any]) -> bytes:
    """An event as HTML's standard writes it (html.spec.whatwg.org, 9.2.6)."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


class Answer:
    """An ASGI response. Until the first text an error is an HTTP problem; after it, an event.

    Events: `text` {text}, then one of `done` {route, model, deployedModel, finishReason, usage} and `error` {title,
    status, detail, text}. A caller that goes away ends the call to Google.

    Args:
        stream: what is answered; it is closed at the end, whatever that is.
        ping_seconds: without a text after which a comment is sent.
    """

    def __init__(self, stream: AsyncStream, ping_seconds: float) -> None:
        self._stream, self._ping_seconds = stream, ping_seconds
        self._begun_at = self._sent_at = time.monotonic()
        self._first_seconds: float | None = None
        self._left = self._ended = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._watch, receive, tasks.cancel_scope)
                await self._answer(scope, receive, send)
                tasks.cancel_scope.cancel()
        except anyio.get_cancelled_exc_class():
            self._log("stopped", level=logging.WARNING)
            if self._first_seconds is not None:
                # uvicorn's grace after SIGTERM is over.
                with anyio.move_on_after(1, shield=True):
                    await self._send(send, event("error", {"title": "Stopping", "status": 503, "detail": _STOPPING}))
                    await send({"type": "http.response.body", "body": b""})
            raise
        finally:
            await self._stream.aclose()
        if self._left:
            self._log("left by the caller")

    async def _watch(self, receive: Receive, scope: anyio.CancelScope) -> None:
        """Ends the answer when the caller goes away."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self._left = not self._ended
        scope.cancel()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            first = await anext(self._stream, "")
        except GeminiClientError as error:
            self._log_failure(error)
            self._ended = True
            await problems.told(error)(scope, receive, send)
            return
        self._first_seconds = time.monotonic() - self._begun_at
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._ping, send)
            last = await self._texts(first, send)
            tasks.cancel_scope.cancel()
        self._ended = True
        await send({"type": "http.response.body", "body": last})

    async def _texts(self, first: str, send: Send) -> bytes:
        """Sends the texts; returns the last event."""
        try:
            if first:
                await self._send(send, event("text", {"text": first}))
            async for text in self._stream:
                await self._send(send, event("text", {"text": text}))
        except GeminiClientError as error:
            self._log_failure(error)
            return event("error", problems.as_event(error))
        reply = self._stream.reply
        usage = {_camel(name): value for name, value in asdict(reply.usage).items() if value not in (None, "")}
        done = {
            "route": reply.route,
            "model": reply.model,
            "deployedModel": reply.deployed_model,
            "finishReason": reply.finish_reason,
            "usage": usage,
        }
        self._log("answered", finishReason=reply.finish_reason, usage=usage)
        return event("done", {name: value for name, value in done.items() if value != ""})

    async def _ping(self, send: Send) -> None:
        while True:
            await anyio.sleep(self._ping_seconds / 2)
            if time.monotonic() - self._sent_at >= self._ping_seconds / 2:
                await self._send(send, b": still here\n\n")

    async def _send(self, send: Send, body: bytes) -> None:
        self._sent_at = time.monotonic()
        await send({"type": "http.response.body", "body": body, "more_body": True})

    def _log_failure(self, error: GeminiClientError) -> None:
        # What Google refuses it may repeat, and that may be the prompt.
        said = "" if isinstance(error, Refused) else str(error)
        known = {"error": type(error).__name__, "code": error.code or None, "detail": said}
        self._log("failed", level=logging.ERROR, **known)

    def _log(self, how: str, *, level: int = logging.INFO, **fields: Any) -> None:
        reply = self._stream.reply
        known = {"route": reply.route, "model": reply.model, "characters": len(reply.text) or None}
        first = None if self._first_seconds is None else round(self._first_seconds, 3)
        seconds = round(time.monotonic() - self._begun_at, 3)
        record(f"chat {how}", level, **known, seconds=seconds, firstTextSeconds=first, **fields)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)
