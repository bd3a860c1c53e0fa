"""Every kind of serving is called on its host, by its API, and says which model answered."""

from typing import Any

import pytest
from google.genai import types

from gemini_client import ConfigurationError, Options, QuotaExhausted, Retry, Unavailable
from sandbox.core import PROJECT_NUMBER
from tests.gemini_client.harness import MODEL, TALK, Json, World, managed, raised
from tests.gemini_client.wire import Wire
from tests.sandbox.vertex import Vertex

PROJECT = "sandbox-project"
AUTOMATION = {"projectId": PROJECT, "network": f"projects/{PROJECT}/global/networks/default"}
ACCESS = {"enablePrivateServiceConnect": True, "projectAllowlist": [PROJECT], "pscAutomationConfigs": [AUTOMATION]}
PRIVATE = {"privateServiceConnectConfig": ACCESS}
PEERED = {"network": f"projects/{PROJECT_NUMBER}/global/networks/default"}
CONNECTIVITY: dict[str, Json] = {
    "shared": {},
    "dedicated": {"dedicatedEndpointEnabled": True},
    "private": PRIVATE,
}


def host_of(vertex: Vertex, endpoint: str) -> str:
    """What the stack's output endpointHost is."""
    found = vertex.get(endpoint)
    private = found.get("privateServiceConnectConfig", {}).get("pscAutomationConfigs", [])
    return str(
        found.get("dedicatedEndpointDns")
        or (private and private[0]["ipAddress"])
        or "us-central1-aiplatform.googleapis.com"
    )


def endpoint_route(endpoint: str, **fields: Any) -> Json:
    route = {"name": "own", "serving": "endpoint", "endpoint": endpoint, "location": "us-central1", "weight": 100}
    return {**route, **fields}


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("global", "aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
    ],
)
def test_a_managed_model_is_called_where_its_location_is(world: World, location: str, host: str) -> None:
    client = world.client(managed(location=location))
    reply = client.ask()
    texts, streamed = client.stream()
    path = f"/hosts/{host}/v1/projects/{PROJECT}/locations/{location}/publishers/google/models/{MODEL}"
    assert [call["path"] for call in world.calls()] == [f"{path}:generateContent", f"{path}:streamGenerateContent"]
    assert (reply.text, reply.finish_reason, reply.model, reply.route) == ("4", "STOP", MODEL, "flash")
    assert ("".join(texts), streamed.finish_reason, streamed.model) == (streamed.text, "STOP", MODEL)
    assert len(texts) > 3
    assert isinstance(reply.response, types.GenerateContentResponse)


def test_usage_is_what_the_api_counted(world: World) -> None:
    """Not the words of the answer."""
    client = world.client()
    for reply in (client.ask(TALK), client.stream(TALK)[1]):
        usage = reply.usage
        assert usage.total_tokens == usage.input_tokens + usage.output_tokens
        assert usage.output_tokens > len(reply.text.split())
        assert usage.traffic_type == "ON_DEMAND"


def test_provisioned_throughput_is_asked_for_by_its_header(world: World, wire: Wire) -> None:
    """None is bought: "dedicated" is refused, which the other header and no header are not."""
    error = raised(world.client(managed(throughput="dedicated"), options=Options(retry=Retry(attempts=1))).ask)
    assert isinstance(error, QuotaExhausted)
    assert "Exceeded the Provisioned Throughput" in str(error)
    assert [world.client(managed(throughput=each)).ask().text for each in ("shared", "")] == ["4", "4"]
    asked = [sent.headers["X-Vertex-AI-LLM-Request-Type"] for sent in wire.sent]
    assert asked == ["dedicated", "shared", None]


def test_a_tuned_gemini_is_called_on_its_shared_endpoint(world: World, vertex: Vertex) -> None:
    endpoint = vertex.create()
    vertex.deploy(endpoint, "5", {"0": 100}, model=vertex.model("tuned-gemini"), dedicatedResources=None)
    client = world.client(endpoint_route(endpoint, api="generateContent", host=host_of(vertex, endpoint)))
    reply = client.ask()
    assert (reply.text, reply.route, reply.deployed_model) == ("4", "own", "5")
    assert client.stream()[1].finish_reason == "STOP"
    assert {call["method"].rpartition(".")[2] for call in world.calls()} == {"generateContent", "streamGenerateContent"}


