"""secretmanager: secrets, versions and payloads, who may read them, and that nothing else shows them."""

import base64
import json

import google_crc32c
import pytest
import requests

from sandbox.testing import SandboxHandle
from tests.sandbox.google import PROJECT_NUMBER, Google, Json, grant, make_account, refusal

AUTOMATIC: Json = {"replication": {"automatic": {}}}
KEY = "AIza-of-a-test"
NAME = f"projects/{PROJECT_NUMBER}/secrets/developer-key"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def manager(sandbox: SandboxHandle) -> Google:
    sandbox.enable("secretmanager")
    return Google(sandbox, "secretmanager")


@pytest.fixture
def secret(manager: Google) -> str:
    """A secret with one version, by its name."""
    made = manager("POST", f"{manager.project}/secrets", AUTOMATIC, secretId="developer-key")
    add(manager, KEY)
    return str(made["name"])


def add(manager: Google, text: str, **payload: str) -> Json:
    body = {"payload": {"data": encoded(text), **payload}}
    return manager("POST", f"{manager.project}/secrets/developer-key:addVersion", body)


def test_a_secret_is_named_with_the_projects_number_and_has_an_etag_in_quotes(manager: Google, secret: str) -> None:
    """As aip/154 has it."""
    found = manager("GET", f"{manager.project}/secrets/developer-key")
    assert found["name"] == secret == NAME
    assert found["replication"] == {"automatic": {}}
    assert found["etag"].startswith('"')
    assert found["etag"].endswith('"')
    assert [one["name"] for one in manager("GET", f"{manager.project}/secrets")["secrets"]] == [NAME]


def test_versions_count_up_and_the_latest_is_read_with_its_checksum(manager: Google, secret: str) -> None:
    """CRC32C as Google's own library makes it."""
    assert add(manager, "second")["name"] == f"{NAME}/versions/2"
    assert manager("GET", f"{secret}/versions/1:access")["payload"]["data"] == encoded(KEY)
    latest = manager("GET", f"{manager.project}/secrets/developer-key/versions/latest:access")
    assert latest["name"] == f"{NAME}/versions/2"
    assert latest["payload"] == {
        "data": encoded("second"),
        "dataCrc32c": str(google_crc32c.value(b"second")),
    }
    numbers = [one["name"].rpartition("/")[2] for one in manager("GET", f"{secret}/versions")["versions"]]
    assert numbers == ["2", "1"]


def test_a_payload_that_was_corrupted_on_its_way_is_refused(manager: Google, secret: str) -> None:
    """Its checksum does not fit."""
    right, wrong = google_crc32c.value(b"x"), google_crc32c.value(b"y")
    assert add(manager, "x", dataCrc32c=str(right))["clientSpecifiedPayloadChecksum"] is True
    body = {"payload": {"data": encoded("x"), "dataCrc32c": str(wrong)}}
    assert refusal(manager, "POST", f"{secret}:addVersion", body).status == "INVALID_ARGUMENT"


@pytest.mark.parametrize("data", ["", encoded("x" * 65537), "no base64!"])
def test_a_payload_has_1_byte_to_64_kib(manager: Google, secret: str, data: str) -> None:
    """Discovery, SecretPayload.data."""
    assert refusal(manager, "POST", f"{secret}:addVersion", {"payload": {"data": data}}).code == 400


def test_a_disabled_version_is_not_given_and_a_destroyed_one_is_gone_for_good(manager: Google, secret: str) -> None:
    """400 FAILED_PRECONDITION with the state."""
    version = f"{secret}/versions/1"
    assert manager("POST", f"{version}:disable", {})["state"] == "DISABLED"
    refused = refusal(manager, "GET", f"{version}:access")
    assert (refused.code, refused.status) == (400, "FAILED_PRECONDITION")
    assert "is in DISABLED state" in refused.message
    assert manager("POST", f"{version}:enable", {})["state"] == "ENABLED"
    assert manager("POST", f"{version}:destroy", {})["destroyTime"]
    assert "is in DESTROYED state" in refusal(manager, "GET", f"{version}:access").message
    assert refusal(manager, "POST", f"{version}:enable", {}).status == "FAILED_PRECONDITION"


