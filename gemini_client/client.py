"""The asynchronous client."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from types import TracebackType
from typing import Any, Self, Unpack

import anyio
import google.auth.credentials
from google.genai.chats import AsyncChat

from gemini_client import chats
from gemini_client.config import Config
from gemini_client.core import Core
from gemini_client.engine import Call
from gemini_client.errors import ConfigurationError, DeadlineExceeded
from gemini_client.events import Hook
from gemini_client.options import Options
from gemini_client.reply import Chunk, Reply
from gemini_client.routes import Routes
from gemini_client.secrets import Key
from gemini_client.setup import Arguments, Setup
from gemini_client.timing import Timing


class AsyncStream:
    """An answer as it comes: iterate it for texts. Closing it, or leaving its `async with` block, ends the request.

    `reply` is what has come so far; whole, with finish reason and usage, once the iteration has ended.
    """

    def __init__(self, call: Call, pieces: AsyncGenerator[Chunk, None]) -> None:
        self._call, self._pieces = call, pieces
        self._reader: asyncio.Task[Any] | None = None
        self._idle = asyncio.Event()
        self._closed = False

    @property
    def reply(self) -> Reply:
        """Text, finish reason, usage, model and route."""
        return self._call.reply

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        """The next text.

        Raises:
            GeminiClientError: see errors.py; StreamInterrupted once a text has been given out.
        """
        while (chunk := await self._take()) is not None:
            if chunk.text:
                return chunk.text
        raise StopAsyncIteration

    async def responses(self) -> AsyncIterator[Any]:
        """The pieces as google-genai's GenerateContentResponse (or the JSON of own models) instead of their texts."""
        async for chunk in self.chunks():
            yield chunk.response

    async def chunks(self) -> AsyncIterator[Chunk]:
        """The pieces with all that is known of each."""
        self._call.raw = True
        while (chunk := await self._take()) is not None:
            yield chunk

    async def aclose(self) -> None:
        """Ends the request; what is held for it is free again. For a reader that waits, the stream ends."""
        self._closed = True
        with anyio.CancelScope(shield=True):
            if self._reader is not None:
                self._reader.cancel()
                await self._idle.wait()
            await self._pieces.aclose()

    async def _take(self) -> Chunk | None:
        """The next piece, None at the end."""
        if self._reader is not None:
            raise ConfigurationError("This stream is being read elsewhere: one task or thread at a time reads it.")
        self._reader = task = asyncio.current_task()
        self._idle.clear()
        try:
            return await anext(self._pieces, None)
        except asyncio.CancelledError:
            # `aclose` cancelled the wait, not the task; another cancellation is the caller's own.
            if not self._closed or task is None or task.uncancel() > 0:
                raise
            return None
        finally:
            self._reader = None
            self._idle.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


