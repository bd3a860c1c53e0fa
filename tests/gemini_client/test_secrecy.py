"""The API key: where it is read from, and that nothing shows it."""

import copy
import functools
import gc
import io
import json
import logging
import pickle
import traceback
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gemini_client import (
    AsyncGeminiClient,
    Breaker,
    ConfigurationError,
    GeminiClient,
    GeminiClientError,
    Key,
    Options,
    Retry,
    Unavailable,
)
from sandbox.api_keys import key_for
from tests.gemini_client.harness import FALLBACK, Json, World, managed, raised
from tests.gemini_client.test_servings import endpoint_route
from tests.sandbox.google import Google
from tests.sandbox.vertex import Vertex

DOWN = {"method": "aiplatform.*", "status": 503}
DEVELOPER_API = {"model": FALLBACK}
OPTIONS = Options(retry=Retry(attempts=2), breaker=Breaker(2, 30))
SECRET = "projects/sandbox-project/secrets/gemini-key/versions/latest"


def test_a_key_shows_itself_to_nobody() -> None:
    key = Key(" AIzaTheKey\n")
    assert key.reveal() == "AIzaTheKey"
    assert "AIza" not in f"{key} {key!r} {key!s} {[key]}" + "%s %r" % (key, key)  # noqa: UP031
    assert key.hide("said: AIzaTheKey.") == "said: ***."
    for leak in (pickle.dumps, copy.deepcopy, json.dumps, vars):
        with pytest.raises(TypeError):
            leak(key)


@pytest.mark.parametrize("value", ["", "  ", "ä", "a\nb"])
def test_what_is_no_key_is_refused_without_showing_it(value: str) -> None:
    with pytest.raises(ConfigurationError, match="is empty, or is no key"):
        Key(value)


