"""Clock, seed, snapshots, the recorder and latency: what makes a run of the sandbox repeatable."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
import requests

from sandbox import latency, lifecycle
from sandbox.clock import Clock
from sandbox.options import Options
from sandbox.store import Store
from sandbox.testing import SandboxHandle, running_sandbox
from tests.sandbox.vertex import Json, Vertex

YEAR = 365 * 24 * 3600.0


def control(sandbox: SandboxHandle, path: str, body: object = None, code: int = 200) -> Json:
    """A POST to the control URL, or a GET without a body; its answer has this code."""
    url = f"{sandbox.url}/_sandbox/{path}"
    response = requests.get(url, timeout=30) if body is None else requests.post(url, json=body, timeout=30)
    assert response.status_code == code, response.text
    answer: Json = response.json()
    return answer


def test_a_stepped_clock_stands_still_until_it_is_stepped(vertex: Vertex) -> None:
    vertex.sandbox.set(clockRate=0, deploySeconds=600)
    operation = vertex.deploy(vertex.create())
    before = control(vertex.sandbox, "clock")
    assert before["mode"] == "stepped"
    assert control(vertex.sandbox, "clock") == before
    control(vertex.sandbox, "clock", {"step": 599.5})
    assert "done" not in vertex.get(operation["name"])
    after = control(vertex.sandbox, "clock", {"step": 0.5})
    assert vertex.get(operation["name"])["done"] is True
    assert after["seconds"] == pytest.approx(before["seconds"] + 600)


def test_a_clock_goes_to_a_moment_but_never_back(sandbox: SandboxHandle) -> None:
    sandbox.set(clockRate=0)
    now = control(sandbox, "clock")["seconds"]
    later = datetime.fromtimestamp(now + YEAR).astimezone().isoformat()
    assert control(sandbox, "clock", {"to": later})["seconds"] == pytest.approx(now + YEAR, abs=0.01)
    refused = control(sandbox, "clock", {"to": "2020-01-01T00:00:00Z"}, 400)
    assert "only goes forward" in refused["error"]["message"]


@pytest.mark.parametrize("body", [{"step": -1}, {"step": True}, {"to": "noon"}, {"step": 1, "to": "x"}, {}, [], "x"])
def test_a_clock_refuses_what_is_no_step(sandbox: SandboxHandle, body: object) -> None:
    assert control(sandbox, "clock", body, 400)["error"]["status"] == "INVALID_ARGUMENT"


def test_an_accelerated_clock_runs_at_its_rate_from_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    real = [1_000.0]
    monkeypatch.setattr("sandbox.clock.time.time", lambda: real[0])
    store = Store()
    clock = Clock(store)
    assert clock.now() == 1_000
    clock.run(60)
    real[0] += 10
    assert clock.now() == 1_600
    clock.step(400)
    clock.run(0)
    real[0] += 10
    assert clock.now() == 2_000
    clock.run(1)
    real[0] += 10
    assert (clock.now(), clock.shown()["mode"]) == (2_010, "real")
    assert Clock(store).now() == 2_010
    clock.reset()
    assert clock.now() == 1_030
    store.close()


def test_a_stepped_clock_is_where_it_was_after_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with running_sandbox(state=state, clock_rate=0) as first:
        control(first, "clock", {"step": YEAR})
        moment = control(first, "clock")["seconds"]
    with running_sandbox(state=state, clock_rate=0) as second:
        assert control(second, "clock")["seconds"] == moment


def test_a_reset_puts_the_clock_right_but_keeps_its_rate(sandbox: SandboxHandle) -> None:
    sandbox.set(clockRate=0)
    before = control(sandbox, "clock", {"step": YEAR})["seconds"]
    sandbox.reset()
    after = control(sandbox, "clock")
    assert after["mode"] == "stepped"
    assert after["seconds"] < before - YEAR / 2


def speakers(vertex: Vertex, name: str, number: int = 30) -> list[str]:
    """Who answered so many predictions."""
    return [vertex.ask(name, "1 + 1")["deployedModelId"] for _ in range(number)]


def split_endpoint(vertex: Vertex) -> str:
    """An endpoint whose two models have half of the traffic each."""
    name = vertex.create("8")
    vertex.deploy(name, "1")
    vertex.deploy(name, "2")
    vertex.split(name, m1=50, m2=50)
    return name


def test_a_seed_makes_the_draws_repeat_whenever_it_is_set(vertex: Vertex) -> None:
    name = split_endpoint(vertex)
    control(vertex.sandbox, "seed", {"seed": 7})
    first = speakers(vertex, name)
    assert speakers(vertex, name) != first
    control(vertex.sandbox, "seed", {"seed": 7})
    assert speakers(vertex, name) == first
    control(vertex.sandbox, "seed", {"seed": 8})
    assert speakers(vertex, name) != first
    assert control(vertex.sandbox, "settings")["seed"] == 8
    assert control(vertex.sandbox, "seed", {"seed": "x"}, 400)["error"]["code"] == 400


def test_a_snapshot_brings_everything_back_with_what_was_under_way(vertex: Vertex) -> None:
    name = split_endpoint(vertex)
    vertex.sandbox.set(clockRate=0, deploySeconds=600)
    operation = vertex.deploy(name, "3")
    control(vertex.sandbox, "clock", {"step": 300})
    kept, endpoint = control(vertex.sandbox, "snapshot"), vertex.get(name)
    control(vertex.sandbox, "clock", {"step": YEAR})
    vertex.undeploy(name, "3")
    vertex.create("9")
    vertex.sandbox.set(profile="article")
    assert control(vertex.sandbox, "restore", kept) == {}
    assert vertex.get(name) == endpoint
    assert vertex.send("GET", f"{vertex.parent}/endpoints/9").status_code == 404
    assert control(vertex.sandbox, "settings")["profile"] == "google"
    control(vertex.sandbox, "clock", {"step": 299})
    assert "done" not in vertex.get(operation["name"])
    control(vertex.sandbox, "clock", {"step": 1})
    assert vertex.get(operation["name"])["response"]["deployedModel"]["id"] == "3"


def test_a_snapshot_is_the_same_after_it_was_restored_elsewhere(vertex: Vertex, tmp_path: Path) -> None:
    split_endpoint(vertex)
    vertex.sandbox.set(clockRate=0)
    kept = control(vertex.sandbox, "snapshot")
    with running_sandbox(state=tmp_path / "state.db") as other:
        control(other, "restore", kept)
        assert control(other, "snapshot") == kept
        assert other.state() == vertex.sandbox.state()


def test_a_restored_snapshot_meets_the_same_draws_again(vertex: Vertex) -> None:
    name = split_endpoint(vertex)
    kept = control(vertex.sandbox, "snapshot")
    control(vertex.sandbox, "restore", kept)
    first = speakers(vertex, name)
    control(vertex.sandbox, "restore", kept)
    assert speakers(vertex, name) == first


@pytest.mark.parametrize(
    "snapshot",
    [
        {},
        {"format": 2, "seconds": 0.0, "resources": [{"kind": "settings", "name": "settings", "value": {}}]},
        {"format": 1, "seconds": 0.0, "resources": []},
        {"format": 1, "seconds": 0.0, "resources": [{"kind": "settings", "name": "settings", "value": {"x": 1}}]},
        {"format": 1, "seconds": 0.0, "resources": [{"kind": "settings"}]},
        [],
    ],
)
def test_what_is_no_snapshot_is_refused_and_changes_nothing(vertex: Vertex, snapshot: object) -> None:
    vertex.create("9")
    before = vertex.sandbox.state()
    assert "snapshot" in control(vertex.sandbox, "restore", snapshot, 400)["error"]["message"]
    assert vertex.sandbox.state() == before


def test_realistic_latency_repeats_differs_between_calls_and_is_that_of_the_kind_of_call() -> None:
    def times(method: str, mutating: bool) -> list[float]:
        return [latency.first(method, mutating=mutating, seed=f"0:{number}") for number in range(400)]

    def median(values: list[float]) -> float:
        return sorted(values)[len(values) // 2]

    reads = times("aiplatform.projects.locations.endpoints.get", False)
    changes = times("aiplatform.projects.locations.endpoints.patch", True)
    predictions = times("aiplatform.projects.locations.endpoints.predict", False)
    assert reads == times("aiplatform.projects.locations.endpoints.get", False)
    assert len(set(reads)) > 300
    assert median(reads) < median(changes) < median(predictions)


def test_realistic_latency_passes_on_the_sandboxs_clock(vertex: Vertex) -> None:
    vertex.sandbox.set(latency="realistic", clockRate=1000)
    before = control(vertex.sandbox, "clock")["seconds"]
    vertex.create()
    assert control(vertex.sandbox, "clock")["seconds"] - before > 0.05
    name = f"{vertex.parent}/publishers/google/models/gemini-3.5-flash:streamGenerateContent"
    assert len(vertex.send("POST", name, {"contents": [{"parts": [{"text": "Hello there"}]}]}).json()) > 2
    vertex.sandbox.set(clockRate=0)
    vertex.get(f"{vertex.parent}/endpoints/77")


def test_the_command_line_orders_faults_sets_clock_and_seed_and_records_every_call(tmp_path: Path) -> None:
    """--fault, --faults, --clock, --seed, --latency and --record of `python -m sandbox serve`, from outside."""
    orders = (
        "- {method: '*.endpoints.list', nth: [1], status: 503}\n- {method: '*.endpoints.list', nth: 2, hang: true}\n"
    )
    (tmp_path / "faults.yaml").write_text(orders)
    state, record = tmp_path / "state.db", tmp_path / "made" / "calls.jsonl"
    options = ["--faults", str(tmp_path / "faults.yaml"), "--fault", "method=*.predict,status=429"]
    options += ["--clock", "stepped", "--seed", "5", "--latency", "none", "--record", str(record)]
    command = [sys.executable, "-m", "sandbox", "serve", "--state", str(state), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        note = lifecycle.require_served(state)
        url = f"{note['url']}/_sandbox"
        ordered = requests.get(f"{url}/faults", timeout=30).json()["faults"]
        assert [each["method"] for each in ordered] == ["*.endpoints.list", "*.endpoints.list", "*.predict"]
        settings = requests.get(f"{url}/settings", timeout=30).json()
        assert (settings["clockRate"], settings["seed"], settings["latency"]) == (0, 5, "none")
        headers = {"Authorization": f"Bearer {note['environment']['GOOGLE_OAUTH_ACCESS_TOKEN']}"}
        listed = f"{note['url']}/aiplatform/v1/projects/sandbox-project/locations/us-central1/endpoints"
        assert requests.get(listed, headers=headers, timeout=30).status_code == 503
        recorded = requests.get(f"{url}/calls", timeout=30).text
    finally:
        process.kill()
        process.wait()
    (call,) = [json.loads(line) for line in record.read_text().splitlines()]
    assert [call] == [json.loads(line) for line in recorded.splitlines()]
    assert (call["method"], call["fault"]) == ("aiplatform.projects.locations.endpoints.list", "UNAVAILABLE")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--fault", "status=418"], "Fault 1: status"),
        (["--fault", "stage=LUNCH"], "stage LUNCH is none of"),
        (["--faults", "missing.yaml"], "cannot read missing.yaml"),
        (["--clock", "backwards"], "--clock"),
        (["--record", "/dev/null/calls"], "Cannot record calls in"),
    ],
)
def test_the_command_line_says_what_is_wrong_with_an_order(options: list[str], says: str) -> None:
    command = [sys.executable, "-m", "sandbox", "run", *options, "--", "true"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert says in done.stderr


def test_the_defaults_change_nothing() -> None:
    options = Options()
    assert (options.clock_rate, options.latency, options.request_quota) == (1, "none", {})
