"""The transport of each route, made once and kept."""

import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any

from google import genai

from gemini_client import lookup
from gemini_client.credentials import Tokens
from gemini_client.errors import ConfigurationError, Refused
from gemini_client.failures import Translator
from gemini_client.gemini import GeminiTransport, developer_client, vertex_client
from gemini_client.hosts import host_url, vertex_host
from gemini_client.http import Http
from gemini_client.prediction import PredictionTransport
from gemini_client.reply import Chunk
from gemini_client.request import Request
from gemini_client.routes import GENERATE_CONTENT, DeveloperApi, Route
from gemini_client.secrets import Key, KeySource
from gemini_client.shared import CLOSED, Background, Kept
from gemini_client.timing import Timing
from gemini_client.transport import Transport

DEVELOPER_API = "developer-api"


class Transports:
    """Makes them.

    Args:
        http: connections.
        tokens: who calls Vertex AI.
        timing: the clock.
        background: looks endpoints up.
        base_url: of the Gemini Developer API; None for Google's own, or that of GOOGLE_GEMINI_BASE_URL.
    """

    def __init__(
        self, http: Http, tokens: Tokens, timing: Timing, background: Background, base_url: str | None = None
    ) -> None:
        self._http, self._tokens, self._timing, self._base_url = http, tokens, timing, base_url
        self._background = background
        self._all: dict[Route | DeveloperApi, Transport] = {}

    def of(self, route: Route) -> Transport:
        """The transport of a route of Vertex AI."""
        if route not in self._all:
            if len(self._all) > 100:
                self._all.clear()  # routes that reloads have left behind
            made = self._managed(route) if route.serving == "managed" else self._endpoint(route)
            self._all[route] = _WhileOpen(self._http, made)
        return self._all[route]

    def developer(self, wanted: DeveloperApi, source: KeySource) -> Transport:
        """The transport of the Gemini Developer API."""
        if wanted not in self._all:
            client = developer_client(self._http, self._base_url)

            async def with_key(left: float) -> genai.Client:
                self._http.key.key = await source.read(left)
                return client

            def hide(text: str) -> str:
                key: Key | None = self._http.key.key
                return key.hide(text) if key else text

            translator = Translator(DEVELOPER_API, self._timing, hide=hide)
            self._all[wanted] = _WhileOpen(self._http, GeminiTransport(wanted.model, with_key, translator))
        return self._all[wanted]

    def _endpoint(self, route: Route) -> Transport:
        translator = Translator(route.name, self._timing)

        async def locate() -> lookup.Located:
            return await lookup.locate(route, self._http.google, self._tokens, translator)

        located = Kept(self._background, self._timing, locate)
        return _Endpoint(located, lambda found: self.endpoint(found, translator), translator)

    def _managed(self, route: Route) -> Transport:
        return self._gemini(route, route.model, host_url(vertex_host(route.location)), own_host=False)

    def endpoint(self, found: lookup.Located, translator: Translator) -> Transport:
        """The transport of an endpoint whose host and API are known."""
        known = found.route
        own_host = known.host != vertex_host(known.location)
        base = host_url(known.host, known.scheme)
        if known.api == GENERATE_CONTENT:
            return self._gemini(known, known.endpoint, base, own_host=own_host)
        http = self._http.endpoints if own_host else self._http.google
        return PredictionTransport(
            known.api, f"{base}/{found.path}", known.name, http, self._tokens, translator, known.deployed_name
        )

    def _gemini(self, route: Route, model: str, base_url: str, *, own_host: bool) -> Transport:
        made: list[genai.Client] = []

        async def client(left: float) -> genai.Client:
            credentials: Any = await self._tokens.credentials(left)
            if not made:
                made.append(
                    vertex_client(
                        self._http,
                        base_url,
                        route.project,
                        route.location,
                        credentials,
                        own_host=own_host,
                        throughput=route.throughput,
                    )
                )
            return made[0]

        return GeminiTransport(model, client, Translator(route.name, self._timing), route.deployed_name)


class _WhileOpen:
    """A transport whose connections may be closed under it, which httpx and asyncio tell in many ways."""

    def __init__(self, http: Http, inner: Transport) -> None:
        self._http, self._inner = http, inner

    async def chunks(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """See Transport."""
        pieces = self._inner.chunks(request)
        try:
            async for chunk in pieces:
                yield chunk
        except Exception:
            if not self._http.closed:
                raise
        else:
            return
        finally:
            await pieces.aclose()
        raise ConfigurationError(CLOSED)


class _Endpoint:
    """An endpoint that is looked up at its first call, again after some minutes, and when it is not what it was."""

    def __init__(
        self, located: Kept[lookup.Located], make: Callable[[lookup.Located], Transport], translator: Translator
    ) -> None:
        self._located, self._make, self._translator = located, make, translator
        self._found: lookup.Located | None = None
        self._transport: Transport | None = None

    async def chunks(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """See Transport."""
        pieces = (await self._current(request)).chunks(request)
        try:
            async for chunk in pieces:
                yield chunk
        except Refused as error:
            if error.code == 404 or error.status == "FAILED_PRECONDITION":
                self._located.expire()
            raise
        finally:
            await pieces.aclose()

    async def _current(self, request: Request) -> Transport:
        found = None
        with contextlib.suppress(TimeoutError):
            found = await self._located.get(request.left())
        if found is None:
            raise self._translator.unavailable("could not be looked up in time.")
        if self._transport is None or found != self._found:
            self._found, self._transport = found, self._make(found)
        return self._transport
