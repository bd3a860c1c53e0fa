"""`make preview`: one command, no account."""

import os
import subprocess
import sys

from scripts.workspace import ROOT


def preview(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "scripts/preview.py", *arguments]
    return subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)


def test_a_stack_is_previewed_with_its_policies() -> None:
    """Pulumi's own display, what would be made, and what the policies say."""
    done = preview("--stack", "prod")
    assert done.returncode == 0, done.stderr
    assert "TrafficSplit traffic create" in done.stdout
    assert "[advisory]  two-replicas-of-the-others-in-prod" in done.stdout
    assert "to create" in done.stdout


def test_a_stack_that_is_not_there_is_a_sentence() -> None:
    """With the way to say another."""
    done = preview("--stack", "none")
    assert done.returncode == 1
    assert done.stderr == "preview: there is no Pulumi.none.yaml; say which: make preview STACK=dev\n"


def test_make_preview_takes_the_stack() -> None:
    """Prod, if none is named."""
    for given, wanted in ((["STACK=dev"], "dev"), ([], "prod")):
        environment = {name: value for name, value in os.environ.items() if name != "STACK"}
        said = subprocess.run(
            ["make", "--dry-run", "preview", *given],
            check=True,
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
        ).stdout
        assert f"python scripts/preview.py --stack {wanted}" in said
