"""accesscontextmanager: access levels, replaceAll, the IAM policies of access policies, the supported services."""

import pytest

from sandbox.testing import SandboxHandle
from tests.sandbox.google import ORGANIZATION, PROJECT_NUMBER, Google, Json, refusal

PARENT = f"organizations/{ORGANIZATION}"
BASIC: Json = {"conditions": [{"ipSubnetworks": ["192.0.2.0/24"], "regions": ["DE"]}]}


@pytest.fixture
def access(sandbox: SandboxHandle) -> Google:
    return Google(sandbox, "accesscontextmanager")


@pytest.fixture
def policy(access: Google) -> str:
    """The name of a new access policy."""
    name: str = access("POST", "accessPolicies", {"parent": PARENT, "title": "prod"})["response"]["name"]
    return name


def test_a_level_is_made_read_changed_and_deleted(access: Google, policy: str) -> None:
    """accessLevels.create, get, list, patch, delete (discovery, v1)."""
    name = f"{policy}/accessLevels/office"
    made = access("POST", f"{policy}/accessLevels", {"name": name, "title": "Office", "basic": BASIC})["response"]
    kind = "type.googleapis.com/google.identity.accesscontextmanager.v1.AccessLevel"
    assert made == {"@type": kind, "name": name, "title": "Office", "basic": BASIC}
    assert refusal(access, "POST", f"{policy}/accessLevels", {**made, "@type": None}).status == "INVALID_ARGUMENT"
    again = {"name": name, "title": "Office", "basic": BASIC}
    assert refusal(access, "POST", f"{policy}/accessLevels", again).status == "ALREADY_EXISTS"
    access("PATCH", name, {"title": "Home", "description": "words"}, updateMask="title,description")
    (listed,) = access("GET", f"{policy}/accessLevels")["accessLevels"]
    assert listed == access("GET", name) == {**again, "title": "Home", "description": "words"}
    other = {"name": f"{policy}/accessLevels/both", "title": "Both"}
    needs = {"conditions": [{"requiredAccessLevels": [name]}], "combiningFunction": "OR"}
    access("POST", f"{policy}/accessLevels", {**other, "basic": needs})
    assert refusal(access, "DELETE", name).status == "FAILED_PRECONDITION"
    access("DELETE", other["name"])
    access("DELETE", name)
    assert access("GET", f"{policy}/accessLevels") == {}
    assert refusal(access, "GET", name).status == "NOT_FOUND"


@pytest.mark.parametrize(
    ("level", "words"),
    [
        ({"name": "1st", "title": "t", "basic": BASIC}, "the ID a letter"),
        ({"basic": BASIC}, "title"),
        ({"title": "t"}, "set one of the two"),
        ({"title": "t", "basic": BASIC, "custom": {"expr": {"expression": "true"}}}, "set one of the two"),
        ({"title": "t", "custom": {"expr": {"title": "x"}}}, "expression"),
        ({"title": "t", "basic": {"combiningFunction": "OR"}}, "at least one condition"),
        ({"title": "t", "basic": {"conditions": [{"ipSubnetworks": ["192.0.2.1/24"]}]}}, "malformed"),
        ({"title": "t", "basic": {"conditions": [{"members": ["group:a@example.com"]}]}}, "serviceAccount:EMAIL"),
        (
            {"title": "t", "basic": {"conditions": [{"requiredAccessLevels": ["accessPolicies/1/accessLevels/x"]}]}},
            "exist",
        ),
    ],
)
def test_what_is_no_level_is_refused(access: Google, policy: str, level: Json, words: str) -> None:
    """The descriptions of AccessLevel, BasicLevel and Condition (discovery, v1)."""
    name = f"{policy}/accessLevels/{level.get('name', 'office')}"
    refused = refusal(access, "POST", f"{policy}/accessLevels", {**level, "name": name})
    assert refused.status == "INVALID_ARGUMENT"
    assert words in refused.message


