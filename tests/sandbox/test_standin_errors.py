"""What goes wrong, said in a sentence, and never at the price of a resource that is there."""

import threading
from collections.abc import Iterator

import grpc
import pytest
from google.protobuf import empty_pb2
from google.rpc import status_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import provider_pb2 as pb

from sandbox.identity import token_for
from sandbox.standin import gcp as gcp_plugin
from sandbox.standin import serve
from sandbox.standin.gcp.cloud import Cloud
from sandbox.standin.gcp.service_account import Account
from sandbox.standin.rest import RestError
from sandbox.standin.values import from_struct, to_struct
from sandbox.testing import SandboxHandle
from tests.sandbox.google import Google, make_account
from tests.sandbox.plugin import Plugin, Props, error_of, running_plugins

ACCOUNT = "gcp:serviceaccount/account:Account"
ROLE = "gcp:projects/iAMCustomRole:IAMCustomRole"
ENDPOINT = "gcp:vertex/aiEndpoint:AiEndpoint"
PREDICTOR = {"roleId": "predictor", "title": "P", "permissions": ["aiplatform.endpoints.predict"]}


@pytest.fixture
def ports(sandbox: SandboxHandle) -> Iterator[dict[str, int]]:
    sandbox.enable("aiplatform")
    with running_plugins(sandbox) as ports:
        yield ports


@pytest.fixture
def gcp(ports: dict[str, int]) -> Plugin:
    return Plugin(ports["gcp"])


def test_a_refusal_names_the_call_the_status_and_googles_words(sandbox: SandboxHandle, gcp: Plugin) -> None:
    make_account(sandbox)
    said = error_of(gcp.create, ACCOUNT, {"accountId": "gemini-inference-sa"})
    assert said == (
        "Could not create thing: POST iam/v1/projects/sandbox-project/serviceAccounts was refused with"
        " 409 ALREADY_EXISTS: Service account gemini-inference-sa already exists within project"
        " projects/sandbox-project."
    )


def test_an_account_that_exists_is_adopted_only_on_demand(sandbox: SandboxHandle, gcp: Plugin) -> None:
    email = make_account(sandbox)
    made = gcp.create(ACCOUNT, {"accountId": "gemini-inference-sa", "createIgnoreAlreadyExists": True})
    assert made.state["email"] == email


def test_a_read_that_is_refused_never_drops_the_resource(sandbox: SandboxHandle) -> None:
    """The caller has lost its permission: refresh must fail, not forget."""
    with running_plugins(sandbox) as ports:
        made = Plugin(ports["gcp"]).create(ROLE, PREDICTOR)
    stranger = {"GOOGLE_OAUTH_ACCESS_TOKEN": token_for("someone@example.com")}
    ports, stop = serve(sandbox.url, stranger)
    try:
        said = error_of(Plugin(ports["gcp"]).refresh, made)
    finally:
        stop()
    assert "403 PERMISSION_DENIED" in said
    assert "iam.roles.get" in said


def test_a_sandbox_that_is_gone_is_an_error_not_an_absence(sandbox: SandboxHandle) -> None:
    ports, stop = serve("http://127.0.0.1:9", {"GOOGLE_PROJECT": "p", "GOOGLE_OAUTH_ACCESS_TOKEN": "t"})
    try:
        plugin = Plugin(ports["gcp"])
        account = "projects/p/serviceAccounts/a@p.iam.gserviceaccount.com"
        assert "got no answer" in error_of(plugin.imported, ACCOUNT, account)
    finally:
        stop()


def test_two_instances_keep_their_own_configuration(ports: dict[str, int]) -> None:
    one = Plugin(ports["gcp"], {"project": "one-project"})
    two = Plugin(ports["gcp"], {"project": "two-project"})
    inputs = {"accountId": "gemini-inference-sa"}
    for _ in range(2):
        assert one.preview(ACCOUNT, inputs)["project"] == "one-project"
        assert two.preview(ACCOUNT, inputs)["project"] == "two-project"


def test_the_project_comes_from_the_resource_the_provider_the_environment_or_the_metadata_server(
    sandbox: SandboxHandle,
) -> None:
    def project(environ: dict[str, str], config: Props, inputs: Props) -> object:
        ports, stop = serve(sandbox.url, environ)
        try:
            return Plugin(ports["gcp"], config).preview(ACCOUNT, {"accountId": "gemini-inference-sa", **inputs})[
                "project"
            ]
        finally:
            stop()

    environ = {"GOOGLE_CLOUD_PROJECT": "of-environment"}
    assert project(environ, {"project": "of-provider"}, {"project": "of-resource"}) == "of-resource"
    assert project(environ, {"project": "of-provider"}, {}) == "of-provider"
    assert project(environ, {}, {}) == "of-environment"
    assert project({}, {}, {}) == sandbox.project


def test_an_unknown_type_or_function_names_what_there_is(gcp: Plugin) -> None:
    said = error_of(gcp.create, "gcp:storage/bucket:Bucket", {})
    assert "does not have the resource gcp:storage/bucket:Bucket" in said
    assert ENDPOINT in said
    assert "gcp:compute/getNetwork:getNetwork" in error_of(gcp.invoke, "gcp:dns/getKeys:getKeys", {})


@pytest.mark.parametrize(("policy", "stays"), [("PREVENT", True), ("ABANDON", True), ("DELETE", False)])
def test_a_deletion_policy_is_kept(sandbox: SandboxHandle, gcp: Plugin, policy: str, stays: bool) -> None:
    made = gcp.create(ENDPOINT, {"name": "77", "displayName": "e", "location": "us-central1", "deletionPolicy": policy})
    if policy == "PREVENT":
        assert 'deletionPolicy "PREVENT"' in error_of(gcp.delete, made)
    else:
        gcp.delete(made)
    assert ("endpoint" in str(sandbox.state())) is stays


