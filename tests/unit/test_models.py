"""Mistakes in `gemini-vertex:models`: replicas, traffic, machines, accelerators, metrics and model ids."""

import datetime as dt
from typing import Any

import pytest

from settings import SettingsError, load
from tests.unit.configurations import OWN_MODEL, TODAY, engine_form, one_model, prod, read, tuned

CPU = "aiplatform.googleapis.com/prediction/online/cpu/utilization"
DUTY = "aiplatform.googleapis.com/prediction/online/accelerator/duty_cycle"
REQUESTS = "aiplatform.googleapis.com/prediction/online/request_count"
ALLOW = {"vertex-serving:allowBaseGemini": "true"}


def problem(config: dict[str, Any], key: str, stack: str = "prod") -> str:
    """The text of the only problem of `config`, which must be at `key`."""
    with pytest.raises(SettingsError) as caught:
        read(config, stack)
    assert [found.key for found in caught.value.problems] == [f"gemini-vertex:{key}"]
    return caught.value.problems[0].text


ENTRY = [
    ("no name", {"name": None}, "name", "is missing; set it, for example name: gemini-flash-primary"),
    ("no model", {"model": None}, "model", "is missing"),
    ("no machine", {"machineType": None}, "machineType", "is missing"),
    ("name's characters", {"name": "my model!"}, "name", "1 to 128 letters"),
    ("model's form", {"model": "a/b"}, "model", "projects/PROJECT/locations/REGION/models/MODEL"),
    ("replicas 0", {"minReplicaCount": 0}, "minReplicaCount", "v1 keeps at least 1 replica; 0 is a v1beta1 preview"),
    ("replicas below 0", {"minReplicaCount": -1}, "minReplicaCount", "is -1; it must be a whole number from 1 to 1000"),
    ("replicas of text", {"minReplicaCount": "2"}, "minReplicaCount", 'is "2"; it must be a whole number'),
    ("quoted replicas", {"maxReplicaCount": "2"}, "maxReplicaCount", "without quotes"),
    ("half a replica", {"minReplicaCount": 1.5}, "minReplicaCount", "is 1.5"),
    ("a yes for a number", {"maxReplicaCount": True}, "maxReplicaCount", "is true"),
    (
        "min over max",
        {"minReplicaCount": 3, "maxReplicaCount": 2},
        "minReplicaCount",
        "more than the maxReplicaCount of 2",
    ),
    ("traffic over 100", {"traffic": 101}, "traffic", "from 0 to 100 (percent)"),
    ("traffic of 99 alone", {"traffic": 99}, "", "traffic of 99 = 99; the percentages must add up to 100"),
    ("unknown family", {"machineType": "n3-standard-4"}, "machineType", "(did you mean n"),
    ("unknown size", {"machineType": "n1-standard-5"}, "machineType", "n1-standard-2, 4, 8, 16 or 32"),
    ("no shape", {"machineType": "big"}, "machineType", "its series are a2, a3, a4"),
    ("unknown accelerator", {"acceleratorType": "NVIDIA_T4"}, "acceleratorType", "(did you mean NVIDIA_TESLA_T4?)"),
    ("retired accelerator", {"acceleratorType": "NVIDIA_TESLA_K80"}, "acceleratorType", "must be NVIDIA_A100_80GB"),
    ("count without type", {"acceleratorCount": 1}, "acceleratorCount", "without an acceleratorType"),
    ("wrong count", {"acceleratorType": "NVIDIA_TESLA_T4", "acceleratorCount": 3}, "acceleratorCount", "1, 2 or 4"),
    ("not on n1", {"acceleratorType": "NVIDIA_L4"}, "acceleratorType", "set a machineType of g2-standard"),
    (
        "none on e2",
        {"machineType": "e2-standard-4", "acceleratorType": "NVIDIA_TESLA_T4"},
        "acceleratorType",
        "takes no accelerator; remove acceleratorType and acceleratorCount, or set a machineType of n1",
    ),
    ("g2 without its L4", {"machineType": "g2-standard-12"}, "acceleratorType", "comes with NVIDIA_L4; set that"),
    (
        "more than the machine has",
        {"machineType": "a3-highgpu-2g", "acceleratorType": "NVIDIA_H100_80GB", "acceleratorCount": 4},
        "acceleratorCount",
        "a3-highgpu-2g has 2 of NVIDIA_H100_80GB; set a number from 1 to 2",
    ),
    ("metric's name", {"autoscalingMetrics": [{"metricName": "cpu"}]}, "autoscalingMetrics[0].metricName", CPU),
    ("no metric name", {"autoscalingMetrics": [{"target": 5}]}, "autoscalingMetrics[0].metricName", "is missing"),
    (
        "metric twice",
        {"autoscalingMetrics": [{"metricName": CPU}, {"metricName": CPU}]},
        "autoscalingMetrics[1].metricName",
        "takes each metric once",
    ),
    (
        "over 100 percent",
        {"autoscalingMetrics": [{"metricName": CPU, "target": 101}]},
        "autoscalingMetrics[0].target",
        "from 1 to 100 (percent)",
    ),
    (
        "duty cycle of nothing",
        {"autoscalingMetrics": [{"metricName": DUTY}]},
        "autoscalingMetrics[0].metricName",
        "no acceleratorType to measure",
    ),
    (
        "count without target",
        {"autoscalingMetrics": [{"metricName": REQUESTS}]},
        "autoscalingMetrics[0].target",
        "is missing",
    ),
    ("metrics as a mapping", {"autoscalingMetrics": {}}, "autoscalingMetrics", "must be a list"),
]


