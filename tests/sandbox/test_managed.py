"""Gemini itself, served without an endpoint, and the models of the registry."""

import pytest

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
