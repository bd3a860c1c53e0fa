"""Faults to order: whom they strike, and what becomes of the call, its change, its stream and its operation."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox import faults
from sandbox.testing import SandboxHandle, running_sandbox
from tests.sandbox.vertex import Json, RefusedError, Vertex

CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "Say something long, please."}]}]}
GEMINI = "publishers/google/models/gemini-3.5-flash"


def order(sandbox: SandboxHandle, *wanted: Json) -> None:
    """Orders faults by the control URL."""
    response = requests.post(f"{sandbox.url}/_sandbox/faults", json=list(wanted), timeout=30)
    assert response.status_code == 200, response.text


def counts(sandbox: SandboxHandle) -> list[tuple[int, int]]:
    """How many calls each fault has seen and struck."""
    shown = requests.get(f"{sandbox.url}/_sandbox/faults", timeout=30).json()["faults"]
    return [(each["seen"], each["struck"]) for each in shown]


def statuses(vertex: Vertex, number: int) -> list[int]:
    """The HTTP statuses of so many lists of endpoints."""
    return [vertex.send("GET", f"{vertex.parent}/endpoints").status_code for _ in range(number)]


def test_the_nth_calls_of_a_method_meet_an_error_and_no_other_call_does(vertex: Vertex) -> None:
    order(vertex.sandbox, {"method": "*.endpoints.list", "nth": [2, 4], "status": 503})
    vertex.call("GET", f"{vertex.parent}/models")
    assert statuses(vertex, 5) == [200, 503, 200, 503, 200]
    assert counts(vertex.sandbox) == [(5, 2)]


def test_a_fault_is_spent_after_its_times(vertex: Vertex) -> None:
    order(vertex.sandbox, {"method": "*.endpoints.list", "status": 503, "times": 2})
    assert statuses(vertex, 4) == [503, 503, 200, 200]


def test_a_path_narrows_a_fault_down(vertex: Vertex) -> None:
    order(vertex.sandbox, {"path": "*/endpoints/1", "status": "INTERNAL"})
    vertex.create("2")
    assert vertex.send("GET", f"{vertex.parent}/endpoints/1").status_code == 500
    assert vertex.send("GET", f"{vertex.parent}/endpoints/2").status_code == 200


def test_probability_strikes_the_same_calls_with_the_same_seed_and_others_with_another(vertex: Vertex) -> None:
    def struck(seed: int) -> list[int]:
        requests.put(
            f"{vertex.sandbox.url}/_sandbox/faults",
            json=[{"method": "*.list", "probability": 0.5, "seed": seed, "status": 503}],
            timeout=30,
        )
        return statuses(vertex, 24)

    first = struck(1)
    assert first == struck(1) != struck(2)
    assert {200, 503} == set(first)


def test_an_error_has_googles_body_with_retry_info_and_the_header(vertex: Vertex) -> None:
    """The shapes are google.rpc.Status' and google.rpc.RetryInfo's (googleapis/google/rpc/error_details.proto)."""
    detail = {"@type": "type.googleapis.com/google.rpc.DebugInfo", "detail": "x"}
    order(vertex.sandbox, {"method": "*.list", "status": 429, "retryAfter": 2.5, "details": [detail], "message": "no"})
    response = vertex.send("GET", f"{vertex.parent}/endpoints")
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2.5s"}
    assert response.json() == {
        "error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "no", "details": [detail, retry]}
    }
    assert response.headers["Retry-After"] == "3"


def test_an_error_before_the_change_prevents_it_and_one_after_hides_it(vertex: Vertex) -> None:
    order(
        vertex.sandbox,
        {"method": "*.endpoints.create", "nth": 1, "status": 503},
        {"method": "*.endpoints.create", "nth": 2, "status": 503, "when": "after"},
    )
    for endpoint_id, there in (("1", False), ("2", True)):
        with pytest.raises(RefusedError, match="currently unavailable"):
            vertex.create(endpoint_id)
        found = vertex.send("GET", f"{vertex.parent}/endpoints/{endpoint_id}").status_code == 200
        assert found is there


@pytest.mark.parametrize(("when", "there"), [("before", False), ("after", True)])
def test_a_connection_is_reset_before_or_after_the_change_is_made(vertex: Vertex, when: str, there: bool) -> None:
    order(vertex.sandbox, {"method": "*.endpoints.create", "reset": True, "when": when})
    with pytest.raises(requests.ConnectionError) as broken:
        vertex.create("3")
    assert "reset by peer" in str(broken.value)
    assert (vertex.send("GET", f"{vertex.parent}/endpoints/3").status_code == 200) is there
    call = next(call for call in vertex.sandbox.calls() if call["method"].endswith("endpoints.create"))
    assert (call["status"], call["fault"]) == (0, "reset")


def test_a_hanging_call_never_answers_until_faults_are_cleared_and_others_go_on(vertex: Vertex) -> None:
    order(vertex.sandbox, {"method": "*.endpoints.list", "nth": 1, "hang": True})
    ended: list[Exception] = []

    def ask() -> None:
        try:
            vertex.send("GET", f"{vertex.parent}/endpoints")
        except requests.ConnectionError as error:
            ended.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    while counts(vertex.sandbox) == [(0, 0)]:
        pass
    assert statuses(vertex, 2) == [200, 200]
    assert asking.is_alive()
    requests.delete(f"{vertex.sandbox.url}/_sandbox/faults", timeout=30)
    asking.join(30)
    assert len(ended) == 1


def test_a_hanging_call_is_given_up_by_the_clients_timeout(vertex: Vertex) -> None:
    order(vertex.sandbox, {"method": "*.endpoints.list", "hang": True, "times": 1})
    url = vertex.sandbox.api("aiplatform", f"v1/{vertex.parent}/endpoints")
    with pytest.raises(requests.ReadTimeout):
        requests.get(url, headers=vertex.sandbox.headers, timeout=0.2)
    assert statuses(vertex, 1) == [200]


def test_a_delay_lasts_by_the_sandboxs_clock(vertex: Vertex) -> None:
    vertex.sandbox.set(clockRate=0)
    order(vertex.sandbox, {"method": "*.endpoints.list", "delay": 3600, "nth": 1})
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.extend(statuses(vertex, 1)))
    asking.start()
    while counts(vertex.sandbox) == [(0, 0)]:
        pass
    step(vertex.sandbox, 3599)
    assert statuses(vertex, 1) == [200]
    assert answers == []
    step(vertex.sandbox, 1)
    asking.join(30)
    assert answers == [200]


def step(sandbox: SandboxHandle, seconds: float) -> None:
    assert requests.post(f"{sandbox.url}/_sandbox/clock", json={"step": seconds}, timeout=30).status_code == 200


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_stream_is_cut_after_so_many_chunks(vertex: Vertex, count: int) -> None:
    order(vertex.sandbox, {"method": "*.streamGenerateContent", "cutAfter": count})
    name = f"{vertex.parent}/{GEMINI}:streamGenerateContent"
    url = f"{vertex.sandbox.url}/aiplatform/v1/{name}?alt=sse"
    got: list[bytes] = []
    with (
        requests.post(url, json=CONTENTS, headers=vertex.sandbox.headers, stream=True, timeout=30) as response,
        pytest.raises(requests.exceptions.ChunkedEncodingError),
    ):
        got.extend(response.iter_content(None))
    assert response.status_code == 200
    assert b"".join(got).count(b"data: ") == count


@pytest.mark.parametrize("sse", [True, False])
def test_an_error_inside_a_stream_comes_after_so_many_chunks(vertex: Vertex, sse: bool) -> None:
    """Bare JSON between the events is what google-genai's _iter_response_stream reads an error from."""
    order(vertex.sandbox, {"method": "*.streamGenerateContent", "errorAfter": 2, "status": 429})
    query: dict[str, Any] = {"alt": "sse"} if sse else {}
    response = vertex.send("POST", f"{vertex.parent}/{GEMINI}:streamGenerateContent", CONTENTS, **query)
    assert response.status_code == 200
    if sse:
        chunks = response.text.split("\r\n\r\n")
        assert [chunk.startswith("data: ") for chunk in chunks] == [True, True, False]
        error = json.loads(chunks[2])
    else:
        assert len(response.json()) == 3
        error = response.json()[2]
    assert error["error"]["status"] == "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize("sse", [True, False])
