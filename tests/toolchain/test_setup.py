"""`make setup`: the environment follows the lock."""

import shutil
import subprocess
import sys
from pathlib import Path

from toolchain import setup

MAKE = "from toolchain import setup; print(setup._virtual_environment())"


def test_a_changed_lock_makes_the_environment_anew_with_its_own_python(tmp_path: Path) -> None:
    """The Makefile puts .venv/bin first on PATH, so the Python that runs setup is the one that setup removes."""
    shutil.copytree(Path(setup.__file__).parent, tmp_path / "toolchain", ignore=shutil.ignore_patterns("__pycache__"))
    lock, python = tmp_path / "requirements.txt", tmp_path / ".venv/bin/python3"
    lock.write_text("# nothing\n")
    for interpreter, said in ((Path(sys.executable), "made .venv"), (python, "None")):
        assert said in run(interpreter, tmp_path)
    lock.write_text("# nothing, said otherwise\n")
    assert "made .venv" in run(python, tmp_path)
    assert run(python, tmp_path).strip() == "None"


def run(python: Path, folder: Path) -> str:
    """What setup says when this Python runs it."""
    done = subprocess.run([python, "-c", MAKE], check=False, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
