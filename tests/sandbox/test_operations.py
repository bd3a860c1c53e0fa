"""Long-running operations: how they are found, waited for, cancelled and forgotten, and that they outlive a restart."""

from pathlib import Path

import pytest
import requests

from sandbox.testing import running_sandbox
from tests.sandbox.vertex import RefusedError, Vertex


def test_an_operation_is_found_under_its_endpoint_and_under_its_location_in_both_versions(vertex: Vertex) -> None:
    """endpoints.operations.get and operations.get, v1 and v1beta1 (discovery); gcloud asks below the location."""
    operation = vertex.deploy(vertex.create())
    operation_id = operation["name"].rpartition("/")[2]
    for version in ("v1", "v1beta1"):
        api = Vertex(vertex.sandbox, version=version)
        for name in (operation["name"], f"{vertex.parent}/operations/{operation_id}"):
            found = api.get(name)
            assert found["done"] is True
            kind = f"google.cloud.aiplatform.{version}.DeployModelOperationMetadata"
            assert found["metadata"]["@type"] == f"type.googleapis.com/{kind}"


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_googles_generated_clients_find_an_operation_without_a_version(vertex: Vertex, version: str) -> None:
    """Over REST they ask under /ui/ first: google.cloud.aiplatform_v1.services.endpoint_service.transports.rest."""
    vertex.sandbox.set(operationSeconds=600)
    api = Vertex(vertex.sandbox, version=version)
    operation = api.call("POST", f"{api.parent}/endpoints", {"displayName": "slow"})
    root = f"{vertex.sandbox.url}/hosts/us-central1-aiplatform.googleapis.com/ui"
    url, headers = f"{root}/{operation['name']}", vertex.sandbox.headers
    found = requests.get(url, headers=headers, timeout=30).json()
    kind = f"google.cloud.aiplatform.{version}.CreateEndpointOperationMetadata"
    assert (found.get("done"), found["metadata"]["@type"]) == (None, f"type.googleapis.com/{kind}")
    listed = requests.get(f"{root}/{vertex.parent}/operations", headers=headers, timeout=30).json()["operations"]
    assert [each["name"] for each in listed] == [operation["name"]]
    assert requests.post(f"{url}:cancel", json={}, headers=headers, timeout=30).json() == {}
    assert requests.get(url, headers=headers, timeout=30).json()["error"]["code"] == 1


def test_operations_are_listed_by_endpoint_newest_first(vertex: Vertex) -> None:
    """endpoints.operations.list and operations.list (discovery); the order is the sandbox's own."""
    name, other = vertex.create("1"), vertex.create("2")
    vertex.deploy(name, "5")
    vertex.deploy(other, "6")
    listed = vertex.call("GET", f"{name}/operations")["operations"]
    kinds = [operation["metadata"]["@type"].rpartition(".")[2] for operation in listed]
    assert kinds == ["DeployModelOperationMetadata", "CreateEndpointOperationMetadata"]
    assert len(vertex.call("GET", f"{vertex.parent}/operations")["operations"]) == 4
    paged = vertex.call("GET", f"{vertex.parent}/operations", pageSize=3)
    assert len(paged["operations"]) == 3
    assert paged["nextPageToken"]


def test_wait_answers_when_the_operation_is_done(vertex: Vertex) -> None:
    """operations.wait, timeout (discovery)."""
    name = vertex.create()
    vertex.sandbox.set(deploySeconds=0.2)
    operation = vertex.deploy(name)
    assert "done" not in operation
    ended = vertex.call("POST", f"{operation['name']}:wait", {}, timeout="30s")
    assert ended["done"] is True
    assert ended["response"]["deployedModel"]["id"] == "1"


def test_wait_answers_when_its_time_is_up(vertex: Vertex) -> None:
    """operations.wait: at the timeout the latest state, done or not (discovery)."""
    name = vertex.create()
    vertex.sandbox.set(deploySeconds=600)
    operation = vertex.deploy(name)
    assert "done" not in vertex.call("POST", f"{operation['name']}:wait", {}, timeout="0.1s")


def test_a_running_operation_cannot_be_forgotten_a_finished_one_can(vertex: Vertex) -> None:
    """operations.delete (discovery); that a running one is refused is not documented."""
    name = vertex.create()
    vertex.sandbox.set(deploySeconds=600)
    operation = vertex.deploy(name)
    with pytest.raises(RefusedError, match="still running"):
        vertex.call("DELETE", operation["name"])
    vertex.call("POST", f"{operation['name']}:cancel", {})
    vertex.call("DELETE", operation["name"])
    with pytest.raises(RefusedError) as refused:
        vertex.get(operation["name"])
    assert refused.value.status == "NOT_FOUND"


