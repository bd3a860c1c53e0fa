"""A sandbox served on loopback by a thread of this process."""

import socket
import threading
import time
from pathlib import Path

import uvicorn

from sandbox.core import PROJECT, Sandbox
from sandbox.options import Options
from sandbox.server import create_app

_START_SECONDS = 30.0


class RunningSandbox:
    """A sandbox that answers on http://127.0.0.1:`port` until `stop` is called.

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
        # With its protocol named, asyncio sets TCP_NODELAY on what it accepts; without, each answer waits 40 ms.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind(("127.0.0.1", port))
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.sandbox = Sandbox(file, options, project)
        self.sandbox.url = self.url
        config = uvicorn.Config(
            create_app(self.sandbox),
            http=self.sandbox.connections.protocol(),
            log_level="error",
            lifespan="off",
            access_log=False,
        )
        self._server = uvicorn.Server(config)
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