def test_an_error_may_come_in_place_of_a_streams_first_chunk(vertex: Vertex, sse: bool) -> None:
    """The status is 200 by then, so that only a client which reads the body sees it."""
    order(vertex.sandbox, {"method": "*.streamGenerateContent", "errorAfter": 0, "status": 429})
    query: dict[str, Any] = {"alt": "sse"} if sse else {}
    response = vertex.send("POST", f"{vertex.parent}/{GEMINI}:streamGenerateContent", CONTENTS, **query)
    assert response.status_code == 200
    error = response.json() if sse else response.json()[0]
    assert error["error"]["status"] == "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize("fault", [{"cutAfter": 100}, {"errorAfter": 100, "status": 503}])
def test_a_stream_that_is_shorter_than_its_fault_is_whole(vertex: Vertex, fault: Json) -> None:
    order(vertex.sandbox, {"method": "*.streamGenerateContent", **fault})
    chunks = vertex.send("POST", f"{vertex.parent}/{GEMINI}:streamGenerateContent", CONTENTS).json()
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"


def test_google_genai_raises_the_error_inside_a_stream(vertex: Vertex) -> None:
    from google import genai
    from google.genai import errors, types
    from google.oauth2.credentials import Credentials

    order(vertex.sandbox, {"method": "*.streamGenerateContent", "errorAfter": 1, "status": 503})
    client = genai.Client(
        vertexai=True,
        project=vertex.sandbox.project,
        location="us-central1",
        credentials=Credentials(token=vertex.sandbox.env["GOOGLE_OAUTH_ACCESS_TOKEN"]),
        http_options=types.HttpOptions(base_url=vertex.sandbox.env["GOOGLE_VERTEX_BASE_URL"]),
    )
    got: list[types.GenerateContentResponse] = []
    with pytest.raises(errors.ServerError, match="currently unavailable"):
        got.extend(client.models.generate_content_stream(model="gemini-3.5-flash", contents="Say something long."))
    assert len(got) == 1


