"""cloudresourcemanager: projects and the organization in both versions, and the project's IAM policy."""

import concurrent.futures

import pytest

from sandbox.testing import SandboxHandle
from tests.sandbox.google import ORGANIZATION, PROJECT_NUMBER, Google, RefusedError, grant, make_account, refusal

Binding = dict[str, object]


@pytest.fixture
def manager(sandbox: SandboxHandle) -> Google:
    return Google(sandbox, "cloudresourcemanager")


def read(manager: Google, version: int = 3) -> dict[str, object]:
    return manager("POST", f"{manager.project}:getIamPolicy", {"options": {"requestedPolicyVersion": version}})


def write(manager: Google, policy: dict[str, object]) -> dict[str, object]:
    return manager("POST", f"{manager.project}:setIamPolicy", {"policy": policy})


def with_binding(policy: dict[str, object], **binding: object) -> dict[str, object]:
    bindings = policy.get("bindings", [])
    assert isinstance(bindings, list)
    return {**policy, "bindings": [*bindings, binding], "version": 3}


def test_a_project_is_found_by_id_and_by_number(manager: Google) -> None:
    by_id = manager("GET", manager.project)
    assert by_id["projectNumber"] == PROJECT_NUMBER
    assert by_id["lifecycleState"] == "ACTIVE"
    assert by_id["parent"] == {"type": "organization", "id": ORGANIZATION}
    assert manager("GET", f"projects/{PROJECT_NUMBER}") == by_id


def test_version_3_names_a_project_by_its_number(sandbox: SandboxHandle) -> None:
    found = Google(sandbox, "cloudresourcemanager", "v3")("GET", f"projects/{sandbox.project}")
    assert found["name"] == f"projects/{PROJECT_NUMBER}"
    assert found["parent"] == f"organizations/{ORGANIZATION}"
    assert found["state"] == "ACTIVE"


def test_a_projects_ancestry_ends_in_the_organization(manager: Google) -> None:
    ancestors = [a["resourceId"] for a in manager("POST", f"{manager.project}:getAncestry", {})["ancestor"]]
    assert [a["type"] for a in ancestors] == ["project", "organization"]
    assert ancestors[1]["id"] == ORGANIZATION


@pytest.mark.parametrize("version", ["v1", "v3"])
def test_an_unknown_project_is_a_403(sandbox: SandboxHandle, version: str) -> None:
    refused = refusal(Google(sandbox, "cloudresourcemanager", version), "GET", "projects/no-such-project")
    assert (refused.code, refused.status) == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize("version", ["v1", "v3"])
def test_the_organization_is_there_and_no_other(sandbox: SandboxHandle, version: str) -> None:
    api = Google(sandbox, "cloudresourcemanager", version)
    assert api("GET", f"organizations/{ORGANIZATION}")["name"] == f"organizations/{ORGANIZATION}"
    assert refusal(api, "GET", "organizations/1").code == 403


def test_a_policy_is_replaced_with_the_etag_it_was_read_with(manager: Google) -> None:
    first = read(manager)
    written = write(manager, with_binding(first, role="roles/viewer", members=["user:a@example.com"]))
    assert written["etag"] != first["etag"]
    refused = refusal(manager, "POST", f"{manager.project}:setIamPolicy", {"policy": first})
    assert (refused.code, refused.status) == (409, "ABORTED")
    assert "concurrent policy changes" in refused.message
    assert read(manager) == written


def test_two_writers_never_undo_each_other(manager: Google) -> None:
    """Each of 12 writers retries on a conflict; in the end all 12 members are there."""

    def add(number: int) -> None:
        while True:
            policy = with_binding(read(manager), role="roles/viewer", members=[f"user:u{number}@example.com"])
            try:
                write(manager, policy)
            except RefusedError as error:
                if error.status != "ABORTED":
                    raise
            else:
                return

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(add, range(12)))
    bindings = read(manager)["bindings"]
    assert isinstance(bindings, list)
    viewers = next(b for b in bindings if b["role"] == "roles/viewer")
    assert len(viewers["members"]) == 12


