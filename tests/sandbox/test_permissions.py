"""Every call has a principal, and does what the policies let it do."""

from typing import Any

import pytest
import requests

from sandbox import discovery, registry
from sandbox.errors import Json
from sandbox.identity import token_for
from sandbox.services.aiplatform.permissions import METHODS, permission_of
from sandbox.services.iam_roles import ROLES
from sandbox.testing import SandboxHandle
from tests.sandbox.google import Google, grant, make_account
from tests.sandbox.vertex import RefusedError, Vertex

STRANGER = "stranger@sandbox.example"
# What Google answers to every principal, or without any permission on the resource.
OPEN = {
    "iam.roles.get",
    "iam.roles.list",
    "cloudresourcemanager.projects.list",
    "iam.permissions.queryTestablePermissions",
    "cloudresourcemanager.projects.testIamPermissions",
    "cloudresourcemanager.organizations.testIamPermissions",
    "cloudresourcemanager.organizations.search",
    "iam.projects.serviceAccounts.testIamPermissions",
    # Whose the caller's own token is.
    "oauth2.userinfo.get",
    "oauth2.userinfo.v2.me.get",
    # An operation's name, and a deleted account's number, are known to few: a wrong one is 404 for everybody.
    "accesscontextmanager.operations.get",
    "serviceusage.operations.get",
    "servicenetworking.operations.get",
    "iam.projects.serviceAccounts.undelete",
    "aiplatform.projects.locations.endpoints.testIamPermissions",
    "accesscontextmanager.accessPolicies.testIamPermissions",
    "accesscontextmanager.accessPolicies.accessLevels.testIamPermissions",
    "accesscontextmanager.accessPolicies.servicePerimeters.testIamPermissions",
    "accesscontextmanager.services.get",
    "accesscontextmanager.services.list",
    # Prices are public.
    "cloudbilling.services.list",
    "cloudbilling.services.skus.list",
}
# What takes an API key in a principal's place.
KEYED = ("aiplatform.publishers.",)
PREDICT: Json = {"instances": [{"content": "1"}]}
NETWORK = "projects/123456789012/global/networks/default"
ORGANIZATION = "organizations/987654321098"
# What a method wants before it looks at who asks.
BODIES: dict[str, Json] = {
    "aiplatform.projects.locations.endpoints.predict": PREDICT,
    "aiplatform.projects.locations.endpoints.rawPredict": PREDICT,
    "aiplatform.projects.locations.endpoints.streamRawPredict": PREDICT,
    "accesscontextmanager.accessPolicies.create": {"parent": ORGANIZATION, "title": "t"},
    "iamcredentials.projects.serviceAccounts.generateAccessToken": {"scope": ["cloud-platform"]},
    "servicenetworking.services.connections.create": {"network": NETWORK},
    "servicenetworking.services.connections.patch": {"network": NETWORK},
    "servicenetworking.services.connections.deleteConnection": {"consumerNetwork": NETWORK},
    "iam.roles.queryGrantableRoles": {
        "fullResourceName": "//cloudresourcemanager.googleapis.com/projects/sandbox-project"
    },
    "logging.entries.list": {"resourceNames": ["projects/sandbox-project"]},
}


class As(Vertex):
    """Vertex AI as somebody else."""

    def __init__(self, sandbox: SandboxHandle, email: str) -> None:
        super().__init__(sandbox)
        self.token = token_for(email)

    def send(self, http_method: str, path: str, body: Any = None, host: str = "", **query: Any) -> requests.Response:
        url = f"{self.sandbox.url}/{f'hosts/{host}' if host else 'aiplatform'}/{self.version}/{path}"
        headers = {"Authorization": f"Bearer {self.token}"}
        return requests.request(http_method, url, json=body, params=query, headers=headers, timeout=30)


def refused(vertex: Vertex, http_method: str, path: str, body: Any = None) -> RefusedError:
    """The error that a call ends with."""
    with pytest.raises(RefusedError) as caught:
        vertex.call(http_method, path, body)
    return caught.value


@pytest.fixture
def serving(vertex: Vertex) -> str:
    """An endpoint with a model that has all the traffic."""
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100})
    return name


def predictor(sandbox: SandboxHandle) -> str:
    """gemini-inference-sa with a role of its own that holds aiplatform.endpoints.predict alone."""
    email = make_account(sandbox)
    iam = Google(sandbox, "iam")
    role = {"title": "Predict only", "includedPermissions": ["aiplatform.endpoints.predict"]}
    iam("POST", f"{iam.project}/roles", {"roleId": "predict_only", "role": role})
    grant(sandbox, f"{iam.project}/roles/predict_only", f"serviceAccount:{email}")
    return email


