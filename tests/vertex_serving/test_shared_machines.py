"""A DeployedModel without a machineType: a tuned Gemini, on Google's shared machines."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vertex_serving.faults import Faults, answering
from tests.vertex_serving.harness import (
    DEPLOYED_MODEL,
    ENDPOINT,
    REGION,
    TUNED,
    Failed,
    World,
    model_inputs,
    tuned_inputs,
    world,
)
from vertex_serving.provider.deployed_model_inputs import to_google
from vertex_serving.provider.vertex import Answer

ID = f"{ENDPOINT}/deployedModels/77"


def test_it_is_sent_without_resources(here: World) -> None:
    """No dedicatedResources goes out, none comes back, and the outputs say nothing of machines."""
    engine = here.engine()
    _, previewed = engine.create(DEPLOYED_MODEL, "tuned", tuned_inputs(), preview=True)
    id_, outputs = engine.create(DEPLOYED_MODEL, "tuned", tuned_inputs())
    number = outputs["deployedModelId"]
    assert to_google(tuned_inputs(), number) == {"id": number, "model": TUNED, "displayName": "tuned"}
    assert previewed["deployedModelId"] == number
    assert "dedicatedResources" not in here.deployed()[number]
    assert not {"machineType", "minReplicaCount", "maxReplicaCount"} & set(outputs)
    here.engine().delete(DEPLOYED_MODEL, "tuned", id_, outputs)
    assert here.deployed() == {}


def test_logging_changes_in_place_and_nothing_else_is_touched(here: World) -> None:
    """One mutateDeployedModel for container logging, none where nothing changes, no second deployment."""
    engine = here.engine()
    id_, outputs = engine.create(DEPLOYED_MODEL, "tuned", tuned_inputs())
    outputs = engine.update(DEPLOYED_MODEL, "tuned", id_, outputs, tuned_inputs(disableContainerLogging=True))
    engine.update(DEPLOYED_MODEL, "tuned", id_, outputs, tuned_inputs(disableContainerLogging=True))
    assert here.deployed()[outputs["deployedModelId"]]["disableContainerLogging"] is True
    assert here.called().count("endpoints.mutateDeployedModel") == 1
    assert here.called().count("endpoints.deployModel") == 1


def test_a_second_run_adopts_it(here: World) -> None:
    """The same inputs name the same deployment."""
    first, _ = here.engine().create(DEPLOYED_MODEL, "tuned", tuned_inputs())
    assert here.engine().create(DEPLOYED_MODEL, "tuned", tuned_inputs())[0] == first
    assert here.called().count("endpoints.deployModel") == 1


def test_refresh_and_import_find_the_inputs_that_made_it(here: World) -> None:
    """Reading it, with the state or by its id alone, gives no replicas, and nothing to change."""
    engine = here.engine()
    id_, outputs = engine.create(DEPLOYED_MODEL, "tuned", tuned_inputs())
    assert engine.read(DEPLOYED_MODEL, "tuned", id_, tuned_inputs(), outputs) == (id_, tuned_inputs(), outputs)
    _, imported, _ = here.engine().read(DEPLOYED_MODEL, "tuned", id_)
    assert imported == tuned_inputs()
    assert not engine.diff(DEPLOYED_MODEL, "tuned", imported, tuned_inputs()).detailedDiff


def test_one_with_automatic_resources_is_read_as_one_without_machines() -> None:
    """What Google decided of the resources is Google's: the inputs have none of it."""
    gemini = "publishers/google/models/gemini-3.8-flash"
    with world(deploy_seconds=0, profile="article") as here:
        body = {"id": "77", "displayName": "made", "model": gemini, "automaticResources": {"minReplicaCount": 1}}
        here.post("aiplatform", f"v1/{ENDPOINT}:deployModel", {"deployedModel": body})
        assert here.deployed()["77"]["automaticResources"]["maxReplicaCount"] == 1
        _, inputs, outputs = here.engine().read(DEPLOYED_MODEL, "made", ID)
    assert inputs == {"endpoint": ENDPOINT, "model": gemini, "displayName": "made"}
    assert outputs["deployedModelId"] == "77"


def test_one_in_a_resource_pool_is_not_read(here: World) -> None:
    """Pools are not managed, and the sentence names the pool."""
    pool = f"projects/p/locations/{REGION}/deploymentResourcePools/pool"
    live = {"name": ENDPOINT, "deployedModels": [{"id": "77", "model": TUNED, "sharedResources": pool}]}
    faults = Faults(here)
    faults.on("GET", lambda _: Answer(200, {}, live, ""))
    with pytest.raises(Failed, match=f"is in the deployment resource pool {pool}"):
        here.engine(faults).read(DEPLOYED_MODEL, "tuned", ID)


@pytest.mark.parametrize("mine", [tuned_inputs(), model_inputs()], ids=["without", "with a machine"])
def test_another_s_deployment_of_the_same_id_is_refused(here: World, mine: dict[str, Any]) -> None:
    """A deployment with machines is not taken for one without, nor the other way round."""
    engine = here.engine()
    _, previewed = engine.create(DEPLOYED_MODEL, "x", mine, preview=True)
    body: dict[str, Any] = {"id": previewed["deployedModelId"], "model": TUNED}
    runs_on = "Google's shared machines"
    if "machineType" not in mine:
        runs_on = "n1-highmem-2"
        resources = {"machineSpec": {"machineType": runs_on}, "minReplicaCount": 1}
        body |= {"model": model_inputs()["model"], "dedicatedResources": resources}
    here.post("aiplatform", f"v1/{ENDPOINT}:deployModel", {"deployedModel": body})
    with pytest.raises(Failed, match=f"belongs to another deployment .* on {runs_on}"):
        engine.create(DEPLOYED_MODEL, "x", mine)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (model_inputs(model=TUNED), "remove `machineType` and what goes with it"),
        (
            model_inputs(machineType=None, minReplicaCount=None, maxReplicaCount=None),
            "(Google's shared machines for .*needs machines of its own: set `machineType`",
        ),
    ],
    ids=["tuned Gemini with a machine", "own model without one"],
)
def test_a_model_on_the_wrong_machines_is_refused_with_the_way_out(
    here: World, inputs: dict[str, Any], words: str
) -> None:
    """Google's refusal is followed by what to change."""
    with pytest.raises(Failed, match=words.replace("(G", r"\(G")):
        here.engine().create(DEPLOYED_MODEL, "x", inputs)
    assert here.deployed() == {}


def test_a_quota_is_explained_without_a_word_of_replicas(here: World) -> None:
    """There are none to lower, and no machine to choose."""
    message = "The following quota metrics exceed quota limits: aiplatform.googleapis.com/custom_model_serving_cpus"
    faults = Faults(here)
    faults.on(":deployModel", answering(429, "RESOURCE_EXHAUSTED", message))
    with pytest.raises(
        Failed, match=r"is too small for Google's shared machines .* or choose another region"
    ) as failed:
        here.engine(faults).create(DEPLOYED_MODEL, "tuned", tuned_inputs())
    assert "ReplicaCount" not in failed.value.message
