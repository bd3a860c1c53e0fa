"""Calls to an endpoint and questions about it, as the smoke test and the demo need them.

Google's address is used unless the environment points elsewhere, as `python -m sandbox run` does.
"""

import functools
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import google.auth
import google.auth.exceptions
import google.auth.transport.requests
import google.oauth2.credentials
import requests

CALL_SECONDS = 60
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
BASE_GEMINI = "publishers/google/models/gemini"


class SmokeError(Exception):
    """Something could not be asked; the message says what, where and what to do."""


@dataclass(frozen=True)
class Answer:
    """One answer: its text, the seconds it took, and the deployed model that gave it where the API says so."""

    text: str
    seconds: float
    model: str = ""


class Caller(Protocol):
    """Asks a model on an endpoint."""

    def ask(self, prompt: str) -> Answer:
        """One question, one whole answer."""

    def stream(self, prompt: str) -> Iterator[str]:
        """The pieces of an answer as they come."""


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


class Control:
    """Reads endpoints, models and operations of one region."""

    def __init__(self, region: str) -> None:
        self._base = host_url(f"{region}-aiplatform.googleapis.com")
        self.session = google.auth.transport.requests.AuthorizedSession(credentials())

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """GET a resource of v1.

        Raises:
            SmokeError: Google refused or could not be reached.
        """
        return call(self.session, "GET", f"{self._base}/v1/{path}", params=query)

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
            f"{url} cannot be reached. A private endpoint answers only inside its network: run this from there."
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


def caller(control: Control, endpoint: str, host: str, api: str, live: dict[str, Any], scheme: str = "https") -> Caller:
    """The way to call this endpoint's models.

    Args:
        control: to look the models up with.
        endpoint: full resource name.
        host: host that serves predictions of the endpoint, without scheme.
        api: `gemini`, `predict`, or `auto`: Gemini, base or tuned, takes generateContent, all others take predict.
        live: the endpoint as `endpoints.get` gave it.
        scheme: of the host; Google's certificate on a private address is self-signed, and optional.

    Raises:
        SmokeError: no model is deployed, or a model cannot be read.
    """
    models = live.get("deployedModels", [])
    if not models:
        raise SmokeError("No model is deployed on the endpoint. Run `pulumi up`.")
    names = {model["id"]: model.get("displayName", model["id"]) for model in models}
    if live.get("network"):
        address = urlsplit(models[0].get("privateEndpoints", {}).get("predictHttpUri", ""))
        return PredictCaller(control.session, f"{host_url(address.netloc, address.scheme)}{address.path}", names)
    if not host:
        raise SmokeError(
            "The endpoint has no address yet: with Private Service Connect it gets one with the first deployed model. "
            "Name it with --host."
        )
    if api == "gemini" or (api == "auto" and all(_is_gemini(control, model["model"]) for model in models)):
        return GeminiCaller(endpoint, host, scheme)
    return PredictCaller(control.session, f"{host_url(host, scheme)}/v1/{endpoint}:predict", names)


def _is_gemini(control: Control, model: str) -> bool:
    if "/publishers/" in f"/{model}":
        return BASE_GEMINI in model
    return "genieSource" in control.get(model).get("baseModelSource", {})


class PredictCaller:
    """Own and open models: `endpoints.predict` and `endpoints.streamRawPredict`."""

    def __init__(self, session: requests.Session, url: str, names: dict[str, str]) -> None:
        self._session, self._url, self._names = session, url, names

    def ask(self, prompt: str) -> Answer:
        """The article's verification: one instance with `content`."""
        started = time.monotonic()
        said = call(self._session, "POST", self._url, json={"instances": [{"content": prompt}]})
        seconds = time.monotonic() - started
        prediction = (said.get("predictions") or [""])[0]
        text = prediction.get("content", json.dumps(prediction)) if isinstance(prediction, dict) else str(prediction)
        served = said.get("deployedModelId", "")
        return Answer(text, seconds, self._names.get(served, served))

    def stream(self, prompt: str) -> Iterator[str]:
        """The body's pieces as they arrive; their form is the container's own."""
        body = {"instances": [{"content": prompt}], "stream": True}
        url = f"{self._url.removesuffix(':predict')}:streamRawPredict"
        response = _send(self._session, "POST", url, json=body, stream=True)
        try:
            for chunk in response.iter_content(chunk_size=None):
                yield chunk.decode(errors="replace")
        except requests.RequestException:
            raise SmokeError("The stream broke off before its end.") from None


class GeminiCaller:
    """Gemini: `endpoints.generateContent` and `streamGenerateContent`, through google-genai."""

    def __init__(self, endpoint: str, host: str, scheme: str = "https") -> None:
        from google import genai
        from google.genai import types

        parts = endpoint.split("/")
        self._endpoint = endpoint
        self._client = genai.Client(
            vertexai=True,
            project=parts[1],
            location=parts[3],
            credentials=credentials(),
            http_options=types.HttpOptions(
                base_url=host_url(host, scheme), api_version="v1", timeout=CALL_SECONDS * 1000
            ),
        )

    def ask(self, prompt: str) -> Answer:
        """One `generateContent`."""
        started = time.monotonic()
        said = self._guard(lambda: self._client.models.generate_content(model=self._endpoint, contents=prompt))
        return Answer(said.text or "", time.monotonic() - started, said.model_version or "")

    def stream(self, prompt: str) -> Iterator[str]:
        """One `streamGenerateContent` with server-sent events."""
        chunks = self._guard(lambda: self._client.models.generate_content_stream(model=self._endpoint, contents=prompt))
        while (chunk := self._guard(lambda: next(chunks, None))) is not None:
            if chunk.text:
                yield chunk.text

    def _guard(self, request: Any) -> Any:
        import httpx
        from google.genai import errors

        try:
            return request()
        except errors.APIError as error:
            raise SmokeError(refusal(error.code, json.dumps({"error": {"message": error.message}}))) from None
        except httpx.HTTPError as error:
            raise SmokeError(
                f"{self._endpoint} cannot be called ({type(error).__name__}). Is its host in reach?"
            ) from None


def describe_operation(operation: dict[str, Any]) -> str:
    """One operation in a few words: what it did and how it stands."""
    metadata = operation.get("metadata", {})
    kind = metadata.get("@type", "operation").rpartition(".")[2].removesuffix("OperationMetadata")
    if not operation.get("done"):
        return f"{kind} running ({metadata.get('deploymentStage', 'started').lower().replace('_', ' ')})"
    return f"{kind} failed" if "error" in operation else f"{kind} done"


def _created(operation: dict[str, Any]) -> str:
    return str(operation.get("metadata", {}).get("genericMetadata", {}).get("createTime", ""))
