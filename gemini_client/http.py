"""The httpx clients: one for Google's hosts, one for endpoints' own hosts, one that carries the API key."""

import ssl
from contextvars import ContextVar
from typing import Any

import httpx

from gemini_client.errors import ConfigurationError
from gemini_client.options import Options, Tls
from gemini_client.secrets import KeyAuth

_LIMITS = httpx.Limits(max_connections=1000, max_keepalive_connections=100, keepalive_expiry=30.0)
_opened: ContextVar["Opened | None"] = ContextVar("gemini_client_opened", default=None)


class Opened:
    """The responses of one attempt: google-genai leaves a stream that is not read to its end to the garbage collector.

    From its making on, until `close`, responses that this task receives are kept here.

    Attributes:
        answered: whether one of them is no error.
        requests: how many were sent.
    """

    def __init__(self) -> None:
        self._responses: list[httpx.Response] = []
        self._closed = False
        self.answered = False
        self.requests = 0
        self._outer = _opened.get()  # of a call that a function makes, which another call's model called
        _opened.set(self)

    def add(self, response: httpx.Response) -> None:
        """One more."""
        if not self._closed:
            self.answered = self.answered or response.is_success
            self._responses.append(response)

    async def close(self) -> None:
        """Ends their connections where they are not read to the end."""
        self._closed = True
        if _opened.get() is self:
            _opened.set(self._outer)
        for response in self._responses:
            await response.aclose()
        self._responses.clear()


class Http:
    """Made in the event loop that uses it; `aclose` closes all.

    Args:
        options: connect timeout and TLS. Reading has no timeout of its own: the call's deadline bounds it.
    """

    def __init__(self, options: Options) -> None:
        self._connect = options.connect_seconds
        self.closed = False
        self.key = KeyAuth()
        self.google = self._client()
        self.keyed = self._client(auth=self.key)
        self.endpoints = self.google if options.tls == Tls() else self._client(verify=_verify(options.tls))

    async def aclose(self) -> None:
        """Closes the connections; what is under way breaks off."""
        self.closed = True
        for client in (self.google, self.keyed, self.endpoints):
            await client.aclose()

    def _client(self, **extra: Any) -> httpx.AsyncClient:
        hooks: dict[str, list[Any]] = {"request": [self._time], "response": [_keep]}
        return httpx.AsyncClient(limits=_LIMITS, event_hooks=hooks, timeout=httpx.Timeout(None), **extra)

    async def _time(self, request: httpx.Request) -> None:
        if opened := _opened.get():
            opened.requests += 1
        # google-genai sets one timeout for everything, or none.
        given = request.extensions.get("timeout") or {}
        request.extensions["timeout"] = {**given, "connect": self._connect}


async def _keep(response: httpx.Response) -> None:
    opened = _opened.get()
    if opened is not None:
        opened.add(response)


def _verify(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if tls.ca_file:
        try:
            context.load_verify_locations(tls.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"VERTEX_ENDPOINT_CA_FILE (Tls.ca_file): {tls.ca_file} cannot be read: {error}."
            ) from None
    if tls.self_signed:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