def test_all_levels_and_all_perimeters_are_replaced_at_once(access: Google, policy: str) -> None:
    """accessLevels.replaceAll and servicePerimeters.replaceAll (discovery, v1): with the policy's etag, or as it is."""
    for collection, kind, more in (
        ("accessLevels", "AccessLevels", {"basic": BASIC}),
        ("servicePerimeters", "ServicePerimeters", {"status": {"resources": [f"projects/{PROJECT_NUMBER}"]}}),
    ):
        first, second = ({"name": f"{policy}/{collection}/{each}", "title": each, **more} for each in ("one", "two"))
        access("POST", f"{policy}/{collection}", first)
        path, etag = f"{policy}/{collection}:replaceAll", access("GET", policy)["etag"]
        assert refusal(access, "POST", path, {collection: [second], "etag": "other"}).status == "ABORTED"
        done = access("POST", path, {collection: [second], "etag": etag})["response"]
        assert done["@type"].endswith(f".v1.Replace{kind}Response")
        (left,) = access("GET", f"{policy}/{collection}")[collection]
        assert (left["name"], done[collection]) == (second["name"], [left])
        assert refusal(access, "POST", path, {collection: [second, second]}).status == "INVALID_ARGUMENT"
    twice = [{"name": f"{policy}/servicePerimeters/{each}", "title": each, **more} for each in ("one", "two")]
    assert (
        "already in"
        in refusal(access, "POST", f"{policy}/servicePerimeters:replaceAll", {"servicePerimeters": twice}).message
    )


def test_a_level_that_goes_round_is_refused(access: Google, policy: str) -> None:
    """Condition.requiredAccessLevels (discovery, v1): one that requires itself could never be granted."""
    one, two = f"{policy}/accessLevels/one", f"{policy}/accessLevels/two"
    access("POST", f"{policy}/accessLevels", {"name": one, "title": "one", "basic": BASIC})
    needs_one = {"conditions": [{"requiredAccessLevels": [one]}]}
    access("POST", f"{policy}/accessLevels", {"name": two, "title": "two", "basic": needs_one})
    needs_two = {"conditions": [{"requiredAccessLevels": [two]}]}
    error = refusal(access, "PATCH", one, {"basic": needs_two}, updateMask="basic")
    assert (error.status, "require itself" in error.message) == ("INVALID_ARGUMENT", True)


def test_a_policy_can_be_given_into_another_ones_hands(sandbox: SandboxHandle, access: Google, policy: str) -> None:
    """accessPolicies.getIamPolicy, setIamPolicy, testIamPermissions (discovery, v1); scoped policies, delegated."""
    other = Google(sandbox, "accesscontextmanager", caller="other@sandbox.example")
    asked = {"permissions": ["accesscontextmanager.servicePerimeters.create"]}
    assert refusal(other, "GET", policy).status == "PERMISSION_DENIED"
    assert other("POST", f"{policy}:testIamPermissions", asked) == {}
    current = access("POST", f"{policy}:getIamPolicy", {})
    binding = {"role": "roles/accesscontextmanager.policyAdmin", "members": ["user:other@sandbox.example"]}
    access("POST", f"{policy}:setIamPolicy", {"policy": {**current, "bindings": [binding]}})
    assert access("POST", f"{policy}:getIamPolicy", {})["bindings"] == [binding]
    assert other("GET", policy)["title"] == "prod"
    for resource in (policy, f"{policy}/servicePerimeters/p", f"{policy}/accessLevels/l"):
        assert other("POST", f"{resource}:testIamPermissions", asked) == asked
    assert refusal(other, "GET", "accessPolicies", parent=PARENT).status == "PERMISSION_DENIED"
    access("DELETE", policy)
    assert sandbox.state() == {}


def test_the_services_that_perimeters_support_are_listed(access: Google) -> None:
    """services.list and get (discovery, v1); cloud.google.com/vpc-service-controls/docs/supported-products."""
    listed = {service["name"]: service for service in access("GET", "services")["supportedServices"]}
    vertex = listed["aiplatform.googleapis.com"]
    assert (vertex["title"], vertex["serviceSupportStage"]) == ("Agent Platform API", "GA")
    assert access("GET", "services/aiplatform.googleapis.com") == vertex
    assert refusal(access, "GET", "services/nosuch.googleapis.com").status == "NOT_FOUND"
