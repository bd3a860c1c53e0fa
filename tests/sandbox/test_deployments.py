"""deployModel, undeployModel and mutateDeployedModel by Google's rules."""

from typing import Any

import pytest

from tests.sandbox.vertex import RefusedError, Vertex, machine


def test_a_deployed_model_says_what_it_runs_on_and_has_no_traffic(vertex: Vertex) -> None:
    """endpoints.deployModel; DeployModelRequest.trafficSplit, empty leaves the split alone (discovery)."""
    name = vertex.create()
    vertex.deploy(name, "42", dedicatedResources=machine(2, 20))
    endpoint = vertex.get(name)
    (deployed,) = endpoint["deployedModels"]
    assert deployed["id"] == "42"
    assert deployed["model"] == f"{vertex.canonical}/models/gemma-3-4b"
    assert deployed["modelVersionId"] == "1"
    assert deployed["dedicatedResources"]["maxReplicaCount"] == 20
    assert deployed["status"]["availableReplicaCount"] == 2
    assert "trafficSplit" not in endpoint


def test_a_deployment_goes_through_googles_stages(vertex: Vertex) -> None:
    """DeployModelOperationMetadata.deploymentStage (discovery)."""
    vertex.sandbox.set(deploySeconds=3600)
    name = vertex.create()
    operation = vertex.deploy(name)
    assert operation["metadata"]["deploymentStage"] == "STARTING_DEPLOYMENT"
    store = vertex.sandbox.sandbox.store
    seen = []
    for tenth in range(11):
        record = store.get("operation", operation["name"])
        assert record is not None
        now = vertex.sandbox.sandbox.clock.now()
        record |= {"started": now - 360 * tenth, "due": now + 3600 - 360 * tenth}
        store.put("operation", operation["name"], record)
        store.put("operation.running", operation["name"], {"due": record["due"]})
        store.commit()
        seen.append(vertex.get(operation["name"])["metadata"]["deploymentStage"])
    assert list(dict.fromkeys(seen)) == [
        "STARTING_DEPLOYMENT",
        "PREPARING_MODEL",
        "CREATING_SERVING_CLUSTER",
        "ADDING_NODES_TO_CLUSTER",
        "GETTING_CONTAINER_IMAGE",
        "STARTING_MODEL_SERVER",
        "FINISHING_UP",
        "SUCCESSFULLY_DEPLOYED",
    ]
    assert vertex.get(operation["name"])["response"]["deployedModel"]["id"] == "1"


def test_max_replicas_default_to_min(vertex: Vertex) -> None:
    """DedicatedResources.maxReplicaCount (discovery)."""
    name = vertex.create()
    vertex.deploy(name, dedicatedResources=machine(3))
    assert vertex.get(name)["deployedModels"][0]["dedicatedResources"]["maxReplicaCount"] == 3


def test_the_key_0_of_a_split_is_the_model_being_deployed(vertex: Vertex) -> None:
    """DeployModelRequest.trafficSplit (discovery)."""
    name = vertex.create()
    vertex.deploy(name, "42", {"0": 100})
    vertex.deploy(name, "43", {"42": 95, "0": 5})
    assert vertex.get(name)["trafficSplit"] == {"42": 95, "43": 5}


@pytest.mark.parametrize("split", [{"0": 95}, {"0": 60, "42": 60}, {"0": 110, "42": -10}, {"0": 50, "7": 50}])
def test_a_split_that_does_not_add_up_is_refused(vertex: Vertex, split: dict[str, int]) -> None:
    """DeployModelRequest.trafficSplit, which must add up to 100 (discovery)."""
    name = vertex.create()
    vertex.deploy(name, "42")
    with pytest.raises(RefusedError) as refused:
        vertex.deploy(name, "43", split)
    assert (refused.value.code, refused.value.status) == (400, "INVALID_ARGUMENT")
    assert [model["id"] for model in vertex.get(name)["deployedModels"]] == ["42"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"id": "12345678901"}, "deployed_model.id"),
        ({"id": "a1"}, "deployed_model.id"),
        ({"dedicatedResources": None}, "'automatic_resources' is not supported for Model"),
        ({"dedicatedResources": {"minReplicaCount": 1}}, "machine_spec; Message: Required field"),
        ({"dedicatedResources": machine(machine_type="")}, "machine_type"),
        ({"dedicatedResources": machine(0)}, "min_replica_count; Message: must be greater than or equal to 1"),
        ({"dedicatedResources": machine(3, 2)}, "max_replica_count"),
        ({"dedicatedResources": machine(machine_type="n1-standard-5")}, 'Machine type "n1-standard-5"'),
        ({"dedicatedResources": machine(machine_type="g2-standard-12")}, "needs an accelerator"),
        ({"dedicatedResources": machine(autoscalingMetricSpecs=[{"metricName": "cpu"}])}, "not a supported metric"),
        ({"model": None}, "deployed_model.model"),
        ({"automaticResources": {"minReplicaCount": 1}}, "Only one of"),
    ],
)
def test_what_google_refuses_at_once_is_refused(vertex: Vertex, fields: dict[str, Any], says: str) -> None:
    """DeployedModel.id, DedicatedResources, MachineSpec, AutoscalingMetricSpec.metricName (discovery)."""
    name = vertex.create()
    with pytest.raises(RefusedError) as refused:
        vertex.deploy(name, **{"deployed_id": fields.pop("id", "1"), **fields})
    assert (refused.value.code, refused.value.status) == (400, "INVALID_ARGUMENT")
    assert says in refused.value.message


