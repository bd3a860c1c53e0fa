"""Each of the article's commands that setup.sh corrects, typed as the article types it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.core import ORGANIZATION, PROJECT_NUMBER
from sandbox.testing import SandboxHandle
from tests.clients.tools import Tool

FOLDER = Path(__file__).resolve().parents[2] / "examples/article"
LISTED: dict[str, list[dict[str, Any]]] = yaml.safe_load((FOLDER / "corrections.yaml").read_text())


def typed(command: str, sandbox: SandboxHandle, policy: str = "") -> list[str]:
    """A command's arguments, with the sandbox's names in the placeholders' place."""
    names = {"PROJECT_ID": sandbox.project, "PROJECT_NUMBER": PROJECT_NUMBER, "ORG_ID": ORGANIZATION, "POLICY": policy}
    for placeholder, name in names.items():
        command = command.replace(placeholder, name)
    return command.split()


@pytest.mark.parametrize("correction", LISTED["corrections"], ids=lambda c: str(c["says"]))
def test_the_articles_command_does_not_work(sandbox: SandboxHandle, correction: dict[str, Any]) -> None:
    """It is refused by whom, and in the words, that the correction names."""
    gcloud = Tool("gcloud", sandbox)
    sandbox.enable("aiplatform")
    policy = ""
    for command in correction.get("after", []):
        done = gcloud.run(*typed(command, sandbox))
        assert done.returncode == 0, done.stderr
        if "policies" in command:
            policy = gcloud(f"access-context-manager policies list --organization={ORGANIZATION} --format=value(name)")
    since = sandbox.last_call()

    done = gcloud.run(*typed(correction["article"], sandbox, policy.strip()))

    assert correction["says"] in done.stderr
    refused = [call for call in sandbox.calls(since) if call["status"] >= 400]
    seen = "google" if refused else "gcloud" if done.returncode else "nobody"
    assert (seen, done.returncode == 0) == (correction["refusedBy"], correction["refusedBy"] == "nobody")
    if "prints" in correction:
        assert done.stdout.strip() == correction["prints"]


@pytest.mark.parametrize("correction", [c for kind in LISTED.values() for c in kind], ids=lambda c: str(c["here"]))
def test_what_stands_in_its_place_is_in_the_script(correction: dict[str, Any]) -> None:
    """No correction speaks of what setup.sh does not do, and each has a reason."""
    assert correction["here"] in (FOLDER / "setup.sh").read_text()
    assert correction["why"]
