"""Calls to a stack's models and questions about its endpoint, as the smoke test needs them.

Google's address is used unless the environment points elsewhere, as `python -m sandbox run` does.
"""

import contextlib
import dataclasses
import functools
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import google.auth
import google.auth.exceptions
import google.auth.transport.requests
import google.oauth2.credentials
import requests

if TYPE_CHECKING:  # it brings google-genai, which takes a second
    from gemini_client import GeminiClient, Routes

CALL_SECONDS = 60
SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class SmokeError(Exception):
    """Something could not be asked; the message says what, where and what to do."""


@dataclass(frozen=True)
class Answer:
    """One answer: its text, the seconds it took, and the deployed model that gave it where the API says so."""

    text: str
    seconds: float
    model: str = ""


class Caller(Protocol):
    """Asks one route, as the application does."""

    def ask(self, prompt: str) -> Answer:
        """One question, one whole answer. Raises SmokeError where there is none."""

    def stream(self, prompt: str) -> Iterator[str]:
        """The pieces of an answer as they come. Raises SmokeError where they end too early."""


def host_url(host: str, scheme: str = "https") -> str:
    """Where a Google host is reached: itself, or the sandbox's copy of it."""
    sandbox = os.environ.get("SANDBOX_URL")
    return f"{sandbox}/hosts/{host}" if sandbox else f"{scheme}://{host}"


@functools.cache
def credentials() -> Any:
    """Application Default Credentials, or the token of GOOGLE_OAUTH_ACCESS_TOKEN as Google's own tools take it.

    Raises:
        SmokeError: there are none.
    """
    if token := os.environ.get("GOOGLE_OAUTH_ACCESS_TOKEN"):
        return google.oauth2.credentials.Credentials(token=token)
    try:
        return google.auth.default(scopes=[SCOPE])[0]
    except google.auth.exceptions.DefaultCredentialsError:
        raise SmokeError("No Google credentials: run `gcloud auth application-default login`.") from None


def session() -> requests.Session:
    """Calls with these credentials. Raises SmokeError where there are none."""
    made: requests.Session = google.auth.transport.requests.AuthorizedSession(credentials())
    return made


class Control:
    """Reads endpoints, models and operations of one region."""

    def __init__(self, region: str) -> None:
        self._base = host_url(f"{region}-aiplatform.googleapis.com")
        self._session = session()

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """GET a resource of v1.

        Raises:
            SmokeError: Google refused or could not be reached.
        """
        return call(self._session, "GET", f"{self._base}/v1/{path}", params=query)

    def endpoint(self, name: str) -> dict[str, Any]:
        """`projects.locations.endpoints.get`."""
        return self.get(name)

    def operations(self, endpoint: str) -> list[dict[str, Any]]:
        """`projects.locations.endpoints.operations.list`, the newest first."""
        found: list[dict[str, Any]] = self.get(f"{endpoint}/operations").get("operations", [])
        return sorted(found, key=_created, reverse=True)


def call(session: requests.Session, method: str, url: str, **how: Any) -> dict[str, Any]:
    """One request whose answer is a JSON object.

    Raises:
        SmokeError: a sentence for every way this can fail.
    """
    response = _send(session, method, url, **how)
    try:
        answer: dict[str, Any] = response.json()
    except ValueError:
        raise SmokeError(f"{url} answered something that is not JSON. Is a proxy in between?") from None
    return answer


def _send(session: requests.Session, method: str, url: str, **how: Any) -> requests.Response:
    try:
        response = session.request(method, url, timeout=CALL_SECONDS, **how)
    except requests.Timeout:
        raise SmokeError(f"{url} gave no answer in {CALL_SECONDS} s.") from None
    except requests.RequestException:
        raise SmokeError(
            f"{url} cannot be reached. A private path leads only from inside its network: run this from there."
        ) from None
    except google.auth.exceptions.GoogleAuthError as error:
        raise SmokeError(f"The credentials gave no token ({error}). `gcloud auth application-default login`.") from None
    if response.status_code >= 400:
        raise SmokeError(refusal(response.status_code, response.text))
    return response


ADVICE = {
    401: "Sign in again: `gcloud auth application-default login`.",
    403: "The caller needs aiplatform.endpoints.predict and aiplatform.endpoints.get, and to be inside the perimeter.",
    404: "Is the stack up, and is this the right project and region?",
    429: "A quota is used up: wait, or ask for more in the console under IAM & Admin > Quotas.",
    503: "Vertex AI is overloaded or restarting: try again in a minute.",
}


def refusal(status: int, body: str) -> str:
    """Google's error body as a sentence with the usual way out."""
    try:
        message = json.loads(body)
        message = message[0] if isinstance(message, list) else message
        message = message["error"]["message"]
    except (ValueError, KeyError, IndexError, TypeError):
        message = body[:200] or "no explanation"
    return f"{status}: {message} {ADVICE.get(status, '')}".strip()


def routes(document: dict[str, Any]) -> "Routes":
    """The application's routes, read as the application reads them.

    Raises:
        SmokeError: the document is none that gemini_client takes; the message names every mistake.
    """
    from gemini_client import ConfigurationError
    from gemini_client.routes import read

    try:
        return read(document, "The stack's output routes")
    except ConfigurationError as error:
        raise SmokeError(str(error)) from None


@contextlib.contextmanager
def callers(found: "Routes") -> Iterator[dict[str, Caller]]:
    """A caller for each route by its name, which asks that route alone, once, and falls back to no other."""
    from gemini_client import GeminiClient, Options, Retry, Routes

    options = Options(deadline=CALL_SECONDS, retry=Retry(attempts=1))
    with contextlib.ExitStack() as stack:
        made: dict[str, Caller] = {}
        for route in found.routes:
            alone = Routes((dataclasses.replace(route, weight=100),))
            made[route.name] = _RouteCaller(stack.enter_context(GeminiClient(alone, options=options)))
        yield made


class _RouteCaller:
    def __init__(self, client: "GeminiClient") -> None:
        self._client = client

    def ask(self, prompt: str) -> Answer:
        started = time.monotonic()
        with _as_sentences():
            reply = self._client.generate(prompt)
        return Answer(reply.text, time.monotonic() - started, reply.deployed_model or reply.model)

    def stream(self, prompt: str) -> Iterator[str]:
        with _as_sentences(), self._client.stream(prompt) as pieces:
            yield from pieces


@contextlib.contextmanager
def _as_sentences() -> Iterator[None]:
    from gemini_client import GeminiClientError

    try:
        yield
    except GeminiClientError as error:
        raise SmokeError(f"{error} {ADVICE.get(error.code, '')}".strip()) from None


def describe_operation(operation: dict[str, Any]) -> str:
    """One operation in a few words: what it did and how it stands."""
    metadata = operation.get("metadata", {})
    kind = metadata.get("@type", "operation").rpartition(".")[2].removesuffix("OperationMetadata")
    if not operation.get("done"):
        return f"{kind} running ({metadata.get('deploymentStage', 'started').lower().replace('_', ' ')})"
    return f"{kind} failed" if "error" in operation else f"{kind} done"


def _created(operation: dict[str, Any]) -> str:
    return str(operation.get("metadata", {}).get("genericMetadata", {}).get("createTime", ""))
