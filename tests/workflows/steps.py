"""The workflows as data, and their steps as they run on GitHub: by bash, with the variables that the step sets."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from scripts.workspace import ROOT

FOLDER = ROOT / ".github"
WORKFLOWS = sorted((FOLDER / "workflows").glob("*.yml"))


def load(name: str) -> dict[Any, Any]:
    """A workflow by its file's name; the key `on` is the boolean True, as YAML 1.1 has it."""
    found: dict[Any, Any] = yaml.safe_load((FOLDER / "workflows" / name).read_text())
    return found


def step(workflow: str, job: str, name: str) -> dict[str, Any]:
    """A step by its name."""
    [found] = [each for each in load(workflow)["jobs"][job]["steps"] if each.get("name") == name]
    result: dict[str, Any] = found
    return result


def run(found: dict[str, Any], folder: Path, expressions: dict[str, str], **environ: str) -> Any:
    """Run a step's script in a folder; `expressions` are what ${{ … }} of its variables stand for."""
    variables = {name: filled(value, expressions) for name, value in (found.get("env") or {}).items()}
    assert "${{" not in found["run"], "a script takes values from variables, never by expression"
    path = os.pathsep.join([str(ROOT / ".venv/bin"), os.environ["PATH"]])
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", found["run"]],
        check=False,
        cwd=folder,
        env={**os.environ, "PATH": path, **environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def filled(value: str, expressions: dict[str, str]) -> str:
    """The value with each ${{ NAME }} replaced; fails on one that is not given."""
    return re.sub(r"\$\{\{\s*([^}]+?)\s*\}\}", lambda found: expressions[found[1]], str(value))
