"""What is behind a client in one event loop: connections, tokens, breakers, the routes of now."""

import logging
import os
from typing import Any
from urllib.parse import urlsplit

import google.auth.credentials

from gemini_client.bounds import Bounded, Bounds
from gemini_client.breaker import Breakers
from gemini_client.config import Config
from gemini_client.credentials import Tokens
from gemini_client.engine import Call, Engine, Target
from gemini_client.errors import ConfigurationError, CredentialsError
from gemini_client.events import Event, Events
from gemini_client.hosts import DEVELOPER_HOST, vertex_host
from gemini_client.http import Http
from gemini_client.options import Options
from gemini_client.picking import pick
from gemini_client.request import request
from gemini_client.route_source import RouteSource
from gemini_client.routes import CHAT_COMPLETIONS, DeveloperApi, Route, Routes
from gemini_client.secrets import GivenKey, Key, KeySource, key_source
from gemini_client.shared import Background
from gemini_client.telemetry import CHAT, DEVELOPER, GENERATE, VERTEX, Asked, Telemetry
from gemini_client.timing import Timing
from gemini_client.transports import DEVELOPER_API, Transports

# What a readiness probe can wait for that is not needed to be ready.
_KEY_SECONDS = 2.0


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
        self._source, self._options, self._timing, self._events = source, options, timing, events
        self._http = Http(options)
        self._background = background = Background()
        self._tokens = tokens = Tokens(credentials, source.current().routes[0].project, background)
        self._given_key = GivenKey(api_key) if api_key else None
        self._keys: dict[str, KeySource | None] = {}
        self._key_mistake = ""
        self._transports = Transports(self._http, tokens, timing, background)
        self._breakers = Breakers(options.breaker, timing, events)
        self._bounds = Bounds(DEVELOPER_API, timing)
        self.engine = Engine(options, timing, events, telemetry)

    async def aclose(self) -> None:
        """Closes the connections."""
        self._background.close()
        await self._http.aclose()

    async def check(self) -> None:
        """Gets a token, and reads the API key where the Developer API is on; see AsyncGeminiClient.check."""
        await self._tokens.credentials()
        wanted = self._source.current().developer_api
        if wanted is None or (key := self._key(wanted)) is None:
            self._key_mistake = ""
            return
        try:
            await key.read(_KEY_SECONDS)
        except (ConfigurationError, CredentialsError) as error:
            if str(error) != self._key_mistake:
                self._key_mistake = str(error)
                said = f"No call could fall back to the Gemini Developer API now. {error}"
                self._events.emit(Event("key", said, DEVELOPER_API, level=logging.ERROR))
        else:
            self._key_mistake = ""

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
        if found.developer_api and (key := self._key(found.developer_api)):
            targets.append(self._developer(found.developer_api, key))
        call = self.engine.call(request(contents, config, stream=stream), targets, deadline)
        call.request.left = lambda: call.deadline_at - self._timing.now()
        return call

    def _key(self, wanted: DeveloperApi) -> KeySource | None:
        """Where the key is, None where nobody says it."""
        secret = wanted.key_secret
        if self._given_key is None and secret not in self._keys:
            self._keys[secret] = key_source(
                os.getenv, secret, self._http.google, self._tokens, self._timing, self._background
            )
        return self._given_key or self._keys[secret]

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
        return Target(asked, self._transports.of(route), breaker, route.first_chunk_seconds)

    def _developer(self, wanted: DeveloperApi, source: KeySource) -> Target:
        breaker = self._breakers.of(DEVELOPER_API, wanted.model)
        transport = Bounded(self._transports.developer(wanted, source), self._bounds_of(wanted))
        asked = Asked(DEVELOPER_API, DEVELOPER, GENERATE, wanted.model, DEVELOPER_HOST)
        return Target(asked, transport, breaker)

    def _bounds_of(self, wanted: DeveloperApi) -> Bounds:
        tuned = self._options.developer_api
        self._bounds.set(
            wanted.requests_per_minute or tuned.requests_per_minute, wanted.concurrency or tuned.concurrency
        )
        return self._bounds

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
            bounds, key = self._bounds_of(wanted), self._key(wanted)
            shown["developerApi"] = {
                "model": wanted.model,
                "key": key.where if key else "not configured, so this fallback is off",
                **({"keyMistake": self._key_mistake} if self._key_mistake else {}),
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
            "firstChunkSeconds": route.first_chunk_seconds,
        }
        kept = {name: value for name, value in known.items() if value not in ("", None)}
        return kept | {"breaker": self._breakers.shown(route.name, route.target)}