def test_zero_replicas_are_v1beta1s_and_need_a_scale_to_zero_spec(vertex: Vertex) -> None:
    """DedicatedResources.minReplicaCount (v1) and scaleToZeroSpec (v1beta1), discovery."""
    beta = Vertex(vertex.sandbox, version="v1beta1")
    name = beta.create()
    with pytest.raises(RefusedError, match="greater than or equal to 1"):
        beta.deploy(name, dedicatedResources=machine(0, 2))
    scaling = {"minScaleupPeriod": "300s", "idleScaledownPeriod": "300s"}
    beta.deploy(name, dedicatedResources=machine(0, 2, scaleToZeroSpec=scaling, initialReplicaCount=1))
    assert "scaleToZeroSpec" in beta.get(name)["deployedModels"][0]["dedicatedResources"]
    assert "scaleToZeroSpec" not in vertex.get(name)["deployedModels"][0]["dedicatedResources"]


def test_a_model_that_does_not_exist_is_not_found(vertex: Vertex) -> None:
    """DeployedModel.model (discovery)."""
    name = vertex.create()
    with pytest.raises(RefusedError) as refused:
        vertex.deploy(name, model=vertex.model("nope"))
    assert (refused.value.code, refused.value.status) == (404, "NOT_FOUND")
    assert f"{vertex.canonical}/models/nope" in refused.value.message


def test_a_deployed_id_is_taken_while_its_deployment_runs_and_afterwards(vertex: Vertex) -> None:
    """DeployedModel.id, unique in its endpoint (discovery)."""
    name = vertex.create()
    vertex.deploy(name, "42")
    with pytest.raises(RefusedError) as refused:
        vertex.deploy(name, "42")
    assert (refused.value.code, refused.value.status) == (409, "ALREADY_EXISTS")
    vertex.sandbox.set(deploySeconds=60)
    vertex.deploy(name, "43")
    with pytest.raises(RefusedError, match="43 already exists"):
        vertex.deploy(name, "43")


def test_two_deployments_may_run_at_once_unless_the_sandbox_is_told_otherwise(vertex: Vertex) -> None:
    """Google documents no limit: the setting deployConcurrency makes one."""
    name = vertex.create()
    vertex.sandbox.set(deploySeconds=60)
    first = vertex.deploy(name, "1")
    vertex.deploy(name, "2")
    vertex.sandbox.set(deployConcurrency=1)
    with pytest.raises(RefusedError) as refused:
        vertex.deploy(name, "3")
    assert (refused.value.code, refused.value.status) == (409, "ABORTED")
    assert first["name"] in refused.value.message


def test_base_gemini_deploys_only_where_the_articles_profile_lets_it(vertex: Vertex) -> None:
    """Which models are deployed where: docs.cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type."""
    name = vertex.create()
    forms = ["publishers/google/models/gemini-3.5-flash", vertex.model("publishers/google/models/gemini-3.5-flash")]
    for model in forms:
        with pytest.raises(RefusedError, match="base Gemini models are served by the managed API only"):
            vertex.deploy(name, model=model)
    vertex.sandbox.set(profile="article")
    for number, model in enumerate(forms):
        vertex.deploy(name, str(number + 1), model=model)
    assert {model["model"] for model in vertex.get(name)["deployedModels"]} == {forms[0]}


def test_a_retired_model_is_not_found_in_any_profile(vertex: Vertex) -> None:
    """docs.cloud.google.com/gemini-enterprise-agent-platform/models/model-versions."""
    vertex.sandbox.set(profile="article")
    name = vertex.create()
    with pytest.raises(RefusedError) as refused:
        vertex.deploy(name, model="publishers/google/models/gemini-2.0-flash-001")
    assert refused.value.status == "NOT_FOUND"