def test_conditions_need_version_3_and_show_only_there(manager: Google) -> None:
    condition = {"title": "soon over", "expression": 'request.time < timestamp("2030-01-01T00:00:00Z")'}
    policy = with_binding(
        read(manager), role="roles/aiplatform.user", members=["user:a@example.com"], condition=condition
    )
    assert refusal(manager, "POST", f"{manager.project}:setIamPolicy", {"policy": {**policy, "version": 1}}).code == 400
    written = write(manager, policy)
    assert written["version"] == 3
    below = read(manager, 1)
    assert below["version"] == 1
    assert isinstance(below["bindings"], list)
    roles = [b["role"] for b in below["bindings"]]
    assert any(role.startswith("roles/aiplatform.user_withcond_") for role in roles)
    assert not any("condition" in b for b in below["bindings"])


@pytest.mark.parametrize(
    ("binding", "words"),
    [
        ({"role": "viewer", "members": ["user:a@example.com"]}, "role"),
        ({"role": "roles/viewer", "members": ["a@example.com"]}, "type prefix"),
        ({"role": "roles/viewer", "members": ["robot:a"]}, "type prefix"),
        (
            {"role": "roles/viewer", "members": ["serviceAccount:gone@sandbox-project.iam.gserviceaccount.com"]},
            "does not exist",
        ),
        ({"role": "roles/viewer", "members": ["serviceAccount:other.svc.id.goog[ns/ksa]"]}, "Identity Pool"),
        ({"role": "projects/sandbox-project/roles/none", "members": ["user:a@example.com"]}, "does not exist"),
        (
            {"role": "roles/owner", "members": ["user:a@example.com"], "condition": {"title": "t", "expression": "1"}},
            "basic",
        ),
        (
            {"role": "roles/aiplatform.user", "members": ["user:a@example.com"], "condition": {"title": "t"}},
            "expression",
        ),
    ],
)
def test_a_binding_that_google_refuses_is_refused(manager: Google, binding: Binding, words: str) -> None:
    policy = with_binding(read(manager), **binding)
    refused = refusal(manager, "POST", f"{manager.project}:setIamPolicy", {"policy": policy})
    assert (refused.code, refused.status) == (400, "INVALID_ARGUMENT")
    assert words in refused.message


def test_bindings_of_one_role_are_merged_and_empty_ones_dropped(manager: Google) -> None:
    policy = read(manager)
    for members in (["user:b@example.com"], ["user:a@example.com", "user:b@example.com"]):
        policy = with_binding(policy, role="roles/viewer", members=members)
    written = write(manager, with_binding(policy, role="roles/browser", members=[]))
    assert isinstance(written["bindings"], list)
    shown = {b["role"]: b["members"] for b in written["bindings"]}
    assert shown["roles/viewer"] == ["user:a@example.com", "user:b@example.com"]
    assert "roles/browser" not in shown


def test_permissions_follow_the_policy(sandbox: SandboxHandle, manager: Google) -> None:
    asked = {"permissions": ["aiplatform.endpoints.predict", "aiplatform.endpoints.deploy", "compute.networks.create"]}
    email = make_account(sandbox)
    account = Google(sandbox, "cloudresourcemanager", caller=email)
    assert account("POST", f"{account.project}:testIamPermissions", asked) == {}
    grant(sandbox, "roles/aiplatform.user", f"serviceAccount:{email}")
    held = account("POST", f"{account.project}:testIamPermissions", asked)["permissions"]
    assert held == ["aiplatform.endpoints.predict", "aiplatform.endpoints.deploy"]
    assert manager("POST", f"{manager.project}:testIamPermissions", asked) == asked


