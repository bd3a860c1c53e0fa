"""The comments that docs/pull-requests.md shows, made as every other comment is made."""

import copy
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import preview_comment, sandbox_stack
from scripts.preview_markdown import MARKER, comment
from scripts.workspace import ROOT

START: Final = "<!-- examples: made by `python scripts/preview_comment.py --examples --write docs/pull-requests.md` -->"
END: Final = "<!-- end of examples -->"
OTHER_MODEL: Final = "gemini-3.5-flash"
DAY: Final = {"GEMINI_TODAY": "2026-11-24"}
"""The day that the page shows: later, models are nearer to their retirement, and the policies say so."""


def replicas(config: Any) -> None:
    """More machines, and a second one for the fallback."""
    config["gemini-vertex:models"][0]["maxReplicaCount"] = 30
    config["gemini-vertex:models"][1]["minReplicaCount"] = 2


def machine_type(config: Any) -> None:
    """A larger machine for the fallback."""
    config["gemini-vertex:models"][1]["machineType"] = "n1-standard-16"


def model(config: Any) -> None:
    """Another model behind the same name."""
    config["gemini-vertex:models"][1]["model"] = OTHER_MODEL


def perimeter_mode(config: Any) -> None:
    """The perimeter that was tried is enforced."""
    config["gemini-vertex:perimeter"]["mode"] = "enforced"


EXAMPLES: Final[dict[str, Callable[[Any], None]]] = {
    "A change of replicas": replicas,
    "A change of machine type": machine_type,
    "A change of model": model,
    "A change of the perimeter's mode": perimeter_mode,
}


def texts() -> str:
    """The four comments under their headings. Runs inside a sandbox."""
    document = sandbox_stack.read(ROOT / "Pulumi.prod.yaml")
    documents = []
    for change in EXAMPLES.values():
        documents.append(copy.deepcopy(document))
        change(documents[-1]["config"])
    with tempfile.TemporaryDirectory(prefix="examples-") as room:
        for stack in ("dev", "prod"):
            Path(room, stack).mkdir()
        [dev] = preview_comment.preview("dev", ROOT, Path(room, "dev"))
        prods = preview_comment.preview("prod", ROOT, Path(room, "prod"), documents)
    for each in (dev, *prods):
        if each.failed or each.base_error:
            raise preview_comment.PreviewError(f"{each.base_error} {each.output[-800:]}")
    parts = []
    for title, prod in zip(EXAMPLES, prods, strict=True):
        # in the page the marker would be a second comment to write over
        text = comment([dev, prod], "main", "this-change").removeprefix(MARKER).strip()
        parts.append(f"### {title}\n\n" + "\n".join(f"> {line}".rstrip() for line in text.splitlines()))
    return "\n\n".join(parts)


def made() -> str:
    """The same, in a sandbox that is started for it."""
    preview_comment.policy_environment()
    with tempfile.TemporaryDirectory(prefix="examples-") as room:
        file = Path(room, "texts.json")
        itself = [sys.executable, str(Path(__file__).resolve()), str(file)]
        command = sandbox_stack.in_sandbox({}, *itself)
        done = subprocess.run(command, check=False, cwd=ROOT, env={**os.environ, **DAY}, capture_output=True, text=True)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()[-1500:]
            raise preview_comment.PreviewError(f"the examples could not be made: {said}")
        found: str = json.loads(file.read_text())
    return found


def put_into(page: str, examples: str) -> str:
    """The page with these examples in place of those that it has."""
    before, start, rest = page.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise preview_comment.PreviewError(f"the page needs the lines {START} and {END}.")
    return f"{before}{start}\n\n{examples}\n\n{end}{after}"


def main(page: Path | None) -> int:
    """Print the examples, or put them into a page; returns the exit status."""
    examples = made()
    if page is None:
        print(examples)
    else:
        page.write_text(put_into(page.read_text(encoding="utf-8"), examples), encoding="utf-8")
    return 0


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(texts()))
