"""Step 5 of the article: a pod acts as gemini-inference-sa, and only while everything that it needs is there."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from sandbox import lifecycle, pods
from sandbox.lifecycle import CommandError, Start
from sandbox.pods import PodError
from sandbox.testing import SandboxHandle
from tests.sandbox.google import Google, grant, make_account
from tests.sandbox.vertex import Vertex

POD = "production/gemini-app"
EMAIL = "gemini-inference-sa@sandbox-project.iam.gserviceaccount.com"
LEGACY = f"serviceAccount:sandbox-project.svc.id.goog[{POD}]"
PRINCIPAL = (
    "principal://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/"
    "sandbox-project.svc.id.goog/subject/ns/production/sa/gemini-app"
)
ANNOTATION = "iam.gke.io/gcp-service-account"
PREDICT = """
import sys, google.auth, google.auth.transport.requests
credentials, project = google.auth.default()
session = google.auth.transport.requests.AuthorizedSession(credentials)
answer = session.post(sys.argv[1], json={"instances": [{"content": "2 + 2"}]})
print(answer.status_code, answer.text)
"""
CLUSTER = "api/v1/namespaces"


class Cluster:
    """The article's step 5 in a sandbox: endpoint, accounts, binding, annotation; each can be taken away."""

    def __init__(self, vertex: Vertex) -> None:
        self.vertex, self.sandbox = vertex, vertex.sandbox
        self.sandbox.enable("iamcredentials")
        self.endpoint = vertex.create()
        vertex.deploy(self.endpoint, "1", {"0": 100})
        make_account(self.sandbox)
        iam = Google(self.sandbox, "iam")
        role = {"title": "Predict only", "includedPermissions": ["aiplatform.endpoints.predict"]}
        iam("POST", f"{iam.project}/roles", {"roleId": "predict_only", "role": role})
        grant(self.sandbox, f"{iam.project}/roles/predict_only", f"serviceAccount:{EMAIL}")
        self.bind(LEGACY)
        self.kube("POST", "", {"metadata": {"name": "production"}})
        self.account({ANNOTATION: EMAIL})

    def kube(self, http_method: str, path: str, body: object = None) -> None:
        """One call of the cluster's API."""
        url = f"{self.sandbox.url}/kubernetes/{CLUSTER}{path}"
        requests.request(http_method, url, json=body, headers=self.sandbox.headers, timeout=30).raise_for_status()

    def account(self, annotations: dict[str, str]) -> None:
        """Makes the Kubernetes service account."""
        body = {"metadata": {"name": "gemini-app", "annotations": annotations}}
        self.kube("POST", "/production/serviceaccounts", body)

    def bind(self, *members: str) -> None:
        """Says who has roles/iam.workloadIdentityUser on gemini-inference-sa."""
        iam = Google(self.sandbox, "iam")
        bindings = [{"role": "roles/iam.workloadIdentityUser", "members": list(members)}] if members else []
        iam("POST", f"{iam.project}/serviceAccounts/{EMAIL}:setIamPolicy", {"policy": {"bindings": bindings}})

    def unannotated(self) -> None:
        """Takes the annotation away."""
        self.kube("DELETE", "/production/serviceaccounts/gemini-app")
        self.account({})

    def ungranted(self) -> None:
        """Takes all roles of gemini-inference-sa on the project away."""
        manager = Google(self.sandbox, "cloudresourcemanager")
        policy = manager("POST", f"{manager.project}:getIamPolicy", {})
        for binding in policy["bindings"]:
            binding["members"] = [m for m in binding["members"] if m != f"serviceAccount:{EMAIL}"]
        manager("POST", f"{manager.project}:setIamPolicy", {"policy": policy})

    def predicts(self, pod: str = POD) -> str:
        """What google-auth's default credentials in the pod get from a prediction, or the last line of its failure."""
        url = self.sandbox.api("aiplatform", f"v1/{self.endpoint}:predict")
        with pods.variables_of(self.sandbox.env, pod) as variables:
            kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
            command = [sys.executable, "-c", PREDICT, url]
            done = subprocess.run(
                command, env={**kept, **variables}, capture_output=True, text=True, check=False, timeout=120
            )
        return done.stdout or done.stderr.strip().splitlines()[-1]


