"""Access levels at work: who is let into a perimeter by them, and which of them the sandbox refuses to tell."""

from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from sandbox.api_keys import key_for
from sandbox.identity import DEPLOYER, token_for
from tests.sandbox.google import Json, refusal
from tests.sandbox.test_perimeters import FENCE, Organization, inside
from tests.sandbox.vertex import Vertex

ME, OTHER = f"user:{DEPLOYER}", "user:other@sandbox.example"
HERE, ELSEWHERE = "127.0.0.0/8", "192.0.2.0/24"


@pytest.fixture
def organization(vertex: Vertex) -> Organization:
    return Organization(vertex.sandbox)


@pytest.fixture
def endpoint(vertex: Vertex) -> str:
    return vertex.create()


def level(organization: Organization, short: str, *conditions: Json, either: bool = False) -> str:
    """The name of a new basic level, or of one that is changed to this."""
    name = f"{organization.policy}/accessLevels/{short}"
    basic = {"conditions": list(conditions), "combiningFunction": "OR" if either else "AND"}
    there = organization.access("GET", f"{organization.policy}/accessLevels").get("accessLevels", [])
    if name in {each["name"] for each in there}:
        organization.access("PATCH", name, {"basic": basic}, updateMask="basic")
    else:
        organization.access(
            "POST", f"{organization.policy}/accessLevels", {"name": name, "title": short, "basic": basic}
        )
    return name


def status_of(vertex: Vertex, endpoint: str, headers: dict[str, str] | None = None) -> int:
    """What a look at the endpoint is answered with, the deployer's from outside unless headers say otherwise."""
    url = vertex.sandbox.api("aiplatform", f"v1/{endpoint}")
    return requests.get(url, headers=headers or vertex.sandbox.headers, timeout=30).status_code


CONDITIONS: list[tuple[str, list[Json], bool, bool]] = [
    ("members", [{"members": [OTHER, ME]}], False, True),
    ("other members", [{"members": [OTHER]}], False, False),
    ("address", [{"ipSubnetworks": [ELSEWHERE, HERE]}], False, True),
    ("another address", [{"ipSubnetworks": [ELSEWHERE]}], False, False),
    ("IPv6 addresses", [{"ipSubnetworks": ["::/0"]}], False, False),
    ("both of a condition", [{"members": [ME], "ipSubnetworks": [HERE]}], False, True),
    ("one of a condition", [{"members": [ME], "ipSubnetworks": [ELSEWHERE]}], False, False),
    ("one of a negated condition", [{"members": [ME], "ipSubnetworks": [ELSEWHERE], "negate": True}], False, True),
    ("both of a negated condition", [{"members": [ME], "ipSubnetworks": [HERE], "negate": True}], False, False),
    ("an empty condition", [{}], False, True),
    ("a negated empty condition", [{"negate": True}], False, False),
    ("one of two conditions", [{"members": [ME]}, {"ipSubnetworks": [ELSEWHERE]}], False, False),
    ("either of two conditions", [{"members": [ME]}, {"ipSubnetworks": [ELSEWHERE]}], True, True),
    ("neither of two conditions", [{"members": [OTHER]}, {"ipSubnetworks": [ELSEWHERE]}], True, False),
    ("a VPC network", [{"vpcNetworkSources": [{"vpcSubnetwork": {"network": "//x"}}]}], False, False),
]


@pytest.mark.parametrize(("what", "conditions", "either", "passes"), CONDITIONS, ids=[each[0] for each in CONDITIONS])
def test_a_caller_who_meets_the_level_is_let_in(
    vertex: Vertex,
    organization: Organization,
    endpoint: str,
    what: str,
    conditions: list[Json],
    either: bool,
    passes: bool,
) -> None:
    """The descriptions of Condition and BasicLevel (discovery, v1); enforced, and as a dry run writes it down."""
    name = level(organization, "deployers", *conditions, either=either)
    organization.fence(status={**FENCE, "accessLevels": [name]})
    assert status_of(vertex, endpoint) == (200 if passes else 403)
    organization.fence(spec={**FENCE, "accessLevels": [name]})
    assert status_of(vertex, endpoint) == 200
    assert len(organization.entries("protoPayload.metadata.dryRun=true")) == (0 if passes else 1)


