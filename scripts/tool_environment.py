"""Environments for what must not be in the project's own: made when first asked for, from a lock with hashes."""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.workspace import ROOT


class ToolError(Exception):
    """It could not be made; the message has what the installer said."""


def tool_environment(lock: Path) -> Path:
    """The `bin` folder of an environment that holds what this lock names; made if it is not there yet.

    It is kept in .toolchain, under a name that has the lock's hash: another lock makes another environment.

    Raises:
        ToolError: no package index could be reached, or a hash was wrong.
    """
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    place = lock.relative_to(ROOT).parent
    name = "-".join(part for part in place.parts if part != "examples")
    made = ROOT / ".toolchain" / f"{name}-{digest}"
    if not made.exists():
        made.parent.mkdir(exist_ok=True)
        uv = str(Path(sys.executable).with_name("uv"))
        with tempfile.TemporaryDirectory(dir=made.parent, prefix=f".{name}-") as folder:
            fresh = Path(folder, "made")
            _run(uv, "venv", "--quiet", "--relocatable", "--python", sys.executable, str(fresh))
            to = ["--python", str(fresh / "bin/python"), "--require-hashes"]
            _run(uv, "pip", "install", "--quiet", "--only-binary=:all:", *to, "--requirement", str(lock))
            try:
                os.replace(fresh, made)  # noqa: PTH105 - a folder in one step, beside whoever makes the same
            except OSError:
                if not made.exists():
                    raise
    return made / "bin"


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise ToolError(f"`{' '.join(command)}` failed.\n{done.stderr.strip()}")
