"""Vertex AI's documented rules on endpoints and on what may be deployed there."""

import re
from collections.abc import Mapping
from typing import Any

from sandbox.core import Sandbox
from sandbox.errors import GoogleError, Json, failed_precondition, invalid_argument
from sandbox.services.aiplatform import machines, scale_to_zero
from sandbox.services.aiplatform.names import ENDPOINT, Name, required, wrong_field

DEPLOY = "aiplatform.endpoints.deployModel"
UNDEPLOY = "aiplatform.endpoints.undeployModel"
METRICS = {
    "aiplatform.googleapis.com/prediction/online/accelerator/duty_cycle",
    "aiplatform.googleapis.com/prediction/online/cpu/utilization",
    "aiplatform.googleapis.com/prediction/online/request_count",
    "pubsub.googleapis.com/subscription/num_undelivered_messages",
    "prometheus.googleapis.com/vertex_dcgm_fi_dev_gpu_util",
    "prometheus.googleapis.com/vertex_vllm_gpu_cache_usage_perc",
    "prometheus.googleapis.com/vertex_vllm_num_requests_waiting",
}
_RESOURCES = {
    "dedicatedResources": "DEDICATED_RESOURCES",
    "automaticResources": "AUTOMATIC_RESOURCES",
    "sharedResources": "SHARED_RESOURCES",
}


def check_connectivity(endpoint: Json) -> None:
    """network, Private Service Connect and dedicated exclude each other; a network is named by its project's number."""
    network = endpoint.get("network", "")
    private = (endpoint.get("privateServiceConnectConfig") or {}).get("enablePrivateServiceConnect", False)
    dedicated = endpoint.get("dedicatedEndpointEnabled", False)
    if network and (private or endpoint.get("enablePrivateServiceConnect")):
        raise invalid_argument("Only one of the fields, network or private_service_connect_config, can be set.")
    if network and dedicated:
        raise invalid_argument("Dedicated Endpoint is not supported with network peering: unset network.")
    if private and dedicated:
        raise invalid_argument("Only one of dedicated_endpoint_enabled and private_service_connect_config can be set.")
    for index, automation in enumerate(
        (endpoint.get("privateServiceConnectConfig") or {}).get("pscAutomationConfigs", [])
    ):
        field = f"endpoint.private_service_connect_config.psc_automation_configs[{index}]"
        missing = [
            f"{field}.{name}"
            for name, key in (("project_id", "projectId"), ("network", "network"))
            if not automation.get(key)
        ]
        if missing:
            raise required(*missing)
    if network and not re.fullmatch(r"projects/\d+/global/networks/[^/]+", network):
        raise wrong_field(
            "endpoint.network",
            f"{network} is not of the form projects/{{project_number}}/global/networks/{{network}}; the project must be"
            " given by its number.",
        )


def check_labels(resource: Json, field: str) -> None:
    """Label keys and values: at most 64 characters, no capitals, no marks but _ and -."""
    for text in [part for pair in resource.get("labels", {}).items() for part in pair]:
        if len(text) > 64 or not all(c in "_-" or (c.isalnum() and not c.isupper()) for c in text):
            raise wrong_field(
                f"{field}.labels",
                f"{text!r} is no label: keys and values have at most 64 characters and contain only lowercase letters,"
                " numeric characters, underscores and dashes.",
            )


def check_logging(logging: Json, field: str) -> None:
    """The share of requests that is logged is a fraction in (0, 1]; a proto does not tell 0 from none."""
    rate = logging.get("samplingRate")
    if rate is not None and not 0 < rate <= 1:
        raise wrong_field(f"{field}.sampling_rate", f"{rate} is not in the range (0, 1].")


def check_split(split: Mapping[str, int], deployed: set[str], field: str) -> None:
    """A split is empty, or names deployed models only and sums to 100."""
    if not split:
        return
    unknown = sorted(set(split) - deployed)
    if unknown:
        raise invalid_argument(f"The following DeployedModel ID(s) [{', '.join(unknown)}] do not exist.")
    if any(percent < 0 or percent > 100 for percent in split.values()):
        raise wrong_field(field, "Traffic percentage values must be between 0 and 100.")
    total = sum(split.values())
    if total != 100:
        raise wrong_field(field, f"Traffic percentage values must add up to 100, but they add up to {total}.")


def check_resources(deployed: Json, model: Json, version: str) -> None:
    """What a deployed model says it runs on: that its model supports it, and that the numbers are in order."""
    given = [field for field in _RESOURCES if deployed.get(field)]
    if len(given) > 1:
        raise invalid_argument("Only one of dedicated_resources, automatic_resources, shared_resources can be set.")
    supported = model["supportedDeploymentResourcesTypes"]
    kind = given[0] if given else "automaticResources"
    if _RESOURCES[kind] not in supported:
        if not given and not supported:
            return
        field = re.sub("([A-Z])", r"_\1", kind).lower()
        raise invalid_argument(f"'{field}' is not supported for Model {model['name']}.")
    if kind == "dedicatedResources":
        check_dedicated(deployed["dedicatedResources"], version)
    elif kind == "automaticResources":
        check_replicas(deployed.get(kind) or {}, "automatic_resources", minimum=0)


