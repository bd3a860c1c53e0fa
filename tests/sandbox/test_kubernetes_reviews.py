"""What `kubectl auth` asks the cluster, in the shapes of Kubernetes' authentication and authorization APIs."""

import pytest

from sandbox.testing import SandboxHandle
from tests.sandbox.kube import ACCESS, RULES, WHO, Kube, refusal


@pytest.fixture
def kube(sandbox: SandboxHandle) -> Kube:
    return Kube(sandbox)


def test_the_caller_is_who_the_token_says(sandbox: SandboxHandle, kube: Kube) -> None:
    assert kube("POST", WHO, {})["status"]["userInfo"]["username"] == "deployer@sandbox.example"
    answer = Kube(sandbox, "someone@sandbox.example")("POST", WHO, {})
    assert answer["status"]["userInfo"]["username"] == "someone@sandbox.example"


def test_the_deployer_may_do_what_the_cluster_takes(kube: Kube) -> None:
    spec = {"resourceAttributes": {"verb": "create", "resource": "serviceaccounts", "namespace": "production"}}
    review = kube("POST", ACCESS, {"kind": "SelfSubjectAccessReview", "spec": spec})
    assert (review["spec"], review["status"]) == (spec, {"allowed": True})
    rules = kube("POST", RULES, {"spec": {"namespace": "production"}})["status"]["resourceRules"]
    every = ["create", "delete", "get", "list", "patch", "update", "watch"]
    assert {"verbs": every, "apiGroups": [""], "resources": ["serviceaccounts"]} in rules


@pytest.mark.parametrize("spec", [{}, {"resourceAttributes": {"verb": "get"}, "nonResourceAttributes": {"path": "/"}}])
def test_an_access_review_asks_about_one_thing(kube: Kube, spec: dict[str, object]) -> None:
    assert refusal(kube, "POST", ACCESS, {"spec": spec}).code == 422


def test_a_review_of_another_kind_is_refused(kube: Kube) -> None:
    assert refusal(kube, "POST", WHO, {"kind": "Namespace"}).reason == "BadRequest"


def test_the_groups_and_their_resources_are_described(kube: Kube) -> None:
    for group in kube("GET", "apis")["groups"]:
        version = group["preferredVersion"]["groupVersion"]
        assert kube("GET", f"apis/{group['name']}")["preferredVersion"]["groupVersion"] == version
        resources = kube("GET", f"apis/{version}")["resources"]
        assert all(resource["verbs"] == ["create"] for resource in resources)
