"""A deployment that was cut off - cancelled, timed out, lost, failed late - is found again, and never made twice."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from tests.vertex_serving.faults import (
    Faults,
    Hanging,
    answering,
    losing_the_answer,
    losing_the_request,
    refusing,
)
from tests.vertex_serving.harness import DEPLOYED_MODEL, ENDPOINT, Failed, World, eventually, model_inputs
from vertex_serving.provider import wire


def deploys(here: World) -> int:
    return here.called().count("endpoints.deployModel")


def partial(failed: Failed) -> tuple[str, dict[str, Any]]:
    """Return the id and the outputs that the engine would keep."""
    assert failed.partial is not None
    assert list(failed.partial.reasons) == [failed.message]
    return failed.partial.id, wire.read(failed.partial.properties)


def test_a_cancelled_create_keeps_its_state_and_the_next_update_resumes(slow: World) -> None:
    """Ctrl-C returns at once with the id; the engine's next update waits for the same operation."""
    engine = slow.engine()
    create = engine.background(engine.create, DEPLOYED_MODEL, "flash", model_inputs())
    eventually(lambda: deploys(slow) == 1)
    engine.cancel()
    with pytest.raises(Failed, match=r"is still being deployed \(Pulumi was cancelled\).*run `pulumi up` again") as end:
        create.result(timeout=10)
    assert end.value.code == grpc.StatusCode.CANCELLED
    id_, outputs = partial(end.value)
    assert id_ == f"{ENDPOINT}/deployedModels/{outputs['deployedModelId']}"
    assert outputs["createTime"] == ""
    later = slow.engine()
    update = later.background(later.update, DEPLOYED_MODEL, "flash", id_, outputs, model_inputs())
    eventually(lambda: any("under way" in text for text in later.log.texts(ephemeral=True)))
    slow.skip(600)
    assert update.result()["createTime"]
    assert deploys(slow) == 1


def test_a_cancelled_create_may_be_destroyed(slow: World) -> None:
    """Delete waits for the deployment that is under way, and undeploys it then: nothing is left behind."""
    engine = slow.engine()
    create = engine.background(engine.create, DEPLOYED_MODEL, "flash", model_inputs())
    eventually(lambda: deploys(slow) == 1)
    engine.cancel()
    with pytest.raises(Failed) as end:
        create.result(timeout=10)
    id_, outputs = partial(end.value)
    later = slow.engine()
    delete = later.background(later.delete, DEPLOYED_MODEL, "flash", id_, outputs)
    eventually(lambda: any("under way" in text for text in later.log.texts(ephemeral=True)))
    slow.skip(600)
    delete.result()
    assert slow.deployed() == {}
    assert slow.called()[-2:] == ["endpoints.deployModel", "endpoints.undeployModel"]


def test_a_create_that_is_cancelled_while_it_joins_keeps_its_state(slow: World) -> None:
    """The operation that it waits for may be its own deployment: destroy must know of it."""
    with pytest.raises(Failed, match="still being deployed"):
        slow.engine().create(DEPLOYED_MODEL, "flash", model_inputs(), timeout=0.5)
    engine = slow.engine()
    create = engine.background(engine.create, DEPLOYED_MODEL, "flash", model_inputs())
    eventually(lambda: any("under way" in text for text in engine.log.texts(ephemeral=True)))
    engine.cancel()
    with pytest.raises(Failed, match="may still be under way in an operation that an earlier run left") as end:
        create.result(timeout=10)
    assert partial(end.value)[1]["createTime"] == ""


def test_a_create_that_is_cancelled_after_its_deployment_keeps_its_state(here: World) -> None:
    """Deployed, and only the last look at it was cut off."""
    here.sandbox.set(deploySeconds=0.1)
    faults, hanging = Faults(here), Hanging()

    def then_hang(send: Any) -> Any:
        answer = send()
        if answer.body.get("done"):
            faults.on("GET", hanging)
        return answer

    faults.on("/operations/", *[then_hang] * 50)
    engine = here.engine(faults)
    create = engine.background(engine.create, DEPLOYED_MODEL, "flash", model_inputs())
    assert hanging.reached.wait(10)
    engine.cancel()
    with pytest.raises(Failed) as end:
        create.result(timeout=10)
    assert partial(end.value)[0].rpartition("/")[2] in here.deployed()
    hanging.release.set()