def test_a_change_of_the_deletion_policy_alone_is_no_call(sandbox: SandboxHandle, gcp: Plugin) -> None:
    inputs = {"name": "77", "displayName": "e", "location": "us-central1"}
    made = gcp.create(ENDPOINT, inputs)
    before = sandbox.last_call()
    updated = gcp.update(made, {**inputs, "deletionPolicy": "ABANDON"})
    assert updated.state["deletionPolicy"] == "ABANDON"
    assert sandbox.calls(before, mutating=True) == []


def test_an_operation_that_takes_too_long_says_so(sandbox: SandboxHandle, gcp: Plugin) -> None:
    sandbox.set(operationSeconds=600)
    inputs = {"name": "77", "displayName": "e", "location": "us-central1"}
    said = error_of(gcp.create, ENDPOINT, inputs, 0.2)
    assert "was not done after 0.2 s" in said


def test_cancel_ends_what_is_waiting(sandbox: SandboxHandle, gcp: Plugin) -> None:
    sandbox.set(operationSeconds=600)
    inputs = {"name": "77", "displayName": "e", "location": "us-central1"}
    said: list[str] = []
    waiting = threading.Thread(target=lambda: said.append(error_of(gcp.create, ENDPOINT, inputs)))
    waiting.start()
    while not sandbox.calls(mutating=True):
        pass
    gcp.stub.Cancel(empty_pb2.Empty())
    waiting.join(10)
    assert said == ["Could not create thing: The engine cancelled this operation."]


class _Unreadable(Account):
    """A resource that can be made, but not read back."""

    def read(self, cloud: Cloud, resource_id: str, state: Props) -> Props | None:
        raise RestError("GET it was refused with 503 UNAVAILABLE: try later")


def test_what_was_made_but_cannot_be_read_back_is_not_lost(
    monkeypatch: pytest.MonkeyPatch, sandbox: SandboxHandle
) -> None:
    monkeypatch.setattr(gcp_plugin, "RESOURCES", {**gcp_plugin.RESOURCES, ACCOUNT: _Unreadable()})
    inputs = {"accountId": "gemini-inference-sa"}
    with running_plugins(sandbox) as ports:
        plugin = Plugin(ports["gcp"])
        request = pb.CreateRequest(name="thing", type=ACCOUNT, properties=to_struct(inputs))
        with pytest.raises(grpc.RpcError) as caught:
            plugin.stub.Create(request)
    trailer = dict(caught.value.trailing_metadata())  # type: ignore[attr-defined]
    status = status_pb2.Status.FromString(trailer["grpc-status-details-bin"])
    half_done = pb.ErrorResourceInitFailed()
    assert status.details[0].Unpack(half_done)
    assert half_done.id.startswith("projects/sandbox-project/serviceAccounts/gemini-inference-sa@")
    assert from_struct(half_done.properties) == inputs
    assert "503 UNAVAILABLE" in half_done.reasons[0]


def test_get_project_and_get_network_answer_as_the_plugin(sandbox: SandboxHandle, gcp: Plugin) -> None:
    project = gcp.invoke("gcp:organizations/getProject:getProject", {})
    assert (project["number"], project["orgId"]) == ("123456789012", "987654321098")
    assert project["id"] == "projects/sandbox-project"
    assert "403" in error_of(gcp.invoke, "gcp:organizations/getProject:getProject", {"projectId": "no-such-project"})
    sandbox.enable("compute")
    network = gcp.invoke("gcp:compute/getNetwork:getNetwork", {"name": "default"})
    assert network["id"] == "projects/sandbox-project/global/networks/default"
    assert network["selfLink"] == Google(sandbox, "compute")("GET", network["id"])["selfLink"]
    assert "was not found" in error_of(gcp.invoke, "gcp:compute/getNetwork:getNetwork", {"name": "nowhere"})


@pytest.mark.parametrize(
    ("token", "inputs", "words"),
    [
        (ACCOUNT, {"accountId": "x"}, "6 to 30"),
        ("gcp:projects/service:Service", {"service": "aiplatform"}, "domain"),
        ("gcp:compute/network:Network", {"name": "Upper"}, "RFC 1035"),
        ("gcp:projects/iAMMember:IAMMember", {"project": "p", "role": "roles/viewer", "member": "me"}, "principal"),
        (
            "gcp:serviceaccount/iAMMember:IAMMember",
            {"serviceAccountId": "a@b", "role": "roles/viewer", "member": "user:a@b"},
            "projects/PROJECT/serviceAccounts/EMAIL",
        ),
        (
            ENDPOINT,
            {"displayName": "e", "location": "l", "network": "n", "privateServiceConnectConfig": {"a": 1}},
            "conflicts with network",
        ),
    ],
)
def test_what_the_plugins_schema_refuses_is_refused_at_preview(
    gcp: Plugin, token: str, inputs: Props, words: str
) -> None:
    _, failures = gcp.check(token, inputs)
    assert any(words in reason for _, reason in failures)


@pytest.mark.parametrize("token", [ENDPOINT, ACCOUNT, ROLE, "gcp:projects/service:Service"])
def test_an_import_id_of_the_wrong_form_names_the_right_ones(gcp: Plugin, token: str) -> None:
    said = error_of(gcp.imported, token, "a/b/c/d/e")
    assert "has none of these forms" in said
    assert "{project}" in said
