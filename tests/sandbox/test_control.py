"""Control of a running sandbox: health, settings, reset, state; and that its state outlives a kill."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from sandbox import lifecycle
from sandbox.testing import SandboxHandle, running_sandbox
from tests.sandbox.vertex import Vertex


def test_health_says_who_answers(sandbox: SandboxHandle) -> None:
    health = requests.get(f"{sandbox.url}/_sandbox/health", timeout=30).json()
    kubernetes = health.pop("kubernetes")
    assert health == {"status": "ok", "url": sandbox.url, "profile": "google", "pid": os.getpid()}
    assert kubernetes.startswith("https://127.0.0.1:")


def test_settings_can_be_read_and_changed_one_by_one(sandbox: SandboxHandle) -> None:
    sandbox.set(deploySeconds=7)
    settings = sandbox.set(profile="article")
    assert (settings["deploySeconds"], settings["profile"]) == (7, "article")
    assert requests.get(f"{sandbox.url}/_sandbox/settings", timeout=30).json() == settings


@pytest.mark.parametrize("body", [{"deploySeconds": -1}, {"colour": "red"}, {"profile": "aws"}, [], "x"])
def test_a_wrong_setting_is_refused_and_changes_nothing(sandbox: SandboxHandle, body: object) -> None:
    before = requests.get(f"{sandbox.url}/_sandbox/settings", timeout=30).json()
    response = requests.patch(f"{sandbox.url}/_sandbox/settings", json=body, timeout=30)
    assert response.status_code == 400
    assert response.json()["error"]["status"] == "INVALID_ARGUMENT"
    assert requests.get(f"{sandbox.url}/_sandbox/settings", timeout=30).json() == before


def test_calls_since_nothing_sensible_are_refused(sandbox: SandboxHandle) -> None:
    assert requests.get(f"{sandbox.url}/_sandbox/calls?since=x", timeout=30).status_code == 400


def test_a_new_sandbox_is_empty_and_a_reset_one_is_again(vertex: Vertex) -> None:
    empty = vertex.sandbox.state()
    vertex.create()
    assert vertex.sandbox.state() != empty
    vertex.sandbox.reset()
    assert vertex.sandbox.state() == {}
    assert vertex.sandbox.calls() == []


def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    command = [sys.executable, "-m", "sandbox", "serve", "--state", str(state)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"Sandbox on http://127.0.0.1:")
        note = lifecycle.require_served(state)
        variables = note["environment"]
        headers = {"Authorization": f"Bearer {variables['GOOGLE_OAUTH_ACCESS_TOKEN']}"}
        requests.patch(f"{note['url']}/_sandbox/settings", json={"operationSeconds": 0}, timeout=30)
        services = f"{note['url']}/serviceusage/v1/projects/sandbox-project/services"
        requests.post(
            f"{services}:batchEnable", json={"serviceIds": ["aiplatform.googleapis.com"]}, headers=headers, timeout=30
        )
        endpoints = f"{note['url']}/aiplatform/v1/projects/sandbox-project/locations/us-central1/endpoints"
        answer = requests.post(f"{endpoints}?endpointId=5", json={"displayName": "kept"}, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert lifecycle.served(state) is None
    with running_sandbox(state=state) as again:
        vertex = Vertex(again)
        assert vertex.get(f"{vertex.parent}/endpoints/5")["displayName"] == "kept"