def test_deleting_what_is_gone_does_not_wait_for_others(slow: World) -> None:
    """Another person's deployment on the same endpoint does not hold up the delete of a model that is gone."""
    other = slow.engine()
    other.background(other.create, DEPLOYED_MODEL, "other", model_inputs(displayName="other"))
    eventually(lambda: deploys(slow) == 1)
    outputs = model_inputs(createTime="2026-11-23T00:00:00Z")
    slow.engine().delete(DEPLOYED_MODEL, "flash", f"{ENDPOINT}/deployedModels/1234567890", outputs)
    assert slow.deployed() == {}


def test_somebody_who_deploys_the_same_thing_at_the_same_time_is_joined(here: World) -> None:
    """Google's ALREADY_EXISTS means that the deployment is there or coming: look, and adopt it."""
    faults = Faults(here)

    def somebody_was_faster(send: Any) -> Any:
        send()
        return send()

    faults.on(":deployModel", somebody_was_faster)
    _, outputs = here.engine(faults).create(DEPLOYED_MODEL, "flash", model_inputs())
    assert list(here.deployed()) == [outputs["deployedModelId"]]


def test_refresh_does_not_drop_what_is_still_being_deployed(slow: World) -> None:
    """Read finds nothing on the endpoint, sees the operation, and keeps the resource as unfinished."""
    engine = slow.engine()
    with pytest.raises(Failed) as end:
        engine.create(DEPLOYED_MODEL, "flash", model_inputs(), timeout=1)
    id_, outputs = partial(end.value)
    inputs = engine.checked(DEPLOYED_MODEL, "flash", model_inputs())
    with pytest.raises(Failed, match="flash is still being deployed; `pulumi up` waits for it") as read:
        engine.read(DEPLOYED_MODEL, "flash", id_, inputs, outputs)
    assert partial(read.value) == (id_, outputs)
    assert wire.read(read.value.partial.inputs) == inputs


def test_a_time_out_is_the_one_that_was_given_and_leaves_it_resumable(slow: World) -> None:
    """customTimeouts ends the wait; the sentence says what was allowed and how to allow more."""
    with pytest.raises(Failed, match=r"1s were allowed; `customTimeouts` allows more.*pulumi up") as end:
        slow.engine().create(DEPLOYED_MODEL, "flash", model_inputs(), timeout=1)
    assert end.value.code == grpc.StatusCode.DEADLINE_EXCEEDED
    assert partial(end.value)[1]["createTime"] == ""


def test_cancelling_does_not_wait_for_a_slow_answer(slow: World) -> None:
    """A request that hangs does not hold up Ctrl-C, and nothing was begun: no state is kept."""
    faults, hanging = Faults(slow), Hanging()
    faults.on("GET", hanging)
    engine = slow.engine(faults)
    create = engine.background(engine.create, DEPLOYED_MODEL, "flash", model_inputs())
    assert hanging.reached.wait(10)
    engine.cancel()
    with pytest.raises(Failed, match="Cancelled before anything was changed") as end:
        create.result(timeout=10)
    assert end.value.partial is None
    hanging.release.set()


def test_a_cancelled_update_keeps_its_state(here: World) -> None:
    """An in-place change that is under way is resumed by the next update, without a second deployment."""
    id_, outputs = here.engine().create(DEPLOYED_MODEL, "flash", model_inputs())
    here.sandbox.set(operationSeconds=600)
    engine = here.engine()
    news = model_inputs(maxReplicaCount=9)
    update = engine.background(engine.update, DEPLOYED_MODEL, "flash", id_, outputs, news)
    eventually(lambda: here.called()[-1] == "endpoints.mutateDeployedModel")
    engine.cancel()
    with pytest.raises(Failed, match="is still being changed in place") as end:
        update.result(timeout=10)
    here.sandbox.set(operationSeconds=0)
    here.skip(600)
    here.engine().update(DEPLOYED_MODEL, "flash", id_, partial(end.value)[1], news)
    assert here.deployed()[outputs["deployedModelId"]]["dedicatedResources"]["maxReplicaCount"] == 9
    assert here.called().count("endpoints.mutateDeployedModel") == 1


