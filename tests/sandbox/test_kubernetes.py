"""The Kubernetes API server: objects, namespaces, selectors, tables, discovery, watching."""

import json

import pytest
import requests

from sandbox.services.kubernetes.rendering import age
from sandbox.testing import SandboxHandle
from tests.sandbox.kube import Kube, refusal

ACCOUNTS = "api/v1/namespaces/production/serviceaccounts"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


@pytest.fixture
def kube(sandbox: SandboxHandle) -> Kube:
    return Kube(sandbox)


def test_a_new_cluster_has_its_own_namespaces_and_counts_as_empty(sandbox: SandboxHandle, kube: Kube) -> None:
    names = [n["metadata"]["name"] for n in kube("GET", "api/v1/namespaces")["items"]]
    assert names == ["default", "kube-node-lease", "kube-public", "kube-system"]
    assert sandbox.state() == {}


def test_a_namespace_is_active_labelled_and_has_a_default_account(kube: Kube) -> None:
    made = kube.namespace(labels={"team": "genai"})
    assert made["status"] == {"phase": "Active"}
    assert made["metadata"]["labels"] == {"team": "genai", "kubernetes.io/metadata.name": "production"}
    assert made["metadata"]["uid"]
    assert kube("GET", f"{ACCOUNTS}/default")["metadata"]["namespace"] == "production"


def test_a_name_is_taken_once(kube: Kube) -> None:
    kube.namespace()
    refused = refusal(kube, "POST", "api/v1/namespaces", {"metadata": {"name": "production"}})
    assert (refused.code, refused.reason) == (409, "AlreadyExists")
    assert refused.message == 'namespaces "production" already exists'


@pytest.mark.parametrize("name", ["Upper", "under_score", "-dash", "a" * 64, "dotted.name", ""])
def test_a_namespaces_name_is_a_dns_label(kube: Kube, name: str) -> None:
    refused = refusal(kube, "POST", "api/v1/namespaces", {"metadata": {"name": name}})
    assert (refused.code, refused.reason) == (422, "Invalid")


def test_a_generated_name_begins_as_asked(kube: Kube) -> None:
    made = kube("POST", "api/v1/namespaces", {"metadata": {"generateName": "run-"}})
    assert made["metadata"]["name"].startswith("run-")
    assert len(made["metadata"]["name"]) == 9


def test_an_account_needs_its_namespace(kube: Kube) -> None:
    refused = refusal(kube, "POST", ACCOUNTS, {"metadata": {"name": "gemini-app"}})
    assert refused.message == 'namespaces "production" not found'
    kube.namespace()
    elsewhere = {"metadata": {"name": "gemini-app", "namespace": "other"}}
    assert refusal(kube, "POST", ACCOUNTS, elsewhere).reason == "BadRequest"


def test_what_is_not_there_is_not_found(kube: Kube) -> None:
    assert refusal(kube, "GET", "api/v1/namespaces/nowhere").message == 'namespaces "nowhere" not found'
    assert refusal(kube, "DELETE", f"{ACCOUNTS}/nobody").code == 404
    assert refusal(kube, "GET", "api/v1/pods").message == "the server could not find the requested resource"


def test_an_unknown_field_is_refused_where_the_client_is_strict(kube: Kube) -> None:
    body = {"metadata": {"name": "a", "annotationz": {}}, "colour": "green"}
    refused = refusal(kube, "POST", "api/v1/namespaces", body, fieldValidation="Strict")
    assert 'unknown field "colour", unknown field "metadata.annotationz"' in refused.message
    kube("POST", "api/v1/namespaces", body, fieldValidation="Ignore")


def test_an_object_of_another_kind_is_refused(kube: Kube) -> None:
    body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"}}
    assert refusal(kube, "POST", "api/v1/namespaces", body).reason == "BadRequest"


def test_a_dry_run_changes_nothing(sandbox: SandboxHandle, kube: Kube) -> None:
    made = kube("POST", "api/v1/namespaces", {"metadata": {"name": "a"}}, dryRun="All")
    assert made["metadata"]["name"] == "a"
    kube.namespace()
    kube("DELETE", "api/v1/namespaces/production", {"dryRun": ["All"]})
    assert refusal(kube, "GET", "api/v1/namespaces/a").code == 404
    assert list(sandbox.state()["kubernetes.namespaces"]) == ["production"]


