"""The component's own alert policies, as it hands them to Google, over what the sandbox has served: open and closed."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

import components as parts
from tests.sandbox.alerting import ask, fail, mend, monitoring, opened, serving
from tests.sandbox.clock import Stepped, clock
from tests.sandbox.google import Google
from tests.sandbox.test_perimeters import FENCE, Organization
from tests.sandbox.vertex import Json, Vertex
from tests.unit.recorder import Recorder, record

__all__ = ["clock", "monitoring", "serving"]

MODELS = {
    "flash": parts.WatchedModel(deployed_model_id="1", percent=95, min_replica_count=1, max_replica_count=2),
    "pro": parts.WatchedModel(deployed_model_id="2", percent=5, min_replica_count=1, max_replica_count=4),
}
GEMINI = "gemini-3.8-flash"


def made() -> Recorder:
    """An Observability of an endpoint with both models, of a managed one, and of a perimeter."""

    def program() -> dict[str, Any]:
        endpoint = parts.WatchedEndpoint(endpoint_id="77", models=MODELS)
        args: dict[str, Any] = {
            "project": "sandbox-project",
            "region": "us-central1",
            "title": "gemini",
            "perimeter": True,
        }
        parts.Observability(
            "gemini", parts.ObservabilityArgs(endpoint=endpoint, managed_models=[GEMINI], error_ratio_percent=5, **args)
        )
        return {}

    return record(program)


@pytest.fixture
def watching(monitoring: Google, serving: str) -> Callable[[], set[str]]:
    """Makes all policies and objectives; tells which policies are open, by what they watch."""
    component, objectives = made(), {}
    for service in component.of(":CustomService"):
        body = {"custom": {}, "displayName": service.inputs["displayName"]}
        monitoring("POST", f"{monitoring.project}/services", body, serviceId=service.inputs["serviceId"])
    for slo in component.of(":Slo"):
        ratio = slo.inputs["requestBasedSli"]["goodTotalRatio"]
        body = {
            "goal": slo.inputs["goal"],
            "rollingPeriod": f"{slo.inputs['rollingPeriodDays'] * 86400}s",
            "serviceLevelIndicator": {"requestBased": {"goodTotalRatio": ratio}},
        }
        path = f"{monitoring.project}/services/{slo.inputs['service']}/serviceLevelObjectives"
        answer = monitoring("POST", path, body, serviceLevelObjectiveId=slo.inputs["sloId"])
        objectives[slo.name.removeprefix("gemini-")] = answer["name"]
    for policy in component.of(":AlertPolicy"):
        name = policy.name.removeprefix("gemini-")
        body = {key: policy.inputs[key] for key in ("combiner", "conditions", "alertStrategy")}
        # The recorder's objectives have no name, which Google gives.
        text = json.dumps(body).replace('\\"None\\"', f'\\"{objectives.get(name.rpartition("-")[2], "")}\\"')
        monitoring("POST", f"{monitoring.project}/alertPolicies", {"displayName": name, **json.loads(text)})
    return lambda: set(opened(monitoring))


def test_what_serves_well_opens_nothing(
    vertex: Vertex, serving: str, clock: Stepped, watching: Callable[[], set[str]]
) -> None:
    """Of all policies: twenty minutes of good answers in the configured shares, at less than all replicas."""
    for _ in range(20):
        ask(vertex, serving, 20)
        clock.forward(60)
    assert watching() == set()


def test_failures_open_the_error_ratio_and_burn_the_budget(
    vertex: Vertex, serving: str, clock: Stepped, watching: Callable[[], set[str]]
) -> None:
    """Of the endpoint's route alone; one failure in twenty answers is not more than 5 %."""
    for _ in range(7):
        ask(vertex, serving, 19)
        fail(vertex)
        ask(vertex, serving, 1, 503)
        mend(vertex)
        clock.forward(60)
    assert "error-ratio" not in watching()
    fail(vertex)
    for _ in range(7):
        ask(vertex, serving, 10, 503)
        clock.forward(60)
    assert {"error-ratio", "fast-burn-endpoint", "slow-burn-endpoint"} <= watching()
    assert "fast-burn-managed" not in watching()


