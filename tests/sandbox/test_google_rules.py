"""Rules of Google's APIs that clients feel, each with the place where Google says so.

Sources are named in each test: "discovery X" is the description in the document of that API as google-api-python-client
ships it, "docs X" a page of cloud.google.com/vertex-ai/docs, "AIP-n" google.aip.dev/n.
"""

from typing import Any

import pytest
import requests

from sandbox.testing import SandboxHandle
from tests.sandbox.google import Google, grant, make_account, refusal
from tests.sandbox.vertex import Json, RefusedError, Vertex, machine

NETWORK = "projects/123456789012/global/networks/default"


def refused(vertex: Vertex, http_method: str, path: str, body: Any = None, **query: Any) -> RefusedError:
    """The error of a call that must be refused."""
    with pytest.raises(RefusedError) as found:
        vertex.call(http_method, path, body, **query)
    return found.value


def step(sandbox: SandboxHandle, seconds: float) -> None:
    """Moves a stepped clock."""
    requests.post(f"{sandbox.url}/_sandbox/clock", json={"step": seconds}, timeout=30).raise_for_status()


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"colour": "red"}, "endpoint", "Unknown name \"colour\" at 'endpoint': Cannot find field."),
        ({"displayName": 5}, "endpoint.display_name", "Invalid value at 'endpoint.display_name' (TYPE_STRING), 5"),
        (
            {"dedicatedEndpointEnabled": "maybe"},
            "endpoint.dedicated_endpoint_enabled",
            "Invalid value at 'endpoint.dedicated_endpoint_enabled' (TYPE_BOOL), \"maybe\"",
        ),
    ],
)
def test_unknown_fields_and_wrong_types_are_named_in_a_bad_request(
    vertex: Vertex, body: Json, field: str, says: str
) -> None:
    """Source: the JSON transcoder's messages as google-cloud clients show them, google.rpc.BadRequest (AIP-193)."""
    error = refused(vertex, "POST", f"{vertex.parent}/endpoints", body)
    assert (error.code, error.status) == (400, "INVALID_ARGUMENT")
    assert says in error.message
    (detail,) = error.details
    assert detail["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert detail["fieldViolations"][0]["field"] == field


def test_an_unknown_query_parameter_is_refused(vertex: Vertex) -> None:
    """Source: the same transcoder; a parameter that the method does not have cannot be bound."""
    error = refused(vertex, "GET", f"{vertex.parent}/endpoints", colour="red")
    assert error.status == "INVALID_ARGUMENT"
    assert "Cannot bind query parameter. Field 'colour' could not be found" in error.message


def test_output_only_fields_of_a_request_are_ignored(vertex: Vertex) -> None:
    """Source: AIP-203, "output only": a value that the user gives must not be an error and must not be used."""
    name = vertex.create(createTime="2000-01-01T00:00:00Z", etag="mine", name="other", dedicatedEndpointDns="x")
    endpoint = vertex.get(name)
    assert endpoint["name"] == f"{vertex.canonical}/endpoints/77"
    assert not endpoint["createTime"].startswith("2000")
    assert "dedicatedEndpointDns" not in endpoint


@pytest.mark.parametrize("field", ["network", "encryptionSpec", "dedicatedEndpointEnabled", "deployedModels", "name"])
def test_an_immutable_or_output_only_field_in_a_mask_is_refused(vertex: Vertex, field: str) -> None:
    """Source: discovery aiplatform v1, Endpoint (what patch may not change) and UpdateEndpointRequest's update mask."""
    name = vertex.create()
    error = refused(vertex, "PATCH", name, {"displayName": "x"}, updateMask=f"displayName,{field}")
    assert error.status == "INVALID_ARGUMENT"
    assert vertex.get(name)["displayName"] == "test"


def test_what_a_mask_names_and_the_body_lacks_is_cleared(vertex: Vertex) -> None:
    """Source: AIP-134 and google.protobuf.FieldMask: a masked field takes the request's value, none included."""
    name = vertex.create(description="before", labels={"a": "1"})
    vertex.call("PATCH", name, {}, updateMask="description")
    assert "description" not in vertex.get(name)
    assert vertex.get(name)["labels"] == {"a": "1"}


def test_required_fields_that_are_missing_are_all_named(vertex: Vertex) -> None:
    """Source: discovery aiplatform v1, MutateDeployedModelRequest: deployedModel and updateMask are required."""
    name = vertex.create()
    error = refused(vertex, "POST", f"{name}:mutateDeployedModel", {})
    assert [each["field"] for each in error.details[0]["fieldViolations"]] == ["deployed_model.id", "update_mask"]


def test_a_page_token_is_good_for_its_own_list_alone(vertex: Vertex) -> None:
    """Source: AIP-158: with other arguments than the call that gave the token, INVALID_ARGUMENT."""
    for endpoint_id in ("1", "2", "3"):
        vertex.create(endpoint_id)
    path = f"{vertex.parent}/endpoints"
    token = vertex.call("GET", path, pageSize=1)["nextPageToken"]
    second = vertex.call("GET", path, pageSize=2, pageToken=token)
    assert [each["name"][-1] for each in second["endpoints"]] == ["2", "3"]
    elsewhere = Vertex(vertex.sandbox, "europe-west4")
    for error in (
        refused(vertex, "GET", path, pageSize=1, pageToken=token, filter="displayName=test"),
        refused(vertex, "GET", path, pageSize=1, pageToken=token, orderBy="displayName"),
        refused(elsewhere, "GET", f"{elsewhere.parent}/endpoints", pageToken=token),
        refused(vertex, "GET", f"{vertex.parent}/models", pageToken="AAAA"),
        refused(vertex, "GET", path, pageToken="bm9uc2Vuc2U="),
    ):
        assert (error.status, error.message) == ("INVALID_ARGUMENT", "The page token is invalid.")


def test_a_page_may_be_smaller_than_asked_for_but_never_negative(vertex: Vertex) -> None:
    """Source: AIP-158: sizes above the most are cut down, negative ones are INVALID_ARGUMENT."""
    vertex.create()
    assert len(vertex.call("GET", f"{vertex.parent}/endpoints", pageSize=100_000)["endpoints"]) == 1
    assert refused(vertex, "GET", f"{vertex.parent}/endpoints", pageSize=-1).status == "INVALID_ARGUMENT"


def test_an_etag_makes_a_patch_read_modify_write_and_none_a_blind_overwrite(vertex: Vertex) -> None:
    """Source: discovery aiplatform v1, Endpoint.etag; AIP-154 has ABORTED for a mismatch."""
    name = vertex.create()
    old = vertex.get(name)["etag"]
    vertex.call("PATCH", name, {"displayName": "theirs"}, updateMask="displayName")
    error = refused(vertex, "PATCH", name, {"displayName": "mine", "etag": old}, updateMask="displayName")
    assert (error.code, error.status) == (409, "ABORTED")
    vertex.call("PATCH", name, {"displayName": "blind"}, updateMask="displayName")
    assert vertex.get(name)["displayName"] == "blind"


def test_operations_show_when_they_were_last_touched(vertex: Vertex) -> None:
    """Source: discovery aiplatform v1, GenericOperationMetadata.updateTime: when it was last updated."""
    vertex.sandbox.set(clockRate=0, operationSeconds=30)
    operation = vertex.call("POST", f"{vertex.parent}/endpoints", {"displayName": "a"}, endpointId="5")
    times = operation["metadata"]["genericMetadata"]
    assert times["createTime"] == times["updateTime"]
    step(vertex.sandbox, 100)
    ended = vertex.get(operation["name"])["metadata"]["genericMetadata"]
    assert ended["createTime"] == times["createTime"] < ended["updateTime"]


def test_an_operation_is_polled_in_both_versions_listed_per_endpoint_and_cancelled(vertex: Vertex) -> None:
    """Source: discovery aiplatform v1 and v1beta1, endpoints.operations: get, list, cancel (google.rpc.Code 1)."""
    vertex.sandbox.set(clockRate=0, deploySeconds=600)
    name, other = vertex.create("1"), vertex.create("2")
    operation = vertex.deploy(name)
    beta = Vertex(vertex.sandbox, version="v1beta1")
    assert beta.get(operation["name"])["metadata"]["@type"].endswith("v1beta1.DeployModelOperationMetadata")
    assert operation["name"] in {each["name"] for each in beta.call("GET", f"{name}/operations")["operations"]}
    assert operation["name"] not in {each["name"] for each in beta.call("GET", f"{other}/operations")["operations"]}
    assert beta.call("POST", f"{operation['name']}:cancel", {}) == {}
    assert vertex.get(operation["name"])["error"]["code"] == 1
    step(vertex.sandbox, 1000)
    assert "deployedModels" not in vertex.get(name)


def test_predictions_of_an_endpoint_without_a_split_fail_a_precondition(vertex: Vertex) -> None:
    """Source: the message as Vertex AI was seen to answer; discovery aiplatform v1, Endpoint.trafficSplit."""
    name = vertex.create()
    vertex.deploy(name)
    error = refused(vertex, "POST", f"{name}:predict", {"instances": [{"content": "x"}]})
    assert (error.code, error.status) == (400, "FAILED_PRECONDITION")
    assert error.message.endswith("doesn't have traffic_split.")


@pytest.mark.parametrize("split", [{"0": 99}, {"0": 101}, {"0": 50, "9": 50}, {"0": 150, "1": -50}])
def test_a_split_sums_to_100_over_deployed_models(vertex: Vertex, split: dict[str, int]) -> None:
    """Source: discovery aiplatform v1, DeployModelRequest.trafficSplit and Endpoint.trafficSplit."""
    name = vertex.create()
    vertex.deploy(name, "1")
    body = {"deployedModel": {"model": vertex.model("gemma-3-4b"), "dedicatedResources": machine()}}
    assert refused(vertex, "POST", f"{name}:deployModel", {**body, "trafficSplit": split}).status == "INVALID_ARGUMENT"


def test_undeploy_and_delete_have_preconditions(vertex: Vertex) -> None:
    """Source: discovery aiplatform v1, UndeployModelRequest.trafficSplit and endpoints.delete."""
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100})
    vertex.deploy(name, "2")
    error = refused(vertex, "POST", f"{name}:undeployModel", {"deployedModelId": "1"})
    assert (error.code, error.status) == (400, "FAILED_PRECONDITION")
    assert refused(vertex, "DELETE", name).status == "FAILED_PRECONDITION"
    vertex.undeploy(name, "1", {"2": 100})
    vertex.undeploy(name, "2")
    vertex.call("DELETE", name)


