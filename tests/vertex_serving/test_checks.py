"""Check finds every mistake before anything is sent, on its own property, with what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vertex_serving.harness import DEPLOYED_MODEL, ENDPOINT, MODEL, TRAFFIC_SPLIT, model_inputs, tuned_inputs
from vertex_serving.provider.deployed_model import DeployedModel
from vertex_serving.provider.failures import Unreachable
from vertex_serving.provider.session import Session
from vertex_serving.provider.settings import Settings, check_config
from vertex_serving.provider.traffic_split import TrafficSplit
from vertex_serving.provider.vertex import Vertex
from vertex_serving.provider.wire import UNKNOWN

CPU = "aiplatform.googleapis.com/prediction/online/cpu/utilization"
REQUESTS = "aiplatform.googleapis.com/prediction/online/request_count"
GEMINI = "publishers/google/models/gemini-9-flash"


def session(allow_base_gemini: bool = False) -> Session:
    """A session that fails when something calls Google."""

    def nobody(method: str, url: str, query: Any, body: Any) -> Any:
        raise Unreachable("Check must not call anybody.")

    settings = Settings(allow_base_gemini=allow_base_gemini)
    return Session(settings, Vertex(settings.address, nobody))


def check(token: str, news: dict[str, Any], **settings: Any) -> tuple[dict[str, Any], dict[str, str]]:
    resource = DeployedModel() if token == DEPLOYED_MODEL else TrafficSplit()
    inputs, problems = resource.check(session(**settings), "urn:pulumi:s::p::t::n", news)
    return inputs, {one.path: one.reason for one in problems}


MISTAKES: list[tuple[dict[str, Any], str, str]] = [
    ({"minReplicaCount": 3}, "maxReplicaCount", "is 2, below minReplicaCount (3)"),
    ({"minReplicaCount": 0}, "minReplicaCount", "is 0; allowed: 1 to 100000 - Google keeps at least one replica"),
    ({"minReplicaCount": 1.5}, "minReplicaCount", "give a whole number"),
    ({"minReplicaCount": "2"}, "minReplicaCount", "is '2'; give a whole number"),
    ({"minReplicaCount": True}, "minReplicaCount", "is True; give a whole number"),
    ({"maxReplicaCount": -1}, "maxReplicaCount", "is -1; allowed: 1 to 100000"),
    ({"endpoint": "12345678"}, "endpoint", "the form is projects/PROJECT/locations/REGION/endpoints/ENDPOINT"),
    ({"endpoint": None}, "endpoint", "is missing"),
    ({"model": "own-assistant"}, "model", "the form is projects/PROJECT/locations/REGION/models/MODEL"),
    ({"model": None}, "model", "is missing"),
    ({"model": 7}, "model", "is 7; give a text"),
    ({"model": GEMINI}, "model", "`serving: managed`"),
    ({"model": f"projects/p/locations/r/{GEMINI}"}, "model", "tuned, Model Garden or own model"),
    ({"displayName": ""}, "displayName", "the form is a name"),
    ({"displayName": "n" * 129}, "displayName", "has 129 characters; at most 128"),
    ({"machineType": 4}, "machineType", "is 4; give a text"),
    ({"machineType": "big"}, "machineType", "the form is FAMILY-CLASS-SIZE, like n1-standard-4"),
    ({"machineType": "n1-standrad-4"}, "machineType", "did you mean n1-standard-4?"),
    ({"machineType": "n1-standard-0"}, "machineType", "at least one processor"),
    ({"machineType": "g2-standard-12", "acceleratorType": "NVIDIA_TESLA_T4"}, "acceleratorType", "allowed: NVIDIA_L4"),
    ({"machineType": "e2-standard-4", "acceleratorType": "NVIDIA_L4"}, "acceleratorType", "takes no accelerator"),
    ({"acceleratorType": "NVIDIA_TESLA_T5"}, "acceleratorType", "did you mean NVIDIA_TESLA_T4?"),
    ({"acceleratorCount": 1}, "acceleratorCount", "without acceleratorType"),
    ({"acceleratorCount": 0, "acceleratorType": "NVIDIA_TESLA_T4"}, "acceleratorCount", "is 0; allowed: 1 to 64"),
    ({"serviceAccount": "someone"}, "serviceAccount", "NAME@PROJECT.iam.gserviceaccount.com"),
    ({"spot": "yes"}, "spot", "allowed: true, false"),
    ({"minReplicaCont": 2}, "minReplicaCont", "did you mean minReplicaCount?"),
    ({"autoscalingMetricSpecs": "cpu"}, "autoscalingMetricSpecs", "give a list of {metricName, target}"),
    ({"autoscalingMetricSpecs": ["cpu"]}, "autoscalingMetricSpecs[0]", "give {metricName, target}"),
    ({"autoscalingMetricSpecs": [{"target": 5}]}, "autoscalingMetricSpecs[0].metricName", "is missing"),
    (
        {"autoscalingMetricSpecs": [{"metricName": "cpu/utilization"}]},
        "autoscalingMetricSpecs[0].metricName",
        f"did you mean {CPU}?",
    ),
    (
        {"autoscalingMetricSpecs": [{"metricName": CPU, "target": 101}]},
        "autoscalingMetricSpecs[0].target",
        "allowed: 1 to 100 - a percentage",
    ),
    (
        {"autoscalingMetricSpecs": [{"metricName": CPU}, {"metricName": CPU}]},
        "autoscalingMetricSpecs[1].metricName",
        "a second time",
    ),
    (
        {"autoscalingMetricSpecs": [{"metricName": CPU, "targt": 3}]},
        "autoscalingMetricSpecs[0].targt",
        "did you mean target?",
    ),
]


@pytest.mark.parametrize(("changes", "path", "words"), MISTAKES, ids=lambda value: str(value)[:40])
def test_a_mistake_in_a_deployed_model_is_told_on_its_property(changes: dict[str, Any], path: str, words: str) -> None:
    """Each mistake is one failure, on the property it is in, with the value and what is allowed."""
    _, problems = check(DEPLOYED_MODEL, model_inputs(**changes))
    assert list(problems) == [path]
    assert words in problems[path]


def test_all_mistakes_are_told_at_once() -> None:
    """Three mistakes give three failures, not the first one."""
    _, problems = check(DEPLOYED_MODEL, model_inputs(model="x", machineType="y", minReplicaCount=0))
    assert set(problems) == {"model", "machineType", "minReplicaCount"}


OF_MACHINES: list[tuple[str, Any]] = [
    ("minReplicaCount", 0),
    ("minReplicaCount", 1),
    ("maxReplicaCount", 2),
    ("acceleratorType", "NVIDIA_L4"),
    ("acceleratorCount", 1),
    ("autoscalingMetricSpecs", [{"metricName": CPU}]),
    ("spot", True),
]


@pytest.mark.parametrize(("key", "value"), OF_MACHINES, ids=str)
def test_what_only_machines_have_is_a_mistake_without_a_machine_type(key: str, value: Any) -> None:
    """Replicas, accelerators, metrics and spot are named, each on its property, with both ways out."""
    _, problems = check(DEPLOYED_MODEL, tuned_inputs(**{key: value}))
    assert list(problems) == [key]
    assert "has no meaning without machineType" in problems[key]
    assert "Set machineType, or leave this out" in problems[key]


@pytest.mark.parametrize(
    "changes", [{}, {"spot": False}, {"autoscalingMetricSpecs": []}, {"machineType": None}], ids=str
)
def test_without_a_machine_type_there_are_no_replicas(changes: dict[str, Any]) -> None:
    """The defaults of replicas are made up only for machines."""
    inputs, problems = check(DEPLOYED_MODEL, tuned_inputs(**changes))
    assert problems == {}
    assert {key: value for key, value in inputs.items() if value is not False} == tuned_inputs()


@pytest.mark.parametrize("key", ["minReplicaCount", "acceleratorType", "autoscalingMetricSpecs", "spot"])
def test_what_machines_have_may_be_unknown_without_one(key: str) -> None:
    """It may turn out to be nothing."""
    assert check(DEPLOYED_MODEL, tuned_inputs(**{key: UNKNOWN})) == (tuned_inputs(**{key: UNKNOWN}), {})


def test_what_is_left_out_gets_its_default() -> None:
    """A minimum of one, the maximum at the minimum, one accelerator, a target of 60; nothing else is made up."""
    given = {
        "minReplicaCount": None,
        "maxReplicaCount": None,
        "acceleratorType": "NVIDIA_TESLA_T4",
        "autoscalingMetricSpecs": [{"metricName": CPU}],
    }
    inputs, problems = check(DEPLOYED_MODEL, model_inputs(**given))
    assert problems == {}
    assert inputs == {
        "endpoint": ENDPOINT,
        "model": MODEL,
        "displayName": "flash",
        "machineType": "n1-standard-4",
        "minReplicaCount": 1,
        "maxReplicaCount": 1,
        "acceleratorType": "NVIDIA_TESLA_T4",
        "acceleratorCount": 1,
        "autoscalingMetricSpecs": [{"metricName": CPU, "target": 60}],
    }
    assert check(DEPLOYED_MODEL, model_inputs(minReplicaCount=3, maxReplicaCount=None))[0]["maxReplicaCount"] == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"model": f"{MODEL}@3"},
        {"model": "publishers/google/models/gemma3"},
        {"machineType": "a5-newgpu-16g", "acceleratorType": "NVIDIA_B200", "acceleratorCount": 8},
        {"autoscalingMetricSpecs": [{"metricName": REQUESTS, "target": 5000}]},
        {"autoscalingMetricSpecs": []},
        {"spot": False, "enableAccessLogging": True, "disableContainerLogging": False},
        {"serviceAccount": "serving@p.iam.gserviceaccount.com"},
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_google_takes_passes(changes: dict[str, Any]) -> None:
    """A version, a publisher's model, a family not known here, a counted metric, an empty list, flags: no failure."""
    assert check(DEPLOYED_MODEL, model_inputs(**changes))[1] == {}


