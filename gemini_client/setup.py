"""What both clients are made of, before there is an event loop."""

import logging
import os
from dataclasses import dataclass
from typing import Any, Self, TypedDict

import google.auth.credentials

from gemini_client import environment
from gemini_client.core import Core
from gemini_client.events import Event, Events, Hook
from gemini_client.options import Options
from gemini_client.route_source import FixedRoutes, RouteSource
from gemini_client.routes import Routes
from gemini_client.secrets import Key
from gemini_client.telemetry import Telemetry, telemetry
from gemini_client.timing import SystemTiming, Timing


class Arguments(TypedDict, total=False):
    """What `from_env` of either client takes; see AsyncGeminiClient."""

    options: Options | None
    credentials: google.auth.credentials.Credentials | None
    api_key: str | Key | None
    timing: Timing | None
    on_event: Hook | None
    tracer_provider: Any
    meter_provider: Any


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that a Core is made from; a forked process makes another one from the same."""

    source: RouteSource
    options: Options
    credentials: google.auth.credentials.Credentials | None
    api_key: Key | None
    timing: Timing
    events: Events
    telemetry: Telemetry

    @classmethod
    def make(
        cls,
        routes: Routes | None,
        *,
        options: Options | None = None,
        credentials: google.auth.credentials.Credentials | None = None,
        api_key: Key | None = None,
        timing: Timing | None = None,
        on_event: Hook | None = None,
        tracer_provider: Any = None,
        meter_provider: Any = None,
    ) -> Self:
        """Of a client's arguments; see AsyncGeminiClient. The key has not been checked."""
        if api_key:
            api_key.check()
        clock = timing or SystemTiming()
        recording = telemetry(tracer_provider, meter_provider)
        events = Events(recording.event, *([on_event] if on_event else []))

        def changed(message: str, good: bool) -> None:
            events.emit(Event("routes", message, level=logging.INFO if good else logging.ERROR))

        tuned = environment.options(os.getenv, options)
        source = FixedRoutes(routes) if routes else environment.source(os.getenv, tuned, clock, changed)
        return cls(source, tuned, credentials, api_key, clock, events, recording)

    def core(self) -> Core:
        """A Core for the running event loop."""
        return Core(self.source, self.options, self.credentials, self.api_key, self.timing, self.events, self.telemetry)
