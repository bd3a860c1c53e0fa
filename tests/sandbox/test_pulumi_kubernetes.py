"""pulumi-kubernetes against the sandbox: for real where it is to be had, else by the calls that it made.

`pulumi_kubernetes/calls.jsonl` is what the plugin sent for the program beside it: up, another up with other words,
refresh, preview, destroy. It was recorded from pulumi/pulumi-kubernetes at 94977969d (after 4.32.0; built without its
component resources and its schema, which take no part in this), repeated descriptions of the server left out.
"""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox import plugins
from sandbox.testing import SandboxHandle
from tests.sandbox.kube import Kube
from tests.sandbox.recordings import recorded

FOLDER = Path(__file__).with_name("pulumi_kubernetes")


def send(sandbox: SandboxHandle, call: dict[str, Any]) -> requests.Response:
    """One recorded call; a watch ends at once."""
    query = dict(part.split("=", 1) for part in call["query"].split("&") if part)
    if "timeoutSeconds" in query:
        query["timeoutSeconds"] = "0"
    body = call["text"] if "text" in call else json.dumps(call["body"]) if "body" in call else None
    headers = {**sandbox.headers, "Accept": call["accept"], "Content-Type": call.get("contentType", "")}
    url = f"{sandbox.url}/kubernetes{call['path']}"
    return requests.request(call["method"], url, params=query, data=body, headers=headers, timeout=30)


def check_objects(sandbox: SandboxHandle, words: str) -> None:
    """Fails unless the service accounts, the ConfigMap and the Secret are there as `words` says."""
    state = sandbox.state()
    accounts = {name.partition("/")[0]: each for name, each in state["kubernetes.serviceaccounts"].items()}
    kube = Kube(sandbox)
    config, secret = (kube("GET", f"api/v1/namespaces/production/{kind}/gemini") for kind in ("configmaps", "secrets"))
    assert config["data"] == {"words": words}
    assert secret["data"] == {"words": base64.b64encode(words.encode()).decode()}
    assert secret["type"] == "Opaque"
    assert accounts["production"]["metadata"]["labels"] == {"words": words}
    assert "iam.gke.io/gcp-service-account" in accounts["production"]["metadata"]["annotations"]
    assert accounts["default"]["metadata"]["annotations"] == {"pulumi.com/autonamed": "true", "words": words}
    assert accounts["default"]["automountServiceAccountToken"] == (words == "first")
    for each in (*accounts.values(), config, secret):
        (owner,) = each["metadata"]["managedFields"]
        assert owner["manager"].startswith("pulumi-kubernetes")


def test_the_calls_that_the_plugin_made_are_answered_as_it_needs(sandbox: SandboxHandle) -> None:
    """Each recorded call gets its recorded status, the objects are as asked, and the end leaves nothing."""
    phases = recorded(FOLDER)
    assert list(phases) == ["up", "change", "refresh", "preview", "destroy"]
    for phase, calls in phases.items():
        for call in calls:
            answer = send(sandbox, call)
            assert answer.status_code == call["status"], f"{call['method']} {call['path']}: {answer.text}"
        if phase != "destroy":
            check_objects(sandbox, "first" if phase == "up" else "second")
    assert sandbox.state() == {}


def test_a_watch_with_initial_events_is_refused_so_that_clients_list_first(sandbox: SandboxHandle) -> None:
    """The WatchList feature gate is off in Kubernetes 1.29; without the refusal client-go waits for a bookmark."""
    call = {"method": "GET", "path": "/api/v1/namespaces", "accept": "application/json"}
    answer = send(sandbox, {**call, "query": "watch=true&sendInitialEvents=true&timeoutSeconds=1"})
    assert (answer.status_code, answer.json()["reason"]) == (422, "Invalid")
    assert "sendInitialEvents is forbidden for watch" in answer.json()["message"]
    assert send(sandbox, {**call, "query": "sendInitialEvents=true"}).status_code == 422


def test_the_real_plugin_makes_changes_refreshes_and_destroys(sandbox: SandboxHandle, tmp_path: Path) -> None:
    """`--plugins auto` takes it where it is installed; a second preview is empty, and the end leaves nothing."""
    kept = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi") / "plugins"
    if not plugins.installed("kubernetes", kept, os.environ.get("PATH", os.defpath)):
        pytest.skip("pulumi-resource-kubernetes is not installed")
    shutil.copytree(FOLDER, tmp_path / "program")
    variables = dict(sandbox.env)
    stop = plugins.attach("auto", variables)
    assert "kubernetes" not in variables.get("PULUMI_DEBUG_PROVIDERS", "")

    def pulumi(*arguments: str) -> None:
        command = ["pulumi", *arguments, "--stack", "dev", "--non-interactive"]
        env = {**sandbox.environ(), **variables}
        done = subprocess.run(command, cwd=tmp_path / "program", env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    try:
        pulumi("stack", "init")
        pulumi("up", "--yes", "--skip-preview")
        check_objects(sandbox, "first")
        pulumi("config", "set", "words", "second")
        pulumi("up", "--yes", "--skip-preview")
        check_objects(sandbox, "second")
        pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")
        pulumi("preview", "--expect-no-changes")
        pulumi("destroy", "--yes", "--skip-preview")
    finally:
        stop()
    assert sandbox.state() == {}
