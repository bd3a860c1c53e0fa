"""Quota needed at full size against quota had (serviceusage v1beta1 `consumerQuotaMetrics.list`).

Metrics of accelerators: gcloud 528.0.0, command_lib/ai/model_garden_utils.py. A deployment takes maxReplicaCount times
the machine's cores and accelerators, whatever runs (aiplatform v1, DedicatedResources.maxReplicaCount). Request quotas
are recognised by the titles of cloud.google.com/vertex-ai/docs/quotas, as their ids are not documented. What others
in the project take of a quota is not counted.
"""

import math
import re
from dataclasses import dataclass
from typing import Any, Final

from preflight.finding import Finding
from preflight.google import Google, RefusedError, quota_page, unmade
from settings import DeploymentSettings, Settings

SERVICE: Final = "aiplatform.googleapis.com"
_SERVING: Final = f"{SERVICE}/custom_model_serving_"
_ACCELERATORS: Final = {
    "NVIDIA_TESLA_P4": "nvidia_p4_gpus",
    "NVIDIA_TESLA_T4": "nvidia_t4_gpus",
    "NVIDIA_TESLA_P100": "nvidia_p100_gpus",
    "NVIDIA_TESLA_V100": "nvidia_v100_gpus",
    "NVIDIA_L4": "nvidia_l4_gpus",
    "NVIDIA_TESLA_A100": "nvidia_a100_gpus",
    "NVIDIA_A100_80GB": "nvidia_a100_80gb_gpus",
    "NVIDIA_H100_80GB": "nvidia_h100_gpus",
    "NVIDIA_RTX_PRO_6000": "nvidia_rtx_pro_6000_gpus",
}
# Cores for each accelerator of the machines that are named by these (Compute Engine's accelerator-optimized families).
_CORES: Final = {"a2-megagpu": 6, "a2": 12, "a3-ultragpu": 28, "a3": 26, "a4": 28, "a4x": 35}
# ct5lp's chips have a quota of their own and no cores to count.
_TPU: Final = {"ct5lp": "tpu_v5e"}
_UNLIMITED: Final = -1
_LRO: Final = re.compile(r"job or (lro|long.running operation).*submission requests", re.IGNORECASE)
_ONLINE: Final = re.compile(r"online (prediction|inference) requests( per minute.*)?", re.IGNORECASE)


@dataclass(frozen=True)
class Shortage:
    """A quota that is too small: its metric, in which region, what the stack takes and what there is."""

    metric: str
    region: str
    needed: int
    limit: int


def serving_need(models: tuple[DeploymentSettings, ...]) -> tuple[dict[str, int], list[str]]:
    """What all models take at their most replicas, by metric, and a sentence for each part that is not known."""
    needed: dict[str, int] = {}
    unknown = []
    for model in models:
        if model.machine_type is None:
            continue
        replicas = model.max_replica_count or 1
        for metric, amount in _replica(model.machine_type, model.accelerator_type, model.accelerator_count).items():
            if amount is None:
                unknown.append(f"{model.display_name}: not compared, the quota of {metric} is not known here")
            else:
                needed[_SERVING + metric] = needed.get(_SERVING + metric, 0) + replicas * amount
    return needed, unknown


def _replica(machine: str, accelerator: str | None, count: int | None) -> dict[str, int | None]:
    family, _, size = machine.partition("-")
    chips = re.fullmatch(r".*-(\d+)([gt])", machine)
    taken: dict[str, int | None] = {}
    if chips and chips[2] == "t":
        taken[_TPU.get(family, machine)] = int(chips[1]) if family in _TPU else None
    elif chips:
        each = _CORES.get(f"{family}-{size.partition('-')[0]}", _CORES[family])
        taken[f"{family}_cpus"] = each * int(chips[1])
    else:
        # N1 and E2 share the metric without a family.
        taken["cpus" if family in ("n1", "e2") else f"{family}_cpus"] = int(size.rpartition("-")[2])
    if accelerator:
        taken[_ACCELERATORS.get(accelerator, accelerator)] = (count or 1) if accelerator in _ACCELERATORS else None
    return taken


