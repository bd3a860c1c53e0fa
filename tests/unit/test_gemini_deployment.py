"""GeminiDeployment alone, and the split told by name."""

from typing import Any

import pulumi
import pytest

import components as parts
import vertex_serving
from components.gemini_deployment import model_name
from tests.unit.recorder import ADDRESS, Recorder, record


def deployment(preview: bool = False, opts: pulumi.ResourceOptions | None = None, **changes: Any) -> Recorder:
    """A GeminiDeployment changed by `changes`, with its outputs."""

    def program() -> dict[str, Any]:
        args = {
            "project": "my-project",
            "region": "us-central1",
            "endpoint": "projects/my-project/locations/us-central1/endpoints/1",
            "model": "my-model",
            "display_name": "mine",
            "machine_type": "n1-standard-4",
            **changes,
        }
        made = parts.GeminiDeployment("mine", parts.GeminiDeploymentArgs(**args), opts)
        return {"id": made.deployed_model_id, "model": made.model, "host": made.private_host}

    return record(program, preview=preview)


def test_a_deployment_passes_on_what_is_said_and_no_more() -> None:
    """What is not said is left to the provider's defaults."""
    done = deployment()
    assert done.one(":DeployedModel").inputs == {
        "endpoint": "projects/my-project/locations/us-central1/endpoints/1",
        "model": "projects/my-project/locations/us-central1/models/my-model",
        "displayName": "mine",
        "machineType": "n1-standard-4",
    }
    assert done.outputs["host"] == ADDRESS
    assert done.outputs["id"].isdigit()


def test_a_deployment_without_machines_says_none() -> None:
    """A tuned Gemini has neither machine nor replicas."""
    inputs = deployment(machine_type=None).one(":DeployedModel").inputs
    assert set(inputs) == {"endpoint", "model", "displayName"}


def test_a_deployments_machines_and_metrics() -> None:
    """Accelerators, bounds and metrics in the API's names."""
    metric = parts.AutoscalingMetric(metric_name="aiplatform.googleapis.com/prediction/online/cpu/utilization")
    inputs = (
        deployment(
            accelerator_type="NVIDIA_TESLA_T4",
            accelerator_count=2,
            min_replica_count=2,
            max_replica_count=5,
            autoscaling_metrics=[metric],
        )
        .one(":DeployedModel")
        .inputs
    )
    assert (inputs["acceleratorType"], inputs["acceleratorCount"]) == ("NVIDIA_TESLA_T4", 2)
    assert (inputs["minReplicaCount"], inputs["maxReplicaCount"]) == (2, 5)
    assert inputs["autoscalingMetricSpecs"] == [{"metricName": metric.metric_name, "target": 60}]


@pytest.mark.parametrize(
    ("args", "custom", "create"),
    [
        ({}, None, "60m"),
        ({"timeout": "90m"}, None, "90m"),
        ({"timeout": "90m"}, pulumi.CustomTimeouts(create="2h"), "2h"),
    ],
)
def test_a_deployment_may_take_an_hour_unless_someone_says_otherwise(
    args: dict[str, Any], custom: pulumi.CustomTimeouts | None, create: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real ones take 5 to 60 minutes; an argument or Pulumi's own option overrides."""
    seen: list[pulumi.ResourceOptions] = []

    class Watched(vertex_serving.DeployedModel):
        def __init__(self, name: str, opts: pulumi.ResourceOptions, **inputs: Any) -> None:
            seen.append(opts)
            super().__init__(name, opts=opts, **inputs)

    monkeypatch.setattr(vertex_serving, "DeployedModel", Watched)
    deployment(opts=pulumi.ResourceOptions(custom_timeouts=custom), **args)
    (timeouts,) = (opts.custom_timeouts for opts in seen)
    assert timeouts is not None
    assert timeouts.create == create


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gemini-3.8-flash", "publishers/google/models/gemini-3.8-flash"),
        ("123", "projects/p/locations/r/models/123"),
        ("mine@2", "projects/p/locations/r/models/mine@2"),
        ("projects/a/locations/b/models/c", "projects/a/locations/b/models/c"),
        ("publishers/google/models/gemini-3.8-flash", "publishers/google/models/gemini-3.8-flash"),
    ],
)
def test_short_model_names_are_completed(model: str, name: str) -> None:
    """A Gemini id is Google's, anything else short is the project's own."""
    assert model_name(model, "p", "r") == name


@pytest.mark.parametrize(
    ("live", "named"),
    [
        ({"1": 95, "2": 5}, {"a": 95, "b": 5}),
        ({"1": 100}, {"a": 100, "b": 0}),
        ({"1": 60, "9": 40}, {"a": 60, "b": 0, "9": 40}),
        ({}, {"a": 0, "b": 0}),
    ],
)
def test_a_live_split_is_told_by_name(live: dict[str, int], named: dict[str, int]) -> None:
    """A model without a share has 0; one that this program does not know keeps its id."""
    done = record(lambda: {"split": parts.split_by_name(live, {"a": "1", "b": "2"})})
    assert done.outputs["split"] == named
