"""Cloud Monitoring counts what the client was answered, an ordered fault as any other answer.

Metrics: cloud.google.com/monitoring/api/metrics_gcp_a_b#gcp-aiplatform, response_count by response_code.
"""

from typing import Any

import pytest
import requests

from tests.sandbox.clock import Stepped, clock
from tests.sandbox.test_monitoring import ONLINE, PUBLISHER, Monitoring, ask, monitoring, serving
from tests.sandbox.vertex import Json, Vertex, machine

__all__ = ["clock", "monitoring", "serving"]


def order(vertex: Vertex, **fault: Any) -> None:
    """Orders a fault of every prediction, if it does not say of which."""
    requests.post(
        f"{vertex.sandbox.url}/_sandbox/faults", json={"method": "*.predict", **fault}, timeout=30
    ).raise_for_status()


def codes(monitoring: Monitoring, metric: str = ONLINE + "response_count") -> dict[str, int]:
    """How many answers of each code there were."""
    found: dict[str, int] = {}
    for one in monitoring.series(metric):
        code = one["metric"]["labels"]["response_code"]
        found[code] = found.get(code, 0) + sum(int(point["value"]["int64Value"]) for point in one["points"])
    return found


def latencies(monitoring: Monitoring) -> Json:
    """The distribution of the whole time that predictions took."""
    found: Json = monitoring.values(ONLINE + "prediction_latencies", ' AND metric.labels.latency_type="total"')[0]
    return found


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_ordered_error_is_counted_with_its_code(
    vertex: Vertex, serving: str, monitoring: Monitoring, when: str
) -> None:
    """Also where the model had served, and only its answer was taken."""
    order(vertex, nth="2+3", status=503, when=when)
    answers = [vertex.send("POST", f"{serving}:predict", {"instances": ["a"]}).status_code for _ in range(4)]
    assert answers == [200, 503, 503, 200]
    assert codes(monitoring) == {"200": 2, "503": 2}
    assert monitoring.values(ONLINE + "error_count") == ["2"]
    assert monitoring.values(ONLINE + "prediction_count") == ["2"]
    assert latencies(monitoring)["count"] == "4"


def test_a_struck_call_counts_for_a_model_of_the_split(vertex: Vertex, serving: str, monitoring: Monitoring) -> None:
    """The fault takes the place of a model's answer; a model without traffic gives none."""
    vertex.deploy(serving, "2", dedicatedResources=machine())
    order(vertex, status=429)
    assert vertex.send("POST", f"{serving}:predict", {"instances": ["a"]}).status_code == 429
    (one,) = monitoring.series(ONLINE + "response_count")
    assert one["metric"]["labels"] == {"deployed_model_id": "1", "response_code": "429"}


def test_an_ordered_delay_is_in_the_latency(vertex: Vertex) -> None:
    """What the client waited, also for an error; in seconds of the sandbox's clock."""
    name = vertex.create()
    vertex.complete(vertex.deploy(name, "1", {"0": 100}, dedicatedResources=machine()))
    order(vertex, delay=0.2, status=503)
    assert vertex.send("POST", f"{name}:predict", {"instances": ["a"]}).status_code == 503
    found = latencies(Monitoring(vertex, vertex.sandbox.sandbox.clock))
    assert found["count"] == "1"
    assert found["mean"] >= 200


def test_a_call_that_gets_no_answer_has_no_response_code(vertex: Vertex, serving: str, monitoring: Monitoring) -> None:
    """A connection that is reset, before or after the model served."""
    order(vertex, nth=2, reset=True, when="after")
    ask(vertex, serving, 1)
    with pytest.raises(requests.ConnectionError):
        vertex.send("POST", f"{serving}:predict", {"instances": ["a"]})
    assert codes(monitoring) == {"200": 1}


def test_an_error_inside_a_stream_is_the_streams_code(vertex: Vertex, serving: str, monitoring: Monitoring) -> None:
    """It is the stream's end that says how it went; one that is too short for the error went well."""
    contents = {"contents": [{"role": "user", "parts": [{"text": "Tell me of the sea."}]}]}
    order(vertex, method="*.streamGenerateContent", nth=2, errorAfter=1, status=503)
    order(vertex, method="*.streamGenerateContent", nth=3, errorAfter=10_000, status=503)
    for _ in range(3):
        vertex.send("POST", f"{serving}:streamGenerateContent", contents, alt="sse")
    assert codes(monitoring) == {"200": 2, "503": 1}


def test_the_managed_route_counts_ordered_errors_too(vertex: Vertex, clock: Stepped, monitoring: Monitoring) -> None:
    """publisher/online_serving/model_invocation_count by response_code and error_category."""
    order(vertex, method="*.publishers.models.generateContent", nth=1, status=503)
    contents = {"contents": [{"role": "user", "parts": [{"text": "2 + 2?"}]}]}
    path = f"{vertex.parent}/publishers/google/models/gemini-3.8-flash:generateContent"
    assert [vertex.send("POST", path, contents).status_code for _ in range(2)] == [503, 200]
    assert codes(monitoring, PUBLISHER + "model_invocation_count") == {"200": 1, "503": 1}
    failed = ' AND metric.labels.error_category="system_error"'
    assert monitoring.values(PUBLISHER + "model_invocation_count", failed) == ["1"]


def test_a_call_of_nobody_is_not_measured(vertex: Vertex, serving: str, monitoring: Monitoring) -> None:
    """Google refuses it before any model; so does an ordered fault not count for it."""
    order(vertex, status=503)
    url = vertex.sandbox.api("aiplatform", f"v1/{serving}:predict")
    assert requests.post(url, json={"instances": ["a"]}, timeout=30).status_code == 503
    assert monitoring.series(ONLINE + "response_count") == []
