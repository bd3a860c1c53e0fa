"""A stack's settings, read by the Pulumi CLI and without running the program."""

import datetime as dt
import json
import os
import subprocess
from collections.abc import Mapping

from settings import Settings, load

_SECONDS = 120
SECRET = "[secret]"  # noqa: S105 - stands for a secret's value, which is not looked at


class StackError(Exception):
    """The stack's configuration cannot be read; the message says why and what to do."""


def read_settings(stack: str, today: dt.date) -> Settings:
    """The settings of `stack`, held to the same rules as at preview; secrets are not decrypted.

    Raises:
        StackError: no pulumi, no such stack, or no access to its backend.
        settings.SettingsError: the configuration has mistakes.
    """
    values = json.loads(pulumi("config", "--json", "--stack", stack) or "{}")
    return load({key: _text(value) for key, value in values.items()}, stack, os.environ, today)


def _text(value: Mapping[str, object]) -> str:
    return str(value["value"]) if "value" in value else SECRET


def read_outputs(stack: str) -> str:
    """What `pulumi stack output --json` prints; "" where it fails, as before a first update."""
    try:
        return pulumi("stack", "output", "--json", "--stack", stack)
    except StackError:
        return ""


def pulumi(*arguments: str) -> str:
    """One command's standard output. Raises StackError in a sentence where it fails."""
    command = ["pulumi", *arguments, "--non-interactive"]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=_SECONDS, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        raise StackError("pulumi is not on PATH: `source .venv/bin/activate` after `make setup`.") from None
    except subprocess.TimeoutExpired:
        raise StackError(f"`{' '.join(command)}` gave no answer in {_SECONDS} s: is the backend in reach?") from None
    if done.returncode != 0:
        said = done.stderr.strip().removeprefix("error: ") or f"status {done.returncode}"
        raise StackError(f"`{' '.join(command)}` failed: {said}")
    return done.stdout
