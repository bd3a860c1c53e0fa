"""scripts/explain.py around a program in Pulumi's place; tests/engine/test_deployer_role.py has the real one."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.workspace import ROOT

URN = "urn:pulumi:prod::p::gcp:projects/iAMMember:IAMMember::binding"
DENIED = "Error retrieving IAM policy: googleapi: Error 403: The caller does not have permission, forbidden"
STATE = {"type": "gcp:projects/iAMMember:IAMMember", "inputs": {"project": "acme"}}
METADATA = {"op": "refresh", "urn": URN, "type": STATE["type"], "old": STATE, "new": None}
EVENTS = [
    {"diagnosticEvent": {"urn": URN, "severity": "error", "message": DENIED}},
    {"resOpFailedEvent": {"metadata": METADATA}},
    {"diagnosticEvent": {"severity": "error", "message": "update failed"}},
]
SENTENCE = (
    "your account lacks resourcemanager.projects.getIamPolicy in project acme: gcloud projects add-iam-policy-binding "
    "acme --member=user:YOUR_ACCOUNT --role=roles/resourcemanager.projectIamAdmin"
)


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A folder whose `pulumi` writes these events twice and ends with 255; with `wait`, when it is told to end."""
    program = tmp_path / "pulumi"
    log = "\n".join(json.dumps(event) for event in [*EVENTS, *EVENTS])
    (tmp_path / "events").write_text(log)
    program.write_text(
        f"#!{sys.executable}\n"
        "import pathlib, shutil, signal, sys\n"
        f"shutil.copy({str(tmp_path / 'events')!r}, sys.argv[sys.argv.index('--event-log') + 1])\n"
        "if 'wait' in sys.argv:\n"
        "    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        f"    pathlib.Path({str(tmp_path / 'ready')!r}).touch()\n"
        "    signal.pause()\n"
        "sys.exit(255)\n"
    )
    program.chmod(0o755)
    return tmp_path


def explain(folder: Path, *command: str) -> "subprocess.Popen[str]":
    """The script, started."""
    path = os.pathsep.join([str(folder), os.environ["PATH"]])
    return subprocess.Popen(
        [sys.executable, str(ROOT / "scripts/explain.py"), *command],
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_what_is_missing_is_said_once_and_the_status_is_pulumis(stand_in: Path) -> None:
    """However many resources lack it."""
    process = explain(stand_in, "pulumi", "refresh", "--stack", "prod")
    _, said = process.communicate(timeout=120)
    assert (process.returncode, said) == (255, f"What was missing:\n  {SENTENCE}\n")


def test_pulumi_is_told_to_end_and_waited_for(stand_in: Path) -> None:
    """So that it can free the stack's lock."""
    process = explain(stand_in, "pulumi", "destroy", "wait")
    deadline = time.monotonic() + 120
    while not (stand_in / "ready").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == 7


@pytest.mark.parametrize("command", [(), ("pulumi",), ("pulumi", "config"), ("gcloud", "destroy")])
def test_other_commands_are_not_taken(stand_in: Path, command: tuple[str, ...]) -> None:
    """With what it takes."""
    process = explain(stand_in, *command)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "explain: give a Pulumi command: pulumi up, preview, refresh, destroy." in said
