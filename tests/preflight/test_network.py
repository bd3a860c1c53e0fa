"""What a stack is private in must be there, and what it makes there must not be, unless it made it."""

from typing import Any

import pytest

from preflight.finding import Finding
from sandbox.core import ORGANIZATION
from sandbox.services import iam_policies
from sandbox.testing import SandboxHandle
from tests.preflight.conftest import Examine, failures, of
from tests.sandbox.google import Google
from tests.unit.configurations import managed, read

P = "projects/sandbox-project"
REGION = f"{P}/regions/us-central1"
DEFAULT = f"{P}/global/networks/default"
POLICY = f"{P}/locations/us-central1/serviceConnectionPolicies/vertex-ai"
AUTOMATIC = {"name": "e", "connectivity": "private-service-connect"}
RULED = {**AUTOMATIC, "address": "forwarding-rule"}
ONE = [{"name": "only", "model": "gemma-3-4b", "machineType": "n1-standard-4"}]
SET = "pulumi config set --path gemini-vertex:"


def only(report: Any, check: str) -> Finding:
    """The one finding of a check."""
    (found,) = of(report, check)
    return found


def test_a_network_that_is_not_there_is_named(examine: Examine) -> None:
    """For a private endpoint, with the command that makes it."""
    network = only(examine(endpoint={**AUTOMATIC, "network": "mine"}), "network")
    assert (network.status, network.fix[:40]) == ("fail", "gcloud compute networks create mine --pr")
    assert "gemini-vertex:endpoint.network" in network.fix


def test_private_apis_need_their_network_whatever_the_endpoint_is(examine: Examine) -> None:
    """None at all, or a public one: the address for Google's APIs is in a network all the same."""
    apis = {"privateApis": {"mode": "restricted"}, "network": {"name": "nowhere"}}
    config = managed(location="global") | {f"gemini-vertex:{key}": value for key, value in apis.items()}
    for stack in (
        examine(stack=read({**config, "gcp:project": "sandbox-project"})),
        examine(environment="dev", endpoint={"name": "e", "connectivity": "public"}, perimeter=None, **apis),
    ):
        network = only(stack, "network")
        assert (network.status, network.seen) == ("fail", "network nowhere is not in project sandbox-project")
        assert "correct gemini-vertex:network.name" in network.fix
    public = {"name": "e", "connectivity": "public"}
    network = only(examine(environment="dev", endpoint=public, perimeter=None), "network")
    assert (network.status, network.seen) == ("ok", "nothing of this stack is private, so none is needed")


def test_a_subnetwork_for_addresses_must_be_there(cloud: SandboxHandle, examine: Examine) -> None:
    """In the region, and of the network."""
    assert only(examine(endpoint=RULED), "subnetwork").status == "ok"
    subnetwork = only(examine(endpoint=RULED, network={"name": "default", "subnetwork": "nowhere"}), "subnetwork")
    assert subnetwork.seen == "subnetwork nowhere is not in project sandbox-project, us-central1"
    assert subnetwork.fix.startswith(f"{SET}network.subnetwork NAME, one of: gcloud compute networks subnets list ")
    compute = Google(cloud, "compute")
    compute("POST", f"{P}/global/networks", {"name": "other", "autoCreateSubnetworks": False})
    block = {"name": "others", "network": f"{P}/global/networks/other", "ipCidrRange": "10.20.0.0/24"}
    compute("POST", f"{REGION}/subnetworks", block)
    subnetwork = only(examine(endpoint=RULED, network={"name": "default", "subnetwork": "others"}), "subnetwork")
    assert subnetwork.seen == "subnetwork others is of network other, the stack's is default"


def test_a_network_that_the_stack_is_to_make_must_not_be_there(examine: Examine) -> None:
    """Unless it made it itself."""
    own = {"network": {"name": "default", "create": True}}
    network = only(examine(**own), "network")
    assert network.seen == "network default is in project sandbox-project already, but this stack is to make it"
    assert network.fix.startswith(f"{SET}network.name ANOTHER")
    made = (("gcp:compute/network:Network", DEFAULT),)
    assert only(examine(made=made, **own), "network").seen == "default is this stack's own"
    assert only(examine(network={"name": "n", "create": True}), "network").seen.startswith("this stack makes n")


def test_an_automatic_address_needs_a_connection_policy(cloud: SandboxHandle, examine: Examine) -> None:
    """Without it the models come up and nothing leads to them: the failure has gcloud's command."""
    policy = only(examine(), "connection policy")
    assert (policy.status, policy.seen) == ("ok", "vertex-ai lets Vertex AI connect in default, us-central1")
    create = {"endpoint": {**AUTOMATIC, "serviceConnectionPolicy": "create"}}
    policy = only(examine(**create), "connection policy")
    assert (policy.status, policy.fix) == ("fail", f"{SET}endpoint.serviceConnectionPolicy existing")
    made = (("gcp:networkconnectivity/serviceConnectionPolicy:ServiceConnectionPolicy", POLICY),)
    assert only(examine(made=made, **create), "connection policy").status == "ok"
    assert of(examine(endpoint=RULED), "connection policy") == []

    cloud.sandbox.store.delete("serviceConnectionPolicy", POLICY)
    assert only(examine(**create), "connection policy").seen == "this stack lets Vertex AI connect in default"
    report = examine()
    assert not report.ok
    assert only(report, "connection policy").fix.startswith(
        "gcloud network-connectivity service-connection-policies create default-vertex-ai --network=default "
        "--region=us-central1 --subnets=default --service-class=gcp-vertexai --project=sandbox-project, or "
    )


def test_a_peered_endpoint_needs_its_peering(cloud: SandboxHandle, examine: Examine) -> None:
    """Active where it exists, not there where the stack makes it, unless it did."""
    peered = {"endpoint": {"name": "e", "connectivity": "peered-network"}, "models": ONE}
    assert only(examine(**peered), "peering").status == "ok"
    created = {"name": "e", "connectivity": "peered-network", "privateServicesAccess": "create"}
    again = {"endpoint": created, "models": ONE}
    peering = only(examine(**again), "peering")
    assert (peering.status, peering.seen) == ("fail", "private services access of default is there already")
    made = (("gcp:servicenetworking/connection:Connection", f"{DEFAULT}:servicenetworking.googleapis.com"),)
    assert only(examine(made=made, **again), "peering").status == "ok"
    cloud.sandbox.store.delete("privateConnection", DEFAULT)
    assert only(examine(**again), "peering").seen == "this stack peers default"
    peering = only(examine(**peered), "peering")
    assert peering.status == "fail"
    assert "gcloud services vpc-peerings connect" in peering.fix


SHARED = "projects/host-project/global/networks/shared"


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        (
            {"endpoint": {**AUTOMATIC, "network": SHARED}},
            {"compute.networks.get", "networkconnectivity.serviceConnectionPolicies.list"},
        ),
        (
            {"endpoint": RULED, "network": {"name": SHARED}},
            {"compute.networks.get", "compute.networks.use", "compute.subnetworks.get", "compute.subnetworks.use"}
            | {"dns.networks.bindPrivateDNSZone"},
        ),
    ],
)
def test_a_shared_networks_own_project_is_asked_too(
    cloud: SandboxHandle, examine: Examine, changes: dict[str, Any], needed: set[str]
) -> None:
    """A Shared VPC: the network is the host project's to grant, and looked at there."""
    cloud.sandbox.add_project("host-project", "222222222222")
    missing = [f for f in of(examine(**changes), "permissions: network") if f.status == "fail"]
    asked = {name for each in missing for name in each.seen.removeprefix("missing: ").split(", ")}
    assert asked == needed
    member = "--member=user:deployer@sandbox.example"
    assert all(f.fix.startswith(f"gcloud projects add-iam-policy-binding host-project {member}") for f in missing)
    bindings = [{"role": "roles/owner", "members": ["user:deployer@sandbox.example"]}]
    cloud.sandbox.store.put(iam_policies.KIND, "projects/host-project", {"bindings": bindings, "generation": 1})
    held = only(examine(**changes), "permissions: network")
    assert held.seen == f"all {len(needed)} held on projects/host-project"


def test_an_access_policy_that_is_there_is_to_be_named(cloud: SandboxHandle, examine: Examine) -> None:
    """An organization has room for one: `up` would deploy the models, then fail at its own."""
    assert only(examine(), "access policy").status == "ok"
    theirs = {"parent": f"organizations/{ORGANIZATION}", "title": "theirs"}
    cloud.sandbox.store.put("accessPolicy", "accessPolicies/76", {**theirs, "scopes": ["projects/1"]})
    assert only(examine(), "access policy").status == "ok"
    cloud.sandbox.store.put("accessPolicy", "accessPolicies/77", theirs)
    report = examine()
    assert list(failures(report)) == ["access policy"]
    assert only(report, "access policy").fix == f"{SET}perimeter.accessPolicy 77"
    made = (("gcp:accesscontextmanager/accessPolicy:AccessPolicy", "77"),)
    assert only(examine(made=made), "access policy").status == "ok"
    assert examine(perimeter={"mode": "dry-run", "accessPolicy": "77"}).ok
