"""Calls as Terraform's google provider makes them, written down from its source as data, and sent to a sandbox.

A file of `terraform/calls/` says from which of the provider's files (`sources`) its `calls` were written, whose they
are (`types`, by Pulumi's tokens), which APIs they need (`enable`), and the variable that leads the provider to the
service (`endpoint`). A call has a method and a path (`call`), a `body`, the `status` to expect (200), what the provider
reads of the answer (`answer`: "*" is any value but an empty one, fields that are not named may be there; `absent`),
what later calls take from it (`keep`, by a dotted path; `numbers` keeps a string as the number that the provider makes
of it) and the one of `operations` to `wait` for. `$name` stands for a kept value, `$project` and `$number` for the
project's id and number.
"""

import time
from pathlib import Path
from string import Template
from typing import Any

import requests
import yaml

from sandbox.core import PROJECT_NUMBER
from sandbox.testing import SandboxHandle

__all__ = ["Caller", "differences", "read_calls"]

Json = dict[str, Any]
_POLLS = 200


def read_calls(path: Path) -> Json:
    """One file of calls."""
    found: Json = yaml.safe_load(path.read_text())
    return found


def differences(expected: Any, found: Any, where: str = "") -> list[str]:
    """Where `found` lacks what `expected` asks for."""
    if expected == "*":
        return [] if found not in (None, "", [], {}) else [f"{where} is {found!r}, not a value"]
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            each for key, value in expected.items() for each in differences(value, found.get(key), f"{where}.{key}")
        ]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return [each for index, (one, other) in pairs for each in differences(one, other, f"{where}[{index}]")]
    if expected == [] and found is None:  # Go code sees no difference
        return []
    return [] if expected == found else [f"{where} is {found!r}, not {expected!r}"]


class Caller:
    """Sends the calls of one file in turn."""

    def __init__(self, sandbox: SandboxHandle, calls: Json) -> None:
        self.sandbox = sandbox
        self.calls = calls
        self.kept: Json = {"project": sandbox.project, "number": PROJECT_NUMBER}

    def send(self, call: Json) -> None:
        """Sends one call, checks its answer, and waits for its operation. AssertionError says what is not as needed."""
        answer = self._ask(call, self.kept)
        self.kept |= {name: _at(answer, path) for name, path in call.get("keep", {}).items()}
        self.kept |= {name: int(answer[field]) for name, field in call.get("numbers", {}).items()}
        if "wait" in call:
            self._wait(self.calls["operations"][call["wait"]], answer)

    def _wait(self, operation: Json, answer: Json) -> None:
        assert differences(operation["answer"], answer) == []
        for _ in range(_POLLS):
            current = self._ask(operation, {**self.kept, **{"operation": answer[operation["named"]]}})
            if not differences(operation["until"], current):
                assert not current.get("error"), current
                return
            time.sleep(0.01)
        raise AssertionError(f"after {_POLLS} polls the operation is not done: {current}")

    def _ask(self, call: Json, values: Json) -> Json:
        method, _, path = _filled(call["call"], values).partition(" ")
        base = self.sandbox.env[str(call.get("endpoint", self.calls["endpoint"]))]
        answer = requests.request(
            method,
            f"{base}{path}{'&' if '?' in path else '?'}alt=json",
            json=_filled(call["body"], values) if "body" in call else None,
            headers={**self.sandbox.headers, "Content-Type": "application/json"},
            timeout=30,
        )
        said = f"{method} {path}: {answer.status_code} {answer.text}"
        assert answer.status_code == call.get("status", 200), said
        found: Json = answer.json() if answer.text else {}
        wrong = differences(_filled(call.get("answer", {}), values), found)
        wrong += [f".{field} is there" for field in call.get("absent", []) if field in found]
        assert not wrong, f"{wrong} in {said}"
        return found


def _at(answer: Json, path: str) -> Any:
    found: Any = answer
    for field in path.split("."):
        found = found[field]
    return found


def _filled(value: Any, values: Json) -> Any:
    if isinstance(value, dict):
        return {key: _filled(each, values) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, values) for each in value]
    if not isinstance(value, str):
        return value
    whole = value.removeprefix("$")
    return values[whole] if value.startswith("$") and whole in values else Template(value).substitute(values)
