"""A change that Google accepted, or adopted, and that fails after all: what is left, and what the state knows of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vertex_serving.faults import Faults, answering
from tests.vertex_serving.harness import DEPLOYED_MODEL, ENDPOINT, Failed, World, eventually, model_inputs
from tests.vertex_serving.test_interruptions import partial


def failed_operation(code: int, message: str) -> Any:
    """A fault: the operation is over, with an error."""

    def fault(send: Any) -> Any:
        answer = send()
        answer.body.pop("response", None)
        answer.body.update(done=True, error={"code": code, "message": message})
        return answer

    return fault


def test_a_deployment_that_fails_after_it_was_accepted_says_what_is_left(slow: World) -> None:
    """Google gave it up and nothing is on the endpoint: an error, no state, and the reason in its words."""
    faults = Faults(slow)
    faults.on("/operations/", failed_operation(9, "Model server never became ready."))
    with pytest.raises(Failed, match=r"Model server never became ready.*nothing of it is left on the endpoint") as end:
        slow.engine(faults).create(DEPLOYED_MODEL, "flash", model_inputs())
    assert end.value.partial is None


def test_a_failed_deployment_that_left_its_model_stays_in_the_state(here: World) -> None:
    """What Google left on the endpoint is in the state, so that it can be gone on with or destroyed."""
    here.sandbox.set(deploySeconds=0.1)
    faults = Faults(here)
    late = failed_operation(13, "Internal error.")

    def fail_late(send: Any) -> Any:
        eventually(here.deployed)
        return late(send)

    faults.on("/operations/", fail_late)
    with pytest.raises(Failed, match=r"left the deployed model [0-9]{10} on the endpoint") as end:
        here.engine(faults).create(DEPLOYED_MODEL, "flash", model_inputs())
    id_, outputs = partial(end.value)
    here.engine().delete(DEPLOYED_MODEL, "flash", id_, outputs)
    assert here.deployed() == {}


def test_an_adopted_deployment_that_cannot_be_changed_stays_in_the_state(here: World) -> None:
    """Its model is there though its replicas could not be changed: the state must know it."""
    here.engine().create(DEPLOYED_MODEL, "flash", model_inputs())
    faults = Faults(here)
    faults.on(":mutateDeployedModel", answering(400, "INVALID_ARGUMENT", "Too many replicas."))
    with pytest.raises(Failed, match="Too many replicas") as end:
        here.engine(faults).create(DEPLOYED_MODEL, "flash", model_inputs(maxReplicaCount=9))
    assert partial(end.value)[0].startswith(ENDPOINT)


def test_an_update_that_google_refuses_keeps_the_old_state(here: World) -> None:
    """Nothing was changed, so nothing is recorded: the next preview shows the same change."""
    id_, outputs = here.engine().create(DEPLOYED_MODEL, "flash", model_inputs())
    faults = Faults(here)
    faults.on(":mutateDeployedModel", answering(400, "INVALID_ARGUMENT", "Too many replicas."))
    with pytest.raises(Failed, match="Too many replicas") as end:
        here.engine(faults).update(DEPLOYED_MODEL, "flash", id_, outputs, model_inputs(maxReplicaCount=9))
    assert end.value.partial is None


def test_an_update_deploys_anew_what_was_undeployed_by_hand(here: World) -> None:
    """Without a refresh the state does not know; the update brings the same deployment back."""
    id_, outputs = here.engine().create(DEPLOYED_MODEL, "flash", model_inputs())
    body = {"deployedModelId": outputs["deployedModelId"]}
    here.post("aiplatform", f"v1/{ENDPOINT}:undeployModel", body)
    here.engine().update(DEPLOYED_MODEL, "flash", id_, outputs, model_inputs(maxReplicaCount=9))
    assert here.deployed()[outputs["deployedModelId"]]["dedicatedResources"]["maxReplicaCount"] == 9
