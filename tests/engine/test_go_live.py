"""From an empty project to production and back, with the commands that README.md and docs/ tell a person to type."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest

from scripts.workspace import ROOT
from tests.engine.conftest import PATCH, Stack

COST = "all 0.88 639 6.57 4,796"
ADVICE = "[advisory]  two-replicas-of-the-others-in-prod  (vertex-serving:index:DeployedModel: gemini-pro-fallback)"
UNOBSERVED = "[advisory]  observed-in-prod"


class Person:
    """Somebody in the program's folder, with a shell that talks to the sandbox."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def types(self, line: str) -> tuple[int, str]:
        """One command; its exit status and all that it printed."""
        program, *arguments = shlex.split(line)
        done = subprocess.run(
            [sys.executable if program == "python" else program, *arguments],
            check=False,
            cwd=self.stack.workspace.folder,
            env=self.stack.cloud.environ(COLUMNS="200"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.returncode, done.stdout

    def gets(self, line: str) -> str:
        """What a command printed that has to pass."""
        status, said = self.types(line)
        assert status == 0, f"`{line}` ended with {status}:\n{said}"
        return said


def row(table: str, check: str) -> str:
    """A table's only row of that check."""
    (found,) = [line for line in table.splitlines() if line.startswith("│") and f"│ {check} " in line]
    return found


def test_a_fresh_prod_stack_goes_to_production_and_back(make_stack: Callable[..., Stack]) -> None:
    """Preflight, preview, up, smoke test, a hand-made change found and put back, a destroy that is refused, then one
    that is meant."""
    if not shutil.which("gcloud"):
        assert not os.environ.get("CI"), "gcloud is not installed, and continuous integration must not skip this"
        pytest.skip("gcloud is not installed")
    prod = make_stack("prod", protected=True)
    person = Person(prod)
    assert prod.state() == {}

    # what stands in the way of a project without APIs is mended by the line that preflight shows
    status, said = person.types("python scripts/preflight.py --stack prod")
    assert status == 1, said
    assert row(said, "APIs").startswith("│ NO │"), said
    (mend,) = [line.removeprefix("APIs: ") for line in said.splitlines() if line.startswith("APIs: ")]
    assert mend.startswith("gcloud services enable aiplatform.googleapis.com "), said
    person.gets(mend)
    since = prod.mark()
    said = person.gets("python scripts/preflight.py --stack prod")
    assert "│ NO │" not in said, said
    assert row(said, "workload pool").startswith("│ ok │"), said
    assert "idle 0.87 USD an hour, 638 a month" in said, said
    assert prod.changes(since) == []

    person.gets(f"python {ROOT}/toolchain/policy_pack.py")
    said = person.gets("pulumi preview --policy-pack policy --stack prod --non-interactive")
    assert COST in " ".join(said.split()), said
    assert ADVICE in said, said
    assert UNOBSERVED in said, said
    assert "[mandatory]" not in said, said
    assert prod.changes(since) == []
    person.gets("pulumi config set --path gemini-vertex:observability.notify[0] oncall@example.com --stack prod")

    said = person.gets("pulumi up --policy-pack policy --stack prod --yes --non-interactive")
    assert ADVICE in said, said
    assert UNOBSERVED not in said, said
    assert len(prod.state()["alertPolicy"]) == 8
    assert prod.workspace.outputs()["cost"]["idlePerHour"] == 0.876
    prod.preview_is_empty()

    since = prod.mark()
    said = person.gets("python scripts/smoke_test.py --stack prod")
    host = prod.workspace.outputs()["endpointHost"]
    assert row(said, "private path").startswith("│ ok │"), said
    assert f"{host}, forwarding rule sca-auto-fr-" in said, said
    assert "gemini-flash-primary 95 %, gemini-pro-fallback 5 %, as configured" in said, said
    assert {call["path"].split("/")[2] for call in prod.calls(since) if ":generateContent" in call["path"]} == {host}

    # somebody moves the traffic by hand
    ids, number = prod.workspace.outputs()["deployedModels"], prod.workspace.outputs()["endpointId"]
    split = f"{ids['gemini-flash-primary']}=50,{ids['gemini-pro-fallback']}=50"
    assert person.gets("python scripts/drift.py --stack prod") == "Nothing of stack prod has drifted.\n"
    person.gets(f"gcloud ai endpoints update {number} --region=us-central1 --traffic-split={split}")
    since = prod.mark()
    status, said = person.types("python scripts/drift.py --stack prod")
    assert status == 2, said
    assert [line for line in said.splitlines() if line.startswith("TrafficSplit traffic: targets")], said
    assert "`pulumi up` after it puts the configured ones back" in said
    assert prod.changes(since) == []

    person.gets("pulumi refresh --stack prod --yes --non-interactive")
    person.gets("pulumi up --policy-pack policy --stack prod --yes --non-interactive")
    assert prod.changes(since) == [PATCH]
    assert sorted(prod.endpoint()["trafficSplit"].values()) == [5, 95]
    assert person.gets("python scripts/drift.py --stack prod") == "Nothing of stack prod has drifted.\n"

    since = prod.mark()
    status, said = person.types("pulumi destroy --stack prod --yes --non-interactive")
    assert status != 0, said
    assert "cannot be deleted" in said, said
    assert "because it is protected" in " ".join(said.split()), said
    assert prod.changes(since) == []
    person.gets("python scripts/smoke_test.py --stack prod")

    person.gets("pulumi config set gemini-vertex:protect false --stack prod")
    person.gets("pulumi up --stack prod --yes --non-interactive")
    assert prod.changes(since) == []
    person.gets("pulumi destroy --stack prod --yes --non-interactive")
    assert prod.state() == {}
