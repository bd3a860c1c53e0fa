"""What somebody changed by hand: reads every resource of a stack and compares it with the state. Changes nothing.

    python scripts/drift.py --stack prod --markdown drift.md

One sentence a resource that differs, and one for each model on the stack's endpoint and each grant on its service
account that somebody else put there (scripts/foreign.py). Exit status: 0 nothing drifted, 2 something did, 1 it could
not be looked at.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

if __name__ == "__main__":
    # Run as a script, its own folder comes first on the path, where scripts/preflight.py would hide the package.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from preflight.google import RefusedError
from scripts import engine_events, explain, foreign
from scripts.engine_events import Change, Difference

DRIFTED: Final = 2
MARKER: Final = "<!-- gemini-vertex drift {stack} -->"
MEND: Final = (
    "`pulumi refresh` takes the live values into the state; `pulumi up` after it puts the configured ones back. To "
    "keep a change, put it into the stack's configuration first."
)
LONGEST_VALUE: Final = 80


class DriftError(Exception):
    """The stack could not be looked at; the message is Pulumi's."""


def look(stack: str) -> list[str]:
    """A sentence for each difference, by resource.

    Raises:
        DriftError: something could not be read, for instance for want of a permission, which is named with its role.
    """
    with tempfile.TemporaryDirectory(prefix="drift-") as room:
        log = Path(room, "events.jsonl")
        command = ["pulumi", "refresh", "--preview-only", "--stack", stack, "--non-interactive"]
        environment = {**os.environ, **engine_events.ASK_FOR_LOG}
        done = subprocess.run(
            [*command, "--event-log", str(log)],
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        report = engine_events.read(log)
    if done.returncode != 0 or not report.finished:
        said = "\n".join([*report.errors, *explain.sentences(report)])
        raise DriftError(said or (done.stderr or done.stdout).strip()[-1500:])
    changes = sorted(report.changes, key=lambda change: (change.type, change.name))
    try:
        return [*map(sentence, changes), *foreign.additions(report.resources.values())]
    except RefusedError as error:
        raise DriftError(foreign.refused(error)) from None


def sentence(change: Change) -> str:
    """What is different in one resource, for a person."""
    kind = change.type.rpartition(":")[2]
    if change.operation == "delete":
        return f"{kind} {change.name} is gone."
    told = [_difference(each) for each in change.differences]
    return f"{kind} {change.name}: {'; '.join(told) or 'differs from the state'}."


def _difference(difference: Difference) -> str:
    if difference.new is None:
        return f"{difference.path} is gone and was {_value(difference.old)}"
    was = "was not there" if difference.old is None else f"was {_value(difference.old)}"
    return f"{difference.path} is {_value(difference.new)} and {was}"


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def markdown(stack: str, found: Sequence[str]) -> str:
    """The same as the text of an issue."""
    lines = [MARKER.format(stack=stack), "", f"Somebody changed stack `{stack}` outside of this repository:", ""]
    lines += [f"- `{each.replace('`', chr(39))}`" for each in found]
    return "\n".join([*lines, "", MEND, ""])


def main() -> int:
    """Run from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Finds what was changed by hand in a stack. Changes nothing.")
    parser.add_argument("--stack", required=True, help="the stack's name")
    parser.add_argument("--markdown", type=Path, help="write the text of an issue here, empty where nothing drifted")
    args = parser.parse_args()
    try:
        found = look(args.stack)
    except DriftError as error:
        print(f"drift: stack {args.stack} could not be looked at.\n{error}", file=sys.stderr)
        return 1
    if args.markdown:
        args.markdown.write_text(markdown(args.stack, found) if found else "", encoding="utf-8")
    if not found:
        print(f"Nothing of stack {args.stack} has drifted.")
        return 0
    print(*found, MEND, sep="\n")
    return DRIFTED


if __name__ == "__main__":
    sys.exit(main())
