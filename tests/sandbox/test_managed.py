"""Gemini itself, served without an endpoint, and the models of the registry."""

import pytest
import requests

from tests.sandbox.vertex import RefusedError, Vertex, machine

ASK = {"contents": [{"parts": [{"text": "What is 7 times 6?"}]}]}


@pytest.mark.parametrize("location", ["us-central1", "europe-west4", "global"])
def test_gemini_answers_in_its_regions_and_globally(vertex: Vertex, location: str) -> None:
    model = f"projects/{vertex.sandbox.project}/locations/{location}/publishers/google/models/gemini-3.5-flash"
    answer = vertex.call("POST", f"{model}:generateContent", ASK)
    assert answer["candidates"][0]["content"]["parts"] == [{"text": "42"}]
    assert answer["modelVersion"] == "gemini-3.5-flash"
    assert vertex.call("POST", f"{model}:countTokens", ASK)["totalTokens"] == 6
    assert len(vertex.send("POST", f"{model}:streamGenerateContent", ASK).json()) == 2


@pytest.mark.parametrize(
    "model", ["gemini-2.0-flash-001", "gemini-2.0-pro-exp-02-05", "gemini-2.5-pro", "gemini-flahs"]
)
def test_a_retired_or_unknown_model_is_not_found_in_googles_words(vertex: Vertex, model: str) -> None:
    name = f"{vertex.parent}/publishers/google/models/{model}"
    with pytest.raises(RefusedError) as refused:
        vertex.call("POST", f"{name}:generateContent", ASK)
    assert (refused.value.code, refused.value.status) == (404, "NOT_FOUND")
    assert f"publishers/google/models/{model}` was not found or your project" in refused.value.message


def test_another_publisher_is_not_imitated_and_says_so(vertex: Vertex) -> None:
    with pytest.raises(RefusedError) as refused:
        vertex.call("POST", f"{vertex.parent}/publishers/anthropic/models/claude:generateContent", ASK)
    assert refused.value.code == 501


def test_a_prompt_is_required(vertex: Vertex) -> None:
    with pytest.raises(RefusedError, match="contents; Message: Required field"):
        vertex.call("POST", f"{vertex.parent}/publishers/google/models/gemini-3.5-flash:generateContent", {})


@pytest.mark.parametrize("region", ["us-central1", "asia-northeast1"])
def test_every_region_has_models_to_deploy(vertex: Vertex, region: str) -> None:
    there = Vertex(vertex.sandbox, region)
    names = {model["name"] for model in there.call("GET", f"{there.parent}/models")["models"]}
    assert f"{there.canonical}/models/gemma-3-4b" in names
    assert f"{there.canonical}/models/own-assistant" in names
    found = there.get(there.model("gemma-3-4b@1"))
    assert found["supportedDeploymentResourcesTypes"] == ["DEDICATED_RESOURCES"]


def test_gcloud_finds_a_publishers_model_where_it_looks_for_it(vertex: Vertex) -> None:
    found = vertex.get(vertex.model("publishers/google/models/gemini-3.5-flash"))
    assert "DEDICATED_RESOURCES" in found["supportedDeploymentResourcesTypes"]


def test_an_uploaded_model_can_be_listed_deployed_and_deleted(vertex: Vertex) -> None:
    model = {"displayName": "mine", "containerSpec": {"imageUri": "us-docker.pkg.dev/p/r/i:1"}}
    operation = vertex.call("POST", f"{vertex.parent}/models:upload", {"model": model, "modelId": "mine"})
    assert operation["response"]["model"] == f"{vertex.canonical}/models/mine"
    assert len(vertex.call("GET", f"{vertex.parent}/models", filter='displayName="mine"')["models"]) == 1
    name = vertex.create()
    vertex.deploy(name, model=vertex.model("mine@default"))
    refs = vertex.get(vertex.model("mine"))["deployedModels"]
    assert refs == [{"endpoint": f"{vertex.canonical}/endpoints/77", "deployedModelId": "1"}]
    with pytest.raises(RefusedError) as refused:
        vertex.call("DELETE", vertex.model("mine"))
    assert refused.value.status == "FAILED_PRECONDITION"
    vertex.undeploy(name, "1")
    vertex.call("DELETE", vertex.model("mine"))
    with pytest.raises(RefusedError, match="The Model does not exist"):
        vertex.get(vertex.model("mine"))


def test_a_seeded_model_can_be_deleted_too(vertex: Vertex) -> None:
    vertex.call("DELETE", vertex.model("gemma-3-4b"))
    with pytest.raises(RefusedError, match="does not exist"):
        vertex.get(vertex.model("gemma-3-4b"))
    assert Vertex(vertex.sandbox, "europe-west4").get(
        f"{vertex.parent.replace('us-central1', 'europe-west4')}/models/gemma-3-4b"
    )


@pytest.mark.parametrize("model_id", ["1abc", "A", "-a", "a" * 64])
def test_a_model_id_that_google_refuses_is_refused(vertex: Vertex, model_id: str) -> None:
    with pytest.raises(RefusedError, match="model_id"):
        vertex.call("POST", f"{vertex.parent}/models:upload", {"model": {"displayName": "a"}, "modelId": model_id})