def test_tuned_gemini_is_for_shared_public_endpoints_and_takes_no_machine(vertex: Vertex) -> None:
    """docs.cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type."""
    tuned = vertex.model("tuned-gemini")
    assert vertex.get(tuned)["baseModelSource"]["genieSource"]["baseModelUri"].startswith("publishers/google/models/")
    shared = vertex.create("1")
    with pytest.raises(RefusedError, match="dedicated_resources"):
        vertex.deploy(shared, model=tuned)
    vertex.deploy(shared, model=tuned, dedicatedResources=None)
    dedicated = vertex.create("2", dedicatedEndpointEnabled=True)
    with pytest.raises(RefusedError) as refused:
        vertex.deploy(dedicated, model=tuned, dedicatedResources=None)
    assert refused.value.status == "FAILED_PRECONDITION"


def test_a_peered_endpoint_holds_one_model_and_has_no_split(vertex: Vertex) -> None:
    """docs.cloud.google.com/vertex-ai/docs/predictions/using-private-endpoints."""
    name = vertex.create(network="projects/123456789012/global/networks/default")
    vertex.deploy(name, "1", {"0": 100})
    endpoint = vertex.get(name)
    assert "trafficSplit" not in endpoint
    assert endpoint["deployedModels"][0]["privateEndpoints"]["predictHttpUri"].endswith("/models/1:predict")
    with pytest.raises(RefusedError, match="one DeployedModel only"):
        vertex.deploy(name, "2")
    with pytest.raises(RefusedError, match="not supported for Endpoints with network peering"):
        vertex.split(name, m1=100)


def test_quota_counts_cores_at_full_scale_of_deployed_and_deploying_models(vertex: Vertex) -> None:
    """cloud.google.com/vertex-ai/docs/quotas, custom_model_serving_cpus."""
    vertex.sandbox.set(servingQuota={"us-central1": {"custom_model_serving_cpus": 100}}, deploySeconds=60)
    name = vertex.create()
    vertex.deploy(name, "1", dedicatedResources=machine(2, 20))
    with pytest.raises(RefusedError) as refused:
        vertex.deploy(name, "2", dedicatedResources=machine(1, 6))
    assert (refused.value.code, refused.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert refused.value.message == (
        "The following quota metrics exceed quota limits: aiplatform.googleapis.com/custom_model_serving_cpus"
    )
    vertex.deploy(name, "3", dedicatedResources=machine(1, 5))
    elsewhere = Vertex(vertex.sandbox, "europe-west4")
    elsewhere.deploy(elsewhere.create(), dedicatedResources=machine(1, 50))


def test_gpus_have_quota_of_their_own(vertex: Vertex) -> None:
    """cloud.google.com/vertex-ai/docs/quotas, custom_model_serving_nvidia_…."""
    vertex.sandbox.set(servingQuota={"us-central1": {"custom_model_serving_nvidia_l4_gpus": 1}})
    spec = {"machineType": "g2-standard-12", "acceleratorType": "NVIDIA_L4", "acceleratorCount": 1}
    name = vertex.create()
    with pytest.raises(RefusedError, match="custom_model_serving_nvidia_l4_gpus"):
        vertex.deploy(name, dedicatedResources={"machineSpec": spec, "minReplicaCount": 2})
    vertex.deploy(name, dedicatedResources={"machineSpec": spec, "minReplicaCount": 1})


def test_a_model_with_traffic_is_undeployed_only_when_the_call_takes_it_away(vertex: Vertex) -> None:
    """UndeployModelRequest.trafficSplit (discovery)."""
    name = vertex.create()
    vertex.deploy(name, "1")
    vertex.deploy(name, "2")
    vertex.split(name, m1=95, m2=5)
    with pytest.raises(RefusedError) as refused:
        vertex.undeploy(name, "2")
    assert refused.value.status == "FAILED_PRECONDITION"
    assert "5%" in refused.value.message
    vertex.undeploy(name, "2", {"1": 100})
    endpoint = vertex.get(name)
    assert endpoint["trafficSplit"] == {"1": 100}
    assert [model["id"] for model in endpoint["deployedModels"]] == ["1"]


def test_the_last_undeploy_empties_the_split(vertex: Vertex) -> None:
    """UndeployModelRequest.trafficSplit (discovery)."""
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100})
    vertex.undeploy(name, "1")
    endpoint = vertex.get(name)
    assert "trafficSplit" not in endpoint
    assert "deployedModels" not in endpoint