def test_the_managed_routes_failures_open_the_same(
    vertex: Vertex, serving: str, clock: Stepped, watching: Callable[[], set[str]]
) -> None:
    """By the metrics of publisher models."""
    body = {"contents": [{"role": "user", "parts": [{"text": "1 + 1"}]}]}
    path = f"{vertex.parent}/publishers/google/models/{GEMINI}:generateContent"
    fail(vertex, method="*.publishers.models.generateContent", status=429)
    for _ in range(7):
        for _ in range(5):
            assert vertex.send("POST", path, body).status_code == 429
        clock.forward(60)
    assert {"error-ratio", "fast-burn-managed", "slow-burn-managed"} <= watching()
    assert "fast-burn-endpoint" not in watching()


def test_slow_answers_open_the_latency(
    vertex: Vertex, serving: str, clock: Stepped, watching: Callable[[], set[str]]
) -> None:
    """p95 above 10 seconds for ten minutes; a moment of it is not enough."""
    fail(vertex, status=None, delay=11)
    slowly(vertex, serving, clock)
    assert watching() == set()
    for _ in range(16):
        slowly(vertex, serving, clock)
        clock.forward(49)
    assert watching() == {"latency-p95"}
    mend(vertex)
    for _ in range(8):
        ask(vertex, serving, 5)
        clock.forward(60)
    assert watching() == set()


def slowly(vertex: Vertex, endpoint: str, clock: Stepped) -> None:
    """One prediction that is answered while the clock goes on."""
    waiting = threading.Thread(target=ask, args=(vertex, endpoint, 1))
    waiting.start()
    while waiting.is_alive():
        clock.forward(1)
        waiting.join(0.05)


def test_a_model_on_all_its_replicas_opens_the_saturation(
    vertex: Vertex, serving: str, clock: Stepped, watching: Callable[[], set[str]]
) -> None:
    """For fifteen minutes, not for ten; `flash` may have two replicas, and one takes ten requests a minute here."""
    vertex.sandbox.set(requestsPerReplica=10)
    for _ in range(10):
        ask(vertex, serving, 15)
        clock.forward(60)
    assert watching() == set()
    for _ in range(8):
        ask(vertex, serving, 15)
        clock.forward(60)
    assert watching() == {"saturation"}


def test_a_used_up_quota_opens_the_quota(
    vertex: Vertex, serving: str, clock: Stepped, watching: Callable[[], set[str]]
) -> None:
    """More than 80 % of the requests that a minute may have, for five minutes."""
    vertex.sandbox.set(requestQuota={"us-central1": {"resource_management_requests": 20}})
    for requests, expected in ((14, set()), (18, {"quota"})):
        for _ in range(12):
            for _ in range(requests):
                vertex.get(f"{vertex.parent}/endpoints")
            clock.forward(60)
        assert watching() == expected


def test_a_split_changed_by_hand_opens_the_drift(
    vertex: Vertex, serving: str, clock: Stepped, watching: Callable[[], set[str]]
) -> None:
    """Once for fifteen minutes a share is off by more than ten points, of more than 200 predictions in ten minutes."""
    vertex.split(serving, m1=70, m2=30)
    for _ in range(12):
        ask(vertex, serving, 25)
        clock.forward(60)
    assert watching() == set()
    for _ in range(16):
        ask(vertex, serving, 25)
        clock.forward(60)
    assert watching() == {"split-drift"}


def test_a_call_from_outside_opens_the_perimeter(
    vertex: Vertex, serving: str, clock: Stepped, watching: Callable[[], set[str]]
) -> None:
    """By the entry that a dry run writes."""
    Organization(vertex.sandbox).fence(spec=FENCE)
    assert watching() == set()
    vertex.get(serving)
    assert watching() == {"perimeter"}


def test_every_policy_was_tried() -> None:
    """None of the component's policies is left out above."""
    tried = {"error-ratio", "latency-p95", "saturation", "quota", "split-drift", "perimeter"}
    burns = {f"{rate}-burn-{route}" for rate in ("fast", "slow") for route in ("endpoint", "managed")}
    policies: list[Json] = [policy.inputs for policy in made().of(":AlertPolicy")]
    assert len(policies) == len(tried | burns)
    assert {policy.name.removeprefix("gemini-") for policy in made().of(":AlertPolicy")} == tried | burns
