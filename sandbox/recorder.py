"""The record of calls, to a file: one JSON object a line, written before the next call is answered."""

import json
from pathlib import Path

from sandbox.errors import Json


class Recorder:
    """Appends every call to a file. A line is whole or not there: it is written at once.

    Args:
        file: it is made where it is missing, and added to where it is not.
    """

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.file = file
        self._out = file.open("a", encoding="utf-8")

    def write(self, call: Json) -> None:
        """Adds one call."""
        self._out.write(json.dumps(call, separators=(",", ":")) + "\n")
        self._out.flush()

    def close(self) -> None:
        """Closes the file."""
        self._out.close()
