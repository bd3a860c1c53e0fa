"""The demo's last line, "nothing is left running", holds for what the demo started, and for nothing else."""

import os
import signal
import subprocess
import sys

from scripts.leftovers import Run

WAIT = [sys.executable, "-c", "import time; time.sleep(60)"]
LEAVE = f"import subprocess; print(subprocess.Popen({WAIT!r}, start_new_session=True, stdout=-3, stderr=-3).pid)"


def test_what_a_command_left_behind_is_found_with_its_command_line() -> None:
    """Though its parent has ended and it has a session of its own."""
    run = Run()
    pid = int(subprocess.check_output([sys.executable, "-c", LEAVE], env=run.environment))
    try:
        assert run.left() == {pid: " ".join(WAIT)}
    finally:
        os.kill(pid, signal.SIGKILL)
    assert run.left_after() == {}


def test_what_others_run_meanwhile_is_theirs() -> None:
    """Another terminal may use the same environment and folder."""
    run = Run()
    with subprocess.Popen(WAIT) as other:
        try:
            assert run.left() == {}
        finally:
            other.kill()
