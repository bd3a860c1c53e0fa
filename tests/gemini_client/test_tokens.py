"""Tokens: a pod's come by Workload Identity, and what is missing is named."""

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import Credentials
from google.auth.exceptions import RefreshError
from google.oauth2.credentials import Credentials as UserCredentials

from gemini_client import CredentialsError, credentials
from sandbox import pods
from tests.gemini_client.answering import answering
from tests.gemini_client.harness import Json, World, raised
from tests.gemini_client.test_servings import endpoint_route
from tests.sandbox.test_pods import EMAIL, LEGACY, POD, Cluster
from tests.sandbox.vertex import Vertex

ENDPOINTS = "projects/sandbox-project/locations/us-central1/endpoints"

# google-auth reads where its metadata server is when it is imported, so a pod is a process.
SCRIPT = """
import asyncio, os, sys
from gemini_client import AsyncGeminiClient, GeminiClient, GeminiClientError

async def ask():
    async with AsyncGeminiClient.from_env() as client:
        return await client.generate("2 + 2")

try:
    if sys.argv[1] == "async":
        reply = asyncio.run(ask())
    else:
        with GeminiClient.from_env() as client:
            reply = client.generate("2 + 2")
    print("answered", reply.text)
except GeminiClientError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def cluster(vertex: Vertex) -> Cluster:
    return Cluster(vertex)


def asks(world: World, cluster: Cluster) -> str:
    """What the pod gets from the client, or why it does not."""
    mine = {
        "GCP_PROJECT_ID": "sandbox-project",
        "GCP_REGION": "us-central1",
        "VERTEX_ENDPOINT_ID": cluster.endpoint,
        "VERTEX_ENDPOINT_HOST": "us-central1-aiplatform.googleapis.com",
        "VERTEX_ENDPOINT_API": "predict",
        "POD_NAMESPACE": "production",
        "POD_SERVICE_ACCOUNT": "gemini-app",
    }
    with pods.variables_of(world.sandbox.env, POD) as variables:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        root = Path(__file__).resolve().parents[2]
        command = [sys.executable, "-c", SCRIPT, world.kind]
        environment = {**kept, **variables, **mine}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=root, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_pod_needs_a_binding_and_is_told_which(world: World, cluster: Cluster) -> None:
    """No key, no other variable. The real metadata server names no binding: this message is the client's."""
    assert asks(world, cluster) == "answered 4\n"
    cluster.bind()
    said = asks(world, cluster)
    assert said.startswith("CredentialsError Workload Identity gives this pod no token: IAM refused.")
    assert f"The binding of {LEGACY} to roles/iam.workloadIdentityUser on {EMAIL} is missing" in said


def test_a_permission_that_is_missing_is_named(world: World, cluster: Cluster) -> None:
    cluster.ungranted()
    said = asks(world, cluster)
    assert said.startswith("Refused vertex-endpoint answered 403 PERMISSION_DENIED")
    assert "aiplatform.endpoints.predict" in said


def test_without_any_credentials_the_message_says_how_to_get_some(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GOOGLE_OAUTH_ACCESS_TOKEN")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    error = raised(world.client().ask)
    assert isinstance(error, CredentialsError)
    assert "gcloud auth application-default login" in str(error)


class Counted(Credentials):
    """Credentials that count how often they are renewed, or fail to be."""

    def __init__(self, token: str, failure: str = "") -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.given, self.failure, self.renewals = token, failure, 0

    def refresh(self, request: Any) -> None:
        self.renewals += 1
        if self.failure:
            raise RefreshError(self.failure, {"error": "detail that is no sentence"})
        self.token = self.given


def test_a_token_is_got_once_for_calls_that_come_together(world: World) -> None:
    counted = Counted(world.sandbox.env["GOOGLE_OAUTH_ACCESS_TOKEN"])
    client = world.client(credentials=counted)
    if world.kind == "async":

        async def together() -> list[str]:
            return [reply.text for reply in await asyncio.gather(*(client.client.generate("2 + 2") for _ in range(8)))]

        assert client.run(together()) == ["4"] * 8
    else:
        assert [client.ask().text for _ in range(8)] == ["4"] * 8
    assert counted.renewals == 1


def test_a_token_that_cannot_be_renewed_is_no_failure_of_the_route(world: World) -> None:
    client = world.client(credentials=Counted("", "Account has been deleted"), developer={"model": "gemini-3.5-flash"})
    error = raised(client.ask)
    assert isinstance(error, CredentialsError)
    assert "The credentials gave no token (Account has been deleted)." in str(error)
    assert client.state()["routes"][0]["breaker"] == {"state": "closed", "failures": 0}
    assert world.calls() == []


@pytest.mark.parametrize("api", ["generateContent", "predict"])
@pytest.mark.parametrize("quota", [None, "billed"])
def test_the_quota_project_of_the_credentials_goes_along(
    world: World, monkeypatch: pytest.MonkeyPatch, api: str, quota: str | None
) -> None:
    credentials = UserCredentials("a-token", quota_project_id=quota)
    with answering() as server:
        monkeypatch.setenv("SANDBOX_URL", f"http://{server.host}")
        client = world.client(endpoint_route(f"{ENDPOINTS}/7", api=api, host="h"), credentials=credentials)
        server.answer = 400, "application/json", b"{}"
        raised(client.ask)
    (sent,) = server.headers
    assert (sent["authorization"], sent.get("x-goog-user-project")) == ("Bearer a-token", quota)


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where Kubernetes mounts a pod's own token."""
    monkeypatch.setattr(credentials, "_POD", tmp_path)
    credentials._pod.cache_clear()
    yield tmp_path / "token"
    credentials._pod.cache_clear()


def test_the_pod_is_known_by_the_token_that_kubernetes_mounts(mounted: Path) -> None:
    claims: Json = {"kubernetes.io": {"namespace": "production", "serviceaccount": {"name": "gemini-app"}}}
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    mounted.write_text(f"e30.{payload}.signature")
    assert credentials._pod() == "production/gemini-app"


@pytest.mark.parametrize("text", [None, "rubbish", "a.b.c"])
def test_an_unknown_pod_has_a_placeholder(mounted: Path, text: str | None) -> None:
    if text:
        mounted.write_text(text)
    assert credentials._pod() == "NAMESPACE/SERVICE_ACCOUNT"
