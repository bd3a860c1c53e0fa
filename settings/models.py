"""Reads `gemini-vertex:models`: shapes, replica bounds, machines, metrics, and which model ids Google would refuse."""

import datetime as dt
from typing import Final

from model_catalogue import Catalogue, gemini_id, looks_experimental, looks_preview
from settings.machines import ACCELERATOR_METRICS, ACCELERATOR_TYPES, METRICS, PERCENT_METRICS, Machine, machine
from settings.section import Rule, Section, listed, meant, shown
from settings.values import AutoscalingMetricSettings, DeploymentSettings, EndpointSettings, Environment

MODEL_KEYS: Final = (
    "name",
    "model",
    "traffic",
    "minReplicaCount",
    "maxReplicaCount",
    "machineType",
    "acceleratorType",
    "acceleratorCount",
    "autoscalingMetrics",
)
_OF_MACHINES = ("minReplicaCount", "maxReplicaCount", "acceleratorType", "acceleratorCount", "autoscalingMetrics")
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
    "Google serves base Gemini only as a managed API and refuses to deploy it on an endpoint. Set a tuned model's, a "
    "Model Garden model's or your own model's resource name (projects/PROJECT/locations/REGION/models/MODEL; a "
    "tuned Gemini without a machineType), or use `serving: managed` once this program has it. Where the API allows it "
    "all the same, set vertex-serving:allowBaseGemini: true"
)


def read_models(
    config: Section,
    environment: Environment,
    endpoint: EndpointSettings,
    allow_base_gemini: bool,
    today: dt.date,
    warnings: list[str],
) -> tuple[tuple[DeploymentSettings, ...], dict[str, int]]:
    """The models to deploy, and their traffic in percent by name.

    Mistakes are noted in `config`, sentences that need no action now in `warnings`.
    """
    config.required("models", "[{name: gemini-flash-primary, model: ..., machineType: n1-standard-4}]")
    entries = config.sections("models", MODEL_KEYS)
    if config.given("models") and config.sound("models") and not entries:
        config.wrong("models", "is empty; name at least one model")
    alone = len(entries) == 1
    models = tuple(_read_model(entry, endpoint, environment) for entry in entries)
    traffic = [_read_traffic(entry, alone) for entry in entries]

    first_with: dict[str, str] = {}
    for entry, model in zip(entries, models, strict=True):
        if entry.given("name") and entry.sound("name"):
            first = first_with.setdefault(model.display_name, entry.path)
            if first != entry.path:
                entry.wrong(
                    "name", f"is {shown(model.display_name)}, as {first} is called already; give each its own name"
                )
        if entry.given("model") and entry.sound("model"):
            _check_model_id(entry, model.model, environment, allow_base_gemini, today, warnings)

    if models and sum(traffic) != 100 and all(entry.sound("traffic") for entry in entries):
        shares = " + ".join(map(str, traffic))
        config.wrong("models", f"have a traffic of {shares} = {sum(traffic)}; the percentages must add up to 100")
    return models, {model.display_name: share for model, share in zip(models, traffic, strict=True)}


def _read_traffic(entry: Section, alone: bool) -> int:
    if not alone:
        entry.required("traffic", "95")
    return entry.integer("traffic", 100 if alone else 0, 0, 100, "percent")


def _read_model(entry: Section, endpoint: EndpointSettings, environment: Environment) -> DeploymentSettings:
    entry.required("name", "gemini-flash-primary")
    entry.required("model", "projects/PROJECT/locations/REGION/models/MODEL")
    if not entry.given("machineType") and entry.sound("machineType"):
        if endpoint.connectivity == "public" and not endpoint.dedicated:
            return _read_model_without_machines(entry)
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
        display_name=entry.text("name", rule=NAME),
        model=entry.text("model", rule=_MODEL),
        min_replica_count=least,
        max_replica_count=most,
        machine_type=machine_type,
        accelerator_type=kind or None,
        accelerator_count=count or None,
        autoscaling_metrics=_read_metrics(entry, has_accelerator=bool(kind)),
    )


def _read_model_without_machines(entry: Section) -> DeploymentSettings:
    for key in _OF_MACHINES:
        if entry.given(key):
            entry.wrong(
                key,
                "has no meaning without machineType: the model (a tuned Gemini) runs on Google's shared machines; "
                f"remove {key}, or set a machineType",
            )
    return DeploymentSettings(
        display_name=entry.text("name", rule=NAME),
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


def _check_model_id(
    entry: Section,
    model: str,
    environment: Environment,
    allow_base_gemini: bool,
    today: dt.date,
    warnings: list[str],
) -> None:
    gemini = gemini_id(model)
    if gemini is None:
        return
    catalogue = Catalogue.load()
    known = catalogue.models.get(gemini)
    stable = catalogue.stable(today)
    move = f"use {known.successor}" if known and known.successor else f"stable now: {', '.join(stable[:4])}"
    lifecycle = known.lifecycle_on(today) if known else None
    if lifecycle == "retired" and known:
        when = f" on {known.retirement.isoformat()}" if known.retirement else ""
        entry.wrong("model", f"{shown(gemini)} was retired{when}; {move}")
    elif lifecycle == "experimental" or looks_experimental(gemini):
        entry.wrong("model", f"{shown(gemini)} is experimental and can vanish without notice; {move}")
    elif lifecycle == "preview" or looks_preview(gemini):
        if environment == "prod":
            entry.wrong("model", f"{shown(gemini)} is a preview, and prod takes stable models only; {move}")
        else:
            warnings.append(f"{entry.key('model')}: {gemini} is a preview; {move} before production")
    elif known is None:
        entry.wrong(
            "model",
            f"{shown(gemini)} is not in models.yaml as of {catalogue.as_of.isoformat()}"
            f"{meant(gemini, stable)}; stable now: {', '.join(stable[:4])}. If Google has released it since, add it to "
            "models.yaml with its dates and source",
        )
    elif warning := known.warning_on(today):
        warnings.append(f"{entry.key('model')}: {warning}")
    if not allow_base_gemini:
        entry.wrong("model", f"{shown(model)} is base Gemini. {_WAYS_OUT}")
