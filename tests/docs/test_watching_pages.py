"""docs/policy.md, docs/cost.md and docs/observability.md: their commands run as they stand, their numbers are right."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pricing
from scripts.workspace import ROOT, Workspace
from tests.docs.blocks import Reader, blocks
from tests.engine.conftest import Stack
from tests.unit.configurations import TODAY, read
from tests.unit.programs import stack_file

# `make` would set the environment up.
TABLE = {"make preview STACK=prod": "python scripts/preview.py --stack prod", "YOUR_ADDRESS": "oncall@example.com"}


def test_the_pack_is_run_and_protection_lifted(make_stack: Callable[..., Stack]) -> None:
    """docs/policy.md: a preview and an update with the pack, then the three steps to a destroy that is meant."""
    prod = make_stack("prod", protected=True)
    reader = Reader(prod.workspace.folder, prod.cloud.environ(), TABLE)
    run, lift = blocks("policy.md")
    said = reader.types(run)
    assert said.count("[advisory]  observed-in-prod") == 3
    assert "[mandatory]" not in said
    assert "endpoint" in " ".join(prod.state())
    reader.types(lift)
    assert prod.state() == {}


def test_the_dashboard_is_drawn(make_stack: Callable[..., Stack]) -> None:
    """docs/observability.md: somebody is told, and the dashboard of a stack that is up becomes a file."""
    prod = make_stack("prod")
    reader = Reader(prod.workspace.folder, prod.cloud.environ(), TABLE)
    for block in blocks("observability.md")[:2]:
        reader.types(block)
    assert "Traffic split" in (prod.workspace.folder / "dashboard.html").read_text()
    [channel] = prod.state()["notificationChannel"].values()
    assert channel["labels"] == {"email_address": "oncall@example.com"}


def test_all_of_it_runs_in_the_local_google_cloud(tmp_path: Path) -> None:
    """docs/observability.md's last block, in a folder with nothing but the program; git ignores what it leaves."""
    folder = Workspace(tmp_path / "program", "prod").folder
    Reader(folder, os.environ, TABLE).types(blocks("observability.md")[2])
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
    shown = blocks("cost.md", "")[0]
    assert shown == f"info: {pricing.told(cost)}\nthis change: {pricing.change(cost, before)}\n"
