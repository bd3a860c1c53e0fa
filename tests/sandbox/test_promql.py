"""PromQL over Cloud Monitoring: Prometheus' HTTP API, and what the sandbox evaluates."""

from typing import Any

import pytest
import requests

from tests.sandbox.clock import Stepped, clock
from tests.sandbox.vertex import Json, Vertex, machine

__all__ = ["clock"]

COUNT = "aiplatform_googleapis_com:prediction_online_prediction_count"
RESPONSES = "aiplatform_googleapis_com:prediction_online_response_count"
REPLICAS = "aiplatform_googleapis_com:prediction_online_replicas"
LATENCIES = "aiplatform_googleapis_com:prediction_online_prediction_latencies"


class Prometheus:
    """query and query_range of the project."""

    def __init__(self, vertex: Vertex, clock: Stepped) -> None:
        self.vertex, self.clock = vertex, clock

    def send(self, name: str, **body: Any) -> requests.Response:
        """One call."""
        path = f"v1/projects/{self.vertex.sandbox.project}/location/global/prometheus/api/v1/{name}"
        url = self.vertex.sandbox.api("monitoring", path)
        return requests.post(url, json=body, headers=self.vertex.sandbox.headers, timeout=30)

    def vector(self, query: str) -> dict[str, float]:
        """The value of each series now, by its labels' values."""
        answer = self.send("query", query=query, time=str(self.clock.now()))
        assert answer.status_code == 200, answer.text
        rows: list[Json] = answer.json()["data"]["result"]
        return {" ".join(row["metric"].values()): float(row["value"][1]) for row in rows}

    def refusal(self, query: str) -> str:
        """Why a query is refused."""
        answer = self.send("query", query=query)
        assert answer.status_code == 400
        found: Json = answer.json()
        assert (found["status"], found["errorType"]) == ("error", "bad_data")
        return str(found["error"])


@pytest.fixture
def prometheus(vertex: Vertex, clock: Stepped) -> Prometheus:
    """Model 1 has served 6 predictions, then model 2 has served 2."""
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100}, dedicatedResources=machine(2, 4))
    vertex.deploy(name, "2")
    for _ in range(6):
        vertex.ask(name, "1")
    clock.forward(120)
    vertex.split(name, m1=0, m2=100)
    for _ in range(2):
        vertex.ask(name, "1")
    clock.forward(60)
    return Prometheus(vertex, clock)


