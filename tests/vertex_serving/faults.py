"""A transport that goes wrong when a test says so, between the provider and the sandbox."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from tests.vertex_serving.harness import World
from vertex_serving.provider.failures import Uncertain, Unreachable
from vertex_serving.provider.transport import GoogleTransport
from vertex_serving.provider.vertex import Answer, Json

Send = Callable[[], Answer]
Fault = Callable[[Send], Answer]


class Faults:
    """Sends requests on to the sandbox, but for those that a test has a fault for.

    Args:
        world: The sandbox.
    """

    def __init__(self, world: World) -> None:
        self._transport = GoogleTransport(world.sandbox.env)
        self._ordered: list[tuple[str, Fault]] = []
        self._lock = threading.Lock()
        self.sent: list[str] = []

    def on(self, call: str, *faults: Fault) -> None:
        """Let the next requests whose `METHOD path` contains a text go wrong, one after the other."""
        self._ordered += [(call, fault) for fault in faults]

    def __call__(self, method: str, url: str, query: Mapping[str, str], body: Json | None) -> Answer:
        line = f"{method} {url}"
        with self._lock:
            self.sent.append(line)
            found = next((one for one in self._ordered if one[0] in line), None)
            if found:
                self._ordered.remove(found)

        def send() -> Answer:
            return self._transport(method, url, query, body)

        return found[1](send) if found else send()


def answering(status: int, name: str, message: str, headers: Mapping[str, str] = {}, details: Any = ()) -> Fault:
    """Answer with an error of Google's instead of sending."""
    error = {"code": status, "status": name, "message": message, "details": list(details)}
    return lambda _: Answer(status, headers, {"error": error}, message)


def saying(status: int, text: str) -> Fault:
    """Answer with something that is not Google's."""
    return lambda _: Answer(status, {}, None, text)


def refusing(_: Send) -> Answer:
    """No connection is made."""
    raise Unreachable("aiplatform cannot be reached: connection refused.")


def losing_the_answer(send: Send) -> Answer:
    """The request arrives and is done; the answer is lost."""
    send()
    raise Uncertain("The connection to aiplatform was lost.")


def losing_the_request(_: Send) -> Answer:
    """The request is lost, and nobody can tell."""
    raise Uncertain("The connection to aiplatform was lost.")


class Hanging:
    """Lets a request wait until a test releases it."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.release = threading.Event()

    def __call__(self, send: Send) -> Answer:
        self.reached.set()
        self.release.wait(60)
        return send()
