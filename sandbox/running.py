"""A sandbox served on loopback by a thread of this process."""

import asyncio
import base64
import socket
import ssl
import threading
import time
from pathlib import Path

import uvicorn

from sandbox.certificates import server_context
from sandbox.core import PROJECT, Sandbox
from sandbox.options import Options
from sandbox.server import create_app

_START_SECONDS = 30.0


class _Server(uvicorn.Server):
    """uvicorn with a second port, which speaks TLS, on the same loop."""

    def __init__(self, config: uvicorn.Config, tls: socket.socket, context: ssl.SSLContext) -> None:
        super().__init__(config)
        self._tls, self._context = tls, context

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        def protocol() -> asyncio.Protocol:
            made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
                config=self.config, server_state=self.server_state, app_state=self.lifespan.state
            )
            return made

        server = await asyncio.get_running_loop().create_server(protocol, sock=self._tls, ssl=self._context)
        await super().startup(sockets)
        self.servers.append(server)


class RunningSandbox:
    """A sandbox that answers on http://127.0.0.1:`port` until `stop` is called; its cluster also on a port with TLS.

    Args:
        file: its state file; None keeps the state in memory.
        options: its settings; None takes those of the state file, else the defaults.
        project: the project that a new sandbox has.
        port: 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """

    def __init__(
        self, file: Path | None = None, options: Options | None = None, project: str = PROJECT, port: int = 0
    ) -> None:
        self._socket = _bound(port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.sandbox = Sandbox(file, options, project)
        self.sandbox.url = self.url
        cluster = _bound(0)
        context, certificate = server_context()
        self.sandbox.cluster_url = f"https://127.0.0.1:{cluster.getsockname()[1]}"
        self.sandbox.cluster_certificate = base64.b64encode(certificate.encode()).decode()
        config = uvicorn.Config(
            create_app(self.sandbox),
            http=self.sandbox.connections.protocol(),
            log_level="error",
            lifespan="off",
            access_log=False,
        )
        self._server = _Server(config, cluster, context)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="sandbox", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError(f"The sandbox did not start to answer on {self.url}.")
            time.sleep(0.002)

    def stop(self) -> None:
        """Stops answering and closes the state file; requests under way get a second."""
        self.sandbox.faults.release()
        self._server.should_exit = True
        self._thread.join(1.0)
        self._server.force_exit = True
        self._thread.join()
        self._socket.close()
        self.sandbox.store.close()
        if self.sandbox.recorder:
            self.sandbox.recorder.close()


def _bound(port: int) -> socket.socket:
    # With its protocol named, asyncio sets TCP_NODELAY on what it accepts; without, each answer waits 40 ms.
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(("127.0.0.1", port))
    except OSError:
        found.close()
        raise
    return found
