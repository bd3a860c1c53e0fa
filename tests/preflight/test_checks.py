"""Each check holds where it should, fails where it should, names what mends it, and changes nothing."""

from typing import Any

import pytest

import permissions
from preflight.access import check_permissions, needed_permissions
from preflight.google import Google, RefusedError, unmade
from sandbox.core import ORGANIZATION
from sandbox.identity import token_for
from sandbox.services import iam_policies
from sandbox.services.iam_roles import ROLES, holds
from sandbox.testing import SandboxHandle
from tests.preflight.conftest import Examine, failures, of, settings
from tests.unit.configurations import managed, prod, read

OUTSIDER = "outsider@sandbox.example"


def test_a_stack_that_can_go_up_passes_and_nothing_is_changed(cloud: SandboxHandle, examine: Examine) -> None:
    """All checks hold, and not one of the recorded calls changes anything."""
    before, since = cloud.state(), cloud.last_call()
    report = examine()
    assert failures(report) == {}
    assert report.ok
    assert {finding.check for finding in report.findings} == {
        "credentials",
        "project",
        "APIs",
        "permissions",
        "permissions: perimeter",
        "access policy",
        "quota",
        "model",
        "network",
        "connection policy",
        "workload pool",
        "cost",
    }
    calls = cloud.calls(since)
    assert len(calls) >= 9
    assert [call["method"] for call in calls if call["mutating"]] == []
    assert cloud.state() == before


def test_apis_that_are_not_enabled_are_named_with_the_command(examine: Examine, cloud: SandboxHandle) -> None:
    """Also what cannot be looked at before one of them is."""
    cloud.reset()
    report = examine()
    (apis,) = of(report, "APIs")
    assert "7 of 8 not enabled: aiplatform.googleapis.com, compute.googleapis.com" in apis.seen
    assert apis.fix.startswith("gcloud services enable aiplatform.googleapis.com compute.googleapis.com")
    (network,) = of(report, "network")
    assert network.fix == "gcloud services enable compute.googleapis.com --project=sandbox-project"
    assert not report.ok


