"""Any sequence of calls on models and operations: every answer is Google's by the document, the state a small model's.

Rules: discovery aiplatform v1, projects.locations.models (upload, get, list, delete) and operations (get, list, wait,
cancel, delete); a running operation that is to be deleted is refused by the sandbox's own choice.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sandbox.testing import SandboxHandle, running_sandbox
from tests.sandbox import stateful
from tests.sandbox.documents import check_vertex
from tests.sandbox.model_of_endpoints import INVALID, MISSING, PRECONDITION, TAKEN, Refusals
from tests.sandbox.vertex import Json, Vertex, machine

# Odd fractions, so that what begins at whole seconds is never due at the same moment as something else.
DEPLOY, OTHER = 11.5, 5.25
SEEDED = ("gemma-3-4b", "gemma-3-12b", "own-assistant", "tuned-gemini")
CANCELLED, NOT_FOUND, FAILED_PRECONDITION = 1, 5, 9
own_ids = st.sampled_from(["own-a", "own-a", "own-b", "own-b", "gemma-3-4b"])
containers: st.SearchStrategy[Json | None] = st.sampled_from([None, {"imageUri": "europe-docker.pkg.dev/p/r/i"}, {}])


@dataclass
class Running:
    """An operation: when it is due, what it then does (None, or the code of its error), and what it is about."""

    verb: str
    model: str
    due: float
    finish: Callable[[], int | None]
    deployed_id: str = ""
    outcome: int | None = None
    done: bool = False


@dataclass
class State:
    """Models by id with their display names, what is deployed of them, and all operations by their names."""

    now: float = 0.0
    models: dict[str, str] = field(default_factory=lambda: {each: each for each in SEEDED})
    deployed: dict[str, str] = field(default_factory=dict)
    operations: dict[str, Running] = field(default_factory=dict)

    def pass_time(self, seconds: float) -> None:
        """Lets operations come due, the earliest first."""
        self.now += seconds
        for operation in sorted(self.operations.values(), key=lambda each: each.due):
            if not operation.done and operation.due <= self.now:
                operation.outcome, operation.done = operation.finish(), True

    def running(self, verb: str) -> list[Running]:
        """The operations of a kind that are under way."""
        return [each for each in self.operations.values() if not each.done and each.verb == verb]

    def delete(self, model: str) -> int | None:
        """A model that was deployed meanwhile stays."""
        if model in self.deployed.values():
            return FAILED_PRECONDITION
        self.models.pop(model, None)
        return None

    def deploy(self, deployed_id: str, model: str) -> int | None:
        """A model that was deleted meanwhile is not deployed."""
        if model not in self.models:
            return NOT_FOUND
        self.deployed[deployed_id] = model
        return None


class Models(RuleBasedStateMachine):
    """The sandbox on one side, the state on the other, the same calls to both."""

    def __init__(self, sandbox: SandboxHandle) -> None:
        super().__init__()
        sandbox.reset()
        sandbox.set(operationSeconds=0)
        sandbox.enable("aiplatform")
        self.vertex = Vertex(sandbox)
        self.endpoint = self.vertex.create()
        self.created = {each["name"] for each in self.listed("operations", "ListOperationsResponse")}
        sandbox.set(operationSeconds=OTHER)
        self.state, self.deployments = State(), 0

    def send(self, verb: str, path: str, refusals: Refusals, kind: str, body: Any = None, **query: Any) -> Json | None:
        """The answer, held to the document; None where it was refused, with one of the refusals."""
        response = self.vertex.send(verb, path, body, **query)
        answer = stateful.held(response, refusals, f"{verb} {path} {body}")
        if answer is not None:
            check_vertex(answer, kind)
        return answer

    def start(self, answer: Json | None, running: Running) -> None:
        if answer is not None:
            assert answer["name"] not in self.state.operations
            self.state.operations[answer["name"]] = running

    def missing(self, model: str) -> Refusals:
        return set() if model in self.state.models else {MISSING}

    def some(self, data: st.DataObject) -> str:
        """Mostly a model that is there."""
        there = st.sampled_from(sorted(self.state.models) or ["own-a"])
        return str(data.draw(st.one_of(there, there, own_ids)))

    @initialize()
    def begin_with_an_own_model(self) -> None:
        self.upload("own-a", "first", {}, None)
        self.pass_time(6)
        self.deploy("own-a")

    @rule(
        model=st.one_of(own_ids, own_ids, st.sampled_from(["Own", "1st", "-own"])),
        title=st.sampled_from(["first", "first", "second", ""]),
        labels=st.sampled_from([{}, {"team": "genai"}, {"Team": "genai"}]),
        container=containers,
    )
    def upload(self, model: str, title: str, labels: Json, container: Json | None) -> None:
        """An id of lowercase letters, digits and hyphens, free; a display name; right labels; an image, if any part."""
        refusals: Refusals = set()
        if model in self.state.models or any(each.model == model for each in self.state.running("upload")):
            refusals.add(TAKEN)
        if not title or "Team" in labels or container == {} or model in ("Own", "1st", "-own"):
            refusals.add(INVALID)
        given = {"displayName": title, "labels": labels, "containerSpec": container}
        body = {"modelId": model, "model": {k: v for k, v in given.items() if v or v == {} == container}}
        answer = self.send("POST", f"{self.vertex.parent}/models:upload", refusals, "Operation", body)
        due = self.state.now + OTHER
        self.start(answer, Running("upload", model, due, lambda: self.state.models.update({model: title})))

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """Not while an endpoint has it deployed."""
        model = self.some(data)
        refusals = self.missing(model)
        if model in self.state.deployed.values():
            refusals.add(PRECONDITION)
        answer = self.send("DELETE", self.vertex.model(model), refusals, "Operation")
        self.start(answer, Running("delete", model, self.state.now + OTHER, lambda: self.state.delete(model)))

    @rule(data=st.data(), version=st.sampled_from(["", "@1", "@default", "@2"]))
    def get(self, data: st.DataObject, version: str) -> None:
        """With or without a version, of which there is one."""
        model = self.some(data)
        refusals = self.missing(model) | ({MISSING} if version == "@2" else set())
        answer = self.send("GET", self.vertex.model(model) + version, refusals, "Model")
        if answer is not None:
            assert answer["name"].endswith(f"/models/{model}")
            assert answer["displayName"] == self.state.models[model]

    @rule(wanted=st.sampled_from(['displayName="first"', "display_name=second", "displayName>first", "colour=red"]))
    def list_some(self, wanted: str) -> None:
        title = "first" if "first" in wanted else "second"
        refusals: Refusals = {INVALID} if ">" in wanted or "colour" in wanted else set()
        answer = self.send("GET", f"{self.vertex.parent}/models", refusals, "ListModelsResponse", filter=wanted)
        if answer is not None:
            found = {each["name"].rpartition("/")[2] for each in answer.get("models", [])}
            assert found == {model for model, its in self.state.models.items() if its == title}

    @rule(data=st.data())
    def deploy_any(self, data: st.DataObject) -> None:
        self.deploy(data.draw(own_ids))

    def deploy(self, model: str) -> None:
        """A model that is there, without traffic."""
        self.deployments += 1
        deployed_id = str(self.deployments)
        wanted = {"id": deployed_id, "model": self.vertex.model(model), "dedicatedResources": machine()}
        path = f"{self.endpoint}:deployModel"
        answer = self.send("POST", path, self.missing(model), "Operation", {"deployedModel": wanted})
        due = self.state.now + DEPLOY
        self.start(answer, Running("deploy", model, due, lambda: self.state.deploy(deployed_id, model)))

    @precondition(lambda self: self.state.deployed)
    @rule(data=st.data())
    def undeploy(self, data: st.DataObject) -> None:
        deployed_id = data.draw(st.sampled_from(sorted(self.state.deployed)))
        leaving = {each.deployed_id for each in self.state.running("undeploy")}
        refusals: Refusals = {PRECONDITION} if deployed_id in leaving else set()
        path = f"{self.endpoint}:undeployModel"
        answer = self.send("POST", path, refusals, "Operation", {"deployedModelId": deployed_id})

        def finish() -> None:
            self.state.deployed.pop(deployed_id, None)

        self.start(answer, Running("undeploy", "", self.state.now + OTHER, finish, deployed_id))

    def an_operation(self, data: st.DataObject) -> tuple[str, Running | None]:
        """One, called by its own name or, as gcloud does, below the location alone; now and then none at all."""
        name = str(data.draw(st.sampled_from([*self.state.operations, f"{self.vertex.parent}/operations/1"])))
        found = self.state.operations.get(name)
        short = f"{self.vertex.parent}/operations/{name.rpartition('/')[2]}"
        return data.draw(st.sampled_from([name, short])), found

    @rule(
        data=st.data(),
        way=st.sampled_from(["get", "wait", "wait", "wait"]),
        timeout=st.sampled_from(["0s", "-1s", "x"]),
    )
    def look(self, data: st.DataObject, way: str, timeout: str) -> None:
        """A wait whose time is up at once is a get."""
        name, operation = self.an_operation(data)
        refusals: Refusals = set() if operation else {MISSING}
        if way == "get":
            answer = self.send("GET", name, refusals, "Operation")
        else:
            refusals |= {INVALID} if timeout == "x" else set()
            answer = self.send("POST", f"{name}:wait", refusals, "Operation", {}, timeout=timeout)
        if answer is not None and operation:
            assert answer.get("done", False) is operation.done
            assert answer.get("error", {}).get("code") == operation.outcome
            assert ("response" in answer) is (operation.done and operation.outcome is None)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """What is under way ends without its change; what is done stays as it is."""
        name, operation = self.an_operation(data)
        refusals: Refusals = set() if operation else {MISSING}
        response = self.send("POST", f"{name}:cancel", refusals, "Operation", {})
        assert response in (None, {})
        if operation and not operation.done:
            operation.done, operation.outcome = True, CANCELLED

    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        """A finished operation; what it made stays."""
        name, operation = self.an_operation(data)
        refusals: Refusals = set() if operation else {MISSING}
        if operation and not operation.done:
            refusals.add(PRECONDITION)
        if self.send("DELETE", name, refusals, "Operation") is not None:
            self.state.operations = {k: v for k, v in self.state.operations.items() if v is not operation}

    @rule(seconds=st.sampled_from([1, 6, 6, 12]))
    def pass_time(self, seconds: int) -> None:
        url = f"{self.vertex.sandbox.url}/_sandbox/clock"
        requests.post(url, json={"step": seconds}, timeout=30).raise_for_status()
        self.state.pass_time(seconds)

    def listed(self, collection: str, kind: str, parent: str = "") -> list[Json]:
        """All of a collection, three a page."""
        found: list[Json] = []
        query: Json = {"pageSize": 3}
        while True:
            page = self.vertex.call("GET", f"{parent or self.vertex.parent}/{collection}", **query)
            check_vertex(page, kind)
            found += page.get(collection, [])
            if "nextPageToken" not in page:
                return found
            query["pageToken"] = page["nextPageToken"]

    @invariant()
    def models_are_the_states(self) -> None:
        shown = self.listed("models", "ListModelsResponse")
        assert len(shown) == len(self.state.models)
        assert {each["name"].rpartition("/")[2]: each["displayName"] for each in shown} == self.state.models
        deployed = {
            ref["deployedModelId"]: each["name"].rpartition("/")[2]
            for each in shown
            for ref in each.get("deployedModels", [])
        }
        assert deployed == self.state.deployed

    @invariant()
    def operations_are_the_states(self) -> None:
        shown = {each["name"]: each for each in self.listed("operations", "ListOperationsResponse")}
        assert set(shown) - self.created == set(self.state.operations)
        for name, operation in self.state.operations.items():
            assert shown[name].get("done", False) is operation.done
            assert shown[name].get("error", {}).get("code") == operation.outcome
        of_own = self.listed("operations", "ListOperationsResponse", self.vertex.model("own-a"))
        assert {each["name"] for each in of_own} == {name for name in shown if "/models/own-a/" in name}


@pytest.fixture(scope="module")
def stepped() -> Iterator[SandboxHandle]:
    with running_sandbox(clock_rate=0, deploy_seconds=DEPLOY, operation_seconds=OTHER) as running:
        yield running


def test_any_sequence_of_calls_keeps_models_and_operations_in_step(stepped: SandboxHandle) -> None:
    stateful.run(lambda: Models(stepped), steps=30)
