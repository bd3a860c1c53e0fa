"""The Python classes: what a program gives and gets, with Pulumi's own mocks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pulumi
import pytest

import vertex_serving
from tests.vertex_serving.harness import DEPLOYED_MODEL, ENDPOINT, MODEL, PUBLISHER_MODEL_CONFIG, TABLE, TRAFFIC_SPLIT


class Recorder(pulumi.runtime.Mocks):
    """Answers as the provider would, and remembers what it was asked."""

    def __init__(self) -> None:
        self.made: dict[str, tuple[str, dict[str, Any]]] = {}

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        self.made[args.name] = (args.typ, dict(args.inputs))
        computed: dict[str, Any] = {"deployedModelId": "1234567890", "createTime": "t", "minReplicaCount": 1}
        if args.typ == PUBLISHER_MODEL_CONFIG:
            computed = {}
        if args.typ == TRAFFIC_SPLIT:
            computed = {"trafficSplit": {"1234567890": 100}}
        return args.name, {**args.inputs, **computed}

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        return {}


@pytest.fixture
def recorder() -> Recorder:
    made = Recorder()
    pulumi.runtime.set_mocks(made, preview=False)
    return made


def read(output: pulumi.Output[Any]) -> Any:
    """Return the value of an output."""
    found: list[Any] = []

    @pulumi.runtime.test
    def wait() -> pulumi.Output[None]:
        return output.apply(found.append)

    wait()
    return found[0]


def test_a_program_in_snake_case_sends_the_api_s_names(recorder: Recorder) -> None:
    """Inputs arrive in camelCase, nested ones too, and outputs come back under Python's names."""
    model = vertex_serving.DeployedModel(
        "flash",
        endpoint=ENDPOINT,
        model=MODEL,
        display_name="flash",
        machine_type="n1-standard-4",
        max_replica_count=5,
        autoscaling_metric_specs=[vertex_serving.AutoscalingMetricSpecArgs(metric_name="m", target=40)],
    )
    split = vertex_serving.TrafficSplit(
        "traffic",
        vertex_serving.TrafficSplitArgs(
            endpoint=ENDPOINT,
            targets={"flash": vertex_serving.TrafficTargetArgs(deployed_model_id=model.deployed_model_id, percent=100)},
        ),
    )
    assert read(split.traffic_split) == {"1234567890": 100}
    assert read(model.create_time) == "t"
    specs = read(model.autoscaling_metric_specs)
    assert (specs[0].metric_name, specs[0].target) == ("m", 40)
    assert read(split.targets)["flash"].deployed_model_id == "1234567890"
    assert recorder.made == {
        "flash": (
            DEPLOYED_MODEL,
            {
                "endpoint": ENDPOINT,
                "model": MODEL,
                "displayName": "flash",
                "machineType": "n1-standard-4",
                "maxReplicaCount": 5,
                "autoscalingMetricSpecs": [{"metricName": "m", "target": 40}],
            },
        ),
        "traffic": (
            TRAFFIC_SPLIT,
            {"endpoint": ENDPOINT, "targets": {"flash": {"deployedModelId": "1234567890", "percent": 100}}},
        ),
    }


def test_a_model_s_log_is_named_in_python_s_way(recorder: Recorder) -> None:
    """`logging` goes out in camelCase and comes back under Python's names; `get` sends nothing but the id."""
    logging = vertex_serving.RequestLoggingArgs(enabled=True, sampling_rate=0.1, bigquery_destination=TABLE)
    config = vertex_serving.PublisherModelConfig(
        "log", project="p", region="global", model="gemini-3.5-flash", logging=logging
    )
    found = read(config.logging)
    assert (found.enabled, found.sampling_rate, found.bigquery_destination) == (True, 0.1, TABLE)
    vertex_serving.PublisherModelConfig.get("there", "projects/p/locations/global/publishers/google/models/m")
    assert recorder.made["log"] == (
        PUBLISHER_MODEL_CONFIG,
        {
            "project": "p",
            "region": "global",
            "model": "gemini-3.5-flash",
            "logging": {"enabled": True, "samplingRate": 0.1, "bigqueryDestination": TABLE},
        },
    )


def test_args_given_as_an_object_can_be_used_twice(recorder: Recorder) -> None:
    """One args object makes two resources, and is not changed by either."""
    args = vertex_serving.DeployedModelArgs(
        endpoint=ENDPOINT, model=MODEL, display_name="one", machine_type="n1-standard-4"
    )
    before = dict(vars(args))
    resources = [vertex_serving.DeployedModel(name, args) for name in ("a", "b")]
    assert [read(one.display_name) for one in resources] == ["one", "one"]
    assert vars(args) == before


def test_inputs_that_were_not_given_are_outputs(recorder: Recorder) -> None:
    """A default that the provider fills in, and what has no value at all, can be read like the rest."""
    model = vertex_serving.DeployedModel(
        "flash", endpoint=ENDPOINT, model=MODEL, display_name="flash", machine_type="n1-standard-4"
    )
    assert read(model.min_replica_count) == 1
    assert read(model.accelerator_type) is None
    assert read(model.autoscaling_metric_specs) is None


def test_a_model_without_machines_sends_none(recorder: Recorder) -> None:
    """A tuned Gemini's program says nothing of machines, and nothing of them is sent."""
    model = vertex_serving.DeployedModel("tuned", endpoint=ENDPOINT, model=MODEL, display_name="tuned")
    assert read(model.machine_type) is None
    assert recorder.made == {
        "tuned": (DEPLOYED_MODEL, {"endpoint": ENDPOINT, "model": MODEL, "displayName": "tuned"}),
    }


def test_get_reads_by_id(recorder: Recorder) -> None:
    """A deployment or a split of another program is read by its id, without inputs."""
    model = vertex_serving.DeployedModel.get("flash", f"{ENDPOINT}/deployedModels/1234567890")
    assert read(model.deployed_model_id) == "1234567890"
    split = vertex_serving.TrafficSplit.get("traffic", f"{ENDPOINT}/trafficSplit")
    assert read(split.traffic_split) == {"1234567890": 100}
    assert recorder.made == {"flash": (DEPLOYED_MODEL, {}), "traffic": (TRAFFIC_SPLIT, {})}


def test_the_readme_s_program_runs(recorder: Recorder) -> None:
    """The example that people copy makes the two resources."""
    readme = (Path(vertex_serving.__file__).parent / "README.md").read_text()
    program = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)[0]
    names: dict[str, Any] = {}
    exec(program, names)
    read(names["flash"].urn)
    assert recorder.made["flash"][1]["acceleratorType"] == "NVIDIA_L4"


def test_a_missing_argument_is_python_s_own_error() -> None:
    """A forgotten argument, or one that does not exist, fails where it is written."""
    with pytest.raises(TypeError, match="display_name"):
        vertex_serving.DeployedModel("flash", endpoint=ENDPOINT, model=MODEL)
    with pytest.raises(TypeError, match="machine"):
        vertex_serving.DeployedModel(
            "flash", endpoint=ENDPOINT, model=MODEL, display_name="flash", machine_type="n1-standard-4", machine="x"
        )


def test_an_explicit_provider_sends_its_settings_as_text(recorder: Recorder) -> None:
    """Pulumi keeps a provider's settings as text."""
    provider = vertex_serving.Provider(
        "p", vertex_serving.ProviderArgs(allow_base_gemini=True, custom_endpoint="http://h/v1/")
    )
    read(provider.urn)
    assert recorder.made["p"] == (
        "pulumi:providers:vertex-serving",
        {"allowBaseGemini": "true", "customEndpoint": "http://h/v1/"},
    )