def test_an_editor_may_not_change_the_policy(sandbox: SandboxHandle) -> None:
    grant(sandbox, "roles/editor", "user:editor@example.com")
    editor = Google(sandbox, "cloudresourcemanager", caller="editor@example.com")
    policy = read(editor)
    assert refusal(editor, "POST", f"{editor.project}:setIamPolicy", {"policy": policy}).code == 403


def test_a_policy_put_back_as_it_was_leaves_nothing_behind(sandbox: SandboxHandle, manager: Google) -> None:
    before = read(manager)
    write(manager, with_binding(before, role="roles/viewer", members=["user:a@example.com"]))
    assert list(sandbox.state()) == ["iamPolicy"]
    write(manager, {**read(manager), "bindings": before["bindings"]})
    assert sandbox.state() == {}


def test_projects_are_listed_and_filtered(sandbox: SandboxHandle) -> None:
    """Discovery, cloudresourcemanager.projects.list v1: `filter`, case-insensitive, a star for any rest."""
    manager = Google(sandbox, "cloudresourcemanager")

    def listed(expression: str) -> list[str]:
        return [project["projectId"] for project in manager("GET", "projects", filter=expression).get("projects", [])]

    assert listed("lifecycleState:ACTIVE") == [sandbox.project]
    assert listed("name:SANDBOX* parent.type:organization") == [sandbox.project]
    assert listed("lifecycleState:DELETE_REQUESTED") == []
    assert refusal(manager, "GET", "projects", filter="createTime>2020").code == 501
    stranger = Google(sandbox, "cloudresourcemanager", caller="stranger@sandbox.example")
    assert stranger("GET", "projects") == {}


def test_projects_are_listed_by_what_gcloud_makes_of_its_filter(manager: Google) -> None:
    """`gcloud projects list --filter='name:sandbox*'` sends this; projects.list v1, filter (discovery)."""
    for name, count in (("sandbox*", 1), ("other*", 0)):
        asked = f'lifecycleState:ACTIVE AND (name:"{name}")'
        assert len(manager("GET", "projects", filter=asked).get("projects", [])) == count
    assert "projects" not in manager("GET", "projects", filter="labels.colour:red")


def test_a_project_is_renamed_and_labelled(sandbox: SandboxHandle, manager: Google) -> None:
    """projects.update v1 (discovery): a whole project, read-modify-write, its name 4 to 30 characters."""
    project = manager("GET", manager.project)
    changed = manager("PUT", manager.project, {**project, "name": "My Sandbox", "labels": {"colour": "red"}})
    assert changed == manager("GET", manager.project) == {**project, "name": "My Sandbox", "labels": {"colour": "red"}}
    assert len(manager("GET", "projects", filter="labels.colour:red name:my*")["projects"]) == 1
    assert refusal(manager, "PUT", manager.project, {**project, "name": "abc"}).status == "INVALID_ARGUMENT"
    moved = {**project, "parent": {"type": "organization", "id": "1"}}
    assert refusal(manager, "PUT", manager.project, moved).code == 501
    assert manager("PUT", manager.project, project) == project
    assert "project" not in sandbox.state()


def test_the_organization_is_searched_by_who_may_see_it(sandbox: SandboxHandle) -> None:
    """organizations.search, v1 and v3 (discovery): those on which the caller has resourcemanager.organizations.get."""
    manager, newer = Google(sandbox, "cloudresourcemanager"), Google(sandbox, "cloudresourcemanager", "v3")
    name = f"organizations/{ORGANIZATION}"
    (found,) = manager("POST", "organizations:search", {})["organizations"]
    assert found == manager("GET", name)
    (found,) = newer("GET", "organizations:search", query="domain:sandbox.example")["organizations"]
    assert found == newer("GET", name)
    assert manager("POST", "organizations:search", {"filter": "domain:other.example"}) == {}
    assert refusal(manager, "POST", "organizations:search", {"filter": "colour:red"}).status == "INVALID_ARGUMENT"
    nobody = Google(sandbox, "cloudresourcemanager", caller="nobody@example.com")
    assert nobody("POST", "organizations:search", {}) == {}
