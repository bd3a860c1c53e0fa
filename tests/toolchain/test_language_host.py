"""The language host, asked as the engine asks it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

HOST = Path(__file__).resolve().parents[2] / "toolchain/language_host.py"


@pytest.fixture
def host() -> Iterator["subprocess.Popen[str]"]:
    """A host's process; its first line is its port."""
    process = subprocess.Popen([sys.executable, str(HOST)], stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def client(host: "subprocess.Popen[str]") -> Iterator[language_pb2_grpc.LanguageRuntimeStub]:
    """A client of the host."""
    assert host.stdout
    with grpc.insecure_channel(f"127.0.0.1:{int(host.stdout.readline())}") as channel:
        yield language_pb2_grpc.LanguageRuntimeStub(channel)


def plugin(folder: Path, program: str) -> language_pb2.RunPluginRequest:
    """A request to run a plugin with this program."""
    (folder / "__main__.py").write_text(program)
    info = language_pb2.ProgramInfo(
        root_directory=str(folder), program_directory=str(folder), entry_point=".", options=Struct()
    )
    return language_pb2.RunPluginRequest(
        pwd=str(folder), args=["one"], env=["COLOUR=blue"], info=info, kind="resource", name="test"
    )


def test_a_plugins_output_and_status_come_back(client: language_pb2_grpc.LanguageRuntimeStub, tmp_path: Path) -> None:
    """Standard output, standard error, arguments, environment and the exit status."""
    program = "import os, sys\nprint(sys.argv[1], os.environ['COLOUR'])\nprint('oops', file=sys.stderr)\nsys.exit(3)"
    answers = list(client.RunPlugin(plugin(tmp_path, program)))

    assert b"".join(answer.stdout for answer in answers) == b"one blue\n"
    assert b"".join(answer.stderr for answer in answers) == b"oops\n"
    assert answers[-1].exitcode == 3


def gone(pid: int) -> bool:
    """Whether a process ends within half a minute."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        status = Path(f"/proc/{pid}/stat")
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


SLEEPER = "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)"


def test_a_plugin_ends_when_the_engine_hangs_up(client: language_pb2_grpc.LanguageRuntimeStub, tmp_path: Path) -> None:
    """A cancelled call ends the plugin."""
    call = client.RunPlugin(plugin(tmp_path, SLEEPER))
    pid = int(next(iter(call)).stdout)
    call.cancel()

    assert gone(pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_host_and_its_plugins(
    host: "subprocess.Popen[str]",
    client: language_pb2_grpc.LanguageRuntimeStub,
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    """Nothing stays behind."""
    pid = int(next(iter(client.RunPlugin(plugin(tmp_path, SLEEPER)))).stdout)
    host.send_signal(number)

    assert host.wait(timeout=60) == 0
    assert gone(pid)


ENGINE = """
import subprocess, sys, time
host = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
host.stdout.readline()
print(host.pid, flush=True)
time.sleep(600)
"""


def test_a_killed_engine_leaves_no_host() -> None:
    """The host ends when the process that started it is gone."""
    engine = subprocess.Popen(
        [sys.executable, "-c", ENGINE, sys.executable, str(HOST)], stdout=subprocess.PIPE, text=True
    )
    assert engine.stdout
    pid = int(engine.stdout.readline())
    engine.kill()
    engine.wait()

    assert gone(pid)
