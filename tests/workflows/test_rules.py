"""What a platform team asks of workflows: linted, pinned, and allowed no more than they need."""

import re
import subprocess

import pytest

from tests.workflows.steps import FOLDER, WORKFLOWS, load
from toolchain import actionlint, pulumi_cli

PERMISSIONS = {
    "comment.yml": {"comment": {"actions": "read", "contents": "read", "pull-requests": "write"}},
    "deploy.yml": {job: {"contents": "read", "id-token": "write"} for job in ("preview", "up-dev", "up-prod")},
    "drift.yml": {
        "look": {"contents": "read", "id-token": "write"},
        "report": {"contents": "read", "issues": "write"},
    },
    "preview.yml": {"preview": {"contents": "read"}},
    "tests.yml": {"test": {"contents": "read"}},
}
USES = re.compile(r"^\s*-?\s*uses:\s*(\S+)(?:\s+#\s*(\S+))?$", re.MULTILINE)


def test_actionlint_finds_nothing() -> None:
    """Syntax, expressions, contexts, and the inputs of well-known actions."""
    program = actionlint.provide()
    if program is None:
        pytest.skip("actionlint is not installed, and Go or its module proxy is not there to build it")
    done = subprocess.run([str(program), *map(str, WORKFLOWS)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_actionlint_would_find_something() -> None:
    """The lint is a check that can fail."""
    program = actionlint.provide()
    if program is None:
        pytest.skip("actionlint is not installed, and Go or its module proxy is not there to build it")
    broken = (
        "on: pull_request\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ nothing.here }}\n"
    )
    done = subprocess.run([str(program), "-"], check=False, input=broken, capture_output=True, text=True)
    assert "undefined variable" in done.stdout


def test_every_action_is_pinned_by_commit_and_says_its_version() -> None:
    """A tag can be moved; and one action has one pin everywhere."""
    pins: dict[str, set[tuple[str, str]]] = {}
    for file in (*WORKFLOWS, *FOLDER.glob("actions/*/action.yml")):
        for uses, version in USES.findall(file.read_text()):
            if uses.startswith("./"):
                assert (FOLDER.parent / uses / "action.yml").exists(), uses
                continue
            action, _, commit = uses.partition("@")
            assert re.fullmatch(r"[0-9a-f]{40}", commit), f"{file.name}: {uses}"
            assert re.fullmatch(r"v\d+\.\d+\.\d+", version), f"{file.name}: {uses}"
            pins.setdefault(action, set()).add((commit, version))
    assert len(pins) == 7
    assert not {action: found for action, found in pins.items() if len(found) > 1}


def test_each_job_has_just_its_permissions() -> None:
    """None by default, and what a job may is listed here."""
    assert {file.name for file in WORKFLOWS} == set(PERMISSIONS)
    for file in WORKFLOWS:
        workflow = load(file.name)
        assert workflow["permissions"] == {}, file.name
        found = {name: job["permissions"] for name, job in workflow["jobs"].items()}
        assert found == PERMISSIONS[file.name], file.name
        for job in workflow["jobs"].values():
            assert job["timeout-minutes"] <= 120
            for step in job["steps"]:
                if str(step.get("uses", "")).startswith("actions/checkout@"):
                    assert step["with"]["persist-credentials"] is False


def test_code_of_a_fork_never_meets_a_token_that_writes() -> None:
    """No pull_request_target; the writing half runs on workflow_run and checks nothing of the fork out."""
    for file in WORKFLOWS:
        workflow = load(file.name)
        events = workflow[True]
        assert "pull_request_target" not in events
        if "pull_request" in events and file.name != "deploy.yml":
            for job in workflow["jobs"].values():
                assert set(job["permissions"].values()) == {"read"}
        if "workflow_run" in events:
            for job in workflow["jobs"].values():
                checkouts = [s for s in job["steps"] if str(s.get("uses", "")).startswith("actions/checkout@")]
                assert all("ref" not in each["with"] and "repository" not in each["with"] for each in checkouts)
                assert not [s for s in job["steps"] if str(s.get("uses", "")).startswith("./")]


def test_the_real_project_is_changed_only_from_main_and_prod_only_with_approval() -> None:
    """`up` never runs for a pull request; each update has its environment, and prod comes last."""
    jobs = load("deploy.yml")["jobs"]
    commands = {
        name: [s["with"]["command"] for s in job["steps"] if str(s.get("uses", "")).startswith("pulumi/actions@")]
        for name, job in jobs.items()
    }
    assert commands == {"preview": ["preview"], "up-dev": ["up"], "up-prod": ["up"]}
    assert "head.repo.full_name == github.repository" in jobs["preview"]["if"]
    assert jobs["up-dev"]["if"] == "github.event_name == 'push'"
    assert (jobs["up-dev"]["needs"], jobs["up-prod"]["needs"]) == ("preview", "up-dev")
    assert (jobs["up-dev"]["environment"], jobs["up-prod"]["environment"]) == ("dev", "prod")
    for job in jobs.values():
        for step in job["steps"]:
            if "with" in step and "command" in step["with"]:
                assert step["with"]["policyPacks"] == "policy"


def test_the_cli_is_the_one_that_setup_pins() -> None:
    """Pulumi's action installs what everybody else runs, and setup's commands are there."""
    text = (FOLDER / "workflows/deploy.yml").read_text()
    assert set(re.findall(r"pulumi-version: (\S+)", text)) == {pulumi_cli.VERSION}
    setup = (FOLDER / "actions/setup/action.yml").read_text()
    for script in re.findall(r"python (\S+\.py)", setup):
        assert (FOLDER.parent / script).exists()
    assert "make setup" in setup


def test_what_one_job_leaves_the_next_one_finds() -> None:
    """download-artifact puts a single match elsewhere than several, unless they are merged."""
    look, report = (load("drift.yml")["jobs"][name]["steps"] for name in ("look", "report"))
    [upload] = [s["with"] for s in look if "upload-artifact" in s.get("uses", "")]
    [download] = [s["with"] for s in report if "download-artifact" in s.get("uses", "")]
    assert upload["path"] == "drift-${{ matrix.stack }}.md"
    assert (download["pattern"], download["merge-multiple"]) == ("drift-*", True)
    [left] = [s["with"] for s in load("preview.yml")["jobs"]["preview"]["steps"] if "upload" in s.get("uses", "")]
    [found] = [s["with"] for s in load("comment.yml")["jobs"]["comment"]["steps"] if "download" in s.get("uses", "")]
    assert (left["name"], left["path"]) == (found["name"], "comment.md")


def test_no_workflow_knows_a_key() -> None:
    """Google is reached by federation; the only secret is the state's passphrase."""
    text = "".join(file.read_text() for file in WORKFLOWS)
    assert "credentials_json" not in text
    assert set(re.findall(r"secrets\.(\w+)", text)) == {"PULUMI_CONFIG_PASSPHRASE"}
