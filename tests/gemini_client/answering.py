"""A server that answers as it is told, for what no fault of the sandbox's does: answers that are half wrong."""

import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SSE = "text/event-stream"
Answer = tuple[int, str, bytes]


def event(*texts: str, finish: str = "", **fields: Any) -> bytes:
    """One event of a stream of generateContent; without texts and a reason one that has the other fields only."""
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text} for text in texts]}}
    candidate |= {"finishReason": finish} if finish else {}
    found = ({"candidates": [candidate]} if texts or finish else {}) | fields
    return f"data: {json.dumps(found)}\r\n\r\n".encode()


class Answering(ThreadingHTTPServer):
    """On a free port of loopback. `first` is what the first requests get, `answer` all others; `headers` are theirs."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.first: list[Answer] = []
        self.answer: Answer = (500, "text/plain", b"")
        self.headers: list[dict[str, str]] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Answering

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        status, kind, body = self.server.first.pop(0) if self.server.first else self.server.answer
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Says nothing."""


@contextlib.contextmanager
def answering(tls: ssl.SSLContext | None = None) -> Iterator[Answering]:
    """A server for the length of a `with` block, with TLS where a context is given."""
    server = Answering()
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
