"""google-api-python-client, unchanged: the discovery documents it ships, led to the sandbox."""

from typing import Any

import pytest
from googleapiclient import discovery, errors

from sandbox.core import ORGANIZATION
from sandbox.testing import SandboxHandle
from tests.clients.test_google_auth import CREDENTIALS
from tests.sandbox.vertex import Vertex


def build(sandbox: SandboxHandle, service: str, version: str) -> Any:
    """A service's client, as its users build it for another address."""
    return discovery.build(
        service,
        version,
        credentials=CREDENTIALS,
        client_options={"api_endpoint": f"{sandbox.url}/{service}"},
        static_discovery=True,
    )


def test_endpoints_are_made_listed_in_pages_and_deleted(vertex: Vertex) -> None:
    endpoints = build(vertex.sandbox, "aiplatform", "v1").projects().locations().endpoints()
    for name in ("one", "two", "three"):
        operation = endpoints.create(parent=vertex.parent, body={"displayName": name}).execute()
        assert operation["done"]
    request, seen = endpoints.list(parent=vertex.parent, pageSize=2), []
    while request is not None:
        page = request.execute()
        seen += page.get("endpoints", [])
        request = endpoints.list_next(request, page)
    assert {endpoint["displayName"] for endpoint in seen} == {"one", "two", "three"}
    for endpoint in seen:
        endpoints.delete(name=endpoint["name"]).execute()
    assert endpoints.list(parent=vertex.parent).execute() == {}


def test_a_refusal_is_an_http_error_with_googles_words(vertex: Vertex) -> None:
    endpoints = build(vertex.sandbox, "aiplatform", "v1").projects().locations().endpoints()
    with pytest.raises(errors.HttpError, match="Cannot find field") as refused:
        endpoints.create(parent=vertex.parent, body={"displayNam": "x"}).execute()
    assert refused.value.resp.status == 400


def test_the_services_around_vertex_ai_answer(sandbox: SandboxHandle) -> None:
    project = build(sandbox, "cloudresourcemanager", "v1").projects().get(projectId=sandbox.project).execute()
    assert project["lifecycleState"] == "ACTIVE"
    accounts = build(sandbox, "iam", "v1").projects().serviceAccounts()
    made = accounts.create(name=f"projects/{sandbox.project}", body={"accountId": "gemini-inference-sa"}).execute()
    assert made["email"].startswith("gemini-inference-sa@")
    listed = build(sandbox, "serviceusage", "v1").services().list(parent=f"projects/{sandbox.project}").execute()
    assert listed["services"]
    policies = build(sandbox, "accesscontextmanager", "v1").accessPolicies()
    body = {"parent": f"organizations/{ORGANIZATION}", "title": "prod-access-policy"}
    assert policies.create(body=body).execute()["done"]
