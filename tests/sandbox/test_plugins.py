"""`sandbox run --plugins real|stand-in|auto`: which plugins the command's Pulumi gets."""

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHOW = "import json, os; print(json.dumps(dict(os.environ)))"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A user's home with a `pulumi` first on PATH that installs nothing and says what it was asked."""
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "pulumi"
    program.write_text('#!/bin/sh\necho "$@" >> "$HOME/asked"\necho "error: no network here" >&2\nexit 255\n')
    program.chmod(0o755)
    return tmp_path


def keep(home: Path, name: str, version: str = "") -> Path:
    """Puts a plugin where the user's Pulumi keeps those that it has installed."""
    version = version or importlib.metadata.version(f"pulumi-{name}")
    program = home / ".pulumi" / "plugins" / f"resource-{name}-v{version}" / f"pulumi-resource-{name}"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": f"{home / 'bin'}{os.pathsep}{os.defpath}", "HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "sandbox", "run", *arguments, "--", sys.executable, "-c", SHOW]
    return subprocess.run(command, cwd=home, env=env, capture_output=True, text=True, timeout=60, check=False)


def attached(done: subprocess.CompletedProcess[str]) -> set[str]:
    """The stand-ins that the command was given."""
    assert done.returncode == 0, done.stderr
    named = json.loads(done.stdout).get("PULUMI_DEBUG_PROVIDERS", "")
    return {part.partition(":")[0] for part in named.split(",") if part}


@pytest.mark.parametrize(
    ("kept", "arguments", "stand_ins"),
    [
        ((), (), {"gcp", "kubernetes"}),
        (("gcp", "kubernetes"), (), set()),
        (("gcp",), ("--plugins", "auto"), {"kubernetes"}),
        (("kubernetes",), (), {"gcp"}),
        (("gcp", "kubernetes"), ("--plugins", "stand-in"), {"gcp", "kubernetes"}),
        (("gcp", "kubernetes"), ("--plugins", "real"), set()),
    ],
)
def test_the_real_plugins_are_taken_where_asked_for_or_installed(
    home: Path, kept: tuple[str, ...], arguments: tuple[str, ...], stand_ins: set[str]
) -> None:
    """auto, the default, takes the real ones that are installed; stand-in and real take what they say."""
    for name in kept:
        keep(home, name)
    assert attached(run(home, *arguments)) == stand_ins
    assert not (home / "asked").exists()


def test_a_plugin_of_another_version_than_the_program_s_is_not_taken(home: Path) -> None:
    """Pulumi would look for the program's own version and fail."""
    keep(home, "gcp", "1.0.0")
    assert attached(run(home)) == {"gcp", "kubernetes"}


def test_a_plugin_on_path_is_taken(home: Path) -> None:
    """As Pulumi takes it."""
    program = home / "bin" / "pulumi-resource-gcp"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert attached(run(home)) == {"kubernetes"}


def test_real_plugins_are_led_to_the_sandbox_and_found_in_the_user_s_own_folder(home: Path) -> None:
    """The addresses, token and kubeconfig are there, and the sandbox's Pulumi sees the installed plugin."""
    program = keep(home, "gcp")
    keep(home, "kubernetes")
    script = (
        "import os, pathlib; p = pathlib.Path(os.environ['PULUMI_HOME'], 'plugins');"
        "print(sorted(each.name for each in p.iterdir()), os.environ['GOOGLE_VERTEX_AI_CUSTOM_ENDPOINT'],"
        " os.environ['SANDBOX_URL'], os.environ['PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION'])"
    )
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "sandbox", "run", "--", sys.executable, "-c", script]
    done = subprocess.run(command, cwd=home, env=env, capture_output=True, text=True, timeout=60, check=True)
    assert program.parent.name in done.stdout
    _, _, address = done.stdout.partition("] ")
    endpoint, url, acquisition = address.split()
    assert endpoint == f"{url}/aiplatform/v1/"
    assert acquisition == "false"
    assert program.exists(), "the user's own plugin was removed with the sandbox's folder"


def test_a_real_plugin_that_cannot_be_installed_is_named(home: Path) -> None:
    """--plugins real has Pulumi install what is missing, and says what to do where that fails."""
    from sandbox import plugins

    variables = {"PULUMI_HOME": str(home / "sandbox"), "PATH": f"{home / 'bin'}{os.pathsep}{os.defpath}"}
    env = {"PULUMI_HOME": str(home / ".pulumi"), "HOME": str(home), "PATH": variables["PATH"]}
    version = importlib.metadata.version("pulumi-gcp")
    with pytest.raises(plugins.PluginError, match=r"error: no network here.*--plugins stand-in"):
        plugins.attach("real", variables, env)
    assert (home / "asked").read_text() == f"plugin install resource gcp {version}\n"


def test_attaching_to_a_running_sandbox_leaves_its_plugins(home: Path) -> None:
    """Which plugins there are is said where the sandbox is started."""
    done = run(home, "--attach", "--plugins", "real")
    assert done.returncode == 2
    assert "leave out --profile, --deploy-seconds, --plugins" in done.stderr
