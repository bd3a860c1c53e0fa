"""Which errors are asked again, after how long, and how often."""

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest

from gemini_client import (
    ConfigurationError,
    Options,
    QuotaExhausted,
    Refused,
    Retry,
    StreamInterrupted,
    Unavailable,
)
from gemini_client.budget import Budget
from gemini_client.failures import retry_after
from tests.gemini_client.harness import GENERATE, STREAM, World, raised

RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
LASTING = {"method": GENERATE, "status": 503}


@pytest.mark.parametrize("status", [429, 503])
def test_a_call_is_answered_after_retries(world: World, status: int) -> None:
    world.order({"method": GENERATE, "nth": [1, 2], "status": status})
    assert world.client().ask().text == "4"
    assert world.timing.waits == [2, 4]
    assert [(event.code, event.wait) for event in world.seen("retry")] == [(status, 2), (status, 4)]


@pytest.mark.parametrize("status", [400, 403, 404, 500, 504])
def test_no_other_error_is_asked_again(world: World, status: int) -> None:
    world.order({"method": GENERATE, "status": status})
    error = raised(world.client().ask)
    assert isinstance(error, Refused if status < 500 else Unavailable)
    assert (error.code, error.route, world.timing.waits) == (status, "flash", [])
    assert len(world.calls()) == 1


def test_five_attempts_are_all_with_waits_that_double(world: World) -> None:
    """Only one route and no fallback: the breaker stays closed long enough to see the fifth."""
    world.order(LASTING)
    error = raised(world.client(options=Options(retry=Retry(), deadline=1000)).ask)
    assert isinstance(error, Unavailable)
    assert error.code == 503
    assert world.timing.waits == [2, 4, 8, 16]
    assert len(world.calls()) == 5


def test_a_quota_that_stays_used_up_is_told_as_such(world: World) -> None:
    world.order({"method": GENERATE, "status": 429, "message": "Quota exceeded for aiplatform"})
    error = raised(world.client().ask)
    assert isinstance(error, QuotaExhausted)
    assert "flash answered 429 RESOURCE_EXHAUSTED: Quota exceeded for aiplatform." in str(error)
    assert len(world.calls()) == 5


@pytest.mark.parametrize(("chance", "waits"), [(0.0, [2, 4, 8, 16, 32, 40, 40]), (0.5, [2.5, 5, 10, 20, 40, 50, 50])])
def test_waits_spread_up_to_sixty_seconds(world: World, chance: float, waits: list[float]) -> None:
    """At the ceiling as well: callers that all waited 60 s would come back together."""
    world.order({"method": GENERATE, "status": 429})
    world.timing.chance = chance
    options = Options(retry=Retry(attempts=8), deadline=10_000)
    raised(world.client(options=options).ask)
    assert world.timing.waits == pytest.approx(waits)


def test_the_longest_wait_is_never_exceeded(world: World) -> None:
    world.order({"method": GENERATE, "status": 429})
    world.timing.chance = 0.999
    raised(world.client(options=Options(retry=Retry(attempts=8), deadline=10_000)).ask)
    assert [round(wait) for wait in world.timing.waits] == [3, 6, 12, 24, 48, 60, 60]
    assert max(world.timing.waits) <= 60


def test_retry_info_of_three_seconds_waits_three_not_two(world: World) -> None:
    """The server's wish is a minimum, in the header and in the body."""
    world.order({"method": GENERATE, "nth": 1, "status": 429, "retryAfter": 3})
    assert world.client().ask().text == "4"
    assert world.timing.waits == [3]


def test_whoever_is_told_the_same_again_comes_a_little_later(world: World) -> None:
    """Once to the second; then up to a tenth above it, so that callers told the same date come apart. Never below."""
    world.order({"method": GENERATE, "status": 429, "retryAfter": 50})
    world.timing.chance = 0.5
    raised(world.client(options=Options(retry=Retry(attempts=4), deadline=1_000)).ask)
    assert world.timing.waits == pytest.approx([50, 52.5, 52.5])


def test_retry_info_in_the_body_alone_counts(world: World) -> None:
    details = [{"@type": RETRY_INFO, "retryDelay": "3.5s"}]
    world.order({"method": GENERATE, "nth": 1, "status": 503, "details": details})
    assert world.client().ask().text == "4"
    assert world.timing.waits == [3.5]


def test_a_short_retry_info_does_not_shorten_the_wait(world: World) -> None:
    world.order({"method": GENERATE, "nth": 1, "status": 429, "retryAfter": 1})
    assert world.client().ask().text == "4"
    assert world.timing.waits == [2]


