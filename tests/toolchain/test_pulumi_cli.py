"""Which Pulumi CLI a checkout gets."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from toolchain import pulumi_cli

Tool = Callable[[str, str], Path]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with an environment."""
    root = tmp_path / "checkout"
    (root / ".venv/bin").mkdir(parents=True)
    return root


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """Makes a program on an otherwise empty PATH that prints one line; the installer's host is out of reach."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(pulumi_cli, "INSTALLER_HOST", "127.0.0.1:1")

    def make(name: str, says: str) -> Path:
        program = folder / name
        program.write_text(f"#!/bin/sh\necho '{says}'\n")
        program.chmod(0o755)
        return program

    return make


def cached_build(tmp_path: Path) -> Path:
    """What an earlier build left in the cache."""
    cached = tmp_path / "cache/gemini-vertex/pulumi" / pulumi_cli._fingerprint() / "pulumi"
    cached.parent.mkdir(parents=True)
    cached.write_text("#!/bin/sh\n")
    return cached


def test_a_new_enough_cli_on_path_is_taken(checkout: Path, tool: Tool) -> None:
    """A CLI with its language host is linked, and the sentence says that it was found."""
    found = tool("pulumi", "v3.300.1")
    tool("pulumi-language-python", "")

    assert pulumi_cli.provide(checkout) == f"found Pulumi 3.300.1 at {found}"
    assert (checkout / ".venv/bin/pulumi").resolve() == found


def test_the_second_time_there_is_nothing_to_do(checkout: Path, tool: Tool) -> None:
    """A provided CLI is left alone."""
    tool("pulumi", "v3.300.1")
    tool("pulumi-language-python", "")
    pulumi_cli.provide(checkout)

    assert pulumi_cli.provide(checkout) is None


def test_another_pin_provides_again(checkout: Path, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout that moved to another version does not keep the old CLI."""
    tool("pulumi", "v3.300.1")
    tool("pulumi-language-python", "")
    pulumi_cli.provide(checkout)
    monkeypatch.setattr(pulumi_cli, "VERSION", "3.999.0")

    assert pulumi_cli.provide(checkout) is not None


@pytest.mark.parametrize(
    ("version", "with_host"), [("v3.100.0", True), ("v3.300.1", False), ("no version at all", True)]
)
def test_an_old_or_incomplete_cli_is_passed_over(
    checkout: Path, tool: Tool, tmp_path: Path, version: str, with_host: bool
) -> None:
    """Too old, without a language host, or no CLI at all: then an earlier build is used."""
    tool("pulumi", version)
    if with_host:
        tool("pulumi-language-python", "")
    tool("go", "")
    cached_build(tmp_path)

    assert pulumi_cli.provide(checkout) == f"took Pulumi {pulumi_cli.VERSION} from the cache of an earlier build"


def test_a_build_has_its_language_host_beside_it(checkout: Path, tool: Tool, tmp_path: Path) -> None:
    """Beside the CLI, where the engine takes it for its own and does not warn."""
    tool("go", "")
    cached_build(tmp_path)

    pulumi_cli.provide(checkout)

    beside = (checkout / ".venv/bin/pulumi").resolve().parent
    assert os.access(beside / "pulumi-language-python", os.X_OK)


def test_with_nothing_to_be_had_the_ways_are_named(checkout: Path, tool: Tool) -> None:
    """No CLI, no installer, no Go: one sentence says how to get either."""
    with pytest.raises(pulumi_cli.CliError, match=r"install Pulumi .* or install Go") as error:
        pulumi_cli.provide(checkout)
    assert "\n" not in str(error.value)


def test_a_failed_build_says_what_go_said(checkout: Path, tool: Tool) -> None:
    """Go's own last words are in the error."""
    go = tool("go", "")
    go.write_text("#!/bin/sh\necho 'go: module lookup disabled' >&2\nexit 1\n")

    with pytest.raises(pulumi_cli.CliError, match="module lookup disabled"):
        pulumi_cli.provide(checkout)
    assert not (checkout / ".venv/bin/pulumi").exists()


def test_the_module_is_of_the_pinned_version() -> None:
    """go.mod, from which the CLI is built, names the version that is reported."""
    module = (pulumi_cli.FOLDER / "cli/go.mod").read_text()
    assert f"github.com/pulumi/pulumi/pkg/v3 v{pulumi_cli.VERSION}" in module
    assert f"github.com/pulumi/pulumi/sdk/v3 v{pulumi_cli.VERSION}" in module
