"""How the cluster describes its kinds, and that it holds objects to the description."""

from typing import Any

import pytest
import requests

from sandbox.services.kubernetes import gnostic
from sandbox.testing import SandboxHandle
from tests.sandbox.kube import Kube, RefusedError

CLIENT_GO = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
ACCOUNTS = "api/v1/namespaces/default/serviceaccounts"


@pytest.fixture
def kube(sandbox: SandboxHandle) -> Kube:
    return Kube(sandbox)


def test_version_2_is_the_same_as_protobuf_and_as_json(kube: Kube) -> None:
    """client-go asks for gnostic's Document and no other form; source: k8s.io/client-go discovery_client.go."""
    described = kube("GET", "openapi/v2")
    answer: requests.Response = kube.send("GET", "openapi/v2", accept=CLIENT_GO)
    assert answer.headers["content-type"] == "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
    document: Any = gnostic.document_class().FromString(answer.content)
    assert document.swagger == described["swagger"] == "2.0"
    definitions = {each.name: each.value for each in document.definitions.additional_properties}
    assert set(definitions) == set(described["definitions"])
    for name, schema in described["definitions"].items():
        properties = {each.name: each.value for each in definitions[name].properties.additional_properties}
        assert set(properties) == set(schema["properties"])
        for field, wanted in schema["properties"].items():
            assert properties[field].ref == wanted.get("$ref", "")
            assert list(properties[field].type.value) == ([wanted["type"]] if "type" in wanted else [])
    paths = {each.name: each.value for each in document.paths.path}
    assert set(paths) == set(described["paths"])


def test_every_path_and_method_that_is_described_is_served(sandbox: SandboxHandle, kube: Kube) -> None:
    """None answers 404 for its path or 405 for its method."""
    for path, item in kube("GET", "openapi/v3/api/v1")["paths"].items():
        url = path.lstrip("/").replace("{namespace}", "default").replace("{name}", "nothing")
        for verb in item:
            answer = kube.send(verb.upper(), url, {"metadata": {}}, dryRun="All")
            assert answer.status_code != 405, f"{verb} {path}"
            assert "could not find the requested resource" not in answer.text, f"{verb} {path}"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"metadata": {"name": "a"}, "automountServiceAccountToken": "no"},
            "cannot unmarshal string into Go struct field ServiceAccount.automountServiceAccountToken of type bool",
        ),
        (
            {"metadata": {"name": "a", "labels": {"n": 1}}},
            "json: cannot unmarshal number into Go struct field ServiceAccount.metadata.labels of type string",
        ),
        (
            {"metadata": {"name": "a", "nme": "b"}, "secrets": [{"name": "c", "wrong": 1}]},
            'strict decoding error: unknown field "metadata.nme", unknown field "secrets[0].wrong"',
        ),
    ],
)
def test_an_object_that_does_not_fit_the_description_is_refused(kube: Kube, body: Any, message: str) -> None:
    """In the words of Kubernetes' own decoder; unknown fields only where the client asks for strictness."""
    with pytest.raises(RefusedError, match="cannot be handled as a ServiceAccount") as refused:
        kube("POST", ACCOUNTS, body, fieldValidation="Strict")
    assert (refused.value.code, refused.value.reason) == (400, "BadRequest")
    assert message in refused.value.message


def test_unknown_fields_are_dropped_where_nobody_asks_for_strictness(kube: Kube) -> None:
    made = kube("POST", ACCOUNTS, {"metadata": {"name": "a"}, "colour": "red"})
    assert "colour" not in made


def test_a_time_in_yaml_stays_a_string(sandbox: SandboxHandle) -> None:
    """An apply is YAML, whose timestamps have no JSON type of their own."""
    text = "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: a\n  annotations:\n    at: 2026-11-24T01:02:03Z\n"
    answer = requests.patch(
        f"{sandbox.url}/kubernetes/{ACCOUNTS}/a?fieldManager=tester",
        data=text,
        headers={**sandbox.headers, "Content-Type": "application/apply-patch+yaml"},
        timeout=30,
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["metadata"]["annotations"] == {"at": "2026-11-24T01:02:03Z"}
