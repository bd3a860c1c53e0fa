"""Answers on the wire: as they come, how they end, and what becomes of them when somebody leaves."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from chat_service.settings import Settings
from gemini_client import Options, Retry
from sandbox.testing import SandboxHandle
from tests.examples.chat_service.conftest import MODEL
from tests.examples.chat_service.serving import TALK, Running, body, events_of

Json = dict[str, Any]
STREAM = "*.streamGenerateContent"
ONE_TRY = Options(retry=Retry(attempts=1))


def order(sandbox: SandboxHandle, *faults: Json) -> None:
    """Orders faults in place of those that are there."""
    requests.put(f"{sandbox.url}/_sandbox/faults", json=list(faults), timeout=30).raise_for_status()


def until(happened: Callable[[], bool]) -> None:
    """Waits until something has happened; fails after half a minute."""
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def connections(sandbox: SandboxHandle) -> int:
    """The connections to Google that are open now."""
    return len(sandbox.sandbox.connections._open)


def struck(sandbox: SandboxHandle) -> bool:
    """Whether the only fault that was ordered has met a call: an open connection may have sent none yet."""
    (fault,) = sandbox.sandbox.faults.shown()
    return bool(fault["struck"])


def test_an_answer_is_texts_and_then_how_it_ended(service: Running) -> None:
    """As server-sent events: several texts, one `done` with route, model, finish reason and usage."""
    answer = service.ask()
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    *texts, (name, done) = service.events()
    assert len(texts) > 2
    assert {event for event, _ in texts} == {"text"}
    assert TALK in "".join(data["text"] for _, data in texts)
    assert name == "done"
    assert (done["route"], done["model"], done["finishReason"]) == ("flash", MODEL, "STOP")
    assert done["usage"]["totalTokens"] == done["usage"]["inputTokens"] + done["usage"]["outputTokens"]


def test_a_conversation_and_an_instruction_reach_the_model(service: Running) -> None:
    """All turns are sent: they count as input, and the last one is answered."""
    turns = [("user", "What is 20 + 1?"), ("model", "21"), ("user", "What is 20 + 2?")]
    messages = [{"role": role, "text": text} for role, text in turns]
    answer = service.http.post("/v1/chat", json={"messages": messages, "system": "Be short.", "session": "one"})
    assert '{"text": "22"}' in answer.text
    alone = service.events("What is 20 + 2?")[-1][1]["usage"]["inputTokens"]
    assert f'"inputTokens": {alone}' not in answer.text


def test_texts_come_as_google_gives_them_and_a_caller_who_leaves_ends_the_call(
    service: Running, sandbox: SandboxHandle
) -> None:
    """The first text is here while Google needs minutes for the others; then the caller goes, and so does the call."""
    sandbox.set(latency="realistic", clockRate=0.2)
    with service.raw(body()) as caller:
        received = b""
        while b"event: text" not in received:
            received += caller.recv(1000)
        sandbox.set(clockRate=0.0005)
        assert b"event: done" not in received
        assert service.state()["streams"] == 1
        assert connections(sandbox) == 1
    until(lambda: service.state()["streams"] == 0)
    until(lambda: connections(sandbox) == 0)


def test_a_caller_who_does_not_wait_for_the_first_text_ends_the_call(service: Running, sandbox: SandboxHandle) -> None:
    """Google hangs; when the caller goes the connection to Google is closed, and the place is free again."""
    order(sandbox, {"method": STREAM, "hang": True})
    with service.raw(body()):
        until(lambda: struck(sandbox))
        assert service.state()["streams"] == 1
    until(lambda: service.state()["streams"] == 0)
    until(lambda: connections(sandbox) == 0)


def test_a_stream_that_breaks_off_ends_with_an_error_that_has_what_came(
    start: Callable[..., Running], sandbox: SandboxHandle
) -> None:
    """After a text it cannot be asked again: the last event says so, with all the text."""
    order(sandbox, {"method": STREAM, "errorAfter": 2, "status": 503})
    *texts, (name, error) = start(options=ONE_TRY).events()
    assert len(texts) == 2
    assert name == "error"
    assert (error["title"], error["status"]) == ("StreamInterrupted", 502)
    assert error["text"] == "".join(data["text"] for _, data in texts)
    assert "broke off" in error["detail"]


@pytest.mark.parametrize(
    ("fault", "status", "says"),
    [
        ({"status": 400}, 400, "flash answered 400"),
        ({"status": 403}, 502, "aiplatform.endpoints.predict"),
        ({"status": 404}, 502, "Models are retired"),
        ({"status": 429, "retryAfter": 7}, 429, "flash answered 429"),
        ({"status": 503}, 503, "flash answered 503"),
        ({"status": 500}, 503, "flash answered 500"),
        ({"hang": True}, 504, "the deadline of the whole call"),
    ],
)
def test_an_error_before_the_first_text_is_a_problem_with_a_sentence(
    start: Callable[..., Running], sandbox: SandboxHandle, fault: Json, status: int, says: str
) -> None:
    """RFC 9457, with the status that says whose fault it is, and Google's Retry-After."""
    order(sandbox, {"method": STREAM, **fault})
    answer = start(options=Options(deadline=3, retry=Retry(attempts=1))).ask()
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"]
    assert answer.headers.get("retry-after") == ("7" if "retryAfter" in fault else None)


def test_what_is_under_way_ends_before_the_service_does(service: Running, sandbox: SandboxHandle) -> None:
    """After SIGTERM a stream goes on to its `done`; then the service is gone."""
    sandbox.set(latency="realistic", clockRate=0.2)
    with service.http.stream("POST", "/v1/chat", json=body()) as answer:
        pieces = answer.iter_text()
        received = next(pieces)
        service.begin_to_stop()
        received += "".join(pieces)
    assert "event: done" in received
    service.wait()


def test_the_end_does_not_wait_for_ever(start: Callable[..., Running], sandbox: SandboxHandle) -> None:
    """A stream that goes on beyond CHAT_STOP_SECONDS ends with an event that says why."""
    service = start(Settings(stop_seconds=1))
    sandbox.set(latency="realistic", clockRate=0.2)
    with service.http.stream("POST", "/v1/chat", json=body()) as answer:
        pieces = answer.iter_text()
        received = next(pieces)
        sandbox.set(clockRate=0.0005)
        service.begin_to_stop()
        received += "".join(pieces)
    *_, (name, error) = events_of(received)
    assert (name, error["title"]) == ("error", "Stopping")
    service.wait()


def test_silence_is_filled_with_comments(start: Callable[..., Running], sandbox: SandboxHandle) -> None:
    """While the next text is awaited, proxies see that somebody is there."""
    service = start(Settings(ping_seconds=0.2))
    sandbox.set(latency="realistic", clockRate=0.2)
    with service.raw(body()) as caller:
        received = b""
        while b"event: text" not in received:
            received += caller.recv(1000)
        sandbox.set(clockRate=0.0005)
        while b": still here" not in received:
            received += caller.recv(1000)
