"""One sandbox for all tests of a worker, new again for each of them."""

from collections.abc import Iterator

import pytest

from sandbox.options import Options
from sandbox.testing import SandboxHandle, running_sandbox
from tests.sandbox.vertex import Vertex


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[SandboxHandle]:
    with running_sandbox() as running:
        yield running


@pytest.fixture
def sandbox(shared_sandbox: SandboxHandle) -> SandboxHandle:
    """A sandbox as it is when it is new; operations are done at once, deployments too."""
    shared_sandbox.reset()
    settings = Options(deploy_seconds=0, operation_seconds=0)
    shared_sandbox.set(**settings.model_dump(by_alias=True))
    return shared_sandbox


@pytest.fixture
def vertex(sandbox: SandboxHandle) -> Vertex:
    """Vertex AI in us-central1 of a new sandbox, its API enabled."""
    sandbox.enable("aiplatform")
    return Vertex(sandbox)