def test_without_a_level_nobody_is_let_in_and_one_of_several_is_enough(
    vertex: Vertex, organization: Organization, endpoint: str
) -> None:
    """docs: vpc-service-controls/docs/use-access-levels: any one of the perimeter's levels is enough."""
    mine, others = level(organization, "mine", {"members": [ME]}), level(organization, "others", {"members": [OTHER]})
    for levels, expected in (([], 403), ([others], 403), ([mine], 200), ([others, mine], 200)):
        organization.fence(status={**FENCE, "accessLevels": levels})
        assert status_of(vertex, endpoint) == expected
    organization.fence(status={**FENCE, "accessLevels": [mine]})
    stranger = {"Authorization": f"Bearer {token_for('other@sandbox.example')}"}
    body = requests.get(vertex.sandbox.api("aiplatform", f"v1/{endpoint}"), headers=stranger, timeout=30).text
    assert "vpcServiceControlsUniqueIdentifier" in body
    assert status_of(vertex, endpoint, inside(vertex.sandbox)) == 200


def test_a_level_can_require_others(vertex: Vertex, organization: Organization, endpoint: str) -> None:
    """Condition.requiredAccessLevels (discovery, v1): all of them, whether the perimeter names them or not."""
    who, where = level(organization, "who", {"members": [ME]}), level(organization, "where", {"ipSubnetworks": [HERE]})
    both = level(organization, "both", {"requiredAccessLevels": [who, where]})
    organization.fence(status={**FENCE, "accessLevels": [both]})
    assert status_of(vertex, endpoint) == 200
    level(organization, "where", {"ipSubnetworks": [ELSEWHERE]})
    assert status_of(vertex, endpoint) == 403


def test_the_callers_address_is_that_of_its_connection(
    vertex: Vertex, organization: Organization, endpoint: str
) -> None:
    """The audit log has the same one (google.logging.type AuditLog.requestMetadata.callerIp)."""

    class From(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **more: Any) -> None:
            super().init_poolmanager(*args, **more, source_address=("127.0.0.2", 0))

    office = level(organization, "office", {"ipSubnetworks": ["127.0.0.2/32"]})
    organization.fence(status={**FENCE, "accessLevels": [office]})
    assert status_of(vertex, endpoint) == 403
    url = vertex.sandbox.api("aiplatform", f"v1/{endpoint}")
    with requests.Session() as session:
        session.mount("http://", From())
        assert session.get(url, headers=vertex.sandbox.headers, timeout=30).status_code == 200
        organization.fence(status=FENCE)
        assert session.get(url, headers=vertex.sandbox.headers, timeout=30).status_code == 403
    addresses = [each["protoPayload"]["requestMetadata"]["callerIp"] for each in organization.entries()]
    assert sorted(addresses) == ["127.0.0.1", "127.0.0.2"]


def test_who_has_an_api_key_alone_is_no_member(vertex: Vertex, organization: Organization) -> None:
    """A key is nobody's in person, but comes from an address like everybody."""
    url = vertex.sandbox.api("aiplatform", "v1/publishers/google/models/gemini-3.5-flash:generateContent")
    body = {"contents": [{"role": "user", "parts": [{"text": "1 + 1"}]}]}
    headers = {"x-goog-api-key": key_for(vertex.sandbox.project)}
    for condition, expected in (({"members": [ME]}, 403), ({"ipSubnetworks": [HERE]}, 200)):
        organization.fence(status={**FENCE, "accessLevels": [level(organization, "who", condition)]})
        assert requests.post(url, json=body, headers=headers, timeout=30).status_code == expected


def test_an_ingress_rule_can_name_a_level_as_its_source(
    vertex: Vertex, organization: Organization, endpoint: str
) -> None:
    """docs: vpc-service-controls/docs/ingress-egress-rules: the level is the source, beside identity and operation."""
    name = level(organization, "office", {"ipSubnetworks": [HERE]})
    rule = {
        "ingressFrom": {"identities": [ME], "sources": [{"accessLevel": name}]},
        "ingressTo": {"resources": ["*"], "operations": [{"serviceName": "*"}]},
    }
    organization.fence(status={**FENCE, "ingressPolicies": [rule]})
    assert status_of(vertex, endpoint) == 200
    level(organization, "office", {"ipSubnetworks": [ELSEWHERE]})
    assert status_of(vertex, endpoint) == 403


