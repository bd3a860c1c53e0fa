"""compute: networks, and operations in compute's own shape."""

import pytest

from sandbox.testing import SandboxHandle
from tests.sandbox.google import Google, Json, refusal


@pytest.fixture
def compute(sandbox: SandboxHandle) -> Google:
    sandbox.enable("compute")
    return Google(sandbox, "compute")


def insert(compute: Google, name: str = "vpc", **fields: object) -> Json:
    return compute(
        "POST", f"{compute.project}/global/networks", {"name": name, "autoCreateSubnetworks": False, **fields}
    )


def test_the_api_must_be_enabled_first(sandbox: SandboxHandle) -> None:
    refused = refusal(Google(sandbox, "compute"), "GET", f"projects/{sandbox.project}/global/networks")
    assert refused.details[0]["reason"] == "SERVICE_DISABLED"
    assert "Compute Engine API has not been used in project" in refused.message


def test_a_project_has_the_default_network(compute: Google) -> None:
    listed = compute("GET", f"{compute.project}/global/networks")["items"]
    assert [n["name"] for n in listed] == ["default"]
    link = f"https://www.googleapis.com/compute/v1/{compute.project}/global/networks/default"
    assert compute("GET", f"{compute.project}/global/networks/default")["selfLink"] == link


def test_insert_is_an_operation_with_a_status(sandbox: SandboxHandle, compute: Google) -> None:
    sandbox.set(operationSeconds=0.05)
    operation = insert(compute)
    assert operation["status"] == "RUNNING"
    assert operation["operationType"] == "insert"
    path = f"{compute.project}/global/operations/{operation['name']}"
    while (ended := compute("GET", path))["status"] != "DONE":
        pass
    assert ended["progress"] == 100
    assert compute("GET", f"{compute.project}/global/networks/vpc")["id"] == ended["targetId"]


def test_a_new_network_has_googles_defaults(compute: Google) -> None:
    insert(compute, description="mine")
    network = compute("GET", f"{compute.project}/global/networks/vpc")
    assert (network["mtu"], network["routingConfig"]) == (1460, {"routingMode": "REGIONAL"})
    assert (network["description"], network["autoCreateSubnetworks"]) == ("mine", False)


@pytest.mark.parametrize(
    "body",
    [
        {"name": "Upper", "autoCreateSubnetworks": True},
        {"name": "a" * 64, "autoCreateSubnetworks": True},
        {"name": "legacy"},
        {"name": "jumbo", "autoCreateSubnetworks": True, "mtu": 9000},
    ],
)
def test_a_network_that_google_refuses_is_refused(compute: Google, body: Json) -> None:
    assert refusal(compute, "POST", f"{compute.project}/global/networks", body).status == "INVALID_ARGUMENT"


def test_a_taken_name_is_a_conflict(compute: Google) -> None:
    insert(compute)
    body = {"name": "vpc", "autoCreateSubnetworks": True}
    refused = refusal(compute, "POST", f"{compute.project}/global/networks", body)
    assert (refused.code, refused.status) == (409, "ALREADY_EXISTS")


def test_routing_changes_in_place(compute: Google) -> None:
    before = compute("GET", f"{compute.project}/global/networks/default")
    patch = {"routingConfig": {"routingMode": "GLOBAL"}}
    compute("PATCH", f"{compute.project}/global/networks/default", patch)
    assert compute("GET", f"{compute.project}/global/networks/default") == {**before, **patch}


def test_a_deleted_network_is_gone_and_leaves_nothing(sandbox: SandboxHandle, compute: Google) -> None:
    insert(compute)
    assert list(sandbox.state()) == ["network"]
    compute("DELETE", f"{compute.project}/global/networks/vpc")
    assert refusal(compute, "GET", f"{compute.project}/global/networks/vpc").code == 404
    assert sandbox.state() == {}


def test_a_stranger_sees_no_networks(compute: Google, sandbox: SandboxHandle) -> None:
    stranger = Google(sandbox, "compute", caller="someone@example.com")
    refused = refusal(stranger, "GET", f"{compute.project}/global/networks")
    assert refused.message == "Required 'compute.networks.list' permission for 'projects/sandbox-project'"


def test_an_unknown_operation_is_not_found(compute: Google) -> None:
    assert refusal(compute, "GET", f"{compute.project}/global/operations/operation-1").code == 404