@pytest.mark.parametrize(
    ("query", "values"),
    [
        (f"sum by (deployed_model_id) (increase({COUNT}[10m]))", {"1": 6, "2": 2}),
        (f"sum(increase({COUNT}[10m])) by (deployed_model_id)", {"1": 6, "2": 2}),
        (f"sum(increase({COUNT}[1m]))", {"": 2}),
        (f"sum(rate({COUNT}[5m])) * 300", {"": 8}),
        (f"max without (location) (increase({COUNT}[10m])) > 100", {}),
        (f'sum(increase({COUNT}{{deployed_model_id=~"1|3"}}[10m]))', {"": 6}),
        (f'sum(increase({COUNT}{{deployed_model_id!="1"}}[10m]))', {"": 2}),
        (f"max by (deployed_model_id) ({REPLICAS})", {"1": 2, "2": 1}),
        (f"max by (deployed_model_id) ({REPLICAS}) >= 2", {"1": 2}),
        (f"count({REPLICAS}) + 1", {"": 3}),
        (f"avg(max_over_time({REPLICAS}[5m]))", {"": 1.5}),
        (f"sum(avg_over_time({REPLICAS}[5m]))", {"": 3}),
        (f'sum(increase({LATENCIES}_count{{latency_type="total"}}[10m]))', {"": 8}),
        (f'absent({REPLICAS}{{deployed_model_id="9"}})', {"": 1}),
        (f'absent({REPLICAS}{{deployed_model_id="1"}})', {}),
        (
            f"100 * sum by (deployed_model_id) (increase({COUNT}[10m]))"
            f" / on () group_left () sum(increase({COUNT}[10m]))",
            {"1": 75, "2": 25},
        ),
        (
            f"abs(sum by (deployed_model_id) (increase({COUNT}[10m])) - 4) == 2"
            f" and on () sum(increase({COUNT}[10m])) > 7",
            {"1": 2, "2": 2},
        ),
        (f"sum(increase({COUNT}[10m])) > 1 and on () sum(increase({COUNT}[10m])) > 8", {}),
        (
            f'sum by (deployed_model_id) (increase({COUNT}{{deployed_model_id="1"}}[10m]))\n'
            f'or sum by (deployed_model_id) (increase({COUNT}{{deployed_model_id="2"}}[10m]))',
            {"1": 6, "2": 2},
        ),
        (f"sum(increase({COUNT}[10m])) > bool 7", {"": 1}),
        (f"-sum(increase({COUNT}[10m])) % 3", {"": 1}),
        ("# a comment\n2 * (3 + 4)", None),
    ],
)
def test_a_query_is_worth_what_prometheus_says(prometheus: Prometheus, query: str, values: Any) -> None:
    """prometheus.io/docs/prometheus/latest/querying/operators, and increase() as sums of DELTA points."""
    if values is None:
        answer = prometheus.send("query", query=query).json()["data"]
        assert (answer["resultType"], answer["result"][1]) == ("scalar", "14.0")
    else:
        assert prometheus.vector(query) == values


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "1:1: parse error: no expression found in input"),
        ("sum(", "unexpected end of input"),
        ("1 +\n  ?", '2:3: parse error: unexpected character: "?"'),
        (f"rate({COUNT})", 'expected type range vector in call to function "rate"'),
        (f"abs({COUNT}[5m])", "got range vector"),
        (f"{COUNT}{{endpoint_id=7}}", "expected string"),
        (f"{COUNT}{{colour='red'}}", 'has no label "colour"'),
        ("nothing > 1", 'Cannot find metric that matches name "nothing"'),
        (f"{COUNT}[5m]", "must be scalar or instant vector"),
        (f"sum by (deployed_model_id) ({COUNT}) / on () sum by (deployed_model_id) ({COUNT})", "many-to-many"),
        (f"{COUNT} / on () sum({COUNT})", "must be explicit"),
        (f"histogram_quantile(0.95, {LATENCIES}_bucket)", "does not imitate"),
        (f"{COUNT} offset 5m", "does not imitate"),
        (f"max_over_time({REPLICAS}[5m:1m])", "does not imitate"),
    ],
)
def test_a_query_that_cannot_be_answered_is_refused_with_its_reason(
    prometheus: Prometheus, query: str, says: str
) -> None:
    """Prometheus' own errors carry line, column and reason."""
    assert says in prometheus.refusal(query)


def test_a_range_has_a_value_for_every_step(prometheus: Prometheus) -> None:
    """query_range: a matrix, one value a step; a form is taken as well as JSON."""
    now = prometheus.clock.now() // 60 * 60
    body = {"query": f"sum(increase({COUNT}[1m]))", "start": str(now - 240), "end": str(now), "step": "1m"}
    answer = prometheus.send("query_range", **body).json()["data"]
    assert answer["resultType"] == "matrix"
    (row,) = answer["result"]
    assert [float(value) for _, value in row["values"] if float(value)] == [6, 2]
    path = f"v1/projects/{prometheus.vertex.sandbox.project}/location/global/prometheus/api/v1/query_range"
    url = prometheus.vertex.sandbox.api("monitoring", path)
    form = requests.post(url, data=body, headers=prometheus.vertex.sandbox.headers, timeout=30)
    assert form.json()["data"] == answer
    assert prometheus.send("query_range", **{**body, "step": "1ms"}).status_code == 400


def test_responses_have_the_labels_that_filters_use(prometheus: Prometheus) -> None:
    """promql-mapping: labels of the metric and of the resource side by side, and monitored_resource."""
    answer = prometheus.send("query", query=RESPONSES, time=str(prometheus.clock.now())).json()["data"]["result"]
    assert {frozenset(row["metric"]) for row in answer} == {
        frozenset(
            (
                "__name__",
                "deployed_model_id",
                "endpoint_id",
                "location",
                "monitored_resource",
                "resource_container",
                "response_code",
            )
        )
    }
