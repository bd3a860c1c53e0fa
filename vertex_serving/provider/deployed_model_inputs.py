"""The inputs of a DeployedModel: checked, compared, sent to Google and read back."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final

from vertex_serving.provider.diffs import Change, compare_scalars, compare_specs
from vertex_serving.provider.fields import Fields, Problem, nearest
from vertex_serving.provider.machines import ACCELERATOR_TYPES, wrong_accelerator, wrong_machine
from vertex_serving.provider.vertex import project_of
from vertex_serving.provider.wire import UNKNOWN, Properties, has_unknown

REPLACING: Final = (
    "endpoint",
    "model",
    "displayName",
    "machineType",
    "acceleratorType",
    "acceleratorCount",
    "serviceAccount",
    "enableAccessLogging",
    "spot",
)
"""What forces a new deployment, and is what the deployed model's id is made of."""

IN_PLACE: Final = ("minReplicaCount", "maxReplicaCount", "disableContainerLogging", "autoscalingMetricSpecs")
"""What endpoints.mutateDeployedModel can change (v1)."""

KEYS: Final = (*REPLACING, *IN_PLACE)

OF_MACHINES: Final = (
    "acceleratorType",
    "acceleratorCount",
    "minReplicaCount",
    "maxReplicaCount",
    "autoscalingMetricSpecs",
    "spot",
)
"""What only a deployment on machines of its own has (DedicatedResources)."""

OUTPUTS: Final = ("createTime", "serviceAttachment", "privateServiceConnectAddress", "predictHttpUri")

METRICS: Final = (
    "aiplatform.googleapis.com/prediction/online/cpu/utilization",
    "aiplatform.googleapis.com/prediction/online/accelerator/duty_cycle",
    "aiplatform.googleapis.com/prediction/online/request_count",
    "pubsub.googleapis.com/subscription/num_undelivered_messages",
    "prometheus.googleapis.com/vertex_dcgm_fi_dev_gpu_util",
    "prometheus.googleapis.com/vertex_vllm_gpu_cache_usage_perc",
    "prometheus.googleapis.com/vertex_vllm_num_requests_waiting",
)
_COUNTS: Final = ("request_count", "num_undelivered_messages", "num_requests_waiting")
_DEFAULT_TARGET: Final = 60
_MOST_REPLICAS: Final = 100_000
_MOST_ACCELERATORS: Final = 64

ENDPOINT: Final = r"projects/[^/\s]+/locations/[a-z0-9-]+/endpoints/[A-Za-z0-9_-]+"
ENDPOINT_FORM: Final = "projects/PROJECT/locations/REGION/endpoints/ENDPOINT"
_MODEL: Final = r"projects/[^/\s]+/locations/[a-z0-9-]+/models/[A-Za-z0-9_-]+(@[A-Za-z0-9_-]+)?|" + (
    r"(projects/[^/\s]+/locations/[a-z0-9-]+/)?publishers/[^/\s]+/models/[^/\s]+"
)
_MODEL_FORM: Final = (
    "projects/PROJECT/locations/REGION/models/MODEL (with @VERSION, if you like) or publishers/PUBLISHER/models/MODEL"
)
_BASE_GEMINI: Final = r"(projects/[^/]+/locations/[^/]+/)?publishers/google/models/gemini-.*"
_EMAIL: Final = r"[^@\s]+@[^@\s]+\.[^@\s]+"


def check(news: Properties, allow_base_gemini: bool) -> tuple[Properties, list[Problem]]:
    """Return the inputs with their defaults, and every mistake in them."""
    fields = Fields(news, KEYS)
    inputs: Properties = {
        "endpoint": fields.text("endpoint", required=True, pattern=ENDPOINT, form=ENDPOINT_FORM),
        "model": fields.text("model", required=True, pattern=_MODEL, form=_MODEL_FORM),
        "displayName": fields.text("displayName", required=True, pattern=r"(?s).+", form="a name", longest=128),
        "machineType": fields.text("machineType"),
        "acceleratorType": fields.choice("acceleratorType", ACCELERATOR_TYPES),
        "acceleratorCount": fields.integer("acceleratorCount", 1, _MOST_ACCELERATORS),
        "serviceAccount": fields.text("serviceAccount", pattern=_EMAIL, form="NAME@PROJECT.iam.gserviceaccount.com"),
        "enableAccessLogging": fields.flag("enableAccessLogging"),
        "disableContainerLogging": fields.flag("disableContainerLogging"),
        "spot": fields.flag("spot"),
    }
    model = inputs["model"]
    if isinstance(model, str) and re.fullmatch(_BASE_GEMINI, model) and not allow_base_gemini:
        fields.wrong(
            "model",
            f"is {model}, a base Gemini model: Google serves those only through its managed API and refuses to deploy "
            "them on an endpoint. Two ways out: `serving: managed` for this model in the stack's configuration (Gemini "
            "itself, without a deployment), or the name of a tuned, Model Garden or own model here. Where something "
            "does accept it (the sandbox's article profile), set vertex-serving:allowBaseGemini to true",
        )
    if fields.values.get("machineType") is None:
        _check_no_machines(fields, inputs)
    else:
        _check_machine(fields, inputs)
        _check_replicas(fields, inputs)
        inputs["autoscalingMetricSpecs"] = _check_specs(fields)
    fields.finish()
    return {key: value for key, value in inputs.items() if value is not None}, fields.problems


