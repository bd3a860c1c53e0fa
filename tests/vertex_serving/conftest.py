"""A world of one's own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.vertex_serving.harness import World, world


@pytest.fixture
def here() -> Iterator[World]:
    """A sandbox whose deployments are done at once, with one endpoint."""
    with world(deploy_seconds=0) as made:
        yield made


@pytest.fixture
def slow() -> Iterator[World]:
    """A sandbox whose deployments take longer than any test: they end when a test moves the clock."""
    with world(deploy_seconds=600) as made:
        yield made