@pytest.mark.parametrize(("changes", "key", "says"), [case[1:] for case in ENTRY], ids=[case[0] for case in ENTRY])
def test_a_mistake_in_an_entry_is_named(changes: dict[str, Any], key: str, says: str) -> None:
    """One mistake gives one problem, at its key, saying what is allowed."""
    assert says in problem(one_model(**changes), f"models[0].{key}" if key else "models")


def test_a_model_without_a_machine_has_no_replicas() -> None:
    """On a shared public endpoint machineType may be left out, and no replicas are made up."""
    model = read(tuned()).models[0]
    assert (model.machine_type, model.min_replica_count, model.max_replica_count) == (None, None, None)
    assert (model.accelerator_type, model.accelerator_count, model.autoscaling_metrics) == (None, None, ())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("minReplicaCount", 1),
        ("maxReplicaCount", 0),
        ("acceleratorType", "NVIDIA_L4"),
        ("acceleratorCount", 1),
        ("autoscalingMetrics", [{"metricName": CPU}]),
    ],
)
def test_what_only_machines_have_is_a_mistake_without_one(key: str, value: Any) -> None:
    """One problem at the key, with both ways out."""
    says = problem(tuned(**{key: value}), f"models[0].{key}")
    assert says.startswith("has no meaning without machineType")
    assert says.endswith(f"remove {key}, or set a machineType")


@pytest.mark.parametrize(
    ("endpoint", "environment"),
    [
        ({"connectivity": "public"}, "dev"),
        ({"connectivity": "public", "dedicated": True}, "dev"),
        ({"connectivity": "private-service-connect"}, "dev"),
        ({"connectivity": "peered-network"}, "dev"),
        ({"connectivity": "private-service-connect"}, "prod"),
    ],
)
def test_a_model_without_a_machine_is_for_shared_endpoints(endpoint: dict[str, Any], environment: str) -> None:
    """Elsewhere the machine is missing; the endpoint's keys that a tuned Gemini needs are named with their values."""
    config = tuned(minReplicaCount=2)
    config |= {"gemini-vertex:endpoint": {"name": "e", **endpoint}, "gemini-vertex:environment": environment}
    says = problem(config, "models[0].machineType")
    assert "is missing; set it, for example machineType: n1-standard-4" in says
    assert "gemini-vertex:endpoint.connectivity to public and gemini-vertex:endpoint.dedicated to false" in says
    assert ("which only a dev stack may have" in says) is (environment == "prod")