def test_base_gemini_passes_where_it_is_allowed_by_name() -> None:
    """allowBaseGemini lets the article's models through."""
    assert check(DEPLOYED_MODEL, model_inputs(model=GEMINI), allow_base_gemini=True)[1] == {}


@pytest.mark.parametrize(
    "key", [*model_inputs(), "acceleratorType", "serviceAccount", "spot", "autoscalingMetricSpecs"]
)
def test_a_value_that_is_not_known_yet_passes_and_stays_unknown(key: str) -> None:
    """At preview any input may be unknown."""
    inputs, problems = check(DEPLOYED_MODEL, model_inputs(**{key: UNKNOWN}))
    assert problems == {}
    assert inputs[key] is UNKNOWN


def targets(**shares: Any) -> dict[str, Any]:
    """Targets with the given percentages; ids are made up."""
    return {
        name: {"deployedModelId": str(number), "percent": share}
        for number, (name, share) in enumerate(shares.items(), start=1)
    }


SPLIT_MISTAKES: list[tuple[Any, str, str]] = [
    (targets(flash=95, pro=6), "targets", "sum to 101 percent (flash 95 + pro 6); the percentages must sum to 100"),
    (targets(flash=50), "targets", "sum to 50 percent"),
    (targets(flash=101, pro=-1), "targets.flash.percent", "is 101; allowed: 0 to 100"),
    (targets(flash=99.5, pro=0.5), "targets.pro.percent", "give a whole number from 0 to 100"),
    (targets(flash=None), "targets.flash.percent", "is missing"),
    ({}, "targets", "is {}; give NAME: {deployedModelId, percent}"),
    (None, "targets", "is missing"),
    ([], "targets", "give NAME"),
    ({"flash": 100}, "targets.flash", "is 100; give {deployedModelId, percent}"),
    ({"a.b": {"percent": 100}}, 'targets["a.b"].deployedModelId', "is missing"),
    (
        {"flash": {"deployedModelId": "flash", "percent": 100}},
        "targets.flash.deployedModelId",
        "the deployedModelId of",
    ),
    (
        {"flash": {"deployedModelId": "1", "percent": 100, "percentage": 1}},
        "targets.flash.percentage",
        "did you mean percent?",
    ),
    (
        {"a": {"deployedModelId": "1", "percent": 50}, "b": {"deployedModelId": "1", "percent": 50}},
        "targets",
        "name the deployed model 1 more than once",
    ),
]


