"""Any sequence of calls on endpoints: every answer is Google's by the document, and the state is the model's."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from sandbox.testing import SandboxHandle, running_sandbox
from tests.sandbox import stateful
from tests.sandbox.documents import check_vertex
from tests.sandbox.model_of_endpoints import QUOTA, Refusals, Rules, Running, Split
from tests.sandbox.vertex import Json, Vertex, machine

# Odd fractions, so that no two operations are due at the same moment as a whole number of seconds passes.
DEPLOY, OTHER = 30.5, 5.25
NETWORK = "projects/123456789012/global/networks/default"
KINDS: dict[str, Json] = {
    "public": {},
    "dedicated": {"dedicatedEndpointEnabled": True},
    "private": {"privateServiceConnectConfig": {"enablePrivateServiceConnect": True}},
    "peered": {"network": NETWORK},
    "peered and dedicated": {"network": NETWORK, "dedicatedEndpointEnabled": True},
}
endpoint_ids = st.sampled_from(["1", "1", "1", "2", "2", "3"])
deployed_ids = st.sampled_from(["11", "12", "13"])
replicas = st.tuples(st.integers(0, 3), st.integers(1, 5))
wild_splits = st.dictionaries(st.sampled_from(["0", "11", "12", "13"]), st.integers(-1, 100), min_size=1, max_size=2)


def splits(rules: Rules, endpoint_id: str, *more: str) -> st.SearchStrategy[Split]:
    """Mostly splits of what is deployed on the endpoint, and of `more`; sometimes nonsense."""
    endpoint = rules.endpoints.get(endpoint_id)
    ids = [*(endpoint.deployed if endpoint else ()), *more]
    right = [{}, *({each: 100} for each in ids), *({a: 70, b: 30} for a in ids for b in ids if a != b)]
    return st.one_of(st.sampled_from(right), st.sampled_from(right), wild_splits)


def deployed(rules: Rules, endpoint_id: str) -> st.SearchStrategy[str]:
    """Mostly a model that is deployed on the endpoint."""
    endpoint = rules.endpoints.get(endpoint_id)
    there = list(endpoint.deployed if endpoint else ())
    return st.one_of(*[st.sampled_from(there)] * (2 * bool(there)), deployed_ids)


class Endpoints(RuleBasedStateMachine):
    """The sandbox on one side, the model on the other, the same calls to both."""

    def __init__(self, sandbox: SandboxHandle) -> None:
        super().__init__()
        sandbox.reset()
        self.vertex = Vertex(sandbox)
        self.sandbox = sandbox
        self.model = Rules()
        self.etags: dict[str, str] = {}

    def name(self, endpoint_id: str) -> str:
        return f"{self.vertex.parent}/endpoints/{endpoint_id}"

    def send(self, verb: str, path: str, refusals: Refusals, kind: str, body: Any = None, **query: Any) -> Json | None:
        """The answer, held to the document; None where it was refused, with one of the refusals."""
        response = self.vertex.send(verb, path, body, **query)
        answer = stateful.held(response, refusals, f"{verb} {path} {body}")
        if answer is not None:
            check_vertex(answer, kind)
        return answer

    def start(self, operation: Json | None, running: Running | None, seconds: float = OTHER) -> None:
        if operation is not None and running is not None:
            running.due += seconds
            self.model.operations[operation["name"]] = running

    @rule(endpoint_id=st.sampled_from(["1", "2", "3", "01"]), kind=st.sampled_from(list(KINDS)), named=st.booleans())
    def create(self, endpoint_id: str, kind: str, named: bool) -> None:
        body = {**KINDS[kind], **({"displayName": "x"} if named else {})}
        refusals = self.model.refuse_create(endpoint_id, kind, named)
        path = f"{self.vertex.parent}/endpoints"
        answer = self.send("POST", path, refusals, "Operation", body, endpointId=endpoint_id)
        self.start(answer, self.model.create(endpoint_id, kind))

    @initialize(kind=st.sampled_from(list(KINDS)[:4]), busy=st.booleans())
    def begin_with_three_endpoints(self, kind: str, busy: bool) -> None:
        self.create("1", "public", True)
        self.create("2", kind, True)
        self.create("3", "dedicated", True)
        self.pass_time(6)
        self.deploy("1", "11", {"0": 100}, (1, 2))
        self.deploy("1", "12", {}, (1, 1))
        self.deploy("2", "11", {"0": 100}, (1, 2))
        self.pass_time(31)
        if busy:
            self.deploy("1", "13", {"11": 60, "0": 40}, (1, 1))
            self.deploy("3", "11", {"0": 100}, (1, 1))

    @rule(endpoint_id=endpoint_ids)
    def delete(self, endpoint_id: str) -> None:
        answer = self.send("DELETE", self.name(endpoint_id), self.model.refuse_delete(endpoint_id), "Operation")
        self.start(answer, self.model.delete(endpoint_id))

    @rule(data=st.data(), endpoint_id=endpoint_ids, deployed_id=st.one_of(deployed_ids, st.just("0")), bounds=replicas)
    def deploy_any(self, data: st.DataObject, endpoint_id: str, deployed_id: str, bounds: tuple[int, int]) -> None:
        self.deploy(endpoint_id, deployed_id, data.draw(splits(self.model, endpoint_id, "0")), bounds)

    def deploy(self, endpoint_id: str, deployed_id: str, split: Split, bounds: tuple[int, int]) -> None:
        refusals = self.model.refuse_deploy(endpoint_id, deployed_id, split, bounds)
        resources = machine(*bounds)
        model = {"id": deployed_id, "model": self.vertex.model("gemma-3-4b"), "dedicatedResources": resources}
        body = {"deployedModel": model, "trafficSplit": split}
        answer = self.send("POST", f"{self.name(endpoint_id)}:deployModel", refusals, "Operation", body)
        self.start(answer, self.model.deploy(endpoint_id, deployed_id, split, bounds), DEPLOY)

    @rule(endpoint_id=endpoint_ids, deployed_id=deployed_ids, first=st.booleans())
    def deploy_a_small_one(self, endpoint_id: str, deployed_id: str, first: bool) -> None:
        self.deploy(endpoint_id, deployed_id, {"0": 100} if first else {}, (1, 2))

    @rule(data=st.data(), endpoint_id=endpoint_ids)
    def undeploy(self, data: st.DataObject, endpoint_id: str) -> None:
        deployed_id = data.draw(deployed(self.model, endpoint_id))
        split = data.draw(splits(self.model, endpoint_id))
        refusals = self.model.refuse_undeploy(endpoint_id, deployed_id, split)
        body = {"deployedModelId": deployed_id, "trafficSplit": split}
        answer = self.send("POST", f"{self.name(endpoint_id)}:undeployModel", refusals, "Operation", body)
        self.start(answer, None if refusals else self.model.undeploy(endpoint_id, deployed_id, split))

    @rule(data=st.data(), endpoint_id=endpoint_ids, bounds=replicas)
    def mutate(self, data: st.DataObject, endpoint_id: str, bounds: tuple[int, int]) -> None:
        deployed_id = data.draw(deployed(self.model, endpoint_id))
        refusals = self.model.refuse_mutate(endpoint_id, deployed_id, bounds)
        resources = {"minReplicaCount": bounds[0], "maxReplicaCount": bounds[1]}
        mask = "dedicatedResources.minReplicaCount,dedicatedResources.maxReplicaCount"
        body = {"deployedModel": {"id": deployed_id, "dedicatedResources": resources}, "updateMask": mask}
        answer = self.send("POST", f"{self.name(endpoint_id)}:mutateDeployedModel", refusals, "Operation", body)
        self.start(answer, self.model.mutate(endpoint_id, deployed_id, bounds))

    @rule(
        data=st.data(),
        endpoint_id=endpoint_ids,
        etag=st.sampled_from(["none", "current", "old"]),
        lost=st.booleans(),
    )
    def set_split(self, data: st.DataObject, endpoint_id: str, etag: str, lost: bool) -> None:
        """With `lost`, the change is made and the answer never comes."""
        split = data.draw(splits(self.model, endpoint_id))
        refusals = self.model.refuse_split(endpoint_id, split, etag == "old")
        body: Json = {"trafficSplit": split}
        if etag != "none":
            body["etag"] = self.etags.get(endpoint_id, "x") if etag == "current" else "AMEw9yold"
        if lost and not refusals:
            self.control("faults", {"method": "*.endpoints.patch", "reset": True, "when": "after", "times": 1})
            with pytest.raises(requests.ConnectionError):
                self.vertex.send("PATCH", self.name(endpoint_id), body, updateMask="trafficSplit")
        else:
            self.send("PATCH", self.name(endpoint_id), refusals, "Endpoint", body, updateMask="trafficSplit")
        if not refusals:
            self.model.endpoints[endpoint_id].split = dict(split)

    @rule(endpoint_id=endpoint_ids)
    def predict(self, endpoint_id: str) -> None:
        refusals = self.model.refuse_predict(endpoint_id)
        body = {"instances": [{"content": "2 + 2"}]}
        answer = self.send("POST", f"{self.name(endpoint_id)}:predict", refusals, "PredictResponse", body)
        if answer is not None:
            assert answer["predictions"] == [{"content": "4"}]
            assert self.model.endpoints[endpoint_id].split[answer["deployedModelId"]] > 0

    @rule(
        endpoint_id=endpoint_ids,
        wrong=st.sampled_from([{"colour": "red"}, {"displayName": 5}, {"labels": "x"}, {"trafficSplit": {"11": "x"}}]),
    )
    def patch_wrongly(self, endpoint_id: str, wrong: Json) -> None:
        refusals: Refusals = {(400, "INVALID_ARGUMENT")}
        self.send("PATCH", self.name(endpoint_id), refusals, "Endpoint", wrong, updateMask="displayName")

    @precondition(lambda self: self.model.operations)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.model.operations, key=lambda n: self.model.operations[n].due)))
        self.vertex.call("POST", f"{name}:cancel", {})
        operation = self.model.operations[name]
        if not operation.done:
            operation.done, operation.outcome = True, 1

    @rule(seconds=st.sampled_from([1, 6, 11, 31, 31]), restored=st.booleans())
    def pass_time(self, seconds: int, restored: bool = False) -> None:
        """Beforehand, the sandbox may be put back to what it is, which changes nothing."""
        if restored:
            self.control("restore", requests.get(f"{self.sandbox.url}/_sandbox/snapshot", timeout=30).json())
        self.control("clock", {"step": seconds})
        self.model.pass_time(seconds)

    def control(self, path: str, body: Json) -> None:
        assert requests.post(f"{self.sandbox.url}/_sandbox/{path}", json=body, timeout=30).status_code == 200

    def listed(self) -> list[Json]:
        """All endpoints, two a page."""
        found: list[Json] = []
        query: Json = {"pageSize": 2}
        while True:
            page = self.vertex.call("GET", f"{self.vertex.parent}/endpoints", **query)
            check_vertex(page, "ListEndpointsResponse")
            found += page.get("endpoints", [])
            if "nextPageToken" not in page:
                return found
            query["pageToken"] = page["nextPageToken"]

    @invariant()
    def the_state_is_the_models(self) -> None:
        shown = {each["name"].rpartition("/")[2]: each for each in self.listed()}
        self.etags = {endpoint_id: each["etag"] for endpoint_id, each in shown.items()}
        assert set(shown) == set(self.model.endpoints)
        for endpoint_id, endpoint in self.model.endpoints.items():
            found = shown[endpoint_id]
            assert found.get("trafficSplit", {}) == endpoint.split
            models = {each["id"]: each["dedicatedResources"] for each in found.get("deployedModels", [])}
            bounds = {i: (each["minReplicaCount"], each["maxReplicaCount"]) for i, each in models.items()}
            assert bounds == endpoint.deployed

    @invariant()
    def operations_are_the_models(self) -> None:
        listed = self.vertex.call("GET", f"{self.vertex.parent}/operations")
        check_vertex(listed, "ListOperationsResponse")
        shown = {each["name"]: each for each in listed.get("operations", [])}
        assert set(shown) == set(self.model.operations)
        for name, operation in self.model.operations.items():
            assert shown[name].get("done", False) is operation.done
            assert shown[name].get("error", {}).get("code") == operation.outcome


@pytest.fixture(scope="module")
def stepped() -> Iterator[SandboxHandle]:
    quota = {"us-central1": {"custom_model_serving_cpus": QUOTA}}
    with running_sandbox(clock_rate=0, deploy_seconds=DEPLOY, operation_seconds=OTHER, serving_quota=quota) as running:
        yield running


def test_any_sequence_of_calls_keeps_googles_rules(stepped: SandboxHandle) -> None:
    def fresh() -> Endpoints:
        stepped_machine = Endpoints(stepped)
        stepped.set(operationSeconds=0)
        stepped.enable("aiplatform")
        stepped.set(operationSeconds=OTHER)
        return stepped_machine

    stateful.run(fresh, steps=30)
