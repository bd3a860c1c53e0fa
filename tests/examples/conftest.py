"""A fresh sandbox for each test, as `sandbox run` gives it."""

from collections.abc import Iterator

import pytest

from sandbox.testing import SandboxHandle, running_sandbox


@pytest.fixture
def sandbox() -> Iterator[SandboxHandle]:
    with running_sandbox(deploy_seconds=0, plugins=True) as running:
        yield running
