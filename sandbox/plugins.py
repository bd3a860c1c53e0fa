"""Which Pulumi plugins a command gets for gcp and kubernetes: the real ones, or the sandbox's stand-ins.

The real ones are led to the sandbox by what `environment` sets anyway: Google's custom endpoints, an access token and
a kubeconfig. The stand-ins are attached through PULUMI_DEBUG_PROVIDERS.
"""

import importlib.metadata
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from sandbox.environment import attach_plugins, over

Choice = Literal["auto", "real", "stand-in"]
CHOICES: tuple[Choice, ...] = ("auto", "real", "stand-in")
NAMES = ("gcp", "kubernetes")
_ATTACHED = "PULUMI_DEBUG_PROVIDERS"


class PluginError(Exception):
    """A real plugin was asked for and is not to be had; a sentence for whoever typed the command."""


def attach(choice: Choice, variables: dict[str, str], environ: Mapping[str, str] = os.environ) -> Callable[[], None]:
    """Adds what leads Pulumi to its plugins to `variables`, and returns what stops the stand-ins.

    Args:
        choice: "stand-in"; "real", installing what the CLI lacks; "auto" takes those that the CLI has.
        variables: what `environment` made.
        environ: the caller's environment, which says where the CLI keeps its plugins.

    Raises:
        PluginError: a real plugin could not be installed.
    """
    kept = Path(environ.get("PULUMI_HOME") or Path.home() / ".pulumi") / "plugins"
    have = [name for name in NAMES if installed(name, kept, environ.get("PATH", os.defpath))]
    real = {"stand-in": [], "real": list(NAMES), "auto": have}[choice]
    if real:
        _share(kept, Path(variables["PULUMI_HOME"]) / "plugins")
        variables["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "false"
        for name in real:
            if name not in have:
                _install(name, over(environ, variables))
    if len(real) == len(NAMES):
        return lambda: None
    stop = attach_plugins(variables)
    attached = variables[_ATTACHED].split(",")
    variables[_ATTACHED] = ",".join(each for each in attached if each.partition(":")[0] not in real)
    return stop


def installed(name: str, plugins: Path, path: str) -> bool:
    """Whether the CLI has the plugin: on PATH, or kept in the version that the installed Python package asks for."""
    program = f"pulumi-resource-{name}"
    version = _wanted(name)
    folders = [plugins / f"resource-{name}-v{version}"] if version else plugins.glob(f"resource-{name}-v*")
    return bool(shutil.which(program, path=path)) or any((folder / program).exists() for folder in folders)


def _wanted(name: str) -> str:
    """The version of the plugin that a program of this environment asks for, "" where none does."""
    try:
        return importlib.metadata.version(f"pulumi-{name}")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _share(kept: Path, link: Path) -> None:
    """Lets the sandbox's Pulumi use, and add to, the plugins that the user's own has: each is up to 200 MB."""
    kept.mkdir(parents=True, exist_ok=True)
    if not link.exists():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(kept, target_is_directory=True)


def _install(name: str, env: dict[str, str]) -> None:
    command = ["pulumi", "plugin", "install", "resource", name, *filter(None, [_wanted(name)])]
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    except OSError as error:
        raise PluginError(f"Cannot run pulumi to install the {name} plugin: {error.strerror}.") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        raise PluginError(
            f"The real {name} plugin is not to be had (`{' '.join(command)}`: {said[-1]}): use --plugins stand-in, or"
            " auto, which takes a real one only where it is installed."
        )
