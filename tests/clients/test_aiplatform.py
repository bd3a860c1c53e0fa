"""google-cloud-aiplatform, unchanged, over REST: its generated clients and its own Endpoint and Model."""

from typing import Any

import pytest
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.cloud import aiplatform, aiplatform_v1
from google.oauth2.credentials import Credentials
from google.protobuf.field_mask_pb2 import FieldMask

from sandbox.identity import DEPLOYER, token_for
from tests.sandbox.vertex import Vertex

QUESTION = "What is 2 + 2? Reply with just the number."
CREDENTIALS = Credentials(token_for(DEPLOYER))


@pytest.fixture(params=["at once", "after a while"])
def paced(vertex: Vertex, request: pytest.FixtureRequest) -> Vertex:
    """Vertex AI whose operations are done in their first answer, and one where a client has to look at them again."""
    if request.param == "after a while":
        vertex.sandbox.set(operationSeconds=0.2, deploySeconds=0.5)
    return vertex


def test_the_gapic_client_creates_deploys_splits_predicts_and_deletes(paced: Vertex) -> None:
    vertex = paced
    options = ClientOptions(api_endpoint=f"{vertex.sandbox.url}/hosts/us-central1-aiplatform.googleapis.com")
    transport = "rest"
    endpoints = aiplatform_v1.EndpointServiceClient(
        credentials=CREDENTIALS, transport=transport, client_options=options
    )
    predictions = aiplatform_v1.PredictionServiceClient(
        credentials=CREDENTIALS, transport=transport, client_options=options
    )
    operation: Any = endpoints.create_endpoint(
        parent=vertex.parent, endpoint=aiplatform_v1.Endpoint(display_name="gapic")
    )
    name = operation.result(timeout=60).name
    deployed = aiplatform_v1.DeployedModel(
        id="42",
        model=vertex.model("gemma-3-4b"),
        dedicated_resources=aiplatform_v1.DedicatedResources(
            machine_spec=aiplatform_v1.MachineSpec(machine_type="n1-standard-4"), min_replica_count=2
        ),
    )
    deployment: Any = endpoints.deploy_model(endpoint=name, deployed_model=deployed)
    assert deployment.result(timeout=60).deployed_model.id == "42"
    assert deployment.metadata.deployment_stage.name == "SUCCESSFULLY_DEPLOYED"
    changed = endpoints.update_endpoint(
        endpoint=aiplatform_v1.Endpoint(name=name, traffic_split={"42": 100}),
        update_mask=FieldMask(paths=["traffic_split"]),
    )
    assert dict(changed.traffic_split) == {"42": 100}
    (listed,) = endpoints.list_endpoints(parent=vertex.parent)
    assert listed.deployed_models[0].status.available_replica_count == 2
    instances: Any = [{"content": QUESTION}]
    answer: Any = predictions.predict(endpoint=name, instances=instances)
    assert dict(answer.predictions[0]) == {"content": "4"}
    assert answer.deployed_model_id == "42"
    undeployment: Any = endpoints.undeploy_model(endpoint=name, deployed_model_id="42")
    undeployment.result(timeout=60)
    deletion: Any = endpoints.delete_endpoint(name=name)
    deletion.result(timeout=60)
    assert list(endpoints.list_endpoints(parent=vertex.parent)) == []


@pytest.fixture
def sdk(paced: Vertex) -> Vertex:
    """The library, led to the sandbox as its users lead it elsewhere."""
    vertex = paced
    aiplatform.init(
        project=vertex.sandbox.project,
        location="us-central1",
        credentials=CREDENTIALS,
        api_endpoint=f"{vertex.sandbox.url}/hosts/us-central1-aiplatform.googleapis.com",
        api_transport="rest",
    )
    return vertex


def test_endpoint_and_model_do_their_whole_work(sdk: Vertex) -> None:
    """aiplatform.Endpoint and aiplatform.Model: create, upload, deploy twice, split, predict, undeploy, delete."""
    endpoint: Any = aiplatform.Endpoint.create(display_name="gemini-prod-endpoint", labels={"team": "ai"})
    own: Any = aiplatform.Model.upload(display_name="own", serving_container_image_uri="us-docker.pkg.dev/p/r/i")
    assert "own" in {model.display_name for model in aiplatform.Model.list()}
    primary: Any = aiplatform.Model("gemma-3-4b")
    machine = {"machine_type": "n1-standard-4", "min_replica_count": 1}
    endpoint.deploy(primary, deployed_model_display_name="primary", traffic_percentage=100, **machine)
    endpoint.deploy(own, deployed_model_display_name="fallback", traffic_percentage=5, **machine)
    ids = {model.display_name: model.id for model in endpoint.list_models()}
    assert endpoint.traffic_split == {ids["primary"]: 95, ids["fallback"]: 5}
    endpoint.update(traffic_split={ids["primary"]: 100, ids["fallback"]: 0})
    answer = endpoint.predict(instances=[{"content": QUESTION}])
    assert (answer.predictions, answer.deployed_model_id) == ([{"content": "4"}], ids["primary"])
    (listed,) = aiplatform.Endpoint.list(filter='display_name="gemini-prod-endpoint"')
    assert listed.labels == {"team": "ai"}
    endpoint.undeploy(ids["fallback"])
    endpoint.undeploy_all()
    endpoint.delete()
    own.delete()
    with pytest.raises(exceptions.NotFound):
        aiplatform.Endpoint(endpoint.resource_name).predict(instances=[{"content": QUESTION}])


def test_what_google_refuses_is_the_librarys_own_exception(sdk: Vertex) -> None:
    endpoint: Any = aiplatform.Endpoint.create(display_name="empty")
    with pytest.raises(exceptions.BadRequest, match="doesn't have traffic_split"):
        endpoint.predict(instances=[{"content": QUESTION}])
