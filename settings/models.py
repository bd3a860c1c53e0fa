"""Reads a model that is deployed on the endpoint: shape, replica bounds, machine, metrics, and what Google refuses."""

import datetime as dt
from typing import Final

from model_catalogue import gemini_id
from settings.lifecycle import check_lifecycle
from settings.machines import ACCELERATOR_METRICS, ACCELERATOR_TYPES, METRICS, PERCENT_METRICS, Machine, machine
from settings.section import Rule, Section, listed, meant, shown
from settings.values import AutoscalingMetricSettings, DeploymentSettings, EndpointSettings, Environment

OF_MACHINES: Final = (
    "minReplicaCount",
    "maxReplicaCount",
    "acceleratorType",
    "acceleratorCount",
    "autoscalingMetrics",
)
NAME = Rule(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", "1 to 128 letters, digits, dots, hyphens or underscores")
_MODEL = Rule(
    r"gemini-[A-Za-z0-9.-]+"
    r"|(projects/[^/\s]+/locations/[^/\s]+/)?publishers/[^/\s]+/models/[^/\s]+"
    r"|projects/[^/\s]+/locations/[^/\s]+/models/[^/@\s]+(@[^/@\s]+)?"
    r"|[A-Za-z0-9][A-Za-z0-9_-]*(@[^/@\s]+)?",
    "a model of this project (its number or id, with @version if wanted), "
    "projects/PROJECT/locations/REGION/models/MODEL, or publishers/google/models/ID",
)
# The API has no upper bound of its own (the quota is one); this catches a slip of the finger.
_MOST_REPLICAS = 1000
_WHY_ONE = "the API's v1 keeps at least 1 replica; 0 is a v1beta1 preview and cold starts take minutes"
_WAYS_OUT = (
    "Google serves base Gemini only as a managed API and refuses to deploy it on an endpoint: say `serving: managed` "
    "here, without machine and replica keys. Or set a tuned model's, a Model Garden model's or your own model's "
    "resource name (projects/PROJECT/locations/REGION/models/MODEL; a tuned Gemini without a machineType). Where the "
    "API allows it all the same, set vertex-serving:allowBaseGemini: true"
)


def read_deployment(
    entry: Section,
    name: str,
    endpoint: EndpointSettings,
    environment: Environment,
    allow_base_gemini: bool,
    today: dt.date,
    warnings: list[str],
) -> DeploymentSettings:
    """One model to deploy. Mistakes are noted in `entry`, sentences that need no action now in `warnings`."""
    model = _read_model(entry, name, endpoint, environment)
    if entry.given("model") and entry.sound("model") and (gemini := gemini_id(model.model)):
        check_lifecycle(entry, gemini, environment, today, warnings)
        if not allow_base_gemini:
            entry.wrong("model", f"{shown(model.model)} is base Gemini. {_WAYS_OUT}")
    return model


def _read_model(entry: Section, name: str, endpoint: EndpointSettings, environment: Environment) -> DeploymentSettings:
    entry.required("model", "projects/PROJECT/locations/REGION/models/MODEL")
    if not entry.given("machineType") and entry.sound("machineType"):
        if endpoint.connectivity == "public" and not endpoint.dedicated:
            return _read_model_without_machines(entry, name)
        only_dev = ", which only a dev stack may have" if environment == "prod" else ""
        entry.wrong(
            "machineType",
            "is missing; set it, for example machineType: n1-standard-4. Only a tuned Gemini goes without, on Google's "
            "shared machines: for it set gemini-vertex:endpoint.connectivity to public and "
            f"gemini-vertex:endpoint.dedicated to false{only_dev}",
        )
    least = entry.integer("minReplicaCount", 1, 1, _MOST_REPLICAS, _WHY_ONE)
    most = entry.integer("maxReplicaCount", least, 1, _MOST_REPLICAS)
    if entry.sound("minReplicaCount", "maxReplicaCount") and least > most:
        entry.wrong("minReplicaCount", f"is {least}, more than the maxReplicaCount of {most}; raise the latter")

    machine_type = entry.text("machineType")
    found = machine(machine_type)
    if entry.given("machineType") and entry.sound("machineType") and isinstance(found, str):
        entry.wrong("machineType", f"{shown(machine_type)} {found}")
    kind = entry.text("acceleratorType")
    if entry.given("acceleratorType") and entry.sound("acceleratorType") and kind not in ACCELERATOR_TYPES:
        entry.wrong(
            "acceleratorType",
            f"is {shown(kind)}; it must be {listed(ACCELERATOR_TYPES)}{meant(kind, ACCELERATOR_TYPES)}",
        )
    count = entry.integer("acceleratorCount", 1 if kind else 0, 1 if entry.given("acceleratorCount") else 0, 16)
    if (
        isinstance(found, Machine)
        and entry.sound("machineType", "acceleratorType", "acceleratorCount")
        and (problem := found.accelerator_problem(kind, count))
    ):
        entry.wrong(*problem)

    return DeploymentSettings(
        display_name=name,
        model=entry.text("model", rule=_MODEL),
        min_replica_count=least,
        max_replica_count=most,
        machine_type=machine_type,
        accelerator_type=kind or None,
        accelerator_count=count or None,
        autoscaling_metrics=_read_metrics(entry, has_accelerator=bool(kind)),
    )


def _read_model_without_machines(entry: Section, name: str) -> DeploymentSettings:
    for key in OF_MACHINES:
        if entry.given(key):
            entry.wrong(
                key,
                "has no meaning without machineType: the model (a tuned Gemini) runs on Google's shared machines; "
                f"remove {key}, or set a machineType",
            )
    return DeploymentSettings(
        display_name=name,
        model=entry.text("model", rule=_MODEL),
        min_replica_count=None,
        max_replica_count=None,
        machine_type=None,
        accelerator_type=None,
        accelerator_count=None,
        autoscaling_metrics=(),
    )


def _read_metrics(entry: Section, has_accelerator: bool) -> tuple[AutoscalingMetricSettings, ...]:
    metrics = []
    seen: set[str] = set()
    for metric in entry.sections("autoscalingMetrics", ("metricName", "target")):
        metric.required("metricName", METRICS[0])
        name = metric.choice("metricName", METRICS, METRICS[0])
        percent = name in PERCENT_METRICS
        if not percent:
            metric.required("target", "100")
        target = metric.integer("target", 60, 1, 100 if percent else 10**6, "percent" if percent else "per replica")
        if metric.given("metricName") and metric.sound("metricName"):
            if name in seen:
                metric.wrong("metricName", f"is {shown(name)} again; the API takes each metric once")
            elif name in ACCELERATOR_METRICS and not has_accelerator and entry.sound("acceleratorType"):
                metric.wrong("metricName", f"is {shown(name)}, but this model has no acceleratorType to measure")
            seen.add(name)
        metrics.append(AutoscalingMetricSettings(name, target))
    return tuple(metrics)
