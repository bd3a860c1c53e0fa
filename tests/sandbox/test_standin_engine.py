"""The stand-ins under the real engine: a program with every resource, from nothing to nothing."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.testing import SandboxHandle, running_sandbox
from tests.sandbox.google import Google, make_account
from tests.sandbox.kube import Kube

PROGRAM = """
import pulumi
import pulumi_gcp as gcp
import pulumi_kubernetes as k8s
from pulumi import ResourceOptions

config = pulumi.Config()
names = ("aiplatform", "compute", "container", "iam", "accesscontextmanager")
apis = [gcp.projects.Service(n, service=f"{n}.googleapis.com", disable_on_destroy=False) for n in names]
after = ResourceOptions(depends_on=apis)
project = gcp.organizations.get_project()

network = gcp.compute.Network("network", auto_create_subnetworks=False, opts=after)
endpoint = gcp.vertex.AiEndpoint(
    "endpoint", name="123456789", display_name="gemini-prod-endpoint", location="us-central1",
    labels={"team": "genai"},
    private_service_connect_config={
        "enable_private_service_connect": True,
        "project_allowlists": [project.project_id],
        "psc_automation_configs": [{"project_id": project.project_id, "network": network.id}],
    }, opts=after)

role = gcp.projects.IAMCustomRole("role", role_id="predictor", title=config.get("title") or "Predictor",
                                  permissions=["aiplatform.endpoints.predict"], opts=after)
account = gcp.serviceaccount.Account("account", account_id="gemini-inference-sa", opts=after)
roles = {"user": "roles/aiplatform.user", "logs": "roles/logging.logWriter", "predictor": role.name}
for name, granted in roles.items():
    gcp.projects.IAMMember(name, project=project.project_id, role=granted, member=account.member)
gcp.serviceaccount.IAMMember("workload", service_account_id=account.name, role="roles/iam.workloadIdentityUser",
                             member=f"serviceAccount:{project.project_id}.svc.id.goog[production/gemini-app]")

policy = gcp.accesscontextmanager.AccessPolicy(
    "policy", parent=f"organizations/{project.org_id}", title="prod", opts=after)
parent = policy.name.apply(lambda number: f"accessPolicies/{number}")
rules = {"resources": [f"projects/{project.number}"], "restricted_services": ["aiplatform.googleapis.com"]}
gcp.accesscontextmanager.ServicePerimeter("perimeter", parent=parent, title="gemini-prod-perimeter", spec=rules,
    name=parent.apply(lambda p: f"{p}/servicePerimeters/gemini_prod_perimeter"), use_explicit_dry_run_spec=True)

cluster = k8s.Provider("cluster", context="sandbox")
namespace = k8s.core.v1.Namespace("namespace", metadata={"name": "production"}, opts=ResourceOptions(provider=cluster))
k8s.core.v1.ServiceAccount("app", metadata={
    "name": "gemini-app", "namespace": namespace.metadata.name,
    "annotations": {"iam.gke.io/gcp-service-account": account.email},
}, opts=ResourceOptions(provider=cluster))
k8s.core.v1.ServiceAccount("by-default", metadata={"annotations": {"note": config.get_secret("note")}})

pulumi.export("email", account.email)
"""
RESOURCES = 20


class Stack:
    """A stack of the program in a folder, in a sandbox."""

    def __init__(self, cloud: SandboxHandle, folder: Path) -> None:
        self.cloud, self.folder = cloud, folder
        (folder / "Pulumi.yaml").write_text("name: everything\nruntime: python\n")
        (folder / "__main__.py").write_text(PROGRAM)
        self.pulumi("stack", "init", "dev")

    def pulumi(self, *arguments: str) -> str:
        """Runs a command; AssertionError with what it printed when it fails."""
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self.cloud.environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def up(self) -> dict[str, int]:
        """Runs an update and returns how many resources were created, updated, …"""
        changes: dict[str, int] = {}
        for line in self.pulumi("up", "--yes", "--skip-preview", "--json").splitlines():
            event: dict[str, Any] = json.loads(line)
            changes |= event.get("summaryEvent", {}).get("resourceChanges", {})
        return changes

    def outputs(self, name: str) -> dict[str, Any]:
        """The outputs that the state has of a resource."""
        resources = json.loads(self.pulumi("stack", "export"))["deployment"]["resources"]
        found: dict[str, Any] = next(r["outputs"] for r in resources if r["urn"].endswith(f"::{name}"))
        return found


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running_sandbox(plugins=True, operation_seconds=0.05) as cloud:
        yield Stack(cloud, tmp_path)


def test_every_resource_comes_stays_is_mended_and_goes(stack: Stack) -> None:
    stack.pulumi("config", "set", "--secret", "note", "hidden")
    assert f"{RESOURCES} to create" in stack.pulumi("preview")
    assert stack.cloud.calls(mutating=True) == []
    stack.up()
    stack.pulumi("preview", "--expect-no-changes")
    stack.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    assert "hidden" not in stack.pulumi("stack", "export")

    endpoint = "projects/sandbox-project/locations/us-central1/endpoints/123456789"
    vertex = Google(stack.cloud, "aiplatform")
    vertex("PATCH", endpoint, {"displayName": "by hand"}, updateMask="displayName")
    Kube(stack.cloud)("DELETE", "api/v1/namespaces/production/serviceaccounts/gemini-app")
    stack.pulumi("refresh", "--yes", "--skip-preview")
    preview = stack.pulumi("preview", "--diff")
    assert '~ displayName: "by hand" => "gemini-prod-endpoint"' in preview
    assert "1 to create" in preview
    stack.up()
    assert vertex("GET", endpoint)["displayName"] == "gemini-prod-endpoint"

    stack.pulumi("config", "set", "title", "Other")
    before = stack.cloud.last_call()
    stack.up()
    assert [c["method"] for c in stack.cloud.calls(before, mutating=True)] == ["iam.projects.roles.patch"]

    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert stack.cloud.state() == {}


def test_an_import_by_id_takes_over_what_was_made_by_hand(stack: Stack) -> None:
    email = make_account(stack.cloud, "made-by-hand")
    name = f"projects/sandbox-project/serviceAccounts/{email}"
    stack.pulumi("import", "gcp:serviceaccount/account:Account", "by-hand", name, "--yes", "--generate-code=false")
    assert stack.outputs("by-hand")["email"] == email
    stack.pulumi("import", "kubernetes:core/v1:Namespace", "system", "kube-system", "--yes", "--generate-code=false")
    assert stack.outputs("system")["metadata"]["name"] == "kube-system"
