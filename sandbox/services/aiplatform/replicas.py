"""How many replicas a deployed model has: they follow its request rate between its bounds.

One replica takes `requestsPerReplica` requests a minute. A replica is added as soon as the last minute asks for it, and
goes when no minute of the last `scaleDownSeconds` asked for it.
"""

import math
from collections import deque

from sandbox.core import Sandbox
from sandbox.errors import Json

_BUCKET = 10.0
_MINUTE = 60.0


class Load:
    """The requests that one deployed model got, in buckets of ten seconds."""

    def __init__(self) -> None:
        self._buckets: deque[list[float]] = deque()

    def add(self, now: float, keep: float) -> None:
        """Counts one request, and forgets what is older than `keep` seconds and a minute."""
        start = math.floor(now / _BUCKET) * _BUCKET
        if not self._buckets or self._buckets[-1][0] < start:
            self._buckets.append([start, 0])
        self._buckets[-1][1] += 1
        while self._buckets[0][0] < now - keep - 2 * _MINUTE:
            self._buckets.popleft()

    def most_in_a_minute(self, now: float, window: float) -> float:
        """The most requests that any minute which ended within the last `window` seconds had."""
        best = sum(count for start, count in self._buckets if start > now - _MINUTE)
        for end, _ in self._buckets:
            if end >= now - window - _MINUTE:
                best = max(best, sum(count for start, count in self._buckets if end - _MINUTE < start <= end))
        return best


def served(sandbox: Sandbox, endpoint: str, deployed_id: str) -> None:
    """Counts one request for a deployed model."""
    load: Load = sandbox.memory.setdefault(f"load:{endpoint}/{deployed_id}", Load())
    load.add(sandbox.clock.now(), sandbox.settings.scale_down_seconds)


def available(sandbox: Sandbox, endpoint: str, deployed: Json) -> int:
    """Replicas of a deployed model now."""
    resources = deployed.get("dedicatedResources") or deployed.get("automaticResources") or {}
    least, most = resources.get("minReplicaCount", 1), resources.get("maxReplicaCount", 1)
    load: Load | None = sandbox.memory.get(f"load:{endpoint}/{deployed['id']}")
    if load is None:
        return int(least)
    settings = sandbox.settings
    requests = load.most_in_a_minute(sandbox.clock.now(), settings.scale_down_seconds)
    return int(min(max(math.ceil(requests / settings.requests_per_replica), least), most))


def with_status(sandbox: Sandbox, endpoint: Json) -> Json:
    """The endpoint with `status.availableReplicaCount` of each deployed model as it is now."""
    models = []
    for deployed in endpoint.get("deployedModels", []):
        count = available(sandbox, endpoint["name"], deployed)
        status = {"availableReplicaCount": count, "lastUpdateTime": sandbox.clock.stamp()}
        models.append({**deployed, "status": status} if deployed.get("dedicatedResources") else deployed)
    return {**endpoint, "deployedModels": models} if models else endpoint
