"""A DeployedModel's life against the sandbox: made once, adopted, joined, changed in place, read, taken down."""

from __future__ import annotations

import re
from typing import Any

import grpc
import pytest

from tests.vertex_serving.harness import (
    DEPLOYED_MODEL,
    ENDPOINT,
    MODEL,
    Failed,
    World,
    eventually,
    model_inputs,
    world,
)
from vertex_serving.provider.wire import UNKNOWN

CPU = "aiplatform.googleapis.com/prediction/online/cpu/utilization"


def deploys(here: World) -> int:
    return here.called().count("endpoints.deployModel")


def test_create_deploys_without_traffic(here: World) -> None:
    """The model is up under the id that preview named, with what was asked for, and the split is untouched."""
    engine = here.engine()
    _, previewed = engine.create(DEPLOYED_MODEL, "flash", model_inputs(), preview=True)
    id_, outputs = engine.create(DEPLOYED_MODEL, "flash", model_inputs())
    assert outputs["deployedModelId"] == previewed["deployedModelId"]
    assert id_ == f"{ENDPOINT}/deployedModels/{outputs['deployedModelId']}"
    live = here.deployed()[outputs["deployedModelId"]]
    assert live["displayName"] == "flash"
    assert live["dedicatedResources"]["minReplicaCount"] == 1
    assert live["dedicatedResources"]["maxReplicaCount"] == 2
    assert live["createTime"] == outputs["createTime"]
    assert "trafficSplit" not in here.endpoint()
    assert re.fullmatch(r"[1-9][0-9]{9}", outputs["deployedModelId"])


def test_preview_calls_nobody(here: World) -> None:
    """Check, Diff and the previews of Create and Update make no request, with unknown values too."""
    engine, before = here.engine(), here.sandbox.last_call()
    news = model_inputs(endpoint=UNKNOWN)
    id_, previewed = engine.create(DEPLOYED_MODEL, "flash", news, preview=True)
    assert (id_, previewed["deployedModelId"], previewed["endpoint"]) == ("", UNKNOWN, UNKNOWN)
    engine.diff(DEPLOYED_MODEL, "flash", model_inputs(), news)
    olds = model_inputs(deployedModelId="1234567890", createTime="2026-11-23T00:00:00Z", serviceAttachment="")
    updated = engine.update(DEPLOYED_MODEL, "flash", "id", olds, model_inputs(maxReplicaCount=9), preview=True)
    assert (updated["deployedModelId"], updated["createTime"]) == ("1234567890", "2026-11-23T00:00:00Z")
    assert here.sandbox.calls(since=before) == []


def spec(target: int) -> dict[str, Any]:
    return {"metricName": CPU, "target": target}


def test_update_changes_everything_in_place_in_one_call(here: World) -> None:
    """Replicas, autoscaling and logging are one mutateDeployedModel, and the deployment stays the same one."""
    engine = here.engine()
    id_, outputs = engine.create(DEPLOYED_MODEL, "flash", model_inputs())
    news = model_inputs(
        minReplicaCount=2, maxReplicaCount=7, disableContainerLogging=True, autoscalingMetricSpecs=[spec(40)]
    )
    updated = engine.update(DEPLOYED_MODEL, "flash", id_, outputs, news)
    live = here.deployed()[outputs["deployedModelId"]]
    resources = live["dedicatedResources"]
    assert (resources["minReplicaCount"], resources["maxReplicaCount"]) == (2, 7)
    assert resources["autoscalingMetricSpecs"] == [spec(40)]
    assert live["disableContainerLogging"] is True
    assert updated["deployedModelId"] == outputs["deployedModelId"]
    assert here.called().count("endpoints.mutateDeployedModel") == 1
    engine.update(DEPLOYED_MODEL, "flash", id_, updated, model_inputs())
    assert "autoscalingMetricSpecs" not in here.deployed()[outputs["deployedModelId"]]["dedicatedResources"]
    assert deploys(here) == 1


def test_create_adopts_what_is_there_and_brings_it_to_its_settings(here: World) -> None:
    """A second run, whose state knows nothing, deploys nothing: it takes over and changes the replicas in place."""
    first, _ = here.engine().create(DEPLOYED_MODEL, "flash", model_inputs())
    again, outputs = here.engine().create(DEPLOYED_MODEL, "flash", model_inputs(maxReplicaCount=4))
    assert again == first
    assert here.deployed()[outputs["deployedModelId"]]["dedicatedResources"]["maxReplicaCount"] == 4
    assert deploys(here) == 1


