"""Acting as another account, policies of single endpoints, and grants with conditions."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox.services.iam_conditions import met
from sandbox.testing import SandboxHandle
from tests.sandbox.google import PROJECT_NUMBER, Google, refusal
from tests.sandbox.test_permissions import STRANGER, As, predictor, refused
from tests.sandbox.vertex import Json, Vertex

SCOPE: Json = {"scope": ["https://www.googleapis.com/auth/cloud-platform"]}


@pytest.fixture
def serving(vertex: Vertex) -> str:
    """An endpoint with a model that has all the traffic."""
    vertex.sandbox.enable("iamcredentials")
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100})
    return name


def let_deployer_impersonate(sandbox: SandboxHandle, email: str) -> None:
    """Gives the deployer roles/iam.serviceAccountTokenCreator on an account."""
    iam = Google(sandbox, "iam")
    binding = {"role": "roles/iam.serviceAccountTokenCreator", "members": ["user:deployer@sandbox.example"]}
    iam("POST", f"{iam.project}/serviceAccounts/{email}:setIamPolicy", {"policy": {"bindings": [binding]}})


def test_impersonation_needs_the_accounts_own_policy(vertex: Vertex, serving: str) -> None:
    """iamcredentials generateAccessToken: roles/iam.serviceAccountTokenCreator on the account, and a scope."""
    sandbox = vertex.sandbox
    email = predictor(sandbox)
    credentials = Google(sandbox, "iamcredentials")
    path = f"projects/-/serviceAccounts/{email}:generateAccessToken"
    error = refusal(credentials, "POST", path, SCOPE)
    assert (error.code, error.message) == (
        403,
        "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
    )
    let_deployer_impersonate(sandbox, email)
    as_inference = As(sandbox, email)
    as_inference.token = credentials("POST", path, SCOPE)["accessToken"]
    assert as_inference.ask(serving, "2 + 3")["predictions"] == [{"content": "5"}]
    assert refused(as_inference, "GET", serving).code == 403


@pytest.mark.parametrize(
    ("account", "body", "code"),
    [
        ("gemini-inference-sa", {}, 400),
        ("gemini-inference-sa", {**SCOPE, "lifetime": "7200s"}, 400),
        ("nobody", SCOPE, 404),
        ("gemini-inference-sa", {**SCOPE, "delegates": ["projects/p/serviceAccounts/x"]}, 400),
    ],
)
def test_what_is_no_request_for_a_token_is_refused(
    vertex: Vertex, serving: str, account: str, body: Json, code: int
) -> None:
    """discovery, GenerateAccessTokenRequest: a scope is required, an hour is the longest, delegates are projects/-/…"""
    let_deployer_impersonate(vertex.sandbox, predictor(vertex.sandbox))
    path = f"projects/-/serviceAccounts/{account}@sandbox-project.iam.gserviceaccount.com:generateAccessToken"
    assert refusal(Google(vertex.sandbox, "iamcredentials"), "POST", path, body).code == code


def test_gcloud_impersonates_a_service_account(vertex: Vertex, serving: str, tmp_path: Path) -> None:
    """`gcloud --impersonate-service-account` predicts as gemini-inference-sa, and may not list endpoints as it."""
    gcloud = shutil.which("gcloud")
    if not gcloud:
        pytest.skip("gcloud")
    email = predictor(vertex.sandbox)
    let_deployer_impersonate(vertex.sandbox, email)
    (tmp_path / "request.json").write_text(json.dumps({"instances": [{"content": "2 + 2"}]}))

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [gcloud, "ai", "endpoints", *arguments, "--region=us-central1", "--format=json"]
        return subprocess.run(
            [*command, f"--impersonate-service-account={email}"],
            env=vertex.sandbox.environ(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    predicted = run("predict", "77", f"--json-request={tmp_path / 'request.json'}")
    assert json.loads(predicted.stdout)["predictions"] == [{"content": "4"}]
    listed = run("list")
    assert listed.returncode == 1
    assert "aiplatform.endpoints.list" in listed.stderr


def test_an_endpoints_own_policy_grants_on_that_endpoint_alone(vertex: Vertex, serving: str) -> None:
    """v1beta1 endpoints.setIamPolicy; docs: vertex-ai/docs/general/access-control#resource-level."""
    beta = Vertex(vertex.sandbox, version="v1beta1")
    other = vertex.create("78")
    vertex.deploy(other, "1", {"0": 100})
    binding = {"role": "roles/aiplatform.user", "members": [f"user:{STRANGER}"]}
    beta.call("POST", f"{serving}:setIamPolicy", {"policy": {"bindings": [binding]}})
    assert beta.call("POST", f"{serving}:getIamPolicy")["bindings"] == [binding]
    stranger = As(vertex.sandbox, STRANGER)
    assert stranger.ask(serving, "1 + 1")["deployedModelId"] == "1"
    assert refused(stranger, "POST", f"{other}:predict", {"instances": [1]}).code == 403
    stranger.version = "v1beta1"
    asked = ["aiplatform.endpoints.predict", "aiplatform.endpoints.setIamPolicy"]
    assert stranger.call("POST", f"{serving}:testIamPermissions", permissions=asked) == {"permissions": asked[:1]}
    vertex.undeploy(serving, "1")
    vertex.call("DELETE", serving)
    vertex.create()
    assert "bindings" not in beta.call("POST", f"{serving}:getIamPolicy")


ENDPOINT = f"projects/{PROJECT_NUMBER}/locations/us-central1/endpoints/77"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('request.time < timestamp("2030-01-01T00:00:00Z")', True),
        ('request.time < timestamp("2020-01-01T00:00:00Z")', False),
        ('resource.name.endsWith("/endpoints/77")', True),
        ('resource.name.startsWith("projects/other/")', False),
        (
            'resource.type == "aiplatform.googleapis.com/Endpoint" && resource.service == "aiplatform.googleapis.com"',
            True,
        ),
        ('!(resource.name.endsWith("77")) || request.time >= timestamp("2026-01-01T00:00:00Z")', True),
        ('resource.service != "aiplatform.googleapis.com"', False),
        ('request.time.getHours("UTC") < 25', False),
        ("resource.name ==", False),
    ],
)
def test_a_condition_is_met_by_time_and_resource_and_never_when_it_is_not_understood(
    expression: str, expected: bool
) -> None:
    """docs: iam/docs/conditions-attribute-reference."""
    condition = {"title": "t", "expression": expression}
    assert met(condition, ENDPOINT, "aiplatform.endpoints.predict", 1_795_514_410.0) is expected


def test_a_grant_with_a_condition_is_good_for_what_it_names(vertex: Vertex, serving: str) -> None:
    """A version 3 policy whose condition names one endpoint."""
    other = vertex.create("78")
    vertex.deploy(other, "1", {"0": 100})
    manager = Google(vertex.sandbox, "cloudresourcemanager")
    policy = manager("POST", f"{manager.project}:getIamPolicy", {"options": {"requestedPolicyVersion": 3}})
    condition = {"title": "one endpoint", "expression": 'resource.name.endsWith("/endpoints/77")'}
    binding = {"role": "roles/aiplatform.user", "members": [f"user:{STRANGER}"], "condition": condition}
    manager(
        "POST",
        f"{manager.project}:setIamPolicy",
        {"policy": {**policy, "version": 3, "bindings": [*policy["bindings"], binding]}},
    )
    stranger = As(vertex.sandbox, STRANGER)
    assert stranger.ask(serving, "1 + 1")["deployedModelId"] == "1"
    assert refused(stranger, "POST", f"{other}:predict", {"instances": [1]}).code == 403
