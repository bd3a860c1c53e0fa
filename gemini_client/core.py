"""What is behind a client in one event loop: connections, tokens, breakers, the routes of now."""

import os
from typing import Any
from urllib.parse import urlsplit

import google.auth.credentials

from gemini_client.bounds import Bounds
from gemini_client.breaker import Breakers
from gemini_client.config import Config
from gemini_client.credentials import Tokens
from gemini_client.engine import Call, Engine, Target
from gemini_client.errors import ConfigurationError
from gemini_client.events import Events
from gemini_client.hosts import DEVELOPER_HOST, vertex_host
from gemini_client.http import Http
from gemini_client.options import Options
from gemini_client.picking import pick
from gemini_client.request import request
from gemini_client.route_source import RouteSource
from gemini_client.routes import CHAT_COMPLETIONS, DeveloperApi, Route, Routes
from gemini_client.secrets import GivenKey, Key, KeySource, key_source
from gemini_client.telemetry import CHAT, DEVELOPER, GENERATE, VERTEX, Asked, Telemetry
from gemini_client.timing import Timing
from gemini_client.transports import DEVELOPER_API, Transports


class Core:
    """Made in the event loop that uses it.

    Args:
        source: the routes.
        options: all of them.
        credentials: for Vertex AI; None finds them.
        api_key: of the Developer API; None takes what the environment names.
        timing: clock, sleep and chance.
        events: told of what happens.
        telemetry: records calls.
    """

    def __init__(
        self,
        source: RouteSource,
        options: Options,
        credentials: google.auth.credentials.Credentials | None,
        api_key: Key | None,
        timing: Timing,
        events: Events,
        telemetry: Telemetry,
    ) -> None:
        self._source, self._options, self._timing = source, options, timing
        self._http = Http(options)
        self._tokens = tokens = Tokens(credentials, source.current().routes[0].project)
        self._key: KeySource | None = (
            GivenKey(api_key) if api_key else key_source(os.environ, self._http.google, tokens, timing)
        )
        self._transports = Transports(self._http, tokens, timing)
        self._breakers = Breakers(options.breaker, timing, events)
        self._bounds: dict[DeveloperApi, Bounds] = {}
        self.engine = Engine(options, timing, events, telemetry)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def check(self) -> None:
        """Gets a token, and reads the API key where the Developer API is on; see AsyncGeminiClient.check."""
        await self._tokens.credentials()
        if self._source.current().developer_api and self._key:
            await self._key.read()

    def begin(
        self, contents: Any, config: Config, *, stream: bool, session: str | None, deadline: float | None
    ) -> Call:
        """A call with its routes chosen; nothing is sent before it is run.

        Raises:
            ConfigurationError: config, deadline or routes are wrong.
        """
        if deadline is not None and not deadline > 0:
            raise ConfigurationError(f"deadline: {deadline!r} is no positive number of seconds.")
        found = self._source.current()
        first = pick(found.routes, session, self._timing.random())
        targets = [self._target(route) for route in (first, *found.fallbacks(first))]
        if found.developer_api and self._key:
            targets.append(self._developer(found.developer_api, self._key))
        return self.engine.call(request(contents, config, stream=stream), targets, deadline)

    def _target(self, route: Route) -> Target:
        breaker = self._breakers.of(route.name, route.target)
        host = vertex_host(route.location) if route.serving == "managed" else route.host
        server = urlsplit(f"{route.scheme}://{host}")
        asked = Asked(
            route.name,
            VERTEX,
            CHAT if route.api == CHAT_COMPLETIONS else GENERATE,
            route.model or route.endpoint,
            server.hostname or "",
            server.port or (80 if route.scheme == "http" else 443),
        )
        return Target(asked, self._transports.of(route), breaker)

    def _developer(self, wanted: DeveloperApi, source: KeySource) -> Target:
        breaker = self._breakers.of(DEVELOPER_API, wanted.model)
        transport = self._transports.developer(wanted, source)
        asked = Asked(DEVELOPER_API, DEVELOPER, GENERATE, wanted.model, DEVELOPER_HOST)
        return Target(asked, transport, breaker, self._bounds_of(wanted))

    def _bounds_of(self, wanted: DeveloperApi) -> Bounds:
        if wanted not in self._bounds:
            tuned = self._options.developer_api
            self._bounds[wanted] = Bounds(
                DEVELOPER_API,
                wanted.requests_per_minute or tuned.requests_per_minute,
                wanted.concurrency or tuned.concurrency,
            )
        return self._bounds[wanted]

    def state(self) -> dict[str, Any]:
        """Routes, breakers and budget as plain data, without any key."""
        found: Routes = self._source.current()
        shown: dict[str, Any] = {
            "routes": [self._shown(route) for route in found.routes],
            "retryBudget": round(self.engine.budget.tokens, 3),
        }
        if mistake := getattr(self._source, "mistake", ""):
            shown["routesFile"] = mistake
        if found.developer_api:
            wanted = found.developer_api
            bounds = self._bounds_of(wanted)
            shown["developerApi"] = {
                "model": wanted.model,
                "key": self._key.where if self._key else "not configured, so this fallback is off",
                "breaker": self._breakers.shown(DEVELOPER_API, wanted.model),
                "requestsPerMinute": bounds.requests_per_minute,
                "concurrency": bounds.concurrency,
                "inFlight": bounds.in_flight,
            }
        return shown

    def _shown(self, route: Route) -> dict[str, Any]:
        known = {
            "name": route.name,
            "serving": route.serving,
            "location": route.location,
            "model": route.model,
            "endpoint": route.endpoint,
            "host": route.host,
            "api": route.api,
            "weight": route.weight,
            "throughput": route.throughput,
            "fallbackOrder": route.fallback_order,
        }
        kept = {name: value for name, value in known.items() if value not in ("", None)}
        return kept | {"breaker": self._breakers.shown(route.name, route.target)}
