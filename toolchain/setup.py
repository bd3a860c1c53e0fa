"""`make setup`: the virtual environment from the hashed lock, and a Pulumi CLI. Runs before anything is installed.

Idempotent: each half leaves a stamp of what it was made from, and is made again only when that changed.
Only the standard library is used here, because nothing else is there yet.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from toolchain import pulumi_cli  # noqa: E402
from toolchain.lock import pip_install  # noqa: E402

OLDEST_PYTHON = (3, 11)
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.txt"
STAMP = VENV / "made-from"


class SetupError(Exception):
    """Something that setup needs is missing or failed; the message says what and how to get it."""


def main() -> int:
    """Bring the environment up to date. Returns the exit status: 0, or 1 after one sentence on standard error."""
    try:
        _use_a_new_enough_python()
        said = [_virtual_environment(), pulumi_cli.provide(ROOT)]
    except (SetupError, pulumi_cli.CliError) as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("setup: stopped; run `make setup` again to go on.", file=sys.stderr)
        return 130
    for line in filter(None, said):
        print(f"setup: {line}", flush=True)
    return 0


def _use_a_new_enough_python() -> None:
    if sys.version_info >= OLDEST_PYTHON:
        return
    for minor in (13, 12, 11):
        if found := shutil.which(f"python3.{minor}"):
            os.execv(found, [found, *sys.argv])  # noqa: S606
    have = ".".join(map(str, sys.version_info[:3]))
    raise SetupError(
        f"Python 3.11 or newer is needed and this is {have}. Install one (Debian and Ubuntu: `apt-get install "
        "python3.11 python3.11-venv`; macOS: `brew install python@3.12`) and run `make setup` again."
    )


def _virtual_environment() -> str | None:
    """Make `.venv` from the lock unless it already is. Returns what was done, None where there was nothing to do."""
    wanted = f"{sys.version_info.major}.{sys.version_info.minor} {hashlib.sha256(LOCK.read_bytes()).hexdigest()}\n"
    if STAMP.exists() and STAMP.read_text() == wanted:
        return None
    print("setup: making .venv from requirements.txt (one to three minutes)", flush=True)
    started = time.monotonic()
    # Where .venv/bin is first on PATH, the Python that runs this is the one that is removed next.
    python = getattr(sys, "_base_executable", sys.executable)
    shutil.rmtree(VENV, ignore_errors=True)
    _run(
        [python, "-m", "venv", str(VENV)],
        "could not make .venv. Debian and Ubuntu keep the venv module apart: `apt-get install python3-venv`",
    )
    # pulumi-gcp alone has thousands of files, of which a program imports a few: Python compiles those itself
    _run(
        pip_install(VENV / "bin/python", LOCK),
        "pip could not install requirements.txt. What it says above is the reason; where a company mirror is needed, "
        "set it in pip's own configuration (`pip config set global.index-url …`)",
    )
    STAMP.write_text(wanted)
    return f"made .venv from requirements.txt in {time.monotonic() - started:.0f} s"


def _run(command: list[str], failure: str) -> None:
    if subprocess.run(command, check=False).returncode != 0:
        raise SetupError(f"{failure}.")


if __name__ == "__main__":
    sys.exit(main())
