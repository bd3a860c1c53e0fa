"""Requests and replicas over time, in steps of five seconds of the sandbox's clock, for an hour."""

import re
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sandbox.core import Sandbox
from sandbox.errors import Json
from sandbox.services.aiplatform import replicas
from sandbox.services.aiplatform.names import ENDPOINT

WINDOWS = (300, 900, 3600)
_STEP = 5
_BARS = 60
_KEPT = WINDOWS[-1] // _STEP + 1
_SAMPLE_SECONDS = 0.5
_HEADER = "x-vertex-ai-deployed-model-id"
_ASKED = re.compile(r"(?:rawP|streamRawP|serverStreamingP|directP|p)redict|generateContent|streamGenerateContent|chat")
_ENDPOINT = re.compile(r"locations/([^/]+)/endpoints/([^/:]+)")
_PEERED = re.compile(r"/hosts/([^/.]+)\.aiplatform\.googleapis\.com/")
_MANAGED = re.compile(r"publishers/google/models/([^/:]+)")


@dataclass(slots=True)
class Step:
    """Five seconds: answers and refusals by who gave them, and the replicas as they last were."""

    served: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    replicas: dict[str, int] = field(default_factory=dict)


class History:
    """What the charts show. Keys are "location/endpoint" for refusals, "location/endpoint/deployed model" for answers
    and replicas, and "publishers/google/models/ID" for both of a managed model.
    """

    def __init__(self) -> None:
        self.id = secrets.token_hex(4)
        self.total = Step()
        self._steps: dict[int, Step] = {}
        self._sampled = 0.0

    def step(self, now: float) -> Step:
        """The step of a moment; what is too old to be shown goes."""
        number = int(now // _STEP)
        if number not in self._steps:
            self._steps[number] = Step()
            for old in [each for each in self._steps if each <= number - _KEPT]:
                del self._steps[old]
        return self._steps[number]

    def sample(self, sandbox: Sandbox) -> None:
        """Notes how many replicas each deployed model has now, at most twice a second of real time."""
        if time.monotonic() - self._sampled < _SAMPLE_SECONDS:
            return
        self._sampled = time.monotonic()
        found = self.step(sandbox.clock.now()).replicas
        for endpoint in sandbox.store.list(ENDPOINT).values():
            for model in replicas.with_status(sandbox, endpoint).get("deployedModels", []):
                found[f"{key_of(endpoint['name'])}/{model['id']}"] = replicas_of(model)

    def shown(self, now: float, window: int) -> Json:
        """The last `window` seconds in sixty bars: {start, step, served, refused, replicas}, each by key."""
        width = window // _BARS // _STEP
        last = int(now // _STEP) // width
        bars: Json = {"start": (last - _BARS + 1) * width * _STEP, "step": width * _STEP}
        series: dict[str, dict[str, list[Any]]] = {"served": {}, "refused": {}, "replicas": {}}
        for number, step in sorted(self._steps.items()):
            bar = number // width - last + _BARS - 1
            if bar >= _BARS:  # The clock has gone back since.
                continue
            for kind, counted in (("served", step.served), ("refused", step.refused)):
                for key, count in counted.items() if bar >= 0 else ():
                    series[kind].setdefault(key, [0] * _BARS)[bar] += count
            for key, count in step.replicas.items():
                # Known from here on, until another number is.
                line = series["replicas"].setdefault(key, [None] * _BARS)
                line[max(bar, 0) :] = [count] * (_BARS - max(bar, 0))
        return bars | series


def of(sandbox: Sandbox) -> History:
    """The sandbox's history; a reset begins a new one."""
    found: History | None = sandbox.memory.get("console")
    if found is None:
        found = sandbox.memory["console"] = History()
    return found


def key_of(name: str) -> str:
    """ "us-central1/77" of projects/123/locations/us-central1/endpoints/77."""
    found = _ENDPOINT.search(name)
    return f"{found.group(1)}/{found.group(2)}" if found else name


def replicas_of(deployed: Json) -> int:
    """The replicas of a deployed model as replicas.with_status shows it; Google runs those without a machine."""
    return int(deployed.get("status", {}).get("availableReplicaCount", 0))


def observe(sandbox: Sandbox, entry: Json, status: int, headers: Any) -> None:
    """Counts one call that has been answered; everything but predictions only has the replicas looked at.

    Args:
        sandbox: the sandbox.
        entry: the call as it is recorded.
        status: the answer's HTTP status.
        headers: the answer's headers, which say which deployed model gave it.
    """
    if entry["service"] != "aiplatform":
        return
    history = of(sandbox)
    history.sample(sandbox)
    if not _ASKED.match(entry["method"].rpartition("endpoints.")[2]) and not _MANAGED.search(entry["path"]):
        return
    who = _asked(sandbox, entry["path"])
    if not who:
        return
    for step in (history.step(sandbox.clock.now()), history.total):
        if status >= 400:
            step.refused[who] += 1
        else:
            step.served[f"{who}/{headers[_HEADER]}" if _HEADER in headers else who] += 1


def _asked(sandbox: Sandbox, path: str) -> str:
    found = _ENDPOINT.search(path)
    if found:
        return f"{found.group(1)}/{found.group(2)}"
    managed, peered = _MANAGED.search(path), _PEERED.match(path)
    if managed:
        return managed.group(0)
    names = sandbox.store.list(ENDPOINT) if peered else {}
    return next((key_of(name) for name in names if peered and name.endswith(f"/{peered.group(1)}")), "")
