"""HTTP with Application Default Credentials. Google's libraries are imported at the first request, not before."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from vertex_serving.provider.failures import NotCredentialed, Uncertain, Unreachable
from vertex_serving.provider.vertex import Answer, Json

if TYPE_CHECKING:
    from google.auth.transport.requests import AuthorizedSession

_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_CONNECT_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 60.0


class GoogleTransport:
    """Sends requests with the token in GOOGLE_OAUTH_ACCESS_TOKEN, else with Application Default Credentials.

    Args:
        environment: Where the token is looked for.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._environment = environment
        self._lock = threading.Lock()
        self._session: AuthorizedSession | None = None

    def __call__(self, method: str, url: str, query: Mapping[str, str], body: Json | None) -> Answer:
        """Send one request.

        Raises:
            NotCredentialed: There are no credentials, or Google no longer takes them.
            Unreachable: No connection could be made.
            Uncertain: The connection was lost after the request was sent.
        """
        import requests
        from google.auth import exceptions

        host = url.split("/")[2]
        try:
            answer = self._authorized().request(
                method, url, params=dict(query), json=body, timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS)
            )
        except exceptions.RefreshError as error:
            raise NotCredentialed(f"Google does not take the credentials: {_first_line(error)}. {_LOG_IN}") from None
        except exceptions.TransportError as error:
            raise Unreachable(f"No token could be had: {_first_line(error)}. {_LOG_IN}") from None
        except requests.exceptions.ConnectTimeout:
            raise Unreachable(f"{host} did not answer within {_CONNECT_SECONDS:g} s. {_NETWORK}") from None
        except requests.exceptions.ConnectionError as error:
            if _never_connected(error):
                raise Unreachable(f"{host} cannot be reached: {_root(error)}. {_NETWORK}") from None
            raise Uncertain(f"The connection to {host} was lost: {_root(error)}.") from None
        except requests.exceptions.RequestException as error:
            raise Uncertain(f"No answer came from {host}: {_root(error)}.") from None
        try:
            parsed = answer.json()
        except ValueError:
            parsed = None
        return Answer(answer.status_code, answer.headers, parsed, answer.text)

    def _authorized(self) -> AuthorizedSession:
        with self._lock:
            if self._session is None:
                self._session = self._connect()
            return self._session

    def _connect(self) -> AuthorizedSession:
        import google.auth
        from google.auth import exceptions
        from google.auth.transport.requests import AuthorizedSession
        from google.oauth2.credentials import Credentials
        from requests.adapters import HTTPAdapter

        token = self._environment.get("GOOGLE_OAUTH_ACCESS_TOKEN", "")
        if token:
            credentials: Any = Credentials(token)
        else:
            try:
                credentials, _ = google.auth.default(scopes=[_SCOPE])
            except exceptions.DefaultCredentialsError:
                raise NotCredentialed(f"No Google credentials were found. {_LOG_IN}") from None
        session = AuthorizedSession(credentials)
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(pool_maxsize=64))
        session.headers["User-Agent"] = "pulumi-vertex-serving"
        return session


_LOG_IN: Final = (
    "Log in with `gcloud auth application-default login`, or put a fresh token into GOOGLE_OAUTH_ACCESS_TOKEN."
)
_NETWORK: Final = "Check the network, the proxy and, where one is set, vertex-serving:customEndpoint."


def _never_connected(error: Exception) -> bool:
    from urllib3.exceptions import MaxRetryError, NewConnectionError, ProxyError

    reason = error.args[0] if error.args else None
    return isinstance(reason, MaxRetryError) and isinstance(reason.reason, NewConnectionError | ProxyError)


def _root(error: BaseException) -> str:
    """Return the innermost reason, without addresses of objects or request headers."""
    seen = error
    while seen.args and isinstance(seen.args[-1], BaseException):
        seen = seen.args[-1]
    reason = getattr(seen, "reason", None)
    if isinstance(reason, BaseException):
        return _root(reason)
    return str(seen.args[-1] if seen.args else seen).rpartition(": ")[2] or type(seen).__name__


def _first_line(error: BaseException) -> str:
    return str(error.args[0] if error.args else error).split("\n")[0].rstrip(".")
