"""Each error of Google's becomes a sentence with what to do; what passes is tried again where that is safe."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from tests.vertex_serving.faults import Faults, answering, losing_the_answer, refusing, saying
from tests.vertex_serving.harness import (
    DEPLOYED_MODEL,
    ENDPOINT,
    MODEL,
    PROJECT,
    REGION,
    TRAFFIC_SPLIT,
    Failed,
    World,
    model_inputs,
)

ID = f"{ENDPOINT}/deployedModels/1234567890"
QUOTA = (
    "The following quota metrics exceed quota limits: "
    "aiplatform.googleapis.com/custom_model_serving_nvidia_l4_gpus,aiplatform.googleapis.com/custom_model_serving_cpus"
)
DISABLED = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}
VPC = {"violations": [{"type": "VPC_SERVICE_CONTROLS"}], "vpcServiceControlsUniqueIdentifier": "u"}

REFUSALS: list[tuple[Any, grpc.StatusCode, list[str]]] = [
    (
        answering(429, "RESOURCE_EXHAUSTED", QUOTA),
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        [
            "custom_model_serving_nvidia_l4_gpus",
            "custom_model_serving_cpus",
            f"in {REGION}",
            "1 to 2 replicas of n1-standard-4",
            f"https://console.cloud.google.com/iam-admin/quotas?project={PROJECT}",
            "`maxReplicaCount`",
        ],
    ),
    (
        answering(404, "NOT_FOUND", f"The Model does not exist: {MODEL}"),
        grpc.StatusCode.NOT_FOUND,
        [MODEL, REGION, f"`gcloud ai models list --region={REGION} --project={PROJECT}`", "`model`"],
    ),
    (
        answering(403, "PERMISSION_DENIED", "Permission 'aiplatform.endpoints.deploy' denied on resource 'x'."),
        grpc.StatusCode.PERMISSION_DENIED,
        ["aiplatform.endpoints.deploy", "roles/aiplatform.user", f"add-iam-policy-binding {PROJECT}"],
    ),
    (
        answering(
            403, "PERMISSION_DENIED", "You do not have permission to act as service_account: a@b (or it may not exist)."
        ),
        grpc.StatusCode.PERMISSION_DENIED,
        ["iam.serviceAccounts.actAs", "roles/iam.serviceAccountUser"],
    ),
    (
        answering(403, "PERMISSION_DENIED", "iam.serviceAccounts.actAs denied on a@b."),
        grpc.StatusCode.PERMISSION_DENIED,
        ["iam.serviceAccounts.actAs", "roles/iam.serviceAccountUser"],
    ),
    (
        answering(403, "PERMISSION_DENIED", "The API has not been used.", details=[DISABLED]),
        grpc.StatusCode.PERMISSION_DENIED,
        [f"`gcloud services enable aiplatform.googleapis.com --project={PROJECT}`"],
    ),
    (
        answering(403, "PERMISSION_DENIED", "Request is prohibited by organization's policy.", details=[VPC]),
        grpc.StatusCode.PERMISSION_DENIED,
        ["VPC Service Controls", "access level"],
    ),
    (
        answering(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
        grpc.StatusCode.UNAUTHENTICATED,
        ["`gcloud auth application-default login`", "GOOGLE_OAUTH_ACCESS_TOKEN"],
    ),
    (
        answering(400, "INVALID_ARGUMENT", "Machine type x is not supported."),
        grpc.StatusCode.INVALID_ARGUMENT,
        ["endpoints.deployModel", ENDPOINT, "Machine type x is not supported", "INVALID_ARGUMENT"],
    ),
    (
        saying(407, "Proxy Authentication Required"),
        grpc.StatusCode.FAILED_PRECONDITION,
        ["not Google's", "HTTP 407", "proxy", "vertex-serving:customEndpoint"],
    ),
]


@pytest.mark.parametrize(
    ("fault", "code", "words"), REFUSALS, ids=lambda value: value[0][:30] if isinstance(value, list) else ""
)
def test_a_refused_deployment_says_what_to_do(here: World, fault: Any, code: grpc.StatusCode, words: list[str]) -> None:
    """Quota, model, role, API, perimeter, login, argument, proxy: the sentence names what mends it; no state."""
    faults = Faults(here)
    faults.on(":deployModel", fault)
    with pytest.raises(Failed) as failed:
        here.engine(faults).create(DEPLOYED_MODEL, "flash", model_inputs())
    assert [word for word in words if word not in failed.value.message] == []
    assert failed.value.code == code
    assert failed.value.partial is None
    assert "Traceback" not in failed.value.message
    assert here.sandbox.env["GOOGLE_OAUTH_ACCESS_TOKEN"] not in failed.value.message


def test_a_missing_publisher_model_points_to_the_model_garden(here: World) -> None:
    """The list that is named is the one that the model would be in."""
    with pytest.raises(Failed, match="`gcloud ai model-garden models list`"):
        here.engine().create(DEPLOYED_MODEL, "flash", model_inputs(model="publishers/google/models/nothing-like-it"))


def test_a_missing_endpoint_is_named(here: World) -> None:
    """The sentence has the endpoint, and how to list those that there are."""
    with pytest.raises(Failed, match=rf"Endpoint {ENDPOINT}9 does not exist.*gcloud ai endpoints list") as failed:
        here.engine().create(DEPLOYED_MODEL, "flash", model_inputs(endpoint=ENDPOINT + "9"))
    assert failed.value.code == grpc.StatusCode.NOT_FOUND


def test_the_sandbox_s_quota_is_explained(here: World) -> None:
    """The region's quota, as the sandbox refuses with it, names its metric."""
    here.sandbox.set(servingQuota={REGION: {"custom_model_serving_cpus": 4}})
    with pytest.raises(Failed, match=r"custom_model_serving_cpus in us-central1 is too small for 1 to 2 replicas"):
        here.engine().create(DEPLOYED_MODEL, "flash", model_inputs())


