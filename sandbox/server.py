"""The HTTP side: finds the method of a request, checks it, calls what imitates it, checks the answer, records it."""

import contextlib
import inspect
import json
import re
import time
import traceback
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox import api_keys, console, control, discovery, hosts, metadata, partial, registry, schema
from sandbox.core import Sandbox
from sandbox.discovery import Document, Method
from sandbox.errors import GoogleError, Json, UnreachableError
from sandbox.hosts import Target
from sandbox.identity import Principal, principal_of
from sandbox.mishaps import Mishap, Unanswered
from sandbox.registry import Answer, Call, Mount, Raw, Stream

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
_READING = re.compile(
    r"^(get|list|search|query|fetch|wait|test|count|compute|explain|predict|rawPredict|generate|stream|direct|server|lookup|completions)"
)


def create_app(sandbox: Sandbox) -> ASGIApp:
    """The ASGI application of one sandbox; what comes to the cluster's own port is all the cluster's."""

    async def dispatch(request: Request) -> Response:
        return await Exchange(sandbox, request).answer()

    async def root(request: Request) -> Response:
        if request.headers.get("metadata-flavor") != "Google" and "text/html" in request.headers.get("accept", ""):
            return console.page(metadata.FLAVOR)
        return await dispatch(request)

    own = [*control.routes(sandbox), *console.routes(sandbox), Route("/", root)]
    routed = Starlette(routes=[*own, Route("/{path:path}", dispatch, methods=_METHODS)])
    cluster_port = int(sandbox.cluster_url.rpartition(":")[2] or 0)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if (scope.get("server") or ("", None))[1] == cluster_port:
            path, raw_path = f"/kubernetes{scope['path']}", b"/kubernetes" + scope["raw_path"]
            scope = {**scope, "path": path, "raw_path": raw_path, "cluster": True}
        await routed(scope, receive, send)

    return app


class Exchange:
    """One request and its answer."""

    def __init__(self, sandbox: Sandbox, request: Request) -> None:
        self.sandbox = sandbox
        self.request = request
        path = _path(request)
        self.target = hosts.resolve(path)
        self.entry: Json = {
            "service": self.target.service,
            "method": "",
            "http_method": request.method,
            "path": f"/{path}",
            "mutating": request.method not in ("GET", "HEAD", "OPTIONS"),
            "principal": "",
        }
        self.mishap = Mishap(sandbox, request)
        # What is measured: the call, once it has met its method or an ordered fault in its place.
        self.call: Call | None = None
        self.started = sandbox.clock.now()

    async def answer(self) -> Response:
        """The response, whatever happens; also writes the record of calls."""
        self.sandbox.last_used = time.monotonic()
        mounted = registry.mounted(self.target.service)
        try:
            self._advance()
            response = await (self._of_mounted(mounted) if mounted else self._answer(self.target))
            self.sandbox.store.commit()
            response = await self.mishap.after(response)
        except GoogleError as error:
            self.sandbox.store.rollback()
            refused = registry.refusal_of(self.target.service)
            response = refused(error) if refused else JSONResponse(error.body(), error.code, error.headers)
        except UnreachableError as error:
            self.sandbox.store.rollback()
            self.entry["reason"] = str(error)
            await self.request.body()
            await self.sandbox.connections.reset(self.request)
            response = Unanswered()
        except Exception as error:  # noqa: BLE001 - a fault of the sandbox must reach the client as one, in words
            self.sandbox.store.rollback()
            response = _broken(self.entry["method"], error)
        if self.mishap.fault:
            self.entry["fault"] = self.mishap.fault.effect()
        # What a mounted handler knows better of its call: the method, and whether it changed anything.
        entry = {**self.entry, **getattr(self.request.state, "recorded", {})}
        self.sandbox.record({**entry, "status": response.status_code, **console.reason(response)})
        console.observe(self.sandbox, entry, response.status_code, response.headers)
        return self._measured(response)

    async def _of_mounted(self, mounted: Mount) -> Response:
        service = self.target.service
        with contextlib.suppress(GoogleError):
            self.entry["principal"] = principal_of(self.request.headers.get("authorization", ""), service, "").email
        instead = await self.mishap.before(service, self.entry["path"], mutating=self.entry["mutating"])
        return instead or await mounted(self.request, self.sandbox)

    def _measured(self, response: Response) -> Response:
        """Has the answer measured once it has been given: a stream at its end, one that is never given not at all."""
        call = self.call
        if call is None or isinstance(response, Unanswered):
            return response

        def observe(status: int) -> None:
            registry.observe(call, status, self.sandbox.clock.now() - self.started)
            self.sandbox.store.commit()

        async def to_the_end(chunks: AsyncIterable[Any]) -> AsyncIterator[Any]:
            async for chunk in chunks:
                yield chunk
            if not self.mishap.cut:
                observe(self.mishap.said or response.status_code)

        if isinstance(response, StreamingResponse):
            response.body_iterator = to_the_end(response.body_iterator)
        else:
            observe(response.status_code)
        return response

    def _advance(self) -> None:
        """Completes what has come due, whatever becomes of this call."""
        self.sandbox.operations.advance()
        self.sandbox.store.commit()

    async def _answer(self, target: Target) -> Response:
        rewrite = registry.rewrite_of(target.service)
        target = rewrite(self.sandbox, target) if rewrite else target
        document = discovery.load(target.service, target.version) if target.version else None
        found = document.match(self.request.method, target.path) if document else None
        if not discovery.is_service(target.service):
            raise GoogleError(501, "UNIMPLEMENTED", f"The sandbox does not imitate {target.service}.googleapis.com.")
        if document is None or found is None:
            return _no_such_url(target.path)
        method, params = found
        mutating = method.http_method != "GET" and not _READING.match(method.name)
        self.entry.update(method=method.id, mutating=mutating)
        self.started = self.sandbox.clock.now()
        self._note_principal(document, method)
        try:
            instead = await self.mishap.before(method.id, self.entry["path"], mutating=mutating)
        except GoogleError:
            self.call = self._struck(document, method, params, target.host)
            raise
        if instead:
            return instead
        principal = self._principal(document, method)
        if registry.is_gated(document.service):
            self._check_project(document, params)
        function = registry.function_of(method.id, method.version)
        if function is None:
            raise GoogleError(501, "UNIMPLEMENTED", f"The sandbox does not imitate {method.id} ({method.version}).")
        raw_body = await self.request.body()
        call = Call(
            sandbox=self.sandbox,
            method=method,
            params=params,
            query=schema.check_query(document, method, _query(self.request)),
            body={} if _is_raw(method) else schema.check_request(document, method, _json(raw_body)),
            headers={name.lower(): value for name, value in self.request.headers.items()},
            principal=principal,
            host=target.host,
            address=self.request.client.host if self.request.client else "127.0.0.1",
            raw_body=raw_body,
        )
        for gate in registry.gates():
            gate(call)
        self.call = call
        with self.mishap.operations():
            result = function(call)
        answer: Answer = await result if inspect.isawaitable(result) else result
        return await _respond(document, call, answer)

    def _principal(self, document: Document, method: Method) -> Principal:
        headers = self.request.headers
        keyed = api_keys.caller(headers, self.request.query_params, document.service, method.id)
        return keyed or principal_of(headers.get("authorization", ""), document.service, method.id)

    def _note_principal(self, document: Document, method: Method) -> None:
        """Puts into the record who calls, where that is known; nobody in person is a key's project."""
        with contextlib.suppress(GoogleError):
            principal = self._principal(document, method)
            key = api_keys.given(self.request.headers, self.request.query_params)
            by_key = "" if principal.email else f"api-key:{api_keys.project_of(key, document.service)}"
            self.entry["principal"] = principal.email or by_key

    def _struck(self, document: Document, method: Method, params: dict[str, str], host: str) -> Call | None:
        """The call that an ordered fault answers, as far as it is known; None where nobody known makes it."""
        try:
            principal = self._principal(document, method)
        except GoogleError:
            return None
        headers = {name.lower(): value for name, value in self.request.headers.items()}
        return Call(self.sandbox, method, params, {}, {}, headers, principal, host, struck=True)

    def _check_project(self, document: Document, params: dict[str, str]) -> None:
        named = next((re.match(r"projects/([^/]+)", value) for value in params.values()), None)
        project = named.group(1) if named else params.get("project")
        if project:
            found = self.sandbox.require_project(project, document.service)
            self.sandbox.require_enabled(found, document.service, document.title)


