"""A small model of Vertex AI's documented rules on endpoints, to compare the sandbox with.

It says of a call which rules it breaks, each as the (HTTP code, status) of the refusal; a call that breaks none must
succeed, one that breaks some must be refused with one of them. Sources: shared rules of the aiplatform v1 discovery
document (Endpoint, DeployModelRequest, UndeployModelRequest, MutateDeployedModelRequest) and docs "Choose an endpoint
type", "Use private services access endpoints".
"""

from collections.abc import Callable
from dataclasses import dataclass, field

INVALID = (400, "INVALID_ARGUMENT")
PRECONDITION = (400, "FAILED_PRECONDITION")
MISSING = (404, "NOT_FOUND")
TAKEN = (409, "ALREADY_EXISTS")
STALE = (409, "ABORTED")
EXHAUSTED = (429, "RESOURCE_EXHAUSTED")
Refusals = set[tuple[int, str]]
Split = dict[str, int]
CORES = 4
QUOTA = 40


@dataclass
class Endpoint:
    """An endpoint: its connectivity, deployed ids with their replica bounds, and its split."""

    kind: str
    deployed: dict[str, tuple[int, int]] = field(default_factory=dict)
    split: Split = field(default_factory=dict)


@dataclass
class Running:
    """An operation: when it is due, what it then does (None, or the code of its error), and what it is about."""

    due: float
    verb: str
    endpoint: str
    finish: Callable[[], int | None]
    deployed_id: str = ""
    replicas: tuple[int, int] = (0, 0)
    outcome: int | None = None
    done: bool = False


