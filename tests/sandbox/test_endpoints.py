"""Endpoints: create, get, list, patch, delete, and the rules that Google documents for them."""

from typing import Any

import pytest

from tests.sandbox.vertex import Json, RefusedError, Vertex


def test_a_created_endpoint_is_answered_under_the_projects_number(vertex: Vertex) -> None:
    """Endpoint.name (discovery); AIP-2510 has the number in names."""
    name = vertex.create("123", labels={"team": "a"})
    found = vertex.get(name)
    assert found["name"] == f"{vertex.canonical}/endpoints/123"
    assert found["displayName"] == "test"
    assert found["labels"] == {"team": "a"}
    assert found["etag"]
    assert found["createTime"] == found["updateTime"]


def test_creation_is_an_operation_whose_endpoint_is_there_only_when_it_is_done(vertex: Vertex) -> None:
    """endpoints.create answers with a google.longrunning.Operation (discovery)."""
    vertex.sandbox.set(operationSeconds=60)
    operation = vertex.call("POST", f"{vertex.parent}/endpoints", {"displayName": "a"}, endpointId="5")
    assert "done" not in operation
    assert operation["metadata"]["@type"].endswith("aiplatform.v1.CreateEndpointOperationMetadata")
    with pytest.raises(RefusedError) as refused:
        vertex.get(f"{vertex.parent}/endpoints/5")
    assert (refused.value.code, refused.value.status) == (404, "NOT_FOUND")


def test_an_endpoint_without_an_id_gets_one(vertex: Vertex) -> None:
    """endpoints.create, endpointId: "If not provided, Vertex AI will generate a value" (discovery)."""
    operation = vertex.call("POST", f"{vertex.parent}/endpoints", {"displayName": "a"})
    assert operation["response"]["name"].rpartition("/")[2].isdigit()


@pytest.mark.parametrize("endpoint_id", ["0123", "A", "a_b", "1234567890", "-a", "a-", "x" * 64])
def test_an_id_that_google_refuses_is_refused(vertex: Vertex, endpoint_id: str) -> None:
    """endpoints.create, endpointId (discovery): up to 9 digits, or up to 63 characters from a letter on."""
    with pytest.raises(RefusedError) as refused:
        vertex.create(endpoint_id)
    assert refused.value.status == "INVALID_ARGUMENT"
    assert "endpoint_id" in refused.value.message


def test_an_id_can_be_taken_once_only(vertex: Vertex) -> None:
    """google.aip.dev/133: ALREADY_EXISTS for a user-specified id that is taken."""
    vertex.create("9")
    with pytest.raises(RefusedError) as refused:
        vertex.create("9")
    assert (refused.value.code, refused.value.status) == (409, "ALREADY_EXISTS")


def test_a_missing_display_name_is_named_as_vertex_ai_names_it(vertex: Vertex) -> None:
    """Endpoint.displayName, "Required." (discovery)."""
    with pytest.raises(RefusedError) as refused:
        vertex.call("POST", f"{vertex.parent}/endpoints", {})
    assert refused.value.message == (
        "List of found errors:\t1.Field: endpoint.display_name; Message: Required field is not set.\t"
    )
    assert refused.value.details[0]["fieldViolations"][0]["field"] == "endpoint.display_name"


PSC = {"enablePrivateServiceConnect": True}
NETWORK = "projects/123456789012/global/networks/default"


@pytest.mark.parametrize(
    "fields",
    [
        {"network": NETWORK, "privateServiceConnectConfig": PSC},
        {"network": NETWORK, "dedicatedEndpointEnabled": True},
        {"dedicatedEndpointEnabled": True, "privateServiceConnectConfig": PSC},
        {"network": "projects/sandbox-project/global/networks/default"},
        {"privateServiceConnectConfig": {**PSC, "pscAutomationConfigs": [{"projectId": "p"}]}},
    ],
    ids=["peered and PSC", "peered and dedicated", "dedicated and PSC", "network by project id", "PSC without network"],
)
def test_connectivity_that_excludes_itself_is_refused(vertex: Vertex, fields: dict[str, Any]) -> None:
    """Endpoint.network, privateServiceConnectConfig and dedicatedEndpointEnabled (discovery) exclude each other."""
    with pytest.raises(RefusedError) as refused:
        vertex.create("77", **fields)
    assert (refused.value.code, refused.value.status) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("region", ["europe-west4", "asia-northeast1", "me-west1"])
def test_any_real_region_has_endpoints(vertex: Vertex, region: str) -> None:
    """Regions: the discovery document's `endpoints`."""
    elsewhere = Vertex(vertex.sandbox, region)
    name = elsewhere.create("1")
    assert elsewhere.get(name)["name"] == f"{elsewhere.canonical}/endpoints/1"
    assert "endpoints" not in vertex.call("GET", f"{vertex.parent}/endpoints")


