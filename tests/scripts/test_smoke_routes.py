"""The smoke test of stacks whose models Google serves without an endpoint, and of mixed ones."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.testing import SandboxHandle
from scripts import serving, smoke_target, smoke_test
from scripts.smoke_target import Target
from scripts.smoke_test import Check
from tests.scripts.test_smoke_test import cloud, endpoint

__all__ = ["cloud", "endpoint"]  # fixtures

FLASH = {"name": "flash", "serving": "managed", "model": "gemini-3.8-flash", "location": "global"}
PRO = {"name": "pro", "serving": "managed", "model": "gemini-4-argon", "location": "us"}


def document(cloud: SandboxHandle, *routes: dict[str, Any]) -> dict[str, Any]:
    """Routes, each with its place in the order of fallback."""
    ordered = [{"fallbackOrder": place, **copy.deepcopy(route)} for place, route in enumerate(routes, start=1)]
    return {"version": 1, "project": cloud.project, "routes": ordered}


def managed(cloud: SandboxHandle, flash: dict[str, Any] | None = None, **pro: Any) -> Target:
    """95/5 between two managed models, changed as given."""
    routes = document(cloud, {**FLASH, "weight": 95, **(flash or {})}, {**PRO, "weight": 5, **pro})
    return smoke_target.from_outputs({"routes": routes})


def found(checks: list[Check]) -> dict[str, Check]:
    """The checks by name, all of which hold."""
    assert [check for check in checks if not check.ok] == []
    return {check.name: check for check in checks}


def test_every_managed_model_answers_and_streams_and_gets_its_share(cloud: SandboxHandle) -> None:
    """Nothing of an endpoint is asked, for there is none."""
    checks = found(smoke_test.run_checks(managed(cloud)))
    assert list(checks) == ["answer", "stream", "routes"]
    assert checks["answer"].seen.startswith("flash: 4 in ")
    assert "from gemini-3.8-flash; pro: 4 in " in checks["answer"].seen
    assert checks["routes"].seen == "flash 95 % (gemini-3.8-flash in global), pro 5 % (gemini-4-argon in us)"
    methods = {call["method"] for call in cloud.calls() if call["service"] == "aiplatform"}
    assert {method.rpartition(".")[2] for method in methods} == {"generateContent", "streamGenerateContent"}


def test_a_route_that_is_only_fallen_back_to_is_asked_too(cloud: SandboxHandle) -> None:
    """Before the day on which it is needed."""
    checks = smoke_test.run_checks(managed(cloud, {"weight": 100}, weight=0, model="gemini-2.5-pro"))
    answer = next(check for check in checks if check.name == "answer")
    assert not answer.ok
    assert "pro: no answer" in answer.seen
    assert "flash: 4 in" in answer.seen
    assert "pro: " in answer.todo
    assert "flash: " not in answer.todo


def test_dedicated_throughput_that_nobody_bought_is_told(cloud: SandboxHandle) -> None:
    """A 429 of this one route, without retries or a way around it."""
    checks = smoke_test.run_checks(managed(cloud, {"throughput": "dedicated"}))
    answer = next(check for check in checks if check.name == "answer")
    assert "Exceeded the Provisioned Throughput" in answer.todo
    asked = [call for call in cloud.calls() if call["method"].endswith("models.generateContent")]
    assert len([call for call in asked if call["status"] == 429]) == 1


def test_routes_that_no_application_could_read_are_told(cloud: SandboxHandle) -> None:
    """With what is wrong in them."""
    checks = smoke_test.run_checks(managed(cloud, weight=6))
    assert [(check.name, check.ok) for check in checks] == [("routes", False)]
    assert "the weights add up to 101" in checks[0].todo


def test_a_mixed_stack_is_tested_on_both_ways(cloud: SandboxHandle, endpoint: str) -> None:
    """The managed model and the endpoint answer; replicas and operations are the endpoint's."""
    name = f"projects/{cloud.project}/locations/us-central1/endpoints/{endpoint}"
    own = {"name": "own", "serving": "endpoint", "endpoint": name, "location": "us-central1", "api": "predict"}
    host = {"host": "us-central1-aiplatform.googleapis.com", "models": {"1": "big", "2": "small"}}
    outputs = {
        "routes": document(cloud, {**own, **host, "weight": 20}, {**FLASH, "weight": 80}),
        "endpointName": name,
        "clientEnvironment": {"GCP_REGION": "us-central1"},
        "configuredTrafficSplit": {"big": 90, "small": 10},
    }
    checks = found(smoke_test.run_checks(smoke_target.from_outputs(outputs)))
    assert list(checks) == ["answer", "stream", "routes", "traffic split", "replicas", "operations"]
    assert "flash: 4 in " in checks["answer"].seen
    assert checks["routes"].seen == "own 20 % (its endpoint), flash 80 % (gemini-3.8-flash in global)"


def test_a_share_that_is_not_picked_as_configured_fails(cloud: SandboxHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it would with a client of another mind."""
    routes = serving.routes(managed(cloud).routes)
    monkeypatch.setattr("gemini_client.picking.pick", lambda among, session, chance: among[0])
    check = smoke_test.check_routes(routes)
    assert not check.ok
    assert "flash should get 95 %; pro should get 5 %" in check.todo


def test_it_is_as_terse_for_machines(
    cloud: SandboxHandle, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One JSON document, and status 0."""
    outputs = {"routes": managed(cloud).routes}
    monkeypatch.setattr(smoke_test, "stack_outputs", lambda stack: outputs)
    assert smoke_test.main(["--json", "--stack", "managed", "--no-stream"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["ok"], said["target"]) == (True, f"the managed models of {cloud.project}")
    assert [check["name"] for check in said["checks"]] == ["answer", "routes"]


def test_outputs_may_come_from_a_file_where_there_is_no_pulumi(
    cloud: SandboxHandle, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """As in a pod; what is no file of outputs is told."""
    outputs = tmp_path / "outputs.json"
    outputs.write_text(json.dumps({"routes": managed(cloud).routes}))
    assert smoke_test.main(["--json", "--outputs", str(outputs), "--no-stream"]) == 0
    outputs.write_text("[]")
    for file, says in ((str(outputs), "holds no outputs"), (str(tmp_path / "nowhere"), "cannot be read")):
        assert smoke_test.main(["--outputs", file]) == 1
        assert says in capsys.readouterr().out
    outputs.write_text("no JSON")
    assert smoke_test.main(["--outputs", str(outputs)]) == 1
    assert "`pulumi stack output --json`" in capsys.readouterr().out


def test_a_private_way_to_the_apis_that_is_not_there_fails(cloud: SandboxHandle) -> None:
    """The models answer all the same, over the internet: the check alone tells."""
    cloud.enable("compute", "dns")
    network, domains = "projects/sandbox-project/global/networks/default", ["aiplatform.googleapis.com"]
    apis = {"network": network, "address": "10.255.255.254", "domains": domains}
    checks = smoke_test.run_checks(smoke_target.from_outputs({"routes": managed(cloud).routes, "privateApis": apis}))
    assert [check.name for check in checks if not check.ok] == ["private APIs"]
    assert "No global forwarding rule" in checks[0].todo