def test_a_model_of_another_region_cannot_be_deployed(vertex: Vertex) -> None:
    elsewhere = Vertex(vertex.sandbox, "europe-west4")
    with pytest.raises(RefusedError, match="is not in europe-west4"):
        elsewhere.deploy(elsewhere.create(), model=vertex.model("gemma-3-4b"), dedicatedResources=machine())


TELL = {"contents": [{"parts": [{"text": "Name the days of the week."}]}]}


def traffic(vertex: Vertex, kind: str = "", location: str = "global") -> str:
    """The traffic type of one answer, asked for with this X-Vertex-AI-LLM-Request-Type."""
    model = f"projects/{vertex.sandbox.project}/locations/{location}/publishers/google/models/gemini-3.8-flash"
    response = requests.post(
        f"{vertex.sandbox.url}/aiplatform/v1/{model}:generateContent",
        json=TELL,
        headers={**vertex.sandbox.headers, **({"X-Vertex-AI-LLM-Request-Type": kind} if kind else {})},
        timeout=30,
    )
    if response.status_code >= 400:
        raise RefusedError(response)
    return str(response.json()["usageMetadata"]["trafficType"])


def test_dedicated_throughput_that_nobody_bought_is_refused_in_googles_words(vertex: Vertex) -> None:
    """cloud.google.com/vertex-ai/generative-ai/docs/error-code-429."""
    assert [traffic(vertex), traffic(vertex, "shared")] == ["ON_DEMAND", "ON_DEMAND"]
    with pytest.raises(RefusedError) as refused:
        traffic(vertex, "dedicated")
    assert (refused.value.code, refused.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert refused.value.message == "Too many requests. Exceeded the Provisioned Throughput."


def test_bought_throughput_is_used_first_and_spills_over_by_itself(vertex: Vertex) -> None:
    """30 seconds of 2 tokens a second are 60 tokens: by location and model, anew in the next period."""
    vertex.sandbox.set(provisionedThroughput={"global": {"gemini-3.8-flash": 2}}, clockRate=0)
    assert traffic(vertex, "dedicated") == "PROVISIONED_THROUGHPUT"
    assert traffic(vertex, "shared") == "ON_DEMAND"
    assert traffic(vertex, location="us-central1") == "ON_DEMAND"
    kinds = [traffic(vertex) for _ in range(12)]
    assert kinds == sorted(kinds, reverse=True), "first what was bought, then what is paid as it goes"
    assert kinds[-1] == "ON_DEMAND"
    with pytest.raises(RefusedError, match="Exceeded the Provisioned Throughput"):
        traffic(vertex, "dedicated")
    step = f"{vertex.sandbox.url}/_sandbox/clock"
    requests.post(step, json={"step": 30}, timeout=30).raise_for_status()
    assert traffic(vertex, "dedicated") == "PROVISIONED_THROUGHPUT"


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("global", "aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
    ],
)
def test_gemini_answers_at_the_host_of_its_location(vertex: Vertex, location: str, host: str) -> None:
    """Those that google-genai calls."""
    model = f"projects/{vertex.sandbox.project}/locations/{location}/publishers/google/models/gemini-3.5-flash"
    answer = vertex.call("POST", f"{model}:generateContent", ASK, host=host)
    assert answer["candidates"][0]["content"]["parts"] == [{"text": "42"}]


@pytest.mark.parametrize("location", ["us", "eu"])
def test_a_multi_region_has_no_endpoints(vertex: Vertex, location: str) -> None:
    """It serves Google's own models alone."""
    with pytest.raises(RefusedError) as refused:
        vertex.call("GET", f"projects/{vertex.sandbox.project}/locations/{location}/endpoints")
    assert refused.value.code == 404


def test_google_lists_the_models_that_it_serves(vertex: Vertex) -> None:
    """v1beta1 publishers.models.list, in pages, without what is retired, and what the settings release."""
    beta = Vertex(vertex.sandbox, version="v1beta1")
    first = beta.call("GET", "publishers/google/models", pageSize=5)
    rest = beta.call("GET", "publishers/google/models", pageSize=100)["publisherModels"]
    assert len(first["publisherModels"]) == 5
    assert first["nextPageToken"]
    stages = {one["name"].rpartition("/")[2]: one["launchStage"] for one in rest}
    assert stages["gemini-3.8-flash"] == "GA"
    assert stages["gemini-3.1-pro-preview"] == "PUBLIC_PREVIEW"
    assert "gemini-2.5-pro" not in stages
    assert vertex.call("GET", "publishers/google/models/gemini-3.8-flash")["launchStage"] == "GA"
    vertex.sandbox.set(publisherModels={"gemini-9-flash": "GA"})
    assert beta.call("GET", "publishers/google/models/gemini-9-flash")["versionId"] == "default"
    with pytest.raises(RefusedError) as refused:
        vertex.call("GET", "publishers/google/models/gemini-2.5-pro")
    assert refused.value.code == 404
