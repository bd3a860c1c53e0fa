"""A sandbox that a stack could go up in, and the checks against it."""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from preflight.finding import Finding
from preflight.google import Google
from preflight.stack import State
from sandbox.identity import token_for
from sandbox.testing import SandboxHandle, running_sandbox
from scripts import preflight
from settings import Settings
from tests.unit.configurations import prod, read

TODAY = dt.date(2026, 11, 24)
APIS = ("aiplatform", "compute", "container", "iam", "iamcredentials", "accesscontextmanager", "networkconnectivity")
Examine = Callable[..., preflight.Report]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxHandle]:
    """A new sandbox with the stack's APIs enabled; this process's environment leads to it."""
    with running_sandbox(deploy_seconds=0, enabled=APIS) as running:
        for name, value in running.env.items():
            monkeypatch.setenv(name, value)
        yield running


def settings(**changes: Any) -> Settings:
    """A prod stack whose two models exist in the sandbox, with a perimeter."""
    models = [
        {"name": "first", "model": "gemma-3-4b", "traffic": 95, "machineType": "n1-standard-4"}
        | {"minReplicaCount": 2, "maxReplicaCount": 20},
        {
            "name": "second",
            "model": "own-assistant",
            "traffic": 5,
            "machineType": "n1-standard-8",
            "maxReplicaCount": 5,
        },
    ]
    config = prod(**{"models": models, "perimeter": {"mode": "dry-run"}, **changes})
    config["gcp:project"] = "sandbox-project"
    return read(config)


@pytest.fixture
def examine(cloud: SandboxHandle, monkeypatch: pytest.MonkeyPatch) -> Examine:
    """Every check, with `caller` for another caller than the deployer, what the state holds, and config changes."""

    def run(
        caller: str = "", stack: Settings | None = None, made: tuple[tuple[str, str], ...] = (), **changes: Any
    ) -> preflight.Report:
        if caller:
            monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", token_for(caller))
        return preflight.examine(Google(), stack or settings(**changes), TODAY, State({}, frozenset(made)))

    return run


def of(report: preflight.Report, check: str) -> list[Finding]:
    """The findings of one check."""
    return [finding for finding in report.findings if finding.check == check]


def failures(report: preflight.Report) -> dict[str, str]:
    """What fails: check to what was seen, of several the last."""
    return {finding.check: finding.seen for finding in report.findings if finding.status == "fail"}
