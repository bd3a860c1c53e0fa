"""Which route answers when one does not: fallbacks, circuit breakers, and the bounds of the Developer API."""

from typing import Any

import pytest

from gemini_client import (
    Breaker,
    ConfigurationError,
    CredentialsError,
    DeveloperApiBounds,
    LimitReached,
    Options,
    QuotaExhausted,
    Refused,
    Retry,
    Unavailable,
)
from tests.gemini_client.harness import FALLBACK, World, managed, raised
from tests.gemini_client.wire import Wire
from tests.sandbox.vertex import Vertex

VERTEX = "aiplatform.projects.*"
DEVELOPER = "generativelanguage.*"
DOWN = {"method": VERTEX, "status": 503}
DEVELOPER_API = {"model": FALLBACK}
ONCE = Retry(attempts=1)


def test_the_next_routes_are_tried_by_their_order(world: World) -> None:
    routes = (managed("first"), managed("third", 0, 3, location="us"), managed("second", 0, 2, location="eu"))
    world.order({**DOWN, "path": "*/locations/global/*"})
    reply = world.client(*routes).ask()
    assert (reply.text, reply.route) == ("4", "second")
    assert [(event.route, event.to) for event in world.seen("fallback")] == [("first", "second")]
    world.order({**DOWN, "path": "*/locations/global/*"}, {**DOWN, "path": "*/locations/eu/*"})
    assert world.client(*routes).stream()[1].route == "third"


def test_a_route_without_an_order_is_no_fallback(world: World) -> None:
    world.order({**DOWN, "path": "*/locations/global/*"})
    error = raised(world.client(managed("first"), managed("other", 0, None, location="eu")).ask)
    assert isinstance(error, Unavailable)
    assert [attempt.route for attempt in error.attempts] == ["first"]


def test_the_developer_api_answers_when_vertex_does_not(world: World) -> None:
    world.order(DOWN)
    client = world.client(developer=DEVELOPER_API)
    reply = client.ask()
    assert (reply.text, reply.route, reply.model) == ("4", "developer-api", FALLBACK)
    texts, streamed = client.stream()
    assert (len(texts) > 3, streamed.route, streamed.finish_reason) == (True, "developer-api", "STOP")


def test_without_a_key_there_is_no_developer_api(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GEMINI_API_KEY")
    world.order(DOWN)
    client = world.client(developer=DEVELOPER_API)
    assert isinstance(raised(client.ask), Unavailable)
    assert "off" in client.state()["developerApi"]["key"]
    assert world.calls("generativelanguage") == []


def test_without_a_model_for_it_there_is_no_developer_api_either(world: World) -> None:
    world.order(DOWN)
    assert isinstance(raised(world.client().ask), Unavailable)
    assert world.calls("generativelanguage") == []


@pytest.mark.parametrize(("status", "kind"), [(400, Refused), (403, Refused), (404, Refused), (429, QuotaExhausted)])
def test_a_refusal_and_a_used_up_quota_do_not_fall_back(world: World, status: int, kind: type[Exception]) -> None:
    world.order({"method": VERTEX, "status": status})
    assert isinstance(raised(world.client(developer=DEVELOPER_API).ask), kind)
    assert world.calls("generativelanguage") == []


def second_answers(world: World, **fault: Any) -> None:
    """The first route is down, and the second does this."""
    world.order({**DOWN, "path": "*/locations/global/*"}, {"method": VERTEX, "path": "*/locations/eu/*", **fault})


@pytest.mark.parametrize(("status", "kind"), [(400, Refused), (403, Refused), (404, Refused), (429, QuotaExhausted)])
def test_nor_do_those_of_a_fallback_route(world: World, status: int, kind: type[Exception]) -> None:
    """It is the same request to the same API: the refusal is the answer, and names the outage before it."""
    second_answers(world, status=status, retryAfter=7)
    routes = (managed(), managed("eu", 0, 2, location="eu"), managed("us", 0, 3, location="us"))
    error = raised(world.client(*routes, developer=DEVELOPER_API, options=Options(retry=ONCE)).ask)
    assert type(error) is kind
    assert (error.code, error.route, error.retry_after) == (status, "eu", 7)
    assert [attempt.route for attempt in error.attempts] == ["flash", "eu"]
    assert world.calls("generativelanguage") + [call for call in world.calls() if "/us/" in call["path"]] == []


def test_a_fallback_that_cannot_take_the_request_is_passed_over(world: World, vertex: Vertex) -> None:
    """Nothing was sent there: predict takes no conversation."""
    world.order({**DOWN, "path": "*/locations/global/*"})
    own = {"name": "own", "serving": "endpoint", "endpoint": vertex.create(), "weight": 0, "fallbackOrder": 2}
    own |= {"location": "us-central1", "api": "predict", "host": "us-central1-aiplatform.googleapis.com"}
    turns = [{"role": role, "parts": [{"text": "2 + 2"}]} for role in ("user", "model", "user")]
    client = world.client(managed(), own, developer=DEVELOPER_API, options=Options(retry=ONCE))
    assert client.ask(turns).route == "developer-api"


def test_a_used_up_quota_falls_back_where_that_is_wanted(world: World) -> None:
    world.order({"method": VERTEX, "status": 429})
    options = Options(fall_back_on_quota=True, retry=ONCE)
    routes = (managed(), managed("eu", 0, 2, location="eu"))
    assert world.client(*routes, developer=DEVELOPER_API, options=options).ask().route == "developer-api"
    assert [event.code for event in world.seen("fallback")] == [429, 429]
    error = raised(world.client(*routes, options=options).ask)
    assert isinstance(error, QuotaExhausted)
    assert "None of 2 routes answered." in str(error)


@pytest.mark.parametrize("status", [500, 504])
def test_other_failures_of_the_server_fall_back_without_a_retry(world: World, status: int) -> None:
    world.order({"method": VERTEX, "status": status})
    assert world.client(developer=DEVELOPER_API).ask().route == "developer-api"
    assert (len(world.calls("aiplatform")), world.timing.waits) == (1, [])


def test_so_does_a_gateways_502(world: World, wire: Wire) -> None:
    """Which comes in HTML: Google's own API has no 502."""
    wire.status = 502
    client = world.client(developer=DEVELOPER_API)
    assert [client.ask().route, client.stream()[1].route] == ["developer-api"] * 2
    assert (len(wire.sent), world.timing.waits) == (2, [])


def test_when_nothing_answers_every_route_says_why(world: World) -> None:
    world.order(DOWN, {"method": DEVELOPER, "status": 429, "message": "The key's quota is used up"})
    error = raised(world.client(managed(), managed("eu", 0, 2, location="eu"), developer=DEVELOPER_API).ask)
    assert isinstance(error, Unavailable)
    assert (error.code, [attempt.route for attempt in error.attempts]) == (503, ["flash", "eu", "developer-api"])
    assert "None of 3 routes answered." in str(error)
    assert "The key's quota is used up" in str(error)


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        ({"status": 400}, False),
        ({"status": 401}, True),
        ({"status": 403}, True),
        ({"status": 404}, False),
    ],
)
def test_the_key_is_to_be_checked_only_where_it_may_be_at_fault(world: World, fault: Any, key: bool) -> None:
    world.order(DOWN, {"method": DEVELOPER, **fault})
    said = str(raised(world.client(developer=DEVELOPER_API, options=Options(retry=ONCE)).ask))
    assert ("Check the API key" in said) is key


