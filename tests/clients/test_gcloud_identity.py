"""gcloud's `config`, `services`, `projects` and `iam`, the real program, as `sandbox run` sets it up."""

import pytest

from sandbox.testing import SandboxHandle
from tests.clients.tools import Tool

ACCOUNT = "gemini-inference-sa@sandbox-project.iam.gserviceaccount.com"
KSA = "serviceAccount:sandbox-project.svc.id.goog[production/gemini-app]"
PREDICT = "aiplatform.endpoints.predict"


@pytest.fixture
def gcloud(sandbox: SandboxHandle) -> Tool:
    return Tool("gcloud", sandbox)


def test_the_articles_apis_are_enabled_listed_and_disabled(gcloud: Tool) -> None:
    gcloud.sandbox.set(operationSeconds=0.2)
    apis = [f"{name}.googleapis.com" for name in ("aiplatform", "compute", "container", "cloudresourcemanager")]
    done = gcloud.run("services", "enable", *apis, "--project=sandbox-project")
    assert done.returncode == 0
    assert 'Operation "operations/acf.' in done.stderr
    assert "finished successfully." in done.stderr
    assert set(apis) <= {service["config"]["name"] for service in gcloud.json("services list")}
    assert "is depended on by" in gcloud.refused("services disable compute.googleapis.com")
    gcloud("services disable compute.googleapis.com --force")
    assert "compute.googleapis.com" not in gcloud("services list --format=value(config.name)")
    gcloud("services enable iam.googleapis.com --async")


def test_application_default_credentials_are_the_machines(gcloud: Tool) -> None:
    assert gcloud("auth application-default print-access-token").startswith("ya29.sandbox-")


def test_a_missing_permission_says_so(sandbox: SandboxHandle, gcloud: Tool) -> None:
    assert "denied" in gcloud.refused("services enable nosuch.googleapis.com")


def test_projects_are_listed_described_and_stand_below_their_organization(gcloud: Tool) -> None:
    gcloud("config set project sandbox-project")
    (project,) = gcloud.json("projects list")
    assert project == gcloud.json("projects describe sandbox-project")
    assert [ancestor["type"] for ancestor in gcloud.json("projects get-ancestors sandbox-project")] == [
        "project",
        "organization",
    ]


def test_a_projects_policy_is_read_modified_and_written(gcloud: Tool) -> None:
    gcloud("iam service-accounts create gemini-inference-sa")
    member = f"--member=serviceAccount:{ACCOUNT}"
    gcloud(f"projects add-iam-policy-binding sandbox-project {member} --role=roles/aiplatform.user")
    condition = "--condition=expression=request.time<timestamp('2030-01-01T00:00:00Z'),title=until2030"
    done = gcloud.run(
        *("projects", "add-iam-policy-binding", "sandbox-project", member, "--role=roles/monitoring.viewer", condition)
    )
    assert done.returncode == 0, done.stderr
    bindings = gcloud.json("projects get-iam-policy sandbox-project")["bindings"]
    conditional = next(binding for binding in bindings if binding["role"] == "roles/monitoring.viewer")
    assert conditional["condition"]["title"] == "until2030"
    removed = f"projects remove-iam-policy-binding sandbox-project {member} --role=roles/aiplatform.user"
    gcloud(f"{removed} --condition=None")
    bindings = gcloud.json("projects get-iam-policy sandbox-project")["bindings"]
    assert "roles/aiplatform.user" not in {binding["role"] for binding in bindings}


def test_a_service_account_lives_through_all_that_gcloud_does_to_it(gcloud: Tool) -> None:
    gcloud("iam service-accounts create gemini-inference-sa --display-name='Gemini Inference Service Account'")
    gcloud(f"iam service-accounts update {ACCOUNT} --description=predicts")
    assert gcloud.json(f"iam service-accounts describe {ACCOUNT}")["description"] == "predicts"
    gcloud(f"iam service-accounts disable {ACCOUNT}")
    assert gcloud.json(f"iam service-accounts describe {ACCOUNT}")["disabled"] is True
    gcloud(f"iam service-accounts enable {ACCOUNT}")
    assert ACCOUNT in {account["email"] for account in gcloud.json("iam service-accounts list")}
    assert gcloud.json(f"iam service-accounts keys list --iam-account={ACCOUNT}") == []
    unique = gcloud.json(f"iam service-accounts describe {ACCOUNT}")["uniqueId"]
    gcloud(f"iam service-accounts delete {ACCOUNT}")
    gcloud(f"beta iam service-accounts undelete {unique}")
    assert gcloud.json(f"iam service-accounts describe {ACCOUNT}")["uniqueId"] == unique


def test_a_service_accounts_policy_is_written_back_with_its_etag_whatever_it_is(gcloud: Tool) -> None:
    """gcloud writes an etag back in the URL-safe alphabet."""
    gcloud("iam service-accounts create gemini-inference-sa")
    binding = f"iam-policy-binding {ACCOUNT} --role=roles/iam.workloadIdentityUser --member='{KSA}'"
    for _ in range(3):
        gcloud(f"iam service-accounts add-{binding}")
        (held,) = gcloud.json(f"iam service-accounts get-iam-policy {ACCOUNT}")["bindings"]
        assert held == {"role": "roles/iam.workloadIdentityUser", "members": [KSA]}
        gcloud(f"iam service-accounts remove-{binding}")
    assert "bindings" not in gcloud.json(f"iam service-accounts get-iam-policy {ACCOUNT}")


def test_roles_are_listed_and_ones_own_are_made_changed_deleted_and_brought_back(gcloud: Tool) -> None:
    assert "roles/aiplatform.user" in {role["name"] for role in gcloud.json("iam roles list")}
    where = "--project=sandbox-project"
    gcloud(f"iam roles create predictOnly {where} --title=Predict --permissions={PREDICT} --stage=GA")
    gcloud(f"iam roles update predictOnly {where} --add-permissions=aiplatform.endpoints.get")
    described = gcloud.json(f"iam roles describe predictOnly {where}")
    assert described["includedPermissions"] == ["aiplatform.endpoints.get", PREDICT]
    gcloud(f"iam roles delete predictOnly {where}")
    assert gcloud.json(f"iam roles list {where}") == []
    assert len(gcloud.json(f"iam roles list {where} --show-deleted")) == 1
    gcloud(f"iam roles undelete predictOnly {where}")
    resource = "//cloudresourcemanager.googleapis.com/projects/sandbox-project"
    grantable = {role["name"] for role in gcloud.json(f"iam list-grantable-roles {resource}")}
    assert {"roles/aiplatform.user", "projects/sandbox-project/roles/predictOnly"} <= grantable
    assert PREDICT in {found["name"] for found in gcloud.json(f"iam list-testable-permissions {resource}")}
