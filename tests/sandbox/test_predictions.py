"""Predictions of endpoints: who answers, what is answered, and on which host."""

import json
from collections import Counter

import pytest
import requests

from tests.sandbox.vertex import Json, RefusedError, Vertex

QUESTION = "What is 2 + 2? Reply with just the number."
ASK = {"contents": [{"role": "user", "parts": [{"text": QUESTION}]}]}
TALK = {"contents": [{"role": "user", "parts": [{"text": "Explain the weather to me."}]}]}


def pieces(response: requests.Response) -> list[Json]:
    """The messages of a stream of server-sent events."""
    assert response.headers["content-type"].startswith("text/event-stream")
    lines = [line for line in response.text.splitlines() if line]
    assert all(line.startswith("data: ") for line in lines)
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def text(message: Json) -> str:
    return "".join(part["text"] for part in message["candidates"][0]["content"]["parts"])


@pytest.fixture
def endpoint(vertex: Vertex) -> str:
    """An endpoint with one model that has all traffic."""
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100})
    return name


def test_predict_answers_small_arithmetic_and_says_who_answered(vertex: Vertex, endpoint: str) -> None:
    """endpoints.predict, PredictResponse (discovery); X-Vertex-AI-Deployed-Model-Id is described at rawPredict."""
    response = vertex.send("POST", f"{endpoint}:predict", {"instances": [{"content": QUESTION}, {"prompt": "6 * 7"}]})
    answer = response.json()
    assert [prediction["content"] for prediction in answer["predictions"]] == ["4", "42"]
    assert answer["deployedModelId"] == "1"
    assert answer["model"] == f"{vertex.canonical}/models/gemma-3-4b"
    assert answer["modelDisplayName"] == "gemma-3-4b"
    assert response.headers["X-Vertex-AI-Deployed-Model-Id"] == "1"


def test_any_other_answer_tells_the_deployed_models_name(vertex: Vertex, endpoint: str) -> None:
    """The sandbox's own answer: docs/sandbox.md, "What is simulated, and how"."""
    assert "model-1" in vertex.ask(endpoint, "Who are you?")["predictions"][0]["content"]


def test_an_empty_split_answers_as_vertex_ai_does(vertex: Vertex) -> None:
    """Words: as gcloud shows them (docs/sandbox.md); status FAILED_PRECONDITION."""
    name = vertex.create()
    vertex.deploy(name)
    with pytest.raises(RefusedError) as refused:
        vertex.ask(name, QUESTION)
    assert (refused.value.code, refused.value.status) == (400, "FAILED_PRECONDITION")
    assert refused.value.message == f"Endpoint {vertex.canonical}/endpoints/77 doesn't have traffic_split."


def test_the_split_is_obeyed(vertex: Vertex, endpoint: str) -> None:
    """Endpoint.trafficSplit (discovery)."""
    vertex.deploy(endpoint, "2")
    vertex.split(endpoint, m1=80, m2=20)
    served = Counter(vertex.ask(endpoint, "1 + 1")["deployedModelId"] for _ in range(200))
    # 200 draws at 20 %: 40 expected, standard deviation 5.7; five of them either way, and the draws are seeded.
    assert 12 <= served["2"] <= 68
    vertex.split(endpoint, m2=100)
    assert {vertex.ask(endpoint, "1 + 1")["deployedModelId"] for _ in range(20)} == {"2"}


def test_the_same_seed_draws_the_same_models(vertex: Vertex, endpoint: str) -> None:
    """The sandbox's setting `seed`."""
    vertex.deploy(endpoint, "2")
    vertex.split(endpoint, m1=50, m2=50)
    draws = []
    for seed in (1, 2, 1):
        vertex.sandbox.set(seed=seed)
        draws.append([vertex.ask(endpoint, "1 + 1")["deployedModelId"] for _ in range(20)])
    assert draws[0] == draws[2] != draws[1]


