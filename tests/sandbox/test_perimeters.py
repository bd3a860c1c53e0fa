"""Perimeters at work: enforced ones refuse calls from outside, dry runs write down what they would refuse."""

import json
import shutil
import subprocess
from typing import Any

import pytest
import requests

from sandbox.api_keys import key_for
from sandbox.identity import DEPLOYER, token_for
from sandbox.testing import SandboxHandle
from tests.sandbox.google import PROJECT_NUMBER, Google, Json, refusal
from tests.sandbox.vertex import RefusedError, Vertex

AIPLATFORM = "aiplatform.googleapis.com"
FENCE: Json = {"resources": [f"projects/{PROJECT_NUMBER}"], "restrictedServices": [AIPLATFORM]}
METADATA = "type.googleapis.com/google.cloud.audit.VpcServiceControlAuditMetadata"
VIOLATIONS = f'protoPayload.metadata.@type="{METADATA}"'
FROM_ANYWHERE: Json = {"sources": [{"accessLevel": "*"}]}


class Organization:
    """The access policy of the sandbox's organization, with one perimeter."""

    def __init__(self, sandbox: SandboxHandle) -> None:
        self.sandbox = sandbox
        self.access = Google(sandbox, "accesscontextmanager")
        body = {"parent": "organizations/987654321098", "title": "policy"}
        self.policy = self.access("POST", "accessPolicies", body)["response"]["name"]
        self.name = f"{self.policy}/servicePerimeters/gemini_prod_perimeter"

    def fence(self, **parts: Any) -> None:
        """Makes the perimeter, `status` or `spec` as given, or changes it to that."""
        body = {"title": "gemini-prod-perimeter", "useExplicitDryRunSpec": "spec" in parts, **parts}
        mask = "title,status,spec,useExplicitDryRunSpec"
        self.access("PATCH", self.name, body, updateMask=mask)

    def entries(self, expression: str = VIOLATIONS, **fields: Any) -> list[Json]:
        """What Cloud Logging has, as the deployer reads it."""
        logging = Google(self.sandbox, "logging", "v2")
        body = {"resourceNames": ["projects/sandbox-project"], "filter": expression, **fields}
        found: list[Json] = logging("POST", "entries:list", body).get("entries", [])
        return found


@pytest.fixture
def organization(vertex: Vertex) -> Organization:
    return Organization(vertex.sandbox)


@pytest.fixture
def serving(vertex: Vertex) -> str:
    """An endpoint with a model that has all the traffic."""
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100})
    return name


def inside(sandbox: SandboxHandle) -> dict[str, str]:
    """Headers of a machine in the project's network: its metadata server gave it the token."""
    url = f"{sandbox.url}/computeMetadata/v1/instance/service-accounts/default/token"
    token = requests.get(url, headers={"Metadata-Flavor": "Google"}, timeout=30).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


def refused(vertex: Vertex, name: str) -> RefusedError:
    """The error that the deployer's look at an endpoint ends with."""
    with pytest.raises(RefusedError) as caught:
        vertex.get(name)
    return caught.value


def test_an_enforced_perimeter_refuses_the_deployer_from_outside(
    vertex: Vertex, organization: Organization, serving: str
) -> None:
    """docs: vpc-service-controls/docs/troubleshooting; the error as in github.com/cloudquery/cloudquery#1062."""
    organization.fence(status=FENCE)
    error = refused(vertex, serving)
    prefix = "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: "
    assert (error.code, error.status, error.message[: len(prefix)]) == (403, "PERMISSION_DENIED", prefix)
    unique_id = error.message.removeprefix(prefix)
    failure, info = error.details
    assert failure["violations"] == [{"type": "VPC_SERVICE_CONTROLS", "description": unique_id}]
    assert (info["reason"], info["domain"]) == ("SECURITY_POLICY_VIOLATED", "googleapis.com")
    assert info["metadata"]["uid"] == unique_id
    assert info["metadata"]["service"] == AIPLATFORM


