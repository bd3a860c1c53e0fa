"""iam: service accounts and their keys, custom and predefined roles."""

import pytest

from sandbox.testing import SandboxHandle
from tests.sandbox.google import ORGANIZATION, Google, Json, grant, make_account, refusal

EMAIL = "gemini-inference-sa@sandbox-project.iam.gserviceaccount.com"


@pytest.fixture
def iam(sandbox: SandboxHandle) -> Google:
    return Google(sandbox, "iam")


@pytest.fixture
def account(sandbox: SandboxHandle) -> str:
    """The full name of a new service account."""
    return f"projects/{sandbox.project}/serviceAccounts/{make_account(sandbox)}"


def test_an_accounts_email_follows_from_its_id_and_project(iam: Google) -> None:
    """ServiceAccount.email and name (discovery, iam v1)."""
    body = {"accountId": "gemini-inference-sa", "serviceAccount": {"displayName": "Gemini"}}
    made = iam("POST", f"{iam.project}/serviceAccounts", body)
    assert made["email"] == EMAIL
    assert made["name"] == f"{iam.project}/serviceAccounts/{EMAIL}"
    assert made["displayName"] == "Gemini"
    assert len(made["uniqueId"]) == 21


@pytest.mark.parametrize("account_id", ["short", "a" * 31, "Upper-case", "1number", "ends-with-", "", "with_low_line"])
def test_an_account_id_has_6_to_30_lowercase_characters(iam: Google, account_id: str) -> None:
    """CreateServiceAccountRequest.accountId (discovery)."""
    refused = refusal(iam, "POST", f"{iam.project}/serviceAccounts", {"accountId": account_id})
    assert (refused.code, refused.status) == (400, "INVALID_ARGUMENT")


def test_a_taken_account_id_is_a_conflict(iam: Google, account: str) -> None:
    """google.aip.dev/133: ALREADY_EXISTS."""
    refused = refusal(iam, "POST", f"{iam.project}/serviceAccounts", {"accountId": "gemini-inference-sa"})
    assert (refused.code, refused.status) == (409, "ALREADY_EXISTS")
    assert (
        refused.message == "Service account gemini-inference-sa already exists within project projects/sandbox-project."
    )


def test_an_account_is_found_by_email_by_unique_id_and_in_any_project(iam: Google, account: str) -> None:
    """serviceAccounts.get, name: e-mail or unique id, and the wildcard "-" (discovery)."""
    found = iam("GET", account)
    assert iam("GET", f"{iam.project}/serviceAccounts/{found['uniqueId']}") == found
    assert iam("GET", f"projects/-/serviceAccounts/{EMAIL}") == found
    assert found["email"] in {a["email"] for a in iam("GET", f"{iam.project}/serviceAccounts")["accounts"]}


def test_an_unknown_account_is_not_found(iam: Google) -> None:
    """serviceAccounts.get, name: 403 with the wildcard "-" (discovery)."""
    refused = refusal(iam, "GET", f"{iam.project}/serviceAccounts/{EMAIL}")
    assert (refused.code, refused.message) == (404, "Unknown service account")


def test_only_what_the_mask_names_is_changed(iam: Google, account: str) -> None:
    """PatchServiceAccountRequest.updateMask (discovery)."""
    body: Json = {"serviceAccount": {"displayName": "New", "description": "ignored"}, "updateMask": "display_name"}
    changed = iam("PATCH", account, body)
    assert changed["displayName"] == "New"
    assert "description" not in changed
    assert refusal(iam, "PATCH", account, {**body, "updateMask": "email"}).status == "INVALID_ARGUMENT"
    too_long = {"serviceAccount": {"description": "ä" * 129}, "updateMask": "description"}
    assert refusal(iam, "PATCH", account, too_long).status == "INVALID_ARGUMENT"


def test_an_account_is_disabled_and_enabled(iam: Google, account: str) -> None:
    """serviceAccounts.disable and enable (discovery)."""
    iam("POST", f"{account}:disable", {})
    assert iam("GET", account)["disabled"] is True
    iam("POST", f"{account}:enable", {})
    assert "disabled" not in iam("GET", account)


def test_a_deleted_account_stays_in_policies_as_deleted_until_it_comes_back(
    sandbox: SandboxHandle, iam: Google, account: str
) -> None:
    """Binding.members, deleted:serviceAccount:…?uid=…; serviceAccounts.undelete (discovery)."""
    grant(sandbox, "roles/aiplatform.user", f"serviceAccount:{EMAIL}")
    unique_id = iam("GET", account)["uniqueId"]
    manager = Google(sandbox, "cloudresourcemanager")

    def members() -> list[str]:
        bindings = manager("POST", f"{manager.project}:getIamPolicy", {})["bindings"]
        found: list[str] = next(b for b in bindings if b["role"] == "roles/aiplatform.user")["members"]
        return found

    iam("DELETE", account)
    assert refusal(iam, "GET", account).code == 404
    assert members() == [f"deleted:serviceAccount:{EMAIL}?uid={unique_id}"]
    back = iam("POST", f"{iam.project}/serviceAccounts/{unique_id}:undelete", {})["restoredAccount"]
    assert back["uniqueId"] == unique_id
    assert members() == [f"serviceAccount:{EMAIL}"]


