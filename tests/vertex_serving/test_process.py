"""The provider's process, started as Pulumi starts it: by the path of its folder, with the engine's address."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import vertex_serving
from tests.vertex_serving.harness import DEPLOYED_MODEL, Engine, World, eventually, log_service, model_inputs

FOLDER = Path(vertex_serving.__file__).parent


@contextlib.contextmanager
def process(engine: str, environment: Mapping[str, str], folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The provider as a process of its own, in another folder than the project's; and its address."""
    command = [sys.executable, str(FOLDER), *([engine] if engine else [])]
    clean = {key: value for key, value in environment.items() if key != "PYTHONPATH"}
    child = subprocess.Popen(command, env=clean, cwd=folder, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        yield child, f"127.0.0.1:{int(child.stdout.readline())}"
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


@pytest.fixture
def served(here: World, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Engine]]:
    with log_service() as (log, address), process(address, here.sandbox.environ(), tmp_path) as (child, listens):
        engine = Engine(listens, log, address)
        yield child, engine
        engine.close()


def test_a_model_deploys_through_the_process(here: World, served: tuple[subprocess.Popen[str], Engine]) -> None:
    """Started by its folder's path from elsewhere, it finds its package and does its work."""
    _, engine = served
    _, outputs = engine.create(DEPLOYED_MODEL, "flash", model_inputs())
    assert list(here.deployed()) == [outputs["deployedModelId"]]


def test_a_killed_provider_loses_nothing(slow: World, tmp_path: Path) -> None:
    """SIGKILL in the middle of a deployment: the next run, whose state knows nothing, waits for it. One deployment."""
    with log_service() as (log, address):
        with process(address, slow.sandbox.environ(), tmp_path) as (child, listens):
            killed = Engine(listens, log, address)
            killed.background(killed.create, DEPLOYED_MODEL, "flash", model_inputs())
            eventually(lambda: "endpoints.deployModel" in slow.called())
            child.kill()
            child.wait()
            killed.close()
        with process(address, slow.sandbox.environ(), tmp_path) as (_, listens):
            later = Engine(listens, log, address)
            create = later.background(later.create, DEPLOYED_MODEL, "flash", model_inputs())
            eventually(lambda: any("already under way" in text for text in log.texts(ephemeral=True)))
            slow.skip(600)
            id_, _ = create.result()
            later.close()
    assert id_.rpartition("/")[2] in slow.deployed()
    assert slow.called().count("endpoints.deployModel") == 1


ENGINE = """
import socket, time
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    while True:
        server.accept()
"""


def test_it_ends_when_its_engine_is_killed(here: World, tmp_path: Path) -> None:
    """An engine that gets SIGKILL cannot end its plugins: the provider ends by itself."""
    engine = subprocess.Popen([sys.executable, "-c", ENGINE], stdout=subprocess.PIPE, text=True)
    assert engine.stdout is not None
    address = f"127.0.0.1:{int(engine.stdout.readline())}"
    with process(address, here.sandbox.environ(), tmp_path) as (child, _):
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(timeout=0.5)
        engine.kill()
        engine.wait()
        engine.stdout.close()
        assert child.wait(timeout=10) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_calls_end_with_their_state(slow: World, tmp_path: Path, number: signal.Signals) -> None:
    """A deployment that is under way answers with its partial state before the process ends."""
    with log_service() as (log, address), process(address, slow.sandbox.environ(), tmp_path) as (child, listens):
        engine = Engine(listens, log, address)
        create = engine.background(engine.create, DEPLOYED_MODEL, "flash", model_inputs())
        eventually(lambda: "endpoints.deployModel" in slow.called())
        child.send_signal(number)
        with pytest.raises(Exception, match="is still being deployed"):
            create.result(timeout=10)
        assert child.wait(timeout=10) == 0
        engine.close()


def test_without_an_engine_it_serves_until_a_signal(tmp_path: Path) -> None:
    """For PULUMI_DEBUG_PROVIDERS it is started by hand and learns the engine's address by Attach."""
    with log_service() as (log, address), process("", os.environ, tmp_path) as (child, listens):
        engine = Engine(listens, log, address)
        engine.attach(address)
        assert engine.checked(DEPLOYED_MODEL, "flash", model_inputs())["minReplicaCount"] == 1
        engine.close()
        child.terminate()
        assert child.wait(timeout=10) == 0


def test_google_s_libraries_are_imported_only_for_the_first_request() -> None:
    """A preview does not pay for them, and the API's generated client is never loaded."""
    code = (
        "import sys, vertex_serving.provider.serve\n"
        "heavy = ('requests', 'google.auth', 'google.cloud.aiplatform', 'googleapiclient', 'google.api_core')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=FOLDER.parent)
    assert answer.stdout.strip() == "[]"


def test_the_resource_classes_need_only_pulumi() -> None:
    """A program that imports them loads nothing of the provider's server."""
    code = (
        "import sys, vertex_serving\n"
        "print([name for name in sys.modules if name.startswith('vertex_serving.provider')])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=FOLDER.parent)
    assert answer.stdout.strip() == "[]"


def test_the_port_is_the_providers_alone(here: World, tmp_path: Path) -> None:
    """gRPC shares its ports by default: two providers on one machine could be given the same free one."""
    with process("", here.sandbox.environ(), tmp_path) as (_, listens), socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", int(listens.rpartition(":")[2])))
