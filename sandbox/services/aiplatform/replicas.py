"""How many replicas a deployed model has: they follow its request rate between its bounds.

One replica takes so many requests a minute: the target of the metric `request_count` where the model scales by that,
else `requestsPerReplica` at the default CPU target of 60 %, and in proportion at another. A replica is added as soon as
the last minute asks for it, serves `replicaStartSeconds` later, and goes when no minute of the last `scaleDownSeconds`
asked for it. A model with a scaleToZeroSpec (v1beta1) goes to none when it has been up for minScaleupPeriod and was not
called for idleScaledownPeriod; the next call is refused with 429 and starts one.

Sources: cloud.google.com/vertex-ai/docs/predictions/autoscaling; discovery, DedicatedResources and its ScaleToZeroSpec.
The rate that a replica takes is the sandbox's own choice.
"""

import math
from collections import deque

from sandbox.core import Sandbox
from sandbox.errors import Json
from sandbox.services.aiplatform import scale_to_zero

_BUCKET = 10.0
_MINUTE = 60.0
_DEFAULT_TARGET = 60
_REQUESTS = "aiplatform.googleapis.com/prediction/online/request_count"
_CPU = "aiplatform.googleapis.com/prediction/online/cpu/utilization"


class Load:
    """The requests that one deployed model got, in buckets of ten seconds."""

    def __init__(self) -> None:
        self._buckets: deque[list[float]] = deque()
        self.last = 0.0
        # When a model that had been at zero was called again.
        self.woken = 0.0

    def add(self, now: float, keep: float) -> None:
        """Counts one request, and forgets what is older than `keep` seconds and a minute."""
        start = math.floor(now / _BUCKET) * _BUCKET
        if not self._buckets or self._buckets[-1][0] < start:
            self._buckets.append([start, 0])
        self._buckets[-1][1] += 1
        self.last = max(self.last, now)
        while self._buckets[0][0] < now - keep - 2 * _MINUTE:
            self._buckets.popleft()

    def most_in_a_minute(self, now: float, window: float, until: float | None = None) -> float:
        """The most requests that any minute which ended within the last `window` seconds had.

        With `until`, only minutes that ended by then count: what is asked for after it is not there yet.
        """
        end_of_all = now if until is None else until
        buckets = [(start, count) for start, count in self._buckets if start <= end_of_all]
        ends = [end for end, _ in buckets if end >= now - window - _MINUTE] + [end_of_all]
        best, first, running, position = 0.0, 0, 0.0, 0
        for end in sorted(ends):
            while position < len(buckets) and buckets[position][0] <= end:
                running += buckets[position][1]
                position += 1
            while first < position and buckets[first][0] <= end - _MINUTE:
                running -= buckets[first][1]
                first += 1
            best = max(best, running)
        return best


def served(sandbox: Sandbox, endpoint: str, deployed_id: str, *, woken: bool = False) -> None:
    """Counts one request for a deployed model; `woken` where it found the model at zero."""
    load: Load = sandbox.memory.setdefault(f"load:{endpoint}/{deployed_id}", Load())
    now = sandbox.clock.now()
    if woken:
        load.woken = now
    load.add(now, sandbox.settings.scale_down_seconds)


def available(sandbox: Sandbox, endpoint: str, deployed: Json, at: float | None = None) -> int:
    """Replicas of a deployed model that serve now, or did at an earlier time since its last request."""
    now = sandbox.clock.now() if at is None else at
    return _replicas(sandbox, endpoint, deployed, sandbox.settings.replica_start_seconds, now)


def target(sandbox: Sandbox, endpoint: str, deployed: Json, at: float | None = None) -> int:
    """Replicas that its load asks for, those that are still starting included."""
    return _replicas(sandbox, endpoint, deployed, 0.0, sandbox.clock.now() if at is None else at)


def _replicas(sandbox: Sandbox, endpoint: str, deployed: Json, start_seconds: float, now: float) -> int:
    resources = deployed.get("dedicatedResources") or deployed.get("automaticResources") or {}
    least, most = resources.get("minReplicaCount", 1), resources.get("maxReplicaCount", 1)
    load: Load | None = sandbox.memory.get(f"load:{endpoint}/{deployed['id']}")
    if resources.get("scaleToZeroSpec") and not least:
        woken, last = (load.woken, load.last) if load else (0.0, 0.0)
        least = scale_to_zero.least_awake(
            deployed, woken=woken, last_request=last, now=now, start_seconds=start_seconds
        )
        if not least:
            return 0
    if load is None:
        return int(least)
    window = max(sandbox.settings.scale_down_seconds, start_seconds)
    requests = load.most_in_a_minute(now, window, now - start_seconds)
    wanted = math.ceil(requests / _capacity(resources, sandbox.settings.requests_per_replica))
    return int(min(max(wanted, least), most))


def _capacity(resources: Json, per_replica: int) -> float:
    """Requests a minute that one replica takes before another is added."""
    targets = {s["metricName"]: s.get("target", _DEFAULT_TARGET) for s in resources.get("autoscalingMetricSpecs", [])}
    capacities = [float(targets[_REQUESTS])] if _REQUESTS in targets else []
    if _CPU in targets or not capacities:
        capacities.append(per_replica * targets.get(_CPU, _DEFAULT_TARGET) / _DEFAULT_TARGET)
    return min(capacities)


def with_status(sandbox: Sandbox, endpoint: Json) -> Json:
    """The endpoint with `status.availableReplicaCount` of each deployed model as it is now."""
    models = []
    for deployed in endpoint.get("deployedModels", []):
        count = available(sandbox, endpoint["name"], deployed)
        status = {"availableReplicaCount": count, "lastUpdateTime": sandbox.clock.stamp()}
        models.append({**deployed, "status": status} if deployed.get("dedicatedResources") else deployed)
    return {**endpoint, "deployedModels": models} if models else endpoint
