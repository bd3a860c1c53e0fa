"""What a platform team asks of workflows: linted, pinned, and allowed no more than they need."""

import re
import subprocess

import yaml

from tests.workflows.steps import FOLDER, WORKFLOWS, load
from toolchain import actionlint, pulumi_cli

PERMISSIONS = {
    "comment.yml": {"comment": {"actions": "read", "contents": "read", "pull-requests": "write"}},
    "deploy.yml": {job: {"contents": "read", "id-token": "write"} for job in ("preview", "up")},
    "drift.yml": {
        "look": {"contents": "read", "id-token": "write"},
        "report": {"contents": "read", "issues": "write"},
    },
    "preview.yml": {"preview": {"contents": "read"}},
    "tests.yml": {"test": {"contents": "read"}},
}
USES = re.compile(r"^\s*-?\s*uses:\s*(\S+)(?:\s+#\s*(\S+))?$", re.MULTILINE)


def lint(*arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    """actionlint; without Go to build it, which is one of the README's needs, the tests fail and are not skipped."""
    program = actionlint.provide()
    assert program, "actionlint is not installed, and cannot be built: Go or its module proxy is not in reach"
    return subprocess.run([str(program), *arguments], check=False, input=given, capture_output=True, text=True)


def test_actionlint_finds_nothing() -> None:
    """Syntax, expressions, contexts, and the inputs of well-known actions."""
    done = lint(*map(str, WORKFLOWS))
    assert done.returncode == 0, done.stdout


def test_actionlint_finds_nothing_in_the_steps_of_our_own_action() -> None:
    """It reads workflows only, so they are put into one; what else an action has is held to GitHub's list of keys."""
    for file in FOLDER.glob("actions/*/action.yml"):
        action = yaml.safe_load(file.read_text())
        assert set(action) == {"name", "description", "runs"}, file
        assert (set(action["runs"]), action["runs"]["using"]) == ({"using", "steps"}, "composite"), file
        assert all("shell" in step for step in action["runs"]["steps"] if "run" in step), (
            f"{file}: GitHub wants a shell"
        )
        job = {"runs-on": "ubuntu-24.04", "steps": action["runs"]["steps"]}
        done = lint("-", given=yaml.safe_dump({"on": "push", "jobs": {"steps": job}}))
        assert done.returncode == 0, done.stdout


def test_actionlint_would_find_something() -> None:
    """The lint is a check that can fail."""
    broken = (
        "on: pull_request\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ nothing.here }}\n"
    )
    assert "undefined variable" in lint("-", given=broken).stdout


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
    assert len(pins) == 8
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
    assert commands == {"preview": ["preview"], "up": ["up"]}
    assert "head.repo.full_name == github.repository" in jobs["preview"]["if"]
    up = jobs["up"]
    assert (up["if"], up["needs"]) == ("github.event_name == 'push'", "preview")
    assert (up["environment"], up["strategy"]["max-parallel"]) == ("${{ matrix.stack }}", 1)
    assert up["strategy"].get("fail-fast", True), "a stack that fails keeps those after it from being changed"
    assert [s.get("name") == "Preflight" or "command" in s.get("with", {}) for s in up["steps"]][-3:] == [
        True,
        True,
        False,
    ]
    for job in jobs.values():
        for step in job["steps"]:
            if "with" in step and "command" in step["with"]:
                assert step["with"]["policyPacks"] == "policy"


def test_every_workflow_takes_the_stacks_and_their_clusters_from_the_same_variables() -> None:
    """STACKS, by default dev and prod, in this order; CLUSTERS, by default none, whose credentials a job then has."""
    text = "".join(file.read_text() for file in WORKFLOWS)
    assert set(re.findall(r"vars\.STACKS[^}]*", text)) == {
        'vars.STACKS || \'["dev", "prod"]\') ',
        'vars.STACKS || \'["dev", "prod"]\' ',
    }
    jobs = {f"{file.stem} {name}": job for file in WORKFLOWS for name, job in load(file.name)["jobs"].items()}
    of_stacks = {name: job for name, job in jobs.items() if "strategy" in job}
    assert set(of_stacks) == {"deploy preview", "deploy up", "drift look"}
    for job in of_stacks.values():
        assert job["strategy"]["matrix"] == {"stack": '${{ fromJSON(vars.STACKS || \'["dev", "prod"]\') }}'}
        [cluster] = [step for step in job["steps"] if "get-gke-credentials" in step.get("uses", "")]
        assert cluster["if"] == "fromJSON(vars.CLUSTERS || '{}')[matrix.stack]"
        assert cluster["with"] == {"cluster_name": f"${{{{ {cluster['if']} }}}}"}


def test_what_is_to_be_applied_by_hand_outlives_the_runner() -> None:
    """A stack that names no cluster writes its manifests to k8s/."""
    [left] = [s["with"] for s in load("deploy.yml")["jobs"]["up"]["steps"] if "upload-artifact" in s.get("uses", "")]
    assert (left["name"], left["path"]) == ("k8s-${{ matrix.stack }}", "k8s")


def test_one_stack_that_cannot_be_looked_at_keeps_no_other_from_its_report() -> None:
    """Each is looked at, and the report runs whatever became of the looks."""
    look, report = (load("drift.yml")["jobs"][name] for name in ("look", "report"))
    assert look["strategy"]["fail-fast"] is False
    assert report["if"] == "${{ !cancelled() && needs.look.result != 'skipped' }}"


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