@pytest.mark.parametrize(
    "fault",
    [
        answering(500, "INTERNAL", "Internal error."),
        answering(503, "UNAVAILABLE", "Unavailable."),
        answering(403, "PERMISSION_DENIED", "Permission denied."),
        saying(404, "<html>no such page</html>"),
        saying(200, "<html>please log in</html>"),
        refusing,
    ],
    ids=["500", "503", "403", "other 404", "captive portal", "refused"],
)
@pytest.mark.parametrize(
    ("token", "id_"), [(DEPLOYED_MODEL, ID), (TRAFFIC_SPLIT, f"{ENDPOINT}/trafficSplit")], ids=["model", "split"]
)
def test_a_read_that_fails_with_anything_but_google_s_404_is_an_error(
    here: World, monkeypatch: pytest.MonkeyPatch, fault: Any, token: str, id_: str
) -> None:
    """An empty answer would drop the resource from the state: only Google's own NOT_FOUND may give one."""
    monkeypatch.setattr("vertex_serving.provider.vertex._backoff", lambda _: 0.01)
    faults = Faults(here)
    faults.on("GET", *[fault] * 20)
    with pytest.raises(Failed) as failed:
        here.engine(faults).read(token, "x", id_)
    assert failed.value.partial is None


@pytest.mark.parametrize(
    "fault",
    [
        answering(429, "RESOURCE_EXHAUSTED", "Quota exceeded for requests per minute.", {"Retry-After": "0"}),
        answering(
            429,
            "RESOURCE_EXHAUSTED",
            "Quota exceeded for requests per minute.",
            details=[{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.01s"}],
        ),
        answering(503, "UNAVAILABLE", "Unavailable."),
        refusing,
        losing_the_answer,
    ],
    ids=["Retry-After", "RetryInfo", "503", "refused", "lost"],
)
def test_what_passes_is_tried_again_on_reads(here: World, fault: Any) -> None:
    """A busy moment does not fail a run."""
    faults = Faults(here)
    faults.on("GET", fault, fault)
    here.engine(faults).create(DEPLOYED_MODEL, "flash", model_inputs())
    assert len(here.deployed()) == 1


@pytest.mark.parametrize(
    "fault",
    [answering(429, "RESOURCE_EXHAUSTED", "Quota exceeded for requests per minute.", {"Retry-After": "0"}), refusing],
    ids=["429", "refused"],
)
def test_a_change_that_surely_had_no_effect_is_sent_again(here: World, fault: Any) -> None:
    """Too many requests, or no connection: nothing was done, so the same request goes out again."""
    faults = Faults(here)
    faults.on(":deployModel", fault)
    here.engine(faults).create(DEPLOYED_MODEL, "flash", model_inputs())
    assert sum(":deployModel" in line for line in faults.sent) == 2
    assert here.called().count("endpoints.deployModel") == 1


def test_a_split_that_somebody_else_changed_meanwhile_is_read_again(here: World) -> None:
    """An etag that is no longer current costs one more read; the split of this program is what stands at the end."""
    engine = here.engine()
    ids = [
        engine.create(DEPLOYED_MODEL, name, model_inputs(displayName=name))[1]["deployedModelId"] for name in ("a", "b")
    ]
    faults = Faults(here)

    def somebody_was_faster(send: Any) -> Any:
        path = f"v1/{ENDPOINT}?updateMask=trafficSplit"
        here.post("aiplatform", path, {"trafficSplit": {ids[1]: 100}}, method="PATCH")
        return send()

    faults.on("PATCH", somebody_was_faster, losing_the_answer)
    targets = {"a": {"deployedModelId": ids[0], "percent": 100}}
    _, outputs = here.engine(faults).create(TRAFFIC_SPLIT, "traffic", {"endpoint": ENDPOINT, "targets": targets})
    assert outputs["trafficSplit"] == {ids[0]: 100} == here.endpoint()["trafficSplit"]


def test_a_refusal_that_lasts_is_believed(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAILED_PRECONDITION with nothing under way is tried a few times, and then is the error."""
    monkeypatch.setattr("vertex_serving.provider.operations._SHORTEST_PAUSE", 0.001)
    network = "projects/123456789012/global/networks/default"
    peered = here.make_endpoint("87654321", network=network)
    engine = here.engine()
    engine.create(DEPLOYED_MODEL, "one", model_inputs(endpoint=peered))
    with pytest.raises(Failed, match="supports one DeployedModel only"):
        engine.create(DEPLOYED_MODEL, "two", model_inputs(endpoint=peered, displayName="two"))
