"""A tuned Gemini: deployed without machines, on the shared public endpoint that takes it."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from scripts.workspace import ROOT
from tests.engine.conftest import DEPLOY, FLASH, PATCH, UNDEPLOY, Stack
from tests.engine.test_refusals import refused_preview


@pytest.fixture
def tuned(make_stack: Callable[..., Stack]) -> Stack:
    """The dev stack with the sandbox's tuned Gemini, under Google's own rules, nothing made yet."""
    dev = make_stack("dev", profile="google")
    dev.workspace.set(f"{FLASH}.model", "tuned-gemini")
    dev.workspace.set("gemini-vertex:endpoint.dedicated", "false")
    for key in ("machineType", "minReplicaCount", "maxReplicaCount"):
        dev.workspace.pulumi("config", "rm", "--path", f"{FLASH}.{key}")
    return dev


def smoke_test(stack: Stack) -> dict[str, Any]:
    """What `smoke_test.py --json` says of the stack, by the check's name."""
    code = "import sys; from scripts.smoke_test import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "--stack", stack.workspace.stack, "--json"],
        check=False,
        cwd=stack.workspace.folder,
        env=stack.cloud.environ(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_a_tuned_gemini_is_up_serves_and_goes(tuned: Stack) -> None:
    """It deploys without machines, answers and streams as Gemini, needs no second `up`, and leaves nothing behind."""
    tuned.up()

    (model,) = tuned.deployed().values()
    assert model["model"].endswith("/models/tuned-gemini")
    assert "dedicatedResources" not in model
    assert tuned.endpoint()["trafficSplit"] == {model["id"]: 100}
    checks = smoke_test(tuned)
    assert list(checks) == ["answer", "stream", "traffic split", "replicas", "operations"]
    assert all(check["ok"] for check in checks.values()), checks
    assert checks["replicas"]["seen"] == "gemini-flash-dev shared, no replicas of its own"
    assert any(call["method"].endswith("endpoints.generateContent") for call in tuned.calls())
    tuned.preview_is_empty()
    assert "unchanged" in tuned.workspace.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")

    tuned.destroy()
    assert tuned.state() == {}


def test_an_own_model_takes_its_place(tuned: Stack) -> None:
    """Another model on a machine of its own comes up, gets the traffic, and the tuned one goes."""
    tuned.up()
    since = tuned.mark()
    tuned.workspace.set(f"{FLASH}.model", "own-assistant")
    tuned.workspace.set(f"{FLASH}.machineType", "n1-standard-4")

    tuned.up()

    assert tuned.changes_at_google(since) == [DEPLOY, PATCH, UNDEPLOY]
    (model,) = tuned.deployed().values()
    assert model["dedicatedResources"]["machineSpec"]["machineType"] == "n1-standard-4"
    tuned.preview_is_empty()


def test_replicas_of_a_tuned_gemini_are_refused(tuned: Stack) -> None:
    """Preview names the key that has no meaning, and asks nothing of Google."""
    tuned.workspace.set(f"{FLASH}.minReplicaCount", "1")
    since = tuned.mark()

    said = refused_preview(tuned)

    assert "gemini-vertex:models[0].minReplicaCount: has no meaning without machineType" in said
    assert tuned.calls(since) == []
