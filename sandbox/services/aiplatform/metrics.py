"""What Vertex AI tells Cloud Monitoring of its predictions: counts, errors, latencies and replicas by deployed model.

Names and labels: cloud.google.com/monitoring/api/metrics_gcp_a_b#gcp-aiplatform, /monitoring/api/resources. Counted is
what the client was answered, be it by an ordered fault, and the time until it had its answer, a stream's end; a call
that got no answer is none. What `prediction_count` counts of a call that fails is not documented; here, nothing.
"""

import re

from sandbox import registry
from sandbox.core import Sandbox
from sandbox.errors import GoogleError, Json
from sandbox.registry import Call
from sandbox.services.aiplatform import endpoints, generation, replicas
from sandbox.services.aiplatform.names import ENDPOINT, parse
from sandbox.services.series import MINUTE, Key, Labels, meter, minute_of

HEADER = "X-Vertex-AI-Deployed-Model-Id"
_ONLINE = "aiplatform.googleapis.com/prediction/online/"
_PUBLISHER = "aiplatform.googleapis.com/publisher/online_serving/"
_INVOKING = "aiplatform.projects.locations.publishers.models."
_ENDPOINTS = "aiplatform.projects.locations.endpoints."
_PREDICTING = (
    "predict",
    "rawPredict",
    "streamRawPredict",
    "directPredict",
    "directRawPredict",
    "generateContent",
    "streamGenerateContent",
    "chat.completions",
)
_LONGEST_GAP = 24 * 60 * MINUTE


@registry.observer
def observe(call: Call, status: int, seconds: float) -> None:
    """Measures a prediction, of an endpoint once a model was chosen for it, or of a publisher's model."""
    if call.service == "aiplatform":
        _observe(call, status, seconds)
    # Here nothing is rolled back any more: an entry of the journal must not be lost on which later ones build.
    meter(call.sandbox).keep()


def _observe(call: Call, status: int, seconds: float) -> None:
    deployed_id = call.response_headers.get(HEADER) or (_struck(call) if call.struck else "")
    if deployed_id:
        _observe_endpoint(call, deployed_id, status, seconds * 1000)
    elif call.method_id in (_INVOKING + "generateContent", _INVOKING + "streamGenerateContent"):
        _observe_publisher(call, status, seconds * 1000)


def _struck(call: Call) -> str:
    """The deployed model whose answer an ordered fault took the place of, by the live split; "" where there is none."""
    if call.method_id not in {_ENDPOINTS + name for name in _PREDICTING}:
        return ""
    try:
        _, endpoint = endpoints.find(call.sandbox, call.params["endpoint" if "endpoint" in call.params else "model"])
    except GoogleError:
        return ""
    split = endpoint.get("trafficSplit", {})
    return call.sandbox.random.choices(list(split), weights=list(split.values()))[0] if split else ""


def _observe_endpoint(call: Call, deployed_id: str, status: int, milliseconds: float) -> None:
    name = next(value for value in call.params.values() if "/endpoints/" in value)
    resource, now, measured = _resource(call.sandbox, name), call.sandbox.clock.now(), meter(call.sandbox)

    def key(metric: str, **labels: str) -> Key:
        return _key(resource, metric, deployed_model_id=deployed_id, **labels)

    private = bool((call.sandbox.store.get(ENDPOINT, str(parse(call.sandbox, name))) or {}).get("network"))
    measured.count(key("private/response_count" if private else "response_count", response_code=str(status)), now)
    if status >= 400:
        measured.count(key("error_count"), now)
    else:
        measured.count(key("prediction_count"), now, len(call.body.get("instances", [])) or 1)
    if private:
        measured.spread(key("private/prediction_latencies"), now, milliseconds)
        return
    for part, value in (("total", milliseconds), ("model", milliseconds), ("overhead", 0.0)):
        measured.spread(key("prediction_latencies", latency_type=part), now, value)


def _observe_publisher(call: Call, status: int, milliseconds: float) -> None:
    found = re.fullmatch(r"(projects/[^/]+/locations/([^/]+))/publishers/([^/]+)/models/([^/]+)", call.params["model"])
    if found is None:
        return
    parent, location, publisher, model = found.groups()
    project = call.sandbox.require_project(parent.split("/")[1], "aiplatform")
    resource: Labels = (
        ("location", location),
        ("model_user_id", model),
        ("publisher", publisher),
        ("resource_container", project["projectNumber"]),
    )
    category = "" if status < 400 else "user_error" if status < 500 else "system_error"
    labels: Labels = (
        ("error_category", category),
        ("request_type", call.headers.get("x-vertex-ai-llm-request-type", "shared")),
        ("response_code", str(status)),
    )
    kind, now, measured = "aiplatform.googleapis.com/PublisherModel", call.sandbox.clock.now(), meter(call.sandbox)
    measured.count(Key(_PUBLISHER + "model_invocation_count", labels, kind, resource), now)
    measured.spread(Key(_PUBLISHER + "model_invocation_latencies", labels[1:2], kind, resource), now, milliseconds)
    if status < 400:
        reply = generation.reply_to(call.body, model)
        for way, tokens in (("input", reply.prompt_tokens), ("output", reply.tokens)):
            measured.count(Key(_PUBLISHER + "token_count", (labels[1], ("type", way)), kind, resource), now, tokens)
        used = Key(_PUBLISHER + "consumed_token_throughput", labels[1:2], kind, resource)
        measured.count(used, now, reply.prompt_tokens + reply.tokens)


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
