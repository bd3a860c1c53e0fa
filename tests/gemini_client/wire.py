"""A server between the client and the sandbox: it notes what was sent, and may answer itself, as a proxy does."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests


@dataclass
class Sent:
    """One request: path, headers and JSON."""

    path: str
    headers: Message
    body: Any


@dataclass
class Wire:
    """What went over it, and the status with which it answers itself in HTML; 0 has the sandbox answer."""

    sent: list[Sent] = field(default_factory=list)
    status: int = 0


@contextmanager
def wired(sandbox: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """Google's hosts of this process lead through it, but for the Developer API's."""
    wire = Wire()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            wire.sent.append(Sent(self.path, self.headers, json.loads(body)))
            status, content, kind = wire.status, b"<html>Bad Gateway</html>", "text/html"
            if not status:
                kept = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                got = requests.post(sandbox + self.path, data=body, headers=kept, timeout=30)
                status, content, kind = got.status_code, got.content, got.headers["Content-Type"]
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("SANDBOX_URL", f"http://127.0.0.1:{server.server_port}")
    try:
        yield wire
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
