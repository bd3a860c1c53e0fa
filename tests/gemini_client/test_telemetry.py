"""Spans, metrics, logs and events of calls, by OpenTelemetry's GenAI conventions; and that none of it is needed."""

import contextlib
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind

from gemini_client import Breaker, Event, GeminiClientError, Options, Retry
from tests.gemini_client.harness import FALLBACK, GENERATE, MODEL, STREAM, Json, World, raised
from tests.sandbox.vertex import Vertex


class Recorded:
    """What was recorded."""

    def __init__(self) -> None:
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.providers: dict[str, Any] = {"tracer_provider": tracers, "meter_provider": MeterProvider([self.reader])}

    def spans(self) -> list[Any]:
        return list(self.exporter.get_finished_spans())

    def points(self, name: str) -> list[Any]:
        data = self.reader.get_metrics_data()
        metrics = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics] if data else []
        return [point for metric in metrics if metric.name == name for point in metric.data.data_points]


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


def test_a_call_is_a_span_with_the_conventions_attributes(world: World, recorded: Recorded) -> None:
    world.client(**recorded.providers).ask(config={"seed": 7})
    (span,) = recorded.spans()
    assert (span.name, span.kind) == (f"generate_content {MODEL}", SpanKind.CLIENT)
    assert dict(span.attributes) == {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": "gcp.vertex_ai",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.top_p": 0.95,
        "gen_ai.request.max_tokens": 2048,
        "gen_ai.request.seed": 7,
        "gen_ai.response.model": MODEL,
        "gen_ai.response.finish_reasons": ("STOP",),
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 1,
        "server.address": "aiplatform.googleapis.com",
        "server.port": 443,
        "gemini_client.route": "flash",
    }


def own(endpoint: str, **fields: Any) -> Json:
    route = {"name": "own", "serving": "endpoint", "endpoint": endpoint, "location": "us-central1", "weight": 100}
    return route | {"host": "us-central1-aiplatform.googleapis.com", "api": "predict"} | fields


@pytest.mark.parametrize(
    ("fields", "operation", "address", "port"),
    [
        ({"api": "chatCompletions"}, "chat", "us-central1-aiplatform.googleapis.com", 443),
        ({"api": "predict"}, "generate_content", "us-central1-aiplatform.googleapis.com", 443),
        ({"scheme": "http", "host": "10.0.0.5"}, "generate_content", "10.0.0.5", 80),
        ({"host": "own.internal:8443"}, "generate_content", "own.internal", 8443),
        ({"host": ""}, "generate_content", None, None),
    ],
)
def test_an_endpoint_is_told_by_its_operation_and_address(
    world: World,
    recorded: Recorded,
    vertex: Vertex,
    fields: Json,
    operation: str,
    address: str | None,
    port: int | None,
) -> None:
    """The answer does not matter; a host that has to be looked up is not known when the span begins."""
    endpoint = vertex.create()
    vertex.deploy(endpoint, "5", {"0": 100})
    client = world.client(own(endpoint, **fields), options=Options(retry=Retry(attempts=1)), **recorded.providers)
    with contextlib.suppress(GeminiClientError):
        client.ask()
    (span,) = recorded.spans()
    assert (span.name, span.attributes["gen_ai.operation.name"]) == (f"{operation} {endpoint}", operation)
    assert span.attributes["gen_ai.provider.name"] == "gcp.vertex_ai"
    assert (span.attributes.get("server.address"), span.attributes.get("server.port")) == (address, port)
    (duration,) = recorded.points("gen_ai.client.operation.duration")
    told = ("gen_ai.operation.name", "server.address", "server.port")
    assert [duration.attributes.get(name) for name in told] == [operation, address, port]


