"""How changes meet in the Kubernetes API server: server-side apply and its managers, merge and JSON patches."""

from typing import Any

import pytest

from sandbox.testing import SandboxHandle
from tests.sandbox.kube import APPLY, STRATEGIC, Json, Kube, refusal

ACCOUNT = "api/v1/namespaces/production/serviceaccounts/gemini-app"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"


@pytest.fixture
def kube(sandbox: SandboxHandle) -> Kube:
    kube = Kube(sandbox)
    kube.namespace()
    return kube


def apply(kube: Kube, manager: str, annotations: dict[str, str], **query: Any) -> Json:
    body = {"kind": "ServiceAccount", "metadata": {"name": "gemini-app", "annotations": annotations}}
    return kube("PATCH", ACCOUNT, body, APPLY, fieldManager=manager, **query)


def annotations(kube: Kube) -> dict[str, str]:
    found: dict[str, str] = kube("GET", ACCOUNT)["metadata"].get("annotations", {})
    return found


def test_apply_makes_what_is_not_there_and_then_changes_it(kube: Kube) -> None:
    assert kube.send("PATCH", ACCOUNT, {}, APPLY, fieldManager="one").status_code == 201
    assert apply(kube, "one", {"a": "1"})["metadata"]["annotations"] == {"a": "1"}


def test_applying_the_same_again_changes_nothing(kube: Kube) -> None:
    first = apply(kube, "one", {"a": "1"})
    assert apply(kube, "one", {"a": "1"}) == first


def test_a_manager_that_leaves_a_field_out_removes_it_unless_another_has_it_too(kube: Kube) -> None:
    apply(kube, "one", {"mine": "1", "ours": "2"})
    apply(kube, "two", {"ours": "2"})
    apply(kube, "one", {})
    assert annotations(kube) == {"ours": "2"}
    apply(kube, "two", {})
    assert annotations(kube) == {}


def test_a_field_of_another_manager_is_taken_only_by_force(kube: Kube) -> None:
    apply(kube, "one", {"a": "1", "b": "1"})
    body = {"metadata": {"annotations": {"a": "2"}}}
    refused = refusal(kube, "PATCH", ACCOUNT, body, APPLY, fieldManager="two")
    assert (refused.code, refused.reason) == (409, "Conflict")
    assert 'conflict with "one"' in refused.message
    assert ".metadata.annotations.a" in refused.message
    apply(kube, "two", {"a": "2"}, force="true")
    assert annotations(kube) == {"a": "2", "b": "1"}
    apply(kube, "one", {"b": "1"})
    assert annotations(kube) == {"a": "2", "b": "1"}, "one has lost the field, so leaving it out removes nothing"


def test_who_made_an_object_may_apply_it(kube: Kube) -> None:
    body = {"metadata": {"name": "gemini-app", "annotations": {"a": "1", "b": "1"}}}
    kube("POST", "api/v1/namespaces/production/serviceaccounts", body, fieldManager="one")
    apply(kube, "one", {"a": "2"})
    assert annotations(kube) == {"a": "2"}


def test_apply_needs_a_manager_and_the_right_name(kube: Kube) -> None:
    assert "fieldManager" in refusal(kube, "PATCH", ACCOUNT, {}, APPLY).message
    other = {"metadata": {"name": "other"}}
    assert refusal(kube, "PATCH", ACCOUNT, other, APPLY, fieldManager="one").reason == "BadRequest"


def test_managed_fields_say_who_owns_what(kube: Kube) -> None:
    apply(kube, "one", {"a": "1"})
    kube("PATCH", ACCOUNT, {"metadata": {"labels": {"by": "hand"}}}, MERGE, fieldManager="kubectl-edit")
    entries = kube("GET", ACCOUNT)["metadata"]["managedFields"]
    owned = {e["manager"]: (e["operation"], e["fieldsV1"]) for e in entries}
    assert owned == {
        "one": ("Apply", {"f:metadata": {"f:annotations": {"f:a": {}}}}),
        "kubectl-edit": ("Update", {"f:metadata": {"f:labels": {"f:by": {}}}}),
    }


def test_a_merge_patch_sets_and_removes(kube: Kube) -> None:
    kube.account(annotations={"a": "1", "b": "2"})
    kube("PATCH", ACCOUNT, {"metadata": {"annotations": {"a": None, "c": "3"}}}, MERGE)
    assert annotations(kube) == {"b": "2", "c": "3"}


def test_a_strategic_patch_merges_lists_by_name(kube: Kube) -> None:
    kube.account()
    for patch, names in (
        ([{"name": "one"}, {"name": "two"}], ["one", "two"]),
        ([{"name": "three"}], ["one", "two", "three"]),
        ([{"name": "one", "$patch": "delete"}], ["two", "three"]),
    ):
        body = {"imagePullSecrets": patch, "$setElementOrder/imagePullSecrets": []}
        changed = kube("PATCH", ACCOUNT, body, STRATEGIC)
        assert [s["name"] for s in changed["imagePullSecrets"]] == names


def test_a_json_patch_is_done_step_by_step_or_not_at_all(kube: Kube) -> None:
    kube.account(annotations={"iam.gke.io/gcp-service-account": "a@b"})
    path = "/metadata/annotations/iam.gke.io~1gcp-service-account"
    steps: list[Json] = [
        {"op": "test", "path": path, "value": "a@b"},
        {"op": "replace", "path": path, "value": "c@d"},
        {"op": "add", "path": "/metadata/annotations/x", "value": "y"},
    ]
    kube("PATCH", ACCOUNT, steps, JSON_PATCH)
    assert annotations(kube) == {"iam.gke.io/gcp-service-account": "c@d", "x": "y"}
    removal = {"op": "remove", "path": "/metadata/annotations/x"}
    assert refusal(kube, "PATCH", ACCOUNT, [removal, *steps], JSON_PATCH).code == 422
    assert annotations(kube) == {"iam.gke.io/gcp-service-account": "c@d", "x": "y"}


def test_another_kind_of_patch_is_unsupported(kube: Kube) -> None:
    kube.account()
    assert refusal(kube, "PATCH", ACCOUNT, {}, "text/plain").reason == "UnsupportedMediaType"


def test_a_name_is_immutable(kube: Kube) -> None:
    kube.account()
    assert refusal(kube, "PATCH", ACCOUNT, {"metadata": {"name": "other"}}, MERGE).reason == "Invalid"