def deployed_model_id(inputs: Properties) -> str | None:
    """Return the id that these inputs always give, ten digits, or None while one of them is unknown.

    Google takes 1 to 10 digits chosen by the caller (DeployedModel.id).
    """
    identity = [inputs.get(key) or None if inputs.get(key) is not UNKNOWN else UNKNOWN for key in REPLACING]
    if has_unknown(identity):
        return None
    digest = hashlib.sha256(json.dumps(identity).encode()).digest()
    return str(10**9 + int.from_bytes(digest[:8], "big") % (9 * 10**9))


def compare(olds: Properties, news: Properties) -> list[Change]:
    """Return what differs between two sets of checked inputs."""
    changes = compare_scalars(olds, news, REPLACING, replace=True)
    changes += compare_scalars(olds, news, ("minReplicaCount", "maxReplicaCount", "disableContainerLogging"))
    changes += compare_specs(olds.get("autoscalingMetricSpecs"), news.get("autoscalingMetricSpecs"))
    return changes


def to_google(inputs: Properties, id_: str) -> dict[str, Any]:
    """Return the DeployedModel to send to endpoints.deployModel.

    Without a machineType none of the union `prediction_resources` is sent, and Google decides what the model runs on.
    No document of Google's shows this request for a tuned Gemini (looked for on 2026-11-23): the discovery document
    requires none of the union, google-cloud-aiplatform 2.7.0 sends none for a model that lists no resource types, and
    `automaticResources` of one replica only for one that lists them.
    """
    deployed = {"id": id_, "model": inputs["model"], "displayName": inputs["displayName"]}
    if "machineType" in inputs:
        machine = {key: inputs[key] for key in ("machineType", "acceleratorType", "acceleratorCount") if key in inputs}
        resources = {"machineSpec": machine, **_replicas(inputs)}
        if inputs.get("spot"):
            resources["spot"] = True
        deployed["dedicatedResources"] = resources
    for key in ("serviceAccount", "enableAccessLogging", "disableContainerLogging"):
        if inputs.get(key):
            deployed[key] = inputs[key]
    return deployed


def in_place_changes(live: dict[str, Any], inputs: Properties) -> tuple[dict[str, Any], list[str]]:
    """Return what mutateDeployedModel must set for a live DeployedModel to be as wanted, and the update mask for it."""
    body: dict[str, Any] = {"id": live["id"]}
    mask = []
    if "machineType" in inputs:
        wanted, resources = _replicas(inputs), live.get("dedicatedResources", {})
        for key in ("minReplicaCount", "maxReplicaCount"):
            if resources.get(key) != wanted[key]:
                mask.append(f"dedicatedResources.{key}")
        if compare_specs(_specs(resources), inputs.get("autoscalingMetricSpecs")):
            mask.append("dedicatedResources.autoscalingMetricSpecs")
        body["dedicatedResources"] = wanted
    if bool(live.get("disableContainerLogging")) != bool(inputs.get("disableContainerLogging")):
        mask.append("disableContainerLogging")
        body["disableContainerLogging"] = bool(inputs.get("disableContainerLogging"))
    return body, mask


def from_google(endpoint: str, endpoint_by_number: str, live: dict[str, Any], olds: Properties) -> Properties:
    """Return the inputs that a live DeployedModel has; what means the same keeps the words that `olds` have for it.

    Args:
        endpoint: The endpoint's name as the program gives it.
        endpoint_by_number: Its name as Google gives it, with the project's number.
        live: The DeployedModel.
        olds: The inputs in the state, if there are any.
    """
    resources = live.get("dedicatedResources", {})
    model, old_model = live.get("model", ""), olds.get("model")
    if isinstance(old_model, str) and same_model(model, old_model):
        model = old_model
    elif project_of(model) == project_of(endpoint_by_number):
        model = f"projects/{project_of(endpoint)}/{model.split('/', 2)[2]}" if project_of(model) else model
    inputs = {
        "endpoint": endpoint,
        "model": model,
        "displayName": live.get("displayName", ""),
        **(_machines(resources) if resources else {}),
        "serviceAccount": live.get("serviceAccount") or None,
    }
    for key, value in (
        ("enableAccessLogging", live.get("enableAccessLogging", False)),
        ("disableContainerLogging", live.get("disableContainerLogging", False)),
        ("spot", resources.get("spot", False)),
    ):
        if value or olds.get(key) is not None:
            inputs[key] = value
    specs = _specs(resources)
    unchanged = not compare_specs(olds.get("autoscalingMetricSpecs"), specs)
    inputs["autoscalingMetricSpecs"] = olds.get("autoscalingMetricSpecs") if unchanged else specs
    return {key: value for key, value in inputs.items() if value is not None}


