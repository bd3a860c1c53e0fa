"""What Vertex AI tells Cloud Monitoring of its predictions: counts, errors, latencies and replicas by deployed model.

Names and labels: cloud.google.com/monitoring/api/metrics_gcp_a_b#gcp-aiplatform, /monitoring/api/resources. A latency
is the time that the sandbox took. What `prediction_count` counts of a call that fails is not documented; here, nothing.
"""

import random
import re

from sandbox import registry
from sandbox.core import Sandbox
from sandbox.errors import Json
from sandbox.registry import Call
from sandbox.services.aiplatform import generation, replicas
from sandbox.services.aiplatform.names import ENDPOINT, parse
from sandbox.services.series import MINUTE, Key, Labels, meter, minute_of

HEADER = "X-Vertex-AI-Deployed-Model-Id"
_ONLINE = "aiplatform.googleapis.com/prediction/online/"
_PUBLISHER = "aiplatform.googleapis.com/publisher/online_serving/"
_INVOKING = "aiplatform.projects.locations.publishers.models."
_INVOCATIONS = (_INVOKING + "generateContent", _INVOKING + "streamGenerateContent")
_PREDICTION = re.compile(r"\.endpoints\.(predict|rawPredict|streamRawPredict|generateContent|streamGenerateContent)$")
_LONGEST_GAP = 24 * 60 * MINUTE


@registry.observer
def observe(call: Call, status: int, seconds: float) -> None:
    """Measures a prediction, of an endpoint once a model was chosen for it, or of a publisher's model."""
    if call.service != "aiplatform":
        return
    deployed_id = call.response_headers.get(HEADER)
    if deployed_id:
        _observe_endpoint(call, deployed_id, status, seconds * 1000)
    elif call.method_id in _INVOCATIONS:
        _observe_publisher(call, status, seconds * 1000)


@registry.witness
def observe_struck(
    sandbox: Sandbox, method_id: str, params: dict[str, str], headers: dict[str, str], status: int
) -> None:
    """Measures what an ordered fault refused, as if the model had: one of the endpoint's, drawn by its live split."""
    if method_id in _INVOCATIONS:
        _count_publisher(sandbox, params["model"], headers, status)
        return
    name = next((value for value in params.values() if "/endpoints/" in value), "")
    if not name or not _PREDICTION.search(method_id):
        return
    split = (sandbox.store.get(ENDPOINT, str(parse(sandbox, name))) or {}).get("trafficSplit")
    if split:
        # A draw of its own: ordered faults do not change which model serves the other calls.
        draw = sandbox.memory.setdefault("struck", random.Random(sandbox.settings.seed))  # noqa: S311 - no secret
        _count_response(sandbox, name, draw.choices(list(split), weights=list(split.values()))[0], status)


def _observe_endpoint(call: Call, deployed_id: str, status: int, milliseconds: float) -> None:
    name = next(value for value in call.params.values() if "/endpoints/" in value)
    private = _count_response(call.sandbox, name, deployed_id, status)
    if status >= 400:
        return
    resource, now, measured = _resource(call.sandbox, name), call.sandbox.clock.now(), meter(call.sandbox)

    def key(metric: str, **labels: str) -> Key:
        return _key(resource, metric, deployed_model_id=deployed_id, **labels)

    measured.count(key("prediction_count"), now, len(call.body.get("instances", [])) or 1)
    if private:
        measured.spread(key("private/prediction_latencies"), now, milliseconds)
        return
    for part, value in (("total", milliseconds), ("model", milliseconds), ("overhead", 0.0)):
        measured.spread(key("prediction_latencies", latency_type=part), now, value)


def _count_response(sandbox: Sandbox, name: str, deployed_id: str, status: int) -> bool:
    """Counts a response of a deployed model; whether its endpoint is peered, and has metrics of its own."""
    resource, now, measured = _resource(sandbox, name), sandbox.clock.now(), meter(sandbox)
    private = bool((sandbox.store.get(ENDPOINT, str(parse(sandbox, name))) or {}).get("network"))
    metric = "private/response_count" if private else "response_count"
    measured.count(_key(resource, metric, deployed_model_id=deployed_id, response_code=str(status)), now)
    if status >= 400:
        measured.count(_key(resource, "error_count", deployed_model_id=deployed_id), now)
    return private


