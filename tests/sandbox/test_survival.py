"""What was acknowledged outlives SIGKILL, and a sandbox is there again in no time."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox import lifecycle
from sandbox.services.series import meter
from sandbox.testing import SandboxHandle, running_sandbox
from tests.sandbox.google import Google, grant, make_account
from tests.sandbox.vertex import Json, Vertex, machine

_ONLINE = "aiplatform.googleapis.com/prediction/online/"
LOCATION = "projects/sandbox-project/locations/us-central1"


class Served:
    """`python -m sandbox serve` in a process of its own, as tests' clients know a sandbox."""

    def __init__(self, state: Path) -> None:
        command = [sys.executable, "-m", "sandbox", "serve", "--state", str(state), "--deploy-seconds", "3600"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith(b"Sandbox on ")
        note = lifecycle.require_served(state)
        self.url = note["url"]
        self.project = note["environment"]["GOOGLE_PROJECT"]
        self.headers = {"Authorization": f"Bearer {note['environment']['GOOGLE_OAUTH_ACCESS_TOKEN']}"}
        requests.patch(f"{self.url}/_sandbox/settings", json={"operationSeconds": 0}, timeout=30).raise_for_status()
        services = {"serviceIds": ["aiplatform.googleapis.com"]}
        self.send("POST", f"serviceusage/v1/projects/{self.project}/services:batchEnable", services).raise_for_status()

    api = SandboxHandle.api

    def send(self, verb: str, path: str, body: Any = None) -> requests.Response:
        return requests.request(verb, f"{self.url}/{path}", json=body, headers=self.headers, timeout=30)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    found = Served(tmp_path / "state.db")
    yield found
    found.kill()


def test_everything_that_was_acknowledged_is_there_after_a_kill(served: Served, tmp_path: Path) -> None:
    """Resources of every service, a running operation, a policy, settings, clock and faults."""
    handle: Any = served
    vertex = Vertex(handle)
    name = vertex.create("5")
    operation = vertex.deploy(name, "1", {"0": 100}, dedicatedResources=machine(2, 20))
    email = make_account(handle)
    grant(handle, "roles/aiplatform.user", f"serviceAccount:{email}")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "production"}}
    served.send("POST", "kubernetes/api/v1/namespaces", namespace).raise_for_status()
    served.send("PATCH", "_sandbox/settings", {"clockRate": 0, "seed": 9}).raise_for_status()
    moment = served.send("POST", "_sandbox/clock", {"step": 1800}).json()["seconds"]
    served.send("POST", "_sandbox/faults", {"method": "*.predict", "status": 503}).raise_for_status()
    before = served.send("GET", "_sandbox/state").json()
    served.kill()
    with running_sandbox(state=tmp_path / "state.db", clock_rate=0, seed=9) as again:
        assert again.state() == before
        assert requests.get(f"{again.url}/_sandbox/clock", timeout=30).json()["seconds"] == pytest.approx(moment)
        (fault,) = requests.get(f"{again.url}/_sandbox/faults", timeout=30).json()["faults"]
        assert fault["method"] == "*.predict"
        vertex = Vertex(again)
        assert vertex.get(operation["name"])["metadata"]["deploymentStage"] == "ADDING_NODES_TO_CLUSTER"
        requests.post(f"{again.url}/_sandbox/clock", json={"step": 1801}, timeout=30).raise_for_status()
        assert vertex.get(name)["trafficSplit"] == {"1": 100}
        assert Google(again, "iam")("GET", f"projects/-/serviceAccounts/{email}")["email"] == email


def test_a_kill_in_the_midst_of_changes_loses_none_that_was_answered(served: Served, tmp_path: Path) -> None:
    """Four clients create and patch endpoints; a change whose answer was cut off is there whole, or not at all."""
    acknowledged: dict[str, int] = {}
    enough = threading.Event()

    def change(client: int) -> None:
        try:
            for number in range(1, 10_000):
                endpoint_id = f"{client}{number}"
                body = {"displayName": "0", "description": "0"}
                path = f"aiplatform/v1/{LOCATION}/endpoints"
                served.send("POST", f"{path}?endpointId={endpoint_id}", body).raise_for_status()
                acknowledged[endpoint_id] = 0
                body = {"displayName": "1", "description": "1"}
                mask = "updateMask=displayName,description"
                served.send("PATCH", f"{path}/{endpoint_id}?{mask}", body).raise_for_status()
                acknowledged[endpoint_id] = 1
                if len(acknowledged) > 40:
                    enough.set()
        except requests.ConnectionError:
            return

    clients = [threading.Thread(target=change, args=(client,)) for client in range(1, 5)]
    for client in clients:
        client.start()
    assert enough.wait(60)
    served.kill()
    for client in clients:
        client.join()
    with running_sandbox(state=tmp_path / "state.db") as again:
        found: list[Json] = Vertex(again).call("GET", f"{LOCATION}/endpoints", pageSize=1000)["endpoints"]
        there = {each["name"].rpartition("/")[2]: each for each in found}
        assert set(acknowledged) <= set(there)
        assert len(there) <= len(acknowledged) + len(clients)
        for endpoint_id, endpoint in there.items():
            assert endpoint["displayName"] == endpoint["description"]
            assert int(endpoint["displayName"]) >= acknowledged.get(endpoint_id, 0)