@pytest.mark.parametrize("in_header", [True, False])
def test_a_call_with_an_api_key_is_of_the_keys_project(
    vertex: Vertex, organization: Organization, in_header: bool
) -> None:
    """docs: vpc-service-controls/docs/ingress-egress-rules: who has a key alone has no identity for a rule to name."""
    key = key_for(vertex.sandbox.project)
    given: Any = {"headers": {"x-goog-api-key": key}} if in_header else {"params": {"key": key}}
    url = vertex.sandbox.api("aiplatform", "v1/publishers/google/models/gemini-3.5-flash:generateContent")
    body = {"contents": [{"role": "user", "parts": [{"text": "1 + 1"}]}]}

    def ask() -> requests.Response:
        return requests.post(url, json=body, timeout=30, **given)

    assert ask().status_code == 200
    organization.fence(status=FENCE)
    error = ask().json()["error"]
    assert (error["code"], error["message"][:45]) == (403, "Request is prohibited by organization's polic")
    rule = {"ingressFrom": FROM_ANYWHERE, "ingressTo": {"resources": ["*"], "operations": [{"serviceName": "*"}]}}
    for identity, code in (("ANY_USER_ACCOUNT", 403), ("ANY_IDENTITY", 200)):
        who = {**rule, "ingressFrom": {**FROM_ANYWHERE, "identityType": identity}}
        organization.fence(status={**FENCE, "ingressPolicies": [who]})
        assert ask().status_code == code


def test_the_refusal_is_found_in_the_audit_log_by_its_identifier(
    vertex: Vertex, organization: Organization, serving: str
) -> None:
    """docs: vpc-service-controls/docs/troubleshooting#unique-id: a policy-denied entry without dryRun."""
    organization.fence(status=FENCE)
    unique_id = refused(vertex, serving).message.rpartition(" ")[2]
    (entry,) = organization.entries(f'protoPayload.metadata.vpcServiceControlsUniqueId="{unique_id}"')
    payload = entry["protoPayload"]
    assert entry["logName"] == "projects/sandbox-project/logs/cloudaudit.googleapis.com%2Fpolicy"
    assert (entry["severity"], entry["resource"]["type"]) == ("ERROR", "audited_resource")
    assert payload["authenticationInfo"]["principalEmail"] == DEPLOYER
    assert payload["methodName"] == "google.cloud.aiplatform.v1.EndpointService.GetEndpoint"
    assert payload["status"]["code"] == 7
    assert payload["metadata"]["violationReason"] == "NO_MATCHING_ACCESS_LEVEL"
    assert payload["metadata"]["securityPolicyInfo"]["servicePerimeterName"] == organization.name
    assert "dryRun" not in payload["metadata"]


def test_calls_from_the_projects_network_pass(vertex: Vertex, organization: Organization, serving: str) -> None:
    """docs: vpc-service-controls/docs/overview: within a perimeter calls are free; the token's origin says where."""
    organization.fence(status=FENCE)
    url = vertex.sandbox.api("aiplatform", f"v1/{serving}:predict")
    answer = requests.post(url, json={"instances": [{"content": "1"}]}, headers=inside(vertex.sandbox), timeout=30)
    assert answer.status_code == 200
    assert organization.entries() == []


def test_an_address_of_the_network_is_inside(vertex: Vertex, organization: Organization) -> None:
    """Who reaches a Private Service Connect address is in the network that has it."""
    name, host = vertex.deploy_privately()
    organization.fence(status=FENCE)
    assert vertex.ask(name, "2 + 2", host)["deployedModelId"] == "1"
    assert refused(vertex, name).code == 403


def test_an_unrestricted_service_is_open_from_outside(vertex: Vertex, organization: Organization) -> None:
    """Only restrictedServices are fenced in."""
    organization.fence(status=FENCE)
    assert Google(vertex.sandbox, "iam")("GET", "projects/sandbox-project/serviceAccounts")["accounts"]
    organization.fence(status={**FENCE, "restrictedServices": [AIPLATFORM, "iam.googleapis.com"]})
    error = refusal(Google(vertex.sandbox, "iam"), "GET", "projects/sandbox-project/serviceAccounts")
    assert error.message.startswith("Request is prohibited")


