"""How a route is called: one interface, an implementation for each kind of API."""

from collections.abc import AsyncGenerator
from typing import Protocol

from gemini_client.reply import Chunk
from gemini_client.request import Request

DEPLOYED_MODEL = "x-vertex-ai-deployed-model-id"


class Transport(Protocol):
    """Calls one route, once: no retry, no deadline."""

    def chunks(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """The pieces of an answer as they come; one piece where the request is not for a stream.

        Closing the generator ends the request.

        Raises:
            GeminiClientError: what the API, or the way to it, made of the call.
        """