def test_create_refuses_another_s_deployment_of_the_same_id(here: World) -> None:
    """An id that belongs to something else is not taken over, and the sentence says what to do."""
    engine = here.engine()
    _, previewed = engine.create(DEPLOYED_MODEL, "flash", model_inputs(), preview=True)
    resources = {"machineSpec": {"machineType": "n1-highmem-2"}, "minReplicaCount": 1}
    body = {"id": previewed["deployedModelId"], "model": MODEL, "dedicatedResources": resources}
    here.post("aiplatform", f"v1/{ENDPOINT}:deployModel", {"deployedModel": body})
    with pytest.raises(Failed, match=r"belongs to another deployment .* on n1-highmem-2.* change displayName"):
        engine.create(DEPLOYED_MODEL, "flash", model_inputs())


def test_create_waits_for_the_operation_of_an_earlier_run(here: World) -> None:
    """An operation that this run did not start is waited for, though nothing in it names the model."""
    here.sandbox.set(deploySeconds=1)
    killed, later = here.engine(), here.engine()
    first = killed.background(killed.create, DEPLOYED_MODEL, "flash", model_inputs())
    eventually(lambda: deploys(here) == 1)
    joined, _ = later.create(DEPLOYED_MODEL, "flash", model_inputs())
    assert joined == first.result()[0]
    assert deploys(here) == 1
    assert any("already under way" in text for text in later.log.texts(ephemeral=True))


def test_two_models_deploy_side_by_side(slow: World) -> None:
    """Both deployments are under way at once: neither waits for the other."""
    engine = slow.engine()
    for name in ("flash", "pro"):
        engine.background(engine.create, DEPLOYED_MODEL, name, model_inputs(displayName=name))
    eventually(lambda: deploys(slow) == 2)
    assert slow.deployed() == {}


def test_a_refused_second_deployment_waits_and_goes_on() -> None:
    """Where Google takes one deployment at a time on an endpoint, three models still come up, none twice."""
    with world(deploy_seconds=0.4, deploy_concurrency=1) as here:
        engine = here.engine()
        names = ["flash", "pro", "lite"]
        calls = [
            engine.background(engine.create, DEPLOYED_MODEL, name, model_inputs(displayName=name)) for name in names
        ]
        ids = [call.result()[1]["deployedModelId"] for call in calls]
        assert sorted(here.deployed()) == sorted(ids)


def test_delete_undeploys_and_is_content_with_what_is_gone(here: World) -> None:
    """Delete waits until the model is gone; gone already, or gone with its endpoint, is fine as well."""
    id_, outputs = here.engine().create(DEPLOYED_MODEL, "flash", model_inputs())
    engine = here.engine()
    engine.delete(DEPLOYED_MODEL, "flash", id_, outputs)
    assert here.deployed() == {}
    engine.delete(DEPLOYED_MODEL, "flash", id_, outputs)
    here.post("aiplatform", f"v1/{ENDPOINT}", {}, method="DELETE")
    engine.delete(DEPLOYED_MODEL, "flash", id_, outputs)
    assert here.called().count("endpoints.undeployModel") == 1


def test_delete_finds_a_model_that_the_split_does_not_name(here: World) -> None:
    """Undeploying goes by what is deployed, so a model without traffic is not forgotten."""
    id_, outputs = here.engine().create(DEPLOYED_MODEL, "flash", model_inputs())
    assert "trafficSplit" not in here.endpoint()
    here.engine().delete(DEPLOYED_MODEL, "flash", id_, outputs)
    assert here.deployed() == {}


def test_delete_of_a_model_with_traffic_is_refused_in_a_sentence(here: World) -> None:
    """It says how much traffic, where, and what to do; the model stays."""
    id_, outputs = here.engine().create(DEPLOYED_MODEL, "flash", model_inputs())
    body = {"trafficSplit": {outputs["deployedModelId"]: 100}}
    here.post("aiplatform", f"v1/{ENDPOINT}?updateMask=trafficSplit", body, method="PATCH")
    with pytest.raises(Failed, match=r"still gets 100 % of the traffic .* Move the traffic"):
        here.engine().delete(DEPLOYED_MODEL, "flash", id_, outputs)
    assert outputs["deployedModelId"] in here.deployed()


@pytest.mark.parametrize("name", ["flash", "renamed"])
def test_a_replacement_by_the_same_deployment_does_not_undeploy_it(here: World, name: str) -> None:
    """Forced replacement and renaming give the same id again: the delete that follows leaves it up, and says so."""
    id_, outputs = here.engine().create(DEPLOYED_MODEL, "flash", model_inputs())
    engine = here.engine()
    engine.create(DEPLOYED_MODEL, name, model_inputs())
    engine.delete(DEPLOYED_MODEL, "flash", id_, outputs)
    assert outputs["deployedModelId"] in here.deployed()
    assert ["stays deployed" in text for text in engine.log.texts(ephemeral=False)] == [True]
    engine.configure()
    engine.delete(DEPLOYED_MODEL, "flash", id_, outputs)
    assert here.deployed() == {}


