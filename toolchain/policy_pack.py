"""The environment that the policy pack runs in: `.toolchain/policy`, from its hashed lock. Nothing to do when there.

It is apart from `.venv` because pulumi-policy wants protobuf 5, and made on demand because only previews need it.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from toolchain.lock import pip_install  # noqa: E402

FOLDER = ROOT / ".toolchain/policy"
LOCK = ROOT / "policy/requirements.txt"


def main() -> int:
    """Make it if need be. Returns the exit status: 0, or 1 after one sentence on standard error."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    wanted = f"{version} {hashlib.sha256(LOCK.read_bytes()).hexdigest()}\n"
    stamp = FOLDER / "made-from"
    FOLDER.parent.mkdir(exist_ok=True)
    with FOLDER.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests that run side by side make it once
        if stamp.exists() and stamp.read_text() == wanted:
            return 0
        print("policy: making .toolchain/policy from its lock (half a minute)", file=sys.stderr, flush=True)
        shutil.rmtree(FOLDER, ignore_errors=True)
        for command in (
            [sys.executable, "-m", "venv", str(FOLDER)],
            pip_install(FOLDER / "bin/python", LOCK),
        ):
            if subprocess.run(command, check=False, stdout=sys.stderr).returncode != 0:
                print(f"policy: `{' '.join(command)}` failed; its own words above say why.", file=sys.stderr)
                return 1
        stamp.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