@pytest.fixture
def cluster(vertex: Vertex) -> Cluster:
    return Cluster(vertex)


def test_a_pod_predicts_when_account_annotation_and_binding_agree(cluster: Cluster) -> None:
    """Default credentials find the pod's metadata server; no key and no other variable is needed."""
    assert cluster.predicts().startswith("200 ")


Removal = Callable[[Cluster], None]
REMOVALS: dict[str, tuple[Removal, list[str]]] = {
    "binding": (
        lambda cluster: cluster.bind(),
        [
            "Unable to generate access token; IAM returned 403 Forbidden: Permission"
            " 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
            f"Missing: roles/iam.workloadIdentityUser on {EMAIL} for {LEGACY}",
        ],
    ),
    "annotation": (
        Cluster.unannotated,
        [
            "403 ",
            "Permission 'aiplatform.endpoints.predict' denied on resource",
            f"The Kubernetes service account {POD} lacks the annotation {ANNOTATION}",
            PRINCIPAL,
        ],
    ),
    "role": (
        Cluster.ungranted,
        ["403 ", f"No policy grants aiplatform.endpoints.predict to serviceAccount:{EMAIL}"],
    ),
    "google account": (
        lambda cluster: discard(cluster.sandbox, f"serviceAccounts/{EMAIL}"),
        [
            f"IAM returned 404 Not Found: Not found; Gaia id not found for email {EMAIL}",
            f"Missing: the Google service account {EMAIL}",
        ],
    ),
    "credentials API": (
        lambda cluster: disable(cluster.sandbox, "iamcredentials.googleapis.com"),
        ["IAM Service Account Credentials API has not been used", "Missing: the API iamcredentials.googleapis.com"],
    ),
}


@pytest.mark.parametrize("what", REMOVALS)
def test_without_any_one_of_them_the_pod_does_not_predict_and_is_told_why(cluster: Cluster, what: str) -> None:
    """cloud.google.com/kubernetes-engine/docs/troubleshooting/authentication: each is needed, each failure names it."""
    remove, words = REMOVALS[what]
    remove(cluster)
    said = cluster.predicts().replace("\\n", "\n").replace('\\"', '"').replace("\\'", "'")
    assert not said.startswith("200")
    for word in words:
        assert word in said


def test_without_the_kubernetes_service_account_no_pod_starts(cluster: Cluster) -> None:
    """The API server refuses such a pod: error looking up service account."""
    cluster.kube("DELETE", "/production/serviceaccounts/gemini-app")
    with pytest.raises(PodError, match=r'serviceaccount "gemini-app" not found.*gemini-app in namespace'):
        cluster.predicts()


def test_another_pod_of_the_namespace_is_not_this_one(cluster: Cluster) -> None:
    """The binding names one Kubernetes service account; its neighbour with the same annotation gets no token."""
    body = {"metadata": {"name": "neighbour", "annotations": {ANNOTATION: EMAIL}}}
    cluster.kube("POST", "/production/serviceaccounts", body)
    assert "Unable to generate access token" in cluster.predicts("production/neighbour")


def test_a_binding_of_the_principal_form_serves_as_well(cluster: Cluster) -> None:
    """principal://…/subject/ns/NS/sa/KSA and serviceAccount:POOL[NS/KSA] are the same pod."""
    cluster.bind(PRINCIPAL)
    assert cluster.predicts().startswith("200 ")


@pytest.mark.parametrize(
    "member", [PRINCIPAL, PRINCIPAL.replace("principal:", "principalSet:").partition("/subject")[0]]
)
def test_a_direct_grant_needs_no_google_account(cluster: Cluster, member: str) -> None:
    """cloud.google.com/kubernetes-engine/docs/how-to/workload-identity#configure-authz-principals."""
    cluster.unannotated()
    cluster.bind()
    granted = member if "/subject/" in member else f"{member}/namespace/production"
    grant(cluster.sandbox, "projects/sandbox-project/roles/predict_only", granted)
    assert cluster.predicts().startswith("200 ")


