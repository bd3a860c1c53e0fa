"""Prompts, configs, chats and functions: nothing of google-genai is lost, and the article's defaults hold."""

import json
from typing import Any

import pytest
from google.genai import types

from gemini_client import ConfigurationError, DeadlineExceeded
from gemini_client.bodies import as_gemini, chunk_of
from gemini_client.config import merged
from gemini_client.gemini import chunk_of as gemini_chunk
from tests.gemini_client.harness import GENERATE, STREAM, TALK, VERTEX_CALLS, Json, World, managed, raised
from tests.gemini_client.wire import Wire
from tests.sandbox.vertex import Vertex


def sent(config: Any = None) -> Json:
    return merged(config).model_dump(exclude_none=True)


def test_the_defaults_are_the_articles() -> None:
    assert sent() == {"temperature": 0.2, "top_p": 0.95, "max_output_tokens": 2048}


def test_a_callers_config_wins_field_by_field() -> None:
    assert sent({"temperature": 0.0, "stop_sequences": ["x"]}) == {
        "temperature": 0.0,
        "top_p": 0.95,
        "max_output_tokens": 2048,
        "stop_sequences": ["x"],
    }
    assert sent(types.GenerateContentConfig(max_output_tokens=7))["max_output_tokens"] == 7
    assert "temperature" not in sent({"temperature": None})


def test_a_config_that_is_none_is_told_without_its_values() -> None:
    wrong: Any = {"temprature": "the prompt"}
    with pytest.raises(ConfigurationError) as error:
        merged(wrong)
    assert "temprature" in str(error.value)
    assert "the prompt" not in str(error.value)


def test_the_defaults_go_over_the_wire(world: World, wire: Wire, vertex: Vertex) -> None:
    """By the names that each API has for them."""
    world.client().ask()
    world.client().stream()
    assert [sent.body["generationConfig"] for sent in wire.sent] == [
        {"temperature": 0.2, "topP": 0.95, "maxOutputTokens": 2048}
    ] * 2
    endpoint = vertex.create()
    vertex.deploy(endpoint, "5", {"0": 100})
    own = {"name": "own", "serving": "endpoint", "endpoint": endpoint, "location": "us-central1", "weight": 100}
    own |= {"host": "us-central1-aiplatform.googleapis.com"}
    world.client({**own, "api": "predict"}).ask(config={"seed": 7, "stop_sequences": ["x"]})
    assert wire.sent[-1].body["instances"] == [{"content": "2 + 2"}]
    assert wire.sent[-1].body["parameters"] == {
        "temperature": 0.2,
        "topP": 0.95,
        "maxOutputTokens": 2048,
        "seed": 7,
        "stopSequences": ["x"],
    }
    world.client({**own, "api": "chatCompletions"}).ask(config={"temperature": 1.0})
    chat = {name: wire.sent[-1].body[name] for name in ("temperature", "top_p", "max_tokens")}
    assert chat == {"temperature": 1.0, "top_p": 0.95, "max_tokens": 2048}


def test_the_limit_of_a_request_is_kept_to(world: World) -> None:
    client = world.client()
    assert client.ask(TALK, config={"max_output_tokens": 5}).finish_reason == "MAX_TOKENS"
    assert client.ask(TALK).finish_reason == "STOP"


CONTENTS: dict[str, Any] = {
    "a text": "3 + 4",
    "a Content": types.Content(role="user", parts=[types.Part(text="3 + 4")]),
    "several turns": [
        types.Content(role="user", parts=[types.Part(text="1 + 1")]),
        types.Content(role="model", parts=[types.Part(text="2")]),
        {"role": "user", "parts": [{"text": "3 + 4"}]},
    ],
    "parts": [types.Part(text="3 + 4")],
}


@pytest.mark.parametrize("contents", CONTENTS.values(), ids=CONTENTS)
def test_contents_are_google_genais(world: World, contents: Any) -> None:
    client = world.client()
    assert client.ask(contents).text == "7"
    assert client.stream(contents)[1].text == "7"


def test_a_session_keeps_its_route(world: World) -> None:
    client = world.client(managed("a", 50), managed("b", 50, 2, location="us-central1"))
    for session in ("one", "two", "three"):
        assert len({client.ask(session=session).route for _ in range(5)}) == 1
    assert {client.ask(session=f"{number}").route for number in range(20)} == {"a", "b"}


