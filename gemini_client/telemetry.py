"""OpenTelemetry by the GenAI semantic conventions, where opentelemetry-api is installed (extra `telemetry`).

Names: github.com/open-telemetry/semantic-conventions-genai, docs/gen-ai/gen-ai-spans.md and gen-ai-metrics.md (still
"Development"). By them the provider is gcp.vertex_ai for all that Vertex AI serves, other vendors' models too, and
gcp.gemini for generativelanguage.googleapis.com; the operation is `chat` of chat completions, else `generate_content`.
No prompt or answer is recorded.
"""

import importlib
from dataclasses import dataclass
from typing import Any

from gemini_client.errors import GeminiClientError
from gemini_client.events import Event
from gemini_client.reply import Reply
from gemini_client.request import Request

_SCOPE = "gemini_client"
VERTEX, DEVELOPER = "gcp.vertex_ai", "gcp.gemini"
CHAT, GENERATE = "chat", "generate_content"
# Explicit bucket boundaries that the conventions ask for.
_SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
_TOKENS = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a route is, by the conventions.

    Attributes:
        route: its name.
        provider: VERTEX or DEVELOPER.
        operation: CHAT or GENERATE.
        model: that is asked for, or the endpoint's name.
        address: of the server, behind whatever stands in between; "" where it is not known yet.
        port: of it.
    """

    route: str
    provider: str
    operation: str
    model: str
    address: str = ""
    port: int = 443

    @property
    def name(self) -> str:
        """Of a span."""
        return f"{self.operation} {self.model}"

    def attributes(self) -> dict[str, Any]:
        """Of spans and of metrics."""
        known = {
            "gen_ai.operation.name": self.operation,
            "gen_ai.provider.name": self.provider,
            "gen_ai.request.model": self.model,
        }
        return known | ({"server.address": self.address, "server.port": self.port} if self.address else {})


class Operation:
    """One call, from its beginning to its end. This one records nothing; see _Recorded."""

    def target(self, asked: Asked) -> None:
        """The route that is about to be asked."""

    def event(self, event: Event) -> None:
        """A retry, fallback or the like on the way."""

    def first_chunk(self, seconds: float) -> None:
        """The first piece of a stream came, so long after the call began."""

    def end(self, seconds: float, reply: Reply, error: BaseException | None) -> None:
        """The call is over, after so many seconds."""


class Telemetry:
    """Records nothing: OpenTelemetry is not installed."""

    def begin(self, request: Request, first: Asked) -> Operation:
        """A call begins, with this route."""
        return Operation()

    def event(self, event: Event) -> None:
        """Counts an event."""


def telemetry(tracer_provider: Any = None, meter_provider: Any = None) -> Telemetry:
    """What records calls; nothing where opentelemetry-api is not installed.

    Args:
        tracer_provider: OpenTelemetry's; None for the global one.
        meter_provider: the same of metrics.
    """
    try:
        trace, metrics = (importlib.import_module(f"opentelemetry.{part}") for part in ("trace", "metrics"))
    except ImportError:
        return Telemetry()
    return _Recording(
        trace,
        trace.get_tracer(_SCOPE, tracer_provider=tracer_provider),
        metrics.get_meter(_SCOPE, meter_provider=meter_provider),
    )


class _Recording(Telemetry):
    def __init__(self, trace: Any, tracer: Any, meter: Any) -> None:
        self.trace, self.tracer = trace, tracer
        buckets = "explicit_bucket_boundaries_advisory"
        self.duration = meter.create_histogram(
            "gen_ai.client.operation.duration", "s", "GenAI operation duration.", **{buckets: _SECONDS}
        )
        self.first_chunk = meter.create_histogram(
            "gen_ai.client.operation.time_to_first_chunk",
            "s",
            "Time to receive the first chunk.",
            **{buckets: _SECONDS},
        )
        self.tokens = meter.create_histogram(
            "gen_ai.client.token.usage", "{token}", "Number of input and output tokens used.", **{buckets: _TOKENS}
        )
        self._counters = {
            kind: meter.create_counter(f"gemini_client.{name}", f"{{{unit}}}", description)
            for kind, name, unit, description in (
                ("retry", "retries", "retry", "Attempts after the first, by route and HTTP status."),
                (
                    "breaker",
                    "breaker.changes",
                    "change",
                    "Circuit breakers that changed their state, by route and state.",
                ),
                ("fallback", "fallbacks", "fallback", "Calls that went on to the next route."),
                ("interrupted", "interruptions", "stream", "Streams that broke off after text had been given out."),
                ("routes", "routes.reloads", "reload", "Changes of the routes file, bad ones included."),
            )
        }

    def begin(self, request: Request, first: Asked) -> Operation:
        return _Recorded(self, request, first)

    def event(self, event: Event) -> None:
        counter = self._counters.get(event.kind)
        if counter is None:
            return
        known = {
            "gemini_client.route": event.route,
            "gemini_client.to": event.to,
            "gemini_client.state": event.state,
            "http.response.status_code": event.code,
        }
        counter.add(1, {name: value for name, value in known.items() if value})


class _Recorded(Operation):
    """A client span, which the current span of the caller is the parent of, and the conventions' metrics."""

    def __init__(self, recording: _Recording, request: Request, first: Asked) -> None:
        self._recording = recording
        self._attributes = first.attributes()
        config = request.config
        several = (config.candidate_count or 1) != 1
        asked = {
            "gen_ai.request.temperature": config.temperature,
            "gen_ai.request.top_p": config.top_p,
            "gen_ai.request.top_k": config.top_k,
            "gen_ai.request.max_tokens": config.max_output_tokens,
            "gen_ai.request.seed": config.seed,
            "gen_ai.request.stop_sequences": config.stop_sequences,
            "gen_ai.request.presence_penalty": config.presence_penalty,
            "gen_ai.request.frequency_penalty": config.frequency_penalty,
            "gen_ai.request.choice.count": config.candidate_count if several else None,
            "gen_ai.request.stream": True if request.stream else None,
        }
        # Samplers see only what a span begins with.
        self._span = recording.tracer.start_span(
            first.name,
            kind=recording.trace.SpanKind.CLIENT,
            attributes=self._attributes | {name: value for name, value in asked.items() if value is not None},
        )

    def target(self, asked: Asked) -> None:
        self._attributes = asked.attributes()
        self._span.update_name(asked.name)
        self._span.set_attributes(self._attributes | {"gemini_client.route": asked.route})

    def event(self, event: Event) -> None:
        known = {"route": event.route, "to": event.to, "state": event.state, "code": event.code, "wait": event.wait}
        self._span.add_event(
            f"gemini_client.{event.kind}", {f"gemini_client.{name}": value for name, value in known.items() if value}
        )

    def first_chunk(self, seconds: float) -> None:
        self._span.set_attribute("gen_ai.response.time_to_first_chunk", seconds)
        self._recording.first_chunk.record(seconds, self._attributes)

    def end(self, seconds: float, reply: Reply, error: BaseException | None) -> None:
        usage = reply.usage
        thoughts = usage.thoughts_tokens
        # The conventions count thoughts as output.
        output = (
            None if usage.output_tokens is None and thoughts is None else (usage.output_tokens or 0) + (thoughts or 0)
        )
        answered = {
            "gen_ai.response.model": reply.model or None,
            "gen_ai.response.finish_reasons": [reply.finish_reason] if reply.finish_reason else None,
            "gen_ai.usage.input_tokens": usage.input_tokens,
            "gen_ai.usage.output_tokens": output,
            "gen_ai.usage.reasoning.output_tokens": thoughts,
            "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
            "gemini_client.deployed_model": reply.deployed_model or None,
        }
        self._span.set_attributes({name: value for name, value in answered.items() if value is not None})
        labels = dict(self._attributes)
        if reply.model and error is None:
            labels["gen_ai.response.model"] = reply.model
        if error is not None:
            labels["error.type"] = type(error).__name__
            self._span.set_attribute("error.type", type(error).__name__)
            # Not what the error says: it may repeat a prompt.
            said = error.brief if isinstance(error, GeminiClientError) else type(error).__name__
            self._span.set_status(self._recording.trace.StatusCode.ERROR, said)
        self._recording.duration.record(seconds, labels)
        for kind, count in (("input", usage.input_tokens), ("output", output)):
            if count is not None:
                self._recording.tokens.record(count, labels | {"gen_ai.token.type": kind})
        self._span.end()
