"""The article by hand and the article as a stack end in the same resources, but for the differences that are meant."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.core import ORGANIZATION
from sandbox.testing import running_sandbox
from scripts.workspace import Workspace
from tests.examples.resources import differences, resources

FOLDER = Path(__file__).resolve().parents[2] / "examples/article"
MODELS = {"FLASH_MODEL": "gemma-3-4b", "PRO_MODEL": "gemma-3-12b"}


def by_hand() -> dict[str, Any]:
    """What setup.sh makes."""
    for tool in ("gcloud", "kubectl"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")
    with running_sandbox(deploy_seconds=0) as sandbox:
        done = subprocess.run(
            ["bash", str(FOLDER / "setup.sh")],
            check=False,
            env=sandbox.environ(ORG_ID=ORGANIZATION, **MODELS),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "[{'content': '4'}]" in done.stdout
        return resources(sandbox)


def as_a_stack(folder: Path) -> dict[str, Any]:
    """What `pulumi up` makes of the settings beside it."""
    with running_sandbox(deploy_seconds=0, plugins=True) as sandbox:
        stack = Workspace(folder, "article", sandbox.environ())
        shutil.copy(FOLDER / "Pulumi.article.yaml", folder)
        stack.init()
        stack.pulumi("up", "--yes", "--skip-preview")
        return resources(sandbox)


def test_both_ways_end_in_the_same_resources(tmp_path: Path) -> None:
    """No field differs that differences.yaml does not list, and what it lists does differ."""
    listed = yaml.safe_load((FOLDER / "differences.yaml").read_text())["differences"]
    found = {"/".join(path): values for path, values in differences(by_hand(), as_a_stack(tmp_path)).items()}

    def below(where: str) -> list[str]:
        return [path for path in found if path == where or path.startswith(f"{where}/")]

    meant = {path for one in listed for path in below(one["where"])}
    assert {path: values for path, values in found.items() if path not in meant} == {}
    for one in listed:
        paths, absent = below(one["where"]), {"by hand": 1, "stack": 0}[one["only"]]
        assert paths, f"{one['where']} does not differ any more"
        assert {found[path][absent] for path in paths} == {None}
        assert one["why"]