def test_a_region_that_does_not_exist_is_not_found(vertex: Vertex) -> None:
    """Regions: the discovery document's `endpoints`."""
    with pytest.raises(RefusedError) as refused:
        Vertex(vertex.sandbox, "us-central9").create()
    assert refused.value.code == 404
    assert "us-central9" in refused.value.message


def test_a_list_comes_in_pages(vertex: Vertex) -> None:
    """endpoints.list, pageSize and pageToken (discovery); google.aip.dev/158."""
    for number in range(1, 6):
        vertex.create(str(number))
    first = vertex.call("GET", f"{vertex.parent}/endpoints", pageSize=3)
    second = vertex.call("GET", f"{vertex.parent}/endpoints", pageSize=3, pageToken=first["nextPageToken"])
    ids = [endpoint["name"].rpartition("/")[2] for endpoint in first["endpoints"] + second["endpoints"]]
    assert ids == ["1", "2", "3", "4", "5"]
    assert "nextPageToken" not in second
    with pytest.raises(RefusedError, match="page token"):
        vertex.call("GET", f"{vertex.parent}/endpoints", pageToken="nonsense")


@pytest.mark.parametrize(
    ("expression", "ids"),
    [
        ('displayName="two"', ["2"]),
        ("display_name=two", ["2"]),
        ("displayName!=two", ["1"]),
        ("endpoint=1", ["1"]),
        ("labels.team=a", ["1"]),
        ("labels.team:*", ["1"]),
        ("labels:team", ["1"]),
        ("displayName=two AND endpoint=1", []),
        ("labels.mg-deploy:* OR labels.mg-one-click-deploy:*", []),
        ("labels.mg-deploy:* OR displayName=two", ["2"]),
        ("NOT labels.team:*", ["2"]),
        ("-displayName=two", ["1"]),
        ("displayName=one AND (endpoint=1 OR endpoint=2)", ["1"]),
        ("endpoint=1 OR endpoint=2 AND displayName=two", ["2"]),
    ],
)
def test_a_list_can_be_filtered(vertex: Vertex, expression: str, ids: list[str]) -> None:
    """Fields and operators: endpoints.list, filter (discovery); the grammar, in which OR binds tighter: AIP-160.

    The one with mg-deploy is what `gcloud ai endpoints list --list-model-garden-endpoints-only` sends.
    """
    vertex.create("1", displayName="one", labels={"team": "a"})
    vertex.create("2", displayName="two")
    found = vertex.call("GET", f"{vertex.parent}/endpoints", filter=expression).get("endpoints", [])
    assert [endpoint["name"].rpartition("/")[2] for endpoint in found] == ids


@pytest.mark.parametrize(
    "expression",
    ["colour=red", "displayName", "baseModelName!=x", "endpoint:1", "displayName=b AND", "displayName=b AND colour=x"],
)
def test_a_filter_that_cannot_be_read_is_refused_and_not_ignored(vertex: Vertex, expression: str) -> None:
    """Fields and operators: endpoints.list, filter (discovery). It is read whole, whatever there is to list."""
    with pytest.raises(RefusedError, match=r"(?i)filter"):
        vertex.call("GET", f"{vertex.parent}/endpoints", filter=expression)
    vertex.create("1", displayName="a")
    with pytest.raises(RefusedError, match=r"(?i)filter"):
        vertex.call("GET", f"{vertex.parent}/endpoints", filter=expression)


def test_a_list_can_be_ordered_and_masked(vertex: Vertex) -> None:
    """endpoints.list, orderBy and readMask (discovery)."""
    vertex.create("1", displayName="b")
    vertex.create("2", displayName="c")
    vertex.create("3", displayName="a")
    found = vertex.call("GET", f"{vertex.parent}/endpoints", orderBy="display_name desc", readMask="displayName")
    assert found["endpoints"] == [{"displayName": "c"}, {"displayName": "b"}, {"displayName": "a"}]


def test_a_patch_changes_only_what_its_mask_names(vertex: Vertex) -> None:
    """endpoints.patch, updateMask (discovery)."""
    name = vertex.create(labels={"a": "1"}, description="before")
    before = vertex.get(name)
    body = {"displayName": "after", "description": "after"}
    after = vertex.call("PATCH", name, body, updateMask="display_name,labels")
    assert (after["displayName"], after["description"]) == ("after", "before")
    assert "labels" not in after
    assert after["etag"] != before["etag"]
    assert vertex.get(name)["etag"] == after["etag"]


def test_a_patch_without_a_mask_or_of_an_immutable_field_is_refused(vertex: Vertex) -> None:
    """endpoints.patch, updateMask, "Required."; fields that are "Immutable." or "Output only." (discovery)."""
    name = vertex.create()
    with pytest.raises(RefusedError, match="update_mask"):
        vertex.call("PATCH", name, {"displayName": "x"})
    with pytest.raises(RefusedError, match="network"):
        vertex.call("PATCH", name, {"network": NETWORK}, updateMask="network")


