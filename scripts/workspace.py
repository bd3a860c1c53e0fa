"""A copy of the program to try things in: its own stack settings and state, the same code.

Whoever runs the demo, the benchmarks or the engine's tests must find Pulumi.dev.yaml and Pulumi.prod.yaml as they
left them, yet `pulumi config set` and `pulumi stack init` write there. So the code is linked and the settings copied.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml", "Pulumi.managed.yaml")
OWN = (*COPIED, ".git", ".sandbox", "k8s")
"""What a workspace has of its own, or not at all; everything else of the repository is linked."""

SANDBOX_SETTINGS = {
    "gemini-vertex:kubernetes.context": "sandbox",
    "gemini-vertex:kubernetes.createNamespace": "true",
    "gemini-vertex:protect": "false",
    "vertex-serving:allowBaseGemini": "true",
}
"""What a stack needs, beyond its file, to come up whole in a sandbox of the article's profile, and to go again."""


class PulumiError(Exception):
    """A Pulumi command ended with a status other than 0; `output` holds what it printed, where it was captured."""

    def __init__(self, command: list[str], output: str) -> None:
        super().__init__(f"`{' '.join(command)}` failed.\n{output}".rstrip())
        self.output = output


class Workspace:
    """The program in a folder of its own, with one stack selected by name in each command.

    Args:
        folder: where to make it; made if missing, its earlier content of the same names replaced.
        stack: the stack's name, `prod` or `dev` to start from that file's settings.
        environment: environment of the commands; this process's own by default.
        root: the tree whose program it is; this one by default.
    """

    def __init__(self, folder: Path, stack: str, environment: dict[str, str] | None = None, root: Path = ROOT) -> None:
        self.folder, self.stack, self.environment = folder, stack, environment
        folder.mkdir(parents=True, exist_ok=True)
        for entry in root.iterdir():
            if entry.name not in OWN:
                link = folder / entry.name
                link.unlink(missing_ok=True)
                link.symlink_to(entry)
        for name in COPIED:
            if (root / name).exists():
                (folder / name).write_text((root / name).read_text())

    def pulumi(self, *arguments: str, show: bool = False, check: bool = True) -> str:
        """Run a Pulumi command on the stack.

        Args:
            arguments: the command and its flags, without `--stack`.
            show: let it print, instead of returning what it prints.
            check: whether a failure is an error.

        Returns:
            Standard output and standard error together; empty with `show`.

        Raises:
            PulumiError: it failed and `check` is set.
        """
        command = ["pulumi", *arguments, "--stack", self.stack]
        sys.stdout.flush()
        done = subprocess.run(
            [*command, "--non-interactive"],
            check=False,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=None if show else subprocess.PIPE,
            stderr=None if show else subprocess.STDOUT,
            text=True,
        )
        if check and done.returncode != 0:
            raise PulumiError(command, done.stdout or "")
        return done.stdout or ""

    def init(self, settings: dict[str, str] | None = None) -> None:
        """Make the stack, and set config values by their paths."""
        command = ["pulumi", "stack", "init", self.stack, "--non-interactive"]
        done = subprocess.run(
            command, check=False, cwd=self.folder, env=self.environment, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise PulumiError(command, done.stdout + done.stderr)
        for path, value in (settings or {}).items():
            self.set(path, value)

    def set(self, path: str, value: str) -> None:
        """Set one config value by its path, for instance `gemini-vertex:models[0].traffic`."""
        self.pulumi("config", "set", "--path", path, value)

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs."""
        found: dict[str, Any] = json.loads(self.pulumi("stack", "output", "--json"))
        return found
