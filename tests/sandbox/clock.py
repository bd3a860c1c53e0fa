"""A clock that stands still until a test moves it."""

from collections.abc import Iterator

import pytest

from sandbox.clock import Clock
from sandbox.testing import SandboxHandle


class Stepped(Clock):
    """Time from 2026-11-24T10:00:10Z on, as far as `forward` has taken it."""

    def __init__(self) -> None:
        self.time = 1_795_514_410.0
        self.rate = 0.0

    def now(self) -> float:
        """The time that it stands at."""
        return self.time

    def run(self, _rate: float) -> None:
        """Settings do not set it going."""

    def reset(self) -> None:
        """Nor does a new sandbox."""

    def forward(self, seconds: float) -> None:
        """Lets so much time pass."""
        self.time += seconds


@pytest.fixture
def clock(sandbox: SandboxHandle) -> Iterator[Stepped]:
    """The sandbox's time, in the test's hand."""
    real, stepped = sandbox.sandbox.clock, Stepped()
    sandbox.sandbox.clock = stepped
    yield stepped
    sandbox.sandbox.clock = real