def test_a_cancelled_delete_is_joined_by_the_next_one(here: World) -> None:
    """The undeployment goes on; the next run waits for it and asks for no second one."""
    id_, outputs = here.engine().create(DEPLOYED_MODEL, "flash", model_inputs())
    here.sandbox.set(operationSeconds=600)
    engine = here.engine()
    delete = engine.background(engine.delete, DEPLOYED_MODEL, "flash", id_, outputs)
    eventually(lambda: here.called()[-1] == "endpoints.undeployModel")
    engine.cancel()
    with pytest.raises(Failed, match=r"is still being undeployed .* run the same command again") as end:
        delete.result(timeout=10)
    assert end.value.code == grpc.StatusCode.CANCELLED
    later = here.engine()
    again = later.background(later.delete, DEPLOYED_MODEL, "flash", id_, outputs)
    eventually(lambda: any("waiting" in text for text in later.log.texts(ephemeral=True)))
    here.skip(600)
    again.result()
    assert here.deployed() == {}


@pytest.mark.parametrize("fault", [losing_the_answer, losing_the_request], ids=["answer", "request"])
@pytest.mark.parametrize("seconds", [0, 1])
def test_a_lost_deploy_request_deploys_once(here: World, fault: Any, seconds: float) -> None:
    """Whether Google got it or not, and whether it is done or under way: one deployment."""
    here.sandbox.set(deploySeconds=seconds)
    faults = Faults(here)
    faults.on(":deployModel", fault)
    _, outputs = here.engine(faults).create(DEPLOYED_MODEL, "flash", model_inputs())
    assert list(here.deployed()) == [outputs["deployedModelId"]]
    assert deploys(here) == 1


def test_a_503_after_the_deployment_began_deploys_once(here: World) -> None:
    """Google's 503 does not say whether it took the request: the provider looks before it asks again."""
    faults = Faults(here)

    def begun_but_503(send: Any) -> Any:
        send()
        return answering(503, "UNAVAILABLE", "The service is currently unavailable.")(send)

    faults.on(":deployModel", begun_but_503)
    _, outputs = here.engine(faults).create(DEPLOYED_MODEL, "flash", model_inputs())
    assert list(here.deployed()) == [outputs["deployedModelId"]]
    assert deploys(here) == 1


def test_a_network_that_is_gone_for_good_leaves_it_resumable(here: World) -> None:
    """When polls no longer get through, the resource is kept as unfinished, with the reason."""
    here.sandbox.set(deploySeconds=600)
    faults = Faults(here)
    faults.on("GET", *[lambda send: send()] * 2)
    engine = here.engine(faults)
    create = engine.background(engine.create, DEPLOYED_MODEL, "flash", model_inputs(), timeout=3)
    eventually(lambda: deploys(here) == 1)
    faults.on("/operations/", *[refusing] * 50)
    with pytest.raises(Failed, match="is still being deployed") as end:
        create.result()
    assert partial(end.value)[1]["createTime"] == ""


def test_an_expired_token_in_the_middle_leaves_it_resumable(slow: World) -> None:
    """A token that runs out during a long deployment does not lose the deployment."""
    faults = Faults(slow)
    faults.on("/operations/", answering(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."))
    with pytest.raises(Failed, match=r"still being deployed .*gcloud auth application-default login") as end:
        slow.engine(faults).create(DEPLOYED_MODEL, "flash", model_inputs())
    assert end.value.code == grpc.StatusCode.UNAUTHENTICATED
    assert partial(end.value)[0].startswith(ENDPOINT)
