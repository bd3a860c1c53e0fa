"""The fixtures that lead real clients to a sandbox: one for all tests of a worker, new again for each of them."""

import pytest

from sandbox.testing import SandboxHandle
from tests.sandbox.conftest import sandbox, shared_sandbox, vertex

__all__ = ["sandbox", "shared_sandbox", "slow", "vertex"]


@pytest.fixture
def slow(sandbox: SandboxHandle) -> SandboxHandle:
    """The sandbox with operations that are not done in their first answer: a client has to look at them again."""
    sandbox.set(operationSeconds=0.2, deploySeconds=0.5)
    return sandbox
