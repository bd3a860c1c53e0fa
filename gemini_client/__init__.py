"""Gemini, and models like it, for an application that has to stay up.

    from gemini_client import GeminiClient

    with GeminiClient.from_env() as client:
        for text in client.stream("Why is the sky blue?"):
            print(text, end="", flush=True)

Retries, circuit breakers, fallbacks and deadlines are the client's; README.md says what to set, errors.py what may go
wrong. Imports nothing else of this repository.
"""

from gemini_client.client import AsyncGeminiClient, AsyncStream
from gemini_client.errors import (
    Attempt,
    ConfigurationError,
    CredentialsError,
    DeadlineExceeded,
    GeminiClientError,
    LimitReached,
    QuotaExhausted,
    Refused,
    StreamInterrupted,
    Unavailable,
)
from gemini_client.events import Event
from gemini_client.options import Breaker, DeveloperApiBounds, Options, Retry, Tls
from gemini_client.reply import Chunk, Reply, Usage
from gemini_client.routes import DeveloperApi, Route, Routes
from gemini_client.secrets import Key
from gemini_client.sync import GeminiClient, Stream
from gemini_client.timing import SystemTiming, Timing

__all__ = [
    "AsyncGeminiClient",
    "AsyncStream",
    "Attempt",
    "Breaker",
    "Chunk",
    "ConfigurationError",
    "CredentialsError",
    "DeadlineExceeded",
    "DeveloperApi",
    "DeveloperApiBounds",
    "Event",
    "GeminiClient",
    "GeminiClientError",
    "Key",
    "LimitReached",
    "Options",
    "QuotaExhausted",
    "Refused",
    "Reply",
    "Retry",
    "Route",
    "Routes",
    "Stream",
    "StreamInterrupted",
    "SystemTiming",
    "Timing",
    "Tls",
    "Unavailable",
    "Usage",
]
