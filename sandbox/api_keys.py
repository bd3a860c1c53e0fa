"""API keys: who calls where no one signs in. A key stands for a project, not for an account."""

import base64
import binascii
from collections.abc import Mapping

from sandbox.errors import GoogleError, Json, error_info, invalid_argument
from sandbox.identity import Principal
from sandbox.registry import Call, not_imitated

_PREFIX = "AIzaSySandbox-"
# Vertex AI takes keys where no project is in the path (express mode).
_KEYED = ("generativelanguage.", "aiplatform.publishers.models.")


def key_for(project: str) -> str:
    """A key of the project, by its id; it says which, so that it outlives a restart."""
    return _PREFIX + base64.urlsafe_b64encode(project.encode()).decode().rstrip("=")


def given(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """The key that a request brings, or ""."""
    return headers.get("x-goog-api-key") or query.get("key", "")


def project_of(key: str, service: str) -> str:
    """The project that a key stands for; Google's 400 API_KEY_INVALID for one that is not the sandbox's."""
    encoded = key.strip().removeprefix(_PREFIX)
    try:
        if not key.strip().startswith(_PREFIX):
            raise ValueError(key)
        return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    except (ValueError, binascii.Error):
        info = error_info("API_KEY_INVALID", {"service": f"{service}.googleapis.com"})
        error = invalid_argument("API key not valid. Please pass a valid API key.")
        error.details = [info]
        raise error from None


def project(call: Call, title: str) -> Json:
    """The project that a call's key stands for, in which the API called `title` is enabled; else Google's 403s.

    Raises:
        GoogleError: 403, or 501 for a call with a token, which would need a quota project.
    """
    key = given(call.headers, call.query)
    if not key:
        raise not_imitated(call, "an OAuth token in an API key's place")
    found = call.sandbox.require_project(project_of(key, call.service), call.service)
    call.sandbox.require_enabled(found, call.service, title)
    return found


def caller(headers: Mapping[str, str], query: Mapping[str, str], service: str, method_id: str) -> Principal | None:
    """Nobody in person where a valid key stands in for a token; None where the method wants a token.

    Raises:
        GoogleError: 400 for a wrong key; 403 for neither key nor token where a key would do.
    """
    if not method_id.startswith(_KEYED):
        return None
    key = given(headers, query)
    if key:
        project_of(key, service)
        return Principal("")
    if service == "generativelanguage" and not headers.get("authorization"):
        raise GoogleError(
            403,
            "PERMISSION_DENIED",
            "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or"
            " other form of API consumer identity to call this API.",
        )
    return None
