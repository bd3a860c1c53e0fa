"""Scale to zero (v1beta1, preview): when a model sleeps, and what its specification may say.

Source: discovery, DedicatedResources.initialReplicaCount and ScaleToZeroSpec. Without initialReplicaCount the sandbox
starts such a model asleep, which Google's description leaves open.
"""

from datetime import datetime

from sandbox.errors import Json
from sandbox.services.aiplatform.names import wrong_field

_SHORTEST, _LONGEST = 300.0, 28800.0
_FIELD = "deployed_model.dedicated_resources"


def check(resources: Json) -> None:
    """Refuses periods that are not between 300 and 28800 seconds, and an initialReplicaCount that does not fit."""
    for field, name in (("minScaleupPeriod", "min_scaleup_period"), ("idleScaledownPeriod", "idle_scaledown_period")):
        if not _SHORTEST <= _period(resources, field) <= _LONGEST:
            raise wrong_field(f"{_FIELD}.scale_to_zero_spec.{name}", "must be between 300 and 28800 seconds.")
    initial = resources.get("initialReplicaCount")
    if initial is None:
        return
    if resources["minReplicaCount"] > 0:
        raise wrong_field(f"{_FIELD}.initial_replica_count", "should not be set when min_replica_count is above 0.")
    if not 0 < initial <= resources["maxReplicaCount"]:
        most = resources["maxReplicaCount"]
        raise wrong_field(f"{_FIELD}.initial_replica_count", f"must be between 1 and max_replica_count ({most}).")


def least_awake(deployed: Json, *, woken: float, last_request: float, now: float, start_seconds: float) -> int:
    """The replicas that a model which may sleep has without regard to its load: 0 while it sleeps or only starts.

    Args:
        deployed: the deployed model.
        woken: when a call last found it asleep, 0 for never.
        last_request: when it was last called, 0 for never.
        now: the time.
        start_seconds: how long a replica takes to start.
    """
    resources = deployed["dedicatedResources"]
    initial = int(resources.get("initialReplicaCount") or 0)
    begun = woken + start_seconds
    if not woken:
        if not initial:
            return 0
        begun = datetime.fromisoformat(deployed["createTime"]).timestamp()
    if now < begun:
        return 0
    settled = begun + _period(resources, "minScaleupPeriod")
    if now < settled:
        return max(initial, 1)
    return 1 if now < max(settled, last_request + _period(resources, "idleScaledownPeriod")) else 0


def _period(resources: Json, field: str) -> float:
    spec = resources.get("scaleToZeroSpec") or {}
    return float(str(spec[field]).removesuffix("s")) if spec.get(field) else _SHORTEST
