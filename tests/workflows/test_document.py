"""docs/pull-requests.md says what is so."""

import re

from scripts import preview_examples
from scripts.workspace import ROOT
from tests.workflows.steps import WORKFLOWS, load

PAGE = ROOT / "docs/pull-requests.md"


def test_the_four_comments_are_those_that_the_script_makes() -> None:
    """To make them again: python scripts/preview_comment.py --examples --write docs/pull-requests.md."""
    page = PAGE.read_text()
    assert preview_examples.put_into(page, preview_examples.made()) == page


def test_the_four_comments_show_what_they_are_called() -> None:
    """Replicas in place, machine and model replaced, the perimeter enforced."""
    examples = PAGE.read_text().partition(preview_examples.START)[2]
    titles = list(preview_examples.EXAMPLES)
    assert re.findall(r"^### (.+)$", examples, re.MULTILINE) == titles
    replicas, machine, model, perimeter = re.split(r"^### .+$", examples, flags=re.MULTILINE)[1:]
    assert "`maxReplicaCount`: `20` → `30`" in replicas
    assert "replace" not in replicas
    assert "± replace | `gemini-pro-fallback` DeployedModel | `machineType`" in machine
    assert "± replace | `gemini-pro-fallback` DeployedModel | `model`" in model
    assert "`status`: nothing →" in perimeter
    for comment in (replicas, machine, model, perimeter):
        assert "**Cost**" in comment
        assert "**Policies**" in comment


def test_every_workflow_has_its_row() -> None:
    """And no other."""
    rows = re.findall(r"^\| `(\w+\.yml)` \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(rows) == [file.name for file in WORKFLOWS]


def test_every_variable_that_a_workflow_reads_is_an_output_of_the_setup() -> None:
    """But for the two that have a default; and is named on the page."""
    read = set(re.findall(r"vars\.(\w+)", "".join(file.read_text() for file in WORKFLOWS)))
    program = (ROOT / "examples/github/__main__.py").read_text()
    assert read == {*re.findall(r'"([A-Z_]{6,})"', program), "STACKS", "CLUSTERS"}
    assert all(f"`{name}`" in PAGE.read_text() for name in read)


def test_comment_listens_to_the_preview_by_its_name() -> None:
    """GitHub joins the two by the workflow's title."""
    assert load("comment.yml")[True]["workflow_run"]["workflows"] == [load("preview.yml")["name"]]