BOOT = """
import json, sys, urllib.request
whole = json.loads
def loads(text, *rest, **more):
    assert len(text) < {most}, "a discovery document was parsed again"
    return whole(text, *rest, **more)
json.loads = loads
from sandbox.identity import DEPLOYER, token_for
from sandbox.running import RunningSandbox
running = RunningSandbox()
url = running.url + "/aiplatform/{version}/projects/sandbox-project/locations/us-central1/endpoints"
request = urllib.request.Request(url, headers={{"Authorization": "Bearer " + token_for(DEPLOYER)}})
try:
    urllib.request.build_opener(urllib.request.ProxyHandler({{}})).open(request)
except urllib.error.HTTPError as refused:
    assert "has not been used in project" in refused.read().decode()
print(json.dumps(sorted(sys.modules)))
running.stop()
"""
HEAVY = {"googleapiclient.discovery", "google.protobuf", "grpc", "pulumi", "cryptography", "google.auth"}


def booted(cache: Path, most: int, version: str) -> set[str]:
    """The modules that a boot in a process of its own loaded, none of whose JSON had ``most`` characters."""
    script = BOOT.format(most=most, version=version)
    environ = {**os.environ, "SANDBOX_CACHE": str(cache)}
    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_a_second_start_parses_no_discovery_document_and_loads_nothing_heavy(tmp_path: Path, version: str) -> None:
    """From nothing to the first refusal by the document's rules; the documents have 3 and 4 MB.

    How long it takes is in `make bench`, beside moto's server.
    """
    booted(tmp_path, 10**9, version)
    assert not booted(tmp_path, 2_000_000, version) & HEAVY


def test_what_was_measured_is_there_after_a_kill(tmp_path: Path) -> None:
    """Every answered prediction is in Cloud Monitoring's series, those before a shortening of the journal as well."""
    served = Served(tmp_path / "state.db")
    handle: Any = served
    try:
        served.send("PATCH", "_sandbox/settings", {"deploySeconds": 0}).raise_for_status()
        vertex = Vertex(handle)
        name = vertex.create("5")
        vertex.deploy(name, "1", {"0": 100}, dedicatedResources=machine())
        for _ in range(7):
            vertex.ask(name, "1")
        served.send("POST", "_sandbox/faults", {"method": "*.predict", "status": 503}).raise_for_status()
        assert vertex.send("POST", f"{name}:predict", {"instances": ["a"]}).status_code == 503
        before = _measured(handle)
    finally:
        served.kill()
    assert sum(before[_ONLINE + "response_count"].values()) == 8
    for _ in range(2):
        with running_sandbox(state=tmp_path / "state.db") as again:
            assert _measured(again) == before
            meter(again.sandbox).shorten()
            again.sandbox.store.commit()


def test_a_reset_forgets_what_was_measured_for_good(tmp_path: Path) -> None:
    """Also after a restart."""
    with running_sandbox(state=tmp_path / "state.db", enabled=("aiplatform",), deploy_seconds=0) as sandbox:
        vertex = Vertex(sandbox)
        name = vertex.create("5")
        vertex.deploy(name, "1", {"0": 100}, dedicatedResources=machine())
        vertex.ask(name, "1")
        assert _measured(sandbox)[_ONLINE + "response_count"]
        sandbox.reset()
    with running_sandbox(state=tmp_path / "state.db") as again:
        assert not any(_measured(again).values())


def _measured(sandbox: Any) -> dict[str, dict[str, Any]]:
    """The sums, or the counts of the distributions, of Cloud Monitoring's series by metric and labels."""
    now = datetime.now(UTC) + timedelta(minutes=2)
    found: dict[str, dict[str, Any]] = {}
    for metric in ("response_count", "error_count", "prediction_count", "prediction_latencies"):
        query = {
            "filter": f'metric.type="{_ONLINE}{metric}"',
            "interval.startTime": (now - timedelta(hours=1)).isoformat(),
            "interval.endTime": now.isoformat(),
        }
        url = f"{sandbox.url}/monitoring/v3/projects/{sandbox.project}/timeSeries"
        answer = requests.get(url, params=query, headers=sandbox.headers, timeout=30)
        answer.raise_for_status()
        series = answer.json().get("timeSeries", [])
        found[_ONLINE + metric] = {
            json.dumps(one["metric"]["labels"]): sum(_amount(point["value"]) for point in one["points"])
            for one in series
        }
    return found


def _amount(value: Json) -> float:
    if "distributionValue" in value:
        distribution = value["distributionValue"]
        return int(distribution["count"]) * float(distribution["mean"])
    return int(value["int64Value"])