class Rules:
    """All endpoints of a region, and the operations on them; time in seconds since the start."""

    def __init__(self) -> None:
        self.now = 0.0
        self.endpoints: dict[str, Endpoint] = {}
        self.operations: dict[str, Running] = {}

    def pass_time(self, seconds: float) -> None:
        """Lets operations come due, the earliest first."""
        self.now += seconds
        for operation in sorted(self.operations.values(), key=lambda each: each.due):
            if not operation.done and operation.due <= self.now:
                operation.outcome, operation.done = operation.finish(), True

    def running(self, verb: str, endpoint: str) -> list[Running]:
        """The operations of a kind that are under way on an endpoint."""
        return [o for o in self.operations.values() if not o.done and (o.verb, o.endpoint) == (verb, endpoint)]

    def refuse_create(self, endpoint_id: str, kind: str, named: bool) -> Refusals:
        """An id is digits without a leading zero, taken once; displayName is required; connectivities exclude."""
        found: Refusals = set()
        if endpoint_id in self.endpoints or self.running("create", endpoint_id):
            found.add(TAKEN)
        if not named or endpoint_id.startswith("0") or kind == "peered and dedicated":
            found.add(INVALID)
        return found

    def create(self, endpoint_id: str, kind: str) -> Running:
        """The endpoint is there when the operation is done."""

        def finish() -> None:
            self.endpoints[endpoint_id] = Endpoint(kind)

        return Running(self.now, "create", endpoint_id, finish)

    def refuse_delete(self, endpoint_id: str) -> Refusals:
        """Not while a model is deployed or on its way."""
        if endpoint_id not in self.endpoints:
            return {MISSING}
        busy = self.endpoints[endpoint_id].deployed or self.running("deploy", endpoint_id)
        return {PRECONDITION} if busy else set()

    def delete(self, endpoint_id: str) -> Running:
        """The endpoint is gone when the operation is done."""

        def finish() -> None:
            self.endpoints.pop(endpoint_id, None)

        return Running(self.now, "delete", endpoint_id, finish)

    @staticmethod
    def wrong_split(split: Split, ids: set[str]) -> Refusals:
        """Empty, or percentages of deployed models that sum to 100."""
        fits = set(split) <= ids and all(0 <= p <= 100 for p in split.values()) and sum(split.values()) == 100
        return set() if not split or fits else {INVALID}

    def refuse_deploy(self, endpoint_id: str, deployed_id: str, split: Split, replicas: tuple[int, int]) -> Refusals:
        """Id of 1 to 10 digits, free; a right split with "0" for itself; 1 <= min <= max; quota; one if peered."""
        if endpoint_id not in self.endpoints:
            return {MISSING}
        endpoint = self.endpoints[endpoint_id]
        coming = {operation.deployed_id for operation in self.running("deploy", endpoint_id)}
        found = self.wrong_split(split, {*endpoint.deployed, "0"})
        if deployed_id == "0" or not deployed_id.isdigit() or not 1 <= replicas[0] <= replicas[1]:
            found.add(INVALID)
        if deployed_id in {*endpoint.deployed, *coming}:
            found.add(TAKEN)
        if endpoint.kind == "peered" and (endpoint.deployed or coming or split not in ({}, {"0": 100})):
            found.add(PRECONDITION)
        if self.cores() + CORES * replicas[1] > QUOTA:
            found.add(EXHAUSTED)
        return found

    def cores(self) -> int:
        """What all that is deployed or on its way takes at full scale."""
        deployed = [most for endpoint in self.endpoints.values() for _, most in endpoint.deployed.values()]
        coming = [o.replicas[1] for o in self.operations.values() if o.verb == "deploy" and not o.done]
        return CORES * sum([*deployed, *coming])

    def deploy(self, endpoint_id: str, deployed_id: str, split: Split, replicas: tuple[int, int]) -> Running:
        """The split is checked once more when the model is there: others may have gone meanwhile."""

        def finish() -> int | None:
            endpoint = self.endpoints.get(endpoint_id)
            if endpoint is None:
                return 5
            real = {deployed_id if key == "0" else key: percent for key, percent in split.items()}
            if self.wrong_split(real, {*endpoint.deployed, deployed_id}):
                return 3
            endpoint.deployed[deployed_id] = replicas
            if real and endpoint.kind != "peered":
                endpoint.split = real
            return None

        return Running(self.now, "deploy", endpoint_id, finish, deployed_id, replicas)

    def refuse_undeploy(self, endpoint_id: str, deployed_id: str, split: Split) -> Refusals:
        """Deployed, without traffic unless the request takes it away or it is the last one."""
        if endpoint_id not in self.endpoints or deployed_id not in self.endpoints[endpoint_id].deployed:
            return {MISSING}
        endpoint, leaving = self.endpoints[endpoint_id], self.leaving(endpoint_id)
        left = set(endpoint.deployed) - leaving
        found = self.wrong_split(split, left)
        if deployed_id in leaving:
            found.add(PRECONDITION)
        if left != {deployed_id} and (split or endpoint.split).get(deployed_id):
            found.add(PRECONDITION)
        return found

    def leaving(self, endpoint_id: str) -> set[str]:
        """The models that are being undeployed."""
        return {operation.deployed_id for operation in self.running("undeploy", endpoint_id)}

    def undeploy(self, endpoint_id: str, deployed_id: str, split: Split) -> Running:
        """Traffic goes at once, the model when the operation is done; the last one takes the split along."""
        endpoint = self.endpoints[endpoint_id]
        last = set(endpoint.deployed) - self.leaving(endpoint_id) == {deployed_id}
        kept = {} if last else split or endpoint.split
        endpoint.split = {key: percent for key, percent in kept.items() if key != deployed_id}

        def finish() -> None:
            if endpoint_id in self.endpoints:
                self.endpoints[endpoint_id].deployed.pop(deployed_id, None)

        return Running(self.now, "undeploy", endpoint_id, finish, deployed_id)

    def refuse_mutate(self, endpoint_id: str, deployed_id: str, replicas: tuple[int, int]) -> Refusals:
        """Deployed; 1 <= min <= max; within quota."""
        if endpoint_id not in self.endpoints or deployed_id not in self.endpoints[endpoint_id].deployed:
            return {MISSING}
        found: Refusals = set() if 1 <= replicas[0] <= replicas[1] else {INVALID}
        current = self.endpoints[endpoint_id].deployed[deployed_id][1]
        if self.cores() + CORES * (replicas[1] - current) > QUOTA:
            found.add(EXHAUSTED)
        return found

    def mutate(self, endpoint_id: str, deployed_id: str, replicas: tuple[int, int]) -> Running:
        """The bounds are the new ones when the operation is done, if the model still is."""

        def finish() -> int | None:
            endpoint = self.endpoints.get(endpoint_id)
            if endpoint is None or deployed_id not in endpoint.deployed:
                return 5
            endpoint.deployed[deployed_id] = replicas
            return None

        return Running(self.now, "mutate", endpoint_id, finish, deployed_id)

    def refuse_split(self, endpoint_id: str, split: Split, stale: bool) -> Refusals:
        """The etag, where one is given, is the current one; a peered endpoint has no split."""
        if endpoint_id not in self.endpoints:
            return {MISSING}
        endpoint = self.endpoints[endpoint_id]
        found = self.wrong_split(split, set(endpoint.deployed))
        if stale:
            found.add(STALE)
        if endpoint.kind == "peered" and split:
            found.add(PRECONDITION)
        return found

    def refuse_predict(self, endpoint_id: str) -> Refusals:
        """On the shared host only a shared public endpoint answers, and only with a split."""
        if endpoint_id not in self.endpoints:
            return {MISSING}
        endpoint = self.endpoints[endpoint_id]
        return set() if endpoint.kind == "public" and endpoint.split else {PRECONDITION}
