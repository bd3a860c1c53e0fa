"""Functions and MCP tools that google-genai calls for the model: a call that has called one is not repeated."""

import json
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from gemini_client import Unavailable
from tests.gemini_client.answering import SSE, Answer, Answering, answering
from tests.gemini_client.harness import FALLBACK, World, managed, raised

booked: list[str] = []


def book(table: str) -> str:
    """Books a table."""
    booked.append(table)
    return "done"


async def book_later(table: str) -> str:
    """Books a table."""
    return book(table)


class Session:
    """As mcp.ClientSession, which google-genai knows by its type."""

    async def list_tools(self) -> Any:
        schema = {"type": "object", "properties": {"table": {"type": "string"}}}
        return SimpleNamespace(tools=[SimpleNamespace(name="book", description="Books.", inputSchema=schema)])

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
        book(**arguments)
        return {"content": "done"}


TOOLS = {"function": book, "coroutine": book_later, "mcp": Session()}


def said(part: dict[str, Any], *, stream: bool, finish: str = "STOP") -> Answer:
    found = {"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": finish}]}
    text = json.dumps(found)
    return (200, SSE, f"data: {text}\r\n\r\n".encode()) if stream else (200, "application/json", text.encode())


@pytest.fixture
def server(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
    """In place of Vertex AI and the Developer API; `mcp` is there, with a session of these tests'."""
    mcp, kinds = ModuleType("mcp"), ModuleType("mcp.types")
    vars(mcp).update(ClientSession=Session, types=kinds)
    vars(kinds).update(Tool=type("Tool", (), {}))
    monkeypatch.setitem(sys.modules, "mcp", mcp)
    monkeypatch.setitem(sys.modules, "mcp.types", kinds)
    booked.clear()
    with answering() as running:
        monkeypatch.setenv("SANDBOX_URL", f"http://{running.host}")
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", f"http://{running.host}")
        yield running


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", TOOLS)
def test_a_call_whose_tools_ran_is_not_repeated(world: World, server: Answering, kind: str, stream: bool) -> None:
    name = "book_later" if kind == "coroutine" else "book"
    call = {"functionCall": {"name": name, "args": {"table": "12"}}}
    client = world.client(managed(), managed("other", 0, 2), developer={"model": FALLBACK})
    ask = client.stream if stream else client.ask
    server.first = [said(call, stream=stream), (503, "application/json", b'{"error": {"code": 503}}')]
    server.answer = said({"text": "Booked."}, stream=stream)
    error = raised(lambda: ask("Book a table", config={"tools": [TOOLS[kind]]}))
    assert isinstance(error, Unavailable)
    assert (booked, world.timing.waits, len(server.headers)) == (["12"], [], 2)
    server.first = [said(call, stream=stream)]
    answer = ask("Book a table", config={"tools": [TOOLS[kind]]})
    assert (answer[1] if stream else answer).text == "Booked."


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_whose_tools_have_not_run_is_repeated(world: World, server: Answering, stream: bool) -> None:
    server.first = [(503, "application/json", b"{}"), (503, "application/json", b"{}")]
    server.answer = said({"text": "No need."}, stream=stream)
    client = world.client()
    answer = (client.stream if stream else client.ask)("Book a table", config={"tools": [Session()]})
    assert (answer[1] if stream else answer).text == "No need."
    assert (booked, world.timing.waits) == ([], [2, 4])