def test_a_machine_is_taken_on_a_shared_endpoint_too() -> None:
    """Own and open models may go there on machines of their own."""
    model = read(tuned(machineType="n1-standard-4", minReplicaCount=2)).models[0]
    assert (model.machine_type, model.min_replica_count, model.max_replica_count) == ("n1-standard-4", 2, 2)


def test_a_misspelt_machine_type_is_not_a_missing_one() -> None:
    """The slip alone is named."""
    assert "did you mean machineType?" in problem(one_model(machineType=None, machinType="x"), "models[0].machinType")


MACHINES: list[dict[str, Any]] = [
    {"machineType": "n1-highmem-8", "acceleratorType": "NVIDIA_TESLA_T4", "acceleratorCount": 2},
    {"machineType": "g2-standard-48", "acceleratorType": "NVIDIA_L4", "acceleratorCount": 4},
    {"machineType": "a2-ultragpu-2g", "acceleratorType": "NVIDIA_A100_80GB", "acceleratorCount": 2},
    {"machineType": "a3-highgpu-8g", "acceleratorType": "NVIDIA_H100_80GB", "acceleratorCount": 1},
    {"machineType": "g4-standard-96", "acceleratorType": "NVIDIA_RTX_PRO_6000", "acceleratorCount": 2},
    {"machineType": "ct5lp-hightpu-4t"},
    {"machineType": "c3-highcpu-22"},
]


@pytest.mark.parametrize("machine", MACHINES, ids=[machine["machineType"] for machine in MACHINES])
def test_machines_take_their_accelerators(machine: dict[str, Any]) -> None:
    """Attached, built in, fewer than built in (the API shares the machine among replicas), and none."""
    model = read(one_model(**machine)).models[0]
    assert model.accelerator_type == machine.get("acceleratorType")
    assert model.accelerator_count == machine.get("acceleratorCount")


def test_metrics_have_googles_default_target() -> None:
    """60 percent, as in the API."""
    config = one_model(autoscalingMetrics=[{"metricName": CPU}, {"metricName": REQUESTS, "target": 500}])
    assert [metric.target for metric in read(config).models[0].autoscaling_metrics] == [60, 500]


def test_names_are_given_once() -> None:
    """Names are the split's keys."""
    config = prod()
    config["gemini-vertex:models"][1]["name"] = "first"
    assert "gemini-vertex:models[0] is called already" in problem(config, "models[1].name")


def test_traffic_says_its_sum() -> None:
    """The shares are listed, so that the person sees which one to change."""
    config = prod()
    config["gemini-vertex:models"][1]["traffic"] = 6
    assert "have a traffic of 95 + 6 = 101" in problem(config, "models")


def test_each_of_several_models_says_its_traffic() -> None:
    """A default would hide a model that gets none."""
    config = prod()
    del config["gemini-vertex:models"][1]["traffic"]
    assert "is missing" in problem(config, "models[1].traffic")


def test_a_model_may_wait_without_traffic() -> None:
    """Deployed and ready, named in the split with 0."""
    config = prod()
    config["gemini-vertex:models"][0]["traffic"] = 100
    config["gemini-vertex:models"][1]["traffic"] = 0
    assert read(config).traffic == {"first": 100, "second": 0}


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("gemini-2.0-flash-001", "was retired on 2026-06-01; use gemini-3.8-flash"),
        ("publishers/google/models/gemini-2.5-pro", '"gemini-2.5-pro" was retired on 2026-10-20; use gemini-3.8-flash'),
        ("gemini-2.0-pro-exp-02-05", "was retired on 2025-12-09; use gemini-4-argon"),
        ("gemini-9-flash-exp-01-01", "is experimental and can vanish without notice; stable now: gemini-4-argon"),
        ("gemini-3.1-pro-preview", "is a preview, and prod takes stable models only; use gemini-4-argon"),
        ("gemini-3.9-flash-preview", "is a preview, and prod takes stable models only; stable now:"),
        ("gemini-3.8-flsh", "is not in models.yaml as of 2026-11-23 (did you mean gemini-3.8-flash?)"),
        ("gemini-5-argon", "add it to models.yaml with its dates and source"),
    ],
)
def test_a_gemini_id_that_is_not_stable_is_refused(model: str, says: str) -> None:
    """The article's last line: pin to a stable version. The successor is named."""
    assert says in problem(one_model(model=model) | ALLOW, "models[0].model")