def test_gemini_inference_sa_predicts_and_does_nothing_else(vertex: Vertex, serving: str) -> None:
    """cloud.google.com/vertex-ai/docs/general/custom-roles: endpoints.predict alone is enough to predict."""
    inference = As(vertex.sandbox, predictor(vertex.sandbox))
    assert inference.ask(serving, "2 + 2")["deployedModelId"] == "1"
    allowed = {method for method, (permission, _) in METHODS.items() if permission == "aiplatform.endpoints.predict"}
    for method in imitated("aiplatform"):
        answer = _call(vertex.sandbox, method, inference.token)
        short = method.id.removeprefix("aiplatform.projects.locations.")
        if method.id in OPEN:
            continue
        if short in allowed:
            assert "IAM_PERMISSION_DENIED" not in answer.text, method.id
        else:
            assert answer.status_code == 403, (method.id, answer.text)
            assert permission_of(method.id) in answer.text


def test_the_deployer_can_do_all_that_a_deployment_needs(vertex: Vertex, serving: str) -> None:
    """roles/owner holds every permission that Vertex AI's imitated methods ask for."""
    needed = {permission_of(method.id) for method in imitated("aiplatform") if method.id not in OPEN}
    owned = set(ROLES["roles/owner"][1])
    assert needed - owned == set()
    vertex.undeploy(serving, "1")
    vertex.call("DELETE", serving)


def test_every_method_of_every_service_refuses_a_stranger(sandbox: SandboxHandle) -> None:
    """Every imitated method that works on a resource refuses a caller without any role."""
    sandbox.enable(
        *(
            "aiplatform",
            "compute",
            "iamcredentials",
            "container",
            "cloudquotas",
            "dns",
            "networkconnectivity",
            "servicenetworking",
        ),
    )
    make_account(sandbox)
    answers = {
        method.id: _call(sandbox, method, token_for(STRANGER)).status_code
        for service in {method_id.partition(".")[0] for method_id, _ in registry.imitated()}
        for method in imitated(service)
        if method.id not in OPEN
    }
    assert {method: status for method, status in answers.items() if status != 403} == {}


def test_a_refusal_is_googles_and_says_which_role_is_missing(vertex: Vertex, serving: str) -> None:
    """google.rpc.ErrorInfo IAM_PERMISSION_DENIED of domain aiplatform.googleapis.com, as Vertex AI sends it."""
    error = refused(As(vertex.sandbox, STRANGER), "POST", f"{serving}:predict", {"instances": [1]})
    permission = "aiplatform.endpoints.predict"
    assert (error.code, error.status) == (403, "PERMISSION_DENIED")
    assert error.message == (
        f"Permission '{permission}' denied on resource '//aiplatform.googleapis.com/{serving}' (or it may not exist)."
    )
    info, debug = error.details
    assert (info["reason"], info["domain"]) == ("IAM_PERMISSION_DENIED", "aiplatform.googleapis.com")
    assert info["metadata"] == {"permission": permission, "resource": serving}
    assert f"user:{STRANGER}" in debug["detail"]


def test_a_grant_works_until_it_is_taken_back(vertex: Vertex, serving: str) -> None:
    """A permission comes and goes with the project's policy."""
    stranger = As(vertex.sandbox, STRANGER)
    assert refused(stranger, "GET", serving).code == 403
    grant(vertex.sandbox, "roles/aiplatform.viewer", f"user:{STRANGER}")
    assert stranger.get(serving)["displayName"] == "test"
    assert refused(stranger, "POST", f"{serving}:predict", {"instances": [1]}).code == 403
    manager = Google(vertex.sandbox, "cloudresourcemanager")
    policy = manager("POST", f"{manager.project}:getIamPolicy", {})
    policy["bindings"] = [b for b in policy["bindings"] if b["role"] != "roles/aiplatform.viewer"]
    manager("POST", f"{manager.project}:setIamPolicy", {"policy": policy})
    assert refused(stranger, "GET", serving).code == 403


@pytest.mark.parametrize("member", ["domain:sandbox.example", "allAuthenticatedUsers", "allUsers"])
def test_a_policy_may_name_a_caller_by_domain_or_everybody(vertex: Vertex, serving: str, member: str) -> None:
    """cloud.google.com/iam/docs/principal-identifiers."""
    grant(vertex.sandbox, "roles/aiplatform.viewer", member)
    assert As(vertex.sandbox, STRANGER).get(serving)["displayName"] == "test"


def test_a_dead_accounts_token_is_worth_nothing(vertex: Vertex, serving: str) -> None:
    """google.api.ErrorReason ACCOUNT_STATE_INVALID: credentials of a disabled or deleted account."""
    sandbox = vertex.sandbox
    inference, iam = As(sandbox, predictor(sandbox)), Google(sandbox, "iam")
    account = f"{iam.project}/serviceAccounts/gemini-inference-sa@{sandbox.project}.iam.gserviceaccount.com"
    for verb, path in (("disable", f"{account}:disable"), ("enable", f"{account}:enable"), ("delete", account)):
        iam("DELETE" if verb == "delete" else "POST", path)
        if verb == "enable":
            assert inference.ask(serving, "1 + 1")["deployedModelId"] == "1"
            continue
        error = refused(inference, "POST", f"{serving}:predict", {"instances": [1]})
        assert (error.code, error.details[0]["reason"]) == (401, "ACCOUNT_STATE_INVALID")