def test_an_old_etag_is_refused_as_a_failed_precondition(manager: Google, secret: str) -> None:
    """cloud.google.com/secret-manager/docs/etags: 400, and every change makes another etag."""
    first = manager("GET", secret)["etag"]
    manager("PATCH", secret, {"labels": {"team": "genai"}}, updateMask="labels")
    refused = refusal(manager, "DELETE", secret, etag=first)
    assert (refused.code, refused.status) == (400, "FAILED_PRECONDITION")
    version = manager("GET", f"{secret}/versions/1")["etag"]
    manager("POST", f"{secret}/versions/1:enable", {"etag": version})
    assert refusal(manager, "POST", f"{secret}/versions/1:disable", {"etag": version}).code == 400
    manager("DELETE", secret, etag=manager("GET", secret)["etag"])
    assert refusal(manager, "GET", secret).message == f"Secret [{NAME}] not found."


@pytest.mark.parametrize(
    ("secret_id", "body", "code"),
    [("a.b", AUTOMATIC, 400), ("", AUTOMATIC, 400), ("a", {}, 400), ("developer-key", AUTOMATIC, 409)],
)
def test_what_google_refuses_to_make_is_refused(
    manager: Google, secret: str, secret_id: str, body: Json, code: int
) -> None:
    """An id of other characters, no replication, a name that is taken."""
    assert refusal(manager, "POST", f"{manager.project}/secrets", body, secretId=secret_id).code == code


def test_a_replication_is_for_good(manager: Google, secret: str) -> None:
    """Discovery, Secret.replication: immutable."""
    assert refusal(manager, "PATCH", secret, AUTOMATIC, updateMask="replication").code == 400


def test_only_who_may_access_a_version_reads_it(sandbox: SandboxHandle, manager: Google, secret: str) -> None:
    """An accessor of this one secret reads it and nothing else; an editor of the project does not."""
    email = make_account(sandbox)
    reader = Google(sandbox, "secretmanager", caller=email)
    refused = refusal(reader, "GET", f"{secret}/versions/latest:access")
    assert (refused.code, refused.status) == (403, "PERMISSION_DENIED")
    assert "'secretmanager.versions.access' denied for resource" in refused.message
    grant(sandbox, "roles/editor", f"serviceAccount:{email}")
    assert refusal(reader, "GET", f"{secret}/versions/latest:access").code == 403

    policy = manager("GET", f"{secret}:getIamPolicy")
    binding = {"role": "roles/secretmanager.secretAccessor", "members": [f"serviceAccount:{email}"]}
    manager("POST", f"{secret}:setIamPolicy", {"policy": {**policy, "bindings": [binding]}})
    assert reader("GET", f"{secret}/versions/latest:access")["payload"]["data"] == encoded(KEY)
    asked = {"permissions": ["secretmanager.versions.access", "secretmanager.secrets.setIamPolicy"]}
    assert reader("POST", f"{secret}:testIamPermissions", asked) == {"permissions": ["secretmanager.versions.access"]}
    manager("POST", f"{manager.project}/secrets", AUTOMATIC, secretId="other")
    assert refusal(reader, "GET", f"{manager.project}/secrets/other/versions/latest:access").code == 403


def test_a_version_that_is_not_there_says_so(manager: Google, secret: str) -> None:
    """404 for a number, and for a secret without versions."""
    assert refusal(manager, "GET", f"{secret}/versions/9:access").code == 404
    manager("POST", f"{manager.project}/secrets", AUTOMATIC, secretId="empty")
    said = refusal(manager, "GET", f"{manager.project}/secrets/empty/versions/latest:access").message
    assert said.endswith("not found or has no versions.")


def test_the_api_must_be_enabled(sandbox: SandboxHandle) -> None:
    """403 SERVICE_DISABLED before that."""
    api = Google(sandbox, "secretmanager")
    assert "Secret Manager API has not been used" in refusal(api, "GET", f"{api.project}/secrets").message


def test_it_answers_at_googles_host_too(sandbox: SandboxHandle, manager: Google, secret: str) -> None:
    """As the application reaches it: /hosts/secretmanager.googleapis.com."""
    url = f"{sandbox.url}/hosts/secretmanager.googleapis.com/v1/{secret}/versions/latest:access"
    assert requests.get(url, headers=sandbox.headers, timeout=30).json()["payload"]["data"] == encoded(KEY)


def test_no_list_state_or_record_of_calls_shows_a_payload(sandbox: SandboxHandle, manager: Google, secret: str) -> None:
    """Only `access` does; a reset or delete leaves nothing."""
    shown = [manager("GET", f"{secret}/versions"), manager("GET", secret), sandbox.state(), sandbox.calls()]
    assert KEY not in json.dumps(shown)
    assert encoded(KEY) not in json.dumps(shown)
    manager("DELETE", secret)
    assert sandbox.state() == {}