def test_dev_takes_a_preview_with_a_warning() -> None:
    """Trying what comes next is what dev is for."""
    settings = read(one_model(model="gemini-3.1-pro-preview") | ALLOW, "dev")
    assert len(settings.warnings) == 1
    assert "use gemini-4-argon before production" in settings.warnings[0]


@pytest.mark.parametrize(
    ("day", "warned"), [(dt.date(2027, 6, 1), False), (dt.date(2027, 6, 10), True), (dt.date(2028, 1, 1), True)]
)
def test_a_model_near_its_earliest_retirement_is_warned_of(day: dt.date, warned: bool) -> None:
    """90 days before, and for as long as the day is only the earliest."""
    settings = load(engine_form(one_model(model="gemini-3.8-flash") | ALLOW), "prod", {}, day)
    assert bool(settings.warnings) is warned
    assert all("may retire from 2027-09-02" in warning for warning in settings.warnings)


def test_a_model_is_refused_once_its_last_day_has_passed() -> None:
    """Even where nobody has changed models.yaml since."""
    config = engine_form(one_model(model="gemini-live-2.5-flash-native-audio") | ALLOW)
    assert load(config, "prod", {}, dt.date(2026, 12, 13)).warnings
    with pytest.raises(SettingsError, match=r"was retired on 2026-12-13; use gemini-3\.8-live"):
        load(config, "prod", {}, dt.date(2026, 12, 14))


@pytest.mark.parametrize("model", ["gemini-3.8-flash", "publishers/google/models/gemini-3.8-flash"])
def test_base_gemini_on_an_endpoint_is_refused_with_the_ways_out(model: str) -> None:
    """Google would say so only after minutes."""
    text = problem(one_model(model=model), "models[0].model")
    assert "managed API" in text
    assert "`serving: managed`" in text
    assert "a tuned model's, a Model Garden model's or your own model's resource name" in text
    assert "vertex-serving:allowBaseGemini: true" in text


@pytest.mark.parametrize(
    "environ", [{"VERTEX_SERVING_ALLOW_BASE_GEMINI": "1"}, {"VERTEX_SERVING_ALLOW_BASE_GEMINI": "true"}]
)
def test_the_providers_variable_allows_base_gemini_too(environ: dict[str, str]) -> None:
    """The same switch as the provider's, read the same way."""
    assert load(engine_form(one_model(model="gemini-3.8-flash")), "prod", environ, TODAY).models


def test_the_config_goes_before_the_providers_variable() -> None:
    """As in the provider."""
    config = engine_form(one_model(model="gemini-3.8-flash") | {"vertex-serving:allowBaseGemini": "false"})
    with pytest.raises(SettingsError, match="base Gemini"):
        load(config, "prod", {"VERTEX_SERVING_ALLOW_BASE_GEMINI": "1"}, TODAY)


@pytest.mark.parametrize(
    "model", [OWN_MODEL, "1234567890", "my-model@3", "publishers/meta/models/llama-4", f"{OWN_MODEL}@golden"]
)
def test_models_that_are_not_gemini_are_left_to_google(model: str) -> None:
    """The catalogue knows only Gemini; whether another model exists, the API says."""
    assert read(one_model(model=model)).models[0].model == model
