"""As much of GitHub's REST API as scripts/github.py calls, on loopback."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

BOT = {"login": "github-actions[bot]", "type": "Bot"}
PERSON = {"login": "somebody", "type": "User"}
TOKEN = "ghs_token"


@dataclass
class FakeGitHub:
    """`pulls` {number: (head, sha)}, `comments` {number: [{id, body, user}]}, `issues`; `writes` so far."""

    url: str = ""
    pulls: dict[int, tuple[str, str]] = field(default_factory=dict)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    issues: list[dict[str, Any]] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)

    def environ(self) -> dict[str, str]:
        """What GitHub Actions sets."""
        return {"GITHUB_API_URL": self.url, "GITHUB_REPOSITORY": "acme/serving", "GITHUB_TOKEN": TOKEN}

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        """The answer to one call; None where there is nothing."""
        path = path.removeprefix("/repos/acme/serving")
        if method != "GET":
            self.writes.append(f"{method} {path}")
        if path == "/pulls" and query["state"] == "open":
            found = [
                {"number": n, "head": {"sha": sha}} for n, (head, sha) in self.pulls.items() if head == query["head"]
            ]
            return self.page(found, query)
        if path == "/issues":
            return self.page(self.issues, query) if method == "GET" else self.add_issue(body)
        if listed := re.fullmatch(r"/issues/(\d+)/comments", path):
            entries = self.comments.setdefault(int(listed[1]), [])
            if method == "GET":
                return self.page(entries, query)
            entries.append({"id": 1000 + sum(map(len, self.comments.values())), "user": BOT, **body})
            return entries[-1]
        if one := re.fullmatch(r"/issues/comments/(\d+)", path):
            [entry] = [each for entries in self.comments.values() for each in entries if each["id"] == int(one[1])]
            return entry.update(body) or entry
        if one := re.fullmatch(r"/issues/(\d+)", path):
            [entry] = [each for each in self.issues if each["number"] == int(one[1])]
            entry.update(body)
            self.issues = [each for each in self.issues if each.get("state") != "closed"]
            return entry
        return None

    def add_issue(self, body: dict[str, Any]) -> dict[str, Any]:
        number = 1 + max((each["number"] for each in self.issues), default=0)
        self.issues.append({"number": number, "user": BOT, **body})
        return self.issues[-1]

    @staticmethod
    def page(entries: list[Any], query: dict[str, str]) -> list[Any]:
        size, number = int(query["per_page"]), int(query["page"])
        return entries[size * (number - 1) : size * number]


@contextmanager
def fake_github() -> Iterator[FakeGitHub]:
    """It, served."""
    fake = FakeGitHub()

    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            asked = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(asked.query).items()}
            allowed = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            found = fake.answer(self.command, asked.path, query, body) if allowed else None
            self.send_response(200 if found is not None else 404 if allowed else 403)
            self.end_headers()
            self.wfile.write(
                json.dumps(found if found is not None else {"message": "Resource not accessible"}).encode()
            )

        do_GET = do_POST = do_PATCH = do  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
