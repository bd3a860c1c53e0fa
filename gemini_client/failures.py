"""Google's errors as this package's: which kind, what to do about it, and how long the server wants us to wait."""

import email.utils
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from google.genai import errors as genai_errors

from gemini_client.errors import ConfigurationError, GeminiClientError, QuotaExhausted, Refused, Unavailable
from gemini_client.timing import Timing

_PREDICT = "aiplatform.endpoints.predict"
_ADVICE = {
    400: "Look at the request, and at the model's documentation.",
    401: "The token was not taken: check the credentials of this process.",
    403: "The caller needs {permission} on the project, and to be inside its perimeter.",
    404: "Is the model or endpoint there, in this project and location? Models are retired: see models.yaml.",
    413: "The request is larger than this kind of endpoint takes.",
}
_KEY_ADVICE = (
    "Check the API key of the Gemini Developer API, its restrictions, and that its project has the API enabled."
)
# Connections that broke. A generation changes nothing, so while nothing of it was given out it may be repeated.
_BROKEN = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)


class Translator:
    """Makes errors of one route.

    Args:
        route: its name, for messages.
        timing: the clock that a date in Retry-After is compared with.
        hide: takes an API key out of what a server says; given where the route is called with one, not with a token.
    """

    def __init__(self, route: str, timing: Timing, *, hide: Callable[[str], str] | None = None) -> None:
        self._route, self._timing, self._hide = route, timing, hide

    def refusal(
        self,
        code: int,
        status: str,
        message: str,
        details: Any,
        headers: Mapping[str, str] | None,
        permission: str = _PREDICT,
    ) -> GeminiClientError:
        """The error of an answer with this status; see `answer` for the permission."""
        message = self._hide(message) if self._hide else message
        wait = retry_after(details, headers or {}, self._timing.wall())
        said = f"{self._route} answered {code}{f' {status}' if status else ''}: {message.strip() or 'no explanation'}"
        if not said.endswith((".", "!", "?")):
            said += "."
        known: dict[str, Any] = {"code": code, "status": status, "route": self._route, "retry_after": wait}
        if code == 429 or status == "RESOURCE_EXHAUSTED":
            return QuotaExhausted(f"{said} Ask less often, or for more quota or throughput.", **known)
        if 400 <= code < 500:
            advice = _ADVICE.get(code, "").format(permission=permission) if permission else ""
            if self._hide and _of_key(code, details):
                advice = _KEY_ADVICE
            return Refused(f"{said} {advice}".strip(), **known)
        error = Unavailable(said, **known)
        error.retryable = code == 503 or status == "UNAVAILABLE"
        return error

    def of(self, error: Exception, *, begun: bool) -> GeminiClientError | None:
        """This package's error for one of google-genai's or httpx's; None for one that is neither's.

        Args:
            error: what was raised.
            begun: whether some of the answer had arrived.
        """
        if isinstance(error, genai_errors.APIError):
            headers = getattr(error.response, "headers", None)
            message = error.message or ""
            if not (isinstance(error.details, dict) and "error" in error.details):
                message = message[:200]  # a proxy's page
            return self.refusal(error.code or 0, error.status or "", message, error.details, headers)
        if isinstance(error, genai_errors.UnknownApiResponseError):
            return self.unavailable("answered something that is not JSON. Is a proxy in between?")
        if isinstance(error, genai_errors.UnsupportedFunctionError):
            return ConfigurationError(str(error))
        if isinstance(error, httpx.HTTPError):
            kind = type(error).__name__
            if begun:
                failure = self.unavailable(f"broke off in the middle of an answer ({kind}).")
            else:
                why = f"{kind}: {str(error) or 'connection lost'}"
                failure = self.unavailable(f"gave no answer ({why}). A private endpoint answers only in its network.")
                failure.brief = f"{self._route} gave no answer ({kind})."
            failure.retryable = isinstance(error, _BROKEN)
            return failure
        return None

    def unavailable(self, what: str) -> Unavailable:
        """The route is not there as it should be; `what`, of our words, goes on with what its name begins."""
        said = f"{self._route} {what}"
        return Unavailable(said, route=self._route, brief=said)

    def mistake(self, why: str) -> ConfigurationError:
        """google-genai refused to send the request."""
        said = why.rstrip(".")[:200]
        return ConfigurationError(
            f"{self._route} was not asked: google-genai does not take this request ({said}).", route=self._route
        )

    async def answer(self, response: httpx.Response, permission: str = _PREDICT) -> GeminiClientError:
        """The error of an HTTP response whose status says that it is one; its body is read.

        Args:
            response: of Google, or of a server behind it.
            permission: that the call needs, for the advice after a 403; "" for no advice at all.
        """
        await response.aread()
        code, status, message, details = error_of(response.text, response.status_code)
        return self.refusal(code, status, message, details, response.headers, permission)


def _of_key(code: int, details: Any) -> bool:
    """Whether the API key may be at fault: Google answers a wrong one with 400 and ErrorInfo's reason API_KEY_…."""
    return code in (401, 403) or any(str(each.get("reason", "")).startswith("API_KEY_") for each in _details(details))


def error_of(body: str, code: int) -> tuple[int, str, str, Any]:
    """Code, status, message and whole JSON of Google's error body; of any other its beginning as the message."""
    try:
        found = json.loads(body)
    except ValueError:
        return code, "", body[:200], None
    inner = found[0] if isinstance(found, list) and found else found
    inner = inner.get("error", inner) if isinstance(inner, dict) else {}
    if not isinstance(inner, dict):
        return code, "", str(inner)[:200], found
    given = inner.get("code")
    # Own model servers put words of theirs in `code`.
    code = given if isinstance(given, int) and given >= 400 else code
    return code, str(inner.get("status", "")), str(inner.get("message", "")), found


def retry_after(details: Any, headers: Mapping[str, str], wall: float) -> float | None:
    """Seconds that the server asks to wait: the longer of google.rpc.RetryInfo and Retry-After, None for neither.

    Args:
        details: the error's JSON, in any of the shapes that Google wraps it in.
        headers: of the answer. Retry-After is seconds or a date (RFC 9110, 10.2.3).
        wall: seconds since 1970, now.
    """
    waits = [*_retry_infos(details), *_header(headers, wall)]
    return max(waits) if waits else None


def _retry_infos(details: Any) -> list[float]:
    infos = (each for each in _details(details) if str(each["@type"]).endswith("google.rpc.RetryInfo"))
    return [wait for each in infos for wait in _seconds(str(each.get("retryDelay", "")).removesuffix("s"))]


def _details(found: Any) -> list[dict[str, Any]]:
    """The google.rpc details in an error's JSON."""
    if isinstance(found, list):
        return [detail for each in found for detail in _details(each)]
    if not isinstance(found, dict):
        return []
    return [found] if "@type" in found else _details(found.get("error")) + _details(found.get("details"))


def _header(headers: Mapping[str, str], wall: float) -> list[float]:
    given = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    if seconds := _seconds(given):
        return seconds
    try:
        return [max(0.0, email.utils.parsedate_to_datetime(given).timestamp() - wall)]
    except ValueError:
        return []


def _seconds(text: str) -> list[float]:
    try:
        seconds = float(text)
    except ValueError:
        return []
    return [seconds] if math.isfinite(seconds) and seconds >= 0 else []