def test_no_credentials_and_dead_ones_are_told(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The login command mends both."""
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "not-a-token")
    report = examine()
    assert [(finding.check, finding.status) for finding in report.findings] == [("credentials", "fail")]
    assert report.findings[0].fix == "gcloud auth application-default login"
    monkeypatch.delenv("GOOGLE_OAUTH_ACCESS_TOKEN")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent.json")
    with pytest.raises(RefusedError, match="no Google credentials"):
        Google()


def test_the_commands_are_the_callers_own(cloud: SandboxHandle, examine: Examine) -> None:
    """A person's, a service account's; and where Google does not say whose a token is, there is a place for it."""
    account = f"pipeline@{cloud.project}.iam.gserviceaccount.com"
    cloud.sandbox.store.put("serviceAccount", account, {"email": account, "uniqueId": "1"})
    for caller, member in (
        (OUTSIDER, f"user:{OUTSIDER}"),
        (account, f"serviceAccount:{account}"),
        ("principal://iam.googleapis.com/projects/1/pool/subject/me", "MEMBER"),
    ):
        credentials, project = examine(caller=caller).findings
        assert project.fix.endswith(f"binding {cloud.project} --member={member} --role=roles/browser")
        taken = "MEMBER in the commands is user:EMAIL or serviceAccount:EMAIL" if member == "MEMBER" else member
        assert taken in credentials.seen


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (RefusedError(0, "https://x cannot be reached"), "run it where Google's APIs are in reach"),
        (RefusedError(429, "Quota exceeded"), "wait a minute and run it again: the quota of such questions is used up"),
        (RefusedError(503, "Unavailable"), "https://status.cloud.google.com"),
        (RefusedError(403, "Request is prohibited by organization's policy"), "ask who administers project p"),
        (RefusedError(400, "Invalid region"), "correct the setting that it names"),
    ],
)
def test_what_could_not_be_looked_at_says_what_to_do(error: RefusedError, says: str) -> None:
    """In a sentence of its own."""
    finding = unmade("network", error, "p")
    assert (finding.status, str(error) in finding.seen, says in finding.fix) == ("fail", True, True)


def test_a_managed_model_is_asked_for_where_it_is_called(cloud: SandboxHandle, examine: Examine) -> None:
    """By its own location's host, not by the stack's region's."""
    for location, host in (
        ("global", "aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
    ):
        since = cloud.last_call()
        report = examine(stack=read({**managed(location=location), "gcp:project": cloud.project}))
        assert of(report, "model")[0].seen.endswith(f"says {host}")
        assert [call["path"].split("/")[2] for call in cloud.calls(since) if "publishers" in call["path"]] == [host]


def test_a_project_out_of_sight_ends_the_report(examine: Examine) -> None:
    """All further checks would say the same."""
    report = examine(caller=OUTSIDER)
    assert list(failures(report)) == ["project"]
    assert "roles/browser" in report.findings[-1].fix


def test_every_role_that_is_named_holds_its_permission() -> None:
    """By the sandbox's own table of Google's roles."""
    every = {**permissions.OPTIONAL, **permissions.PROJECT, **permissions.ORGANIZATION}
    every |= {**permissions.REPAIR, **permissions.REQUEST_QUOTA}
    assert {permission: role for permission, role in every.items() if role not in ROLES} == {}
    assert [permission for permission, role in every.items() if not holds(role, permission)] == []


@pytest.mark.parametrize("missing", [*permissions.PROJECT, *permissions.ORGANIZATION])
def test_each_missing_permission_is_named_with_a_role_that_has_it(
    missing: str, cloud: SandboxHandle, examine: Examine
) -> None:
    """The deployer has all but one: the finding names that one, and the command that grants a role with it."""
    sandbox, caller = cloud.sandbox, "user:ci@sandbox.example"
    for resource, needed in (
        (f"projects/{cloud.project}", permissions.PROJECT),
        (f"organizations/{ORGANIZATION}", permissions.ORGANIZATION),
    ):
        role = f"{resource}/roles/deployer"
        sandbox.store.put("customRole", role, {"includedPermissions": [p for p in needed if p != missing]})
        bindings = [{"role": role, "members": [caller]}]
        sandbox.store.put(iam_policies.KIND, resource, {"bindings": bindings, "generation": 1})
    report = examine(caller="ci@sandbox.example", kubernetes={"context": "sandbox", "createNamespace": True})
    if missing == "resourcemanager.projects.get":
        (finding,) = of(report, "project")
        assert (missing in finding.seen, "roles/browser" in finding.fix) == (True, True)
        return
    check = "permissions" if missing in permissions.PROJECT else "permissions: perimeter"
    (finding,) = [finding for finding in of(report, check) if finding.status == "fail"]
    assert finding.seen == f"missing: {missing}"
    assert finding.fix.endswith(f"--role={permissions.role_with(missing)}")


RULED = {"name": "e", "connectivity": "private-service-connect", "address": "forwarding-rule"}
PEERED = {"name": "e", "connectivity": "peered-network", "network": "n", "privateServicesAccess": "create"}
OWN = {"name": "n", "create": True}
WATCH = {"requestLogging": {"dataset": "d"}}
MANAGED = {"name": "m", "model": "gemini-3.8-flash", "serving": "managed"}
KEY = {"model": "gemini-3.8-flash", "apiKey": "not-a-key"}
# Together they take all that is in no other stack's role.
OPTIONS: tuple[dict[str, Any], ...] = (
    {"network": OWN, "endpoint": RULED, "privateApis": {"mode": "restricted"}, "fallback": KEY},
    {"network": OWN, "observability": WATCH, "perimeter": {"mode": "dry-run", "accessPolicy": "1"}},
    {"endpoint": PEERED, "models": [{"name": "m", "model": "gemma-3-4b", "machineType": "n1-standard-4"}]},
    {"endpoint": None, "models": [MANAGED], "observability": WATCH},
    {"fallback": {**KEY, "store": "kubernetes"}, "kubernetes": {"context": "sandbox"}},
)


def test_each_option_takes_permissions_that_are_named_one_by_one(
    cloud: SandboxHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Private paths, observability and the fallback's key: the check finds each that is missing, beside the others."""
    resource, role = f"projects/{cloud.project}", f"projects/{cloud.project}/roles/deployer"
    bindings = [{"role": role, "members": ["user:ci@sandbox.example"]}]
    cloud.sandbox.store.put(iam_policies.KIND, resource, {"bindings": bindings, "generation": 1})
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", token_for("ci@sandbox.example"))
    google = Google()
    found: set[str] = set()
    for changes in OPTIONS:
        config = prod(**{"perimeter": None, **changes})
        stack = read({**config, "gcp:project": cloud.project}, secrets=("gemini-vertex:fallback",))
        needed = needed_permissions(stack)
        for missing in {*needed} & {*permissions.OPTIONAL} - found:
            granted = {"includedPermissions": [name for name in needed if name != missing]}
            cloud.sandbox.store.put("customRole", role, granted)
            finding, *_ = check_permissions(google, stack, None)
            assert finding.seen == f"missing: {missing}"
            assert finding.fix.endswith(f"--role={needed[missing]}")
            found.add(missing)
        cloud.sandbox.store.put("customRole", role, {"includedPermissions": [*needed]})
        finding, *_ = check_permissions(google, stack, None)
        assert finding.seen == f"all {len(needed)} held on {resource}"
    assert found == {*permissions.OPTIONAL}


def test_a_named_access_policy_is_asked_itself(cloud: SandboxHandle, examine: Examine) -> None:
    """Who may only use a policy needs nothing on the organization."""
    cloud.sandbox.store.put(
        "accessPolicy", "accessPolicies/77", {"parent": f"organizations/{ORGANIZATION}", "title": "t"}
    )
    report = examine(perimeter={"mode": "dry-run", "accessPolicy": "77"})
    (finding,) = of(report, "permissions: perimeter")
    assert finding.seen == "all 4 held on accessPolicies/77"


def test_models_that_are_not_there_or_do_not_fit_are_told(examine: Examine) -> None:
    """Missing, in another region, and one that runs on shared machines only."""
    elsewhere = "projects/sandbox-project/locations/europe-west4/models/gemma-3-4b"
    for model, says, mends in (
        ("nowhere", "models/nowhere does not exist", "gcloud ai models list --region=us-central1"),
        (elsewhere, "is in europe-west4, the endpoint in us-central1", "gcloud ai models copy"),
        ("tuned-gemini", "does not run on machines of its own", "remove machineType"),
    ):
        entry = {"name": "only", "model": model, "machineType": "n1-standard-4"}
        (finding,) = of(examine(models=[entry]), "model")
        assert finding.status == "fail"
        assert says in finding.seen
        assert mends in finding.fix


def test_a_private_path_of_the_stacks_own_takes_permissions_of_its_own(examine: Examine) -> None:
    """A network that the stack makes need not be there; what makes it is asked for."""
    whole = {"mode": "restricted"}
    report = examine(network={"name": "n", "create": True}, privateApis=whole)
    assert of(report, "network")[0].seen.startswith("this stack makes n")
    asked = {*needed_permissions(settings(network={"name": "n", "create": True}, privateApis=whole))}
    assert {*permissions.NETWORK, *permissions.CONNECTION_POLICY, *permissions.PRIVATE_APIS} <= asked
    assert "compute.addresses.createInternal" not in asked
    ruled = {"name": "e", "connectivity": "private-service-connect", "address": "forwarding-rule"}
    assert {*permissions.FORWARDING_RULE} <= {*needed_permissions(settings(endpoint=ruled))}
    assert not ({*permissions.PRIVATE} - {*permissions.PREFLIGHT}) & {*needed_permissions(settings())}


def test_the_workload_pool_needs_a_cluster(cloud: SandboxHandle, examine: Examine) -> None:
    """A cluster without Workload Identity, then no cluster at all."""
    name = "sandbox-project/us-central1/sandbox"
    cloud.sandbox.store.put("gkeCluster", name, {"name": "sandbox", "location": "us-central1"})
    (pool,) = of(examine(), "workload pool")
    assert "clusters update sandbox --location=us-central1 --workload-pool=sandbox-project.svc.id.goog" in pool.fix
    cloud.sandbox.store.delete("gkeCluster", name)
    (pool,) = of(examine(), "workload pool")
    assert (pool.status, "clusters create-auto" in pool.fix) == ("fail", True)


def test_the_cost_is_the_catalogues_where_it_answers(
    cloud: SandboxHandle, examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the dated list in its place where it does not, and by model."""
    first, *rest = of(examine(), "cost")
    assert "idle 0.87 USD an hour" in first.seen
    assert "Cloud Billing catalogue of 2026-11-24" in first.seen
    assert [finding.seen.partition(":")[0] for finding in rest] == ["first", "second"]
    monkeypatch.setattr("pricing.VERTEX_AI_SERVICE", "services/0000-0000-0000")
    (first, *_) = of(examine(), "cost")
    assert "idle 0.88 USD an hour" in first.seen
    assert "prices.yaml of 2026-11-24 (the Cloud Billing catalogue did not answer: 404" in first.seen
