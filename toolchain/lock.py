"""Installs a hashed lock into an environment. Standard library only: `make setup` uses it before anything is there."""

from pathlib import Path


def pip_install(python: Path, lock: Path) -> list[str]:
    """The command by which this environment's pip installs all that the lock names, and nothing else.

    `--no-deps`, because a lock is already resolved: pip would resolve it again, and then stops where a package asks for
    an extra of another (`google-auth[pyopenssl]`) of which the index has a newer version than the lock.
    """
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
    return [*pip, "--no-deps", "--require-hashes", "--requirement", str(lock)]