@pytest.mark.parametrize(("value", "path", "words"), SPLIT_MISTAKES, ids=lambda value: str(value)[:40])
def test_a_mistake_in_a_split_is_told_on_its_property(value: Any, path: str, words: str) -> None:
    """Percentages that do not sum to 100, and all other mistakes, fail at preview on their property."""
    _, problems = check(TRAFFIC_SPLIT, {"endpoint": ENDPOINT, "targets": value})
    assert words in problems[path]


@pytest.mark.parametrize(
    "value",
    [
        UNKNOWN,
        {"flash": UNKNOWN, "pro": {"deployedModelId": "1", "percent": 5}},
        {"flash": {"deployedModelId": UNKNOWN, "percent": 95}, "pro": {"deployedModelId": UNKNOWN, "percent": 5}},
        {"flash": {"deployedModelId": "1", "percent": UNKNOWN}, "pro": {"deployedModelId": "2", "percent": 60}},
    ],
    ids=str,
)
def test_a_split_with_unknown_parts_passes(value: Any) -> None:
    """The sum is checked only where every percentage is known."""
    assert check(TRAFFIC_SPLIT, {"endpoint": UNKNOWN, "targets": value})[1] == {}


@pytest.mark.parametrize(
    ("config", "path", "words"),
    [
        ({"allowBaseGemini": "maybe"}, "allowBaseGemini", "is 'maybe'; allowed: true, false"),
        ({"customEndpoint": "127.0.0.1:8080"}, "customEndpoint", "give an address like https://HOST/v1/"),
        ({"customEndpoint": "http://127.0.0.1:8080/"}, "customEndpoint", "must end in the API's version"),
        ({"customEndpont": "x"}, "customEndpont", "did you mean customEndpoint?"),
    ],
)
def test_a_mistake_in_the_provider_s_configuration_is_told(config: dict[str, Any], path: str, words: str) -> None:
    """CheckConfig has the same manners."""
    assert words in {one.path: one.reason for one in check_config(config)[1]}[path]


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"allowBaseGemini": True, "version": "0.1.0"},
        {"allowBaseGemini": "false", "customEndpoint": "http://127.0.0.1:8080/aiplatform/v1/"},
        {"allowBaseGemini": UNKNOWN, "customEndpoint": UNKNOWN},
    ],
    ids=str,
)
def test_right_provider_configuration_passes(config: dict[str, Any]) -> None:
    """Values come as themselves or as the text of a stack's configuration, or are not known yet."""
    assert check_config(config)[1] == []


@pytest.mark.parametrize(
    ("config", "environment", "allowed", "address"),
    [
        ({}, {}, False, "https://europe-west4-aiplatform.googleapis.com/v1/"),
        ({"allowBaseGemini": "true"}, {"VERTEX_SERVING_ALLOW_BASE_GEMINI": "false"}, True, None),
        ({}, {"VERTEX_SERVING_ALLOW_BASE_GEMINI": "1"}, True, None),
        (
            {"customEndpoint": "http://h/v1"},
            {"GOOGLE_VERTEX_AI_CUSTOM_ENDPOINT": "http://e/v1/"},
            False,
            "http://h/v1/",
        ),
        ({}, {"GOOGLE_VERTEX_AI_CUSTOM_ENDPOINT": "http://e/v1/"}, False, "http://e/v1/"),
    ],
)
def test_settings_come_from_configuration_before_the_environment(
    config: dict[str, Any], environment: dict[str, str], allowed: bool, address: str | None
) -> None:
    """The stack's configuration wins; without any the address is Google's own for the region."""
    settings = Settings.load(config, environment)
    assert settings.allow_base_gemini is allowed
    if address:
        assert settings.address("europe-west4") == address