def test_responses_are_google_genais(world: World) -> None:
    pieces = world.client().responses()
    assert all(isinstance(piece, types.GenerateContentResponse) for piece in pieces)
    assert pieces[-1].usage_metadata.total_token_count


def test_a_chat_remembers(world: World) -> None:
    answers, history = world.client().chat(["2 + 2", "3 + 4", TALK])
    assert [answer.text for answer in answers[:2]] == ["4", "7"]
    assert len(answers[2]) > 3
    assert [content.role for content in history[:4]] == ["user", "model", "user", "model"]
    assert history[0].parts[0].text == "2 + 2"


def test_a_chat_is_retried_and_keeps_its_route(world: World) -> None:
    world.order({"method": GENERATE, "nth": 1, "status": 503}, {"method": STREAM, "nth": 1, "status": 429})
    client = world.client(managed("a", 50), managed("b", 50, 2, location="us-central1"))
    answers, _ = client.chat(["2 + 2", "3 + 3", TALK])
    assert answers[0].text == "4"
    assert world.timing.waits == [2, 2]
    assert len({"us-central1" in call["path"] for call in world.calls()}) == 1


def test_a_chat_has_a_deadline_for_each_message(world: World) -> None:
    world.order({"method": VERTEX_CALLS, "hang": True})
    client = world.client()
    assert isinstance(raised(lambda: client.chat(["2 + 2"], deadline=0.05)), DeadlineExceeded)
    world.order()
    assert len(client.chat(["2 + 2", TALK], deadline=60)[0]) == 2


def test_a_chat_goes_on_with_an_own_model(world: World, vertex: Vertex) -> None:
    endpoint = vertex.create()
    vertex.deploy(endpoint, "5", {"0": 100})
    route = {"name": "own", "serving": "endpoint", "endpoint": endpoint, "location": "us-central1", "weight": 100}
    client = world.client({**route, "api": "chatCompletions", "host": "us-central1-aiplatform.googleapis.com"})
    answers, history = client.chat(["2 + 2", TALK], config={"system_instruction": "Be kind."})
    assert answers[0].text == "4"
    assert len(answers[1]) > 3
    assert [content.role for content in history[:2]] == ["user", "model"]


def test_thoughts_are_no_text_and_a_blocked_prompt_has_a_reason() -> None:
    parts = [types.Part(text="hm", thought=True), types.Part(text="4")]
    content = types.Content(role="model", parts=parts)
    response = types.GenerateContentResponse(candidates=[types.Candidate(content=content)])
    assert gemini_chunk(response).text == "4"
    feedback = types.GenerateContentResponsePromptFeedback(block_reason=types.BlockedReason.SAFETY)
    blocked = gemini_chunk(types.GenerateContentResponse(prompt_feedback=feedback))
    assert (blocked.text, blocked.finish_reason, blocked.has_content) == ("", "SAFETY", False)


ANSWERS: dict[str, tuple[Any, str, str]] = {
    "a prediction with content": ({"predictions": [{"content": "a"}]}, "a", ""),
    "a plain prediction": ({"predictions": ["a"]}, "a", ""),
    "an unknown prediction": ({"predictions": [{"score": 1}]}, '{"score": 1}', ""),
    "a chat's message": ({"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}, "a", "STOP"),
    "a chat's piece": ({"choices": [{"delta": {"content": "a"}, "finish_reason": None}]}, "a", ""),
    "a chat's end": ({"choices": [{"delta": {}, "finish_reason": "length"}]}, "", "MAX_TOKENS"),
    "usage alone": ({"choices": [], "usage": {"prompt_tokens": 3}}, "", ""),
    "text": ("a", "a", ""),
    "another object": ({"a": 1}, '{"a": 1}', ""),
}


@pytest.mark.parametrize(("answer", "text", "reason"), ANSWERS.values(), ids=ANSWERS)
def test_answers_of_own_models_are_read(answer: Any, text: str, reason: str) -> None:
    chunk = chunk_of(answer, "deployed")
    assert (chunk.text, chunk.finish_reason, chunk.deployed_model) == (text, reason, "deployed")
    assert chunk.response == answer
    assert json.dumps(as_gemini(chunk).model_dump(mode="json", exclude_none=True))