def test_an_account_made_anew_is_another_one(sandbox: SandboxHandle, iam: Google, account: str) -> None:
    """serviceAccounts.delete: another account of the same name is a separate one (discovery)."""
    before = iam("GET", account)["uniqueId"]
    iam("DELETE", account)
    make_account(sandbox)
    assert iam("GET", account)["uniqueId"] != before
    assert refusal(iam, "POST", f"{iam.project}/serviceAccounts/{before}:undelete", {}).status == "ALREADY_EXISTS"


def test_who_may_use_an_account_is_its_own_policy(iam: Google, account: str) -> None:
    """serviceAccounts.getIamPolicy and setIamPolicy (discovery)."""
    empty = iam("POST", f"{account}:getIamPolicy")
    assert empty == {"etag": "ACAB"}
    member = "serviceAccount:sandbox-project.svc.id.goog[production/gemini-app]"
    bindings = [{"role": "roles/iam.workloadIdentityUser", "members": [member]}]
    written = iam("POST", f"{account}:setIamPolicy", {"policy": {"bindings": bindings, "etag": empty["etag"]}})
    assert written["bindings"] == bindings
    stale = {"policy": {"bindings": [], "etag": empty["etag"]}}
    assert refusal(iam, "POST", f"{account}:setIamPolicy", stale).status == "ABORTED"


def test_no_account_has_a_key_and_none_can_be_made(iam: Google, account: str) -> None:
    """iam.disableServiceAccountKeyCreation: cloud.google.com/resource-manager/docs/secure-by-default-organizations."""
    assert iam("GET", f"{account}/keys") == {}
    refused = refusal(iam, "POST", f"{account}/keys", {})
    assert refused.status == "FAILED_PRECONDITION"
    assert refused.details[0]["violations"][0]["type"] == "constraints/iam.disableServiceAccountKeyCreation"


def test_a_stranger_may_not_make_accounts(sandbox: SandboxHandle) -> None:
    """iam.serviceAccounts.create: cloud.google.com/iam/docs/roles-permissions."""
    stranger = Google(sandbox, "iam", caller="someone@example.com")
    refused = refusal(stranger, "POST", f"{stranger.project}/serviceAccounts", {"accountId": "gemini-inference-sa"})
    assert refused.details[0]["metadata"]["permission"] == "iam.serviceAccounts.create"


def role(**fields: object) -> Json:
    return {"roleId": "predictor", "role": {"title": "Predictor", "stage": "GA", **fields}}


def test_a_custom_role_shows_its_permissions_sorted(iam: Google) -> None:
    """projects.roles.create, Role.includedPermissions (discovery)."""
    permissions = ["aiplatform.endpoints.predict", "aiplatform.endpoints.explain"]
    made = iam("POST", f"{iam.project}/roles", role(includedPermissions=permissions))
    assert made["name"] == f"{iam.project}/roles/predictor"
    assert made["includedPermissions"] == sorted(permissions)
    assert "includedPermissions" not in iam("GET", f"{iam.project}/roles")["roles"][0]
    assert iam("GET", f"{iam.project}/roles", view="FULL")["roles"] == [made]


@pytest.mark.parametrize(
    "body",
    [
        {"roleId": "no-dash", "role": {}},
        {"roleId": "ab", "role": {}},
        role(includedPermissions=["predict"]),
        role(title="t" * 101),
    ],
)
def test_a_custom_role_that_google_refuses_is_refused(iam: Google, body: Json) -> None:
    """CreateRoleRequest.roleId, Role.title (discovery); cloud.google.com/iam/docs/custom-roles-permissions-support."""
    assert refusal(iam, "POST", f"{iam.project}/roles", body).status == "INVALID_ARGUMENT"


