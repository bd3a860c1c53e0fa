"""The API key of the Gemini Developer API: where it comes from, and how it stays out of sight."""

import base64
import contextlib
import math
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Protocol

import httpx

from gemini_client.credentials import Tokens
from gemini_client.environment import Variables
from gemini_client.errors import ConfigurationError, CredentialsError
from gemini_client.failures import Translator
from gemini_client.hosts import host_url
from gemini_client.routes import SECRET_VERSION
from gemini_client.shared import Background, Kept
from gemini_client.timing import Timing

_MASK = "***"
HEADER = "x-goog-api-key"


class Key:
    """An API key that no repr, str, format, copy or pickle shows. `reveal` is for the one header that carries it.

    Args:
        value: the key; spaces around it are dropped.
        where: what an error names as its place.

    Raises:
        ConfigurationError: it is no key.
    """

    __slots__ = ("_value", "_where")

    def __init__(self, value: str, where: str = "an argument") -> None:
        self._value, self._where = value.strip(), where
        del value  # error reports show what is in the frames of a traceback
        self.check()

    @classmethod
    def unchecked(cls, given: "str | Key | None") -> "Key | None":
        """An argument as a key that nobody has looked at, so that its caller can let go of the text before `check`."""
        if not isinstance(given, str):
            return given
        key = cls.__new__(cls)
        key._value, key._where = given.strip(), "an argument"
        return key

    def check(self) -> None:
        """Raises ConfigurationError where this is no key."""
        if not self._value or not self._value.isascii() or not self._value.isprintable():
            raise ConfigurationError(f"The API key of the Gemini Developer API ({self._where}) is empty, or is no key.")

    def reveal(self) -> str:
        """The key itself."""
        return self._value

    def hide(self, text: str) -> str:
        """The text with the key masked, should a server have repeated it."""
        return text.replace(self._value, _MASK)

    def __repr__(self) -> str:
        return f"Key({_MASK})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> str:
        raise TypeError("A key is not pickled.")


class KeyAuth(httpx.Auth):
    """Puts the key into its header as the request leaves, so that google-genai and its errors never hold it."""

    def __init__(self) -> None:
        self.key: Key | None = None

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """httpx calls this around each request; the header is gone again when the answer is there."""
        if self.key is None:
            raise ConfigurationError("The API key of the Gemini Developer API has not been read.")
        request.headers[HEADER] = self.key.reveal()
        try:
            yield request
        finally:
            request.headers[HEADER] = _MASK


class KeySource(Protocol):
    """Where the key is kept. `where` names the place, never the key."""

    where: str

    async def read(self, left: float = math.inf) -> Key:
        """The key as it is now, for a call that has so many seconds left.

        Raises:
            CredentialsError: it cannot be read.
            ConfigurationError: what is there is no key.
        """


class GivenKey:
    """GEMINI_API_KEY, or an argument."""

    def __init__(self, key: Key, where: str = "an argument") -> None:
        self.where, self._key = where, key

    async def read(self, left: float = math.inf) -> Key:
        """The key."""
        return self._key


class KeyFile:
    """GEMINI_API_KEY_FILE: a file of a mounted Kubernetes Secret; a rotated key counts from the next call on."""

    def __init__(self, path: Path) -> None:
        self.where, self._path = f"the file {path}", path

    async def read(self, left: float = math.inf) -> Key:
        """The file's text."""
        try:
            return Key(self._path.read_text(encoding="utf-8"), self.where)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise CredentialsError(f"GEMINI_API_KEY_FILE: {self._path} cannot be read: {reason}. Is the Secret mounted?")


class SecretManagerKey:
    """A secret's version, read by `projects.secrets.versions.access` (v1).

    Args:
        version: projects/P/secrets/S/versions/V.
        named_by: where that name comes from, for messages.
        http: to call with.
        tokens: who calls; needs roles/secretmanager.secretAccessor on the secret.
        timing: the clock; a key is read again after five minutes.
        background: reads.
    """

    def __init__(
        self,
        version: str,
        named_by: str,
        http: httpx.AsyncClient,
        tokens: Tokens,
        timing: Timing,
        background: Background,
    ) -> None:
        if not SECRET_VERSION.fullmatch(version):
            raise ConfigurationError(f"{named_by}: {version} is no projects/P/secrets/S/versions/V.")
        self.where, self._version, self._named_by = f"the secret {version}", version, named_by
        self._http, self._tokens, self._timing = http, tokens, timing
        self._kept = Kept(background, timing, self._access)

    async def read(self, left: float = math.inf) -> Key:
        """The payload of the secret's version; the last one known where Secret Manager does not answer."""
        with contextlib.suppress(TimeoutError):
            return await self._kept.get(left)
        raise self._unread("no answer in time")

    def _unread(self, why: str) -> CredentialsError:
        return CredentialsError(
            f"{self._named_by}: {self._version} cannot be read: {why.rstrip('.')}."
            " The caller needs roles/secretmanager.secretAccessor on the secret."
        )

    async def _access(self) -> Key:
        url = f"{host_url('secretmanager.googleapis.com')}/v1/{self._version}:access"
        auth = await self._tokens.auth()
        try:
            response = await self._http.get(url, auth=auth)
        except httpx.HTTPError as error:
            raise self._unread(f"no answer ({type(error).__name__})") from None
        if response.status_code != 200:
            raise self._unread(str(await Translator("Secret Manager", self._timing).answer(response, "")))
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return Key(base64.b64decode(response.json()["payload"]["data"], validate=True).decode(), self.where)
        raise self._unread("its payload is no text")


def key_source(
    variables: Variables, secret: str, http: httpx.AsyncClient, tokens: Tokens, timing: Timing, background: Background
) -> KeySource | None:
    """The key that the environment or the routes name, None for none.

    The best kept place wins: a secret of the environment, then `secret`, which the routes name ("" for none), then a
    file, then a variable.
    """
    if version := variables("GEMINI_API_KEY_SECRET"):
        return SecretManagerKey(version, "GEMINI_API_KEY_SECRET", http, tokens, timing, background)
    if secret:
        return SecretManagerKey(secret, "developerApi.keySecret of the routes", http, tokens, timing, background)
    if path := variables("GEMINI_API_KEY_FILE"):
        return KeyFile(Path(path))
    if variables("GEMINI_API_KEY"):
        return GivenKey(Key(variables("GEMINI_API_KEY") or "", "GEMINI_API_KEY"), "GEMINI_API_KEY")
    return None