def test_a_put_replaces_unless_someone_was_faster(kube: Kube) -> None:
    kube.namespace()
    made = kube.account(annotations={"a": "1"})
    wanted = {**made, "metadata": {**made["metadata"], "annotations": {"b": "2"}}}
    changed = kube("PUT", f"{ACCOUNTS}/gemini-app", wanted)
    assert changed["metadata"]["annotations"] == {"b": "2"}
    assert changed["metadata"]["uid"] == made["metadata"]["uid"]
    refused = refusal(kube, "PUT", f"{ACCOUNTS}/gemini-app", wanted)
    assert (refused.code, refused.reason) == (409, "Conflict")


def test_a_namespace_takes_its_time_to_go_and_takes_all_with_it(sandbox: SandboxHandle, kube: Kube) -> None:
    kube.namespace()
    kube.account()
    sandbox.set(operationSeconds=600)
    ending = kube("DELETE", "api/v1/namespaces/production")
    assert ending["status"] == {"phase": "Terminating"}
    assert ending["metadata"]["deletionTimestamp"]
    assert "being terminated" in refusal(kube, "POST", ACCOUNTS, {"metadata": {"name": "late"}}).message
    assert refusal(kube, "DELETE", "api/v1/namespaces/production").reason == "Conflict"
    assert kube("GET", f"{ACCOUNTS}/gemini-app")


def test_a_deleted_namespace_leaves_nothing(sandbox: SandboxHandle, kube: Kube) -> None:
    kube.namespace()
    kube.account()
    kube("DELETE", "api/v1/namespaces/production")
    assert sandbox.state() == {}
    assert kube("GET", "api/v1/serviceaccounts", fieldSelector="metadata.namespace=production")["items"] == []


@pytest.mark.parametrize("name", ["default", "kube-system"])
def test_the_clusters_own_namespaces_stay(kube: Kube, name: str) -> None:
    assert refusal(kube, "DELETE", f"api/v1/namespaces/{name}").reason == "Forbidden"


def test_a_default_account_comes_back(kube: Kube) -> None:
    kube.namespace()
    before = kube("GET", f"{ACCOUNTS}/default")
    kube("DELETE", f"{ACCOUNTS}/default")
    assert kube("GET", f"{ACCOUNTS}/default")["metadata"]["uid"] != before["metadata"]["uid"]


def test_a_delete_can_insist_on_the_very_object(kube: Kube) -> None:
    kube.namespace()
    kube.account()
    refused = refusal(kube, "DELETE", f"{ACCOUNTS}/gemini-app", {"preconditions": {"uid": "another"}})
    assert refused.reason == "Conflict"


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("team=genai", ["a"]),
        ("team==genai", ["a"]),
        ("team!=genai", ["b", "default"]),
        ("team", ["a", "b"]),
        ("!team", ["default"]),
        ("team=genai,tier=gold", []),
    ],
)
def test_labels_select(kube: Kube, selector: str, found: list[str]) -> None:
    kube.namespace()
    kube.account("a", labels={"team": "genai"})
    kube.account("b", labels={"team": "search"})
    assert [o["metadata"]["name"] for o in kube("GET", ACCOUNTS, labelSelector=selector)["items"]] == found


def test_kubectl_gets_a_table(kube: Kube) -> None:
    kube.namespace()
    kube.account()
    table = kube("GET", ACCOUNTS, accept=TABLE)
    assert table["kind"] == "Table"
    assert [c["name"] for c in table["columnDefinitions"]] == ["Name", "Secrets", "Age"]
    assert [row["cells"][:2] for row in table["rows"]] == [["default", 0], ["gemini-app", 0]]
    one = kube("GET", "api/v1/namespaces/production", accept=TABLE, includeObject="Object")
    assert one["rows"][0]["cells"][:2] == ["production", "Active"]
    assert one["rows"][0]["object"]["kind"] == "Namespace"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0s"), (59, "59s"), (90, "90s"), (180, "3m"), (7200, "2h"), (86400 * 12, "12d")]
)
def test_an_age_is_written_as_kubectl_writes_it(seconds: int, shown: str) -> None:
    assert age("1970-01-01T00:00:00Z", seconds) == shown


