"""A sandbox for the client's tests, a clock that needs no time, and both clients."""

from collections.abc import Iterator

import pytest

from sandbox.options import Options
from sandbox.testing import SandboxHandle, running_sandbox
from tests.gemini_client.harness import FakeTiming, World, closing
from tests.gemini_client.wire import Wire, wired
from tests.sandbox.vertex import Vertex


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[SandboxHandle]:
    with running_sandbox() as running:
        yield running


@pytest.fixture
def sandbox(shared_sandbox: SandboxHandle, monkeypatch: pytest.MonkeyPatch) -> SandboxHandle:
    """A new sandbox, its APIs enabled, which this process's environment leads to."""
    shared_sandbox.reset()
    shared_sandbox.set(**Options(deploy_seconds=0, operation_seconds=0).model_dump(by_alias=True))
    shared_sandbox.enable("aiplatform", "generativelanguage")
    for name, value in shared_sandbox.env.items():
        monkeypatch.setenv(name, value)
    return shared_sandbox


@pytest.fixture
def timing() -> FakeTiming:
    """The clock of the client."""
    return FakeTiming()


@pytest.fixture(params=["sync", "async"])
def world(request: pytest.FixtureRequest, sandbox: SandboxHandle, timing: FakeTiming) -> Iterator[World]:
    """The sandbox with clients, once of either kind: every test that takes it holds both to one behaviour."""
    with closing(World(sandbox, request.param, timing)) as made:
        yield made


@pytest.fixture
def wire(sandbox: SandboxHandle, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """What goes between the client and the sandbox's Vertex AI."""
    with wired(sandbox.url, monkeypatch) as made:
        yield made


@pytest.fixture
def vertex(sandbox: SandboxHandle) -> Vertex:
    """Vertex AI in us-central1."""
    return Vertex(sandbox)
