"""The Python language host, for a Pulumi CLI that was built from its Go module and so has none of its own.

The engine starts this as `pulumi-language-python`, reads a port from its standard output and speaks
`pulumirpc.LanguageRuntime` to it. An official CLI brings its own host and never comes here.
"""

import os
import queue
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import IO, Any

import grpc
from google.protobuf import empty_pb2
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

MESSAGE_LIMIT_BYTES = 400 * 1024 * 1024


class PythonHost(LanguageServer):
    """Runs a program in this process, and each plugin in a child of it."""

    def __init__(self) -> None:
        super().__init__(lambda: None)
        self.plugins: set[subprocess.Popen[bytes]] = set()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        """Answer with the version of the SDK that programs run on."""
        return plugin_pb2.PluginInfo(version=f"{sys.version_info.major}.{sys.version_info.minor}.0")

    def Handshake(self, request: Any, context: Any) -> Any:
        """Accept the engine's greeting; everything needed comes with each call."""
        return language_pb2.LanguageHandshakeResponse()

    def Cancel(self, request: Any, context: Any) -> Any:
        """Accept; the engine ends this process by signal."""
        return empty_pb2.Empty()

    def InstallDependencies(self, request: Any, context: Any) -> Iterator[Any]:
        """Say who installs: `make setup` does, from the hashed lock."""
        yield language_pb2.InstallDependenciesResponse(stdout=b"Dependencies come from `make setup`.\n")

    def GetProgramDependencies(self, request: Any, context: Any) -> Any:
        """Answer with none; only `pulumi about` asks."""
        return language_pb2.GetProgramDependenciesResponse()

    def Run(self, request: Any, context: Any) -> Any:
        """Run the program of `request.info` in its own folder."""
        folder = request.info.program_directory
        os.chdir(folder)
        # runpy takes its entry off sys.path again, yet applies import modules after that
        sys.path.insert(0, folder)
        entry = str(Path(folder, request.info.entry_point or "."))

        def program() -> None:
            runpy.run_path(entry, run_name="__main__")

        self.program = program
        result = super().Run(request, context)  # type: ignore[no-untyped-call]
        if result.error:
            # it has been shown already; with `bail` the engine ends without showing it again
            result.bail, result.error = True, ""
        return result

    def RunPlugin(self, request: Any, context: Any) -> Iterator[Any]:
        """Run a plugin's `__main__.py` and stream what it prints until it ends or the engine hangs up."""
        folder = request.info.program_directory
        if request.kind == "analyzer":
            argv = ["-u", "-m", "pulumi.policy", *request.args, folder]
            cwd = folder
        else:
            argv = [folder, *request.args]
            cwd = request.pwd or folder
        child = subprocess.Popen(
            [_python_of(request.info), *argv],
            cwd=cwd,
            env={**os.environ, **dict(pair.split("=", 1) for pair in request.env)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.plugins.add(child)
        context.add_callback(lambda: _end(child))
        output: queue.Queue[Any] = queue.Queue()
        readers = [
            threading.Thread(target=_forward, args=(name, pipe, output), daemon=True)
            for name, pipe in (("stdout", child.stdout), ("stderr", child.stderr))
            if pipe
        ]
        for reader in readers:
            reader.start()
        for _ in readers:
            while (item := output.get()) is not None:
                yield item
        yield language_pb2.RunPluginResponse(exitcode=child.wait())
        self.plugins.discard(child)


def _python_of(info: Any) -> str:
    """The interpreter of the plugin's virtual environment where its options name one, else our own."""
    options = dict(info.options)
    if "virtualenv" in options:
        python = Path(info.root_directory or info.program_directory, options["virtualenv"], "bin", "python")
        if python.exists():
            return str(python)
    return sys.executable


def _forward(name: str, pipe: IO[bytes], output: "queue.Queue[Any]") -> None:
    while chunk := os.read(pipe.fileno(), 65536):
        output.put(
            language_pb2.RunPluginResponse(stdout=chunk)
            if name == "stdout"
            else language_pb2.RunPluginResponse(stderr=chunk)
        )
    output.put(None)


def _end(child: "subprocess.Popen[bytes]") -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            child.kill()


def _wait_for_the_end(engine: int, wake: socket.socket) -> None:
    """Return when a signal has come, or the engine is no longer our parent: one that is killed cannot end its host."""
    while os.getppid() == engine:
        if select.select([wake], [], [], 0.5)[0]:
            return


def main() -> None:
    """Serve on a free loopback port until the engine ends us or ends itself."""
    engine = os.getppid()  # before the port is printed: from then on it may be killed
    host = PythonHost()
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=64),
        options=[
            ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
            ("grpc.max_send_message_length", MESSAGE_LIMIT_BYTES),
            ("grpc.so_reuseport", 0),  # a free port must be ours alone
        ],
    )
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    # by this way a signal is seen whichever thread it comes to, and no lock is held meanwhile
    wake, waker = socket.socketpair()
    waker.setblocking(False)
    signal.set_wakeup_fd(waker.fileno())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    server.start()
    print(port, flush=True)
    _wait_for_the_end(engine, wake)
    server.stop(0)
    for plugin in list(host.plugins):
        if plugin.poll() is None:
            plugin.terminate()
    # an interrupted program still waits in its thread, and Python would wait for that: the engine, for us
    os._exit(0)


if __name__ == "__main__":
    main()