def test_a_running_operation_goes_on_after_a_restart(tmp_path: Path) -> None:
    """google.longrunning.Operation: what was acknowledged goes on by itself."""
    state = tmp_path / "state.db"
    with running_sandbox(state=state, deploy_seconds=600, enabled=("aiplatform",)) as first:
        vertex = Vertex(first)
        name = vertex.create()
        operation = vertex.deploy(name)
    with running_sandbox(state=state) as second:
        vertex = Vertex(second)
        assert "done" not in vertex.get(operation["name"])
        assert vertex.complete(operation)["done"] is True
        assert vertex.get(name)["deployedModels"][0]["id"] == "1"


def test_an_operation_whose_split_no_longer_fits_fails_with_the_reason(vertex: Vertex) -> None:
    """GoogleLongrunningOperation.error, a google.rpc.Status (discovery)."""
    name = vertex.create()
    vertex.deploy(name, "1")
    vertex.sandbox.set(deploySeconds=600)
    operation = vertex.deploy(name, "2", {"1": 50, "0": 50})
    vertex.undeploy(name, "1")
    ended = vertex.complete(operation)
    assert ended["error"]["code"] == 3
    assert "do not exist" in ended["error"]["message"]
    assert ended["metadata"]["deploymentStage"] == "FAILED_TO_DEPLOY"


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        pytest.param([(30, 3), (10, 5), (20, 7)], 3, id="by their due times"),
        pytest.param([(10, most) for most in (9, 5, 7, 2, 8, 6, 4)], 4, id="the oldest first, of one due time"),
    ],
)
def test_operations_that_come_due_together_are_completed_in_order(
    vertex: Vertex, changes: list[tuple[int, int]], left: int
) -> None:
    """The sandbox's own rule: what was started first ends first."""
    name = vertex.create()
    vertex.deploy(name, "1")
    vertex.sandbox.set(clockRate=0)
    for seconds, most in changes:
        vertex.sandbox.set(operationSeconds=seconds)
        wanted = {"id": "1", "dedicatedResources": {"maxReplicaCount": most}}
        body = {"deployedModel": wanted, "updateMask": "dedicatedResources.maxReplicaCount"}
        vertex.call("POST", f"{name}:mutateDeployedModel", body)
    requests.post(f"{vertex.sandbox.url}/_sandbox/clock", json={"step": 100}, timeout=30).raise_for_status()
    assert vertex.get(name)["deployedModels"][0]["dedicatedResources"]["maxReplicaCount"] == left


def test_a_filter_of_operations_is_not_imitated(vertex: Vertex) -> None:
    """Discovery aiplatform v1: "The standard list filter." No field or operator is documented, so none is made up."""
    name = vertex.create()
    for parent in (name, vertex.parent):
        with pytest.raises(RefusedError) as refused:
            vertex.call("GET", f"{parent}/operations", filter="done=true")
        assert (refused.value.code, refused.value.status) == (501, "UNIMPLEMENTED")
        assert "Google documents neither fields nor operators" in refused.value.message


@pytest.mark.parametrize(("deploy_seconds", "delete_seconds"), [(60, 30), (30, 60)])
def test_a_deployment_and_the_models_deletion_at_once_end_as_the_first_one_wants(
    vertex: Vertex, deploy_seconds: int, delete_seconds: int
) -> None:
    """models.delete (discovery): no endpoint may have deployed what is deleted; asked for while neither was done."""
    name, model = vertex.create(), vertex.model("gemma-3-4b")
    vertex.sandbox.set(deploySeconds=deploy_seconds, operationSeconds=delete_seconds)
    started = {"deployment": vertex.deploy(name), "deletion": vertex.call("DELETE", model)}
    url = f"{vertex.sandbox.url}/_sandbox/clock"
    requests.post(url, json={"step": 61}, timeout=30).raise_for_status()
    ended = {what: vertex.get(operation["name"]) for what, operation in started.items()}
    if delete_seconds < deploy_seconds:
        assert (ended["deletion"]["done"], ended["deployment"]["error"]["code"]) == (True, 5)
        assert "deployedModels" not in vertex.get(name)
    else:
        assert (ended["deployment"]["done"], ended["deletion"]["error"]["code"]) == (True, 9)
        assert vertex.get(model)["deployedModels"]