def test_a_dry_run_lets_calls_pass_and_writes_them_down(
    vertex: Vertex, organization: Organization, serving: str
) -> None:
    """docs: vpc-service-controls/docs/dry-run-mode: metadata.dryRun is true; the call itself is answered."""
    organization.fence(spec=FENCE)
    assert vertex.ask(serving, "2 + 2")["predictions"] == [{"content": "4"}]
    (entry,) = organization.entries("protoPayload.metadata.dryRun=true")
    assert entry["protoPayload"]["methodName"] == "google.cloud.aiplatform.v1.PredictionService.Predict"
    assert entry["protoPayload"]["metadata"]["ingressViolations"] == [
        {"targetResource": f"projects/{PROJECT_NUMBER}", "servicePerimeter": organization.name}
    ]
    requests.get(vertex.sandbox.api("aiplatform", f"v1/{serving}"), headers=inside(vertex.sandbox), timeout=30)
    assert len(organization.entries()) == 1


def test_enforced_and_dry_run_sides_of_one_perimeter_are_both_watched(
    vertex: Vertex, organization: Organization, serving: str
) -> None:
    """A spec that fences in more than the status does is tried on what the status lets pass."""
    spec = {**FENCE, "restrictedServices": [AIPLATFORM, "iam.googleapis.com"]}
    organization.fence(status=FENCE, spec=spec)
    Google(vertex.sandbox, "iam")("GET", "projects/sandbox-project/serviceAccounts")
    assert refused(vertex, serving).code == 403
    dry = [entry["protoPayload"]["metadata"].get("dryRun", False) for entry in organization.entries()]
    assert dry == [True, False]


RULES: list[tuple[str, Json, Json, bool]] = [
    ("the deployer", {"identities": [f"user:{DEPLOYER}"]}, {"serviceName": "*"}, True),
    ("any user", {"identityType": "ANY_USER_ACCOUNT"}, {"serviceName": "*"}, True),
    ("service accounts only", {"identityType": "ANY_SERVICE_ACCOUNT"}, {"serviceName": "*"}, False),
    ("somebody else", {"identities": ["user:someone@example.com"]}, {"serviceName": "*"}, False),
    (
        "another service",
        {"identityType": "ANY_IDENTITY"},
        {"serviceName": "iam.googleapis.com", "methodSelectors": [{"method": "*"}]},
        False,
    ),
    (
        "this method",
        {"identityType": "ANY_IDENTITY"},
        {"serviceName": AIPLATFORM, "methodSelectors": [{"method": "EndpointService.GetEndpoint"}]},
        True,
    ),
    (
        "another method",
        {"identityType": "ANY_IDENTITY"},
        {"serviceName": AIPLATFORM, "methodSelectors": [{"method": "EndpointService.DeployModel"}]},
        False,
    ),
]


@pytest.mark.parametrize(("who", "coming", "operation", "passes"), RULES, ids=[rule[0] for rule in RULES])
def test_an_ingress_rule_lets_in_whom_it_names(
    vertex: Vertex, organization: Organization, serving: str, who: str, coming: Json, operation: Json, passes: bool
) -> None:
    """docs: vpc-service-controls/docs/ingress-egress-rules: identity, source, resource and operation must all match."""
    rule = {
        "ingressFrom": {**FROM_ANYWHERE, **coming},
        "ingressTo": {"resources": ["*"], "operations": [operation]},
    }
    organization.fence(status={**FENCE, "ingressPolicies": [rule]})
    url = vertex.sandbox.api("aiplatform", f"v1/{serving}")
    assert (requests.get(url, headers=vertex.sandbox.headers, timeout=30).status_code == 200) is passes


