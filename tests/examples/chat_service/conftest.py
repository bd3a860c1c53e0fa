"""A sandbox that the service's client calls, and the service."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from chat_service.settings import Settings
from gemini_client import AsyncGeminiClient
from gemini_client.routes import read
from sandbox.testing import SandboxHandle, running_sandbox
from tests.examples.chat_service.serving import Running, serving

Json = dict[str, Any]
MODEL = "gemini-3.5-flash"


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxHandle]:
    """A sandbox with both APIs enabled, which this process's environment leads to."""
    with running_sandbox(enabled=("aiplatform", "generativelanguage")) as running:
        for name, value in running.env.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def start(sandbox: SandboxHandle) -> Iterator[Callable[..., Running]]:
    """Starts the service with one managed route."""
    with ExitStack() as stack:

        def started(settings: Settings | None = None, developer: Json | None = None, **client: Any) -> Running:
            route = {"name": "flash", "serving": "managed", "model": MODEL, "location": "global", "weight": 100}
            found: Json = {"version": 1, "project": sandbox.project, "routes": [route | {"fallbackOrder": 1}]}
            routes = read(found | ({"developerApi": developer} if developer else {}), "the test")
            return stack.enter_context(serving(AsyncGeminiClient(routes, **client), settings))

        yield started


@pytest.fixture
def service(start: Callable[..., Running]) -> Running:
    """The service with nothing special."""
    return start()
