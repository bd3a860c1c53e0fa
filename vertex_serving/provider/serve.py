"""The provider's process: it prints the port it listens on, and ends when the engine does."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from vertex_serving.provider.servicer import Servicer
from vertex_serving.provider.transport import GoogleTransport

_WORKERS: Final = 128
"""Calls that may be under way at once; each blocks for as long as its operation takes."""

_GRACE: Final = 4.0
"""Seconds that calls get to end with their partial state after a signal."""

_MESSAGE_LIMIT: Final = 400 * 1024 * 1024


def main(arguments: list[str]) -> None:
    """Serve until the engine goes away or a signal comes. The last argument is the engine's address, if there is one.

    Started without an engine (for PULUMI_DEBUG_PROVIDERS) it serves until a signal comes.
    """
    engine = arguments[-1] if arguments and not arguments[-1].startswith("-") else ""
    servicer = Servicer(GoogleTransport(), engine)
    server = grpc.server(
        ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="rpc"),
        options=[
            ("grpc.max_receive_message_length", _MESSAGE_LIMIT),
            ("grpc.max_send_message_length", _MESSAGE_LIMIT),
            ("grpc.so_reuseport", 0),  # a free port must be ours alone
        ],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    over = threading.Event()

    def end(*_: Any) -> None:
        over.set()

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    if engine:
        threading.Thread(target=_exit_with, args=(engine,), daemon=True).start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    over.wait()
    servicer.cancel()
    server.stop(_GRACE).wait()
    os._exit(0)  # a thread that waits for a slow answer must not keep the process


def _exit_with(engine: str) -> None:
    """End this process as soon as nobody listens at the engine's address any more.

    An engine that is killed has no time to end its plugins. A connection to it breaks at that moment. (The engine
    drops silent connections after two minutes: so connect again, and only a refusal means that it is gone.)
    """
    host, _, port = engine.rpartition(":")
    while True:
        try:
            with socket.create_connection((host, int(port)), timeout=10) as connection:
                connection.settimeout(None)
                while connection.recv(4096):
                    pass
        except ConnectionResetError:
            pass
        except OSError:
            os._exit(0)
        time.sleep(0.1)
