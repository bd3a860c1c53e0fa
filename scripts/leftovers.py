"""What a command leaves running: every process that inherited its mark, wherever it went."""

import os
import time
import uuid

import psutil

MARK = "GEMINI_VERTEX_RUN"


class Run:
    """One run of commands; start them with `environment`.

    Attributes:
        environment: this process's, with the run's own mark.
    """

    def __init__(self) -> None:
        self._mark = uuid.uuid4().hex
        self.environment = {**os.environ, MARK: self._mark}

    def left(self) -> dict[int, str]:
        """Command lines, by process id, of what was started with the mark and still runs."""
        found = {}
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self._mark and process.status() != psutil.STATUS_ZOMBIE:
                    found[process.pid] = " ".join(process.cmdline())
            except psutil.Error:  # ended by now, or another user's
                continue
        return found

    def left_after(self, seconds: float = 15) -> dict[int, str]:
        """What is left once all have ended, or `seconds` are over: a process that has been told to end may be at it."""
        deadline = time.monotonic() + seconds
        while (still := self.left()) and time.monotonic() < deadline:
            time.sleep(0.5)
        return still