class AsyncGeminiClient:
    """Calls Gemini and models like it by their routes, and stays up. GeminiClient does the same without `await`.

    One client serves any number of calls at a time, in one event loop. Close it, or use `async with`.

    Args:
        routes: where models are; None reads GEMINI_ROUTES_FILE, or GCP_PROJECT_ID, GCP_REGION and VERTEX_ENDPOINT_ID.
        options: deadline, retries, breakers, bounds; see Options for the defaults.
        credentials: for Vertex AI; None for Application Default Credentials.
        api_key: of the Gemini Developer API; None reads GEMINI_API_KEY_SECRET, GEMINI_API_KEY_FILE or GEMINI_API_KEY.
        timing: clock, sleep and chance; for tests.
        on_event: called with each Event, in the event loop: keep it short.
        tracer_provider: OpenTelemetry's; None for the global one. Used where opentelemetry-api is installed.
        meter_provider: likewise.

    Raises:
        ConfigurationError: no routes, or bad ones.
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
        self._setup = Setup.make(
            routes,
            options=options,
            credentials=credentials,
            api_key=api_key,
            timing=timing,
            on_event=on_event,
            tracer_provider=tracer_provider,
            meter_provider=meter_provider,
        )
        self._core: Core | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @classmethod
    def from_env(cls, **arguments: Unpack[Arguments]) -> Self:
        """A client whose routes the environment names; the arguments are the constructor's but `routes`."""
        arguments["api_key"] = Key.unchecked(arguments.get("api_key"))
        return cls(None, **arguments)

    async def generate(
        self,
        contents: Any,
        *,
        config: Config = None,
        session: str | None = None,
        deadline: float | None = None,
    ) -> Reply:
        """One whole answer.

        Args:
            contents: a prompt, or all that google-genai takes as contents; for own models a mapping is the body itself.
            config: google-genai's GenerateContentConfig, or a dict of its fields, over the defaults field by field.
            session: calls of the same session take the same route while weights allow; None leaves it to chance.
            deadline: seconds for the whole call; None for Options.deadline.

        Raises:
            GeminiClientError: see errors.py.
        """
        call = self._begin(contents, config, stream=False, session=session, deadline=deadline)
        pieces = self._ready().engine.run(call)
        try:
            async for _ in pieces:
                pass
        finally:
            with anyio.CancelScope(shield=True):
                await pieces.aclose()
        return call.reply

    def stream(
        self,
        contents: Any,
        *,
        config: Config = None,
        session: str | None = None,
        deadline: float | None = None,
    ) -> AsyncStream:
        """An answer as it comes; the arguments are those of `generate`. Nothing is sent before it is iterated."""
        call = self._begin(contents, config, stream=True, session=session, deadline=deadline)
        return AsyncStream(call, self._ready().engine.run(call))

    def chat(
        self,
        *,
        history: list[Any] | None = None,
        config: Config = None,
        session: str | None = None,
        deadline: float | None = None,
    ) -> AsyncChat:
        """google-genai's AsyncChat (`send_message`, `send_message_stream`, `get_history`) over this client.

        Args:
            history: contents to begin with.
            config: for every message.
            session: as of `generate`; a chat without one gets its own, so that one model carries the conversation.
            deadline: seconds for each message with its answer; None for Options.deadline.
        """
        return chats.asynchronous(self, history, config, session, deadline)

    async def check(self, *, deadline: float | None = None) -> None:
        """What a process does before it says that it is ready: routes, a token. No model is called.

        The key of the Developer API is read as well. Where that fails the process can still answer, so it is ready; the
        failure is an event and a log record at level ERROR, and `state()` has it, to be mended before an outage.

        Args:
            deadline: seconds that it may take; None for Options.deadline.

        Raises:
            DeadlineExceeded: it took longer.
            ConfigurationError: there are no good routes.
            CredentialsError: there is no token.
        """
        seconds = self._setup.options.deadline if deadline is None else deadline
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self._ready().check()
        raise DeadlineExceeded(f"The check was not done in {seconds:g} s: a token, or the API key, does not come.")

    def state(self) -> dict[str, Any]:
        """Routes, circuit breakers, bounds and the retry budget as plain data; no key in it."""
        return self._ready().state()

    async def aclose(self) -> None:
        """Closes the connections, and ends what is under way with ConfigurationError.

        The client may be used again, also in another event loop; it then opens new connections.

        Raises:
            ConfigurationError: it belongs to another event loop, which still runs.
        """
        if self._core is not None and self._loop is not asyncio.get_running_loop() and not self._ended():
            raise ConfigurationError("This AsyncGeminiClient belongs to another event loop: close it there.")
        core, self._core = self._core, None
        # The connections of a loop that has been closed ended with it.
        if core is not None and not self._ended():
            with anyio.CancelScope(shield=True):
                await core.aclose()

    def _ended(self) -> bool:
        return self._loop is not None and self._loop.is_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def _begin(
        self, contents: Any, config: Config, *, stream: bool, session: str | None, deadline: float | None
    ) -> Call:
        return self._ready().begin(contents, config, stream=stream, session=session, deadline=deadline)

    def _ready(self) -> Core:
        """What is behind the client, made in the event loop that asks first."""
        loop = asyncio.get_running_loop()
        if self._core is None:
            self._core, self._loop = self._setup.core(), loop
        elif self._loop is not loop:
            raise ConfigurationError(
                "This AsyncGeminiClient belongs to another event loop: make one in each, or close it before."
            )
        return self._core