class Sampled(Sampler):
    """Notes what it has to decide by."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.attributes: list[Json] = []

    def should_sample(
        self,
        parent_context: Any,
        trace_id: int,
        name: str,
        kind: Any = None,
        attributes: Any = None,
        *_: Any,
        **__: Any,
    ) -> SamplingResult:
        self.names.append(name)
        self.attributes.append(dict(attributes or {}))
        return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)

    def get_description(self) -> str:
        return "notes"


def test_a_sampler_sees_model_provider_and_address(world: World) -> None:
    sampler = Sampled()
    world.client(tracer_provider=TracerProvider(sampler=sampler)).ask(config={"candidate_count": 2})
    assert sampler.names == [f"generate_content {MODEL}"]
    seen = ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "server.address", "server.port")
    assert [sampler.attributes[0][name] for name in seen] == [
        "generate_content",
        "gcp.vertex_ai",
        MODEL,
        "aiplatform.googleapis.com",
        443,
    ]
    assert sampler.attributes[0]["gen_ai.request.choice.count"] == 2


def test_a_stream_says_when_it_began(world: World, recorded: Recorded) -> None:
    world.order({"method": STREAM, "nth": 1, "status": 503})
    world.client(**recorded.providers).stream()
    (span,) = recorded.spans()
    assert span.attributes["gen_ai.request.stream"] is True
    assert span.attributes["gen_ai.response.time_to_first_chunk"] == 2
    assert [event.name for event in span.events] == ["gemini_client.retry"]
    (first,) = recorded.points("gen_ai.client.operation.time_to_first_chunk")
    assert (first.sum, first.count) == (2, 1)


def test_duration_and_tokens_are_measured(world: World, recorded: Recorded) -> None:
    world.order({"method": GENERATE, "nth": 1, "status": 429, "retryAfter": 9})
    world.client(**recorded.providers).ask()
    (duration,) = recorded.points("gen_ai.client.operation.duration")
    assert duration.sum == 9
    assert duration.attributes["gen_ai.response.model"] == MODEL
    usage = {point.attributes["gen_ai.token.type"]: point.sum for point in recorded.points("gen_ai.client.token.usage")}
    assert usage == {"input": 3, "output": 1}


def test_retries_breaker_changes_and_fallbacks_are_counted(world: World, recorded: Recorded) -> None:
    world.order({"method": "aiplatform.*", "status": 503})
    options = Options(retry=Retry(attempts=2), breaker=Breaker(2, 30))
    client = world.client(developer={"model": FALLBACK}, options=options, **recorded.providers)
    client.ask()
    client.ask()
    counted = {
        name: [(dict(point.attributes), point.value) for point in recorded.points(f"gemini_client.{name}")]
        for name in ("retries", "breaker.changes", "fallbacks")
    }
    assert counted["retries"] == [({"gemini_client.route": "flash", "http.response.status_code": 503}, 1)]
    assert counted["breaker.changes"] == [({"gemini_client.route": "flash", "gemini_client.state": "opened"}, 1)]
    assert sum(value for _, value in counted["fallbacks"]) == 2
    told = recorded.spans()[0].attributes
    assert told["gen_ai.provider.name"] == "gcp.gemini"
    assert (told["server.address"], told["server.port"]) == ("generativelanguage.googleapis.com", 443)


def test_an_error_is_on_the_span_and_in_the_metric(world: World, recorded: Recorded) -> None:
    world.order({"method": GENERATE, "status": 404})
    raised(world.client(**recorded.providers).ask)
    (span,) = recorded.spans()
    assert span.attributes["error.type"] == "Refused"
    assert not span.status.is_ok
    (duration,) = recorded.points("gen_ai.client.operation.duration")
    assert duration.attributes["error.type"] == "Refused"


def test_a_stream_that_its_reader_closes_is_no_error(world: World, recorded: Recorded) -> None:
    world.client(**recorded.providers).begin()
    (span,) = recorded.spans()
    assert "error.type" not in span.attributes


def test_the_span_is_a_child_of_the_callers(world: World, recorded: Recorded) -> None:
    """Also where the call is made by another thread."""
    tracer = recorded.providers["tracer_provider"].get_tracer("test")
    client = world.client(**recorded.providers)
    with tracer.start_as_current_span("outer"):
        client.ask()
        client.stream()
    inner, streamed, outer = recorded.spans()
    assert inner.parent.span_id == streamed.parent.span_id == outer.context.span_id


def test_logs_have_fields(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gemini_client")
    world.order({"method": GENERATE, "nth": 1, "status": 503})
    world.client().ask()
    (record,) = [record for record in caplog.records if record.name == "gemini_client"]
    fields = {name: value for name, value in vars(record).items() if name.startswith("gemini_")}
    assert fields == {
        "gemini_event": "retry",
        "gemini_route": "flash",
        "gemini_code": 503,
        "gemini_wait": 2.0,
        "gemini_state": "",
        "gemini_to": "",
    }


def test_a_hook_that_fails_ends_no_call(world: World, caplog: pytest.LogCaptureFixture) -> None:
    def broken(event: Event) -> None:
        raise RuntimeError("of the application")

    world.order({"method": GENERATE, "nth": 1, "status": 503})
    assert world.client(on_event=broken).ask().text == "4"
    assert "A hook for events failed." in caplog.text


WITHOUT = """
import sys
sys.modules["opentelemetry"] = None  # as if it were not installed
from gemini_client.telemetry import Telemetry, telemetry
assert type(telemetry()) is Telemetry
import gemini_client
others = ("opentelemetry.", "pulumi", "sandbox", "vertex_serving", "settings", "components")
print(sorted(name for name in sys.modules if name.startswith(others)))
"""


def test_opentelemetry_is_not_needed() -> None:
    """Nor does the client bring in anything else of this repository."""
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, cwd=root, check=False)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr
