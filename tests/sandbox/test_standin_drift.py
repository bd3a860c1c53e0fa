"""What others change behind Pulumi's back: a refresh sees it, a preview says how to mend it, members get along."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.standin.gcp import service as services
from sandbox.standin.rest import Rest
from sandbox.testing import SandboxHandle
from tests.sandbox.google import PROJECT_NUMBER, Google, Json, grant, make_account
from tests.sandbox.plugin import Made, Plugin, error_of, running_plugins

PROJECT = "projects/sandbox-project"
MEMBER = "gcp:projects/iAMMember:IAMMember"
ENDPOINT = {"name": "77", "displayName": "gemini", "location": "us-central1", "labels": {"team": "genai"}}
Drift = Callable[[SandboxHandle, Made], object]


@pytest.fixture
def ports(sandbox: SandboxHandle) -> Iterator[dict[str, int]]:
    sandbox.enable("aiplatform", "compute")
    with running_plugins(sandbox) as ports:
        yield ports


@pytest.fixture
def gcp(ports: dict[str, int]) -> Plugin:
    return Plugin(ports["gcp"])


def patch(service: str, body: Json, mask: str) -> Drift:
    """A change by hand of the resource whose id is its name."""
    return lambda sandbox, made: Google(sandbox, service)("PATCH", made.id, body, updateMask=mask)


@pytest.mark.parametrize(
    ("token", "inputs", "drift", "changes"),
    [
        (
            "gcp:vertex/aiEndpoint:AiEndpoint",
            ENDPOINT,
            patch("aiplatform", {"displayName": "by hand", "labels": {"owner": "someone"}}, "displayName,labels"),
            {"displayName": "UPDATE", "labels": "ADD"},
        ),
        (
            "gcp:projects/iAMCustomRole:IAMCustomRole",
            {"roleId": "predictor", "title": "P", "permissions": ["aiplatform.endpoints.predict"]},
            patch("iam", {"includedPermissions": ["aiplatform.endpoints.delete"]}, "includedPermissions"),
            {"permissions": "UPDATE"},
        ),
        (
            "gcp:serviceaccount/account:Account",
            {"accountId": "gemini-inference-sa"},
            lambda sandbox, made: Google(sandbox, "iam")("POST", f"{made.id}:disable", {}),
            {"disabled": "DELETE"},
        ),
        (
            "gcp:compute/network:Network",
            {"name": "vpc", "routingMode": "GLOBAL"},
            lambda sandbox, made: Google(sandbox, "compute")(
                "PATCH", made.id, {"routingConfig": {"routingMode": "REGIONAL"}}
            ),
            {"routingMode": "UPDATE"},
        ),
    ],
)
def test_a_change_by_hand_is_seen_and_mended(
    sandbox: SandboxHandle, gcp: Plugin, token: str, inputs: Json, drift: Drift, changes: dict[str, str]
) -> None:
    made = gcp.create(token, inputs)
    drift(sandbox, made)
    refreshed = gcp.refresh(made)
    assert refreshed is not None
    assert gcp.changes(refreshed, inputs) == changes
    mended = gcp.update(refreshed, inputs)
    assert gcp.changes(mended, inputs) == {}


def test_the_order_of_a_perimeters_services_is_no_change_but_another_service_is(
    sandbox: SandboxHandle, gcp: Plugin
) -> None:
    policy = gcp.create(
        "gcp:accesscontextmanager/accessPolicy:AccessPolicy", {"parent": "organizations/987654321098", "title": "t"}
    )
    parent = f"accessPolicies/{policy.id}"
    services = ["aiplatform.googleapis.com", "storage.googleapis.com"]
    config = {"resources": [f"projects/{PROJECT_NUMBER}"], "restrictedServices": services}
    inputs = {"parent": parent, "name": f"{parent}/servicePerimeters/p", "title": "p", "status": config}
    made = gcp.create("gcp:accesscontextmanager/servicePerimeter:ServicePerimeter", inputs)
    turned = {**inputs, "status": {**config, "restrictedServices": services[::-1]}}
    assert gcp.changes(made, turned) == {}
    fewer = {**config, "restrictedServices": services[:1]}
    Google(sandbox, "accesscontextmanager")("PATCH", made.id, {"status": fewer}, updateMask="status")
    refreshed = gcp.refresh(made)
    assert refreshed is not None
    assert gcp.changes(refreshed, inputs) == {"status.restrictedServices": "UPDATE"}


def test_a_perimeter_goes_from_dry_run_to_enforced_in_one_patch(sandbox: SandboxHandle, gcp: Plugin) -> None:
    policy = gcp.create(
        "gcp:accesscontextmanager/accessPolicy:AccessPolicy", {"parent": "organizations/987654321098", "title": "t"}
    )
    parent = f"accessPolicies/{policy.id}"
    config = {"resources": [f"projects/{PROJECT_NUMBER}"], "restrictedServices": ["aiplatform.googleapis.com"]}
    basis = {"parent": parent, "name": f"{parent}/servicePerimeters/p", "title": "p"}
    dry = gcp.create(
        "gcp:accesscontextmanager/servicePerimeter:ServicePerimeter",
        {**basis, "spec": config, "useExplicitDryRunSpec": True},
    )
    enforced = {**basis, "status": config}
    assert gcp.changes(dry, enforced) == {"spec": "DELETE", "status": "ADD", "useExplicitDryRunSpec": "DELETE"}
    before = sandbox.last_call()
    gcp.update(dry, enforced)
    assert len(sandbox.calls(before, mutating=True)) == 1
    live = Google(sandbox, "accesscontextmanager")("GET", dry.id)
    assert live["status"] == config
    assert "spec" not in live


def test_what_was_deleted_by_hand_is_gone(sandbox: SandboxHandle, gcp: Plugin) -> None:
    endpoint = gcp.create("gcp:vertex/aiEndpoint:AiEndpoint", ENDPOINT)
    Google(sandbox, "aiplatform")("DELETE", endpoint.id)
    assert gcp.refresh(endpoint) is None
    service = gcp.create("gcp:projects/service:Service", {"service": "container.googleapis.com"})
    Google(sandbox, "serviceusage")("POST", f"{PROJECT}/services/container.googleapis.com:disable", {})
    assert gcp.refresh(service) is None


def test_labels_of_others_stay(sandbox: SandboxHandle, gcp: Plugin) -> None:
    made = gcp.create("gcp:vertex/aiEndpoint:AiEndpoint", ENDPOINT)
    by_hand = {**made.state["effectiveLabels"], "cost": "42"}
    Google(sandbox, "aiplatform")("PATCH", made.id, {"labels": by_hand}, updateMask="labels")
    refreshed = gcp.refresh(made)
    assert refreshed is not None
    assert gcp.changes(refreshed, ENDPOINT) == {}
    updated = gcp.update(refreshed, {**ENDPOINT, "labels": {"team": "search"}})
    assert updated.state["effectiveLabels"] == {"goog-pulumi-provisioned": "true", "team": "search", "cost": "42"}


def test_a_traffic_split_and_models_of_others_are_no_change(sandbox: SandboxHandle, gcp: Plugin) -> None:
    made = gcp.create("gcp:vertex/aiEndpoint:AiEndpoint", ENDPOINT)
    vertex = Google(sandbox, "aiplatform")
    model = f"{PROJECT}/locations/us-central1/models/gemma-3-4b"
    machine = {"machineSpec": {"machineType": "n1-standard-4"}, "minReplicaCount": 2, "maxReplicaCount": 20}
    deployed = {"id": "5", "model": model, "displayName": "flash", "dedicatedResources": machine}
    vertex("POST", f"{made.id}:deployModel", {"deployedModel": deployed, "trafficSplit": {"0": 100}})
    refreshed = gcp.refresh(made)
    assert refreshed is not None
    assert refreshed.state["trafficSplit"] == '{"5":100}'
    shown = refreshed.state["deployedModels"][0]
    assert (shown["id"], shown["displayName"]) == ("5", "flash")
    assert shown["dedicatedResources"][0]["machineSpecs"] == [{"machineType": "n1-standard-4"}]
    assert gcp.changes(refreshed, ENDPOINT) == {}
    assert "endpoint" in error_of(gcp.delete, refreshed).lower()


def test_many_members_made_at_once_by_two_instances_are_all_there(
    sandbox: SandboxHandle, ports: dict[str, int]
) -> None:
    """Each instance has a lock of its own, so that they meet in the policy's etag alone."""
    first, second = Plugin(ports["gcp"]), Plugin(ports["gcp"])

    def add(number: int) -> Made:
        inputs = {"project": "sandbox-project", "role": "roles/viewer", "member": f"user:u{number}@example.com"}
        return (first, second)[number % 2].create(MEMBER, inputs)

    with ThreadPoolExecutor(12) as pool:
        members = list(pool.map(add, range(12)))
        assert all(first.refresh(m) for m in members)
        list(pool.map(second.delete, members))
    assert sandbox.state() == {}


def test_a_member_goes_alone(sandbox: SandboxHandle, gcp: Plugin) -> None:
    email = make_account(sandbox)
    inputs = {"project": "sandbox-project", "role": "roles/viewer", "member": f"serviceAccount:{email}"}
    made = gcp.create(MEMBER, inputs)
    grant(sandbox, "roles/viewer", "user:other@example.com")
    gcp.delete(made)
    manager = Google(sandbox, "cloudresourcemanager")
    bindings = manager("POST", f"{PROJECT}:getIamPolicy", {})["bindings"]
    assert next(b["members"] for b in bindings if b["role"] == "roles/viewer") == ["user:other@example.com"]
    assert gcp.refresh(made) is None


def test_a_members_case_is_no_difference_but_a_principals_is(gcp: Plugin) -> None:
    inputs = {"project": "sandbox-project", "role": "roles/viewer", "member": "user:Someone@Example.com"}
    made = gcp.create(MEMBER, inputs)
    assert made.id.endswith("user:someone@example.com")
    assert gcp.changes(made, inputs) == {}
    assert gcp.refresh(made) == made
    principal = "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/P/subject/ns/A/sa/B"
    assert gcp.create(MEMBER, {**inputs, "member": principal}).id.endswith(principal)


def test_a_soft_deleted_role_is_brought_back_as_asked(sandbox: SandboxHandle, gcp: Plugin) -> None:
    inputs = {"roleId": "predictor", "title": "P", "permissions": ["aiplatform.endpoints.predict"]}
    first = gcp.create("gcp:projects/iAMCustomRole:IAMCustomRole", inputs)
    gcp.delete(first)
    again = gcp.create("gcp:projects/iAMCustomRole:IAMCustomRole", {**inputs, "title": "Again"})
    assert (again.id, again.state["title"], again.state["deleted"]) == (first.id, "Again", False)
    assert "already exists and must be imported" in error_of(gcp.create, again.token, inputs)


