"""What Vertex AI refuses of a prediction or a prompt, and where; each with the source of the rule or of its words."""

import base64
from typing import Any

import pytest

from tests.sandbox.vertex import Json, RefusedError, Vertex

QUESTION = "What is 2 + 2? Reply with just the number."
GEMINI = "publishers/google/models/gemini-3.5-flash"
PARTS = [{"text": QUESTION}]


@pytest.fixture
def endpoint(vertex: Vertex) -> str:
    """An endpoint with one model that has all traffic."""
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100})
    return name


def ask(vertex: Vertex, contents: Any, **config: Any) -> Json:
    body = {"contents": contents, "generationConfig": config}
    return vertex.call("POST", f"{vertex.parent}/{GEMINI}:generateContent", body)


@pytest.mark.parametrize(
    ("contents", "config", "words"),
    [
        ([{"role": "assistant", "parts": PARTS}], {}, "Please use a valid role: user, model."),
        ([{"role": "user"}], {}, "it must include at least one parts field"),
        ([{"role": "user", "parts": []}], {}, "it must include at least one parts field"),
        ([{"role": "user", "parts": [{}]}], {}, "it must include at least one parts field"),
        (
            [{"parts": PARTS}],
            {"temperature": 9},
            "temperature value of 9 but the supported range is from 0 (inclusive)",
        ),
        ([{"parts": PARTS}], {"topP": 1.5}, "topP value of 1.5 but"),
        ([{"parts": PARTS}], {"maxOutputTokens": -1}, "maxOutputTokens value of -1 but"),
        ([{"parts": PARTS}], {"maxOutputTokens": 655360}, "from 1 (inclusive) to 65537 (exclusive). Update the value"),
        ([{"parts": PARTS}], {"candidateCount": 9}, "candidateCount value of 9 but"),
    ],
)
def test_a_prompt_that_gemini_refuses(vertex: Vertex, contents: Any, config: Json, words: str) -> None:
    """Content and GenerationConfig (discovery); words: langchain-google#1059 and #903, bolt.diy#955."""
    with pytest.raises(RefusedError) as refused:
        ask(vertex, contents, **config)
    assert (refused.value.code, refused.value.status) == (400, "INVALID_ARGUMENT")
    assert words in refused.value.message


def test_a_prompt_gets_as_many_candidates_as_it_asks_for(vertex: Vertex) -> None:
    """GenerationConfig.candidateCount (discovery)."""
    answer = ask(vertex, [{"parts": PARTS}], candidateCount=2, temperature=0, topP=1, maxOutputTokens=65536)
    assert [candidate.get("index", 0) for candidate in answer["candidates"]] == [0, 1]
    assert {candidate["content"]["parts"][0]["text"] for candidate in answer["candidates"]} == {"4"}
    assert answer["usageMetadata"]["candidatesTokenCount"] == 2
    body = {"contents": [{"parts": PARTS}], "generationConfig": {"candidateCount": 2}}
    chunks = vertex.send("POST", f"{vertex.parent}/{GEMINI}:streamGenerateContent", body).json()
    assert [len(chunk["candidates"]) for chunk in chunks] == [2, 2]


def test_a_mistyped_model_is_not_found_until_the_settings_release_it(vertex: Vertex) -> None:
    """publishers.models: what is not listed is not served. Words as for a retired one."""
    name = f"{vertex.parent}/publishers/google/models/gemini-3.5-falsh:generateContent"
    with pytest.raises(RefusedError, match=r"gemini-3\.5-falsh` was not found or your project does not have access"):
        vertex.call("POST", name, {"contents": [{"parts": PARTS}]})
    vertex.sandbox.set(publisherModels={"gemini-3.5-falsh": "GA"})
    assert vertex.call("POST", name, {"contents": [{"parts": PARTS}]})["modelVersion"] == "gemini-3.5-falsh"


def test_a_regions_host_serves_that_region_alone(vertex: Vertex, endpoint: str) -> None:
    """Words: github.com/googleapis/python-aiplatform/issues/1684."""
    elsewhere = "europe-west4-aiplatform.googleapis.com"
    for method, path, body in (
        ("POST", f"{endpoint}:predict", {"instances": ["1"]}),
        ("GET", endpoint, None),
        ("GET", f"{vertex.parent}/endpoints", None),
    ):
        with pytest.raises(RefusedError, match="The valid location ID is `europe-west4`") as refused:
            vertex.call(method, path, body, elsewhere)
        assert refused.value.status == "INVALID_ARGUMENT"
    multi = "aiplatform.eu.rep.googleapis.com"
    with pytest.raises(RefusedError, match="The valid location ID is `eu`"):
        vertex.call("GET", endpoint, host=multi)
    asked = f"projects/{vertex.sandbox.project}/locations/eu/{GEMINI}:generateContent"
    assert vertex.call("POST", asked, {"contents": [{"parts": PARTS}]}, multi)["candidates"]


def test_a_prediction_is_no_larger_than_its_endpoint_takes(vertex: Vertex, endpoint: str) -> None:
    """Payload: docs.cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type (1.5 MB shared, 10 MB else)."""
    large = {"instances": [{"content": "x" * 2_000_000}]}
    for verb in ("predict", "rawPredict"):
        with pytest.raises(RefusedError, match="Request payload size exceeds the limit: 1572864 bytes") as refused:
            vertex.call("POST", f"{endpoint}:{verb}", large)
        assert refused.value.status == "INVALID_ARGUMENT"
    own = vertex.create("42", dedicatedEndpointEnabled=True)
    vertex.deploy(own, "2", {"0": 100})
    host = vertex.get(own)["dedicatedEndpointDns"]
    assert vertex.call("POST", f"{own}:predict", large, host)["deployedModelId"] == "2"
    with pytest.raises(RefusedError, match="exceeds the limit: 10485760 bytes"):
        vertex.call("POST", f"{own}:predict", {"instances": ["x" * 11_000_000]}, host)


def test_tensors_are_predicted_directly(vertex: Vertex, endpoint: str) -> None:
    """endpoints.directPredict and directRawPredict (discovery), of gcloud's `ai endpoints direct-predict`."""
    tensor = {"dtype": "STRING", "shape": ["2"], "stringVal": [QUESTION, "6 * 7"]}
    answer = vertex.call("POST", f"{endpoint}:directPredict", {"inputs": [tensor]})
    assert answer == {"outputs": [{"dtype": "STRING", "shape": ["2"], "stringVal": ["4", "42"]}]}
    with pytest.raises(RefusedError) as refused:
        vertex.call("POST", f"{endpoint}:directPredict", {"inputs": [{"dtype": "INT32", "intVal": [1]}]})
    assert refused.value.code == 501
    given = {"methodName": "/own.Server/Predict/", "input": base64.b64encode(QUESTION.encode()).decode()}
    raw = vertex.call("POST", f"{endpoint}:directRawPredict", given)
    assert base64.b64decode(raw["output"]) == b"4"
    with pytest.raises(RefusedError, match="no UTF-8"):
        vertex.call("POST", f"{endpoint}:directRawPredict", {"input": base64.b64encode(b"\xff").decode()})