@pytest.mark.parametrize("stage", ["STARTING_DEPLOYMENT", "ADDING_NODES_TO_CLUSTER", "FINISHING_UP"])
def test_a_deployment_fails_at_its_stage_and_leaves_nothing(vertex: Vertex, stage: str) -> None:
    name = vertex.create()
    vertex.sandbox.set(clockRate=0, deploySeconds=700)
    order(vertex.sandbox, {"method": "*.deployModel", "nth": 1, "stage": stage, "status": 429, "message": "No nodes."})
    operation = vertex.deploy(name, "1")
    seen = []
    while not operation.get("done"):
        seen.append(operation["metadata"]["deploymentStage"])
        step(vertex.sandbox, 50)
        operation = vertex.get(operation["name"])
    assert seen[-1] == stage
    assert operation["error"] == {"code": 8, "message": "No nodes."}
    assert operation["metadata"]["deploymentStage"] == "FAILED_TO_DEPLOY"
    assert "deployedModels" not in vertex.get(name)
    vertex.deploy(name, "1")
    step(vertex.sandbox, 700)
    assert vertex.get(name)["deployedModels"][0]["id"] == "1"


def test_an_operation_of_any_service_can_fail_at_its_end(sandbox: SandboxHandle) -> None:
    order(sandbox, {"method": "serviceusage.services.*nable", "operation": True})
    url = sandbox.api("serviceusage", f"v1/projects/{sandbox.project}/services/aiplatform.googleapis.com")
    answer = requests.post(f"{url}:enable", json={}, headers=sandbox.headers, timeout=30).json()
    assert answer["error"] == {"code": 13, "message": "Internal error encountered."}
    assert requests.get(url, headers=sandbox.headers, timeout=30).json()["state"] == "DISABLED"


def test_kubernetes_has_faults_too_in_its_own_shape(sandbox: SandboxHandle) -> None:
    """Reasons and codes are those of metav1.Status (kubernetes/apimachinery, pkg/apis/meta/v1/types.go)."""
    order(sandbox, {"method": "kubernetes", "nth": 1, "status": 429, "retryAfter": 1})
    url = f"{sandbox.url}/kubernetes/api/v1/namespaces"
    refused = requests.get(url, timeout=30)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    status = refused.json()
    assert (status["kind"], status["reason"], status["code"]) == ("Status", "TooManyRequests", 429)
    assert requests.get(url, headers=sandbox.headers, timeout=30).status_code == 200


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({}, "say what happens"),
        ({"status": 418}, "status: 418 is none of"),
        ({"hang": True, "reset": True}, "exclude each other"),
        ({"hang": True, "status": 503}, "takes no status"),
        ({"errorAfter": 1}, "needs a status"),
        ({"errorAfter": -1, "status": 503}, "errorAfter: Input should be greater"),
        ({"cutAfter": 1, "when": "after"}, "when=after"),
        ({"stage": "LUNCH"}, "stage LUNCH is none of"),
        ({"nth": [0], "status": 503}, "nth"),
        ({"probability": 2, "status": 503}, "probability"),
        ({"colour": "red", "status": 503}, "colour"),
        ("503", "valid dictionary"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_and_none_is_ordered(
    sandbox: SandboxHandle, fault: object, says: str
) -> None:
    wanted = [{"status": 503}, fault]
    response = requests.post(f"{sandbox.url}/_sandbox/faults", json=wanted, timeout=30)
    assert response.status_code == 400
    message = response.json()["error"]["message"]
    assert message.startswith("Fault 2: ")
    assert says in message
    assert counts(sandbox) == []


def test_a_fault_reads_the_same_from_the_command_line_and_as_json() -> None:
    text = "method=*.deployModel,nth=2+3,status=503,retryAfter=1.5,when=after"
    order = {"method": "*.deployModel", "nth": [2, 3], "status": "UNAVAILABLE", "retryAfter": 1.5, "when": "after"}
    assert faults.read(faults.parse(text)) == faults.read({"faults": [order]})
    assert faults.read(faults.parse("method=*.predict,hang,times=1"))[0].hang


def test_ordered_faults_and_their_counts_outlive_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with running_sandbox(state=state, enabled=("aiplatform",)) as first:
        order(first, {"method": "*.endpoints.list", "nth": 2, "status": 503})
        assert statuses(Vertex(first), 1) == [200]
    with running_sandbox(state=state) as second:
        assert statuses(Vertex(second), 2) == [503, 200]


def test_a_reset_forgets_faults(vertex: Vertex) -> None:
    order(vertex.sandbox, {"status": 503})
    vertex.sandbox.reset()
    assert counts(vertex.sandbox) == []
    assert vertex.sandbox.state() == {}
