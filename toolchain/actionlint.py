"""actionlint, which checks `.github/workflows`: built from its Go module as `toolchain/lint/go.sum` pins it."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULE = ROOT / "toolchain/lint"
PACKAGE = "github.com/rhysd/actionlint/cmd/actionlint"


def provide() -> Path | None:
    """The program, built if need be; None where Go or its module proxy is not to be had and none is on PATH."""
    pin = hashlib.sha256((MODULE / "go.sum").read_bytes()).hexdigest()[:12]
    built = ROOT / f".toolchain/actionlint-{pin}"
    if built.exists():
        return built
    go = shutil.which("go")
    if go:
        fresh = built.with_suffix(f".{os.getpid()}")
        build = [go, "build", "-C", str(MODULE), "-mod=readonly", "-trimpath", "-o", str(fresh), PACKAGE]
        if subprocess.run(build, check=False, capture_output=True).returncode == 0:
            fresh.replace(built)
            return built
    found = shutil.which("actionlint")
    return Path(found) if found else None