def test_a_peered_endpoint_holds_one_model(vertex: Vertex) -> None:
    """Source: docs predictions/using-private-endpoints, "Limitations": one model, no traffic split."""
    name = vertex.create(network=NETWORK)
    vertex.deploy(name, "1")
    body = {"deployedModel": {"model": vertex.model("gemma-3-4b"), "dedicatedResources": machine()}}
    assert refused(vertex, "POST", f"{name}:deployModel", body).status == "FAILED_PRECONDITION"


def test_a_dedicated_endpoint_leaves_the_shared_host(vertex: Vertex) -> None:
    """Source: discovery aiplatform v1, Endpoint.dedicatedEndpointEnabled: the shared DNS no longer serves it."""
    name = vertex.create(dedicatedEndpointEnabled=True)
    vertex.deploy(name, "1", {"0": 100})
    dns = vertex.get(name)["dedicatedEndpointDns"]
    error = refused(vertex, "POST", f"{name}:predict", {"instances": [{"content": "1+1"}]})
    assert (error.status, dns in error.message) == ("FAILED_PRECONDITION", True)
    assert vertex.ask(name, "1 + 1", dns)["predictions"] == [{"content": "2"}]


def test_tuned_gemini_is_for_shared_endpoints_and_brings_its_own_resources(vertex: Vertex) -> None:
    """Source: docs predictions/choose-endpoint-type, "Supported model types"."""
    tuned = {"deployedModel": {"model": vertex.model("tuned-gemini")}}
    private = vertex.create("1", privateServiceConnectConfig={"enablePrivateServiceConnect": True})
    assert refused(vertex, "POST", f"{private}:deployModel", tuned).status == "FAILED_PRECONDITION"
    vertex.call("POST", f"{vertex.create('2')}:deployModel", tuned)


