"""What a caller is told when there is no answer: RFC 9457 problem details, each with a sentence."""

import math
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

from gemini_client import (
    CredentialsError,
    DeadlineExceeded,
    GeminiClientError,
    QuotaExhausted,
    Refused,
    StreamInterrupted,
    Unavailable,
)

_STATUSES: list[tuple[type[GeminiClientError], int]] = [
    (QuotaExhausted, 429),
    (Unavailable, 503),
    (CredentialsError, 503),
    (DeadlineExceeded, 504),
    (StreamInterrupted, 502),
]


def problem(status: int, detail: str, *, retry_after: float | None = None) -> JSONResponse:
    """A response of application/problem+json.

    Args:
        status: HTTP status.
        detail: a sentence.
        retry_after: seconds to wait, which becomes the header Retry-After.
    """
    headers = {} if retry_after is None else {"Retry-After": str(math.ceil(retry_after))}
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def status_of(error: GeminiClientError) -> int:
    """The status that says whose fault it is: 4xx the caller's, 500 this service's setup, 502 to 504 what it calls."""
    if isinstance(error, Refused):
        # A bad or too large request was passed on as it came; a permission or model is none of the caller's business.
        return error.code if error.code in (400, 413) else 502
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def told(error: GeminiClientError) -> JSONResponse:
    """The problem of an error before the first text."""
    return problem(status_of(error), str(error), retry_after=error.retry_after)


def as_event(error: GeminiClientError) -> dict[str, Any]:
    """The problem of an error after the first text, with all that came before where the stream broke off."""
    found: dict[str, Any] = {"title": type(error).__name__, "status": status_of(error), "detail": str(error)}
    if isinstance(error, StreamInterrupted):
        found["text"] = error.text
    return found
