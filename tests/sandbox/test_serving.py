"""Serving behaves: replicas follow load over the sandbox's time, sleep and wake, and the split is obeyed."""

import itertools
import math
from collections import Counter

import pytest
import requests

from tests.sandbox.clock import Stepped, clock
from tests.sandbox.vertex import Json, RefusedError, Vertex, machine

__all__ = ["clock"]

REQUESTS = "aiplatform.googleapis.com/prediction/online/request_count"
CPU = "aiplatform.googleapis.com/prediction/online/cpu/utilization"
PERIODS: Json = {"minScaleupPeriod": "300s", "idleScaledownPeriod": "600s"}


@pytest.fixture
def beta(clock: Stepped, vertex: Vertex) -> Vertex:
    """Vertex AI v1beta1 of a sandbox whose time a test moves."""
    return Vertex(vertex.sandbox, version="v1beta1")


def replicas(vertex: Vertex, name: str) -> int:
    """How many replicas serve, as the endpoint says."""
    count: int = vertex.get(name)["deployedModels"][0]["status"].get("availableReplicaCount", 0)
    return count


def load(vertex: Vertex, name: str, requests_a_minute: int, clock: Stepped, minutes: int = 1) -> list[int]:
    """So much load for some minutes; the replicas after each of them."""
    counts = []
    for _ in range(minutes):
        for _ in range(requests_a_minute):
            vertex.ask(name, "1")
            clock.forward(60 / requests_a_minute)
        counts.append(replicas(vertex, name))
    return counts


def refusal(vertex: Vertex, name: str) -> RefusedError:
    """The error that a prediction ends with."""
    with pytest.raises(RefusedError) as caught:
        vertex.ask(name, "1")
    return caught.value


def test_replicas_rise_with_load_and_fall_after_it_within_their_bounds(clock: Stepped, vertex: Vertex) -> None:
    """docs: vertex-ai/docs/predictions/autoscaling: up with load, down five minutes after it, never out of bounds."""
    vertex.sandbox.set(requestsPerReplica=5, scaleDownSeconds=300)
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100}, dedicatedResources=machine(2, 4))
    assert load(vertex, name, 4, clock) == [2]
    assert load(vertex, name, 15, clock, 2)[-1] == 3
    assert load(vertex, name, 60, clock, 2)[-1] == 4
    clock.forward(240)
    assert replicas(vertex, name) == 4
    clock.forward(180)
    assert replicas(vertex, name) == 2


def test_a_replica_serves_only_after_it_has_started(clock: Stepped, vertex: Vertex) -> None:
    """Setting replicaStartSeconds: what load asks for now is there so much later."""
    vertex.sandbox.set(requestsPerReplica=5, replicaStartSeconds=120)
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100}, dedicatedResources=machine(1, 4))
    load(vertex, name, 20, clock)
    assert replicas(vertex, name) == 1
    clock.forward(120)
    assert replicas(vertex, name) == 4


@pytest.mark.parametrize(
    ("metric", "target", "expected"), [(REQUESTS, 5, 4), (REQUESTS, 10, 2), (CPU, 60, 2), (CPU, 30, 4), (CPU, 90, 2)]
)
def test_the_target_of_the_autoscaling_metric_counts(
    clock: Stepped, vertex: Vertex, metric: str, target: int, expected: int
) -> None:
    """docs: autoscaling: a lower target has more replicas for the same load; 20 requests a minute, 10 a replica."""
    vertex.sandbox.set(requestsPerReplica=10)
    name = vertex.create()
    specs = [{"metricName": metric, "target": target}]
    vertex.deploy(name, "1", {"0": 100}, dedicatedResources=machine(1, 8, autoscalingMetricSpecs=specs))
    for _ in range(20):
        vertex.ask(name, "1")
    assert replicas(vertex, name) == expected