def _observe_publisher(call: Call, status: int, milliseconds: float) -> None:
    keys = _count_publisher(call.sandbox, call.params["model"], call.headers, status)
    if keys is None or status >= 400:
        return
    (request_type, kind, resource), now, measured = keys, call.sandbox.clock.now(), meter(call.sandbox)
    measured.spread(Key(_PUBLISHER + "model_invocation_latencies", (request_type,), kind, resource), now, milliseconds)
    reply = generation.reply_to(call.body, dict(resource)["model_user_id"])
    for way, tokens in (("input", reply.prompt_tokens), ("output", reply.tokens)):
        measured.count(Key(_PUBLISHER + "token_count", (request_type, ("type", way)), kind, resource), now, tokens)


def _count_publisher(
    sandbox: Sandbox, name: str, headers: dict[str, str], status: int
) -> tuple[tuple[str, str], str, Labels] | None:
    """Counts an invocation of a publisher's model; its type of request, its resource's type and labels."""
    found = re.fullmatch(r"(projects/[^/]+/locations/([^/]+))/publishers/([^/]+)/models/([^/]+)", name)
    if found is None:
        return None
    parent, location, publisher, model = found.groups()
    project = sandbox.require_project(parent.split("/")[1], "aiplatform")
    resource: Labels = (
        ("location", location),
        ("model_user_id", model),
        ("publisher", publisher),
        ("resource_container", project["projectNumber"]),
    )
    category = "" if status < 400 else "user_error" if status < 500 else "system_error"
    request_type = ("request_type", headers.get("x-vertex-ai-llm-request-type", "shared"))
    labels: Labels = (("error_category", category), request_type, ("response_code", str(status)))
    kind = "aiplatform.googleapis.com/PublisherModel"
    meter(sandbox).count(Key(_PUBLISHER + "model_invocation_count", labels, kind, resource), sandbox.clock.now())
    return request_type, kind, resource


def sample(sandbox: Sandbox, endpoint: Json, deployed: Json) -> None:
    """Notes the replicas of every minute that has ended since the last sample, and of the one under way."""
    if not deployed.get("dedicatedResources"):
        return
    resource, now, measured = _resource(sandbox, endpoint["name"]), sandbox.clock.now(), meter(sandbox)
    keys = [
        (_key(resource, "replicas", deployed_model_id=deployed["id"]), replicas.available),
        (_key(resource, "target_replicas", deployed_model_id=deployed["id"]), replicas.target),
    ]
    current = minute_of(now)
    last = measured.last(keys[0][0])
    first = max(current if last is None else last, current - _LONGEST_GAP)
    for key, count in keys:
        for minute in range(first, current, MINUTE):
            measured.gauge(key, minute, count(sandbox, endpoint["name"], deployed, minute + MINUTE))
        measured.gauge(key, current, count(sandbox, endpoint["name"], deployed, now))


def sample_all(sandbox: Sandbox, only: Json | None = None) -> None:
    """Notes the replicas of all deployed models, or of one endpoint's: before they change, and before they are read."""
    for endpoint in [only] if only else sandbox.store.list(ENDPOINT).values():
        for deployed in endpoint.get("deployedModels", []):
            sample(sandbox, endpoint, deployed)


def _resource(sandbox: Sandbox, name: str) -> Labels:
    parsed = parse(sandbox, name)
    return (("endpoint_id", parsed.id), ("location", parsed.location), ("resource_container", parsed.project))


def _key(resource: Labels, metric: str, **labels: str) -> Key:
    return Key(_ONLINE + metric, tuple(sorted(labels.items())), "aiplatform.googleapis.com/Endpoint", resource)
