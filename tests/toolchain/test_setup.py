"""`make setup`: the environment follows the lock."""

import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from toolchain import setup

MAKE = "from toolchain import setup; print(setup._virtual_environment())"


def test_a_changed_lock_makes_the_environment_anew_with_its_own_python(tmp_path: Path) -> None:
    """The Makefile puts .venv/bin first on PATH, so the Python that runs setup is the one that setup removes."""
    copy_of_the_toolchain(tmp_path)
    lock, python = tmp_path / "requirements.txt", tmp_path / ".venv/bin/python3"
    lock.write_text("# nothing\n")
    for interpreter, said in ((Path(sys.executable), "made .venv"), (python, "None")):
        assert said in run(interpreter, tmp_path)
    lock.write_text("# nothing, said otherwise\n")
    assert "made .venv" in run(python, tmp_path)
    assert run(python, tmp_path).strip() == "None"


def test_a_lock_installs_though_the_index_has_a_newer_version_by_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip alone would look for `base[extra]` anew, find 1.1, and refuse it for want of a hash."""
    copy_of_the_toolchain(tmp_path)
    index = tmp_path / "index"
    index.mkdir()
    locked = [wheel(index, "base", "1.0"), wheel(index, "app", "1.0", "Requires-Dist: base[extra]<2\n")]
    wheel(index, "base", "1.1")
    (tmp_path / "requirements.txt").write_text("".join(locked))
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index)}.items():
        monkeypatch.setenv(name, value)
    run(Path(sys.executable), tmp_path)
    assert (tmp_path / ".venv/lib" / f"python3.{sys.version_info.minor}" / "site-packages/base-1.0.dist-info").is_dir()


def wheel(folder: Path, name: str, version: str, more: str = "") -> str:
    """Write an empty package with an extra into the folder. Returns its line in a lock."""
    path, info = folder / f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nProvides-Extra: extra\n{more}"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{info}/METADATA", about)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def copy_of_the_toolchain(folder: Path) -> None:
    """What `make setup` runs, in a folder whose lock is the test's."""
    shutil.copytree(Path(setup.__file__).parent, folder / "toolchain", ignore=shutil.ignore_patterns("__pycache__"))


def run(python: Path, folder: Path) -> str:
    """What setup says when this Python runs it."""
    done = subprocess.run([python, "-c", MAKE], check=False, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