def test_a_model_sleeps_when_it_is_idle_and_its_first_call_wakes_it(clock: Stepped, beta: Vertex) -> None:
    """discovery, ScaleToZeroSpec: up for minScaleupPeriod at least, asleep after idleScaledownPeriod without calls."""
    beta.sandbox.set(replicaStartSeconds=90)
    name = beta.create()
    resources = machine(0, 3, scaleToZeroSpec=PERIODS, initialReplicaCount=2)
    beta.deploy(name, "1", {"0": 100}, dedicatedResources=resources)
    assert replicas(beta, name) == 2
    clock.forward(299)
    beta.ask(name, "1")
    clock.forward(2)
    assert replicas(beta, name) == 1
    clock.forward(590)
    assert replicas(beta, name) == 1
    clock.forward(10)
    assert replicas(beta, name) == 0

    error = refusal(beta, name)
    assert (error.code, error.status) == (429, "RESOURCE_EXHAUSTED")
    assert "scaled to zero" in error.message
    clock.forward(60)
    assert refusal(beta, name).code == 429
    clock.forward(31)
    assert beta.ask(name, "2 + 2")["predictions"] == [{"content": "4"}]
    assert replicas(beta, name) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"scaleToZeroSpec": {"minScaleupPeriod": "299s"}},
        {"scaleToZeroSpec": {"idleScaledownPeriod": "28801s"}},
        {"scaleToZeroSpec": PERIODS, "initialReplicaCount": 4},
        {"initialReplicaCount": 1, "minReplicaCount": 1},
    ],
)
def test_scale_to_zero_keeps_to_its_limits(beta: Vertex, fields: Json) -> None:
    """discovery: periods of 300 to 28800 s; initialReplicaCount up to maxReplicaCount, and only with a minimum of 0."""
    name = beta.create()
    with pytest.raises(RefusedError) as caught:
        beta.deploy(name, "1", {"0": 100}, dedicatedResources=machine(0, 3) | fields)
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("percent", [95, 50])
def test_the_split_is_obeyed_within_the_bounds_of_chance(vertex: Vertex, percent: int) -> None:
    """A share of n calls is within 3.29 standard deviations of its percentage: 99.9 % confidence, two-sided."""
    number = 2000
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100})
    vertex.deploy(name, "2")
    vertex.split(name, m1=percent, m2=100 - percent)
    answered: Counter[str] = Counter()
    with requests.Session() as session:
        session.headers.update(vertex.sandbox.headers)
        url = vertex.sandbox.api("aiplatform", f"v1/{name}:predict")
        for _ in range(number):
            answer = session.post(url, json={"instances": [1]}, timeout=30)
            answered[answer.json()["deployedModelId"]] += 1
            assert answer.headers["X-Vertex-AI-Deployed-Model-Id"] == answer.json()["deployedModelId"]
    share = percent / 100
    bound = 3.29 * math.sqrt(number * share * (1 - share))
    assert set(answered) == {"1", "2"}
    assert abs(answered["1"] - number * share) <= bound


def test_successive_calls_are_independent_draws(vertex: Vertex) -> None:
    """A 50/50 split is no round robin: the number of runs in 400 calls is that of chance, with 99.9 % confidence."""
    number = 400
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100})
    vertex.deploy(name, "2")
    vertex.split(name, m1=50, m2=50)
    who = [vertex.ask(name, "1")["deployedModelId"] for _ in range(number)]
    ones = who.count("1")
    runs = 1 + sum(a != b for a, b in itertools.pairwise(who))
    expected = 1 + 2 * ones * (number - ones) / number
    deviation = math.sqrt((expected - 1) * (expected - 2) / (number - 1))
    assert abs(runs - expected) <= 3.29 * deviation


def test_no_model_with_zero_percent_is_called(vertex: Vertex) -> None:
    """A model without traffic answers nothing."""
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100})
    vertex.deploy(name, "2", {"1": 100, "0": 0})
    assert {vertex.ask(name, "1")["deployedModelId"] for _ in range(200)} == {"1"}
