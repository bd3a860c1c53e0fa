"""What the client's tests share: a clock that needs no time, and one way to call the sync and the async client."""

import asyncio
import contextlib
import gc
import json
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import requests

from gemini_client import AsyncGeminiClient, Event, GeminiClient, GeminiClientError, Reply, Routes
from gemini_client.routes import read
from sandbox.testing import SandboxHandle

T = TypeVar("T")
Json = dict[str, Any]
MODEL = "gemini-3.5-flash"
FALLBACK = "gemini-3.1-flash-lite"
TALK = "Say something that takes several pieces."
VERTEX_CALLS = "aiplatform.*enerateContent"
GENERATE = "aiplatform.projects.locations.publishers.models.generateContent"
STREAM = "aiplatform.projects.locations.publishers.models.streamGenerateContent"


class FakeTiming:
    """A clock that only sleeping, or `advance`, moves. `chance` is what random gives."""

    def __init__(self) -> None:
        self.at = 1_000.0
        self.waits: list[float] = []
        self.chance = 0.0

    def now(self) -> float:
        return self.at

    def wall(self) -> float:
        return self.at + 1_800_000_000

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.at += seconds
        await asyncio.sleep(0)

    def random(self) -> float:
        return self.chance

    def advance(self, seconds: float) -> None:
        self.at += seconds


Outcome = Reply | GeminiClientError
Beside = tuple[Outcome, list[Outcome]]


class Caller(Protocol):
    """The client of either kind, seen from a test."""

    def ask(self, contents: Any = "2 + 2", **how: Any) -> Reply:
        """generate."""

    def stream(self, contents: Any = TALK, **how: Any) -> tuple[list[str], Reply]:
        """stream, to its end."""

    def begin(self, contents: Any = TALK, **how: Any) -> Any:
        """A stream of which the first text has been taken, then closed; that text."""

    def later(self, seconds: float, **how: Any) -> str:
        """The text of a stream that is used only so long after it was made."""

    def read(self, contents: Any, between: Callable[[Reply], Any], **how: Any) -> tuple[list[str], Reply]:
        """The texts of a stream's chunks, doing something after each."""

    def drop(self) -> None:
        """Takes the first text of a stream and leaves the rest to the garbage collector."""

    def beside(self, begun: Callable[[], bool], others: int, release: Callable[[], None]) -> "Beside":
        """One call that hangs; once it has begun, others at a time beside it; what became of it after `release`."""

    def responses(self, contents: Any = TALK, **how: Any) -> list[Any]:
        """stream(...).responses()."""

    def chat(self, messages: list[str], **how: Any) -> tuple[list[Any], list[Any]]:
        """The answers to messages of one chat, the last one streamed, and the history."""

    def check(self) -> None:
        """check()."""

    def state(self) -> Json:
        """state()."""


class SyncCaller:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.client, self.timing = GeminiClient(*args, **kwargs), kwargs["timing"]

    def ask(self, contents: Any = "2 + 2", **how: Any) -> Reply:
        return self.client.generate(contents, **how)

    def stream(self, contents: Any = TALK, **how: Any) -> tuple[list[str], Reply]:
        stream = self.client.stream(contents, **how)
        return list(stream), stream.reply

    def begin(self, contents: Any = TALK, **how: Any) -> Any:
        with self.client.stream(contents, **how) as stream:
            return next(stream)

    def later(self, seconds: float, **how: Any) -> str:
        stream = self.client.stream("2 + 2", **how)
        self.timing.advance(seconds)
        return "".join(stream)

    def read(self, contents: Any, between: Callable[[Reply], Any], **how: Any) -> tuple[list[str], Reply]:
        texts, stream = [], self.client.stream(contents, **how)
        for chunk in stream.chunks():
            texts.append(chunk.text)
            between(stream.reply)
        return texts, stream.reply

    def drop(self) -> None:
        stream = self.client.stream(TALK)
        next(stream)
        del stream
        gc.collect()

    def outcome(self) -> Outcome:
        try:
            return self.ask()
        except GeminiClientError as error:
            return error

    def beside(self, begun: Callable[[], bool], others: int, release: Callable[[], None]) -> Beside:
        with ThreadPoolExecutor(others + 1) as threads:
            first = threads.submit(self.outcome)
            while not begun():
                pass
            rest = list(threads.map(lambda _: self.outcome(), range(others)))
            release()
            return first.result(), rest

    def responses(self, contents: Any = TALK, **how: Any) -> list[Any]:
        return list(self.client.stream(contents, **how).responses())

    def chat(self, messages: list[str], **how: Any) -> tuple[list[Any], list[Any]]:
        chat = self.client.chat(**how)
        answers: list[Any] = [chat.send_message(message) for message in messages[:-1]]
        return [*answers, list(chat.send_message_stream(messages[-1]))], chat.get_history()

    def check(self) -> None:
        self.client.check()

    def state(self) -> Json:
        return self.client.state()

    def close(self) -> None:
        self.client.close()