def test_two_resources_that_are_the_same_deployment_are_told_at_preview(here: World) -> None:
    """The second one fails on its displayName, and names the first."""
    engine = here.engine()
    engine.checked(DEPLOYED_MODEL, "flash", model_inputs())
    _, failures = engine.check(DEPLOYED_MODEL, "copy", model_inputs(maxReplicaCount=5))
    assert list(failures) == ["displayName"]
    assert "flash describes the same deployment" in failures["displayName"]
    engine.checked(DEPLOYED_MODEL, "flash", model_inputs(maxReplicaCount=5))


def test_read_shows_drift(here: World) -> None:
    """Replicas changed by hand are in the inputs that Read returns, so the next diff mends them."""
    engine = here.engine()
    id_, outputs = engine.create(DEPLOYED_MODEL, "flash", model_inputs())
    inputs = engine.checked(DEPLOYED_MODEL, "flash", model_inputs())
    assert engine.read(DEPLOYED_MODEL, "flash", id_, inputs, outputs) == (id_, inputs, outputs)
    resources = {"minReplicaCount": 1, "maxReplicaCount": 9}
    body = {
        "deployedModel": {"id": outputs["deployedModelId"], "dedicatedResources": resources},
        "updateMask": "dedicatedResources.maxReplicaCount",
    }
    here.post("aiplatform", f"v1/{ENDPOINT}:mutateDeployedModel", body)
    _, drifted, _ = engine.read(DEPLOYED_MODEL, "flash", id_, inputs, outputs)
    assert drifted == inputs | {"maxReplicaCount": 9}
    assert list(engine.diff(DEPLOYED_MODEL, "flash", drifted, inputs).detailedDiff) == ["maxReplicaCount"]


def test_import_reads_everything_by_the_id_alone(here: World) -> None:
    """The inputs that an import finds are those that made the deployment, the project by the name in the id."""
    given = model_inputs(disableContainerLogging=True, autoscalingMetricSpecs=[spec(40)])
    id_, outputs = here.engine().create(DEPLOYED_MODEL, "flash", given)
    engine = here.engine()
    assert engine.read(DEPLOYED_MODEL, "flash", id_) == (id_, given, outputs)


def test_read_of_what_is_gone_says_so(here: World) -> None:
    """Without the deployment, or without the endpoint, the answer is empty."""
    engine = here.engine()
    assert engine.read(DEPLOYED_MODEL, "x", f"{ENDPOINT}/deployedModels/123")[0] == ""
    assert engine.read(DEPLOYED_MODEL, "x", f"{ENDPOINT}9/deployedModels/123")[0] == ""


@pytest.mark.parametrize("id_", ["flash", ENDPOINT, f"{ENDPOINT}/deployedModels/flash", "a/deployedModels/1"])
def test_an_id_of_another_form_is_refused_with_the_form(here: World, id_: str) -> None:
    """An import by a wrong id says what the right one looks like."""
    with pytest.raises(Failed, match="the form is projects/PROJECT/locations/REGION/endpoints/ENDPOINT/deployedModels"):
        here.engine().read(DEPLOYED_MODEL, "flash", id_)


def test_private_service_connect_gives_its_addresses(here: World) -> None:
    """On such an endpoint the outputs have the service attachment and the automation's address."""
    config = {
        "enablePrivateServiceConnect": True,
        "pscAutomationConfigs": [
            {"projectId": "sandbox-project", "network": "projects/sandbox-project/global/networks/default"}
        ],
    }
    endpoint = here.make_endpoint("87654321", privateServiceConnectConfig=config)
    _, outputs = here.engine().create(DEPLOYED_MODEL, "flash", model_inputs(endpoint=endpoint))
    assert "/serviceAttachments/" in outputs["serviceAttachment"]
    assert re.fullmatch(r"[0-9.]+", outputs["privateServiceConnectAddress"])


def test_progress_is_shown_on_the_resource_s_line(here: World) -> None:
    """Each stage is an ephemeral message on the URN, and the last one says how it ended."""
    here.sandbox.set(deploySeconds=0.3)
    engine = here.engine()
    engine.create(DEPLOYED_MODEL, "flash", model_inputs())
    texts = engine.log.texts(ephemeral=True)
    assert "starting the deployment" in texts[0]
    assert texts[-1].startswith("deployed as ")
    assert {one.urn for one in engine.log.messages} == {f"urn:pulumi:test::gemini-vertex::{DEPLOYED_MODEL}::flash"}


def test_an_unknown_resource_is_refused_with_the_nearest(here: World) -> None:
    """A misspelt type is a sentence, not a traceback."""
    with pytest.raises(Failed, match="did you mean vertex-serving:index:DeployedModel") as failed:
        here.engine().create("vertex-serving:index:DeployedModels", "x", {})
    assert failed.value.code == grpc.StatusCode.FAILED_PRECONDITION
