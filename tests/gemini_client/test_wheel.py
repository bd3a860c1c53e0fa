"""The client as a distribution of its own: a wheel with nothing else in it, and with all that it imports declared."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by uv, which has the backend that pyproject.toml names in it, and so needs no network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = ["uv", "build", "--wheel", "--offline", "--no-config", "--python", sys.executable]
    places = ["--cache-dir", str(folder / "cache"), "--out-dir", str(folder)]
    done = subprocess.run([*command, *places, str(ROOT)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (made,) = folder.glob("*.whl")
    return made


def metadata(wheel: Path) -> tuple[str, list[str], list[str]]:
    """Required Python, requirements, and extras."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA")]
        found = Parser().parsestr(archive.read(name).decode())
    return found["Requires-Python"], found.get_all("Requires-Dist", []), found.get_all("Provides-Extra", [])


def test_the_wheel_has_the_client_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    files = {name for name in names if ".dist-info/" not in name and not name.endswith("/")}
    package = ROOT / "gemini_client"
    there = {path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert files == {path.relative_to(ROOT).as_posix() for path in there}
    assert "gemini_client/py.typed" in files


def test_all_that_is_imported_is_declared(wheel: Path) -> None:
    """By name of the distribution; `google` is shared by several, so its modules are taken two deep."""
    python, requirements, extras = metadata(wheel)
    assert (python, extras) == (">=3.11", ["telemetry"])
    declared = {re.split(r"[^a-z-]", each)[0] for each in requirements if "extra ==" not in each}
    of = {
        **importlib.metadata.packages_distributions(),
        "google.auth": ["google-auth"],
        "google.oauth2": ["google-auth"],
    }
    of["google.genai"] = ["google-genai"]
    imported = set()
    for path in (ROOT / "gemini_client").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [f"google.{alias.name}" for alias in node.names] if node.module == "google" else [node.module]
            for name in names:
                parts = name.split(".")
                top = ".".join(parts[:2]) if parts[0] == "google" else parts[0]
                if top not in sys.stdlib_module_names and top != "gemini_client":
                    imported.add(of[top][0])
    assert imported == declared


def test_the_wheel_is_imported_without_the_repository(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import gemini_client; print(gemini_client.__file__)"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == str(tmp_path / "gemini_client/__init__.py"), done.stderr


def test_the_backend_is_that_of_the_uv_that_is_locked() -> None:
    """Else a build in a clean environment would take another one than these tests do."""
    (backend,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    least, below = re.findall(r"\d+\.\d+", backend)
    version = importlib.metadata.version("uv")
    major, minor = version.split(".")[:2]
    assert (least, below) == (f"{major}.{minor}", f"{major}.{int(minor) + 1}")