def test_an_old_etag_is_refused_and_changes_nothing(vertex: Vertex) -> None:
    """Endpoint.etag (discovery); google.aip.dev/154: ABORTED."""
    name = vertex.create()
    old = vertex.get(name)["etag"]
    vertex.call("PATCH", name, {"displayName": "theirs", "etag": old}, updateMask="displayName")
    with pytest.raises(RefusedError) as refused:
        vertex.call("PATCH", name, {"displayName": "mine", "etag": old}, updateMask="displayName")
    assert (refused.value.code, refused.value.status) == (409, "ABORTED")
    assert vertex.get(name)["displayName"] == "theirs"


def test_a_delete_leaves_nothing(vertex: Vertex) -> None:
    """endpoints.delete (discovery)."""
    name = vertex.create()
    assert "aiplatform.endpoint" in vertex.sandbox.state()
    operation = vertex.call("DELETE", name)
    assert operation["response"] == {"@type": "type.googleapis.com/google.protobuf.Empty"}
    assert "aiplatform.endpoint" not in vertex.sandbox.state()
    with pytest.raises(RefusedError, match="is not found"):
        vertex.get(name)


def test_a_dedicated_endpoint_has_a_name_of_its_own(vertex: Vertex) -> None:
    """Endpoint.dedicatedEndpointDns (discovery)."""
    name = vertex.create("42", dedicatedEndpointEnabled=True)
    assert vertex.get(name)["dedicatedEndpointDns"] == "42.us-central1-123456789012.prediction.vertexai.goog"


def test_v1beta1_shows_the_same_endpoint_with_its_own_types(vertex: Vertex) -> None:
    """GoogleCloudAiplatformV1beta1Endpoint (discovery, v1beta1)."""
    beta = Vertex(vertex.sandbox, version="v1beta1")
    operation = beta.call("POST", f"{beta.parent}/endpoints", {"displayName": "a"}, endpointId="8")
    assert operation["response"]["@type"] == "type.googleapis.com/google.cloud.aiplatform.v1beta1.Endpoint"
    assert vertex.get(f"{vertex.parent}/endpoints/8")["displayName"] == "a"
    assert vertex.get(operation["name"])["response"]["@type"].endswith("aiplatform.v1.Endpoint")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"encryptionSpec": {}}, "endpoint.encryption_spec.kms_key_name"),
        (
            {"predictRequestResponseLoggingConfig": {"enabled": True, "bigqueryDestination": {}}},
            "endpoint.predict_request_response_logging_config.bigquery_destination.output_uri",
        ),
        (
            {"predictRequestResponseLoggingConfig": {"samplingRate": 1.5}},
            "endpoint.predict_request_response_logging_config.sampling_rate",
        ),
        ({"predictRequestResponseLoggingConfig": {"samplingRate": -0.1}}, "sampling_rate"),
        ({"labels": {"Team": "ai"}}, "endpoint.labels"),
        ({"labels": {"team": "a i"}}, "endpoint.labels"),
        ({"labels": {"team": "x" * 65}}, "endpoint.labels"),
    ],
)
def test_what_is_written_of_a_field_is_kept(vertex: Vertex, fields: Json, field: str) -> None:
    """Descriptions of Endpoint, EncryptionSpec, BigQueryDestination and of the request log (discovery)."""
    with pytest.raises(RefusedError) as refused:
        vertex.create("77", **fields)
    assert refused.value.status == "INVALID_ARGUMENT"
    assert field in refused.value.details[0]["fieldViolations"][0]["field"]


def test_what_is_required_below_a_field_is_required_of_a_patch_of_it_too(vertex: Vertex) -> None:
    """BigQueryDestination.outputUri is "Required." (discovery); what the mask leaves out need not be given again."""
    uri = {"outputUri": "bq://sandbox-project"}
    logging = {"enabled": True, "samplingRate": 0.5, "bigqueryDestination": uri}
    name = vertex.create(predictRequestResponseLoggingConfig=logging, labels={"größe": "klein_1-x"})
    body: Json = {"predictRequestResponseLoggingConfig": {"bigqueryDestination": {}}}
    with pytest.raises(RefusedError, match=r"bigquery_destination\.output_uri; Message: Required field is not set"):
        vertex.call("PATCH", name, body, updateMask="predictRequestResponseLoggingConfig")
    body = {"predictRequestResponseLoggingConfig": {"samplingRate": 1}}
    changed = vertex.call("PATCH", name, body, updateMask="predictRequestResponseLoggingConfig.samplingRate")
    assert changed["predictRequestResponseLoggingConfig"] == {**logging, "samplingRate": 1}