def gather(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Has a batch gather until so many services have joined it, however long they take; it must gather at all."""
    joined, pause = threading.Event(), Rest.pause

    class Joining(list[str]):
        def append(self, service: str) -> None:
            super().append(service)
            if len(self) == count:
                joined.set()

    def gathered(self: Rest, seconds: float) -> None:
        if seconds != services._GATHERING_SECONDS:
            pause(self, seconds)
        else:
            assert seconds > 0
            assert joined.wait(60), f"no batch of {count} services came together"

    batch = services._Batch
    monkeypatch.setattr(services, "_Batch", lambda: batch(services=Joining()))
    monkeypatch.setattr(Rest, "pause", gathered)


def test_services_asked_for_together_go_in_one_batch(
    sandbox: SandboxHandle, gcp: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    gather(monkeypatch, 4)
    names = [f"{n}.googleapis.com" for n in ("container", "iam", "dns", "secretmanager")]
    before = sandbox.last_call()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: gcp.create("gcp:projects/service:Service", {"service": n}), names))
    methods = [c["method"] for c in sandbox.calls(before, mutating=True)]
    assert methods == ["serviceusage.services.batchEnable"]


def test_one_unknown_service_does_not_stop_the_others_of_its_batch(
    gcp: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    gather(monkeypatch, 2)

    def create(name: str) -> str:
        try:
            return gcp.create("gcp:projects/service:Service", {"service": name}).id
        except Exception as error:  # noqa: BLE001 - the message is what the test looks at
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        good, bad = pool.map(create, ["dns.googleapis.com", "no-such.googleapis.com"])
    assert good == "sandbox-project/dns.googleapis.com"
    assert "Not found or permission denied for service(s): no-such.googleapis.com" in bad


def test_a_service_that_is_enabled_is_adopted_and_stays_enabled(sandbox: SandboxHandle, gcp: Plugin) -> None:
    before = sandbox.last_call()
    made = gcp.create("gcp:projects/service:Service", {"service": "aiplatform.googleapis.com"})
    gcp.delete(made)
    assert sandbox.calls(before, mutating=True) == []
    assert gcp.refresh(made) is not None