def check_dedicated(resources: Json, version: str) -> None:
    """Machine, replica bounds and autoscaling metrics of dedicated resources."""
    field = "deployed_model.dedicated_resources"
    spec = resources.get("machineSpec") or {}
    if not spec.get("machineType"):
        raise required(f"{field}.machine_spec.machine_type")
    machines.check(spec)
    scales_to_zero = version != "v1" and bool(resources.get("scaleToZeroSpec"))
    check_replicas(resources, "dedicated_resources", minimum=0 if scales_to_zero else 1)
    if version != "v1":
        scale_to_zero.check(resources)
    needed = resources.get("requiredReplicaCount", 0)
    if needed < 0 or needed > resources["minReplicaCount"]:
        raise wrong_field(f"{field}.required_replica_count", "must be between 1 and min_replica_count.")
    check_metrics(resources.get("autoscalingMetricSpecs", []))


def check_replicas(resources: Json, kind: str, minimum: int) -> None:
    """min_replica_count at least `minimum` and at most max_replica_count, which is set to it where it is not given."""
    field = f"deployed_model.{kind}"
    least = resources.get("minReplicaCount", 0 if kind == "dedicated_resources" else 1)
    if least < minimum:
        raise wrong_field(f"{field}.min_replica_count", f"must be greater than or equal to {minimum}.")
    resources["minReplicaCount"] = least
    most = resources.setdefault("maxReplicaCount", max(least, 1))
    if most < least:
        raise wrong_field(f"{field}.max_replica_count", f"must be at least min_replica_count ({least}), not {most}.")


def check_metrics(specs: list[Json]) -> None:
    """Known metrics, each once, with a target from 1 to 100 (60 where it is not given)."""
    field = "deployed_model.dedicated_resources.autoscaling_metric_specs"
    names = [spec.get("metricName", "") for spec in specs]
    for spec, name in zip(specs, names, strict=True):
        if name not in METRICS:
            raise wrong_field(
                f"{field}.metric_name", f'"{name}" is not a supported metric: {", ".join(sorted(METRICS))}.'
            )
        if names.count(name) > 1:
            raise wrong_field(field, f"At most one entry is allowed per metric, {name} has more.")
        # Utilisation is a percentage; a request count or a queue's length is not.
        percentage = name.endswith(("utilization", "duty_cycle", "perc", "gpu_util"))
        target = spec.setdefault("target", 60)
        if target < 1 or (percentage and target > 100):
            raise wrong_field(f"{field}.target", f"{target} is not between 1 and 100.")


def check_serving(sandbox: Sandbox, endpoint: Json, deployed: Json, model: Json) -> None:
    """What kind of model may be served on what kind of endpoint (docs: choose-endpoint-type)."""
    base = model["name"].startswith("publishers/google/models/")
    if base and sandbox.settings.profile != "article":
        raise invalid_argument(
            f"Model {model['name']} cannot be deployed to an Endpoint: base Gemini models are served by the managed API"
            " only. Call publishers/google/models/…:generateContent, or deploy a tuned, Model Garden or own model."
        )
    exclusive = endpoint.get("dedicatedEndpointEnabled") or endpoint.get("network")
    exclusive = exclusive or endpoint.get("privateServiceConnectConfig")
    if model.get("modelSourceInfo", {}).get("sourceType") == "GENIE":
        if exclusive:
            raise failed_precondition(
                f"Tuned Gemini model {model['name']} can be deployed to a shared public Endpoint only."
            )
        if deployed.get("dedicatedResources"):
            raise invalid_argument(f"'dedicated_resources' is not supported for Model {model['name']}.")


def check_peered(endpoint: Json, split: Mapping[str, int], being_deployed: int) -> None:
    """A peered private endpoint holds one model and has no split (docs: using-private-endpoints)."""
    if not endpoint.get("network"):
        return
    if endpoint.get("deployedModels") or being_deployed:
        raise failed_precondition(f"Endpoint {endpoint['name']} is private and supports one DeployedModel only.")
    if split and dict(split) != {"0": 100}:
        raise failed_precondition("Traffic split is not supported for Endpoints with network peering.")


def check_quota(sandbox: Sandbox, name: Name, wanted: list[Json], replacing: str = "") -> None:
    """429 RESOURCE_EXHAUSTED where max replicas times the machine's cores (and accelerators) exceed the region's quota.

    Args:
        sandbox: whose settings have the quota.
        name: the endpoint, for its project and region.
        wanted: deployed models that are to be, or are being, deployed.
        replacing: "{endpoint}/{id}" of the deployed model that is being changed, which does not count twice.
    """
    quota = sandbox.settings.serving_quota.get(name.location)
    if not quota:
        return
    used: dict[str, int] = {}
    for endpoint_name, endpoint in sandbox.store.list(ENDPOINT, f"{name.parent}/").items():
        for deployed in endpoint.get("deployedModels", []):
            if f"{endpoint_name}/{deployed['id']}" != replacing:
                _add(used, deployed)
    for operation in sandbox.operations.running(DEPLOY, f"{name.parent}/"):
        _add(used, operation["args"]["deployedModel"])
    for deployed in wanted:
        _add(used, deployed)
    exceeded = [metric for metric, amount in sorted(used.items()) if amount > quota.get(metric, amount)]
    if exceeded:
        metrics = ",".join(f"aiplatform.googleapis.com/{metric}" for metric in exceeded)
        message = f"The following quota metrics exceed quota limits: {metrics}"
        raise GoogleError(429, "RESOURCE_EXHAUSTED", message)


def _add(used: dict[str, int], deployed: Mapping[str, Any]) -> None:
    resources = deployed.get("dedicatedResources")
    if resources:
        for metric, amount in machines.quota(resources["machineSpec"]).items():
            used[metric] = used.get(metric, 0) + amount * int(resources["maxReplicaCount"])
