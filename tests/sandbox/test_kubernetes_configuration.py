"""ConfigMaps and Secrets in the cluster: what they hold, what may change, and who sees a Secret."""

import base64
import json
from typing import Any

import pytest

from sandbox.testing import SandboxHandle
from tests.sandbox.kube import APPLY, STRATEGIC, Kube, refusal

MAPS = "api/v1/namespaces/production/configmaps"
SECRETS = "api/v1/namespaces/production/secrets"
ROUTES = {"metadata": {"name": "gemini-routes"}, "data": {"routes.json": "{}"}}
KEY = {"metadata": {"name": "key"}, "stringData": {"apiKey": "AIza-of-a-test"}}
ENCODED = base64.b64encode(b"AIza-of-a-test").decode()
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


@pytest.fixture
def kube(sandbox: SandboxHandle) -> Kube:
    made = Kube(sandbox)
    made.namespace()
    return made


def test_a_config_map_changes_in_place_and_is_watched(kube: Kube) -> None:
    """A patch makes another resourceVersion, and a watch tells of it."""
    made = kube("POST", MAPS, ROUTES)
    version = made["metadata"]["resourceVersion"]
    changed = kube("PATCH", f"{MAPS}/gemini-routes", {"data": {"routes.json": "{1}"}}, STRATEGIC)
    assert changed["data"] == {"routes.json": "{1}"}
    assert int(changed["metadata"]["resourceVersion"]) > int(version)
    told = kube.send("GET", MAPS, watch="1", resourceVersion=version, timeoutSeconds="0.3").text
    events = [json.loads(line) for line in told.splitlines()]
    assert [event["object"]["data"] for event in events] == [{"routes.json": "{1}"}]


def test_a_secrets_strings_are_kept_in_base64(kube: Kube) -> None:
    """stringData is written and never read; the type is Opaque where none is given."""
    made = kube("POST", SECRETS, KEY)
    assert made["data"] == {"apiKey": ENCODED}
    assert "stringData" not in made
    assert made["type"] == "Opaque"
    applied = {"apiVersion": "v1", "kind": "Secret", **KEY, "stringData": {"apiKey": "other"}}
    changed = kube("PATCH", f"{SECRETS}/key", applied, APPLY, fieldManager="tester", force="true")
    assert changed["data"] == {"apiKey": base64.b64encode(b"other").decode()}


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (MAPS, {"data": {"a b": "x"}}, 422),
        (MAPS, {"data": {"a": 1}}, 400),
        (MAPS, {"binaryData": {"a": "no base64!"}}, 400),
        (MAPS, {"data": {"a": "x" * (1024 * 1024 + 1)}}, 422),
        (SECRETS, {"data": {"a": "no base64!"}}, 400),
        (SECRETS, {"stringData": {"a": 1}}, 400),
    ],
)
def test_what_a_cluster_refuses_is_refused(kube: Kube, path: str, body: dict[str, Any], code: int) -> None:
    """Keys, values, base64 and the limit of 1 MiB."""
    assert refusal(kube, "POST", path, {"metadata": {"name": "a"}, **body}).code == code


def test_an_immutable_object_and_a_secrets_type_stay(kube: Kube) -> None:
    """422, whatever the way of changing."""
    kube("POST", MAPS, {**ROUTES, "immutable": True})
    refused = refusal(kube, "PATCH", f"{MAPS}/gemini-routes", {"data": {"routes.json": "x"}}, STRATEGIC)
    assert "field is immutable when `immutable` is set" in refused.message
    kube("POST", SECRETS, KEY)
    assert refusal(kube, "PATCH", f"{SECRETS}/key", {"type": "kubernetes.io/tls"}, STRATEGIC).code == 422


def test_tables_count_what_is_held(kube: Kube) -> None:
    """As `kubectl get` shows them."""
    kube("POST", MAPS, ROUTES)
    kube("POST", SECRETS, KEY)
    maps, secrets = kube("GET", MAPS, accept=TABLE), kube("GET", SECRETS, accept=TABLE)
    assert [row["cells"][:2] for row in maps["rows"]] == [["gemini-routes", 1]]
    assert [row["cells"][:3] for row in secrets["rows"]] == [["key", "Opaque", 1]]


def test_they_go_with_their_namespace_and_the_state_shows_no_secret(sandbox: SandboxHandle, kube: Kube) -> None:
    """The sandbox's own state has a Secret's keys alone."""
    kube("POST", MAPS, ROUTES)
    kube("POST", SECRETS, KEY)
    shown = json.dumps(sandbox.state())
    assert "apiKey" in shown
    assert ENCODED not in shown
    assert "AIza-of-a-test" not in shown
    kube("DELETE", "api/v1/namespaces/production")
    assert sandbox.state() == {}
