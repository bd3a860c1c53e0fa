"""kubectl, the real program, as `sandbox run` sets it up."""

import re

import pytest

from sandbox.testing import SandboxHandle
from tests.clients.tools import Tool

ACCOUNT = "gemini-inference-sa@sandbox-project.iam.gserviceaccount.com"
MANIFEST = f"""apiVersion: v1
kind: ServiceAccount
metadata:
  name: gemini-app
  namespace: production
  annotations:
    iam.gke.io/gcp-service-account: {ACCOUNT}
"""


@pytest.fixture
def kubectl(sandbox: SandboxHandle) -> Tool:
    """kubectl, with the namespace production."""
    tool = Tool("kubectl", sandbox)
    tool("create namespace production")
    return tool


def test_the_articles_service_account_is_applied_shown_changed_and_deleted(kubectl: Tool) -> None:
    assert kubectl("apply -f -", MANIFEST) == "serviceaccount/gemini-app created\n"
    assert kubectl("apply -f -", MANIFEST) == "serviceaccount/gemini-app unchanged\n"
    assert kubectl("diff -f -", MANIFEST) == ""
    got = kubectl.json("get serviceaccount gemini-app -n production")
    assert got["metadata"]["annotations"]["iam.gke.io/gcp-service-account"] == ACCOUNT
    assert f"iam.gke.io/gcp-service-account: {ACCOUNT}" in kubectl("describe sa gemini-app -n production")
    kubectl("annotate sa gemini-app -n production team=ai")
    kubectl("label sa gemini-app -n production stage=prod")
    assert "gemini-app" in kubectl("get sa -A -l stage=prod")
    assert kubectl("delete -f -", MANIFEST) == 'serviceaccount "gemini-app" deleted\n'
    assert "NotFound" in kubectl.refused("get sa gemini-app -n production")


def test_the_server_keeps_who_applied_what(kubectl: Tool) -> None:
    kubectl("apply --server-side -f -", MANIFEST)
    managed = kubectl.json("get sa gemini-app -n production --show-managed-fields")["metadata"]["managedFields"]
    assert [(entry["manager"], entry["operation"]) for entry in managed] == [("kubectl", "Apply")]


def test_a_namespace_is_listed_described_and_deleted(kubectl: Tool) -> None:
    assert "production" in kubectl("get namespaces")
    assert "Active" in kubectl("describe namespace production")
    kubectl("delete namespace production")
    assert "NotFound" in kubectl.refused("get namespace production")


def test_a_dry_run_changes_nothing_and_is_recorded_so(kubectl: Tool) -> None:
    since = kubectl.sandbox.last_call()
    kubectl("apply --dry-run=server -f -", MANIFEST)
    assert "NotFound" in kubectl.refused("get sa gemini-app -n production")
    assert kubectl.sandbox.calls(since, mutating=True) == []
    kubectl("apply -f -", MANIFEST)
    (changed,) = kubectl.sandbox.calls(since, mutating=True)
    assert changed["method"] == "io.k8s.core.v1.serviceaccounts.create"


def test_kubectl_auth_says_who_may_do_what(kubectl: Tool) -> None:
    """The deployer may, a stranger may not, and kubectl sends whose token it is."""
    assert kubectl("auth can-i create serviceaccounts -n production") == "yes\n"
    assert "deployer@sandbox.example" in kubectl("auth whoami")
    assert "serviceaccounts" in kubectl("auth can-i --list -n production")
    nobody = "--as=nobody@example.com"
    assert kubectl.run(*f"auth can-i get secrets -n production {nobody}".split()).stdout == "no\n"
    assert "nobody@example.com" in kubectl(f"auth whoami {nobody}")
    assert 'User "nobody@example.com" cannot list resource "secrets"' in kubectl.refused(f"get secrets {nobody}")
    assert "serviceaccounts" not in kubectl(f"auth can-i --list -n production {nobody}")
    assert "You must be logged in" in kubectl.refused("--token=bad get sa -n default")


def test_a_service_accounts_token_acts_as_it(kubectl: Tool) -> None:
    kubectl("create serviceaccount app -n production")
    token = kubectl("create token app -n production --duration=10m").strip()
    assert "system:serviceaccount:production:app" in kubectl(f"--token={token} auth whoami")
    assert kubectl.run(*f"--token={token} auth can-i get secrets -n production".split()).stdout == "no\n"


def test_the_server_has_an_address_of_its_own(kubectl: Tool) -> None:
    assert kubectl("get --raw /healthz") == "ok"
    plain = re.sub(r"\x1b\[[\d;]*m", "", kubectl("cluster-info"))
    assert "control plane is running at https://127.0.0.1:" in plain


def test_the_server_describes_itself(kubectl: Tool) -> None:
    assert "serviceaccounts" in kubectl("api-resources")
    assert kubectl.json("version")["serverVersion"]["major"] == "1"
    assert "imagePullSecrets" in kubectl("explain serviceaccount")
    assert "annotations\t<map[string]string>" in kubectl("explain serviceaccount.metadata")
    assert "automountServiceAccountToken\t<boolean>" in kubectl("explain sa --output plaintext-openapiv2")


@pytest.mark.parametrize("validate", ["strict", "true"])
def test_what_does_not_fit_the_description_is_not_applied(kubectl: Tool, validate: str) -> None:
    """With validation on, which is kubectl's default."""
    refused = kubectl.refused(f"apply --validate={validate} -f -", MANIFEST.replace("annotations:", "anotations:"))
    assert 'unknown field "metadata.anotations"' in refused
    mistyped = kubectl.refused(f"apply --validate={validate} -f -", MANIFEST + "automountServiceAccountToken: often\n")
    assert "automountServiceAccountToken of type bool" in mistyped
    assert kubectl(f"apply --validate={validate} -f -", MANIFEST) == "serviceaccount/gemini-app created\n"
