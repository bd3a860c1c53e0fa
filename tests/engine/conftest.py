"""A stack on the real Pulumi engine, in a sandbox of its own for each test."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts.workspace import SANDBOX_SETTINGS, Workspace

FLASH, PRO = "gemini-vertex:models[0]", "gemini-vertex:models[1]"
DEPLOY = "aiplatform.projects.locations.endpoints.deployModel"
UNDEPLOY = "aiplatform.projects.locations.endpoints.undeployModel"
MUTATE = "aiplatform.projects.locations.endpoints.mutateDeployedModel"
PATCH = "aiplatform.projects.locations.endpoints.patch"


class Stack:
    """A workspace and the sandbox that it talks to."""

    def __init__(self, cloud: Any, workspace: Workspace) -> None:
        self.cloud, self.workspace = cloud, workspace
        self.url: str = cloud.url

    def up(self) -> str:
        """`pulumi up`; returns what it printed."""
        return self.workspace.pulumi("up", "--yes", "--skip-preview")

    def set_secret(self, path: str, value: str) -> None:
        """Set a secret config value as a person would: it is typed, and in no argument."""
        command = ["pulumi", "config", "set", "--secret", "--path", path, "--stack", self.workspace.stack]
        folder, environment = self.workspace.folder, self.cloud.environ()
        subprocess.run(command, check=True, cwd=folder, env=environment, input=value, text=True, capture_output=True)

    def fall_back(self, store: str, key: str) -> None:
        """Configure the Gemini Developer API as the fallback, its key kept in that store."""
        self.workspace.set("gemini-vertex:fallback.model", "gemini-3.8-flash")
        self.workspace.set("gemini-vertex:fallback.store", store)
        self.set_secret("gemini-vertex:fallback.apiKey", key)

    def preview_is_empty(self) -> None:
        """Fail unless a preview has nothing to do."""
        self.workspace.pulumi("preview", "--expect-no-changes")

    def destroy(self) -> str:
        """`pulumi destroy`; returns what it printed."""
        return self.workspace.pulumi("destroy", "--yes", "--skip-preview")

    def state(self) -> Any:
        """What exists in the sandbox besides what it started with."""
        return requests.get(f"{self.url}/_sandbox/state", timeout=30).json()

    def settings(self, **changes: Any) -> None:
        """Change the sandbox's settings."""
        requests.patch(f"{self.url}/_sandbox/settings", json=changes, timeout=30).raise_for_status()

    def mark(self) -> int:
        """The number of the last call so far."""
        return max((call["seq"] for call in self.calls()), default=0)

    def calls(self, since: int = 0) -> list[dict[str, Any]]:
        """Calls after `since`."""
        answer = requests.get(f"{self.url}/_sandbox/calls", params={"since": since}, timeout=30)
        return [json.loads(line) for line in answer.text.splitlines()]

    def changes(self, since: int = 0) -> list[str]:
        """The methods of the calls after `since` that changed something and were accepted."""
        return [call["method"] for call in self.calls(since) if call["mutating"] and call["status"] < 400]

    def changes_at_google(self, since: int = 0) -> list[str]:
        """Those of `changes` that are not the cluster's, whose ConfigMap names the deployed models."""
        return [method for method in self.changes(since) if not method.startswith("io.k8s.")]

    def google(self, method: str, path: str, **how: Any) -> Any:
        """A call to the sandbox's Vertex AI as somebody else would make it by hand."""
        token = self.cloud.env["GOOGLE_OAUTH_ACCESS_TOKEN"]
        answer = requests.request(
            method,
            f"{self.url}/aiplatform/v1/{path}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
            **how,
        )
        answer.raise_for_status()
        return answer.json()

    def endpoint(self) -> Any:
        """The stack's endpoint as Google's API gives it."""
        return self.google("GET", self.workspace.outputs()["endpointName"])

    def deployed(self) -> dict[str, Any]:
        """The endpoint's deployed models by display name; fails on two of one name."""
        models = self.endpoint().get("deployedModels", [])
        named = {model["displayName"]: model for model in models}
        assert len(named) == len(models), f"a name is deployed twice: {models}"
        return named

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a Pulumi command and leave it running, to be interrupted."""
        return subprocess.Popen(
            ["pulumi", *arguments, "--stack", self.workspace.stack, "--non-interactive"],
            cwd=self.workspace.folder,
            env=self.cloud.environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def when(self, happened: Callable[[], bool], what: str) -> None:
        """Wait until something has happened; fail after two minutes."""
        deadline = time.monotonic() + 120
        while not happened():
            assert time.monotonic() < deadline, f"{what} did not happen"
            time.sleep(0.1)


@pytest.fixture
def make_stack(tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """Makes a stack from Pulumi.prod.yaml or Pulumi.dev.yaml in a fresh sandbox; `protected` as its file has it."""
    from sandbox.testing import running_sandbox

    running: list[Any] = []

    def make(name: str = "prod", protected: bool = False, **options: Any) -> Stack:
        manager = running_sandbox(**{"profile": "article", "deploy_seconds": 0.3, "plugins": True, **options})
        cloud = manager.__enter__()
        running.append(manager)
        stack = Stack(cloud, Workspace(tmp_path / name, name, cloud.environ()))
        settings = {key: value for key, value in SANDBOX_SETTINGS.items() if not (protected and "protect" in key)}
        stack.workspace.init(settings)
        return stack

    yield make
    for manager in running:
        manager.__exit__(None, None, None)


@pytest.fixture
def prod(make_stack: Callable[..., Stack]) -> Stack:
    """The prod stack, nothing made yet."""
    return make_stack("prod")


def end(process: "subprocess.Popen[str]", number: signal.Signals) -> str:
    """Send a signal to Pulumi itself; returns what it printed until it ended."""
    os.kill(process.pid, number)
    return process.communicate(timeout=120)[0]