@pytest.mark.parametrize("side", ["status", "spec"])
@pytest.mark.parametrize("way", ["accessLevels", "ingressPolicies", "egressPolicies"])
def test_a_level_that_is_not_there_is_refused_and_one_in_use_stays(
    organization: Organization, side: str, way: str
) -> None:
    """Google's words: github.com/terraform-google-modules/terraform-google-vpc-service-controls#6."""
    name = f"{organization.policy}/accessLevels/office"
    source = {"sources": [{"accessLevel": name}], "identityType": "ANY_IDENTITY"}
    ways: dict[str, Json] = {
        "accessLevels": {"accessLevels": [name]},
        "ingressPolicies": {"ingressPolicies": [{"ingressFrom": source}]},
        "egressPolicies": {"egressPolicies": [{"egressFrom": source}]},
    }
    body = {"title": "p", "useExplicitDryRunSpec": side == "spec", side: {**FENCE, **ways[way]}}
    mask = {"updateMask": f"title,useExplicitDryRunSpec,{side}"}
    words = (
        "Level name 'office' is not available in this Access Policy resource, but is referenced in"
        f" '{side}' field of Perimeter 'gemini_prod_perimeter'."
    )
    error = refusal(organization.access, "PATCH", organization.name, body, **mask)
    assert (error.code, error.status, error.message.startswith(words)) == (400, "INVALID_ARGUMENT", True)
    level(organization, "office", {"members": [ME]})
    organization.access("PATCH", organization.name, body, **mask)
    levels = f"{organization.policy}/accessLevels"
    for refused in (
        refusal(organization.access, "DELETE", name),
        refusal(organization.access, "POST", f"{levels}:replaceAll", {"accessLevels": []}),
    ):
        assert (refused.code, refused.message.startswith(words)) == (400, True)
    organization.access("DELETE", organization.name)
    organization.access("DELETE", name)
    assert organization.access("GET", levels) == {}


@pytest.mark.parametrize(
    ("unknown", "words"),
    [
        ({"basic": {"conditions": [{"regions": ["DE"]}]}}, "regions"),
        ({"basic": {"conditions": [{"devicePolicy": {"requireScreenlock": True}}]}}, "a device policy"),
        ({"custom": {"expr": {"expression": "true"}}}, "a custom expression"),
    ],
    ids=["regions", "device", "custom"],
)
def test_what_cannot_be_known_of_a_caller_is_refused_where_a_perimeter_would_ask_it(
    organization: Organization, unknown: Json, words: str
) -> None:
    """501, directly or through a level that requires it, and when a level in use is changed to it."""
    levels, name = f"{organization.policy}/accessLevels", f"{organization.policy}/accessLevels/odd"
    organization.access("POST", levels, {"name": name, "title": "odd", **unknown})
    through = level(organization, "through", {"requiredAccessLevels": [name]})
    mask, title = {"updateMask": "title,status"}, "gemini-prod-perimeter"
    for each in (name, through):
        body = {"title": title, "status": {**FENCE, "accessLevels": [each]}}
        error = refusal(organization.access, "PATCH", organization.name, body, **mask)
        assert (error.code, error.status) == (501, "UNIMPLEMENTED")
        assert f"{words} ({name})" in error.message
    known = level(organization, "known", {"members": [ME]})
    organization.fence(status={**FENCE, "accessLevels": [known]})
    error = refusal(
        organization.access, "PATCH", known, {"basic": None, **unknown}, updateMask=",".join({"basic", *unknown})
    )
    assert (error.code, f"{words} ({known})" in error.message) == (501, True)
    # Nothing is let in by an egress rule's source.
    source = {"sources": [{"accessLevel": name}], "identityType": "ANY_IDENTITY"}
    organization.fence(status={**FENCE, "egressPolicies": [{"egressFrom": source}]})


def test_a_bridge_has_no_levels(organization: Organization) -> None:
    """ServicePerimeterConfig.accessLevels (discovery, v1): for a bridge, must be empty."""
    name = level(organization, "office", {"members": [ME]})
    status = {"resources": FENCE["resources"], "accessLevels": [name]}
    body = {"title": "b", "perimeterType": "PERIMETER_TYPE_BRIDGE", "status": status}
    path = f"{organization.policy}/servicePerimeters"
    error = refusal(organization.access, "POST", path, {**body, "name": f"{path}/bridge"})
    assert (error.status, "resources only" in error.message) == ("INVALID_ARGUMENT", True)


@pytest.mark.parametrize("deleted_first", [True, False])
def test_of_two_changes_at_once_the_later_one_fails(organization: Organization, deleted_first: bool) -> None:
    """A level is deleted while a perimeter that names it is on its way, or the other way round."""
    name = level(organization, "office", {"members": [ME]})
    body = {"title": "p", "status": {**FENCE, "accessLevels": [name]}}
    organization.sandbox.set(operationSeconds=3600)
    changes: list[tuple[str, str, Json, Json]] = [
        ("DELETE", name, {}, {}),
        ("PATCH", organization.name, body, {"updateMask": "title,status"}),
    ]
    started = [
        organization.access(verb, path, given, **query)["name"]
        for verb, path, given, query in (changes if deleted_first else reversed(changes))
    ]
    requests.post(f"{organization.sandbox.url}/_sandbox/clock", json={"step": 3601}, timeout=30).raise_for_status()
    first, second = (organization.access("GET", each) for each in started)
    assert "response" in first
    assert "Level name 'office' is not available" in second["error"]["message"]
