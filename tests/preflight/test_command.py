"""`python scripts/preflight.py`, on a stack in a sandbox."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.services import iam_policies
from sandbox.testing import SandboxHandle, running_sandbox
from scripts.workspace import SANDBOX_SETTINGS, Workspace
from tests.preflight.conftest import APIS

CPUS = {"us-central1": {"custom_model_serving_cpus": 42}}


class Command:
    """The command on a prod stack that exists and was never updated."""

    def __init__(self, cloud: SandboxHandle, folder: Path) -> None:
        self.cloud = cloud
        self.workspace = Workspace(folder, "prod", cloud.environ())
        self.workspace.init(SANDBOX_SETTINGS)

    def __call__(self, *arguments: str, given: str = "", stack: str = "prod") -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, str(self.workspace.folder / "scripts/preflight.py"), "--stack", stack, *arguments]
        return subprocess.run(
            command,
            cwd=self.workspace.folder,
            env=self.cloud.environ(COLUMNS="200"),
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    with running_sandbox(profile="article", operation_seconds=0, enabled=(*APIS, "cloudquotas")) as cloud:
        yield Command(cloud, tmp_path)


def test_a_table_for_people_and_json_for_machines_without_a_change(command: Command) -> None:
    """Both say the same, the status is 0, and no call of either changed anything."""
    since = command.cloud.last_call()
    table = command()
    assert (table.returncode, table.stderr) == (0, "")
    assert "Preflight of stack prod" in table.stdout
    done = command("--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["ok"], found["project"]) == (0, True, "sandbox-project")
    assert all(check["status"] != "fail" for check in found["checks"])
    assert all(check["seen"].split()[0] in table.stdout for check in found["checks"])
    assert found["cost"]["currency"] == "USD"
    calls = command.cloud.calls(since)
    assert calls
    assert [call["method"] for call in calls if call["mutating"]] == []


def test_a_failure_comes_with_what_mends_it(command: Command) -> None:
    """Status 1, and the way out below the table."""
    command.cloud.set(servingQuota=CPUS)
    done = command()
    assert done.returncode == 1
    assert "quota: add --request-quota, or lower maxReplicaCount" in done.stdout


def test_mistakes_in_the_configuration_are_those_of_preview(command: Command) -> None:
    """Every one with its key, status 2, and nothing is asked of Google."""
    command.workspace.set("gemini-vertex:models[0].traffic", "90")
    command.workspace.set("gemini-vertex:modles", "x")
    since = command.cloud.last_call()
    done = command("--json")
    assert done.returncode == 2
    problems = json.loads(done.stdout)["problems"]
    assert [problem.partition(": ")[0] for problem in problems] == ["gemini-vertex:modles", "gemini-vertex:models"]
    assert command.cloud.calls(since) == []
    missing = command(stack="nowhere")
    assert (missing.returncode, "no stack named 'nowhere'" in missing.stdout) == (2, True)
    assert command("--request-quota").returncode == 2


def test_a_secret_is_read_and_never_shown(command: Command) -> None:
    """The Developer API's key of a fallback: its section is checked, its API is asked for, its value is nowhere."""
    command.workspace.set("gemini-vertex:fallback.model", "gemini-3.8-flash")
    secret = ("config", "set", "--secret", "--path", "gemini-vertex:fallback.apiKey", "the-key-of-somebody")
    command.workspace.pulumi(*secret)
    done = command("--json")
    (apis,) = [check for check in json.loads(done.stdout)["checks"] if check["check"] == "APIs"]
    assert (done.returncode, "secretmanager.googleapis.com" in apis["seen"]) == (1, True)
    assert "the-key-of-somebody" not in done.stdout + done.stderr


def test_an_increase_is_shown_and_asked_for_before_it_is_filed(command: Command) -> None:
    """A no files nothing, a yes does, and the quota is then enough."""
    command.cloud.set(servingQuota=CPUS)
    since = command.cloud.last_call()
    asked = ("--request-quota", "--contact", "someone@sandbox.example")
    refused = command(*asked, given="n\n")
    assert refused.returncode == 1
    assert "CustomModelServingCPUsPerProjectPerRegion in us-central1: 42 -> 120" in refused.stderr
    assert "Nothing was filed." in refused.stderr
    assert [call["method"] for call in command.cloud.calls(since, mutating=True)] == []
    filed = command(*asked, given="y\n")
    assert "CustomModelServingCPUsPerProjectPerRegion: granted: 120" in filed.stderr
    changed = [call["method"] for call in command.cloud.calls(since, mutating=True)]
    assert changed == ["cloudquotas.projects.locations.quotaPreferences.create"]
    assert command().returncode == 0


def test_a_script_files_without_asking_and_changes_what_is_filed(command: Command) -> None:
    """--yes; a second request for the same quota is a patch, and one that waits is said to wait."""
    command.cloud.set(servingQuota=CPUS, operationSeconds=3600)
    asked = ("--request-quota", "--contact", "someone@sandbox.example", "--yes")
    filed = command(*asked)
    assert "granted so far: 42, Google is looking at it" in filed.stderr
    command.workspace.set("gemini-vertex:models[0].maxReplicaCount", "30")
    since = command.cloud.last_call()
    again = command(*asked)
    assert "42 -> 160" in again.stderr
    changed = [call["method"] for call in command.cloud.calls(since, mutating=True) if call["status"] < 400]
    assert changed == ["cloudquotas.projects.locations.quotaPreferences.patch"]


def test_a_quota_that_could_not_be_read_is_not_said_to_suffice(command: Command) -> None:
    """Nor one that Google does not list: nothing was compared."""
    asked = ("--request-quota", "--contact", "someone@sandbox.example", "--yes")
    command.workspace.set("gemini-vertex:models[1].machineType", "ct6e-standard-1t")
    said = command(*asked)
    assert "No quota that could be compared is too small." in said.stderr
    assert "gemini-pro-fallback: not compared, the quota of ct6e-standard-1t is not known here" in said.stderr
    viewer = [{"role": "roles/browser", "members": ["user:deployer@sandbox.example"]}]
    resource = f"projects/{command.cloud.project}"
    command.cloud.sandbox.store.put(iam_policies.KIND, resource, {"bindings": viewer, "generation": 1})
    said = command(*asked)
    assert said.returncode == 1
    assert "The quota could not be read, so nothing is asked for: cannot be looked at without" in said.stderr
    assert "serviceusage.quotas.get" in said.stderr
    assert "too small" not in said.stderr
