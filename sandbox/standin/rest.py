"""JSON over HTTP as the plugins speak it: quota and outage answers are tried again, errors become sentences."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx

Json = dict[str, Any]

_TRY_AGAIN = {429, 500, 502, 503}
_ATTEMPTS = 5
_FIRST_PAUSE = 0.25
_FIRST_POLL = 0.05
_LONGEST_POLL = 5.0


class RestError(Exception):
    """A request that was refused, or an operation that failed.

    ``code`` is the HTTP status (0 where there was no answer), ``status`` Google's word for it.
    """

    def __init__(self, sentence: str, code: int = 0, status: str = "") -> None:
        super().__init__(sentence)
        self.code = code
        self.status = status


class Rest:
    """A client of one base address.

    Args:
        base: the address that every path is put behind.
        token: bearer token, or "" for none.
        cancelled: set when the engine wants operations to stop.
        authority: the certificate, as PEM, by which an address with TLS is known.
    """

    def __init__(self, base: str, token: str, cancelled: threading.Event, authority: str = "") -> None:
        self._base = base.rstrip("/") + "/"
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._http = http_client(headers, authority)
        self._cancelled = cancelled

    def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Json:
        """One request; answers 429, 500, 502 and 503 are tried again for a few seconds.

        Raises:
            RestError: the service refused it, could not be reached, or the engine cancelled.
        """
        pause = _FIRST_PAUSE
        for attempt in range(1, _ATTEMPTS + 1):
            last = attempt == _ATTEMPTS
            try:
                answer = self._http.request(method, self._base + path, json=body, params=query, headers=headers)
            except httpx.HTTPError as error:
                if last or method != "GET":
                    raise RestError(f"{method} {path} got no answer from {self._base}: {error!r}.") from error
            else:
                if answer.is_success:
                    parsed: Json = answer.json() if answer.content else {}
                    return parsed
                if last or answer.status_code not in _TRY_AGAIN:
                    raise _refusal(method, path, answer)
            self.pause(pause)
            pause *= 2
        raise AssertionError("the last attempt returns or raises")

    def find(self, path: str, query: dict[str, str] | None = None) -> Json | None:
        """GET, or None where there is nothing (404). Raises RestError for every other refusal."""
        try:
            return self.call("GET", path, query=query)
        except RestError as error:
            if error.code == 404:
                return None
            raise

    def poll(self, look: Callable[[], Json | None], timeout: float, what: str) -> Json:
        """Calls ``look`` until it answers something; the pauses grow to 5 s.

        Raises:
            RestError: ``timeout`` seconds have passed, or the engine cancelled.
        """
        deadline = time.monotonic() + timeout
        pause = _FIRST_POLL
        while (found := look()) is None:
            if time.monotonic() > deadline:
                raise RestError(
                    f"{what} was not done after {timeout:g} s. It may still finish: refresh, then try again."
                )
            self.pause(pause)
            pause = min(pause * 1.5, _LONGEST_POLL)
        return found

    def pause(self, seconds: float) -> None:
        """Sleeps. Raises RestError when the engine cancels meanwhile."""
        if self._cancelled.wait(seconds):
            raise RestError("The engine cancelled this operation.")

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()


def http_client(headers: dict[str, str], authority: str = "") -> httpx.Client:
    """A client without proxies, and without the public certificates that it would take 30 ms to load.

    It trusts `authority`, a certificate as PEM, alone.
    """
    trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authority:
        trusted.load_verify_locations(cadata=authority)
    return httpx.Client(headers=headers, timeout=60.0, trust_env=False, verify=trusted)


def _refusal(method: str, path: str, answer: httpx.Response) -> RestError:
    status, message = "", answer.text.strip() or answer.reason_phrase
    try:
        body = answer.json()
    except ValueError:
        body = None
    if isinstance(body, dict):
        error = body.get("error", body)  # Kubernetes puts message and reason at the top
        if isinstance(error, dict):
            status = str(error.get("status") if "error" in body else error.get("reason", ""))
            message = str(error.get("message", message))
    label = f"{answer.status_code} {status}".strip()
    return RestError(f"{method} {path} was refused with {label}: {message}", answer.status_code, status)
