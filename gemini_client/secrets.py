"""The API key of the Gemini Developer API: where it comes from, and how it stays out of sight."""

import base64
import binascii
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Protocol

import httpx

from gemini_client.credentials import Tokens
from gemini_client.errors import ConfigurationError, CredentialsError
from gemini_client.failures import Translator
from gemini_client.hosts import host_url
from gemini_client.routes import SECRET_VERSION
from gemini_client.timing import Timing

_MASK = "***"
HEADER = "x-goog-api-key"


class Key:
    """An API key that no repr, str, format, copy or pickle shows. `reveal` is for the one header that carries it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value.strip()
        if not self._value or not self._value.isascii() or not self._value.isprintable():
            raise ConfigurationError("The API key of the Gemini Developer API is empty, or is no key.")

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

    async def read(self) -> Key:
        """The key as it is now.

        Raises:
            CredentialsError: it cannot be read.
            ConfigurationError: what is there is no key.
        """


class GivenKey:
    """GEMINI_API_KEY, or an argument."""

    def __init__(self, key: Key, where: str = "an argument") -> None:
        self.where, self._key = where, key

    async def read(self) -> Key:
        """The key."""
        return self._key


class KeyFile:
    """GEMINI_API_KEY_FILE: a file of a mounted Kubernetes Secret; a rotated key counts from the next call on."""

    def __init__(self, path: Path) -> None:
        self.where, self._path = f"the file {path}", path

    async def read(self) -> Key:
        """The file's text."""
        try:
            return Key(self._path.read_text(encoding="utf-8"))
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
        timing: the clock; a key is read again after `fresh_seconds`.
    """

    fresh_seconds = 300.0

    def __init__(self, version: str, named_by: str, http: httpx.AsyncClient, tokens: Tokens, timing: Timing) -> None:
        if not SECRET_VERSION.fullmatch(version):
            raise ConfigurationError(f"{named_by}: {version} is no projects/P/secrets/S/versions/V.")
        self.where, self._version, self._named_by = f"the secret {version}", version, named_by
        self._http, self._tokens, self._timing = http, tokens, timing
        self._known: Key | None = None
        self._read_at = 0.0

    async def read(self) -> Key:
        """The payload of the secret's version; the last one known where Secret Manager does not answer."""
        if self._known is None or self._timing.now() - self._read_at > self.fresh_seconds:
            failure = ""
            try:
                self._known = await self._access()
            except httpx.HTTPError as error:
                failure = f"no answer ({type(error).__name__})"
            except CredentialsError as error:
                failure = str(error)
            if self._known is None:
                raise CredentialsError(
                    f"{self._named_by}: {self._version} cannot be read: {failure}."
                    " The caller needs roles/secretmanager.secretAccessor on the secret."
                )
            self._read_at = self._timing.now()
        return self._known

    async def _access(self) -> Key:
        url = f"{host_url('secretmanager.googleapis.com')}/v1/{self._version}:access"
        response = await self._http.get(url, headers=await self._tokens.headers())
        if response.status_code != 200:
            refused = await Translator("Secret Manager", self._timing).answer(response)
            raise CredentialsError(str(refused).rstrip("."))
        value = ""
        try:
            value = base64.b64decode(response.json()["payload"]["data"], validate=True).decode()
        except (ValueError, KeyError, TypeError, binascii.Error):
            value = ""
        if not value:
            raise CredentialsError("its payload is no text")
        return Key(value)


def key_source(
    environment: Mapping[str, str], secret: str, http: httpx.AsyncClient, tokens: Tokens, timing: Timing
) -> KeySource | None:
    """The key that the environment or the routes name, None for none.

    The best kept place wins: a secret of the environment, then `secret`, which the routes name ("" for none), then a
    file, then a variable.
    """
    if version := environment.get("GEMINI_API_KEY_SECRET"):
        return SecretManagerKey(version, "GEMINI_API_KEY_SECRET", http, tokens, timing)
    if secret:
        return SecretManagerKey(secret, "developerApi.keySecret of the routes", http, tokens, timing)
    if path := environment.get("GEMINI_API_KEY_FILE"):
        return KeyFile(Path(path))
    if value := environment.get("GEMINI_API_KEY"):
        return GivenKey(Key(value), "GEMINI_API_KEY")
    return None
