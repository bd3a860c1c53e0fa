"""accesscontextmanager: access policies, perimeters, dry runs and their promotion."""

import pytest

from sandbox.testing import SandboxHandle
from tests.sandbox.google import ORGANIZATION, PROJECT_NUMBER, Google, Json, refusal

PARENT = f"organizations/{ORGANIZATION}"
CONFIG: Json = {"resources": [f"projects/{PROJECT_NUMBER}"], "restrictedServices": ["aiplatform.googleapis.com"]}
DRY: Json = {"title": "gemini-prod-perimeter", "spec": CONFIG, "useExplicitDryRunSpec": True}


@pytest.fixture
def access(sandbox: SandboxHandle) -> Google:
    return Google(sandbox, "accesscontextmanager")


@pytest.fixture
def policy(access: Google) -> str:
    """The name of a new access policy."""
    made = access("POST", "accessPolicies", {"parent": PARENT, "title": "prod-access-policy"})
    name: str = made["response"]["name"]
    return name


def create(access: Google, policy: str, perimeter_id: str = "gemini_prod_perimeter", **fields: object) -> Json:
    name = f"{policy}/servicePerimeters/{perimeter_id}"
    answer: Json = access("POST", f"{policy}/servicePerimeters", {"name": name, **fields})["response"]
    return answer


def refused_perimeter(access: Google, policy: str, perimeter_id: str, body: Json) -> str:
    name = f"{policy}/servicePerimeters/{perimeter_id}"
    refused = refusal(access, "POST", f"{policy}/servicePerimeters", {"name": name, **body})
    assert refused.status == "INVALID_ARGUMENT"
    return refused.message


def test_an_organization_has_one_policy_for_all_of_itself(access: Google, policy: str) -> None:
    refused = refusal(access, "POST", "accessPolicies", {"parent": PARENT, "title": "another"})
    assert (refused.code, refused.status) == (409, "ALREADY_EXISTS")
    scoped = {"parent": PARENT, "title": "scoped", "scopes": [f"projects/{PROJECT_NUMBER}"]}
    access("POST", "accessPolicies", scoped)
    assert refusal(access, "POST", "accessPolicies", scoped).status == "ALREADY_EXISTS"
    titles = {p["title"] for p in access("GET", "accessPolicies", parent=PARENT)["accessPolicies"]}
    assert titles == {"prod-access-policy", "scoped"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"parent": "organizations/1", "title": "t"}, 403),
        ({"parent": "projects/1", "title": "t"}, 400),
        ({"parent": PARENT}, 400),
        ({"parent": PARENT, "title": "t", "scopes": ["projects/by-id"]}, 400),
    ],
)
def test_a_policy_needs_the_organization_and_a_title(access: Google, body: Json, code: int) -> None:
    assert refusal(access, "POST", "accessPolicies", body).code == code


def test_creating_is_an_operation_with_the_resource_as_its_response(sandbox: SandboxHandle, access: Google) -> None:
    sandbox.set(operationSeconds=0.05)
    started = access("POST", "accessPolicies", {"parent": PARENT, "title": "t"})
    assert "done" not in started
    while not (ended := access("GET", started["name"])).get("done"):
        pass
    assert ended["response"]["@type"].endswith("v1.AccessPolicy")
    assert access("GET", ended["response"]["name"])["title"] == "t"


def test_a_policys_title_changes_in_place(access: Google, policy: str) -> None:
    access("PATCH", policy, {"title": "new"}, updateMask="title")
    assert access("GET", policy)["title"] == "new"


def test_deleting_a_policy_takes_its_perimeters_along(sandbox: SandboxHandle, access: Google, policy: str) -> None:
    create(access, policy, **DRY)
    access("DELETE", policy)
    assert refusal(access, "GET", policy).code == 404
    assert sandbox.state() == {}


@pytest.mark.parametrize("perimeter_id", ["gemini-prod-perimeter", "1st", "", "a" * 51])
def test_a_perimeters_id_is_a_letter_then_letters_digits_and_underscores(
    access: Google, policy: str, perimeter_id: str
) -> None:
    assert "letters, digits and underscores" in refused_perimeter(access, policy, perimeter_id, DRY)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"title": "t", "spec": CONFIG}, "useExplicitDryRunSpec"),
        ({"title": "t", "status": {"resources": ["projects/sandbox-project"]}}, "PROJECT_NUMBER"),
        ({"title": "t", "status": {"resources": ["projects/1"]}}, "does not exist"),
        ({"title": "t", "status": {"restrictedServices": ["vertex.googleapis.com"]}}, "no such services"),
        ({"title": "t", "status": {"accessLevels": ["accessPolicies/1/accessLevels/x"]}}, "is not available in this"),
        ({"title": "t", "status": {"vpcAccessibleServices": {"allowedServices": ["x"]}}}, "enableRestriction"),
        ({"title": "t", "status": CONFIG, "perimeterType": "PERIMETER_TYPE_BRIDGE"}, "bridge"),
        ({"status": CONFIG}, "title"),
    ],
)
def test_a_perimeter_that_google_refuses_is_refused(access: Google, policy: str, body: Json, words: str) -> None:
    assert words in refused_perimeter(access, policy, "perimeter", body)