def _machines(resources: dict[str, Any]) -> Properties:
    machine = resources.get("machineSpec", {})
    least = resources.get("minReplicaCount", 1)
    return {
        "machineType": machine.get("machineType", ""),
        "acceleratorType": machine.get("acceleratorType", "").replace("ACCELERATOR_TYPE_UNSPECIFIED", "") or None,
        "acceleratorCount": machine.get("acceleratorCount") or None,
        "minReplicaCount": least,
        "maxReplicaCount": resources.get("maxReplicaCount", least),
    }


def same_model(one: str, other: str) -> bool:
    """Say whether two names mean the same model: Google answers with the project's number, and without the version."""
    return _model_parts(one) == _model_parts(other)


def _model_parts(name: str) -> tuple[str, ...]:
    parts = name.partition("@")[0].split("/")
    return tuple(parts[2:]) if parts[0] == "projects" else tuple(parts)


def _check_no_machines(fields: Fields, inputs: Properties) -> None:
    wrong = {problem.path for problem in fields.problems}
    for key in OF_MACHINES:
        value = fields.values.get(key)
        if value is UNKNOWN:
            inputs[key] = UNKNOWN
        elif not (value is None or value is False or value == []) and key not in wrong:
            fields.wrong(
                key,
                f"is {value!r}, and has no meaning without machineType: such a model (a tuned Gemini) runs on Google's "
                "shared machines. Set machineType, or leave this out",
            )


def _check_machine(fields: Fields, inputs: Properties) -> None:
    machine, accelerator = inputs["machineType"], inputs["acceleratorType"]
    if isinstance(machine, str):
        wrong = wrong_machine(machine)
        if wrong:
            fields.wrong("machineType", wrong)
        elif isinstance(accelerator, str) and (wrong := wrong_accelerator(machine, accelerator)):
            fields.wrong("acceleratorType", wrong)
    if inputs["acceleratorCount"] is not None and fields.values.get("acceleratorType") is None:
        fields.wrong("acceleratorCount", "is given without acceleratorType; say of which, or leave it out")
    if accelerator is not None and fields.values.get("acceleratorCount") is None:
        inputs["acceleratorCount"] = 1


def _check_replicas(fields: Fields, inputs: Properties) -> None:
    low = fields.integer(
        "minReplicaCount", 1, _MOST_REPLICAS, because="Google keeps at least one replica (zero is a v1beta1 preview)"
    )
    high = fields.integer("maxReplicaCount", 1, _MOST_REPLICAS)
    if fields.values.get("minReplicaCount") is None:
        low = 1
    if fields.values.get("maxReplicaCount") is None:
        high = low
    if isinstance(low, int) and isinstance(high, int) and low > high:
        fields.wrong("maxReplicaCount", f"is {high}, below minReplicaCount ({low}); give at least {low}")
    inputs["minReplicaCount"], inputs["maxReplicaCount"] = low, high


def _check_specs(fields: Fields) -> Any:
    values = fields.values.get("autoscalingMetricSpecs")
    if values is None or values is UNKNOWN or values == []:
        return values or None if values is not UNKNOWN else UNKNOWN
    if not isinstance(values, list):
        fields.wrong("autoscalingMetricSpecs", f"is {values!r}; give a list of {{metricName, target}}")
        return None
    checked: list[Any] = []
    for index, value in enumerate(values):
        path = f"autoscalingMetricSpecs[{index}]"
        if value is UNKNOWN:
            checked.append(UNKNOWN)
            continue
        if not isinstance(value, dict):
            fields.problems.append(Problem(path, f"is {value!r}; give {{metricName, target}}"))
            continue
        spec = Fields(value, ("metricName", "target"), path, fields.problems)
        metric = spec.text("metricName", required=True)
        if isinstance(metric, str) and metric not in METRICS:
            spec.wrong("metricName", f"is {metric!r}; {nearest(metric, METRICS)}")
        if isinstance(metric, str) and any(isinstance(one, dict) and one["metricName"] == metric for one in checked):
            spec.wrong("metricName", f"is {metric!r} a second time; Google takes each metric once")
        counted = isinstance(metric, str) and metric.endswith(_COUNTS)
        target = spec.integer("target", 1, 1_000_000 if counted else 100, because="" if counted else "a percentage")
        spec.finish()
        checked.append({"metricName": metric, "target": _DEFAULT_TARGET if value.get("target") is None else target})
    return checked


def _replicas(inputs: Properties) -> dict[str, Any]:
    replicas = {key: inputs[key] for key in ("minReplicaCount", "maxReplicaCount")}
    if inputs.get("autoscalingMetricSpecs"):
        replicas["autoscalingMetricSpecs"] = inputs["autoscalingMetricSpecs"]
    return replicas


def _specs(resources: dict[str, Any]) -> list[Any] | None:
    specs = resources.get("autoscalingMetricSpecs")
    return [{"metricName": one.get("metricName"), "target": one.get("target", _DEFAULT_TARGET)} for one in specs or []]
