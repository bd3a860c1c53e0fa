"""The service on a port of its own, and what it answers, taken apart."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import uvicorn

from chat_service.app import Service
from chat_service.settings import Settings
from gemini_client import AsyncGeminiClient

TALK = "Say something that takes several pieces."
Event = tuple[str, dict[str, Any]]


class Running:
    """The service in a thread: its address, its client, and how to stop it."""

    def __init__(self, client: AsyncGeminiClient, settings: Settings) -> None:
        self.client = client
        application = Service(client, settings).application()
        config = uvicorn.Config(
            application, port=0, log_config=None, access_log=False, timeout_graceful_shutdown=settings.stop_seconds
        )
        self._server = uvicorn.Server(config)
        self._began = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="chat-service")
        self._thread.start()
        assert self._began.wait(30)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.http = httpx.Client(base_url=self.url, timeout=60, trust_env=False)

    async def _serve(self) -> None:
        serving = asyncio.create_task(self._server._serve())
        while not self._server.started and not serving.done():
            await asyncio.sleep(0.005)
        self._began.set()
        await serving

    def ask(self, text: str = TALK, **fields: Any) -> httpx.Response:
        """POST /v1/chat with one message, read to its end."""
        return self.http.post("/v1/chat", json=body(text, **fields))

    def events(self, text: str = TALK, **fields: Any) -> list[Event]:
        """The events of a whole answer."""
        answer = self.ask(text, **fields)
        assert answer.status_code == 200, answer.text
        return events_of(answer.text)

    @contextlib.contextmanager
    def raw(self, asked: dict[str, Any]) -> Iterator[socket.socket]:
        """A connection on which POST /v1/chat has been sent; at the end of the block the caller is gone."""
        content = json.dumps(asked)
        with socket.create_connection(("127.0.0.1", httpx.URL(self.url).port or 0), timeout=60) as connection:
            head = f"POST /v1/chat HTTP/1.1\r\nHost: chat\r\nContent-Length: {len(content)}\r\n\r\n"
            connection.sendall((head + content).encode())
            yield connection

    def state(self) -> Any:
        """GET /state."""
        return self.http.get("/state").json()

    def begin_to_stop(self) -> None:
        """What SIGTERM does."""
        self._server.should_exit = True

    def wait(self) -> None:
        """Until it has stopped."""
        self._thread.join(60)
        assert not self._thread.is_alive()

    def close(self) -> None:
        """Stop, and wait for it."""
        self.http.close()
        self.begin_to_stop()
        self.wait()


@contextlib.contextmanager
def serving(client: AsyncGeminiClient, settings: Settings | None = None) -> Iterator[Running]:
    """The service for the length of the block."""
    running = Running(client, settings or Settings(stop_seconds=5))
    try:
        yield running
    finally:
        running.close()


def body(text: str = TALK, **fields: Any) -> dict[str, Any]:
    """A request with one message."""
    return {"messages": [{"role": "user", "text": text}], **fields}


def events_of(text: str) -> list[Event]:
    """Name and data of each server-sent event; comments are left out."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found