def check_quota(google: Google, settings: Settings) -> tuple[list[Finding], list[Shortage] | None]:
    """Serving quota, requests a minute, and submissions of long-running operations, in the stack's region.

    The shortages are None where the quota could not be read. What has no limit to compare with says "not compared".
    """
    path = f"v1beta1/projects/{settings.project}/services/{SERVICE}/consumerQuotaMetrics"
    try:
        listed = google.get("serviceusage.googleapis.com", path, pageSize="1000").get("metrics", [])
    except RefusedError as error:
        return [unmade("quota", error, settings.project, "serviceusage.quotas.get", google.member)], None
    region = settings.region
    limits = {metric["metric"]: _limit(metric, region) for metric in listed}
    needed, unknown = serving_need(settings.models)
    found: list[Finding] = []
    short: list[Shortage] = []
    for metric, amount in sorted(needed.items()):
        limit = limits.get(metric)
        finding, lacking = _compare(metric, region, amount, limit)
        # Another model or machine comes up beside the one that it replaces.
        spare = max(serving_need((model,))[0].get(metric, 0) for model in settings.models)
        if finding.status == "ok" and limit is not None and limit != _UNLIMITED and amount + spare > limit:
            seen = f"{finding.seen}; an upgrade, old and new side by side, takes up to {amount + spare}"
            finding = Finding("quota", "warn", seen)
        found.append(finding)
        short += [lacking] if lacking else []
    found += [Finding("quota", "warn", sentence, quota_page(settings.project)) for sentence in unknown]
    online, lacking = _online(settings, listed)
    found.append(online)
    short += [lacking] if lacking else []
    # Preparing the endpoint is one submission; at an upgrade every model is deployed anew and the old one undeployed.
    submissions = 1 + 2 * len(settings.models) if settings.models else 0
    lro = next((metric for metric in listed if _LRO.fullmatch(metric.get("displayName", ""))), None)
    if lro is None:
        seen = f"submissions of operations: takes {submissions} a minute; not compared, no such quota was found"
        found.append(Finding("quota", "warn", seen, quota_page(settings.project)))
    else:
        finding, lacking = _compare(lro["metric"], region, submissions, _limit(lro, region), " a minute")
        found.append(finding)
        short += [lacking] if lacking else []
    return found, short


def _compare(
    metric: str, region: str, needed: int, limit: int | None, unit: str = ""
) -> tuple[Finding, Shortage | None]:
    name = metric.removeprefix(f"{SERVICE}/")
    if limit is None:
        seen = f"{name} in {region}: takes {needed}{unit}; not compared, Google lists no such quota for the project"
        return Finding("quota", "warn", seen), None
    had = "no limit" if limit == _UNLIMITED else f"a limit of {limit}"
    if limit == _UNLIMITED or limit >= needed:
        return Finding("quota", "ok", f"{name} in {region}: takes {needed}{unit} of {had}"), None
    fix = "add --request-quota, or lower maxReplicaCount, or take another machineType or region"
    seen = f"{name} in {region}: takes {needed}{unit}, has {had}"
    return Finding("quota", "fail", seen, fix), Shortage(metric, region, needed, limit)


def _online(settings: Settings, listed: list[dict[str, Any]]) -> tuple[Finding, Shortage | None]:
    """What the application is expected to ask a minute against the limit of the shared host, the only one with one."""
    what, endpoint, expected = "requests a minute", settings.endpoint, settings.expected_requests_per_minute
    if endpoint is None:
        seen = f"{what}: not compared, managed models have dynamic shared quota or Provisioned Throughput"
        return Finding("quota", "ok", seen), None
    if endpoint.connectivity != "public" or endpoint.dedicated:
        return Finding("quota", "ok", f"{what}: not compared, no limit on an endpoint with an address of its own"), None
    quota = next((metric for metric in listed if _ONLINE.fullmatch(metric.get("displayName", ""))), None)
    limit = _limit(quota, settings.region) if quota else None
    if quota is None or limit is None:
        seen = f"{what}: not compared, no quota of that title was found"
        return Finding("quota", "warn", seen, quota_page(settings.project)), None
    had = "no limit" if limit == _UNLIMITED else f"{limit} on the shared host, all endpoints of the region together"
    if expected is None:
        seen = f"{what}: {had}; not compared, as gemini-vertex:expectedRequestsPerMinute is not set"
        return Finding("quota", "warn", seen), None
    needed = math.ceil(expected * sum(settings.traffic[model.display_name] for model in settings.models) / 100)
    if limit == _UNLIMITED or limit >= needed:
        return Finding("quota", "ok", f"{what}: takes {needed} of {had}"), None
    fix = f"add --request-quota, or send less: gemini-vertex:expectedRequestsPerMinute is {expected}"
    shortage = Shortage(quota["metric"], settings.region, needed, limit)
    return Finding("quota", "fail", f"{what}: takes {needed}, has {had}", fix), shortage


def _limit(metric: dict[str, Any], region: str) -> int | None:
    """The effective limit in the region: its own bucket's, else that of the bucket without a region."""
    best: tuple[int, int] | None = None
    for limit in metric.get("consumerQuotaLimits", []):
        for bucket in limit.get("quotaBuckets", []):
            dimensions = bucket.get("dimensions", {})
            if dimensions.get("region", region) != region or set(dimensions) - {"region"}:
                continue
            rank = len(dimensions)
            value = int(bucket.get("effectiveLimit", 0))
            if best is None or rank > best[0]:
                best = (rank, value)
    return best[1] if best else None
