"""docs/policy.md, docs/cost.md and docs/observability.md: their commands run as they stand, their numbers are right."""

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pricing
from scripts.workspace import ROOT, Workspace
from tests.engine.conftest import Stack, make_stack
from tests.unit.configurations import TODAY, read
from tests.unit.programs import stack_file

__all__ = ["make_stack"]

# Nobody is there to answer, and `make` would set the environment up.
INSTEAD = {
    "make preview STACK=prod": "python scripts/preview.py --stack prod",
    "pulumi up": "pulumi up --yes --skip-preview",
    "pulumi destroy": "pulumi destroy --yes --skip-preview",
    "YOUR_ADDRESS": "oncall@example.com",
}


def block(page: str, language: str, number: int = 0) -> str:
    """One of the blocks of docs/PAGE in that language."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return found[number]


def typed(commands: str, folder: Path, environment: Mapping[str, str]) -> str:
    """What the commands print, typed in that folder; the first that fails ends the test."""
    for words, others in INSTEAD.items():
        commands = re.sub(rf"{re.escape(words)}(?! --yes)", others, commands)
    path = f"{ROOT / '.venv/bin'}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-c", commands],
        check=False,
        cwd=folder,
        env={**environment, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, f"{commands}\n{done.stdout}"
    return done.stdout


def test_the_pack_is_run_and_protection_lifted(make_stack: Callable[..., Stack]) -> None:
    """docs/policy.md: a preview and an update with the pack, then the three steps to a destroy that is meant."""
    prod = make_stack("prod", protected=True)
    folder, environment = prod.workspace.folder, prod.cloud.environ()
    said = typed(block("policy.md", "sh"), folder, environment)
    assert said.count("[advisory]  observed-in-prod") == 3
    assert "[mandatory]" not in said
    assert "endpoint" in " ".join(prod.state())
    typed(block("policy.md", "sh", 1), folder, environment)
    assert prod.state() == {}


def test_the_dashboard_is_drawn(make_stack: Callable[..., Stack]) -> None:
    """docs/observability.md: somebody is told, and the dashboard of a stack that is up becomes a file."""
    prod = make_stack("prod")
    for number in (0, 1):
        typed(block("observability.md", "sh", number), prod.workspace.folder, prod.cloud.environ())
    assert "Traffic split" in (prod.workspace.folder / "dashboard.html").read_text()
    [channel] = prod.state()["notificationChannel"].values()
    assert channel["labels"] == {"email_address": "oncall@example.com"}


def test_all_of_it_runs_in_the_local_google_cloud(tmp_path: Path) -> None:
    """docs/observability.md's last block, in a folder with nothing but the program; git ignores what it leaves."""
    folder = Workspace(tmp_path / "program", "prod").folder
    typed(block("observability.md", "sh", 2), folder, os.environ)
    assert "Traffic split" in (folder / "dashboard.html").read_text()
    assert not (folder / "Pulumi.watched.yaml").exists()
    ignored = ["git", "check-ignore", "--quiet", "dashboard.html"]
    assert subprocess.run(ignored, check=False, cwd=ROOT).returncode == 0


def test_the_table_of_costs_is_that_of_prod() -> None:
    """docs/cost.md: with a third replica of the primary, against the output that stands below it."""
    config = stack_file("prod")
    before = pricing.estimate("us-central1", read(config).models, day=TODAY).as_json()
    config["gemini-vertex:models"][0]["minReplicaCount"] = 3
    cost = pricing.estimate("us-central1", read(config).models, day=TODAY)
    shown = block("cost.md", "")
    assert shown == f"info: {pricing.told(cost)}\nthis change: {pricing.change(cost, before)}\n"