def test_vpc_accessible_services_bind_those_inside(vertex: Vertex, organization: Organization, serving: str) -> None:
    """docs: vpc-service-controls/docs/vpc-accessible-services: the network reaches the allowed services only."""
    accessible = {"enableRestriction": True, "allowedServices": ["RESTRICTED-SERVICES"]}
    organization.fence(status={**FENCE, "vpcAccessibleServices": accessible})
    headers = inside(vertex.sandbox)
    endpoint = requests.get(vertex.sandbox.api("aiplatform", f"v1/{serving}"), headers=headers, timeout=30)
    project = requests.get(
        vertex.sandbox.api("cloudresourcemanager", "v1/projects/sandbox-project"), headers=headers, timeout=30
    )
    assert (endpoint.status_code, project.status_code) == (200, 403)
    (entry,) = organization.entries()
    assert entry["protoPayload"]["metadata"]["violationReason"] == "SERVICE_NOT_ALLOWED_FROM_VPC"


def test_a_refused_call_changes_nothing(vertex: Vertex, organization: Organization, serving: str) -> None:
    """The perimeter is asked before the method runs, and before permissions are."""
    organization.fence(status=FENCE)
    assert vertex.send("DELETE", serving).status_code == 403
    stranger = {"Authorization": f"Bearer {token_for('stranger@sandbox.example')}"}
    answer = requests.get(vertex.sandbox.api("aiplatform", f"v1/{serving}"), headers=stranger, timeout=30)
    assert "vpcServiceControlsUniqueIdentifier" in answer.text
    organization.access("DELETE", organization.name)
    assert vertex.get(serving)["displayName"] == "test"


def test_entries_are_filtered_ordered_and_paged(vertex: Vertex, organization: Organization, serving: str) -> None:
    """discovery, logging v2 entries.list: filter, orderBy, pageSize, pageToken."""
    organization.fence(spec=FENCE)
    for prompt in ("1", "2"):
        vertex.ask(serving, prompt)
    vertex.get(serving)
    predicted = f'{VIOLATIONS} protoPayload.methodName:"Predict" severity>=WARNING'
    assert len(organization.entries(predicted)) == 2
    assert len(organization.entries(f"{VIOLATIONS} AND NOT protoPayload.methodName:Predict")) == 1
    assert organization.entries('timestamp<"2020-01-01T00:00:00Z"') == []
    assert len(organization.entries('protoPayload.serviceName=("aiplatform.googleapis.com" OR "x")')) == 3
    newest = organization.entries(orderBy="timestamp desc")
    assert newest == list(reversed(organization.entries()))
    logging = Google(vertex.sandbox, "logging", "v2")
    body: Json = {"resourceNames": ["projects/sandbox-project"], "pageSize": 2}
    first = logging("POST", "entries:list", body)
    rest = logging("POST", "entries:list", {**body, "pageToken": first["nextPageToken"]})
    assert (len(first["entries"]), len(rest["entries"])) == (2, 1)
    assert "nextPageToken" not in rest


@pytest.mark.parametrize("expression", ["severity>=", "(a=b", 'a="b', "AND", "a=b OR", "a=(b OR"])
def test_a_filter_that_cannot_be_parsed_is_refused(organization: Organization, expression: str) -> None:
    """docs: logging/docs/view/logging-query-language; 400 INVALID_ARGUMENT."""
    body = {"resourceNames": ["projects/sandbox-project"], "filter": expression}
    error = refusal(Google(organization.sandbox, "logging", "v2"), "POST", "entries:list", body)
    assert (error.code, error.status) == (400, "INVALID_ARGUMENT")


def test_gcloud_reads_the_violations(vertex: Vertex, organization: Organization, serving: str) -> None:
    """`gcloud logging read` finds what a dry run would refuse."""
    gcloud = shutil.which("gcloud")
    if not gcloud:
        pytest.skip("gcloud")
    organization.fence(spec=FENCE)
    vertex.ask(serving, "1")
    command = [gcloud, "logging", "read", "protoPayload.metadata.dryRun=true", "--format=json", "--limit=5"]
    done = subprocess.run(
        command, env=vertex.sandbox.environ(), capture_output=True, text=True, check=True, timeout=120
    )
    (entry,) = json.loads(done.stdout)
    assert entry["protoPayload"]["metadata"]["dryRun"] is True
