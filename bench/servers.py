"""The sandbox beside moto's server: how fast each boots, and how many predictions a second it answers.

moto imitates AWS; its nearest job is SageMaker's InvokeEndpoint, which gives a fixed body, while the sandbox routes by
a split, checks the caller's permission and both bodies against Google's schema, and keeps count. moto has an
environment of its own, made on the first run from bench/requirements.txt.
"""

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import requests

from sandbox.testing import running_sandbox
from scripts.tool_environment import tool_environment
from scripts.workspace import ROOT

CALLS = 300
LOCK = ROOT / "bench/requirements.txt"
INVOKE = {
    "Content-Type": "application/json",
    "Authorization": "AWS4-HMAC-SHA256 Credential=BENCH/20260101/us-east-1/sagemaker/aws4_request, "
    "SignedHeaders=host, Signature=none",
}


def moto_server() -> str:
    """The path of moto's server, its environment made if need be."""
    return str(tool_environment(LOCK) / "moto_server")


def free_port() -> int:
    """A loopback port that nobody has right now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


@contextlib.contextmanager
def up(command: list[str], port: int) -> Iterator[float]:
    """A server process for the length of the block; gives the seconds from its start to its first answer."""
    started = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            while True:
                with contextlib.suppress(requests.ConnectionError):
                    requests.get(f"http://127.0.0.1:{port}/", timeout=10)
                    break
                if server.poll() is not None or time.perf_counter() - started > 60:
                    raise RuntimeError(f"{command[0]} did not come up")
                time.sleep(0.005)
            yield time.perf_counter() - started
        finally:
            server.terminate()


def boot_of_moto() -> float:
    """Seconds until moto's server answers."""
    port = free_port()
    with up([moto_server(), "-H", "127.0.0.1", "-p", str(port)], port) as seconds:
        return seconds


def boot_of_sandbox() -> float:
    """Seconds until `sandbox serve` answers; its stand-in plugins come up after its first answer."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "sandbox", "serve", "--port", str(port), "--state", str(Path(folder, "db"))]
        with up([*command, "--plugins", "stand-in"], port) as seconds:
            return seconds


def rate(call: Callable[[], requests.Response]) -> float:
    """Calls a second, one after another on one connection."""
    started = time.perf_counter()
    for _ in range(CALLS):
        call().raise_for_status()
    return CALLS / (time.perf_counter() - started)


@contextlib.contextmanager
def predictions_of_moto() -> Iterator[Callable[[], requests.Response]]:
    """One InvokeEndpoint after another."""
    port = free_port()
    with up([moto_server(), "-H", "127.0.0.1", "-p", str(port)], port), requests.Session() as session:
        url = f"http://127.0.0.1:{port}/endpoints/bench/invocations"
        yield lambda: session.post(url, headers=INVOKE, data="{}", timeout=30)


@contextlib.contextmanager
def predictions_of_sandbox() -> Iterator[Callable[[], requests.Response]]:
    """One predict after another on an endpoint with two models."""
    with running_sandbox(enabled=("aiplatform",), deploy_seconds=0) as cloud, requests.Session() as session:
        session.headers.update(cloud.headers)
        parent = f"projects/{cloud.project}/locations/us-central1"
        endpoint = cloud.api("aiplatform", f"v1/{parent}/endpoints/77")
        body = {"displayName": "bench"}
        made = session.post(endpoint.removesuffix("/77"), params={"endpointId": "77"}, json=body, timeout=30)
        made.raise_for_status()
        machines = {"machineSpec": {"machineType": "n1-standard-4"}, "minReplicaCount": 1, "maxReplicaCount": 2}
        for id_, split in (("1", {"0": 100}), ("2", {"1": 95, "0": 5})):
            model = {"id": id_, "model": f"{parent}/models/gemma-3-4b", "dedicatedResources": machines}
            deploy = {"deployedModel": model, "trafficSplit": split}
            session.post(f"{endpoint}:deployModel", json=deploy, timeout=30).raise_for_status()
        asked = {"instances": [{"content": "What is 2 + 2?"}]}
        yield lambda: session.post(f"{endpoint}:predict", json=asked, timeout=30)
