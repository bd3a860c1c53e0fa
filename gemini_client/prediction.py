"""Own and open models on an endpoint: predict, rawPredict and chat completions, with a token, over httpx."""

import contextlib
import json
from collections.abc import AsyncGenerator, Callable
from typing import Any

import anyio
import httpx

from gemini_client import bodies
from gemini_client.credentials import Tokens
from gemini_client.failures import Translator, error_of
from gemini_client.reply import Chunk
from gemini_client.request import Request
from gemini_client.routes import CHAT_COMPLETIONS, PREDICT
from gemini_client.transport import DEPLOYED_MODEL


class PredictionTransport:
    """`:predict`, `:rawPredict`, `:streamRawPredict` or `/chat/completions` of one endpoint.

    Args:
        api: "predict", "rawPredict" or "chatCompletions". Streams of the first two take streamRawPredict.
        url: of the endpoint, without the method.
        route: its name.
        http: to call with.
        tokens: who calls.
        translator: makes errors of the route.
        name_of: names a deployed model by its id.
    """

    def __init__(
        self,
        api: str,
        url: str,
        route: str,
        http: httpx.AsyncClient,
        tokens: Tokens,
        translator: Translator,
        name_of: Callable[[str], str],
    ) -> None:
        self._api, self._url, self._route = api, url, route
        self._http, self._tokens, self._translator, self._name_of = http, tokens, translator, name_of

    def address(self, *, stream: bool) -> str:
        """The URL of the method."""
        if self._api == CHAT_COMPLETIONS:
            return f"{self._url}/chat/completions"
        return f"{self._url}:{'streamRawPredict' if stream else self._api}"

    async def chunks(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """See Transport."""
        body = bodies.body(request, self._api, self._route)
        auth = await self._tokens.auth(request.left())
        sent = self._http.build_request("POST", self.address(stream=request.stream), json=body)
        begun, failure, response = False, None, None
        try:
            response = await self._http.send(sent, auth=auth, stream=True)
            if response.status_code >= 400:
                failure = await self._translator.answer(response)
            elif request.stream:
                async for chunk in self._pieces(response):
                    begun = True
                    yield chunk
            else:
                await response.aread()
                yield self._whole(response)
        except httpx.HTTPError as error:
            failure = self._translator.of(error, begun=begun)
        finally:
            with anyio.CancelScope(shield=True):
                if response is not None:
                    await response.aclose()
        if failure is not None:
            raise failure

    def _deployed(self, response: httpx.Response, found: Any = None) -> str:
        said = found.get("deployedModelId", "") if isinstance(found, dict) else ""
        deployed = str(said) or response.headers.get(DEPLOYED_MODEL, "")
        return self._name_of(deployed) if deployed else ""

    def _whole(self, response: httpx.Response) -> Chunk:
        try:
            found = response.json()
        except ValueError:
            if self._api == PREDICT:
                raise self._translator.unavailable("answered something that is not JSON.") from None
            found = response.text
        return self._chunk(found, self._deployed(response, found))

    def _chunk(self, found: Any, deployed: str) -> Chunk:
        with contextlib.suppress(AttributeError, TypeError):
            return bodies.chunk_of(found, deployed)
        raise self._translator.unavailable("answered something that is neither predict's nor chat completions' form.")

    async def _pieces(self, response: httpx.Response) -> AsyncGenerator[Chunk, None]:
        """Server-sent events with JSON, as vLLM and the like send them; else the text as it arrives."""
        deployed = self._deployed(response)
        if "event-stream" not in response.headers.get("content-type", ""):
            async for text in response.aiter_text():
                yield Chunk(text, text, deployed_model=deployed, has_content=bool(text))
            return
        done = False
        async for data in _events(response):
            if data == "[DONE]":
                done = True
                break
            try:
                found = json.loads(data)
            except ValueError:
                found = data
            if isinstance(found, dict) and found.get("error"):
                code, status, message, details = error_of(data, 500)
                raise self._translator.refusal(code, status, message, details, response.headers)
            chunk = self._chunk(found, deployed)
            done = done or bool(chunk.finish_reason) or not (isinstance(found, dict) and "choices" in found)
            yield chunk
        if not done:
            failure = self._translator.unavailable("ended its stream without saying why (no [DONE]).")
            failure.retryable = True
            raise failure


async def _events(response: httpx.Response) -> AsyncGenerator[str, None]:
    """The data of each event. An error may come as bare lines of JSON between them; it counts as one."""
    data: list[str] = []
    async for line in response.aiter_lines():
        name, _, value = line.partition(":")
        if line and name == "data":
            data.append(value.removeprefix(" "))
        elif line and name not in ("", "event", "id", "retry"):
            data.append(line)
        elif not line and data:
            yield "\n".join(data)
            data = []
    if data:
        yield "\n".join(data)
