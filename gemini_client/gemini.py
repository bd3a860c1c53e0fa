"""Gemini by google-genai: managed models, tuned ones on an endpoint, and the Gemini Developer API."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import anyio
import pydantic
from google import genai
from google.genai import types

from gemini_client.errors import GeminiClientError
from gemini_client.failures import Translator
from gemini_client.http import Http, Opened
from gemini_client.reply import Chunk, Usage
from gemini_client.request import Request
from gemini_client.transport import DEPLOYED_MODEL

_EMPTY = types.Part(text="")


class GeminiTransport:
    """`generateContent` and `streamGenerateContent`.

    Args:
        model: what google-genai takes as one: an id, or an endpoint's full name.
        client: makes google-genai's client; called for each attempt with the seconds that are left, and so
            renews a token or reads a key.
        translator: makes errors of the route.
        name_of: names a deployed model by its id.
    """

    def __init__(
        self,
        model: str,
        client: Callable[[float], Awaitable[genai.Client]],
        translator: Translator,
        name_of: Callable[[str], str] = str,
    ) -> None:
        self._model, self._client, self._translator, self._name_of = model, client, translator, name_of

    async def chunks(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """See Transport."""
        client = await self._client(request.left())
        opened = Opened()
        begun, ended = False, not request.stream
        failure = None
        try:
            asked: dict[str, Any] = {
                "model": self._model,
                "contents": request.contents,
                "config": request.config,
            }
            if request.stream:
                async for response in await client.aio.models.generate_content_stream(**asked):
                    chunk = chunk_of(response, self._name_of)
                    begun, ended = True, ended or bool(chunk.finish_reason)
                    yield chunk
            else:
                yield chunk_of(await client.aio.models.generate_content(**asked), self._name_of)
        except Exception as error:
            # Raised below, outside of this block: google-genai's error holds the request with its headers.
            failure = self._translator.of(error, begun=begun) or self._unreadable(error, opened)
            if failure is None:
                raise
        finally:
            # google-genai sends another request only with what functions, or an MCP server's tools, gave back.
            request.functions_called = request.functions_called or opened.requests > 1
            with anyio.CancelScope(shield=True):
                await opened.close()
        if failure is not None:
            raise failure
        if not ended:
            broken = self._translator.unavailable("ended its stream without saying why (no finish reason).")
            broken.retryable = True
            raise broken

    def _unreadable(self, error: Exception, opened: Opened) -> GeminiClientError | None:
        """What google-genai could not make of the answer, or would not make of the request; None for other errors."""
        if isinstance(error, GeminiClientError):
            return None
        if opened.answered:
            # Not in its own words: pydantic's repeat the answer.
            return self._translator.unavailable(
                f"answered something that google-genai cannot read ({type(error).__name__})."
            )
        if isinstance(error, pydantic.ValidationError):
            fields = sorted({".".join(map(str, each["loc"])) for each in error.errors(include_input=False)})
            return self._translator.mistake(f"{error.error_count()} field(s) are none of its own: {', '.join(fields)}")
        if isinstance(error, ValueError | TypeError):
            return self._translator.mistake(str(error))
        return None


def chunk_of(response: types.GenerateContentResponse, name_of: Callable[[str], str] = str) -> Chunk:
    """What google-genai gave, as a piece of an answer."""
    candidate = response.candidates[0] if response.candidates else None
    parts = (candidate.content.parts or []) if candidate and candidate.content else []
    finish = candidate.finish_reason if candidate else None
    feedback = response.prompt_feedback
    if candidate is None and feedback is not None:
        finish_reason = feedback.block_reason.name if feedback.block_reason else ""
    else:
        finish_reason = finish.name if finish else ""
    headers = (response.sdk_http_response.headers or {}) if response.sdk_http_response else {}
    deployed = next((value for name, value in headers.items() if name.lower() == DEPLOYED_MODEL), "")
    return Chunk(
        text="".join(part.text for part in parts if part.text and not part.thought),
        response=response,
        finish_reason=finish_reason,
        usage=_usage(response.usage_metadata) if response.usage_metadata else None,
        model=response.model_version or "",
        deployed_model=name_of(deployed) if deployed else "",
        has_content=any(part != _EMPTY for part in parts),
    )


def _usage(found: types.GenerateContentResponseUsageMetadata) -> Usage:
    return Usage(
        input_tokens=found.prompt_token_count,
        output_tokens=found.candidates_token_count,
        thoughts_tokens=found.thoughts_token_count,
        cached_tokens=found.cached_content_token_count,
        total_tokens=found.total_token_count,
        traffic_type=found.traffic_type.name if found.traffic_type else "",
    )


def vertex_client(
    http: Http, base_url: str, project: str, location: str, credentials: Any, *, own_host: bool, throughput: str = ""
) -> genai.Client:
    """google-genai's client for Vertex AI, v1, with no retries of its own.

    Args:
        http: whose connections are used.
        base_url: of the host.
        project: id.
        location: of the model or endpoint.
        credentials: with a valid token.
        own_host: whether an endpoint is called on a host of its own.
        throughput: "dedicated" or "shared" Provisioned Throughput, "" for Google's default.
    """
    headers = {"X-Vertex-AI-LLM-Request-Type": throughput} if throughput else {}
    client = http.endpoints if own_host else http.google
    options = types.HttpOptions(base_url=base_url, api_version="v1", headers=headers, httpx_async_client=client)
    return genai.Client(
        vertexai=True, project=project, location=location, credentials=credentials, http_options=options
    )


def developer_client(http: Http, base_url: str | None) -> genai.Client:
    """google-genai's client for the Gemini Developer API. It never sees the key: `http.key` adds the header.

    Args:
        http: whose connections are used.
        base_url: None for Google's own, or that of GOOGLE_GEMINI_BASE_URL.
    """
    options = types.HttpOptions(base_url=base_url, httpx_async_client=http.keyed)
    return genai.Client(vertexai=False, api_key="in-its-header", http_options=options)
