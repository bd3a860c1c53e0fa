"""The metrics that the sandbox measures or knows by name, and metricDescriptors.list and get.

Of `UNMEASURED` there are never time series here, but filters may name them as they may at Google. Sources:
cloud.google.com/monitoring/api/metrics_gcp_a_b#gcp-aiplatform, /metrics_gcp_p_z#gcp-serviceruntime, /api/resources.
"""

from dataclasses import dataclass

from sandbox.errors import Json, not_found
from sandbox.listing import page
from sandbox.registry import Call, method
from sandbox.services import filters, iam_policies

_ONLINE = "aiplatform.googleapis.com/prediction/online/"
_PUBLISHER = "aiplatform.googleapis.com/publisher/online_serving/"
_QUOTA = "serviceruntime.googleapis.com/quota/"
RESOURCES = {
    "aiplatform.googleapis.com/Endpoint": ("resource_container", "location", "endpoint_id"),
    "aiplatform.googleapis.com/PublisherModel": (
        "resource_container",
        "location",
        "publisher",
        "model_user_id",
        "model_version_id",
    ),
    "consumer_quota": ("project_id", "location", "service"),
}
_RESOURCE_OF = {
    _ONLINE: "aiplatform.googleapis.com/Endpoint",
    _PUBLISHER: "aiplatform.googleapis.com/PublisherModel",
    _QUOTA: "consumer_quota",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: its kind (DELTA, GAUGE), type of value (INT64, DISTRIBUTION), unit and labels."""

    kind: str
    value: str
    unit: str
    display_name: str
    labels: tuple[str, ...]


def resource_of(metric: str) -> str:
    """The type of the monitored resource that a metric is of."""
    return next(resource for prefix, resource in _RESOURCE_OF.items() if metric.startswith(prefix))


_REPLICA = ("deployed_model_id", "replica_id")
_TOKENS = ("type", "request_type")
UNMEASURED = {
    _ONLINE + "cpu/utilization": Metric("GAUGE", "DOUBLE", "10^2.%", "CPU utilization", _REPLICA),
    _ONLINE + "accelerator/duty_cycle": Metric("GAUGE", "DOUBLE", "10^2.%", "Accelerator duty cycle", _REPLICA),
    _PUBLISHER + "first_token_latencies": Metric(
        "DELTA", "DISTRIBUTION", "ms", "First token latencies", ("request_type",)
    ),
    _PUBLISHER + "consumed_throughput": Metric("DELTA", "INT64", "1", "Character Throughput", ("request_type",)),
    _QUOTA + "allocation/usage": Metric("GAUGE", "INT64", "1", "Allocation quota usage", ("quota_metric",)),
    _QUOTA + "exceeded": Metric("GAUGE", "BOOL", "1", "Quota exceeded error", ("quota_metric", "limit_name")),
}
METRICS = {
    _ONLINE + "prediction_count": Metric("DELTA", "INT64", "1", "Prediction count", ("deployed_model_id",)),
    _ONLINE + "error_count": Metric("DELTA", "INT64", "1", "Error count", ("deployed_model_id",)),
    _ONLINE + "response_count": Metric("DELTA", "INT64", "1", "Response count", ("deployed_model_id", "response_code")),
    _ONLINE + "prediction_latencies": Metric(
        "DELTA", "DISTRIBUTION", "ms", "Prediction latencies", ("deployed_model_id", "latency_type")
    ),
    _ONLINE + "replicas": Metric("GAUGE", "INT64", "1", "Replica count", ("deployed_model_id",)),
    _ONLINE + "target_replicas": Metric("GAUGE", "INT64", "1", "Replica target", ("deployed_model_id",)),
    _ONLINE + "private/response_count": Metric(
        "DELTA", "INT64", "1", "Private endpoint response count", ("deployed_model_id", "response_code")
    ),
    _ONLINE + "private/prediction_latencies": Metric(
        "DELTA", "DISTRIBUTION", "ms", "Private endpoint prediction latencies", ("deployed_model_id",)
    ),
    _PUBLISHER + "consumed_token_throughput": Metric("DELTA", "INT64", "1", "Token Throughput", ("request_type",)),
    _PUBLISHER + "token_count": Metric("DELTA", "INT64", "1", "Token count", _TOKENS),
    _QUOTA + "rate/net_usage": Metric("DELTA", "INT64", "1", "Rate quota usage", ("method", "quota_metric")),
    _QUOTA + "limit": Metric("GAUGE", "INT64", "1", "Quota limit", ("quota_metric", "limit_name")),
    **UNMEASURED,
    _PUBLISHER + "model_invocation_count": Metric(
        "DELTA", "INT64", "1", "Model invocation count", ("error_category", "request_type", "response_code")
    ),
    _PUBLISHER + "model_invocation_latencies": Metric(
        "DELTA", "DISTRIBUTION", "ms", "Model invocation latencies", ("request_type",)
    ),
}


@method("monitoring.projects.metricDescriptors.list")
def list_descriptors(call: Call) -> Json:
    """The metrics that satisfy the filter."""
    parent = project_of(call, "monitoring.metricDescriptors.list")
    wanted = filters.compiled(call.query.get("filter", ""))
    found = [_shown(parent, name) for name in sorted(METRICS)]
    chosen, token = page([d for d in found if wanted({"metric": d})], call.query, 10_000, 10_000)
    answer: Json = {"metricDescriptors": chosen} if chosen else {}
    return {**answer, "nextPageToken": token} if token else answer


@method("monitoring.projects.metricDescriptors.get")
def get_descriptor(call: Call) -> Json:
    """One metric."""
    parent = project_of(call, "monitoring.metricDescriptors.get")
    name = call.params["name"].partition("/metricDescriptors/")[2]
    if name not in METRICS:
        raise not_found(f"Could not find descriptor for metric '{name}'.")
    return _shown(parent, name)


def project_of(call: Call, permission: str) -> str:
    """projects/ID of the call, if the caller has the permission there."""
    project = call.sandbox.require_project(call.params["name"].split("/")[1], "monitoring")
    resource = f"projects/{project['projectId']}"
    iam_policies.require(call, resource, permission)
    return resource


def _shown(parent: str, name: str) -> Json:
    metric = METRICS[name]
    return {
        "name": f"{parent}/metricDescriptors/{name}",
        "type": name,
        "metricKind": metric.kind,
        "valueType": metric.value,
        "unit": metric.unit,
        "displayName": metric.display_name,
        "labels": [{"key": label} for label in metric.labels],
    }
