"""The synchronous client: the asynchronous one, run by an event loop in a thread of its own."""

import contextlib
import functools
import os
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import CancelledError, Future
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import anyio
import google.auth.credentials
from anyio.from_thread import BlockingPortal
from google.genai.chats import Chat

from gemini_client import chats
from gemini_client.client import AsyncGeminiClient, AsyncStream
from gemini_client.config import Config
from gemini_client.errors import ConfigurationError
from gemini_client.events import Hook
from gemini_client.options import Options
from gemini_client.reply import Chunk, Reply
from gemini_client.routes import Routes
from gemini_client.secrets import Key
from gemini_client.setup import Arguments
from gemini_client.shared import CLOSED
from gemini_client.timing import Timing

T = TypeVar("T")


class _Worker:
    """The event loop's thread, of one process.

    anyio's start_blocking_portal would wait for its thread when it is garbage, also at the end of a process that forgot
    to close its client, when no thread runs any more.
    """

    def __init__(self, client: AsyncGeminiClient) -> None:
        self.client = client
        self._ready: Future[BlockingPortal] = Future()
        self._thread = threading.Thread(target=anyio.run, args=(self._serve,), name="gemini-client", daemon=True)
        self._thread.start()
        self._portal = self._ready.result()

    async def _serve(self) -> None:
        try:
            async with BlockingPortal() as portal:
                self._ready.set_result(portal)
                await portal.sleep_until_stopped()
        finally:
            await self.client.aclose()

    def run(self, function: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Runs a coroutine function there, and waits. What interrupts the wait (Ctrl-C) cancels it."""
        if threading.current_thread() is self._thread:
            raise ConfigurationError(
                "This client was called from its own event loop's thread, as from `on_event`, and would wait for"
                " itself: hand the work to another thread, or use AsyncGeminiClient."
            )
        try:
            future = self._portal.start_task_soon(function, *arguments)
        except RuntimeError:
            raise ConfigurationError("This client has been closed.") from None
        try:
            return future.result()
        except CancelledError:
            raise ConfigurationError(CLOSED) from None
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        """Ends what is under way, and then the thread; waits for neither."""
        with contextlib.suppress(RuntimeError):  # stopped before, or called by the thread itself
            self._portal.start_task_soon(self._portal.stop, True)

    def close(self) -> None:
        """Ends what is under way, and the thread."""
        self.stop()
        self._thread.join()


class Stream:
    """An answer as it comes: iterate it for texts. Closing it, or leaving its `with` block, ends the request.

    `reply` is what has come so far; whole, with finish reason and usage, once the iteration has ended.
    """

    def __init__(self, worker: _Worker, stream: AsyncStream) -> None:
        self._worker, self._stream = worker, stream

    @property
    def reply(self) -> Reply:
        """Text, finish reason, usage, model and route."""
        return self._stream.reply

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        """The next text.

        Raises:
            GeminiClientError: see errors.py; StreamInterrupted once a text has been given out.
        """
        text: str | None = self._worker.run(_next, self._stream)
        if text is None:
            raise StopIteration
        return text

    def responses(self) -> Iterator[Any]:
        """The pieces as google-genai's GenerateContentResponse (or the JSON of own models) instead of their texts."""
        for chunk in self.chunks():
            yield chunk.response

    def chunks(self) -> Iterator[Chunk]:
        """The pieces with all that is known of each."""
        pieces = self._stream.chunks()
        while (chunk := self._worker.run(_next, pieces)) is not None:
            yield chunk

    def close(self) -> None:
        """Ends the request; what is held for it is free again."""
        with contextlib.suppress(ConfigurationError):  # the client was closed, and the stream with it
            self._worker.run(self._stream.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class GeminiClient:
    """AsyncGeminiClient without `await`: the same arguments, the same behaviour, from any number of threads.

    Its event loop runs in a thread that the first call starts and `close` ends. A forked process starts its own.
    """

    def __init__(
        self,
        routes: Routes | None = None,
        *,
        options: Options | None = None,
        credentials: google.auth.credentials.Credentials | None = None,
        api_key: str | Key | None = None,
        timing: Timing | None = None,
        on_event: Hook | None = None,
        tracer_provider: Any = None,
        meter_provider: Any = None,
    ) -> None:
        api_key = Key.unchecked(api_key)
        self._make = functools.partial(
            AsyncGeminiClient,
            routes,
            options=options,
            credentials=credentials,
            api_key=api_key,
            timing=timing,
            on_event=on_event,
            tracer_provider=tracer_provider,
            meter_provider=meter_provider,
        )
        self._client = self._make()
        self._worker: _Worker | None = None
        self._lock = threading.Lock()
        _all.add(self)

    @classmethod
    def from_env(cls, **arguments: Unpack[Arguments]) -> Self:
        """A client whose routes the environment names; the arguments are the constructor's but `routes`."""
        arguments["api_key"] = Key.unchecked(arguments.get("api_key"))
        return cls(None, **arguments)

    def generate(
        self,
        contents: Any,
        *,
        config: Config = None,
        session: str | None = None,
        deadline: float | None = None,
    ) -> Reply:
        """One whole answer; see AsyncGeminiClient.generate."""

        async def ask(client: AsyncGeminiClient) -> Reply:
            return await client.generate(contents, config=config, session=session, deadline=deadline)

        worker = self._running()
        return worker.run(ask, worker.client)

    def stream(
        self,
        contents: Any,
        *,
        config: Config = None,
        session: str | None = None,
        deadline: float | None = None,
    ) -> Stream:
        """An answer as it comes; see AsyncGeminiClient.stream."""

        async def begin(client: AsyncGeminiClient) -> AsyncStream:
            return client.stream(contents, config=config, session=session, deadline=deadline)

        worker = self._running()
        return Stream(worker, worker.run(begin, worker.client))

    def chat(
        self,
        *,
        history: list[Any] | None = None,
        config: Config = None,
        session: str | None = None,
        deadline: float | None = None,
    ) -> Chat:
        """google-genai's Chat, answered through this client; see AsyncGeminiClient.chat."""
        return chats.synchronous(self, history, config, session, deadline)

    def check(self, *, deadline: float | None = None) -> None:
        """Routes, a token, the API key; see AsyncGeminiClient.check."""
        worker = self._running()
        worker.run(functools.partial(worker.client.check, deadline=deadline))

    def state(self) -> dict[str, Any]:
        """Routes, circuit breakers, bounds and the retry budget as plain data; no key in it."""

        async def look(client: AsyncGeminiClient) -> dict[str, Any]:
            return client.state()

        worker = self._running()
        return worker.run(look, worker.client)

    def close(self) -> None:
        """Ends what is under way, the connections and the thread. The client may be used again."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _running(self) -> _Worker:
        with self._lock:
            if self._worker is None:
                self._worker = _Worker(self._client)
                weakref.finalize(self, self._worker.stop).atexit = False
            return self._worker

    def _forked(self) -> None:
        # Threads do not live on in a child; neither may it use the parent's connections, nor wait for its lock.
        self._lock = threading.Lock()
        if self._worker is not None:
            self._worker, self._client = None, self._make()


async def _next(pieces: Any) -> Any:
    """The next piece, None at the end: StopAsyncIteration does not travel between threads."""
    return await anext(pieces, None)


_all: "weakref.WeakSet[GeminiClient]" = weakref.WeakSet()


def _after_fork() -> None:
    for client in list(_all):
        client._forked()


os.register_at_fork(after_in_child=_after_fork)