def test_a_wait_that_would_end_after_the_deadline_is_not_begun(world: World) -> None:
    world.order({"method": GENERATE, "status": 429, "retryAfter": 300})
    error = raised(lambda: world.client().ask(deadline=100))
    assert isinstance(error, QuotaExhausted)
    assert (error.retry_after, world.timing.waits, len(world.calls())) == (300, [], 1)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("inside", [{}, {"errorAfter": 0}], ids=["in the status", "in the body, after a 200"])
def test_an_error_of_a_stream_before_the_first_text_is_asked_again(world: World, status: int, inside: Any) -> None:
    """RetryInfo in the body of an error inside a stream counts too."""
    world.order({"method": STREAM, "nth": 1, "status": status, "retryAfter": 3, **inside})
    texts, reply = world.client().stream()
    assert len(texts) > 3
    assert (reply.finish_reason, world.timing.waits) == ("STOP", [3])


def test_an_error_in_a_stream_after_the_first_text_interrupts_it(world: World) -> None:
    world.order({"method": STREAM, "errorAfter": 2, "status": 429, "retryAfter": 3})
    error = raised(world.client().stream)
    assert isinstance(error, StreamInterrupted)
    assert error.text == "This is gemini-3.5-flash, simulated by the sandbox. You "
    assert (error.code, error.retry_after, world.timing.waits) == (429, 3, [])
    assert isinstance(error.__cause__, QuotaExhausted)
    assert len(world.calls()) == 1


def test_a_stream_that_breaks_off_is_interrupted(world: World) -> None:
    world.order({"method": STREAM, "cutAfter": 3})
    error = raised(world.client().stream)
    assert isinstance(error, StreamInterrupted)
    assert error.text.startswith("This is")
    assert [event.kind for event in world.events] == ["interrupted"]


@pytest.mark.parametrize("fault", [{"reset": True}, {"reset": True, "when": "after"}, {"cutAfter": 0}])
def test_a_connection_that_breaks_before_the_first_text_is_asked_again(world: World, fault: Any) -> None:
    world.order({"method": STREAM, "nth": 1, **fault})
    texts, _ = world.client().stream()
    assert len(texts) > 3
    assert world.timing.waits == [2]


def test_a_storm_is_not_multiplied(world: World) -> None:
    """Once the reserve is used up, a call may be retried for every ten that are made."""
    world.order({"method": GENERATE, "status": 429})
    client = world.client(options=Options(retry=Retry(budget_share=0.1, budget_reserve=4)))
    for _ in range(40):
        raised(client.ask)
    # 4 of the reserve, and a tenth of 40 calls, of which the first ten earn nothing beyond a full bucket.
    assert 44 <= len(world.calls()) <= 48
    assert client.state()["retryBudget"] < 1


def test_a_budget_earns_a_tenth_and_saves_no_more_than_its_reserve() -> None:
    budget = Budget(0.1, 2)
    assert [budget.take() for _ in range(3)] == [True, True, False]
    for _ in range(100):
        budget.earn()
    assert [budget.take() for _ in range(3)] == [True, True, False]


def test_a_second_layer_of_retries_is_refused(world: World) -> None:
    config = {"http_options": {"retry_options": {"attempts": 3}}}
    error = raised(lambda: world.client().ask(config=config))
    assert isinstance(error, ConfigurationError)
    assert "retry_options" in str(error)
    assert world.calls() == []


NOW = 1_800_000_000.0
SHAPES: dict[str, tuple[Any, dict[str, str], float | None]] = {
    "RetryInfo": ({"error": {"details": [{"@type": RETRY_INFO, "retryDelay": "7s"}]}}, {}, 7),
    "RetryInfo in a list": ([{"error": {"details": [{"@type": RETRY_INFO, "retryDelay": "0.5s"}]}}], {}, 0.5),
    "seconds": (None, {"Retry-After": "12"}, 12),
    "a date": (None, {"retry-after": format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True)}, 90),
    "a date that has passed": (None, {"retry-after": format_datetime(datetime.fromtimestamp(NOW - 9, UTC))}, 0),
    "the longer of both": ({"details": [{"@type": RETRY_INFO, "retryDelay": "3s"}]}, {"Retry-After": "5"}, 5),
    "nothing": ({"error": {"details": [{"@type": "x.ErrorInfo"}]}}, {}, None),
    "rubbish": ({"details": [{"@type": RETRY_INFO, "retryDelay": "soon"}]}, {"Retry-After": "later"}, None),
    "for ever": (None, {"Retry-After": "inf"}, None),
    "no object": ("busy", {"Retry-After": "-3"}, None),
}


@pytest.mark.parametrize(("details", "headers", "seconds"), SHAPES.values(), ids=SHAPES)
def test_the_servers_wish_is_read_in_every_form(details: Any, headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(details, headers, NOW) == seconds