def test_a_pod_has_nothing_of_the_deployers(cluster: Cluster) -> None:
    """No token, kubeconfig or Pulumi login of the deployer is in a pod's environment."""
    with pods.variables_of(cluster.sandbox.env, POD) as variables:
        assert not {"GOOGLE_OAUTH_ACCESS_TOKEN", "KUBECONFIG", "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"} & variables.keys()
        assert not [name for name in variables if name.startswith("PULUMI_")]
        assert cluster.sandbox.headers["Authorization"].removeprefix("Bearer ") not in variables.values()


def test_the_metadata_server_says_which_account_the_pod_has(cluster: Cluster) -> None:
    """The Google account where it is annotated, else the identity pool."""

    def email() -> str:
        with pods.variables_of(cluster.sandbox.env, POD) as variables:
            url = f"http://{variables['GCE_METADATA_HOST']}/computeMetadata/v1/instance/service-accounts/default/email"
            refused = requests.get(url, timeout=30)
            assert (refused.status_code, refused.text) == (403, "Missing required header: Metadata-Flavor")
            return requests.get(url, headers={"Metadata-Flavor": "Google"}, timeout=30).text

    assert email() == EMAIL
    cluster.unannotated()
    assert email() == "sandbox-project.svc.id.goog"


@pytest.fixture
def served(tmp_path: Path, cluster: Cluster) -> Iterator[Path]:
    """A state file beside which a note says that the sandbox serves it."""
    state = tmp_path / "state.db"
    note = {"pid": os.getpid(), "url": cluster.sandbox.url, "environment": cluster.sandbox.env}
    lifecycle._write_note(lifecycle._note(state), note)
    yield state
    lifecycle._note(state).unlink()


def test_sandbox_run_as_pod_runs_a_command_with_the_pods_identity(cluster: Cluster, served: Path) -> None:
    """`sandbox run --attach --as-pod production/gemini-app -- CMD`, and without --attach inside `sandbox run`."""
    url = cluster.sandbox.api("aiplatform", f"v1/{cluster.endpoint}:predict")
    run = [sys.executable, "-m", "sandbox", "run", "--as-pod", POD]
    command = ["--", sys.executable, "-c", PREDICT, url]
    attached = [*run, "--attach", "--state", str(served), *command]
    outside = subprocess.run(attached, capture_output=True, text=True, check=True, timeout=120)
    inside = subprocess.run(
        [*run, *command], env=cluster.sandbox.environ(), capture_output=True, text=True, check=True, timeout=120
    )
    assert outside.stdout.startswith("200 "), outside.stderr
    assert inside.stdout.startswith("200 "), inside.stderr


@pytest.mark.parametrize("pod", ["gemini-app", "production/", "production/Gemini", "a/b/c"])
def test_as_pod_wants_a_namespace_and_an_account(tmp_path: Path, served: Path, pod: str) -> None:
    """Anything else is refused before a command is run."""
    with pytest.raises(CommandError, match="expected NAMESPACE/ACCOUNT"):
        lifecycle.run(["true"], Start("sandbox-project"), served, attach=True, pod=pod)


def test_gcloud_in_a_pod_has_the_pods_account(cluster: Cluster) -> None:
    """gcloud takes its account from the pod's metadata server."""
    gcloud = shutil.which("gcloud")
    if not gcloud:
        pytest.skip("gcloud")
    with pods.variables_of(cluster.sandbox.env, POD) as variables:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        done = subprocess.run(
            [gcloud, "auth", "list", "--format=json"],
            env={**kept, **variables},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
    assert json.loads(done.stdout) == [{"account": EMAIL, "status": "ACTIVE"}]


def discard(sandbox: SandboxHandle, name: str) -> None:
    """Deletes a resource of iam."""
    iam = Google(sandbox, "iam")
    iam("DELETE", f"{iam.project}/{name}")


def disable(sandbox: SandboxHandle, service: str) -> None:
    """Disables an API."""
    usage = Google(sandbox, "serviceusage")
    usage("POST", f"{usage.project}/services/{service}:disable", {})
