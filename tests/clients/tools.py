"""Runs the real command line tools; one that is not installed skips the test by its name."""

import json
import shlex
import shutil
import subprocess
from typing import Any

import pytest

from sandbox.testing import SandboxHandle


class RefusedError(AssertionError):
    """The tool ended with a status other than 0; `stderr` is what it said."""

    def __init__(self, command: list[str], done: "subprocess.CompletedProcess[str]") -> None:
        super().__init__(f"{shlex.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
        self.stderr = done.stderr


class Tool:
    """A tool in a sandbox's environment, and nothing else of the sandbox's.

    Args:
        name: the program, e.g. "gcloud".
        sandbox: where it is led to.
    """

    def __init__(self, name: str, sandbox: SandboxHandle) -> None:
        if not shutil.which(name):
            pytest.skip(f"{name} is not installed")
        self.name, self.sandbox = name, sandbox

    def run(self, *arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
        """One command, whatever becomes of it; `given` is its standard input."""
        command = [self.name, *arguments]
        return subprocess.run(
            command,
            check=False,
            env=self.sandbox.environ(),
            input=given,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def __call__(self, line: str, given: str = "") -> str:
        """One command as a shell would split it; returns its standard output. RefusedError where it fails."""
        arguments = shlex.split(line)
        done = self.run(*arguments, given=given)
        if done.returncode != 0:
            raise RefusedError([self.name, *arguments], done)
        return done.stdout

    def json(self, line: str, given: str = "") -> Any:
        """The same with what it prints parsed, `--format=json` added for gcloud and `-o json` for kubectl."""
        wanted = "--format=json" if self.name == "gcloud" else "-o json"
        return json.loads(self(f"{line} {wanted}", given))

    def refused(self, line: str, given: str = "") -> str:
        """What it says on standard error when it fails; AssertionError when it does not."""
        try:
            printed = self(line, given)
        except RefusedError as error:
            return error.stderr
        raise AssertionError(f"{self.name} {line} was not refused: {printed}")
