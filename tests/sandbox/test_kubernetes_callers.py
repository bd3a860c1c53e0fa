"""Who calls the cluster: tokens, the port with TLS to which kubectl sends them, impersonation, service accounts."""

import base64
import json
import socket
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.testing import SandboxHandle
from tests.sandbox.google import grant
from tests.sandbox.kube import ACCESS, RULES, WHO, Kube, RefusedError, refusal

STRANGER = "stranger@sandbox.example"


@pytest.fixture
def kube(sandbox: SandboxHandle) -> Kube:
    return Kube(sandbox)


def may(kube: Kube, verb: str, resource: str, **more: str) -> bool:
    """What `kubectl auth can-i` asks."""
    spec = {"resourceAttributes": {"verb": verb, "resource": resource, "namespace": "default", **more}}
    allowed: bool = kube("POST", ACCESS, {"spec": spec})["status"]["allowed"]
    return allowed


@pytest.mark.parametrize("authorization", [None, "Bearer bad", "Basic YTpi"])
def test_a_call_without_a_token_of_the_sandbox_is_nobodys(sandbox: SandboxHandle, authorization: str | None) -> None:
    """Kubernetes' own 401: kubernetes/apiserver, pkg/endpoints/filters/authentication.go."""
    url = f"{sandbox.url}/kubernetes/api/v1/namespaces"
    headers = {"Authorization": authorization} if authorization else {}
    answer = requests.post(url, json={"metadata": {"name": "anon"}}, headers=headers, timeout=30)
    status = answer.json()
    assert (answer.status_code, status["message"], status["reason"]) == (401, "Unauthorized", "Unauthorized")
    assert requests.get(f"{sandbox.url}/kubernetes/healthz", timeout=30).text == "ok"
    assert sandbox.state() == {}


def kubeconfig(sandbox: SandboxHandle) -> dict[str, Any]:
    """The cluster and the user of the sandbox's kubeconfig."""
    found = json.loads(Path(sandbox.env["KUBECONFIG"]).read_text(encoding="utf-8"))
    return {**found["clusters"][0]["cluster"], **found["users"][0]["user"]}


def test_the_kubeconfig_leads_to_a_tls_port_of_the_clusters_own(sandbox: SandboxHandle) -> None:
    """Its certificate is the one that the kubeconfig has, and its paths are the API server's, without a prefix."""
    config = kubeconfig(sandbox)
    assert config["server"].startswith("https://127.0.0.1:")
    trusted = ssl.create_default_context(cadata=base64.b64decode(config["certificate-authority-data"]).decode())
    handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusted)
    opener = urllib.request.build_opener(*handlers)

    def get(path: str, token: str) -> bytes:
        request = urllib.request.Request(config["server"] + path, headers={"Authorization": f"Bearer {token}"})
        with opener.open(request, timeout=30) as answer:
            found: bytes = answer.read()
        return found

    assert get("/healthz", "") == b"ok"
    assert json.loads(get("/api/v1/namespaces", config["token"]))["kind"] == "NamespaceList"
    described = json.loads(get("/openapi/v3", config["token"]))["paths"]["api/v1"]["serverRelativeURL"]
    assert json.loads(get(described, config["token"]))["openapi"] == "3.0.0"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        get("/api/v1/namespaces", "bad")
    address = ("127.0.0.1", int(config["server"].rpartition(":")[2]))
    with socket.create_connection(address) as bare, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(bare, server_hostname="127.0.0.1")


def test_a_review_says_no_where_the_call_would_be_refused(sandbox: SandboxHandle) -> None:
    stranger = Kube(sandbox, STRANGER)
    assert not may(stranger, "list", "serviceaccounts")
    assert refusal(stranger, "GET", "api/v1/namespaces/default/serviceaccounts").code == 403
    assert not may(stranger, "get", "pods")
    assert not may(stranger, "*", "*")
    grant(sandbox, "roles/container.viewer", f"user:{STRANGER}")
    assert may(stranger, "list", "serviceaccounts")
    assert may(stranger, "get", "pods")
    assert not may(stranger, "get", "secrets")
    assert not may(stranger, "create", "serviceaccounts")
    assert not may(stranger, "create", "serviceaccounts", subresource="token")
    assert not may(stranger, "*", "configmaps")
    deployer = Kube(sandbox)
    assert may(deployer, "*", "*")


