"""Lists in pages, as Google's APIs give them: `pageSize`, `pageToken`, `nextPageToken`."""

import base64
import binascii

from sandbox.errors import Json, invalid_argument
from sandbox.registry import Call


def page(call: Call, key: str, items: list[Json], default: int = 100, most: int = 1000) -> Json:
    """The page of `items` that the call asks for, under `key`; an empty list is left out, as Google leaves it out.

    Raises:
        GoogleError: 400 for a negative pageSize or a pageToken that this list did not give.
    """
    asked = {**call.body, **call.query}
    size = int(asked.get("pageSize") or asked.get("maxResults") or default)
    if size < 0:
        raise invalid_argument("Page size must not be negative.")
    start = _offset(asked.get("pageToken", ""))
    shown = items[start : start + (min(size, most) or default)]
    answer: Json = {key: shown} if shown else {}
    end = start + len(shown)
    if end < len(items):
        answer["nextPageToken"] = base64.urlsafe_b64encode(f"offset={end}".encode()).decode()
    return answer


def _offset(token: str) -> int:
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token.encode()).decode().removeprefix("offset="))
    except (binascii.Error, ValueError):
        raise invalid_argument("The page token is invalid.") from None