def test_discovery_names_the_kinds_and_leaves_validation_to_the_server(kube: Kube) -> None:
    assert kube("GET", "api")["versions"] == ["v1"]
    reviews = ["authentication.k8s.io", "authorization.k8s.io"]
    assert [group["name"] for group in kube("GET", "apis")["groups"]] == reviews
    resources = {r["name"]: r for r in kube("GET", "api/v1")["resources"]}
    assert resources["serviceaccounts"]["shortNames"] == ["sa"]
    assert "create" not in resources["events"]["verbs"]
    assert kube("GET", "version")["gitVersion"].startswith("v1.")
    document = kube("GET", "openapi/v3")["paths"]["api/v1"]["serverRelativeURL"].removeprefix("/kubernetes/")
    patch = kube("GET", document)["paths"]["/api/v1/namespaces/{name}"]["patch"]
    assert "fieldValidation" in [p["name"] for p in patch["parameters"]]


def test_what_the_cluster_does_not_keep_is_empty_and_takes_nothing(kube: Kube) -> None:
    assert kube("GET", "api/v1/namespaces/default/events")["items"] == []
    body = {"metadata": {"name": "a"}}
    assert refusal(kube, "POST", "api/v1/namespaces/default/events", body).reason == "MethodNotAllowed"


def test_a_watch_tells_what_comes_changes_and_goes(kube: Kube) -> None:
    kube.namespace()
    version = kube("GET", ACCOUNTS)["metadata"]["resourceVersion"]
    kube.account()
    query = {"watch": "true", "resourceVersion": version, "fieldSelector": "metadata.name=gemini-app"}
    url = f"{kube.base}/{ACCOUNTS}"
    with requests.get(url, params=query, headers=kube.headers, stream=True, timeout=30) as stream:
        events = (json.loads(line) for line in stream.iter_lines())
        assert next(events)["type"] == "ADDED"
        kube("PATCH", f"{ACCOUNTS}/gemini-app", {"metadata": {"labels": {"a": "b"}}}, "application/merge-patch+json")
        changed = next(events)
        assert (changed["type"], changed["object"]["metadata"]["labels"]) == ("MODIFIED", {"a": "b"})
        kube("DELETE", f"{ACCOUNTS}/gemini-app")
        assert next(events)["type"] == "DELETED"


def test_calls_are_recorded_and_a_wrong_token_is_refused(sandbox: SandboxHandle, kube: Kube) -> None:
    kube.namespace()
    last = sandbox.calls()[-1]
    recorded = (last["service"], last["path"], last["mutating"], last["status"])
    assert recorded == ("kubernetes", "/kubernetes/api/v1/namespaces", True, 201)
    assert last["method"] == "io.k8s.core.v1.namespaces.create"
    kube("POST", "api/v1/namespaces", {"metadata": {"name": "trial"}}, dryRun="All")
    kube("DELETE", "api/v1/namespaces/production", {"dryRun": ["All"]})
    kube("GET", "api/v1/namespaces")
    kube("POST", "apis/authentication.k8s.io/v1/selfsubjectreviews", {})
    assert [(call["method"], call["mutating"]) for call in sandbox.calls(last["seq"])] == [
        ("io.k8s.core.v1.namespaces.create", False),
        ("io.k8s.core.v1.namespaces.delete", False),
        ("io.k8s.core.v1.namespaces.list", False),
        ("io.k8s.authentication.v1.selfsubjectreviews.create", False),
    ]
    wrong = requests.get(f"{kube.base}/api/v1/namespaces", headers={"Authorization": "Bearer mine"}, timeout=30)
    assert (wrong.status_code, wrong.json()["reason"]) == (401, "Unauthorized")
    assert requests.get(f"{kube.base}/readyz", timeout=30).text == "ok"
