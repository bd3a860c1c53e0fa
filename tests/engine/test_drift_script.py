"""scripts/drift.py on a stack that somebody changed by hand."""

import subprocess
import sys
from pathlib import Path

import requests

from scripts.workspace import ROOT
from tests.engine.conftest import Stack
from tests.workflows.steps import run, step


def look(stack: Stack, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The script, run in the stack's folder."""
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts/drift.py"), "--stack", "prod", *arguments],
        check=False,
        cwd=stack.workspace.folder,
        env=stack.cloud.environ(**environment),
        capture_output=True,
        text=True,
    )


def test_drift_is_told_by_resource_and_changes_nothing(prod: Stack) -> None:
    """Silent before; then a sentence each for what was changed and what is gone, and the text of an issue."""
    prod.up()
    issue = prod.workspace.folder / "drift-prod.md"
    clean = look(prod, "--markdown", str(issue))
    assert (clean.returncode, clean.stdout) == (0, "Nothing of stack prod has drifted.\n")
    assert issue.read_text() == ""

    outputs = prod.workspace.outputs()
    name, ids = outputs["endpointName"], outputs["deployedModels"]
    prod.google("PATCH", name, params={"updateMask": "labels"}, json={"labels": {"environment": "test"}})
    prod.google(
        "POST",
        f"{name}:undeployModel",
        json={"deployedModelId": ids["gemini-pro-fallback"], "trafficSplit": {ids["gemini-flash-primary"]: 100}},
    )
    prod.when(lambda: "gemini-pro-fallback" not in prod.deployed(), "the undeployment")
    since = prod.mark()
    # as the workflow does, for which drift is no failure
    found = run(
        step("drift.yml", "look", "Look"), prod.workspace.folder, {"matrix.stack": "prod"}, **prod.cloud.environ()
    )

    assert found.returncode == 0, found.stderr
    said = found.stdout.splitlines()
    assert "AiEndpoint gemini-prod-endpoint: labels.environment is test and was prod." in said
    assert "DeployedModel gemini-pro-fallback is gone." in said
    assert [line for line in said if line.startswith("TrafficSplit traffic: targets")]
    assert issue.read_text().startswith("<!-- gemini-vertex drift prod -->\n")
    assert "- `DeployedModel gemini-pro-fallback is gone.`" in issue.read_text()
    assert prod.changes(since) == []
    # not even in the state: it is found again
    assert look(prod).returncode == 2


def test_what_somebody_put_beside_the_stacks_own_is_told(prod: Stack) -> None:
    """A third model on the endpoint and a stranger on the service account, each with what takes it away."""
    prod.up()
    outputs = prod.workspace.outputs()
    name, account = outputs["endpointName"], outputs["serviceAccountEmail"]
    machine = {"machineSpec": {"machineType": "n1-standard-4"}, "minReplicaCount": 1, "maxReplicaCount": 1}
    by_hand = {
        "id": "777",
        "model": "publishers/google/models/gemini-3.5-flash",
        "displayName": "by-hand",
        "dedicatedResources": machine,
    }
    prod.google("POST", f"{name}:deployModel", json={"deployedModel": by_hand})
    prod.when(lambda: "by-hand" in prod.deployed(), "the deployment")
    path = f"{prod.url}/iam/v1/projects/{prod.cloud.project}/serviceAccounts/{account}"
    headers = {"Authorization": f"Bearer {prod.cloud.env['GOOGLE_OAUTH_ACCESS_TOKEN']}"}
    policy = requests.post(f"{path}:getIamPolicy", headers=headers, timeout=30).json()
    policy["bindings"][0]["members"].append("user:stranger@example.com")
    requests.post(f"{path}:setIamPolicy", json={"policy": policy}, headers=headers, timeout=30).raise_for_status()

    since = prod.mark()
    found = look(prod)

    assert found.returncode == 2, found.stdout + found.stderr
    endpoint, grant = found.stdout.splitlines()[:2]
    assert endpoint.startswith(
        "AiEndpoint gemini-prod-endpoint: by-hand (publishers/google/models/gemini-3.5-flash) is"
    )
    assert endpoint.endswith(f"gcloud ai endpoints undeploy-model {name} --deployed-model-id=777")
    assert grant.startswith(f"Account {account}: user:stranger@example.com has roles/iam.workloadIdentityUser on it")
    assert grant.endswith("--role=roles/iam.workloadIdentityUser --member=user:stranger@example.com")
    assert prod.changes(since) == []


def test_a_stack_that_cannot_be_looked_at_has_not_drifted(prod: Stack, tmp_path: Path) -> None:
    """Status 1 with Pulumi's words, and no issue."""
    prod.up()
    issue = tmp_path / "drift.md"
    failed = look(prod, "--markdown", str(issue), PULUMI_DEBUG_PROVIDERS="gcp:1,kubernetes:1")
    assert failed.returncode == 1
    assert "stack prod could not be looked at" in failed.stderr
    assert not issue.exists()
