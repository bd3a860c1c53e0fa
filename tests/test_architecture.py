"""Imports go one way, as docs/architecture.md draws them."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PARTS = {
    path.stem if path.is_file() else path.name
    for path in (*ROOT.glob("*.py"), *ROOT.iterdir())
    if path.suffix == ".py" or (path.is_dir() and (path / "__init__.py").exists())
} - {"__main__"}

MAY_IMPORT = {
    "model_catalogue": set(),
    "settings": {"model_catalogue"},
    "pricing": set(),
    "components": {"vertex_serving", "permissions", "refusals"},
    "gemini_client": set(),
    "vertex_serving": set(),
    "sandbox": set(),
    "toolchain": set(),
    "permissions": set(),
    "refusals": {"permissions"},
    "preflight": {"settings", "pricing", "model_catalogue", "permissions"},
    "scripts": {"gemini_client", "model_catalogue", "permissions", "preflight", "pricing", "refusals", "settings"},
    "bench": {"sandbox", "scripts"},
    "policy": {"model_catalogue"},
}


def imported(file: Path) -> set[str]:
    """The parts of this repository that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names} & PARTS


def test_every_part_has_its_rule() -> None:
    """A new part must say what it may import."""
    assert PARTS - {"tests"} == set(MAY_IMPORT)


@pytest.mark.parametrize("part", sorted(MAY_IMPORT))
def test_imports_go_one_way(part: str) -> None:
    """No file imports a part that its own part may not."""
    files = [ROOT / f"{part}.py"] if (ROOT / f"{part}.py").exists() else list((ROOT / part).rglob("*.py"))
    assert files
    wrong = {str(file.relative_to(ROOT)): imported(file) - MAY_IMPORT[part] - {part} for file in files}
    assert not {file: names for file, names in wrong.items() if names}


def test_components_read_no_config_and_print_nothing() -> None:
    """They are a library for any program."""
    for file in (ROOT / "components").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in {"print", "pulumi.Config", "Config"}, f"{file.name}:{node.lineno} calls {called}"


def test_files_can_be_read_at_one_sitting() -> None:
    """No Python file is over 400 lines."""
    files = [file for part in (*MAY_IMPORT, "tests") for file in (ROOT / part).rglob("*.py")]
    long = {str(file.relative_to(ROOT)): count for file in files if (count := len(file.read_text().splitlines())) > 400}
    assert not long
