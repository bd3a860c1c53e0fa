"""Requests and answers are held to Google's discovery documents, in the words of Google's own refusals."""

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import discovery, schema
from sandbox.discovery import Document, Method
from sandbox.errors import GoogleError

V1 = cast(Document, discovery.load("aiplatform", "v1"))
PARENT = "v1/projects/p/locations/us-central1"


def found(http_method: str, path: str) -> Method:
    match = V1.match(http_method, path)
    assert match is not None
    return match[0]


CREATE = found("POST", f"{PARENT}/endpoints")
DEPLOY = found("POST", f"{PARENT}/endpoints/1:deployModel")
GENERATE = found("POST", f"{PARENT}/endpoints/1:generateContent")
LIST = found("GET", f"{PARENT}/endpoints")


def refusal(method: Method, body: Any) -> GoogleError:
    with pytest.raises(GoogleError) as refused:
        schema.check_request(V1, method, body)
    assert (refused.value.code, refused.value.status) == (400, "INVALID_ARGUMENT")
    return refused.value


@pytest.mark.parametrize(
    ("method", "body", "message"),
    [
        (
            CREATE,
            {"displayNam": "x"},
            "Invalid JSON payload received. Unknown name \"displayNam\" at 'endpoint': Cannot find field.",
        ),
        (DEPLOY, {"x": 1}, 'Invalid JSON payload received. Unknown name "x": Cannot find field.'),
        (
            GENERATE,
            {"generationConfig": {"topp": 1}},
            "Invalid JSON payload received. Unknown name \"topp\" at 'generation_config': Cannot find field.",
        ),
        (
            GENERATE,
            {"contents": [{"parts": [{"txt": "a"}]}]},
            "Invalid JSON payload received. Unknown name \"txt\" at 'contents[0].parts[0]': Cannot find field.",
        ),
        (CREATE, {"displayName": 5}, "Invalid value at 'endpoint.display_name' (TYPE_STRING), 5"),
        (
            CREATE,
            {"trafficSplit": {"a": "much"}},
            "Invalid value at 'endpoint.traffic_split[0].value' (TYPE_INT32), \"much\"",
        ),
        (
            CREATE,
            {"displayName": ["x"]},
            "Invalid JSON payload received. Unknown name \"display_name\" at 'endpoint':"
            " Proto field is not repeating, cannot start list.",
        ),
        (
            DEPLOY,
            {"deployedModel": {"dedicatedResources": "x"}},
            "Invalid value at 'deployed_model.dedicated_resources'"
            ' (type.googleapis.com/google.cloud.aiplatform.v1.DedicatedResources), "x"',
        ),
        (DEPLOY, {"deployedModel": {"enableAccessLogging": 1}}, "(TYPE_BOOL), 1"),
        (DEPLOY, {"deployedModel": {"dedicatedResources": {"minReplicaCount": 2**31}}}, "(TYPE_INT32), 2147483648"),
        (DEPLOY, {"deployedModel": {"dedicatedResources": {"minReplicaCount": 1.5}}}, "(TYPE_INT32), 1.5"),
        (
            DEPLOY,
            {"deployedModel": {"dedicatedResources": {"machineSpec": {"acceleratorType": "GPU"}}}},
            "Invalid value at 'deployed_model.dedicated_resources.machine_spec.accelerator_type'",
        ),
        (CREATE, [], 'Invalid JSON payload received. Unknown name "": Root element must be a message.'),
    ],
)
def test_a_mistake_is_named_as_google_names_it(method: Method, body: Any, message: str) -> None:
    error = refusal(method, body)
    assert message in error.message
    assert error.details[0]["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert message in error.details[0]["fieldViolations"][0]["description"]


def test_all_mistakes_of_a_request_are_named_at_once() -> None:
    error = refusal(CREATE, {"a": 1, "b": 2, "displayName": 3})
    assert len(error.message.splitlines()) == 3
    assert [violation["field"] for violation in error.details[0]["fieldViolations"]] == [
        "endpoint",
        "endpoint",
        "endpoint.display_name",
    ]


def test_what_protos_json_takes_is_taken() -> None:
    body = {
        "display_name": "a",
        "traffic_split": {"1": "100"},
        "description": None,
        "createTime": "2020-01-01T00:00:00Z",
        "encryptionSpec": {"kmsKeyName": "k"},
    }
    assert schema.check_request(V1, CREATE, body) == {
        "displayName": "a",
        "trafficSplit": {"1": 100},
        "encryptionSpec": {"kmsKeyName": "k"},
    }


def test_a_field_set_to_its_default_is_not_set_as_in_a_proto() -> None:
    resources = {"minReplicaCount": 0, "spot": False, "autoscalingMetricSpecs": [], "machineSpec": {}}
    body = {"deployedModel": {"dedicatedResources": resources, "serviceAccount": ""}, "trafficSplit": {"1": 0}}
    assert schema.check_request(V1, DEPLOY, body) == {
        "deployedModel": {"dedicatedResources": {"machineSpec": {}}},
        "trafficSplit": {"1": 0},
    }


def test_an_enum_may_be_given_by_its_number() -> None:
    spec = {"machineSpec": {"acceleratorType": 5}}
    checked = schema.check_request(V1, DEPLOY, {"deployedModel": {"dedicatedResources": spec}})
    resources = checked["deployedModel"]["dedicatedResources"]
    assert resources["machineSpec"]["acceleratorType"] == "NVIDIA_TESLA_T4"


def test_query_parameters_are_known_by_both_their_names() -> None:
    assert schema.check_query(V1, LIST, {"page_size": "3", "$alt": "json"}) == {"pageSize": "3", "alt": "json"}
    with pytest.raises(GoogleError) as unknown:
        schema.check_query(V1, LIST, {"colour": "red"})
    assert unknown.value.message == (
        "Invalid JSON payload received. Unknown name \"colour\": Cannot bind query parameter. Field 'colour' could not"
        " be found in request message."
    )
    with pytest.raises(GoogleError, match=r"Invalid value at 'page_size' \(TYPE_INT32\)"):
        schema.check_query(V1, LIST, {"pageSize": "many"})


@pytest.mark.parametrize(
    "answer",
    [{"colour": "red"}, {"displayName": 1}, {"trafficSplit": {"1": "100"}}, {"createTime": "today"}, {"labels": None}],
)
def test_an_answer_that_the_schema_does_not_allow_is_a_fault(answer: Any) -> None:
    with pytest.raises(schema.AnswerError):
        schema.check_answer(V1, "GoogleCloudAiplatformV1Endpoint", answer)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["displayName", "display_name", "trafficSplit", "labels", "network", "etag", "createTime", "x"]
)