class AsyncCaller:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.client, self.timing = AsyncGeminiClient(*args, **kwargs), kwargs["timing"]
        self.runner = asyncio.Runner()

    def ask(self, contents: Any = "2 + 2", **how: Any) -> Reply:
        return self.runner.run(self.client.generate(contents, **how))

    def stream(self, contents: Any = TALK, **how: Any) -> tuple[list[str], Reply]:
        async def whole() -> tuple[list[str], Reply]:
            stream = self.client.stream(contents, **how)
            return [text async for text in stream], stream.reply

        return self.runner.run(whole())

    def begin(self, contents: Any = TALK, **how: Any) -> Any:
        async def first() -> str:
            async with self.client.stream(contents, **how) as stream:
                return await anext(stream)

        return self.runner.run(first())

    def later(self, seconds: float, **how: Any) -> str:
        async def begun() -> str:
            stream = self.client.stream("2 + 2", **how)
            self.timing.advance(seconds)
            return "".join([text async for text in stream])

        return self.runner.run(begun())

    def read(self, contents: Any, between: Callable[[Reply], Any], **how: Any) -> tuple[list[str], Reply]:
        async def slowly() -> tuple[list[str], Reply]:
            texts, stream = [], self.client.stream(contents, **how)
            async for chunk in stream.chunks():
                texts.append(chunk.text)
                between(stream.reply)
            return texts, stream.reply

        return self.runner.run(slowly())

    def drop(self) -> None:
        async def dropped() -> None:
            stream = self.client.stream(TALK)
            await anext(stream)
            del stream
            gc.collect()

        self.runner.run(dropped())

    def beside(self, begun: Callable[[], bool], others: int, release: Callable[[], None]) -> Beside:
        async def outcome() -> Outcome:
            try:
                return await self.client.generate("2 + 2")
            except GeminiClientError as error:
                return error

        async def both() -> Beside:
            first = asyncio.create_task(outcome())
            while not begun():
                await asyncio.sleep(0)
            rest = await asyncio.gather(*(outcome() for _ in range(others)))
            release()
            return await first, rest

        return self.runner.run(both())

    def responses(self, contents: Any = TALK, **how: Any) -> list[Any]:
        async def whole() -> list[Any]:
            return [response async for response in self.client.stream(contents, **how).responses()]

        return self.runner.run(whole())

    def chat(self, messages: list[str], **how: Any) -> tuple[list[Any], list[Any]]:
        async def talk() -> tuple[list[Any], list[Any]]:
            chat = self.client.chat(**how)
            answers: list[Any] = [await chat.send_message(message) for message in messages[:-1]]
            pieces = [piece async for piece in await chat.send_message_stream(messages[-1])]
            return [*answers, pieces], chat.get_history()

        return self.runner.run(talk())

    def check(self) -> None:
        self.runner.run(self.client.check())

    def state(self) -> Json:
        async def look() -> Json:
            return self.client.state()

        return self.runner.run(look())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def close(self) -> None:
        self.runner.run(self.client.aclose())
        self.runner.close()


KINDS: dict[str, Callable[..., Any]] = {"sync": SyncCaller, "async": AsyncCaller}


class World:
    """A sandbox, and clients of one kind that call it."""

    def __init__(self, sandbox: SandboxHandle, kind: str, timing: FakeTiming) -> None:
        self.sandbox, self.kind, self.timing = sandbox, kind, timing
        self.events: list[Event] = []
        self._open = contextlib.ExitStack()

    def client(self, *routes: Json, developer: Json | None = None, **arguments: Any) -> Any:
        """A client of these routes (one managed one where none is given), with the clock of the test."""
        found = self.routes(*(routes or (managed(),)), developer=developer)
        return self.made(found, **arguments)

    def from_env(self, **arguments: Any) -> Any:
        """A client of the environment's routes."""
        return self.made(None, **arguments)

    def made(self, found: Routes | None, **arguments: Any) -> Any:
        made = KINDS[self.kind](found, **{"timing": self.timing, "on_event": self.events.append, **arguments})
        self._open.callback(made.close)
        return made

    def routes(self, *routes: Json, developer: Json | None = None) -> Routes:
        found: Json = {"version": 1, "project": self.sandbox.project, "routes": list(routes)}
        return read(found | ({"developerApi": developer} if developer else {}), "the test")

    def order(self, *faults: Json) -> None:
        """Orders faults in place of those that are there."""
        response = requests.put(f"{self.sandbox.url}/_sandbox/faults", json=list(faults), timeout=30)
        assert response.status_code == 200, response.text

    def counts(self) -> list[tuple[int, int]]:
        """How many calls each fault has seen and struck."""
        shown = requests.get(f"{self.sandbox.url}/_sandbox/faults", timeout=30).json()["faults"]
        return [(each["seen"], each["struck"]) for each in shown]

    def calls(self, part: str = "enerateContent") -> list[Json]:
        """The calls whose method's name has this part."""
        return [call for call in self.sandbox.calls() if part in call["method"]]

    def seen(self, kind: str) -> list[Event]:
        """The events of a kind."""
        return [event for event in self.events if event.kind == kind]

    def close(self) -> None:
        self._open.close()


def managed(name: str = "flash", weight: float = 100, order: int | None = 1, **fields: Any) -> Json:
    """A managed route."""
    route: Json = {"name": name, "serving": "managed", "model": MODEL, "location": "global", "weight": weight}
    return route | ({"fallbackOrder": order} if order is not None else {}) | fields


def raised(call: Callable[[], Any]) -> GeminiClientError:
    """The client's error that a call ends with."""
    try:
        call()
    except GeminiClientError as error:
        return error
    raise AssertionError("no error was raised")


@contextlib.contextmanager
def closing(world: World) -> Iterator[World]:
    try:
        yield world
    finally:
        world.close()


def dumped(value: Any) -> str:
    return json.dumps(value, default=str)
