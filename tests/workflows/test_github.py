"""scripts/github.py against GitHub's API, played on loopback: one comment, one issue, kept up to date."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import drift
from scripts.github import COMMENT_MARKER, DRIFT_MARKER
from scripts.preview_markdown import MARKER
from scripts.workspace import ROOT
from tests.workflows.fake_github import BOT, PERSON, FakeGitHub, fake_github
from tests.workflows.steps import run, step

HEAD, SHA = "fork-owner:feature", "a" * 40
EVENT = {
    "github.token": "ghs_token",
    "github.event.workflow_run.head_repository.owner.login": "fork-owner",
    "github.event.workflow_run.head_branch": "feature",
    "github.event.workflow_run.head_sha": SHA,
    'vars.STACKS || \'["dev", "prod"]\'': '["dev", "prod"]',
    "github.server_url": "https://github.com",
    "github.repository": "acme/serving",
    "github.run_id": "42",
}
DRIFT = "<!-- gemini-vertex drift prod -->"


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with fake_github() as fake:
        fake.pulls = {7: (HEAD, SHA), 8: (HEAD, "b" * 40), 9: ("other:feature", SHA)}
        yield fake


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the job sees: the repository, and the artifacts beside it."""
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    return tmp_path


def post(github: FakeGitHub, checkout: Path, text: str) -> str:
    """The workflow's own step, with the preview's artifact."""
    (checkout / "preview").mkdir(exist_ok=True)
    (checkout / "preview/comment.md").write_text(text)
    done = run(step("comment.yml", "comment", "Post"), checkout, EVENT, **github.environ())
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def report(github: FakeGitHub, checkout: Path, **looked: str) -> str:
    """The drift workflow's own step, with what each stack's job left; a stack without was not looked at."""
    folder = checkout / "drift"
    shutil.rmtree(folder, ignore_errors=True)
    for stack, text in looked.items():
        folder.mkdir(exist_ok=True)
        (folder / f"drift-{stack}.md").write_text(text)
    done = run(step("drift.yml", "report", "Report"), checkout, EVENT, **github.environ())
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def test_one_comment_is_added_and_then_written_over(github: FakeGitHub, checkout: Path) -> None:
    """On the pull request whose head was previewed, and on no other; the same text is not written again."""
    assert "Added a comment to pull request 7" in post(github, checkout, f"{MARKER}\nfirst")
    assert "Wrote over" in post(github, checkout, f"{MARKER}\nsecond")
    assert "says that already" in post(github, checkout, f"{MARKER}\nsecond")
    assert [each["body"] for each in github.comments[7]] == [f"{MARKER}\nsecond"]
    assert set(github.comments) == {7}
    assert len(github.writes) == 2


def test_ours_is_found_behind_a_hundred_others_and_nobody_elses_is_taken_for_it(
    github: FakeGitHub, checkout: Path
) -> None:
    """A person may write the marker too; that comment is left alone."""
    others = [{"id": n, "body": f"{MARKER}\nmine", "user": PERSON} for n in range(100)]
    github.comments[7] = [*others, {"id": 500, "body": f"{MARKER}\nold", "user": BOT}]
    post(github, checkout, f"{MARKER}\nnew")
    assert github.writes == ["PATCH /issues/comments/500"]


def test_a_pull_request_that_has_moved_on_gets_nothing(github: FakeGitHub, checkout: Path) -> None:
    """Its newer commit has a preview of its own."""
    github.pulls = {7: (HEAD, "c" * 40)}
    assert "nothing to say" in post(github, checkout, f"{MARKER}\nfirst")
    assert github.writes == []


def test_a_text_that_is_not_ours_is_not_posted(github: FakeGitHub, checkout: Path) -> None:
    """The artifact comes from the fork's code."""
    (checkout / "preview").mkdir()
    (checkout / "preview/comment.md").write_text("anything")
    done = run(step("comment.yml", "comment", "Post"), checkout, EVENT, **github.environ())
    assert done.returncode == 1
    assert "does not begin with" in done.stderr
    assert github.writes == []


def test_no_artifact_is_no_comment(github: FakeGitHub, checkout: Path) -> None:
    """A preview that could not start has its own red mark."""
    done = run(step("comment.yml", "comment", "Post"), checkout, EVENT, **github.environ())
    assert done.returncode == 0
    assert "made no comment" in done.stdout


def test_a_refused_token_is_a_sentence(github: FakeGitHub, checkout: Path) -> None:
    """With the call and GitHub's words, without the token."""
    command = ["scripts/github.py", "drift", "--folder", "drift", "--stacks", '["prod"]', "--run", "https://run"]
    environ = {**github.environ(), "GITHUB_TOKEN": "ghs_wrong"}
    done = subprocess.run(
        [sys.executable, *command], check=False, cwd=checkout, env=environ, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "GET /issues was answered 403" in done.stderr
    assert "Resource not accessible" in done.stderr
    assert "ghs_wrong" not in done.stderr


def test_drift_opens_an_issue_keeps_it_and_closes_it(github: FakeGitHub, checkout: Path) -> None:
    """One a stack; a pull request with the same words is no issue."""
    github.issues = [{"number": 3, "body": f"{DRIFT}\nx", "user": BOT, "pull_request": {}}]
    assert "Stack dev: there is nothing to report" in report(github, checkout, dev="", prod=f"{DRIFT}\none")
    assert github.issues[1]["title"] == "Stack prod has drifted"
    report(github, checkout, dev="", prod=f"{DRIFT}\ntwo")
    assert [each["body"] for each in github.issues[1:]] == [f"{DRIFT}\ntwo"]
    assert "Stack prod: closed issue" in report(github, checkout, dev="", prod="")
    assert [each["number"] for each in github.issues] == [3]


def test_a_stack_that_was_not_looked_at_says_so_and_keeps_its_issue(github: FakeGitHub, checkout: Path) -> None:
    """With the run, and what the last look found, however often; the other stack is reported as ever."""
    report(github, checkout, dev="", prod=f"{DRIFT}\nA model is gone.")
    for _ in range(2):
        assert "Stack dev: there is nothing to report" in report(github, checkout, dev="")
    [kept] = github.issues
    assert kept["title"] == "Stack prod has drifted"
    assert kept["body"].startswith(f"{DRIFT}\n\nStack `prod` could not be looked at")
    assert kept["body"].count("could not be looked at") == kept["body"].count("A model is gone.") == 1
    assert "(https://github.com/acme/serving/actions/runs/42)" in kept["body"]
    report(github, checkout, prod="")
    assert [each["title"] for each in github.issues] == ["Stack dev could not be looked at"]
    report(github, checkout)
    assert [each["title"] for each in github.issues] == [
        f"Stack {name} could not be looked at" for name in ("dev", "prod")
    ]
    report(github, checkout, dev="", prod=f"{DRIFT}\nA model is gone.")
    assert [(each["title"], each["body"]) for each in github.issues] == [
        ("Stack prod has drifted", f"{DRIFT}\nA model is gone.")
    ]


def test_both_halves_mean_the_same_marker() -> None:
    """The writing half imports nothing, so it names the markers itself."""
    assert (COMMENT_MARKER, DRIFT_MARKER) == (MARKER, drift.MARKER)
