"""The service around its answers: limits, probes, state, logs, settings; and that no key or prompt is seen."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import google.auth.credentials
import google.auth.exceptions
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chat_service.logs import JsonLines
from chat_service.settings import Settings, SettingsError
from gemini_client import Breaker, Options, Retry
from sandbox.api_keys import key_for
from sandbox.testing import SandboxHandle
from scripts.workspace import ROOT
from tests.examples.chat_service.serving import Running, body
from tests.examples.chat_service.test_answers import STREAM, order, struck, until

PROMPT = "a prompt that no log may show"
DOWN = {"method": "aiplatform.*", "status": 503}


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the service logs, as the container would write it."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    """The log so far."""
    return [json.loads(line) for line in log.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ("{", "Invalid JSON"),
        ("[]", "should be an object"),
        ({}, "messages: Field required"),
        ({"messages": []}, "messages: List should have at least 1 item"),
        ({"messages": [{"role": "user", "text": ""}]}, "messages.0.text: String should have at least 1"),
        ({"messages": [{"role": "robot", "text": PROMPT}]}, "messages.0.role: Input should be 'user' or 'model'"),
        ({"messages": [{"role": "model", "text": PROMPT}]}, "the last message must be the user's"),
        ({"messages": [{"role": "user", "text": PROMPT}], "modell": "x"}, "modell: Extra inputs"),
    ],
)
def test_a_body_that_is_no_chat_is_refused_field_by_field(service: Running, sent: Any, says: str) -> None:
    """With 400, the field and the rule, and nothing of what was sent; Google hears nothing."""
    answer = service.http.post("/v1/chat", content=sent if isinstance(sent, str) else json.dumps(sent))
    assert answer.status_code == 400
    assert says in answer.json()["detail"]
    assert PROMPT not in answer.text


def test_a_body_that_is_too_large_is_refused(start: Callable[..., Running]) -> None:
    """With 413, announced or not, and the variable that allows more."""
    service = start(Settings(most_bytes=1000))
    large = json.dumps(body("x" * 1000)).encode()
    for content in (large, iter([large[:600], large[600:]])):
        answer = service.http.post("/v1/chat", content=content)
        assert answer.status_code == 413
        assert "CHAT_MOST_BYTES" in answer.json()["detail"]


def test_more_answers_at_a_time_than_allowed_are_refused(start: Callable[..., Running], sandbox: SandboxHandle) -> None:
    """With 503 and Retry-After, while probes are answered; when a place is free it is given away again."""
    service = start(Settings(most_streams=1))
    order(sandbox, {"method": STREAM, "hang": True, "times": 1})
    with service.raw(body()):
        until(lambda: struck(sandbox))
        answer = service.ask()
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert service.http.get("/healthz").status_code == 200
        assert service.http.get("/readyz").status_code == 200
    until(lambda: service.state()["streams"] == 0)
    assert service.events()[-1][0] == "done"


class NoToken(google.auth.credentials.Credentials):
    """Credentials that never get a token."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def refresh(self, request: Any) -> None:
        raise google.auth.exceptions.RefreshError("nobody is there")


def test_without_a_token_it_lives_but_is_not_ready(start: Callable[..., Running]) -> None:
    """/readyz says why with 503; /healthz stays well, since a restart would mend nothing."""
    service = start(credentials=NoToken())
    answer = service.http.get("/readyz")
    assert answer.status_code == 503
    assert "nobody is there" in answer.json()["detail"]
    assert service.http.get("/healthz").status_code == 200
    assert service.ask().status_code == 503


def test_what_is_not_there_is_a_problem_too(service: Running) -> None:
    """404 and 405 have the same form as every error."""
    for answer, status in ((service.http.get("/nope"), 404), (service.http.get("/v1/chat"), 405)):
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"


