"""Access tokens for Google's APIs, and sentences where there is none."""

import asyncio
import base64
import concurrent.futures
import functools
import json
import math
import os
import re
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import google.auth
import google.auth.credentials
import google.auth.exceptions
import google.auth.transport.requests
import google.oauth2.credentials
import httpx

from gemini_client.errors import CredentialsError
from gemini_client.shared import Background, Shared, patience

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class Tokens:
    """One place that gets and renews tokens, so that google-genai finds valid ones and all failures read alike.

    Args:
        given: credentials to use; None for GOOGLE_OAUTH_ACCESS_TOKEN (as Google's own tools read it), else
            Application Default Credentials: in a pod Workload Identity, at a desk `gcloud auth application-default`.
        project: whose workload identity pool a message names.
        background: renews them.
    """

    longest_wait = 20.0

    def __init__(self, given: google.auth.credentials.Credentials | None, project: str, background: Background) -> None:
        self._credentials: Any = given
        self._project = project
        self._renewal = Shared(background, self._renewed)

    async def credentials(self, left: float = math.inf) -> google.auth.credentials.Credentials:
        """Credentials with a token that is still valid, for a call that has so many seconds left.

        Raises:
            CredentialsError: there are none, or they give no token, or none in `longest_wait` seconds.
        """
        if not self._ready():
            wait = patience(self.longest_wait, left)
            try:
                failure = await self._renewal.get(wait)
            except TimeoutError:
                failure = (
                    f"The credentials gave no token in {wait:.3g} s. In a pod they come from GKE's metadata server: is"
                    " it running on the node, and may the pod reach 169.254.169.254?"
                )
            if failure:
                raise CredentialsError(failure)
        found: google.auth.credentials.Credentials = self._credentials
        return found

    async def auth(self, left: float = math.inf) -> httpx.Auth:
        """Puts the token into a request as it leaves, so that no frame's variables hold it; `credentials` may raise."""
        return _TokenAuth(await self.credentials(left))

    def _ready(self) -> bool:
        return self._credentials is not None and bool(self._credentials.valid)

    async def _renewed(self) -> str:
        # google-auth blocks, and waits between its own tries at the metadata server. An executor's threads are waited
        # for when the loop, or the process, ends.
        done: concurrent.futures.Future[str] = concurrent.futures.Future()

        def run() -> None:
            done.set_running_or_notify_cancel()
            try:
                done.set_result(self._renew())
            except BaseException as error:  # noqa: BLE001 - raised where it is awaited
                done.set_exception(error)

        threading.Thread(target=run, name="gemini-client-token", daemon=True).start()
        return await asyncio.wrap_future(done)

    def _renew(self) -> str:
        """Gets a token; "" or the sentence of why there is none."""
        try:
            if self._credentials is None:
                self._credentials = _default()
            if not self._credentials.valid:
                self._credentials.refresh(google.auth.transport.requests.Request())
        except google.auth.exceptions.DefaultCredentialsError as error:
            return (
                f"There are no Google credentials ({_one_line(error)}). In a pod: bind its Kubernetes service account"
                " to a Google one (Workload Identity); at a desk: `gcloud auth application-default login`."
            )
        except google.auth.exceptions.GoogleAuthError as error:
            return self._refused(_one_line(error))
        return ""

    def _refused(self, said: str) -> str:
        if os.environ.get("GOOGLE_OAUTH_ACCESS_TOKEN") and "refresh" in said:
            return "The token of GOOGLE_OAUTH_ACCESS_TOKEN was not taken or has expired: set a new one, or unset it."
        if re.search(r"generate access token|getAccessToken|IAM returned|workload ?identity", said, re.IGNORECASE):
            email = str(getattr(self._credentials, "service_account_email", "") or "default")
            named = re.search(r"[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com", said)
            account = email if email != "default" else named[0] if named else "the Google service account"
            return (
                "Workload Identity gives this pod no token: IAM refused. The binding of"
                f" serviceAccount:{self._project or 'PROJECT'}.svc.id.goog[{_pod()}] to roles/iam.workloadIdentityUser"
                f" on {account} is missing, or the annotation iam.gke.io/gcp-service-account names another account:"
                f" `pulumi up` sets both. The metadata server said: {said}"
            )
        return f"The credentials gave no token ({said}). At a desk: `gcloud auth application-default login`."


class _TokenAuth(httpx.Auth):
    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._credentials.token}"
        if quota := getattr(self._credentials, "quota_project_id", None):
            request.headers["x-goog-user-project"] = quota
        yield request


def _default() -> Any:
    if token := os.environ.get("GOOGLE_OAUTH_ACCESS_TOKEN"):
        return google.oauth2.credentials.Credentials(token=token)
    return google.auth.default(scopes=[SCOPE])[0]


@functools.cache
def _pod() -> str:
    """NAMESPACE/ACCOUNT of this pod, by the token that Kubernetes mounts or POD_NAMESPACE and POD_SERVICE_ACCOUNT."""
    claims: dict[str, Any] = {}
    try:
        payload = (_POD / "token").read_text().split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))).get("kubernetes.io", {})
    except (OSError, ValueError, IndexError, AttributeError):
        claims = {}
    namespace = os.environ.get("POD_NAMESPACE") or claims.get("namespace", "NAMESPACE")
    account = os.environ.get("POD_SERVICE_ACCOUNT") or claims.get("serviceaccount", {}).get("name", "SERVICE_ACCOUNT")
    return f"{namespace}/{account}"


def _one_line(error: Exception) -> str:
    if error.args and isinstance(error.args[0], Exception):  # google-auth wraps the metadata server's answer
        return _one_line(error.args[0])
    parts = [part for part in error.args if isinstance(part, str)]
    return " ".join(" ".join(parts or [str(error)]).split())
