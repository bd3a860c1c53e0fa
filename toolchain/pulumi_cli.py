"""A pinned Pulumi CLI: found on PATH, else installed by Pulumi's own installer, else built from its Go module.

Whichever it is, `.venv/bin/pulumi` leads to it, so an activated environment has it. Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

VERSION = "3.259.0"
"""The version that is installed or built; `toolchain/cli/go.mod` names the same one."""

OLDEST = (3, 250, 0)
"""The oldest CLI on PATH that is used as it is."""

INSTALLER_HOST = "get.pulumi.com"
INSTALLER_SECONDS = 600
BUILD_SECONDS = 3600
FOLDER = Path(__file__).resolve().parent

LANGUAGE_HOST = """#!/bin/sh
root="$(dirname "$0")/../.."
exec "$root/.venv/bin/python" "$root/toolchain/language_host.py" "$@"
"""


class CliError(Exception):
    """No Pulumi CLI could be had; the message says what was tried and what to do."""


def provide(root: Path) -> str | None:
    """Make `.venv/bin/pulumi` lead to a CLI.

    Args:
        root: the repository; `.venv` must be there.

    Returns:
        One sentence saying whether it was found, installed or built; None where a former run did it already.

    Raises:
        CliError: none is on PATH, none could be installed and none could be built.
    """
    link = root / ".venv/bin/pulumi"
    stamp = root / ".toolchain/provided"
    wanted = _fingerprint()
    if link.exists() and stamp.exists() and stamp.read_text() == wanted:
        return None
    stamp.parent.mkdir(exist_ok=True)
    stamp.unlink(missing_ok=True)
    for way in (_found, _installed, _built):
        if provided := way(root):
            cli, sentence = provided
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.relpath(cli, link.parent) if cli.is_relative_to(root) else cli)
            stamp.write_text(wanted)
            return sentence
    raise CliError(
        f"no Pulumi CLI: none of at least {_dotted(OLDEST)} is on PATH, {INSTALLER_HOST} cannot be reached, and Go, "
        "which could build one, is not installed. Do one of: install Pulumi (https://www.pulumi.com/docs/install/), or "
        "install Go 1.25 or newer (https://go.dev/doc/install), then run `make setup` again."
    )


def _found(root: Path) -> tuple[Path, str] | None:
    path = os.pathsep.join(p for p in os.get_exec_path() if Path(p) != root / ".venv/bin")
    cli = shutil.which("pulumi", path=path)
    version = cli and _version(cli)
    if not cli or not version or version < OLDEST:
        return None
    beside = os.pathsep.join([str(Path(cli).resolve().parent), path])
    if not shutil.which("pulumi-language-python", path=beside):
        return None
    return Path(cli), f"found Pulumi {_dotted(version)} at {cli}"


def _installed(root: Path) -> tuple[Path, str] | None:
    try:
        urllib.request.urlopen(f"https://{INSTALLER_HOST}/", timeout=5).close()
    except urllib.error.HTTPError:
        pass  # it answered: it can be reached
    except OSError:
        return None
    target = root / ".toolchain/installed"
    program = (
        "import semver, sys; from pulumi.automation import PulumiCommand; "
        "PulumiCommand.install(root=sys.argv[1], version=semver.VersionInfo.parse(sys.argv[2]))"
    )
    try:
        done = subprocess.run(
            [str(root / ".venv/bin/python"), "-c", program, str(target), VERSION],
            check=False,
            capture_output=True,
            timeout=INSTALLER_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return None
    cli = target / "bin/pulumi"
    if done.returncode != 0 or not cli.exists():
        return None
    return cli, f"installed Pulumi {VERSION} with Pulumi's own installer"


def _built(root: Path) -> tuple[Path, str] | None:
    go = shutil.which("go")
    if not go:
        return None
    cached = _cache() / _fingerprint() / "pulumi"
    sentence = f"took Pulumi {VERSION} from the cache of an earlier build"
    if not cached.exists():
        sentence = f"built Pulumi {VERSION} from its Go module"
        sentence += f" in {_build(go, cached):.0f} s"
    binaries = root / ".toolchain/bin"
    binaries.mkdir(parents=True, exist_ok=True)
    cli = binaries / "pulumi"
    cli.unlink(missing_ok=True)
    try:
        cli.hardlink_to(cached)
    except OSError:
        shutil.copy2(cached, cli)
    # a language host beside the CLI is taken for the one it was released with, and draws no warning
    host = binaries / "pulumi-language-python"
    host.write_text(LANGUAGE_HOST)
    host.chmod(0o755)
    return cli, sentence


def _build(go: str, target: Path) -> float:
    """Build the CLI of `toolchain/cli/go.mod` into `target`; returns the seconds it took."""
    print(f"setup: building Pulumi {VERSION} with Go (five to ten minutes, once a machine)", flush=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    module = "github.com/pulumi/pulumi"
    # a file, not a pipe: nobody reads while it builds
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryDirectory(dir=target.parent) as room:
        build = subprocess.Popen(
            [go, "build", "-C", str(FOLDER / "cli"), "-mod=readonly", "-trimpath", "-o", str(Path(room, "pulumi"))]
            + [
                "-ldflags",
                f"-s -w -X {module}/sdk/v3/go/common/version.Version={VERSION}",
                f"{module}/pkg/v3/cmd/pulumi",
            ],
            stdout=said,
            stderr=said,
        )
        try:
            while (status := _wait(build, 30)) is None:
                elapsed = time.monotonic() - started
                if elapsed > BUILD_SECONDS:
                    raise CliError(f"building Pulumi took over {BUILD_SECONDS // 60} minutes and was given up.")
                print(f"setup: still building Pulumi, {elapsed:.0f} s", flush=True)
        finally:
            if build.poll() is None:
                build.terminate()
                build.wait()
        if status != 0:
            said.seek(0)
            tail = "\n".join(said.read().splitlines()[-8:])
            raise CliError(
                f"building Pulumi {VERSION} failed. It needs Go 1.25 or newer (`go version`) and a Go module proxy "
                f"(`go env GOPROXY`). Go said:\n{tail}"
            )
        Path(room, "pulumi").replace(target)
    return time.monotonic() - started


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None


def _version(cli: str) -> tuple[int, ...] | None:
    environment = os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "1"}
    try:
        said = subprocess.run(
            [cli, "version"], check=False, capture_output=True, text=True, timeout=60, env=environment
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)", said)
    return tuple(map(int, match.groups())) if match else None


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _fingerprint() -> str:
    """What the CLI is made from: a change of pin, of Go's lock or of how it is wrapped asks for a new one."""
    digest = hashlib.sha256()
    for part in (
        VERSION.encode(),
        LANGUAGE_HOST.encode(),
        *((FOLDER / "cli" / n).read_bytes() for n in ("go.mod", "go.sum")),
    ):
        digest.update(part)
    return digest.hexdigest()[:16]


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "gemini-vertex" / "pulumi"
