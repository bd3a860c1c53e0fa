"""The table of every method in docs/sandbox.md."""

import subprocess
import sys
from pathlib import Path

import pytest
import requests

from sandbox import discovery, methods, registry
from sandbox.testing import SandboxHandle
from tests.sandbox.vertex import Vertex

PAGE = Path(__file__).parents[2] / "docs" / "sandbox.md"


def test_the_page_is_current() -> None:
    """docs/sandbox.md has what the generator makes now: `python -m sandbox methods --write docs/sandbox.md`."""
    text = PAGE.read_text(encoding="utf-8")
    assert methods.replaced(text) == text


def test_the_table_names_every_method_of_every_version_once(sandbox: SandboxHandle) -> None:
    """As many methods as the discovery documents have, each either imitated or 501."""
    for name in ("aiplatform", "serviceusage"):
        section = methods.table().partition(f"### {name}\n")[2].partition("\n### ")[0]
        rows = [line.split("|") for line in section.splitlines() if line.startswith("| ")][1:]
        cells = [[each.strip() for each in cell.split(", ") if each.strip()] for row in rows for cell in row[2:4]]
        assert cells
        for version in ("v1", "v1beta1"):
            document = discovery.load(name, version)
            assert document is not None
            for method in document.methods():
                resource, _, last = method.id.partition(".")[2].rpartition(".")
                row = next(row for row in rows if row[1].strip() == (resource or "–"))
                column = 2 if registry.function_of(method.id, version) else 3
                words = row[column].replace("(", " ").replace(")", " ").replace(",", " ").split()
                assert last in words, f"{method.id} ({version}) is not where it belongs"


def test_what_the_table_calls_501_answers_so(vertex: Vertex) -> None:
    """In Google's error format, naming the method."""
    answer = vertex.send("GET", f"{vertex.parent}/customJobs")
    assert answer.status_code == 501
    assert answer.json()["error"]["status"] == "UNIMPLEMENTED"
    assert "aiplatform.projects.locations.customJobs.list" in answer.json()["error"]["message"]
    url = f"{vertex.sandbox.url}/storage/v1/b?project=p"
    assert requests.get(url, headers=vertex.sandbox.headers, timeout=30).status_code == 501


def test_the_command_prints_the_table_or_writes_it_between_its_marks(tmp_path: Path) -> None:
    """A page without the marks is refused and left alone."""
    command = [sys.executable, "-m", "sandbox", "methods"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "### aiplatform" in done.stdout
    page = tmp_path / "page.md"
    page.write_text(f"before\n{methods.BEGIN}\nold\n{methods.END}\nafter\n")
    subprocess.run([*command, "--write", str(page)], check=True)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith(f"{methods.END}\nafter\n")
    assert "\nold\n" not in text
    page.write_text("no marks")
    refused = subprocess.run([*command, "--write", str(page)], capture_output=True, text=True, check=False)
    assert (refused.returncode, page.read_text()) == (2, "no marks")
    assert "has no place for the table" in refused.stderr


def test_a_page_without_marks_is_refused() -> None:
    """In a sentence that says which marks."""
    with pytest.raises(methods.MarkerError, match="between the lines"):
        methods.replaced("")
