"""How the plugins' HTTP client bears what a service may answer, against a server that answers as it is told."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sandbox.standin import rest
from sandbox.standin.rest import Rest, RestError

Answer = tuple[int, bytes]
QUOTA = (429, json.dumps({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "slower"}}).encode())
DONE = (200, b'{"done": true}')


@pytest.fixture
def answers() -> list[Answer]:
    """What the server answers, one after the other; status 0 drops the connection."""
    return []


@pytest.fixture
def client(answers: list[Answer], monkeypatch: pytest.MonkeyPatch) -> Iterator[Rest]:
    monkeypatch.setattr(rest, "_FIRST_PAUSE", 0.001)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, body = answers.pop(0)
            if not code:
                self.connection.close()
                return
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made = Rest(f"http://127.0.0.1:{server.server_port}", "token", threading.Event())
    yield made
    made.close()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("code", [429, 500, 502, 503])
def test_quota_and_outage_answers_are_tried_again(client: Rest, answers: list[Answer], code: int) -> None:
    answers += [(code, b"{}"), (code, b"{}"), DONE]
    assert client.call("POST", "v1/x", {}) == {"done": True}


def test_the_last_of_five_refusals_is_told(client: Rest, answers: list[Answer]) -> None:
    answers += [QUOTA] * 5
    with pytest.raises(RestError, match="GET v1/x was refused with 429 RESOURCE_EXHAUSTED: slower") as caught:
        client.call("GET", "v1/x")
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert answers == []


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 501])
def test_other_refusals_are_final(client: Rest, answers: list[Answer], code: int) -> None:
    answers += [(code, b"no JSON at all"), DONE]
    with pytest.raises(RestError, match=f"refused with {code}: no JSON at all"):
        client.call("GET", "v1/x")
    assert answers == [DONE]


def test_only_a_get_is_sent_again_when_its_answer_is_lost(client: Rest, answers: list[Answer]) -> None:
    answers += [(0, b""), DONE]
    assert client.call("GET", "v1/x") == {"done": True}
    answers += [(0, b""), DONE]
    with pytest.raises(RestError, match="POST v1/x got no answer"):
        client.call("POST", "v1/x", {})
    assert answers == [DONE]


def test_a_kubernetes_status_is_told_by_its_reason(client: Rest, answers: list[Answer]) -> None:
    status = {"kind": "Status", "message": 'namespaces "x" not found', "reason": "NotFound", "code": 404}
    answers.append((404, json.dumps(status).encode()))
    with pytest.raises(RestError, match='404 NotFound: namespaces "x" not found'):
        client.call("GET", "api/v1/namespaces/x")


def test_find_tells_absence_from_refusal(client: Rest, answers: list[Answer]) -> None:
    answers += [(404, b"{}"), (403, b"{}")]
    assert client.find("v1/x") is None
    with pytest.raises(RestError):
        client.find("v1/x")


def test_poll_ends_with_the_first_answer_or_its_time(client: Rest) -> None:
    seen: list[int] = []

    def third_time() -> dict[str, int] | None:
        seen.append(1)
        return {"looks": len(seen)} if len(seen) == 3 else None

    assert client.poll(third_time, 60, "It") == {"looks": 3}
    never: Callable[[], None] = lambda: None  # noqa: E731
    with pytest.raises(RestError, match=r"It was not done after 0.01 s\. It may still finish"):
        client.poll(never, 0.01, "It")
