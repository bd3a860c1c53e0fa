"""Alert policies and objectives, and an endpoint whose predictions fail, for tests."""

from typing import Any

import pytest
import requests

from tests.sandbox.clock import Stepped
from tests.sandbox.google import Google, refusal
from tests.sandbox.vertex import Json, RefusedError, Vertex, machine

ONLINE = "aiplatform.googleapis.com/prediction/online/"
RESOURCE = 'resource.type="aiplatform.googleapis.com/Endpoint"'
RESPONSES = f'{RESOURCE} AND metric.type="{ONLINE}response_count"'
BAD = f'{RESPONSES} AND metric.labels.response_code=monitoring.regex.full_match("5..|429")'
SUM = [{"alignmentPeriod": "300s", "perSeriesAligner": "ALIGN_DELTA", "crossSeriesReducer": "REDUCE_SUM"}]
RATIO = {
    "filter": BAD,
    "denominatorFilter": RESPONSES,
    "aggregations": SUM,
    "denominatorAggregations": SUM,
    "comparison": "COMPARISON_GT",
    "thresholdValue": 0.05,
    "duration": "120s",
}


@pytest.fixture
def monitoring(vertex: Vertex) -> Google:
    return Google(vertex.sandbox, "monitoring", "v3")


@pytest.fixture
def serving(vertex: Vertex, clock: Stepped) -> str:
    """The endpoint 77 with two models, 95 to 5, of at most two and four replicas."""
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100}, dedicatedResources=machine(1, 2))
    vertex.deploy(name, "2", {"1": 95, "0": 5}, dedicatedResources=machine(1, 4))
    return name


def policy(condition: Json, **changes: Any) -> Json:
    """A policy of one condition."""
    return {
        "displayName": "errors",
        "combiner": "OR",
        "conditions": [{"displayName": "too many", **condition}],
        **changes,
    }


def make(monitoring: Google, condition: Json, **changes: Any) -> Json:
    """The policy as it was made."""
    return monitoring("POST", f"{monitoring.project}/alertPolicies", policy(condition, **changes))


def refused(monitoring: Google, condition: Json, **changes: Any) -> RefusedError:
    """Why a policy was not made."""
    return refusal(monitoring, "POST", f"{monitoring.project}/alertPolicies", policy(condition, **changes))


def opened(monitoring: Google) -> list[str]:
    """The policies with an open alert."""
    found = monitoring("GET", f"{monitoring.project}/alerts").get("alerts", [])
    return [alert["policy"]["displayName"] for alert in found]


def fail(vertex: Vertex, **fault: Any) -> None:
    """Orders a fault for predictions."""
    fault = {"method": "*.endpoints.predict", "status": 503, **fault}
    requests.post(f"{vertex.sandbox.url}/_sandbox/faults", json=[fault], timeout=30).raise_for_status()


def mend(vertex: Vertex) -> None:
    """Takes all faults back."""
    requests.delete(f"{vertex.sandbox.url}/_sandbox/faults", timeout=30).raise_for_status()


def ask(vertex: Vertex, name: str, times: int, status: int = 200) -> None:
    """So many predictions, all answered like this."""
    for _ in range(times):
        body = {"instances": [{"content": "1"}]}
        assert vertex.send("POST", f"{name}:predict", body).status_code == status


def objective(monitoring: Google, **changes: Any) -> Json:
    """An objective of 99 % good responses over 28 days."""
    parent = f"{monitoring.project}/services"
    monitoring("POST", parent, {"custom": {}, "displayName": "Gemini"}, serviceId="gemini")
    ratio = {"badServiceFilter": BAD, "totalServiceFilter": RESPONSES}
    body = {
        "goal": 0.99,
        "rollingPeriod": "2419200s",
        "serviceLevelIndicator": {"requestBased": {"goodTotalRatio": ratio}},
        **changes,
    }
    path = f"{parent}/gemini/serviceLevelObjectives"
    return monitoring("POST", path, body, serviceLevelObjectiveId="good")