def test_the_rules_are_what_iam_grants(sandbox: SandboxHandle) -> None:
    """Everybody may ask about themselves and read the API's description; the rest is IAM's."""
    stranger = Kube(sandbox, STRANGER)

    def rules() -> dict[str, list[str]]:
        found = stranger("POST", RULES, {"spec": {"namespace": "default"}})["status"]["resourceRules"]
        return {resource: rule["verbs"] for rule in found for resource in rule["resources"]}

    own = {"selfsubjectreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews"}
    assert set(rules()) == own
    grant(sandbox, "roles/container.viewer", f"user:{STRANGER}")
    assert rules()["serviceaccounts"] == ["get", "list", "watch"]
    assert "secrets" not in rules()


def test_a_path_that_is_no_resource_is_asked_for_by_its_name(sandbox: SandboxHandle) -> None:
    def allowed(path: str) -> bool:
        spec = {"nonResourceAttributes": {"path": path, "verb": "get"}}
        found: bool = Kube(sandbox, STRANGER)("POST", ACCESS, {"spec": spec})["status"]["allowed"]
        return found

    assert allowed("/healthz")
    assert allowed("/openapi/v2")
    assert not allowed("/logs")


def test_the_deployer_may_act_as_another_who_has_only_their_own_permissions(sandbox: SandboxHandle, kube: Kube) -> None:
    """kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation."""
    as_stranger = Kube(sandbox, impersonate={"Impersonate-User": STRANGER, "Impersonate-Group": "team"})
    who = as_stranger("POST", WHO, {})["status"]["userInfo"]
    assert who == {"username": STRANGER, "groups": ["team", "system:authenticated"]}
    assert not may(as_stranger, "get", "secrets")
    refused = refusal(as_stranger, "GET", "api/v1/namespaces")
    assert (refused.code, f'User "{STRANGER}" cannot list' in refused.message) == (403, True)
    assert may(kube, "get", "secrets")
    recorded = sandbox.calls()[-2]
    assert (recorded["method"], recorded["principal"]) == ("io.k8s.core.v1.namespaces.list", STRANGER)


def test_acting_as_another_is_a_permission(sandbox: SandboxHandle) -> None:
    grant(sandbox, "roles/container.developer", f"user:{STRANGER}")
    refused = refusal(Kube(sandbox, STRANGER, {"Impersonate-User": "a@b.example"}), "GET", "api/v1/namespaces")
    assert refused.code == 403
    assert refused.message == (
        f'users "a@b.example" is forbidden: User "{STRANGER}" cannot impersonate resource "users" in API group "" at'
        ' the cluster scope: requires one of ["container.clusters.impersonate"] permission(s).'
    )
    nobody = refusal(Kube(sandbox, impersonate={"Impersonate-Group": "team"}), "GET", "api/v1/namespaces")
    assert (nobody.code, "without impersonating a user" in nobody.message) == (500, True)


def test_a_service_accounts_token_is_its_own_and_ends(sandbox: SandboxHandle, kube: Kube) -> None:
    """`kubectl create token`: authentication.k8s.io/v1 TokenRequest."""
    path = "api/v1/namespaces/default/serviceaccounts/app"
    kube.account("app", "default")
    made = kube("POST", f"{path}/token", {"spec": {"expirationSeconds": 600}})
    assert (made["kind"], made["spec"]["expirationSeconds"]) == ("TokenRequest", 600)
    app = Kube(sandbox, token=made["status"]["token"])
    who = app("POST", WHO, {})["status"]["userInfo"]
    assert who["username"] == "system:serviceaccount:default:app"
    assert who["groups"] == ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]
    assert not may(app, "get", "secrets")
    requests.post(f"{sandbox.url}/_sandbox/clock", json={"step": 601}, timeout=30).raise_for_status()
    with pytest.raises(RefusedError, match="401"):
        app("GET", "api")
    made = kube("POST", f"{path}/token", {})
    kube("DELETE", path)
    with pytest.raises(RefusedError, match="401"):
        Kube(sandbox, token=made["status"]["token"])("GET", "api")


@pytest.mark.parametrize(
    ("spec", "says"),
    [({"expirationSeconds": 599}, "less than 10 minutes"), ({"audiences": ["vault"]}, "no tokens for other audiences")],
)
def test_a_token_that_the_cluster_cannot_give_is_refused(kube: Kube, spec: dict[str, Any], says: str) -> None:
    path = "api/v1/namespaces/default/serviceaccounts/default/token"
    assert says in refusal(kube, "POST", path, {"spec": spec}).message


def test_a_service_accounts_token_is_worth_nothing_at_google(sandbox: SandboxHandle, kube: Kube) -> None:
    made = kube("POST", "api/v1/namespaces/default/serviceaccounts/default/token", {})
    headers = {"Authorization": f"Bearer {made['status']['token']}"}
    url = sandbox.api("cloudresourcemanager", f"v1/projects/{sandbox.project}")
    assert requests.get(url, headers=headers, timeout=30).status_code == 401
