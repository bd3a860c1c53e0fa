"""What a tool sent to the sandbox once, kept as JSON lines to be sent again."""

import json
from pathlib import Path
from typing import Any


def recorded(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The calls of `folder`'s calls.jsonl by phase: a line with `phase` begins one."""
    phases: dict[str, list[dict[str, Any]]] = {}
    for line in (folder / "calls.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if "phase" in entry:
            current = phases[entry["phase"]] = []
        else:
            current.append(entry)
    return phases
