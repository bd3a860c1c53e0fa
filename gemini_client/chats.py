"""google-genai's chats over this client: history, curation and function calling are google-genai's own."""

import uuid
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from google.genai import types
from google.genai._api_client import BaseApiClient
from google.genai.chats import AsyncChat, Chat
from google.genai.models import AsyncModels, Models

from gemini_client.bodies import as_gemini
from gemini_client.config import Config
from gemini_client.reply import Chunk, Reply

if TYPE_CHECKING:
    from gemini_client.client import AsyncGeminiClient
    from gemini_client.sync import GeminiClient

# The routes choose the model, not the chat.
_MODEL = "by-route"


class _AsyncModels(AsyncModels):
    """What a chat calls of google-genai's AsyncModels; a chat also asks whether it speaks to Vertex AI."""

    def __init__(self, client: "AsyncGeminiClient", session: str, deadline: float | None) -> None:
        super().__init__(cast(BaseApiClient, SimpleNamespace(vertexai=True)))
        self._client, self._session, self._deadline = client, session, deadline

    async def generate_content(
        self, *, model: str, contents: Any, config: Config = None
    ) -> types.GenerateContentResponse:
        """One message, one answer."""
        reply = await self._client.generate(contents, config=config, session=self._session, deadline=self._deadline)
        return _whole(reply)

    async def generate_content_stream(
        self, *, model: str, contents: Any, config: Config = None
    ) -> AsyncIterator[types.GenerateContentResponse]:
        """One message, an answer in pieces."""
        stream = self._client.stream(contents, config=config, session=self._session, deadline=self._deadline)

        async def pieces() -> AsyncIterator[types.GenerateContentResponse]:
            async with stream:
                async for chunk in stream.chunks():
                    yield as_gemini(chunk)

        return pieces()


class _Models(Models):
    """The same of Models."""

    def __init__(self, client: "GeminiClient", session: str, deadline: float | None) -> None:
        super().__init__(cast(BaseApiClient, SimpleNamespace(vertexai=True)))
        self._client, self._session, self._deadline = client, session, deadline

    def generate_content(self, *, model: str, contents: Any, config: Config = None) -> types.GenerateContentResponse:
        """One message, one answer."""
        return _whole(self._client.generate(contents, config=config, session=self._session, deadline=self._deadline))

    def generate_content_stream(
        self, *, model: str, contents: Any, config: Config = None
    ) -> Iterator[types.GenerateContentResponse]:
        """One message, an answer in pieces."""
        with self._client.stream(contents, config=config, session=self._session, deadline=self._deadline) as stream:
            for chunk in stream.chunks():
                yield as_gemini(chunk)


def _whole(reply: Reply) -> types.GenerateContentResponse:
    return as_gemini(
        Chunk(reply.text, reply.response, reply.finish_reason, reply.usage, reply.model, reply.deployed_model)
    )


def asynchronous(
    client: "AsyncGeminiClient", history: list[Any] | None, config: Config, session: str | None, deadline: float | None
) -> AsyncChat:
    """A chat for AsyncGeminiClient."""
    modules = _AsyncModels(client, session or uuid.uuid4().hex, deadline)
    return AsyncChat(modules=modules, model=_MODEL, config=config, history=history or [])


def synchronous(
    client: "GeminiClient", history: list[Any] | None, config: Config, session: str | None, deadline: float | None
) -> Chat:
    """A chat for GeminiClient."""
    modules = _Models(client, session or uuid.uuid4().hex, deadline)
    return Chat(modules=modules, model=_MODEL, config=config, history=history or [])