def test_each_answer_is_one_line_of_json_without_its_texts(service: Running, log: io.StringIO) -> None:
    """Route, model, tokens and times; neither question nor answer."""
    texts = [data["text"] for name, data in service.events(PROMPT) if name == "text"]
    until(lambda: "chat answered" in log.getvalue())
    found = [line for line in lines(log) if line["message"] == "chat answered"]
    assert len(found) == 1
    assert (found[0]["severity"], found[0]["route"], found[0]["finishReason"]) == ("INFO", "flash", "STOP")
    assert found[0]["usage"]["totalTokens"] > 0
    assert found[0]["seconds"] >= found[0]["firstTextSeconds"] >= 0
    for text in (PROMPT, *texts):
        assert text.strip() not in log.getvalue()


def test_a_refusal_is_logged_without_google_s_words(
    start: Callable[..., Running], sandbox: SandboxHandle, log: io.StringIO
) -> None:
    """A 400 may repeat the prompt: the caller is told, the log has the code alone."""
    order(sandbox, {"method": STREAM, "status": 400, "message": f"Cannot do: {PROMPT}"})
    assert PROMPT in start().ask(PROMPT).json()["detail"]
    failed = [line for line in lines(log) if line["message"] == "chat failed"]
    assert [(line["severity"], line["error"], line["code"]) for line in failed] == [("ERROR", "Refused", 400)]
    assert PROMPT not in log.getvalue()


def test_an_open_breaker_is_visible_and_no_key_is(
    start: Callable[..., Running], sandbox: SandboxHandle, log: io.StringIO
) -> None:
    """With Vertex AI down the Developer API answers; logs, state and traces hold its name, and never the key."""
    key = key_for(sandbox.project)
    spans = InMemorySpanExporter()
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(spans))
    options = Options(retry=Retry(attempts=1), breaker=Breaker(failures=2, open_seconds=300))
    service = start(developer={"model": "gemini-3.5-flash"}, options=options, tracer_provider=tracing)
    assert service.state()["routes"][0]["breaker"]["state"] == "closed"
    order(sandbox, DOWN)

    answers = [service.events()[-1][1]["route"] for _ in range(4)]

    assert answers == ["developer-api"] * 4
    assert service.state()["routes"][0]["breaker"]["state"] == "opened"
    changed = [line for line in lines(log) if line.get("gemini_event") == "breaker"]
    assert [(line["gemini_route"], line["gemini_state"]) for line in changed] == [("flash", "opened")]
    state, traces = json.dumps(service.state()), "".join(span.to_json() for span in spans.get_finished_spans())
    assert "GEMINI_API_KEY" in state
    assert "developer-api" in traces
    for seen in (state, traces, log.getvalue()):
        assert key not in seen


def test_it_listens_on_loopback_unless_told_otherwise() -> None:
    """The defaults, and what the environment says over them."""
    assert Settings.from_env({}) == Settings()
    assert Settings().host == "127.0.0.1"
    said = {"HOST": "0.0.0.0", "PORT": "9000", "CHAT_MOST_STREAMS": "3", "CHAT_STOP_SECONDS": ""}
    assert Settings.from_env(said) == Settings("0.0.0.0", 9000, 3)


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "0"), ("PORT", "http"), ("CHAT_MOST_STREAMS", "-1"), ("CHAT_MOST_BYTES", "1.5")]
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}: '{value}' is no whole number from"):
        Settings.from_env({name: value})


@pytest.mark.parametrize(
    ("environment", "says"), [({}, "GCP_PROJECT_ID"), ({"GEMINI_ROUTES_FILE": "/nowhere/routes.json"}, "mounted")]
)
def test_without_routes_it_ends_with_a_sentence(environment: dict[str, str], says: str) -> None:
    """One line of JSON, no traceback."""
    path = f"{ROOT}:{ROOT / 'examples/chat-service'}"
    done = subprocess.run(
        [sys.executable, "-m", "chat_service"],
        env={"PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 2
    line = json.loads(done.stderr)
    assert line["severity"] == "CRITICAL"
    assert says in line["message"]


def test_it_imports_nothing_of_this_repository_but_the_client() -> None:
    """The image has gemini_client alone."""
    from tests.test_architecture import imported

    files = list((ROOT / "examples/chat-service").rglob("*.py"))
    assert len(files) > 5
    assert set().union(*map(imported, files)) == {"gemini_client"}
    assert all(len(Path(file).read_text().splitlines()) <= 400 for file in files)