@pytest.mark.parametrize("perimeter", ["gemini-prod-perimeter", "1st", "a" * 51])
def test_a_perimeters_id_has_no_hyphen(sandbox: SandboxHandle, perimeter: str) -> None:
    """Source: discovery accesscontextmanager v1, ServicePerimeter.name."""
    access = Google(sandbox, "accesscontextmanager")
    policy = access("POST", "accessPolicies", {"parent": "organizations/987654321098", "title": "p"})["response"]
    body = {"name": f"{policy['name']}/servicePerimeters/{perimeter}", "title": "t"}
    assert refusal(access, "POST", f"{policy['name']}/servicePerimeters", body).status == "INVALID_ARGUMENT"


def test_a_dry_run_needs_its_flag_and_enforces_nothing(sandbox: SandboxHandle) -> None:
    """Source: discovery accesscontextmanager v1, ServicePerimeter.useExplicitDryRunSpec and spec."""
    access = Google(sandbox, "accesscontextmanager")
    policy = access("POST", "accessPolicies", {"parent": "organizations/987654321098", "title": "p"})["response"]
    spec = {"resources": ["projects/123456789012"], "restrictedServices": ["aiplatform.googleapis.com"]}
    name = f"{policy['name']}/servicePerimeters/dry"
    body = {"name": name, "title": "t", "spec": spec}
    error = refusal(access, "POST", f"{policy['name']}/servicePerimeters", body)
    assert "useExplicitDryRunSpec" in error.message
    access("POST", f"{policy['name']}/servicePerimeters", {**body, "useExplicitDryRunSpec": True})
    assert "status" not in access("GET", name)