async def _respond(document: Document, call: Call, answer: Answer) -> Response:
    headers = call.response_headers
    if isinstance(answer, Raw):
        if isinstance(answer.content, bytes):
            return Response(answer.content, answer.status, media_type=answer.media_type, headers=headers)
        return StreamingResponse(answer.content, media_type=answer.media_type, headers=headers)
    if isinstance(answer, Stream):
        sse = call.query.get("alt") == "sse"
        chunks = _checked(document, call.method, answer.chunks)
        if sse:
            return StreamingResponse(_events(chunks), media_type="text/event-stream", headers=headers)
        return StreamingResponse(_array(chunks), media_type="application/json", headers=headers)
    if call.method.response:
        schema.check_answer(document, call.method.response, answer)
    part = partial.selected(document, call.method.response, answer, call.query.get("fields", ""))
    return JSONResponse(part, headers=headers)


async def _checked(document: Document, method: Method, chunks: AsyncIterator[Json]) -> AsyncIterator[Json]:
    async for chunk in chunks:
        if method.response:
            schema.check_answer(document, method.response, chunk)
        yield chunk


async def _events(chunks: AsyncIterator[Json]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n"


async def _array(chunks: AsyncIterator[Json]) -> AsyncIterator[bytes]:
    opening = b"["
    async for chunk in chunks:
        yield opening + json.dumps(chunk).encode()
        opening = b",\r\n"
    yield b"]" if opening != b"[" else b"[]"


def _path(request: Request) -> str:
    """The path with its segments decoded, but a slash inside one still as %2F."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    segments = raw.decode("ascii", "replace").partition("?")[0].lstrip("/").split("/")
    return "/".join(unquote(segment).replace("/", "%2F") for segment in segments)


def _query(request: Request) -> dict[str, str]:
    """The query; the values of a repeated parameter are joined by commas."""
    return {name: ",".join(request.query_params.getlist(name)) for name in request.query_params}


def _is_raw(method: Method) -> bool:
    return bool(method.response and method.response.endswith("HttpBody"))


def _json(body: bytes) -> Any:
    if not body.strip():
        return None
    try:
        return json.loads(body)
    except ValueError as error:
        raise GoogleError(
            400, "INVALID_ARGUMENT", f"Invalid JSON payload received. {str(error).partition(':')[0]}."
        ) from None


def _no_such_url(path: str) -> Response:
    """Google answers an address that no method has with a page, not with JSON."""
    return HTMLResponse(
        f"<!DOCTYPE html><title>Error 404 (Not Found)!!1</title><p>The requested URL <code>/{path}</code> was not found"
        " on this server.",
        404,
    )


def _broken(method: str, error: Exception) -> Response:
    where = "".join(traceback.format_exception(error)[-2:]).strip()
    message = (
        f"Fault of the sandbox in {method or 'finding the method'}: {error!r}. Please report it with this: {where}"
    )
    return JSONResponse(GoogleError(500, "INTERNAL", message).body(), 500)
