"""Terraform's google provider against the sandbox: for real where it is to be had, else by the calls that it made.

`terraform/calls.jsonl` is what the provider sent for `terraform/main.tf`: apply, apply with other words, plan, destroy.
It was recorded from hashicorp/terraform-provider-google at e03b7622 (8.0.0 before its release, only the services of
this stack compiled in), run by Terraform 1.11.4. pulumi-gcp is a bridge over the same code.
"""

import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.testing import SandboxHandle
from tests.sandbox.recordings import recorded

FOLDER = Path(__file__).with_name("terraform")
SERVICES = ("compute", "cloudresourcemanager", "accesscontextmanager")
ADDRESS = "registry.terraform.io/hashicorp/google"
ACCOUNT = "projects/sandbox-project/serviceAccounts/gemini-inference-sa@sandbox-project.iam.gserviceaccount.com"


class Replay:
    """Sends recorded calls, with the ids and etags that this sandbox gave in place of the recorded ones."""

    def __init__(self, sandbox: SandboxHandle) -> None:
        self.sandbox = sandbox
        self.policy = ""
        self.etags: dict[str, str] = {}

    def send(self, call: dict[str, Any]) -> None:
        path = call["path"].replace("{policy}", self.policy)
        resource = path.partition(":")[0]
        text = json.dumps(call.get("body")).replace("{policy}", self.policy).replace("{etag}", self._etag(path))
        answer = requests.request(
            call["method"],
            f"{self.sandbox.url}{path}?{call['query']}",
            data=text if "body" in call else None,
            headers={**self.sandbox.headers, "Content-Type": "application/json"},
            timeout=30,
        )
        assert answer.status_code == call["status"], f"{call['method']} {path}: {answer.text}"
        body = answer.json()
        self.etags[path if ":" in path else resource] = body.get("etag", "")
        if path.endswith("/accessPolicies"):
            self.policy = body["response"]["name"].removeprefix("accessPolicies/")

    def _etag(self, path: str) -> str:
        return self.etags.get(path.replace(":setIamPolicy", ":getIamPolicy"), "")


def check_stack(sandbox: SandboxHandle, words: str) -> None:
    """Fails unless the stack's resources are in the sandbox, changeable fields as `words` says."""
    state = sandbox.state()
    (endpoint,) = state["aiplatform.endpoint"].values()
    assert endpoint["displayName"] == "gemini-prod-endpoint"
    assert endpoint["labels"]["words"] == words
    assert [role["title"] for role in state["customRole"].values()] == [words]
    assert [account["displayName"] for account in state["serviceAccount"].values()] == [words]
    perimeters = [value for kind in state.values() for name, value in kind.items() if "servicePerimeters/" in name]
    assert [(each["title"], each["useExplicitDryRunSpec"]) for each in perimeters] == [(words, True)]
    policy = requests.post(sandbox.api("iam", f"v1/{ACCOUNT}:getIamPolicy"), headers=sandbox.headers, timeout=30).json()
    member = "serviceAccount:sandbox-project.svc.id.goog[production/gemini-app]"
    assert policy["bindings"] == [{"role": "roles/iam.workloadIdentityUser", "members": [member]}]
    project = requests.post(
        sandbox.api("cloudresourcemanager", f"v1/projects/{sandbox.project}:getIamPolicy"),
        headers=sandbox.headers,
        timeout=30,
    ).json()
    role = f"projects/{sandbox.project}/roles/vertexPredictOnly"
    email = ACCOUNT.rpartition("/")[2]
    assert {"role": role, "members": [f"serviceAccount:{email}"]} in project["bindings"]


def test_the_calls_that_the_provider_made_are_answered_as_it_needs(sandbox: SandboxHandle) -> None:
    """Each recorded call gets its recorded status, the resources are as asked, and the end leaves nothing."""
    sandbox.enable(*SERVICES)
    phases = recorded(FOLDER)
    assert list(phases) == ["apply", "change", "plan", "destroy"]
    replay = Replay(sandbox)
    for phase, words in (("apply", "first"), ("change", "second"), ("plan", "second")):
        for call in phases[phase]:
            replay.send(call)
        check_stack(sandbox, words)
    for call in phases["destroy"]:
        replay.send(call)
    assert sandbox.state() == {}


def provider_folder() -> Path | None:
    """A folder with the provider's program: $TERRAFORM_PROVIDER_GOOGLE, or Terraform's own places for plugins."""
    chosen = os.environ.get("TERRAFORM_PROVIDER_GOOGLE")
    if chosen:
        return Path(chosen)
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    kept = [Path.home() / ".terraform.d/plugins", Path("/usr/local/share/terraform/plugins")]
    kept += [Path("/usr/share/terraform/plugins"), Path(os.environ.get("TF_PLUGIN_CACHE_DIR", "/nonexistent"))]
    found = [each for root in kept for each in root.glob(f"{ADDRESS}/*/{platform.system().lower()}_{machine}")]
    return max(found, default=None)


def test_terraform_applies_changes_and_destroys_this_stack_s_resources(sandbox: SandboxHandle, tmp_path: Path) -> None:
    """The real provider, led by nothing but the environment: a second plan is empty, and the end leaves nothing."""
    if not shutil.which("terraform"):
        pytest.skip("terraform is not installed")
    folder = provider_folder()
    if folder is None:
        pytest.skip("terraform-provider-google is not installed: TERRAFORM_PROVIDER_GOOGLE can say where it is")
    sandbox.enable(*SERVICES)
    shutil.copy(FOLDER / "main.tf", tmp_path)
    rc = tmp_path / "terraformrc"
    rc.write_text(f'provider_installation {{\n  dev_overrides {{\n    "hashicorp/google" = "{folder}"\n  }}\n}}\n')
    env = sandbox.environ(TF_CLI_CONFIG_FILE=str(rc), CHECKPOINT_DISABLE="1", TF_IN_AUTOMATION="1")

    def terraform(*arguments: str) -> str:
        command = ["terraform", *arguments, "-input=false", "-no-color"]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    created = terraform("apply", "-auto-approve")
    assert re.search(r"Apply complete! Resources: 10 added", created), created
    check_stack(sandbox, "first")
    changed = terraform("apply", "-auto-approve", "-var", "words=second")
    assert "4 changed, 0 destroyed" in changed
    check_stack(sandbox, "second")
    terraform("plan", "-detailed-exitcode", "-var", "words=second")
    terraform("destroy", "-auto-approve", "-var", "words=second")
    assert sandbox.state() == {}