def test_an_endpoint_with_models_cannot_be_deleted_nor_with_one_on_its_way(vertex: Vertex) -> None:
    """endpoints.delete; google.aip.dev/135: FAILED_PRECONDITION while there are children."""
    name = vertex.create()
    vertex.deploy(name)
    with pytest.raises(RefusedError) as refused:
        vertex.call("DELETE", name)
    assert (refused.value.code, refused.value.status) == (400, "FAILED_PRECONDITION")
    vertex.undeploy(name, "1")
    vertex.sandbox.set(deploySeconds=60)
    vertex.deploy(name, "2")
    with pytest.raises(RefusedError, match="being-deployed"):
        vertex.call("DELETE", name)


def test_a_mutation_changes_replicas_in_place(vertex: Vertex) -> None:
    """endpoints.mutateDeployedModel, MutateDeployedModelRequest.deployedModel (discovery)."""
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100}, dedicatedResources=machine(1, 2))
    before = vertex.get(name)["deployedModels"][0]
    wanted = {"id": "1", "dedicatedResources": {"minReplicaCount": 3, "maxReplicaCount": 9}}
    mask = "dedicated_resources.min_replica_count,dedicatedResources.maxReplicaCount"
    vertex.call("POST", f"{name}:mutateDeployedModel", {"deployedModel": wanted, "updateMask": mask})
    endpoint = vertex.get(name)
    after = endpoint["deployedModels"][0]
    assert after["dedicatedResources"] == {**before["dedicatedResources"], "minReplicaCount": 3, "maxReplicaCount": 9}
    assert after["createTime"] == before["createTime"]
    assert endpoint["trafficSplit"] == {"1": 100}


@pytest.mark.parametrize(
    ("wanted", "mask", "says"),
    [
        (
            {"dedicatedResources": {"machineSpec": {"machineType": "n1-standard-8"}}},
            "dedicatedResources.machineSpec",
            "anew",
        ),
        ({"displayName": "x"}, "displayName", "anew"),
        ({"dedicatedResources": {"minReplicaCount": 5}}, "dedicatedResources.minReplicaCount", "max_replica_count"),
        ({}, "", "update_mask"),
    ],
)
def test_a_mutation_of_anything_else_is_refused(vertex: Vertex, wanted: dict[str, Any], mask: str, says: str) -> None:
    """MutateDeployedModelRequest.deployedModel and updateMask (discovery)."""
    name = vertex.create()
    vertex.deploy(name, "1", dedicatedResources=machine(1, 2))
    with pytest.raises(RefusedError, match=says):
        vertex.call("POST", f"{name}:mutateDeployedModel", {"deployedModel": {"id": "1", **wanted}, "updateMask": mask})


def test_private_service_connect_has_its_addresses_while_a_model_is_deployed(vertex: Vertex) -> None:
    """PrivateEndpoints.serviceAttachment, PSCAutomationConfig (discovery)."""
    automation = {"projectId": "sandbox-project", "network": "projects/sandbox-project/global/networks/default"}
    config = {"enablePrivateServiceConnect": True, "pscAutomationConfigs": [automation]}
    name = vertex.create(privateServiceConnectConfig=config)
    assert vertex.get(name)["privateServiceConnectConfig"] == config
    vertex.deploy(name)
    endpoint = vertex.get(name)
    ready = endpoint["privateServiceConnectConfig"]
    assert ready["pscAutomationConfigs"][0]["state"] == "PSC_AUTOMATION_STATE_SUCCESSFUL"
    assert ready["pscAutomationConfigs"][0]["ipAddress"].startswith("10.")
    attachment = endpoint["deployedModels"][0]["privateEndpoints"]["serviceAttachment"]
    assert ready["serviceAttachment"] == attachment
    vertex.undeploy(name, "1")
    assert vertex.get(name)["privateServiceConnectConfig"] == config


def test_a_cancelled_deployment_deploys_nothing(vertex: Vertex) -> None:
    """operations.cancel (discovery): code 1, CANCELLED."""
    name = vertex.create()
    vertex.sandbox.set(deploySeconds=60)
    operation = vertex.deploy(name)
    vertex.call("POST", f"{operation['name']}:cancel", {})
    ended = vertex.get(operation["name"])
    assert ended["error"]["code"] == 1
    assert ended["metadata"]["deploymentStage"] == "DEPLOYMENT_TERMINATED"
    assert "deployedModels" not in vertex.get(name)
    vertex.call("DELETE", name)