def test_a_policys_condition_is_kept_and_needs_version_3(sandbox: SandboxHandle) -> None:
    """Source: discovery cloudresourcemanager v1, Policy.version and GetPolicyOptions.requestedPolicyVersion."""
    manager = Google(sandbox, "cloudresourcemanager")
    name = f"{manager.project}:setIamPolicy"
    condition = {"title": "office hours", "expression": "request.time.getHours() < 18"}
    binding = {"role": "roles/aiplatform.user", "members": ["user:a@example.com"], "condition": condition}
    policy = manager("POST", f"{manager.project}:getIamPolicy", {"options": {"requestedPolicyVersion": 3}})
    policy["bindings"].append(binding)
    assert refusal(manager, "POST", name, {"policy": {**policy, "version": 1}}).status == "INVALID_ARGUMENT"
    manager("POST", name, {"policy": {**policy, "version": 3}})
    third = manager("POST", f"{manager.project}:getIamPolicy", {"options": {"requestedPolicyVersion": 3}})
    assert (third["version"], binding in third["bindings"]) == (3, True)
    first = manager("POST", f"{manager.project}:getIamPolicy", {})
    assert first["version"] == 1
    assert not any("condition" in each for each in first["bindings"])
    assert refusal(manager, "POST", name, {"policy": {**policy, "version": 3}}).status == "ABORTED"


def test_a_deleted_account_comes_back_within_30_days_and_never_after(sandbox: SandboxHandle) -> None:
    """Source: discovery iam v1, projects.serviceAccounts.delete and undelete; Binding.members for deleted ones."""
    sandbox.set(clockRate=0)
    email = make_account(sandbox)
    grant(sandbox, "roles/aiplatform.user", f"serviceAccount:{email}")
    iam, manager = Google(sandbox, "iam"), Google(sandbox, "cloudresourcemanager")
    account = f"{iam.project}/serviceAccounts/{email}"
    unique = iam("GET", account)["uniqueId"]

    def members() -> list[str]:
        bindings = manager("POST", f"{manager.project}:getIamPolicy", {})["bindings"]
        return next(each["members"] for each in bindings if each["role"] == "roles/aiplatform.user")

    iam("DELETE", account)
    assert members() == [f"deleted:serviceAccount:{email}?uid={unique}"]
    step(sandbox, 30 * 24 * 3600)
    assert iam("POST", f"{iam.project}/serviceAccounts/{unique}:undelete", {})["restoredAccount"]["email"] == email
    assert members() == [f"serviceAccount:{email}"]
    iam("DELETE", account)
    step(sandbox, 30 * 24 * 3600 + 1)
    assert refusal(iam, "POST", f"{iam.project}/serviceAccounts/{unique}:undelete", {}).status == "NOT_FOUND"


