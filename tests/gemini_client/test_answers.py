"""Answers that are half wrong, and requests that google-genai itself refuses: always one of this package's errors."""

from collections.abc import Iterator
from typing import Any

import pytest

from gemini_client import ConfigurationError, Options, Retry, Unavailable
from tests.gemini_client.answering import SSE, Answering, answering, event
from tests.gemini_client.harness import FALLBACK, World, raised
from tests.gemini_client.test_servings import endpoint_route

ONCE = Options(retry=Retry(attempts=1))
USAGE = {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3}


@pytest.fixture
def server(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
    """In place of Vertex AI."""
    with answering() as running:
        monkeypatch.setenv("SANDBOX_URL", f"http://{running.host}")
        yield running


def test_a_piece_after_the_finish_reason_ends_a_stream_well(world: World, server: Answering) -> None:
    pieces = event("Hello "), event("world", finish="STOP"), event(usageMetadata=USAGE)
    server.answer = 200, SSE, b"".join(pieces)
    texts, reply = world.client(options=ONCE).stream()
    assert (texts, reply.finish_reason, reply.usage.total_tokens) == (["Hello ", "world"], "STOP", 3)


@pytest.mark.parametrize(
    "body", [b'{"candidates": [{"content": {"parts": [{"text": ["a prompt"]}]}}]}', b'{"candidates": 5}']
)
def test_an_answer_that_is_no_answer_is_the_routes_failure(world: World, server: Answering, body: bytes) -> None:
    server.answer = 200, "application/json", body
    error = raised(world.client(options=ONCE).ask)
    assert isinstance(error, Unavailable)
    assert "flash answered something that google-genai cannot read" in str(error)
    assert "prompt" not in str(error)


@pytest.mark.parametrize(
    "found", ['{"choices": [5]}', '{"choices": [{"message": "a"}]}', '{"usage": {"completion_tokens_details": 5}}']
)
def test_an_own_model_that_answers_in_no_known_form_is_unavailable(world: World, server: Answering, found: str) -> None:
    endpoint = "projects/p/locations/us-central1/endpoints/7"
    client = world.client(endpoint_route(endpoint, api="chatCompletions", host="h"), options=ONCE)
    server.answer = 200, "application/json", found.encode()
    errors = [raised(client.ask)]
    server.answer = 200, SSE, f"data: {found}\n\n".encode()
    errors.append(raised(client.stream))
    for error in errors:
        assert isinstance(error, Unavailable)
        assert "own answered something that is neither predict's nor chat completions' form" in str(error)


def test_a_page_of_a_proxy_is_cut(world: World, server: Answering) -> None:
    server.answer = 502, "text/html", b"<html>" + b"x" * 5_000
    client = world.client(options=ONCE)
    for error in (raised(client.ask), raised(client.stream)):
        assert str(error).startswith("flash answered 502 Bad Gateway: <html>xxx")
        assert len(str(error)) < 300


REFUSED: list[dict[str, Any]] = [
    {"model_armor_config": {"prompt_template_name": "projects/p/locations/l/templates/t"}},
    {"audio_timestamp": True},
    {"routing_config": {"manual_mode": {"model_name": "m"}}},
]


@pytest.mark.parametrize("config", REFUSED, ids=lambda config: next(iter(config)))
def test_a_config_that_the_developer_api_does_not_know_leaves_the_outage_visible(
    world: World, config: dict[str, Any]
) -> None:
    world.order({"method": "aiplatform.*", "status": 503})
    error = raised(lambda: world.client(developer={"model": FALLBACK}, options=ONCE).ask(config=config))
    assert isinstance(error, Unavailable)
    assert (error.code, [attempt.route for attempt in error.attempts]) == (503, ["flash", "developer-api"])
    assert f"{next(iter(config))} parameter" in error.attempts[1].reason


def test_contents_that_google_genai_does_not_take_are_the_callers_mistake(world: World) -> None:
    error = raised(lambda: world.client().ask([object()]))
    assert isinstance(error, ConfigurationError)
    assert "flash was not asked: google-genai does not take this request" in str(error)
    assert world.calls() == []