def test_roles_are_data_with_googles_own_permissions(sandbox: SandboxHandle) -> None:
    """roles.get shows them; an owner, as at Google, may not make tokens for a service account."""
    iam = Google(sandbox, "iam")
    user = iam("GET", "roles/aiplatform.user")
    assert "aiplatform.endpoints.deploy" in user["includedPermissions"]
    assert "aiplatform.endpoints.setIamPolicy" not in user["includedPermissions"]
    owner = iam("GET", "roles/owner")["includedPermissions"]
    assert "iam.serviceAccounts.getAccessToken" not in owner
    assert "resourcemanager.projects.setIamPolicy" in owner
    assert "resourcemanager.projects.setIamPolicy" not in iam("GET", "roles/editor")["includedPermissions"]


def test_the_cluster_asks_iam_too(sandbox: SandboxHandle) -> None:
    """docs: kubernetes-engine/docs/how-to/iam: container.serviceAccounts.list is in roles/container.viewer."""
    url = f"{sandbox.url}/kubernetes/api/v1/namespaces/default/serviceaccounts"
    headers = {"Authorization": f"Bearer {token_for(STRANGER)}"}
    answer = requests.get(url, headers=headers, timeout=30)
    assert answer.json()["message"] == (
        f'serviceaccounts is forbidden: User "{STRANGER}" cannot list resource "serviceaccounts" in API group ""'
        ' in the namespace "default": requires one of ["container.serviceAccounts.list"] permission(s).'
    )
    assert (answer.status_code, answer.json()["reason"]) == (403, "Forbidden")
    grant(sandbox, "roles/container.viewer", f"user:{STRANGER}")
    assert requests.get(url, headers=headers, timeout=30).status_code == 200
    body = {"metadata": {"name": "x"}}
    assert requests.post(url, json=body, headers=headers, timeout=30).status_code == 403
    assert requests.post(url, json=body, headers=sandbox.headers, timeout=30).status_code == 201


def test_every_permission_that_vertex_methods_need_is_in_the_table() -> None:
    """Every permission that a method asks for is in the table that roles are made of."""
    known = frozenset().union(*(permissions for _, permissions in ROLES.values()))
    assert {permission_of(method.id) for method in imitated("aiplatform") if method.id not in OPEN} <= known


def imitated(service: str) -> list[discovery.Method]:
    """The imitated methods of a service, in its first version that has them."""
    found: dict[str, discovery.Method] = {}
    ids = {method_id for method_id, _ in registry.imitated()}
    for version in ("v1", "v2", "v3", "v1beta1"):
        document = discovery.load(service, version)
        for method in document.methods() if document else ():
            if method.id in ids and not method.id.startswith(KEYED) and registry.function_of(method.id, version):
                found.setdefault(method.id, method)
    return list(found.values())


def _call(sandbox: SandboxHandle, method: discovery.Method, token: str) -> requests.Response:
    """A call of a method on resources that mostly exist, with a body that is as good as empty."""
    project = sandbox.project
    account = f"projects/{project}/serviceAccounts/gemini-inference-sa@{project}.iam.gserviceaccount.com"
    names: Json = {
        "projects": f"projects/{project}",
        "projects/locations": f"projects/{project}/locations/us-central1",
        "projects/locations/endpoints": f"projects/{project}/locations/us-central1/endpoints/77",
        "projects/serviceAccounts": account,
        "organizations": ORGANIZATION,
    }
    path = method.template
    for name, parameter in method.parameters.items():
        if parameter.get("location") == "path":
            path = path.replace(f"{{+{name}}}", _sample(parameter.get("pattern", ""), names, project))
            path = path.replace(f"{{{name}}}", {"network": "default"}.get(name, project))
    if method.service == "iamcredentials":
        path = path.replace(f"projects/{project}/", "projects/-/")
    query = {"parent": ORGANIZATION} if method.id == "accesscontextmanager.accessPolicies.list" else {}
    query |= {"network": NETWORK} if method.id == "servicenetworking.services.connections.list" else {}
    return requests.request(
        method.http_method,
        sandbox.api(method.service, path),
        params=query,
        json=BODIES.get(method.id, {}),
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )


def _sample(pattern: str, names: Json, project: str) -> str:
    """A resource name of a pattern such as ^projects/[^/]+/locations/[^/]+$."""
    if pattern == "^[^/]+$":
        return project
    parts = pattern.removeprefix("^").removesuffix("$").replace("[^/]+", "*").split("/")
    parts = ["projects", *parts[1:]] if parts[0] == "*" else parts
    kind = "/".join(part for part in parts if part != "*")
    if kind in names:
        return str(names[kind])
    values = {"projects": project, "locations": "us-central1", "endpoints": "77", "publishers": "google"}
    values["services"] = "servicenetworking.googleapis.com"
    filled = [values.get(parts[at - 1], "x1") if part in ("*", ".*") else part for at, part in enumerate(parts)]
    return "/".join(filled)
