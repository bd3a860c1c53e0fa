"""The load test: Locust itself, with fewer questions than `make chat-load` asks."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gemini_client import Breaker, Options, Retry
from sandbox.testing import SandboxHandle
from scripts.chat_load import Load, check_shares, locust
from scripts.demo import DemoError
from tests.examples.chat_service.conftest import MODEL
from tests.examples.chat_service.serving import Running
from tests.examples.chat_service.test_answers import order
from tests.examples.chat_service.test_service import DOWN

QUESTIONS = 150


def test_locust_counts_answers_by_route_and_model(service: Running, tmp_path: Path) -> None:
    """Every question is answered once, and its time is that of the whole answer."""
    load = locust(service.url, tmp_path, QUESTIONS)
    assert (load.requests, load.failures, load.errors) == (QUESTIONS, 0, {})
    assert load.answered_by == {f"flash {MODEL}": QUESTIONS}
    assert 0 < load.p50 <= load.p95
    assert "within the 99.9 % confidence interval" in check_shares(load, {"flash": 100})


def test_with_vertex_ai_down_everything_is_answered_and_vertex_ai_is_spared(
    start: Callable[..., Running], sandbox: SandboxHandle, tmp_path: Path
) -> None:
    """The Developer API answers all; once the breaker is open Vertex AI is not asked."""
    options = Options(retry=Retry(attempts=1), breaker=Breaker(failures=3, open_seconds=600))
    bounds = {"model": MODEL, "requestsPerMinute": 100_000}
    service = start(developer=bounds, options=options)
    order(sandbox, DOWN)

    load = locust(service.url, tmp_path, QUESTIONS)

    assert load.failures == 0
    assert load.answered_by == {f"developer-api {MODEL}": QUESTIONS}
    asked = [call for call in sandbox.calls() if call["method"].startswith("aiplatform")]
    # Those that were under way when it opened, one for each of Locust's users at most, came beside the three.
    assert 3 <= len(asked) <= 3 + 20


def test_failures_are_counted_and_named(start: Callable[..., Running], sandbox: SandboxHandle, tmp_path: Path) -> None:
    """Without a fallback nothing is answered, and the load says so."""
    order(sandbox, DOWN)
    load = locust(start(options=Options(retry=Retry(attempts=1))).url, tmp_path, QUESTIONS)
    assert (load.failures, load.answered_by) == (QUESTIONS, {})
    assert any("503" in error for error in load.errors)


def test_shares_outside_of_the_confidence_interval_are_found() -> None:
    """90 of 100 answers are too few for 99 %."""
    load = Load(100, 0, 1, 1, {"a m": 90, "b m": 10}, {})
    with pytest.raises(DemoError, match=r"a 90\.00 %"):
        check_shares(load, {"a": 99, "b": 1})