def test_generate_content_answers_with_usage(vertex: Vertex, endpoint: str) -> None:
    """endpoints.generateContent, GenerateContentResponse (discovery)."""
    answer = vertex.call("POST", f"{endpoint}:generateContent", ASK)
    assert text(answer) == "4"
    assert answer["candidates"][0]["finishReason"] == "STOP"
    usage = answer["usageMetadata"]
    assert usage["candidatesTokenCount"] == 1
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + 1


def test_the_token_limit_cuts_an_answer_short(vertex: Vertex, endpoint: str) -> None:
    """GenerationConfig.maxOutputTokens, Candidate.finishReason (discovery)."""
    answer = vertex.call("POST", f"{endpoint}:generateContent", {**TALK, "generationConfig": {"maxOutputTokens": 5}})
    assert answer["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert answer["usageMetadata"]["candidatesTokenCount"] == 5


def test_a_stream_comes_in_pieces_and_ends_with_reason_and_usage(vertex: Vertex, endpoint: str) -> None:
    """endpoints.streamGenerateContent with alt=sse (discovery)."""
    response = vertex.send("POST", f"{endpoint}:streamGenerateContent", TALK, alt="sse")
    messages = pieces(response)
    assert len(messages) > 3
    whole = vertex.call("POST", f"{endpoint}:generateContent", TALK)
    assert "".join(map(text, messages)) == text(whole)
    assert "finishReason" not in messages[0]["candidates"][0]
    assert messages[-1]["candidates"][0]["finishReason"] == "STOP"
    assert messages[-1]["usageMetadata"] == whole["usageMetadata"]
    assert response.headers["X-Vertex-AI-Deployed-Model-Id"] == "1"


def test_without_alt_sse_a_stream_is_one_json_array(vertex: Vertex, endpoint: str) -> None:
    """endpoints.streamGenerateContent (discovery); alt is a system parameter."""
    messages = vertex.send("POST", f"{endpoint}:streamGenerateContent", ASK).json()
    assert "".join(map(text, messages)) == "4"
    assert len(messages) == 2


def test_raw_predict_answers_what_the_models_own_server_would(vertex: Vertex, endpoint: str) -> None:
    """endpoints.rawPredict answers with google.api.HttpBody (discovery)."""
    response = vertex.send("POST", f"{endpoint}:rawPredict", {"instances": [{"prompt": QUESTION}]})
    assert response.json()["predictions"] == [{"content": "4"}]
    assert response.headers["X-Vertex-AI-Deployed-Model-Id"] == "1"


def test_a_raw_body_that_is_no_json_object_is_refused(vertex: Vertex, endpoint: str) -> None:
    """The sandbox's own models read JSON alone; Google passes any body on (endpoints.rawPredict, discovery)."""
    with pytest.raises(RefusedError, match="no JSON object"):
        vertex.call("POST", f"{endpoint}:rawPredict", [1])


def test_stream_raw_predict_streams(vertex: Vertex, endpoint: str) -> None:
    """endpoints.streamRawPredict (discovery)."""
    response = vertex.send("POST", f"{endpoint}:streamRawPredict", {"instances": [{"prompt": "Tell me more"}]})
    events = response.text.strip().split("\n\n")
    assert events[-1] == "data: [DONE]"
    assert len(events) > 3


def test_chat_completions_answer_the_last_message(vertex: Vertex, endpoint: str) -> None:
    """endpoints.chat.completions (discovery); OpenAI's format."""
    messages = [{"role": "user", "content": "Hello"}, {"role": "user", "content": QUESTION}]
    answer = vertex.call("POST", f"{endpoint}/chat/completions", {"messages": messages})
    assert answer["choices"][0]["message"]["content"] == "4"
    assert answer["usage"]["completion_tokens"] == 1


def test_count_tokens_counts_and_is_no_load(vertex: Vertex, endpoint: str) -> None:
    """endpoints.countTokens, CountTokensResponse (discovery)."""
    assert vertex.call("POST", f"{endpoint}:countTokens", ASK)["totalTokens"] > 5


def test_a_dedicated_endpoint_answers_on_its_own_host_only(vertex: Vertex) -> None:
    """Endpoint.dedicatedEndpointEnabled (discovery)."""
    name = vertex.create("42", dedicatedEndpointEnabled=True)
    vertex.deploy(name, "1", {"0": 100})
    host = vertex.get(name)["dedicatedEndpointDns"]
    with pytest.raises(RefusedError) as refused:
        vertex.ask(name, QUESTION)
    assert refused.value.status == "FAILED_PRECONDITION"
    assert host in refused.value.message
    assert vertex.ask(name, QUESTION, host)["predictions"] == [{"content": "4"}]
    assert vertex.send("GET", name, host=host).status_code == 404


def test_a_host_serves_its_own_endpoint_only(vertex: Vertex, endpoint: str) -> None:
    """Endpoint.dedicatedEndpointDns (discovery)."""
    other = vertex.create("42", dedicatedEndpointEnabled=True)
    host = vertex.get(other)["dedicatedEndpointDns"]
    assert vertex.send("POST", f"{endpoint}:predict", {"instances": ["1"]}, host=host).status_code == 404


def test_private_service_connect_answers_on_its_address_only(vertex: Vertex) -> None:
    """docs.cloud.google.com/vertex-ai/docs/predictions/private-service-connect."""
    name, address = vertex.deploy_privately()
    with pytest.raises(RefusedError, match=address):
        vertex.ask(name, QUESTION)
    assert vertex.ask(name, QUESTION, address)["predictions"] == [{"content": "4"}]
    stream = vertex.send("POST", f"{name}:streamGenerateContent", ASK, address, alt="sse")
    assert text(pieces(stream)[0]) == "4"


def test_a_peered_endpoint_answers_at_its_models_predict_uri_only(vertex: Vertex) -> None:
    """PrivateEndpoints.predictHttpUri (discovery); docs: using-private-endpoints."""
    name = vertex.create(network="projects/123456789012/global/networks/default")
    vertex.deploy(name)
    with pytest.raises(RefusedError, match="peered network only"):
        vertex.ask(name, QUESTION)
    uri = vertex.get(name)["deployedModels"][0]["privateEndpoints"]["predictHttpUri"]
    host, _, path = uri.removeprefix("http://").partition("/v1/")
    assert vertex.call("POST", path, {"instances": [QUESTION]}, host)["predictions"] == [{"content": "4"}]
    assert vertex.send("POST", path.replace("models/1", "models/2"), {}, host).status_code == 404


def test_the_regional_host_serves_what_the_prefix_serves(vertex: Vertex, endpoint: str) -> None:
    """The discovery document's `endpoints`."""
    host = "us-central1-aiplatform.googleapis.com"
    assert vertex.ask(endpoint, QUESTION, host)["deployedModelId"] == "1"
    assert vertex.call("GET", endpoint, host=host)["displayName"] == "test"


def test_a_scaled_to_zero_model_refuses_its_first_call_and_then_serves(vertex: Vertex) -> None:
    """DedicatedResources.scaleToZeroSpec (discovery, v1beta1)."""
    beta = Vertex(vertex.sandbox, version="v1beta1")
    name = beta.create()
    scaling = {"minScaleupPeriod": "300s", "idleScaledownPeriod": "300s"}
    resources = {"machineSpec": {"machineType": "n1-standard-4"}, "minReplicaCount": 0, "maxReplicaCount": 2}
    beta.deploy(name, "1", {"0": 100}, dedicatedResources={**resources, "scaleToZeroSpec": scaling})
    with pytest.raises(RefusedError) as refused:
        beta.ask(name, QUESTION)
    assert (refused.value.code, refused.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert beta.ask(name, QUESTION)["predictions"] == [{"content": "4"}]