@given(st.dictionaries(FIELDS, JSON, max_size=5))
def test_any_body_is_taken_or_refused_and_what_is_taken_fits_the_schema(body: dict[str, Any]) -> None:
    try:
        taken = schema.check_request(V1, CREATE, body)
    except GoogleError as refused:
        status = refused.status
    else:
        status = "INVALID_ARGUMENT"
        schema.check_answer(V1, "GoogleCloudAiplatformV1Endpoint", taken)
    assert status == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("given", "seen"), [("False", "false"), ("True", "true"), ("true", "true"), ("FALSE", "false")]
)
def test_a_query_takes_a_boolean_in_any_case(given: str, seen: str) -> None:
    """gcloud 528's `iam roles list` sends showDeleted=False, and Google answers it."""
    iam = cast(Document, discovery.load("iam", "v1"))
    method = cast(tuple[Method, dict[str, str]], iam.match("GET", "v1/projects/p/roles"))[0]
    assert schema.check_query(iam, method, {"showDeleted": given}) == {"showDeleted": seen}
    with pytest.raises(GoogleError):
        schema.check_query(iam, method, {"showDeleted": "no"})


@pytest.mark.parametrize("given", ["BwZc-b_sewA=", "BwZc+b/sewA=", "BwZc-b_sewA"])
def test_bytes_are_taken_in_both_alphabets_and_seen_in_one(given: str) -> None:
    """protobuf.dev/programming-guides/json: bytes; gcloud sends an etag back in the URL-safe alphabet."""
    iam = cast(Document, discovery.load("iam", "v1"))
    path = "v1/projects/p/serviceAccounts/a@p.iam.gserviceaccount.com:setIamPolicy"
    method = cast(tuple[Method, dict[str, str]], iam.match("POST", path))[0]
    body = {"policy": {"etag": given}}
    assert schema.check_request(iam, method, body) == {"policy": {"etag": "BwZc+b/sewA="}}
    deleting = cast(tuple[Method, dict[str, str]], iam.match("DELETE", "v1/projects/p/roles/r"))[0]
    assert schema.check_query(iam, deleting, {"etag": given}) == {"etag": "BwZc+b/sewA="}