@pytest.mark.parametrize("api", ["predict", "rawPredict", "chatCompletions"])
@pytest.mark.parametrize("connectivity", CONNECTIVITY)
def test_an_own_model_is_called_on_the_host_of_its_endpoint(
    world: World, vertex: Vertex, api: str, connectivity: str
) -> None:
    endpoint = vertex.create(**CONNECTIVITY[connectivity])
    vertex.deploy(endpoint, "5", {"0": 100})
    host = host_of(vertex, endpoint)
    client = world.client(endpoint_route(endpoint, api=api, host=host, models={"5": "gemma-primary"}))
    reply = client.ask()
    assert (reply.text, reply.route, reply.deployed_model) == ("4", "own", "gemma-primary")
    texts, streamed = client.stream()
    assert ("".join(texts), len(texts) > 3, streamed.deployed_model) == (streamed.text, True, "gemma-primary")
    assert streamed.finish_reason == "STOP"
    method = {"chatCompletions": "chat.completions"}.get(api, api)
    streaming = {"chatCompletions": "chat.completions"}.get(api, "streamRawPredict")
    called = [call["method"].partition("endpoints.")[2] for call in world.calls("endpoints.") if host in call["path"]]
    assert called == [method, streaming]


def test_chat_completions_say_why_they_end_and_what_they_took(world: World, vertex: Vertex) -> None:
    endpoint = vertex.create()
    vertex.deploy(endpoint, "5", {"0": 100})
    client = world.client(endpoint_route(endpoint, api="chatCompletions", host=host_of(vertex, endpoint)))
    config = {"max_output_tokens": 5, "system_instruction": "Be short."}
    reply = client.ask(TALK, config=config)
    assert (reply.finish_reason, reply.usage.output_tokens) == ("MAX_TOKENS", 5)
    assert client.stream(TALK, config=config)[1].finish_reason == "MAX_TOKENS"


def test_a_mapping_is_the_body_of_an_own_model_itself(world: World, vertex: Vertex) -> None:
    endpoint = vertex.create()
    vertex.deploy(endpoint, "5", {"0": 100})
    client = world.client(endpoint_route(endpoint, api="predict", host=host_of(vertex, endpoint)))
    reply = client.ask({"instances": [{"prompt": "2 + 3"}, {"prompt": "3 + 4"}]})
    assert reply.text == "5"
    assert [each["content"] for each in reply.response["predictions"]] == ["5", "7"]


CONVERSATION = [
    {"role": "user", "parts": [{"text": "1 + 1"}]},
    {"role": "model", "parts": [{"text": "2"}]},
    {"role": "user", "parts": [{"text": "3 + 4"}]},
]
IMAGE = [types.Part.from_bytes(data=b"x", mime_type="image/png")]


def test_a_conversation_goes_to_chat_completions_and_not_to_predict(world: World, vertex: Vertex) -> None:
    endpoint = vertex.create()
    vertex.deploy(endpoint, "5", {"0": 100})
    host = host_of(vertex, endpoint)
    assert world.client(endpoint_route(endpoint, api="chatCompletions", host=host)).ask(CONVERSATION).text == "7"
    error = raised(lambda: world.client(endpoint_route(endpoint, api="predict", host=host)).ask(CONVERSATION))
    assert isinstance(error, ConfigurationError)
    assert "own: predict takes one text, no conversation" in str(error)


@pytest.mark.parametrize(
    ("contents", "config", "says"),
    [
        (IMAGE, None, "own takes text only"),
        ("2 + 2", {"response_mime_type": "application/json"}, "does not take config.response_mime_type"),
    ],
)
def test_what_an_own_model_cannot_take_is_named(
    world: World, vertex: Vertex, contents: Any, config: Any, says: str
) -> None:
    endpoint = vertex.create()
    client = world.client(endpoint_route(endpoint, api="chatCompletions", host=host_of(vertex, endpoint)))
    error = raised(lambda: client.ask(contents, config=config))
    assert isinstance(error, ConfigurationError)
    assert says in str(error)


def test_an_error_inside_an_own_models_stream_is_seen(world: World, vertex: Vertex) -> None:
    endpoint = vertex.create()
    vertex.deploy(endpoint, "5", {"0": 100})
    world.order({"method": "*.streamRawPredict", "nth": 1, "errorAfter": 0, "status": 503, "retryAfter": 5})
    client = world.client(endpoint_route(endpoint, api="predict", host=host_of(vertex, endpoint)))
    assert len(client.stream()[0]) > 3
    assert world.timing.waits == [5]