def test_the_wildcard_project_hides_whether_an_account_exists(sandbox: SandboxHandle) -> None:
    """Source: discovery iam v1, projects.serviceAccounts.get: with "-" a missing account is a 403, not a 404."""
    iam = Google(sandbox, "iam")
    assert refusal(iam, "GET", f"{iam.project}/serviceAccounts/fake@example.com").code == 404
    assert refusal(iam, "GET", "projects/-/serviceAccounts/fake@example.com").code == 403


def test_replicas_have_a_quota_in_cores_at_full_scale(vertex: Vertex) -> None:
    """Source: docs quotas, serving CPUs for custom-trained models by region; the message as Vertex AI says it."""
    vertex.sandbox.set(servingQuota={"us-central1": {"custom_model_serving_cpus": 8}})
    name = vertex.create()
    vertex.deploy(name, "1", dedicatedResources=machine(1, 2))
    body = {"deployedModel": {"model": vertex.model("gemma-3-4b"), "dedicatedResources": machine()}}
    error = refused(vertex, "POST", f"{name}:deployModel", body)
    assert (error.code, error.status) == (429, "RESOURCE_EXHAUSTED")
    assert "aiplatform.googleapis.com/custom_model_serving_cpus" in error.message


def quota(vertex: Vertex, metric: str, limit: int) -> None:
    """Sets one quota of requests a minute, the clock standing still."""
    vertex.sandbox.set(clockRate=0, requestQuota={"us-central1": {metric: limit}})


def test_predictions_a_minute_have_a_quota_that_the_next_minute_renews(vertex: Vertex) -> None:
    """Source: docs quotas, "Request quotas"; Service Control's RATE_LIMIT_EXCEEDED (google.api ErrorReason)."""
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100})
    quota(vertex, "online_prediction_requests", 2)
    vertex.ask(name, "1 + 1")
    vertex.ask(name, "1 + 1")
    error = refused(vertex, "POST", f"{name}:predict", {"instances": [{"content": "1"}]})
    assert (error.code, error.status) == (429, "RESOURCE_EXHAUSTED")
    assert error.message.startswith("Quota exceeded for quota metric 'Online prediction requests' and limit")
    info = error.details[0]
    assert (info["reason"], info["metadata"]["quota_limit_value"]) == ("RATE_LIMIT_EXCEEDED", "2")
    assert info["metadata"]["quota_location"] == "us-central1"
    vertex.get(name)
    step(vertex.sandbox, 60)
    vertex.ask(name, "1 + 1")


def test_a_dedicated_endpoint_and_another_region_have_predictions_of_their_own(vertex: Vertex) -> None:
    """Source: docs predictions/choose-endpoint-type: dedicated endpoints have no limit; docs quotas: by region."""
    name = vertex.create(dedicatedEndpointEnabled=True)
    vertex.deploy(name, "1", {"0": 100})
    elsewhere = Vertex(vertex.sandbox, "europe-west4")
    shared = elsewhere.create()
    elsewhere.deploy(shared, "1", {"0": 100}, model=elsewhere.model("gemma-3-4b"))
    quota(vertex, "online_prediction_requests", 0)
    vertex.ask(name, "1 + 1", vertex.get(name)["dedicatedEndpointDns"])
    elsewhere.ask(shared, "1 + 1")


@pytest.mark.parametrize(
    ("metric", "spent", "free"),
    [("resource_management_requests", "GET", "POST"), ("lro_submission_requests", "POST", "GET")],
)
def test_crud_and_submissions_of_operations_are_counted_apart(
    vertex: Vertex, metric: str, spent: str, free: str
) -> None:
    """Source: docs quotas, "Request quotas": resource management (CRUD), and job or LRO submission."""
    quota(vertex, metric, 1)
    path = f"{vertex.parent}/endpoints"
    statuses: dict[str, list[int]] = {"GET": [], "POST": []}
    for _ in range(2):
        for http_method, body in (("GET", None), ("POST", {"displayName": "x"})):
            statuses[http_method].append(vertex.send(http_method, path, body).status_code)
    assert statuses == {spent: [200, 429], free: [200, 200]}
