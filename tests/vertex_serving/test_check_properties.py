"""Check never raises, whatever it is given, and what it lets through can be compared, previewed and sent."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vertex_serving.harness import DEPLOYED_MODEL, TRAFFIC_SPLIT, model_inputs, tuned_inputs
from tests.vertex_serving.test_checks import check, session
from vertex_serving.provider import deployed_model_inputs as inputs_of
from vertex_serving.provider import wire
from vertex_serving.provider.deployed_model import DeployedModel
from vertex_serving.provider.live import outputs_of
from vertex_serving.provider.traffic_split import TrafficSplit
from vertex_serving.provider.wire import UNKNOWN, has_unknown

FEW = settings(max_examples=60, deadline=None)

SCALARS = st.none() | st.booleans() | st.integers(-5, 200_000) | st.floats() | st.text(max_size=20) | st.just(UNKNOWN)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
MACHINES = [
    {"machineType": "n1-standard-4"},
    {"machineType": "n1-standard-8", "acceleratorType": "NVIDIA_TESLA_T4"},
    {"machineType": "g2-standard-12", "acceleratorType": "NVIDIA_L4", "acceleratorCount": 1},
    {"machineType": "z9-new-1"},
]
SPEC = st.fixed_dictionaries(
    {"metricName": st.sampled_from(inputs_of.METRICS)}, optional={"target": st.integers(1, 100)}
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "endpoint": st.sampled_from([f"projects/p/locations/r/endpoints/{number}" for number in (1, 2)]),
    "model": st.sampled_from([f"projects/p/locations/r/models/{name}" for name in "ab"]),
    "displayName": st.text(min_size=1, max_size=5),
    "minReplicaCount": st.integers(1, 3),
    "maxReplicaCount": st.integers(3, 5),
    "spot": st.booleans(),
    "enableAccessLogging": st.booleans(),
    "disableContainerLogging": st.booleans(),
    "autoscalingMetricSpecs": st.lists(SPEC, max_size=3, unique_by=lambda spec: spec["metricName"]),
}


def given_inputs(values: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Inputs that are right: some of the values over a small deployment, on one of the machines or on none."""
    changes = st.fixed_dictionaries({}, optional=values)
    own = st.builds(
        lambda machine, given: model_inputs(**{"maxReplicaCount": 5, **machine, **given}),
        st.sampled_from(MACHINES),
        changes,
    )
    shared = {key: one for key, one in values.items() if key not in inputs_of.OF_MACHINES}
    return own | st.builds(lambda given: tuned_inputs(**given), st.fixed_dictionaries({}, optional=shared))


KNOWN = given_inputs(VALUES)
PLAUSIBLE = given_inputs({key: st.just(UNKNOWN) | values for key, values in VALUES.items()})


@FEW
@given(st.dictionaries(st.sampled_from([*inputs_of.KEYS, "x", "a.b"]), ANYTHING, max_size=16))
def test_check_of_a_deployed_model_never_raises(news: dict[str, Any]) -> None:
    """Any values at all give inputs and failures, never an exception."""
    check(DEPLOYED_MODEL, news)


@FEW
@given(st.dictionaries(st.sampled_from(["endpoint", "targets", "x"]), ANYTHING, max_size=3))
def test_check_of_a_split_never_raises(news: dict[str, Any]) -> None:
    """Any values at all give inputs and failures, never an exception."""
    check(TRAFFIC_SPLIT, news)


@FEW
@given(PLAUSIBLE)
def test_checked_inputs_pass_again_unchanged(news: dict[str, Any]) -> None:
    """Check adds its defaults once: its own result is a fixed point, and differs from itself in nothing known."""
    inputs, problems = check(DEPLOYED_MODEL, news)
    assert problems == {}
    assert check(DEPLOYED_MODEL, inputs) == (inputs, {})
    if not has_unknown(inputs):
        assert DeployedModel().diff(inputs, inputs) == []


@FEW
@given(KNOWN, KNOWN)
def test_diff_and_id_agree_on_what_is_another_deployment(one: dict[str, Any], other: dict[str, Any]) -> None:
    """A difference replaces if and only if it changes the id."""
    olds, news = (check(DEPLOYED_MODEL, given)[0] for given in (one, other))
    changes = DeployedModel().diff(olds, news)
    same_id = inputs_of.deployed_model_id(olds) == inputs_of.deployed_model_id(news)
    assert any(change.replace for change in changes) is not same_id


@FEW
@given(KNOWN)
def test_a_deployment_reads_back_as_its_own_inputs(news: dict[str, Any]) -> None:
    """What is sent to Google, read back as Google keeps it, differs in nothing from the inputs."""
    inputs, _ = check(DEPLOYED_MODEL, news)
    live = inputs_of.to_google(inputs, "1")
    endpoint = inputs["endpoint"]
    for olds in (inputs, {}):
        assert DeployedModel().diff(inputs, inputs_of.from_google(endpoint, endpoint, live, olds)) == []
    assert inputs_of.in_place_changes(live, inputs)[1] == []
    assert outputs_of({}, live, inputs)["deployedModelId"] == "1"


@FEW
@given(PLAUSIBLE)
def test_preview_says_what_is_known_and_no_more(news: dict[str, Any]) -> None:
    """The id is known exactly where everything that identifies the deployment is."""
    inputs, _ = check(DEPLOYED_MODEL, news)
    known = not has_unknown([inputs.get(key) for key in inputs_of.REPLACING])
    previewed = DeployedModel().preview(inputs, None)
    assert (previewed["deployedModelId"] is not UNKNOWN) is known
    assert previewed["createTime"] is UNKNOWN


@FEW
@given(st.dictionaries(st.text(max_size=5), ANYTHING, max_size=4))
def test_values_survive_the_wire(properties: dict[str, Any]) -> None:
    """What is written is read back: unknown values too; a key without a value is not there."""
    assert _same(wire.read(wire.write(properties)), _without_none(properties))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other) or (one != one and other != other)


@FEW
@given(st.dictionaries(st.text(max_size=5), st.integers(0, 100), min_size=1, max_size=4))
def test_a_split_is_right_if_and_only_if_it_sums_to_100(shares: dict[str, int]) -> None:
    """Whole percentages pass exactly when they sum to 100, and then preview shows the map that will be sent."""
    targets = {
        name: {"deployedModelId": str(number), "percent": percent}
        for number, (name, percent) in enumerate(shares.items(), start=1)
    }
    news = {"endpoint": "projects/p/locations/r/endpoints/1", "targets": targets}
    inputs, problems = TrafficSplit().check(session(), "urn:pulumi:s::p::t::n", news)
    assert (not problems) is (sum(shares.values()) == 100)
    if not problems:
        assert sum(TrafficSplit().preview(inputs, None)["trafficSplit"].values()) == 100