@pytest.mark.parametrize("connectivity", [*CONNECTIVITY, "peered"])
def test_the_articles_variables_are_enough(
    world: World, vertex: Vertex, monkeypatch: pytest.MonkeyPatch, connectivity: str
) -> None:
    """Host, API and the models' names are looked up by `endpoints.get`, once."""
    endpoint = vertex.create("77", **(PEERED if connectivity == "peered" else CONNECTIVITY[connectivity]))
    vertex.deploy(endpoint, "5", None if connectivity == "peered" else {"0": 100})
    monkeypatch.setenv("GCP_PROJECT_ID", PROJECT)
    monkeypatch.setenv("GCP_REGION", "us-central1")
    monkeypatch.setenv("VERTEX_ENDPOINT_ID", "77")
    before = world.sandbox.last_call()
    client = world.from_env()
    assert [client.ask().text, client.ask().deployed_model] == ["4", "model-5"]
    reads = [call for call in world.sandbox.calls(before) if call["method"].endswith("endpoints.get")]
    assert len(reads) == 1


def test_a_tuned_gemini_is_found_by_the_articles_variables(
    world: World, vertex: Vertex, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = vertex.create("77")
    vertex.deploy(endpoint, "5", {"0": 100}, model=vertex.model("tuned-gemini"), dedicatedResources=None)
    monkeypatch.setenv("GCP_PROJECT_ID", PROJECT)
    monkeypatch.setenv("GCP_REGION", "us-central1")
    monkeypatch.setenv("VERTEX_ENDPOINT_ID", "77")
    assert world.from_env().stream()[1].finish_reason == "STOP"
    assert world.calls()[-1]["method"].endswith("endpoints.streamGenerateContent")


def test_an_endpoint_that_may_not_be_read_names_the_variables_to_set(
    world: World, vertex: Vertex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A predict-only role has no aiplatform.endpoints.get; no other host is guessed."""
    endpoint = vertex.create("77")
    vertex.deploy(endpoint, "5", {"0": 100})
    for name, value in {"GCP_PROJECT_ID": PROJECT, "GCP_REGION": "us-central1", "VERTEX_ENDPOINT_ID": "77"}.items():
        monkeypatch.setenv(name, value)
    world.order({"method": "*.endpoints.get", "status": 403})
    error = raised(world.from_env().ask)
    assert isinstance(error, ConfigurationError)
    assert "set VERTEX_ENDPOINT_HOST" in str(error)
    assert "The caller needs aiplatform.endpoints.get on the project" in str(error)
    assert "aiplatform.endpoints.predict" not in str(error)
    monkeypatch.setenv("VERTEX_ENDPOINT_HOST", host_of_shared())
    monkeypatch.setenv("VERTEX_ENDPOINT_API", "predict")
    assert world.from_env().ask().text == "4"


def test_a_model_that_may_not_be_read_names_the_permission(world: World, vertex: Vertex) -> None:
    """By its model an endpoint's API is found."""
    endpoint = vertex.create()
    vertex.deploy(endpoint, "5", {"0": 100})
    world.order({"method": "*.models.get", "status": 403})
    said = str(raised(world.client(endpoint_route(endpoint, api="")).ask))
    assert "The caller needs aiplatform.models.get on the project" in said
    assert "aiplatform.endpoints.predict" not in said


def host_of_shared() -> str:
    return "us-central1-aiplatform.googleapis.com"


def test_an_endpoint_without_a_model_is_told(world: World, vertex: Vertex) -> None:
    error = raised(world.client(endpoint_route(vertex.create(), api="")).ask)
    assert isinstance(error, ConfigurationError)
    assert "no model is deployed" in str(error)


def test_an_endpoint_out_of_reach_says_so(world: World, vertex: Vertex, monkeypatch: pytest.MonkeyPatch) -> None:
    """Port 9 of loopback: nothing listens there."""
    monkeypatch.setenv("SANDBOX_URL", "http://127.0.0.1:9")
    client = world.client(
        endpoint_route(vertex.create(), api="predict", host="10.0.0.5", scheme="http"),
        options=Options(retry=Retry(attempts=2)),
    )
    error = raised(client.ask)
    assert isinstance(error, Unavailable)
    assert "A private endpoint answers only in its network." in str(error)
    assert world.timing.waits == [2]
