"""The preview of a pull request, as the workflow runs it on the merge commit: nothing but the repository is needed."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.preview_markdown import MARKER
from scripts.workspace import ROOT
from tests.workflows.steps import run, step

COMMIT = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com", "-c", "commit.gpgsign=false"]
HEAD_SHA = "0123456789abcdef"


class Clone:
    """A repository with this tree as its first commit, and the environment that setup would make."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in self.git("ls-files", "--cached", "--others", "--exclude-standard", where=ROOT).splitlines():
            source, target = ROOT / name, folder / name
            if source.is_file() and not source.is_symlink():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        self.git("init", "--quiet", "--initial-branch=main")
        (folder / ".git/info/exclude").write_text(".venv\n.toolchain\ncomment.md\n")
        for name in (".venv", ".toolchain"):
            (folder / name).symlink_to(ROOT / name)
        self.commit()

    def git(self, *arguments: str, where: Path | None = None) -> str:
        command = ["git", *COMMIT, *arguments]
        done = subprocess.run(command, check=True, cwd=where or self.folder, capture_output=True, text=True)
        return done.stdout

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a change")

    def edit(self, stack: str, like: str = "", **changes: Any) -> None:
        """Change top-level keys of a stack's settings, and commit."""
        file = self.folder / f"Pulumi.{stack}.yaml"
        document = yaml.safe_load((self.folder / f"Pulumi.{like or stack}.yaml").read_text())
        for key, value in changes.items():
            namespace = "gcp" if key == "project" else "gemini-vertex"
            document["config"][f"{namespace}:{key}"] = value
        file.write_text(yaml.safe_dump(document))
        self.commit()

    def models(self, stack: str, *changes: dict[str, Any]) -> list[dict[str, Any]]:
        """The stack's models, each with changes."""
        document = yaml.safe_load((self.folder / f"Pulumi.{stack}.yaml").read_text())
        listed: list[dict[str, Any]] = document["config"]["gemini-vertex:models"]
        return [{**model, **change} for model, change in zip(listed, changes, strict=True)]

    def preview(self, *more: str) -> tuple[int, str, str]:
        """The workflow's step: exit status, the comment, and what was printed."""
        found = step("preview.yml", "preview", "Preview")
        found["run"] = " ".join([found["run"], *more])
        done = run(found, self.folder, {"github.event.pull_request.head.sha": HEAD_SHA}, CI="true")
        comment = self.folder / "comment.md"
        return done.returncode, comment.read_text() if comment.exists() else "", done.stdout + done.stderr


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    (tmp_path / "clone").mkdir()
    return Clone(tmp_path / "clone")


def test_a_merge_commit_is_previewed_from_its_base(clone: Clone) -> None:
    """Both stacks, the diff, the policies; then nothing is left of the base's tree."""
    clone.git("checkout", "--quiet", "-b", "feature")
    clone.edit(
        "prod", models=clone.models("prod", {"maxReplicaCount": 30}, {}), labels={"environment": "prod", "a": "b"}
    )
    clone.git("checkout", "--quiet", "main")
    clone.edit("dev", labels={"environment": "dev", "team": "x"})  # main went on; that is no change of the pull request
    base = clone.git("rev-parse", "--short", "HEAD").strip()
    clone.git("merge", "--quiet", "--no-ff", "feature", "--message", "merge")

    status, comment, said = clone.preview()

    assert status == 0, said
    assert comment.startswith(MARKER)
    assert f"brought up from `{base}` in a local Google Cloud and previewed from `0123456`" in comment
    assert "### dev: no changes" in comment
    assert "### prod: 2 to update" in comment
    assert "| ~ update | `gemini-flash-primary` DeployedModel | `maxReplicaCount`: `20` → `30` |" in comment
    assert "| ~ update | `gemini-prod-endpoint` AiEndpoint | `labels.a`: nothing → `b` |" in comment
    assert "⚠️ advisory `two-replicas-of-the-others-in-prod`" in comment
    assert "**Cost**" in comment
    assert len(clone.git("worktree", "list").splitlines()) == 1
    assert clone.git("status", "--porcelain") == ""


def test_a_change_that_a_policy_forbids_is_told_and_fails(clone: Clone) -> None:
    """The comment is there, and the check is red."""
    clone.edit("prod", models=clone.models("prod", {"minReplicaCount": 1}, {}))
    status, comment, said = clone.preview("--stack prod")
    assert status == 1, said
    assert "### prod: refused, 1 to update" in comment
    assert "❌ mandatory `two-replicas-of-the-primary-in-prod`" in comment


def test_a_mistake_in_the_settings_is_told(clone: Clone) -> None:
    """With its key, as a preview tells it."""
    clone.edit("dev", models=clone.models("dev", {"minReplicaCount": 0}))
    status, comment, said = clone.preview("--stack dev")
    assert status == 1, said
    assert "### dev: refused" in comment
    assert "gemini-vertex:models[0].minReplicaCount" in comment


def test_a_stack_with_models_of_its_own_project_comes_up(clone: Clone) -> None:
    """By number or name, in a cluster, in an access policy, with a secret: none of it is in the sandbox before."""
    own = clone.models(
        "prod", {"model": "1234567890"}, {"model": "projects/acme-prod/locations/us-central1/models/mine"}
    )
    clone.edit(
        "staging",
        like="prod",
        project="acme-prod",
        environment="prod",
        models=own,
        kubernetes={"context": "gke_acme"},
        perimeter={"mode": "dry-run", "accessPolicy": 42},
    )
    clone.edit("staging", models=clone.models("staging", {"model": "4711"}, {}))
    status, comment, said = clone.preview("--stack staging")
    assert status == 0, said
    assert "no base to compare with" not in comment
    assert "### staging: 1 to replace, 2 to update" in comment
    assert "| ~ update | `gemini-routes` ConfigMap | `data`" in comment
    assert "models/1234567890` → `projects/acme-prod/locations/us-central1/models/4711` (replaces)" in comment


def test_a_new_stack_is_previewed_from_nothing(clone: Clone) -> None:
    """The base has no such stack, and the comment says so."""
    clone.edit("trial", like="dev", environment="dev")
    status, comment, said = clone.preview("--stack trial")
    assert status == 0, said
    assert "all is new here: the base commit has no such stack." in comment
    assert "to create" in comment


def test_a_stack_whose_file_is_removed_is_told(clone: Clone) -> None:
    """There is nothing to preview, and what it made does not go with the file."""
    clone.git("rm", "--quiet", "Pulumi.managed.yaml")
    clone.commit()
    status, comment, said = clone.preview("--stack managed")
    assert status == 0, said
    assert "### managed: its file is removed" in comment
    assert "`pulumi destroy --stack managed`" in comment


def test_an_unknown_base_is_a_sentence(clone: Clone) -> None:
    """No comment is made up."""
    status, comment, said = clone.preview("--base no-such-commit")
    assert (status, comment) == (2, "")
    assert "no-such-commit" in said