def test_a_title_is_unique_and_a_project_in_one_enforced_perimeter(access: Google, policy: str) -> None:
    create(access, policy, "first", title="one", status=CONFIG)
    assert "unique" in refused_perimeter(access, policy, "second", {"title": "one"})
    assert "already in" in refused_perimeter(access, policy, "second", {"title": "two", "status": CONFIG})
    create(access, policy, "second", title="two", spec=CONFIG, useExplicitDryRunSpec=True)


def test_a_dry_run_is_promoted_by_patching_that_perimeter_alone(access: Google, policy: str) -> None:
    name = create(access, policy, **DRY)["name"]
    enforced = {"title": DRY["title"], "status": CONFIG}
    access("PATCH", name, enforced, updateMask="status,spec,useExplicitDryRunSpec")
    live = access("GET", name)
    assert live["status"] == CONFIG
    assert not {"spec", "useExplicitDryRunSpec"} & set(live)


def test_commit_promotes_every_perimeter_that_has_a_dry_run(access: Google, policy: str) -> None:
    dry = create(access, policy, "dry", **DRY)["name"]
    other = create(access, policy, "other", title="other", status={"restrictedServices": ["storage.googleapis.com"]})
    answer = access("POST", f"{policy}/servicePerimeters:commit", {})["response"]
    assert len(answer["servicePerimeters"]) == 2
    assert access("GET", dry)["status"] == CONFIG
    assert "spec" not in access("GET", dry)
    assert access("GET", other["name"])["etag"] == other["etag"]


def test_an_old_etag_is_refused(access: Google, policy: str) -> None:
    made = create(access, policy, **DRY)
    access("PATCH", made["name"], {"title": "new"}, updateMask="title")
    stale = refusal(access, "PATCH", made["name"], {"title": "newer", "etag": made["etag"]}, updateMask="title")
    assert (stale.code, stale.status) == (409, "ABORTED")


def test_a_patch_needs_a_mask_of_known_fields(access: Google, policy: str) -> None:
    name = create(access, policy, **DRY)["name"]
    for mask in ("", "nonsense"):
        assert refusal(access, "PATCH", name, {"title": "t"}, updateMask=mask).status == "INVALID_ARGUMENT"


def test_a_perimeter_is_made_once_listed_and_deleted(access: Google, policy: str) -> None:
    made = create(access, policy, **DRY)
    body = {"name": made["name"], **DRY, "title": "another", "spec": {}}
    assert refusal(access, "POST", f"{policy}/servicePerimeters", body).status == "ALREADY_EXISTS"
    listed = access("GET", f"{policy}/servicePerimeters")["servicePerimeters"]
    assert [p["name"] for p in listed] == [made["name"]]
    access("DELETE", made["name"])
    assert refusal(access, "GET", made["name"]).code == 404


def test_a_project_owner_has_no_say_over_the_organization(sandbox: SandboxHandle) -> None:
    stranger = Google(sandbox, "accesscontextmanager", caller="someone@example.com")
    assert refusal(stranger, "GET", "accessPolicies", parent=PARENT).status == "PERMISSION_DENIED"


def test_patching_a_perimeter_that_is_missing_makes_it(access: Google, policy: str) -> None:
    """As `gcloud access-context-manager perimeters dry-run create` does: a GET that answers 404, then a PATCH."""
    name = f"{policy}/servicePerimeters/gemini_prod_perimeter"
    body = {**DRY, "perimeterType": "PERIMETER_TYPE_REGULAR"}
    access(
        "PATCH",
        name,
        body,
        updateMask="name,title,perimeterType,spec.resources,spec.restrictedServices,useExplicitDryRunSpec",
    )
    assert access("GET", name)["spec"] == CONFIG
    access(
        "PATCH",
        name,
        {"spec": {"restrictedServices": ["storage.googleapis.com"]}},
        updateMask="spec.restrictedServices",
    )
    assert access("GET", name)["spec"] == {**CONFIG, "restrictedServices": ["storage.googleapis.com"]}
    refused = refusal(access, "PATCH", name.replace("gemini", "9"), body, updateMask="title,spec")
    assert refused.status == "INVALID_ARGUMENT"


def test_a_perimeter_made_by_patch_is_a_regular_one_like_any_other(access: Google, policy: str) -> None:
    """gcloud's dry-run create masks perimeterType and sends the default, which a proto does not tell from none."""
    name = f"{policy}/servicePerimeters/dry"
    body = {**DRY, "title": "dry", "name": name, "perimeterType": "PERIMETER_TYPE_REGULAR"}
    access("PATCH", name, body, updateMask="name,title,perimeterType,spec.resources,useExplicitDryRunSpec")
    assert access("GET", name)["perimeterType"] == "PERIMETER_TYPE_REGULAR"
    assert "dry" in refused_perimeter(access, policy, "second", {**DRY, "title": "second"})