def test_a_key_in_a_file_is_read_again_when_it_is_rotated(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a mounted Kubernetes Secret. It wins over GEMINI_API_KEY."""
    path = tmp_path / "key"
    path.write_text("AIzaSyOutdated")
    monkeypatch.setenv("GEMINI_API_KEY_FILE", str(path))
    world.order(DOWN)
    client = world.client(developer=DEVELOPER_API, options=OPTIONS)
    assert "API key not valid" in str(raised(client.ask))
    path.write_text(key_for("sandbox-project") + "\n")
    assert client.ask().route == "developer-api"
    assert client.state()["developerApi"]["key"] == f"the file {path}"
    path.unlink()
    assert "GEMINI_API_KEY_FILE" in str(raised(client.ask))


KEPT = ["argument", "GEMINI_API_KEY", "GEMINI_API_KEY_FILE", "GEMINI_API_KEY_SECRET"]


def keep(world: World, monkeypatch: pytest.MonkeyPatch, where: str, value: str, folder: Path) -> Json:
    """Puts a key in one of the places where it may be. What the client is to be given besides."""
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    if where == "argument":
        return {"api_key": value}
    if where == "GEMINI_API_KEY_FILE":
        (folder / "key").write_text(value)
    if where == "GEMINI_API_KEY_SECRET":
        keep_in_secret_manager(world, value)
    named = {"GEMINI_API_KEY": value, "GEMINI_API_KEY_FILE": str(folder / "key"), "GEMINI_API_KEY_SECRET": SECRET}
    monkeypatch.setenv(where, named[where])
    return {}


def keep_in_secret_manager(world: World, value: str) -> None:
    """Makes the secret with one version, as the stack does."""
    import base64

    world.sandbox.enable("secretmanager")
    manager = Google(world.sandbox, "secretmanager")
    manager("POST", f"{manager.project}/secrets", {"replication": {"automatic": {}}}, secretId="gemini-key")
    data = base64.b64encode(value.encode()).decode()
    manager("POST", f"{manager.project}/secrets/gemini-key:addVersion", {"payload": {"data": data}})


def test_a_key_in_secret_manager_is_read_once_in_five_minutes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_in_secret_manager(world, key_for("sandbox-project"))
    monkeypatch.setenv("GEMINI_API_KEY_SECRET", SECRET)
    world.order(DOWN)
    client = world.client(developer=DEVELOPER_API, options=OPTIONS)
    assert [client.ask().route for _ in range(3)] == ["developer-api"] * 3
    assert len(world.calls("versions.access")) == 1
    world.timing.advance(301)
    assert client.ask().route == "developer-api"
    assert len(world.calls("versions.access")) == 2
    # Secret Manager down as well: the key that is known goes on.
    world.order(DOWN, {"method": "secretmanager.*", "status": 503})
    world.timing.advance(301)
    assert client.ask().route == "developer-api"


def test_a_secret_that_cannot_be_read_says_who_needs_what(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.sandbox.enable("secretmanager")
    monkeypatch.setenv("GEMINI_API_KEY_SECRET", SECRET)
    world.order(DOWN)
    error = raised(world.client(developer=DEVELOPER_API, options=OPTIONS).ask)
    assert isinstance(error, Unavailable)
    assert f"GEMINI_API_KEY_SECRET: {SECRET} cannot be read: Secret Manager answered 404" in str(error)
    assert "models.yaml" not in str(error)
    assert "roles/secretmanager.secretAccessor" in str(error)


def test_a_process_may_look_before_it_says_that_it_is_ready(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No model is called. Without the fallback's key it can answer: it is ready, and says once what is missing."""
    path = tmp_path / "key"
    monkeypatch.setenv("GEMINI_API_KEY_FILE", str(path))
    client = world.client(developer=DEVELOPER_API)
    client.check()
    client.check()
    (event,) = world.seen("key")
    assert event.level == logging.ERROR
    assert "No call could fall back to the Gemini Developer API now" in event.message
    assert f"GEMINI_API_KEY_FILE: {path} cannot be read" in event.message
    assert client.state()["developerApi"]["keyMistake"] in event.message
    path.write_text(key_for("sandbox-project"))
    client.check()
    assert "keyMistake" not in client.state()["developerApi"]
    assert world.calls() == []


def test_the_routes_may_name_the_keys_secret(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the stack writes them: a running pod whose routes get a fallback needs no other environment. The place that
    its manifest mounts, should the stack keep the key in Kubernetes, is empty then."""
    keep_in_secret_manager(world, key_for("sandbox-project"))
    monkeypatch.setenv("GEMINI_API_KEY_FILE", str(tmp_path / "nothing-mounted"))
    world.order(DOWN)
    client = world.client(developer=DEVELOPER_API | {"keySecret": SECRET}, options=OPTIONS)
    client.check()
    assert world.seen("key") == []
    assert client.ask().route == "developer-api"
    assert client.state()["developerApi"]["key"] == f"the secret {SECRET}"
    missing = SECRET.replace("gemini-key", "other-key")
    error = raised(world.client(developer=DEVELOPER_API | {"keySecret": missing}, options=OPTIONS).ask)
    assert f"developerApi.keySecret of the routes: {missing} cannot be read" in str(error)


def test_a_name_that_is_no_secret_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY_SECRET", "gemini-key")
    error = raised(lambda: world.client(developer=DEVELOPER_API).ask())
    assert isinstance(error, ConfigurationError)
    assert "is no projects/P/secrets/S/versions/V" in str(error)


def told(error: BaseException) -> str:
    """All that an error report would show of an error: its chain, and the repr of every frame's variables."""
    shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    shown += repr(vars(error))
    for other in (error.__cause__, error.__context__):
        shown += told(other) if other is not None else ""
    return shown


@pytest.mark.parametrize("where", KEPT)
def test_the_key_is_nowhere_to_be_seen(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str
) -> None:
    """Logs of every library at DEBUG (with all URLs), spans, metrics, events, state, errors with their frames, argv."""
    key = key_for("sandbox-project")
    given = keep(world, monkeypatch, where, key, tmp_path)
    caplog.set_level(logging.DEBUG)
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    client = world.client(
        developer=DEVELOPER_API,
        options=OPTIONS,
        tracer_provider=tracers,
        meter_provider=MeterProvider([reader]),
        **given,
    )
    world.order(DOWN, {"method": "generativelanguage.*", "nth": [3, 4, 5, 6], "status": 400, "message": f"bad {key}"})
    assert client.ask().route == "developer-api"
    assert client.stream()[1].route == "developer-api"
    errors = [raised(client.ask), raised(client.stream)]
    world.order(DOWN, {"method": "generativelanguage.*", "errorAfter": 2, "status": 503, "message": f"bad {key}"})
    errors.append(raised(client.stream))
    world.order(DOWN, {"method": "generativelanguage.*", "reset": True})
    errors.append(raised(client.ask))
    logged = io.StringIO()
    for record in caplog.records:
        logged.write(record.getMessage() + repr(vars(record)) + "\n")
    shown = {
        "logs": logged.getvalue(),
        "spans": "".join(span.to_json() for span in spans.get_finished_spans()),
        "metrics": reader.get_metrics_data().to_json(),  # type: ignore[union-attr]
        "events": repr(world.events),
        "state": json.dumps(client.state()),
        "client": repr(client.client) + repr(vars(client.client)),
        "errors": "".join(told(error) for error in errors),
        "argv": Path("/proc/self/cmdline").read_text() if Path("/proc/self/cmdline").exists() else "",
    }
    assert all(isinstance(error, GeminiClientError) for error in errors)
    assert {name: key in text for name, text in shown.items()} == dict.fromkeys(shown, False)
    assert "bad ***" in shown["errors"]
    assert "/generativelanguage/v1beta/models/" in shown["logs"]
    token = world.sandbox.env["GOOGLE_OAUTH_ACCESS_TOKEN"]
    assert {name: token in text for name, text in shown.items()} == dict.fromkeys(shown, False)


BAD = "AIzaSyTheKeyItself\nand a second line"


@pytest.mark.parametrize("where", KEPT)
def test_what_is_no_key_is_in_no_frame_of_its_error(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str
) -> None:
    keep(world, monkeypatch, where, BAD if where == "GEMINI_API_KEY_FILE" else BAD.replace("\n", "\t"), tmp_path)
    client = None if where in ("argument", "GEMINI_API_KEY") else world.client(developer=DEVELOPER_API)
    kind = GeminiClient if world.kind == "sync" else AsyncGeminiClient
    world.order(DOWN)
    errors = [raised(client.ask)] if client else []
    if where == "argument":
        errors += [raised(lambda: kind(api_key=BAD)), raised(lambda: kind.from_env(api_key=BAD))]
    if where == "GEMINI_API_KEY":
        errors.append(raised(lambda: world.client(developer=DEVELOPER_API).check()))
    for error in errors:
        assert "is empty, or is no key" in str(error)
        assert "TheKeyItself" not in told(error)


def test_wrong_variables_do_not_show_the_key_among_them(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "AIzaSyTheKeyItself")
    monkeypatch.setenv("GEMINI_DEADLINE_SECONDS", "soon")
    assert "TheKeyItself" not in told(raised(world.from_env))
    monkeypatch.delenv("GEMINI_DEADLINE_SECONDS")
    monkeypatch.delenv("GCP_PROJECT_ID", raising=False)
    assert "TheKeyItself" not in told(raised(world.from_env))


@pytest.mark.parametrize("api", ["predict", "chatCompletions", "generateContent", ""])
def test_the_token_is_in_no_frame_of_an_error(world: World, vertex: Vertex, api: str) -> None:
    """Of an endpoint that answers, and of one whose connection breaks; the last one is looked up before."""
    token = world.sandbox.env["GOOGLE_OAUTH_ACCESS_TOKEN"]
    host = {"host": "us-central1-aiplatform.googleapis.com"} if api else {}
    route = endpoint_route(vertex.create(), api=api, **host)
    client = world.client(route, managed("other", 0, None), options=OPTIONS)
    for fault in ({"status": 400}, {"status": 503}, {"reset": True}):
        world.order({"method": "aiplatform.*", **fault})
        for error in (raised(client.ask), raised(client.stream)):
            assert token not in told(error)


def test_no_object_of_google_genai_holds_the_key(world: World) -> None:
    """Its client is given another word; the header is put in as a request leaves, and taken out again."""
    from google.genai import _api_client

    key = key_for("sandbox-project")
    world.order(DOWN)
    client = world.client(developer=DEVELOPER_API, options=OPTIONS)
    assert client.ask().route == "developer-api"
    # By type(): isinstance() would ask a weak proxy whose object is gone for its class.
    held: list[Any] = [each for each in gc.get_objects() if issubclass(type(each), _api_client.BaseApiClient)]
    assert held
    assert not [each for each in held if key in repr(vars(each)) or key in repr(each._http_options)]


def test_prompts_and_answers_are_in_no_log_span_or_event(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Nor is what a server says, which may repeat the prompt; the error that the caller gets has it."""
    caplog.set_level(logging.DEBUG, "gemini_client")
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    recording: Any = {"tracer_provider": tracers, "meter_provider": MeterProvider([reader])}
    prompt = "The prompt says xylophone."
    client = world.client(**recording)
    client.ask(prompt, config={"system_instruction": "xylophone"})
    for fault, call in (
        ({"status": 400}, client.ask),
        ({"status": 429}, client.ask),
        ({"status": 500}, client.stream),
        ({"status": 503, "errorAfter": 3}, client.stream),
        ({"status": 400, "errorAfter": 3}, client.stream),
    ):
        world.order({"method": "aiplatform.*", "message": f"Invalid text: {prompt}", **fault})
        assert "xylophone" in str(raised(functools.partial(call, prompt)))
    world.order({"method": "aiplatform.*", "status": 503, "message": f"No room for {prompt}"})
    routes = (managed(), managed("eu", 0, 2, location="eu"))
    down = world.client(*routes, developer=DEVELOPER_API, api_key="AIzaSyNotOurs", options=OPTIONS, **recording)
    assert "xylophone" in str(raised(lambda: down.ask(prompt)))
    kinds = {event.kind for event in world.events}
    assert kinds == {"retry", "fallback", "interrupted", "breaker"}
    shown = "".join(span.to_json() for span in spans.get_finished_spans()) + caplog.text + repr(world.events)
    shown += reader.get_metrics_data().to_json()  # type: ignore[union-attr]
    assert "simulated" not in shown
    assert "xylophone" not in shown
    said = [span.status.description for span in spans.get_finished_spans()]
    assert said[1] == "flash answered 400 INVALID_ARGUMENT (Refused)."
