"""The kubernetes stand-in: objects through their life, drift, and which cluster a configuration leads to."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import provider_pb2 as pb

from sandbox.standin.values import to_struct
from sandbox.testing import SandboxHandle
from tests.sandbox.kube import Kube
from tests.sandbox.plugin import UNKNOWN, Plugin, error_of, running_plugins

NAMESPACE = "kubernetes:core/v1:Namespace"
ACCOUNT = "kubernetes:core/v1:ServiceAccount"
ANNOTATION = "iam.gke.io/gcp-service-account"
PRODUCTION = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "production"}}
APP = {
    "apiVersion": "v1",
    "kind": "ServiceAccount",
    "metadata": {"name": "gemini-app", "namespace": "production", "annotations": {ANNOTATION: "a@b"}},
}
PATH = "api/v1/namespaces/production/serviceaccounts/gemini-app"


@pytest.fixture
def ports(sandbox: SandboxHandle) -> Iterator[dict[str, int]]:
    with running_plugins(sandbox) as ports:
        yield ports


@pytest.fixture
def cluster(ports: dict[str, int]) -> Plugin:
    return Plugin(ports["kubernetes"])


@pytest.fixture
def kube(sandbox: SandboxHandle) -> Kube:
    return Kube(sandbox)


def annotated(email: str) -> dict[str, object]:
    return {**APP, "metadata": {"name": "gemini-app", "namespace": "production", "annotations": {ANNOTATION: email}}}


def test_an_annotated_account_in_its_namespace_lives_and_goes(sandbox: SandboxHandle, cluster: Plugin) -> None:
    namespace, account = cluster.create(NAMESPACE, PRODUCTION), cluster.create(ACCOUNT, APP)
    assert (namespace.id, account.id) == ("production", "production/gemini-app")
    assert account.state["metadata"]["uid"]
    for made in (namespace, account):
        assert cluster.changes(made, made.inputs) == {}
        assert cluster.refresh(made) == made
    found = cluster.imported(ACCOUNT, account.id)
    assert found is not None
    assert cluster.changes(found, APP) == {}
    cluster.delete(account)
    cluster.delete(account)
    cluster.delete(namespace)
    assert cluster.refresh(account) is None
    assert sandbox.state() == {}


def test_a_new_annotation_is_applied_in_place(cluster: Plugin, kube: Kube) -> None:
    cluster.create(NAMESPACE, PRODUCTION)
    made = cluster.create(ACCOUNT, APP)
    wanted = annotated("c@d")
    assert cluster.changes(made, wanted) == {f'metadata.annotations["{ANNOTATION}"]': "UPDATE"}
    updated = cluster.update(made, wanted)
    assert kube("GET", PATH)["metadata"]["annotations"] == {ANNOTATION: "c@d"}
    assert cluster.changes(updated, wanted) == {}
    bare = {**APP, "metadata": {"name": "gemini-app", "namespace": "production"}}
    cluster.update(updated, bare)
    assert "annotations" not in kube("GET", PATH)["metadata"] or not kube("GET", PATH)["metadata"]["annotations"]


def test_what_others_add_is_no_difference_but_what_they_change_is(cluster: Plugin, kube: Kube) -> None:
    cluster.create(NAMESPACE, PRODUCTION)
    made = cluster.create(ACCOUNT, APP)
    kube("PATCH", PATH, {"metadata": {"annotations": {"other": "x"}}}, "application/merge-patch+json")
    refreshed = cluster.refresh(made)
    assert refreshed is not None
    assert refreshed.inputs == APP
    assert cluster.changes(refreshed, APP) == {}
    kube("PATCH", PATH, {"metadata": {"annotations": {ANNOTATION: "by@hand"}}}, "application/merge-patch+json")
    drifted = cluster.refresh(made)
    assert drifted is not None
    assert cluster.changes(drifted, APP) == {f'metadata.annotations["{ANNOTATION}"]': "UPDATE"}
    assert 'conflict with "tester"' in error_of(cluster.update, drifted, APP)


def test_an_annotation_removed_by_hand_is_put_back(cluster: Plugin, kube: Kube) -> None:
    cluster.create(NAMESPACE, PRODUCTION)
    made = cluster.create(ACCOUNT, APP)
    kube("PATCH", PATH, {"metadata": {"annotations": {ANNOTATION: None}}}, "application/merge-patch+json")
    refreshed = cluster.refresh(made)
    assert refreshed is not None
    assert "ADD" in cluster.changes(refreshed, APP).values()
    cluster.update(refreshed, APP)
    assert kube("GET", PATH)["metadata"]["annotations"] == {ANNOTATION: "a@b"}


@pytest.mark.parametrize(("field", "value"), [("name", "other"), ("namespace", "default"), ("name", UNKNOWN)])
def test_another_name_or_namespace_replaces(cluster: Plugin, field: str, value: str) -> None:
    cluster.create(NAMESPACE, PRODUCTION)
    made = cluster.create(ACCOUNT, APP)
    wanted = {**APP, "metadata": {**made.inputs["metadata"], field: value}}
    assert cluster.changes(made, wanted) == {f"metadata.{field}": "UPDATE_REPLACE"}


def test_a_preview_passes_unknowns_on(cluster: Plugin) -> None:
    shown = cluster.preview(ACCOUNT, annotated(UNKNOWN))
    assert shown["metadata"]["annotations"] == {ANNOTATION: UNKNOWN}


def test_a_name_is_made_up_once_and_the_default_namespace_is_the_providers(ports: dict[str, int]) -> None:
    cluster = Plugin(ports["kubernetes"], {"namespace": "kube-public"})
    made = cluster.create(ACCOUNT, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {}})
    assert made.id == "kube-public/thing-1234567"
    assert made.inputs["metadata"]["annotations"] == {"pulumi.com/autonamed": "true"}
    again, _ = cluster.check(ACCOUNT, {"metadata": {}}, {"metadata": {"name": "thing-old"}})
    assert again["metadata"]["name"] == "thing-old"


def test_deleting_a_namespace_waits_until_it_is_gone(sandbox: SandboxHandle, cluster: Plugin) -> None:
    made = cluster.create(NAMESPACE, PRODUCTION)
    sandbox.set(operationSeconds=0.3)
    cluster.delete(made)
    assert cluster.refresh(made) is None


def test_an_object_that_is_there_is_not_taken_over(cluster: Plugin, kube: Kube) -> None:
    kube.namespace()
    said = error_of(cluster.create, NAMESPACE, PRODUCTION)
    assert '409 AlreadyExists: namespaces "production" already exists' in said


def kubeconfig(**contexts: str) -> str:
    """A kubeconfig whose contexts lead to the given servers."""
    return json.dumps(
        {
            "clusters": [{"name": n, "cluster": {"server": s}} for n, s in contexts.items()],
            "contexts": [{"name": n, "context": {"cluster": n}} for n in contexts],
            "current-context": next(iter(contexts), ""),
        }
    )


def test_a_context_is_chosen_by_name_from_a_kubeconfig_given_as_text_or_file(
    sandbox: SandboxHandle, ports: dict[str, int], tmp_path: Path
) -> None:
    text = kubeconfig(elsewhere="https://203.0.113.7", here=f"{sandbox.url}/kubernetes")
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    for given in (text, str(file)):
        plugin = Plugin(ports["kubernetes"], {"kubeconfig": given, "context": "here"})
        assert plugin.imported(NAMESPACE, "default") is not None


def test_no_cluster_outside_the_sandbox_is_ever_called(ports: dict[str, int]) -> None:
    config = {"kubeconfig": kubeconfig(gke="https://203.0.113.7")}
    said = error_of(Plugin, ports["kubernetes"], config)
    assert "leads to 'https://203.0.113.7', not to the sandbox" in said


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"context": "production"}, "no context 'production'. It has: sandbox."),
        ({"kubeconfig": "/no/such/file"}, "cannot be read"),
        ({"kubeconfig": "{"}, "no YAML"),
        ({"kubeconfig": "a list:\n- in it\n"}, "no current-context"),
    ],
)
def test_a_configuration_that_leads_nowhere_says_why(ports: dict[str, int], config: dict[str, str], words: str) -> None:
    assert words in error_of(Plugin, ports["kubernetes"], config)


def test_another_cluster_replaces_everything_another_file_for_the_same_one_nothing(cluster: Plugin) -> None:
    def replaces(old: dict[str, str], new: dict[str, str]) -> list[str]:
        olds, news = struct_pb2.Struct(), struct_pb2.Struct()
        olds.update(old)
        news.update(new)
        return list(cluster.stub.DiffConfig(pb.DiffRequest(olds=olds, old_inputs=olds, news=news)).replaces)

    one, two = kubeconfig(a="http://one", b="http://two"), kubeconfig(a="http://one")
    assert replaces({"kubeconfig": one}, {"kubeconfig": two}) == []
    assert replaces({"kubeconfig": one}, {"kubeconfig": one, "context": "b"}) == ["context"]
    assert replaces({"kubeconfig": one}, {"kubeconfig": one}) == []


def test_the_plugins_say_who_they_are(cluster: Plugin) -> None:
    assert cluster.stub.GetPluginInfo(empty_pb2.Empty()).version.count(".") == 2
    schema = json.loads(cluster.stub.GetSchema(pb.GetSchemaRequest()).schema)
    held = {"kubernetes:core/v1:ConfigMap", "kubernetes:core/v1:Secret"}
    assert set(schema["resources"]) == {NAMESPACE, ACCOUNT, *held}
    checked = cluster.stub.CheckConfig(pb.CheckRequest(news=to_struct({"context": "sandbox"})))
    assert dict(checked.inputs) == {"context": "sandbox"}
