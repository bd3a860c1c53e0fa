"""Secrets and what is kept like them, through both stand-ins: in place or anew, drift, import, and their end."""

import base64
from collections.abc import Iterator

import pytest

from sandbox.testing import SandboxHandle
from tests.sandbox.google import Google, make_account
from tests.sandbox.kube import Kube
from tests.sandbox.plugin import Made, Plugin, Props, error_of, running_plugins

VERSION = "gcp:secretmanager/secretVersion:SecretVersion"
MEMBER = "gcp:secretmanager/secretIamMember:SecretIamMember"
SECRET_ID = "projects/sandbox-project/secrets/developer-key"
CONFIG_MAP, SECRET = "kubernetes:core/v1:ConfigMap", "kubernetes:core/v1:Secret"
MUTABLE = {"enableConfigMapMutable": "true", "enableSecretMutable": "true"}
ROUTES: Props = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "gemini-routes", "namespace": "default"},
    "data": {"routes.json": "{}"},
}
KEY: Props = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "key", "namespace": "default"},
    "type": "Opaque",
    "stringData": {"apiKey": "AIza-of-a-test"},
}


@pytest.fixture
def ports(sandbox: SandboxHandle) -> Iterator[dict[str, int]]:
    with running_plugins(sandbox) as ports:
        yield ports


@pytest.fixture
def gcp(sandbox: SandboxHandle, ports: dict[str, int]) -> Plugin:
    """With a secret in the project."""
    sandbox.enable("secretmanager")
    manager = Google(sandbox, "secretmanager")
    manager("POST", f"{manager.project}/secrets", {"replication": {"automatic": {}}}, secretId="developer-key")
    return Plugin(ports["gcp"])


def version(gcp: Plugin) -> Made:
    return gcp.create(VERSION, {"secret": SECRET_ID, "secretData": "AIza-of-a-test"})


def test_a_version_is_made_read_back_and_destroyed(sandbox: SandboxHandle, gcp: Plugin) -> None:
    """Another payload is another version; the end of one is for good."""
    made = version(gcp)
    assert made.state["version"] == "1"
    assert gcp.changes(made, made.inputs) == {}
    assert gcp.refresh(made) == made
    assert gcp.changes(made, {**made.inputs, "secretData": "other"}) == {"secretData": "UPDATE_REPLACE"}
    imported = gcp.imported(VERSION, made.id)
    assert imported is not None
    assert imported.inputs["secretData"] == "AIza-of-a-test"
    gcp.delete(made)
    assert gcp.refresh(made) is None
    gcp.delete(made)


def test_a_version_is_switched_off_and_on_in_place(gcp: Plugin) -> None:
    """`enabled`."""
    made = version(gcp)
    assert gcp.changes(made, {**made.inputs, "enabled": False}) == {"enabled": "DELETE"}
    off = gcp.update(made, {**made.inputs, "enabled": False})
    assert off.state["enabled"] is False
    assert gcp.update(off, {**made.inputs, "enabled": True}).state["enabled"] is True


def test_a_version_that_someone_destroyed_is_gone(sandbox: SandboxHandle, gcp: Plugin) -> None:
    """A refresh drops it, so that the next update makes another."""
    made = version(gcp)
    Google(sandbox, "secretmanager")("POST", f"{made.id}:destroy", {})
    assert gcp.refresh(made) is None


def test_a_reader_of_one_secret_comes_and_goes(sandbox: SandboxHandle, gcp: Plugin) -> None:
    """A member of the secret's own policy, beside which others stay."""
    email = make_account(sandbox)
    role = "roles/secretmanager.secretAccessor"
    inputs = {"secretId": "developer-key", "role": role, "member": f"serviceAccount:{email}"}
    made = gcp.create(MEMBER, inputs)
    assert made.id == f"{SECRET_ID}/{role}/serviceAccount:{email}"
    assert gcp.changes(made, made.inputs) == {}
    assert gcp.refresh(made) == made
    found = gcp.imported(MEMBER, f"{SECRET_ID} {role} serviceAccount:{email}")
    assert found is not None
    gcp.delete(made)
    assert gcp.refresh(made) is None


@pytest.mark.parametrize(
    ("config", "kind"), [({}, "UPDATE_REPLACE"), (MUTABLE, "UPDATE")], ids=["as it comes", "mutable"]
)
def test_data_changes_in_place_only_where_the_provider_is_told_so(
    ports: dict[str, int], config: Props, kind: str
) -> None:
    """pulumi-kubernetes replaces ConfigMaps and Secrets by default; a fixed name then goes before it comes."""
    plugin = Plugin(ports["kubernetes"], config)
    routes, key = plugin.create(CONFIG_MAP, ROUTES), plugin.create(SECRET, KEY)
    other = {**ROUTES, "data": {"routes.json": "{1}"}}
    assert plugin.changes(routes, other) == {'data["routes.json"]': kind}
    assert plugin.diff(routes, other).deleteBeforeReplace is (kind == "UPDATE_REPLACE")
    assert plugin.changes(key, {**KEY, "stringData": {"apiKey": "other"}}) == {"data.apiKey": kind}
    assert plugin.changes(key, {**KEY, "type": "example.com/key"}) == {"type": "UPDATE_REPLACE"}


def test_a_secret_given_as_strings_is_compared_as_it_is_kept(sandbox: SandboxHandle, ports: dict[str, int]) -> None:
    """No difference after a creation or a refresh; a hand-made change is one, and its maker's until taken back."""
    plugin, kube = Plugin(ports["kubernetes"], MUTABLE), Kube(sandbox)
    made = plugin.create(SECRET, KEY)
    assert plugin.changes(made, made.inputs) == {}
    refreshed = plugin.refresh(made)
    assert refreshed is not None
    assert refreshed.inputs == made.inputs
    assert plugin.changes(refreshed, KEY) == {}
    other = {"data": {"apiKey": base64.b64encode(b"other").decode()}}
    kube("PATCH", "api/v1/namespaces/default/secrets/key", other, "application/merge-patch+json")
    drifted = plugin.refresh(made)
    assert drifted is not None
    assert plugin.changes(drifted, KEY) == {"data.apiKey": "UPDATE"}
    assert "conflict" in error_of(plugin.update, drifted, KEY)
    plugin.delete(made)
    assert sandbox.state() == {}