def test_a_wrong_key_is_named_beside_the_outage(world: World) -> None:
    world.order(DOWN)
    error = raised(world.client(developer=DEVELOPER_API, api_key="AIzaSyNotOurs").ask)
    assert isinstance(error, Unavailable)
    assert "developer-api answered 400 INVALID_ARGUMENT: API key not valid." in str(error)
    assert "Check the API key of the Gemini Developer API" in str(error)
    assert "AIzaSyNotOurs" not in str(error)


def test_the_developer_api_is_asked_no_more_often_than_its_bound(world: World) -> None:
    world.order(DOWN)
    bounds = DeveloperApiBounds(requests_per_minute=3)
    client = world.client(developer=DEVELOPER_API, options=Options(retry=ONCE, developer_api=bounds))
    assert [client.ask().route for _ in range(3)] == ["developer-api"] * 3
    error = raised(client.ask)
    assert isinstance(error, LimitReached)
    assert "developer-api was not asked: 3 calls a minute are this client's own bound" in str(error)
    assert len(world.calls("generativelanguage")) == 3


def test_the_routes_may_set_the_bounds(world: World) -> None:
    world.order(DOWN)
    client = world.client(developer={**DEVELOPER_API, "requestsPerMinute": 1, "concurrency": 2})
    client.ask()
    assert isinstance(raised(client.ask), LimitReached)
    shown = client.state()["developerApi"]
    assert (shown["requestsPerMinute"], shown["concurrency"], shown["inFlight"]) == (1, 2, 0)


def test_the_developer_api_is_retried_and_guarded_as_any_route(world: World) -> None:
    world.order(DOWN, {"method": DEVELOPER, "status": 503, "nth": [1, 2]})
    options = Options(retry=Retry(attempts=3), breaker=Breaker(4, 30))
    client = world.client(developer=DEVELOPER_API, options=options)
    assert client.ask().route == "developer-api"
    assert [event.route for event in world.seen("retry")] == ["flash", "flash", "developer-api", "developer-api"]


def test_a_deadline_is_a_positive_number(world: World) -> None:
    assert isinstance(raised(lambda: world.client().ask(deadline=0)), ConfigurationError)


def test_without_a_token_nothing_falls_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's own credentials are wrong: going elsewhere would hide that."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")
    monkeypatch.delenv("GOOGLE_OAUTH_ACCESS_TOKEN")
    client = world.client(developer=DEVELOPER_API)
    assert isinstance(raised(client.ask), CredentialsError)
    assert client.state()["routes"][0]["breaker"] == {"state": "closed", "failures": 0}
    assert world.calls("generativelanguage") == []