def test_a_deleted_role_keeps_its_id_and_can_come_back(sandbox: SandboxHandle, iam: Google) -> None:
    """projects.roles.delete and undelete, Role.deleted (discovery)."""
    name = iam("POST", f"{iam.project}/roles", role(includedPermissions=["aiplatform.endpoints.predict"]))["name"]
    assert iam("DELETE", name)["deleted"] is True
    assert sandbox.state() == {}
    assert iam("GET", name)["deleted"] is True
    assert iam("GET", f"{iam.project}/roles") == {}
    assert len(iam("GET", f"{iam.project}/roles", showDeleted="true")["roles"]) == 1
    assert refusal(iam, "POST", f"{iam.project}/roles", role()).status == "FAILED_PRECONDITION"
    assert refusal(iam, "PATCH", name, {"title": "x"}).status == "FAILED_PRECONDITION"
    assert "deleted" not in iam("POST", f"{name}:undelete", {})
    assert refusal(iam, "POST", f"{iam.project}/roles", role()).status == "ALREADY_EXISTS"


def test_a_role_is_changed_by_mask_or_by_what_the_body_has(iam: Google) -> None:
    """projects.roles.patch, updateMask (discovery)."""
    made = iam(
        "POST", f"{iam.project}/roles", role(description="d", includedPermissions=["aiplatform.endpoints.predict"])
    )
    assert "description" not in iam("PATCH", made["name"], {"title": "New"}, updateMask="title,description")
    changed = iam("PATCH", made["name"], {"stage": "BETA"})
    assert (changed["title"], changed["stage"]) == ("New", "BETA")
    stale = refusal(iam, "PATCH", made["name"], {"title": "x", "etag": made["etag"]})
    assert stale.status == "ABORTED"


def test_predefined_roles_are_there_and_say_what_they_grant(iam: Google) -> None:
    """roles.get (discovery); cloud.google.com/iam/docs/roles-permissions."""
    assert "aiplatform.endpoints.predict" in iam("GET", "roles/aiplatform.user")["includedPermissions"]
    assert refusal(iam, "GET", "roles/no.suchRole").code == 404


def test_a_custom_role_grants_what_it_holds_until_it_is_deleted(sandbox: SandboxHandle, iam: Google) -> None:
    """projects.roles.delete: its bindings have no effect (discovery)."""
    name = iam("POST", f"{iam.project}/roles", role(includedPermissions=["aiplatform.endpoints.predict"]))["name"]
    grant(sandbox, name, "user:someone@example.com")
    someone = Google(sandbox, "cloudresourcemanager", caller="someone@example.com")
    asked = {"permissions": ["aiplatform.endpoints.predict", "aiplatform.endpoints.deploy"]}
    held = someone("POST", f"{someone.project}:testIamPermissions", asked)
    assert held == {"permissions": ["aiplatform.endpoints.predict"]}
    iam("DELETE", name)
    assert someone("POST", f"{someone.project}:testIamPermissions", asked) == {}


def test_the_permissions_that_a_role_can_have_are_told(iam: Google) -> None:
    """permissions.queryTestablePermissions (discovery)."""
    body = {"fullResourceName": f"//cloudresourcemanager.googleapis.com/{iam.project}"}
    named = [p["name"] for p in iam("POST", "permissions:queryTestablePermissions", body)["permissions"]]
    assert "aiplatform.endpoints.predict" in named
    assert not any("*" in name for name in named)


def test_a_project_is_not_told_of_permissions_that_its_roles_cannot_have(iam: Google) -> None:
    """permissions.queryTestablePermissions: `gcloud iam roles copy` takes over what it lists, and no more."""
    for resource, told in ((iam.project, False), (f"organizations/{ORGANIZATION}", True)):
        body = {"fullResourceName": f"//cloudresourcemanager.googleapis.com/{resource}"}
        found = iam("POST", "permissions:queryTestablePermissions", {**body, "pageSize": 1000})["permissions"]
        named = {permission["name"] for permission in found}
        assert ("resourcemanager.projects.list" in named) is told


def test_predefined_roles_are_listed_with_their_permissions_on_request(iam: Google) -> None:
    """Discovery, iam.roles.list: view BASIC (the default) leaves the permissions out."""
    basic = {role["name"]: role for role in iam("GET", "roles")["roles"]}
    assert "includedPermissions" not in basic["roles/aiplatform.user"]
    full = {role["name"]: role for role in iam("GET", "roles", view="FULL")["roles"]}
    assert "aiplatform.endpoints.predict" in full["roles/aiplatform.user"]["includedPermissions"]


def test_what_can_be_granted_on_a_project_includes_its_own_roles(iam: Google) -> None:
    """Discovery, iam.roles.queryGrantableRoles."""
    iam("POST", f"{iam.project}/roles", role())
    resource = {"fullResourceName": f"//cloudresourcemanager.googleapis.com/{iam.project}"}
    names = {found["name"] for found in iam("POST", "roles:queryGrantableRoles", resource)["roles"]}
    assert {"roles/aiplatform.user", f"{iam.project}/roles/predictor"} <= names
    assert refusal(iam, "POST", "roles:queryGrantableRoles", {"fullResourceName": "//x.googleapis.com/y"}).code == 501
