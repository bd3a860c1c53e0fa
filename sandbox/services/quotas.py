"""The quotas of Vertex AI that a deployment meets, as Service Usage and Cloud Quotas both tell them.

Names of metrics and quotas of accelerators: gcloud 528.0.0, command_lib/ai/model_garden_utils.py. Those of CPUs follow
the errors that users quote (custom_model_serving_cpus, CustomModelServingCPUsPerProjectPerRegion); the families' own,
and the ids of request quotas, are not verified; the display names of requests are those of
cloud.google.com/vertex-ai/docs/quotas. The limits are the sandbox's settings `servingQuota` and `requestQuota`: what
they do not name is unlimited, -1.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox import discovery

if TYPE_CHECKING:
    from sandbox.core import Sandbox

SERVICE = "aiplatform.googleapis.com"
UNLIMITED = -1
_FAMILIES = ("", "n2", "n2d", "c2", "c2d", "c3", "g2", "g4", "a2", "a3", "a4", "a4x")
_ACCELERATORS = {
    "p4_gpus": "P4GPUs",
    "t4_gpus": "T4GPUs",
    "l4_gpus": "L4GPUs",
    "v100_gpus": "V100GPUs",
    "p100_gpus": "P100GPUs",
    "a100_gpus": "A100GPUs",
    "a100_80gb_gpus": "A10080GBGPUs",
    "h100_gpus": "H100GPUs",
    "rtx_pro_6000_gpus": "RTXPRO6000GPUs",
}
_REQUESTS = {
    "online_prediction_requests": ("OnlinePredictionRequests", "Online prediction requests"),
    "resource_management_requests": ("ResourceManagementRequests", "Resource management (CRUD) requests"),
    "lro_submission_requests": ("JobOrLROSubmissionRequests", "Job or LRO submission requests"),
}


@dataclass(frozen=True)
class Quota:
    """One quota for each region; `metric` without the service. `minute` tells a rate from an amount."""

    metric: str
    quota_id: str
    title: str
    minute: bool = False

    @property
    def unit(self) -> str:
        """As Service Usage writes it."""
        return "1/min/{project}/{region}" if self.minute else "1/{project}/{region}"

    @property
    def display_name(self) -> str:
        """As the console shows the quota."""
        return f"{self.title} per minute per region" if self.minute else f"{self.title} per region"

    def limit(self, sandbox: "Sandbox", region: str) -> int:
        """What the settings allow in the region; UNLIMITED where they say nothing."""
        if self.minute:
            by_region = sandbox.settings.request_quota
            return by_region.get(region, by_region.get("*", {})).get(self.metric, UNLIMITED)  # type: ignore[call-overload, no-any-return]
        return sandbox.settings.serving_quota.get(region, {}).get(self.metric, UNLIMITED)


def _all() -> Iterator[Quota]:
    for family in _FAMILIES:
        middle, word = (f"{family}_", f"{family.upper()} ") if family else ("", "")
        id_ = f"CustomModelServing{family.upper()}CPUsPerProjectPerRegion"
        yield Quota(f"custom_model_serving_{middle}cpus", id_, f"Custom model serving {word}CPUs")
    for metric, word in _ACCELERATORS.items():
        id_ = f"CustomModelServing{word}PerProjectPerRegion"
        yield Quota(f"custom_model_serving_nvidia_{metric}", id_, f"Custom model serving Nvidia {word}")
    for metric, (word, title) in _REQUESTS.items():
        yield Quota(metric, f"{word}PerMinutePerProjectPerRegion", title, minute=True)


QUOTAS = tuple(_all())


def regions() -> list[str]:
    """The regions of Vertex AI, from its discovery document."""
    document = discovery.load("aiplatform", "v1")
    return [location for location in (document.locations if document else []) if "-" in location]


def raise_limit(sandbox: "Sandbox", quota: Quota, region: str, value: int) -> None:
    """Grants a new limit: writes it into the settings."""
    name = "request_quota" if quota.minute else "serving_quota"
    limits = getattr(sandbox.settings, name)
    changed = {**limits, region: {**limits.get(region, {}), quota.metric: value}}
    sandbox.configure(sandbox.settings.model_copy(update={name: changed}))
