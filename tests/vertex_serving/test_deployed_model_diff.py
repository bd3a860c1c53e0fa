"""Diff says exactly what changes and how: in place, or by a new deployment with a new id."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vertex_serving.harness import DEPLOYED_MODEL, ENDPOINT, MODEL, World, model_inputs

CPU = "aiplatform.googleapis.com/prediction/online/cpu/utilization"
REQUESTS = "aiplatform.googleapis.com/prediction/online/request_count"


@pytest.mark.parametrize(
    "changes",
    [
        {"machineType": "n1-standard-8"},
        {"displayName": "other"},
        {"model": f"{MODEL}@1"},
        {"acceleratorType": "NVIDIA_TESLA_T4"},
        {"serviceAccount": "a@b.iam.gserviceaccount.com"},
        {"spot": True},
        {"enableAccessLogging": True},
        {"endpoint": ENDPOINT + "9"},
    ],
    ids=str,
)
def test_what_forces_a_replacement_gives_another_id(here: World, changes: dict[str, Any]) -> None:
    """Diff replaces, on that property, and the new id differs: both deployments can be up at once."""
    engine = here.engine()
    olds, news = (engine.checked(DEPLOYED_MODEL, "flash", model_inputs(**given)) for given in ({}, changes))
    answer = engine.diff(DEPLOYED_MODEL, "flash", olds, news)
    (key,) = changes
    assert key in answer.replaces
    assert not answer.deleteBeforeReplace
    assert not answer.stables
    kinds = {path: type(one).Kind.Name(one.kind) for path, one in answer.detailedDiff.items()}
    assert kinds[key] == ("UPDATE_REPLACE" if key in olds else "ADD_REPLACE")
    ids = {engine.create(DEPLOYED_MODEL, "flash", given, preview=True)[1]["deployedModelId"] for given in (olds, news)}
    assert len(ids) == 2


@pytest.mark.parametrize("adding", [True, False])
def test_a_machine_that_comes_or_goes_is_another_deployment(here: World, adding: bool) -> None:
    """Adding machineType or removing it replaces, with another id."""
    engine = here.engine()
    with_machine = engine.checked(DEPLOYED_MODEL, "flash", model_inputs())
    news = model_inputs(machineType=None, minReplicaCount=None, maxReplicaCount=None)
    without = engine.checked(DEPLOYED_MODEL, "flash", news)
    olds, news = (without, with_machine) if adding else (with_machine, without)
    answer = engine.diff(DEPLOYED_MODEL, "flash", olds, news)
    kinds = {path: type(one).Kind.Name(one.kind) for path, one in answer.detailedDiff.items()}
    assert kinds["machineType"] == ("ADD_REPLACE" if adding else "DELETE_REPLACE")
    assert list(answer.replaces) == ["machineType"]
    ids = {engine.create(DEPLOYED_MODEL, "flash", given, preview=True)[1]["deployedModelId"] for given in (olds, news)}
    assert len(ids) == 2


def test_the_ids_of_deployments_in_states_do_not_change(here: World) -> None:
    """An id that 0.1.0 gave stays: another one would deploy every model of every stack anew."""
    engine = here.engine()
    gpu = {"acceleratorType": "NVIDIA_TESLA_T4", "serviceAccount": "a@b.iam.gserviceaccount.com", "spot": True}
    given = (model_inputs(), model_inputs(**gpu))
    ids = [engine.create(DEPLOYED_MODEL, "flash", one, preview=True)[1]["deployedModelId"] for one in given]
    assert ids == ["7813626102", "2121189555"]


def spec(target: int, metric: str = CPU) -> dict[str, Any]:
    return {"metricName": metric, "target": target}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {}, {}),
        ({"spot": False}, {}, {}),
        ({}, {"maxReplicaCount": 9}, {"maxReplicaCount": "UPDATE"}),
        ({}, {"disableContainerLogging": True}, {"disableContainerLogging": "ADD"}),
        ({"disableContainerLogging": True}, {}, {"disableContainerLogging": "DELETE"}),
        ({}, {"autoscalingMetricSpecs": [spec(50)]}, {"autoscalingMetricSpecs[0]": "ADD"}),
        (
            {"autoscalingMetricSpecs": [spec(50), spec(9, REQUESTS)]},
            {"autoscalingMetricSpecs": [spec(9, REQUESTS), spec(70)]},
            {"autoscalingMetricSpecs[1].target": "UPDATE"},
        ),
        ({"autoscalingMetricSpecs": [spec(50)]}, {}, {"autoscalingMetricSpecs[0]": "DELETE"}),
    ],
    ids=str,
)
def test_what_changes_in_place_is_an_update(
    here: World, before: dict[str, Any], after: dict[str, Any], expected: dict[str, str]
) -> None:
    """Diff names the exact property and how it changes; order and explicit falsehoods mean nothing."""
    engine = here.engine()
    olds, news = (engine.checked(DEPLOYED_MODEL, "flash", model_inputs(**given)) for given in (before, after))
    answer = engine.diff(DEPLOYED_MODEL, "flash", olds, news)
    assert {path: type(one).Kind.Name(one.kind) for path, one in answer.detailedDiff.items()} == expected
    assert list(answer.replaces) == []
    assert answer.changes == (answer.DIFF_SOME if expected else answer.DIFF_NONE)
