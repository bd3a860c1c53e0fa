"""A stack's settings, read by the Pulumi CLI and without running the program."""

import datetime as dt
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from settings import Settings, load

_SECONDS = 120


class StackError(Exception):
    """The stack's configuration cannot be read; the message says why and what to do."""


def read_settings(stack: str, today: dt.date) -> Settings:
    """The settings of `stack`, held to the same rules as at preview. Secrets are held to them too, and not kept.

    Raises:
        StackError: no pulumi, no such stack, or no access to its backend.
        settings.SettingsError: the configuration has mistakes.
    """
    command = ("config", "--json", "--stack", stack)
    values = json.loads(pulumi(*command) or "{}")
    secrets = [key for key, value in values.items() if value.get("secret")]
    if secrets:
        values = json.loads(pulumi(*command, "--show-secrets"))
    return load({key: str(value["value"]) for key, value in values.items()}, stack, os.environ, today, secrets)


@dataclass(frozen=True)
class State:
    """What the stack was at its last update: its outputs, and (type, id) of each resource."""

    outputs: Mapping[str, object] = field(default_factory=dict)
    resources: frozenset[tuple[str, str]] = frozenset()

    def holds(self, kind: str, name: str) -> bool:
        """Whether the stack made a resource of Google's; `kind` is its type without `gcp:`, `name` its id's start."""
        wanted = f"gcp:{kind}"
        return any(type_ == wanted and (id_ == name or id_.startswith(f"{name}:")) for type_, id_ in self.resources)


def read_state(stack: str) -> State:
    """By `pulumi stack export`, which leaves secrets encrypted; empty where it fails, as before a first update."""
    try:
        found = json.loads(pulumi("stack", "export", "--stack", stack)).get("deployment") or {}
    except (StackError, ValueError):
        return State()
    resources = found.get("resources") or []
    outputs = next((each.get("outputs") for each in resources if each.get("type") == "pulumi:pulumi:Stack"), None)
    # a connection's id has its network's slashes escaped
    made = frozenset((each["type"], unquote(each["id"])) for each in resources if each.get("id"))
    return State(outputs or {}, made)


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
