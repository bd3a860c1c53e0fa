"""The transport of each route, made once and kept."""

from typing import Any

from google import genai

from gemini_client import lookup
from gemini_client.credentials import Tokens
from gemini_client.failures import Translator
from gemini_client.gemini import GeminiTransport, developer_client, vertex_client
from gemini_client.hosts import host_url, vertex_host
from gemini_client.http import Http
from gemini_client.prediction import PredictionTransport
from gemini_client.request import Request
from gemini_client.routes import GENERATE_CONTENT, DeveloperApi, Route
from gemini_client.secrets import Key, KeySource
from gemini_client.timing import Timing
from gemini_client.transport import Transport

DEVELOPER_API = "developer-api"


class Transports:
    """Makes them.

    Args:
        http: connections.
        tokens: who calls Vertex AI.
        timing: the clock.
        base_url: of the Gemini Developer API; None for Google's own, or that of GOOGLE_GEMINI_BASE_URL.
    """

    def __init__(self, http: Http, tokens: Tokens, timing: Timing, base_url: str | None = None) -> None:
        self._http, self._tokens, self._timing, self._base_url = http, tokens, timing, base_url
        self._all: dict[Route | DeveloperApi, Transport] = {}

    def of(self, route: Route) -> Transport:
        """The transport of a route of Vertex AI."""
        if route not in self._all:
            if len(self._all) > 100:
                self._all.clear()  # routes that reloads have left behind
            self._all[route] = self._managed(route) if route.serving == "managed" else _Endpoint(self, route)
        return self._all[route]

    def developer(self, wanted: DeveloperApi, source: KeySource) -> Transport:
        """The transport of the Gemini Developer API."""
        if wanted not in self._all:
            client = developer_client(self._http, self._base_url)

            async def with_key() -> genai.Client:
                self._http.key.key = await source.read()
                return client

            def hide(text: str) -> str:
                key: Key | None = self._http.key.key
                return key.hide(text) if key else text

            translator = Translator(DEVELOPER_API, self._timing, hide=hide)
            self._all[wanted] = GeminiTransport(wanted.model, with_key, translator)
        return self._all[wanted]

    def _managed(self, route: Route) -> Transport:
        return self._gemini(route, route.model, host_url(vertex_host(route.location)), own_host=False)

    async def endpoint(self, route: Route) -> Transport:
        """The transport of an endpoint, whose host and API are looked up where the route does not have them."""
        translator = Translator(route.name, self._timing)
        found = await lookup.locate(route, self._http.google, self._tokens, translator)
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

        async def client() -> genai.Client:
            credentials: Any = await self._tokens.credentials()
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


class _Endpoint:
    """An endpoint that is looked up at its first call."""

    def __init__(self, transports: Transports, route: Route) -> None:
        self._transports, self._route = transports, route
        self._found: Transport | None = None

    async def chunks(self, request: Request) -> Any:
        """See Transport."""
        if self._found is None:
            self._found = await self._transports.endpoint(self._route)
        pieces = self._found.chunks(request)
        try:
            async for chunk in pieces:
                yield chunk
        finally:
            await pieces.aclose()
