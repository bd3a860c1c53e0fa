"""Runs a Pulumi command and, where Google refuses it, says after it which permission is missing and what grants it.

    python scripts/explain.py pulumi refresh --stack prod
    python scripts/explain.py pulumi destroy --stack prod

`pulumi up` says that itself, since the program runs; a refresh and a destroy without the program show Google's words
alone, which often name no permission. Takes the commands that change or compare a stack: up, preview, refresh and
destroy. Exit status: Pulumi's own; 2 for another command.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import refusals
from scripts import engine_events
from scripts.engine_events import Report

COMMANDS: Final = ("up", "preview", "refresh", "destroy")


def sentences(report: Report) -> list[str]:
    """What was missing, each permission once; nothing where the command's own words have named the role."""
    found: list[str] = []
    for failure in report.failures:
        sentence = refusals.lacking(failure.type, failure.operation, failure.error, failure.properties)
        said = sentence is None or sentence in found or sentence in report.errors
        if sentence is not None and not said and sentence.rpartition(" ")[2] not in failure.error:
            found.append(sentence)
    return found


def run(command: Sequence[str]) -> int:
    """Run `pulumi …` in this terminal; what was missing goes to standard error. Returns Pulumi's exit status."""
    with tempfile.TemporaryDirectory(prefix="explain-") as room:
        log = Path(room, "events.jsonl")
        environment = {**os.environ, **engine_events.ASK_FOR_LOG}
        process = subprocess.Popen([*command, "--event-log", str(log)], env=environment)

        # a terminal interrupts both: Pulumi ends in its own time, and is waited for
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda number, _: process.send_signal(number))
        status = process.wait()
        missing = sentences(engine_events.read(log))
    if status and missing:
        print("What was missing:", *(f"  {sentence}" for sentence in missing), sep="\n", file=sys.stderr)
    return status


def main() -> int:
    """Run from the command line; returns the exit status."""
    command = sys.argv[1:]
    if command[:1] != ["pulumi"] or not {*command} & {*COMMANDS}:
        print(f"explain: give a Pulumi command: pulumi {', '.join(COMMANDS)}.\n{__doc__}", file=sys.stderr)
        return 2
    return run(command)


if __name__ == "__main__":
    sys.exit(main())
