"""Google's own Python clients, unchanged, against the sandbox, found through the variables that `sandbox run` sets."""

import json
import subprocess
import sys
from typing import Any

import google.auth
import google.auth.transport.requests
import pytest
import requests
from google import genai
from google.api_core.client_options import ClientOptions
from google.cloud import aiplatform_v1
from google.genai import errors, types
from google.oauth2.credentials import Credentials
from google.protobuf.field_mask_pb2 import FieldMask

from sandbox.identity import DEPLOYER, token_for
from sandbox.testing import SandboxHandle
from tests.sandbox.vertex import Vertex

QUESTION = "What is 2 + 2? Reply with just the number."
CREDENTIALS = Credentials(token_for(DEPLOYER))


def client(sandbox: SandboxHandle, base: str = "aiplatform") -> genai.Client:
    """google-genai, told where to go as GOOGLE_VERTEX_BASE_URL tells it."""
    return genai.Client(
        vertexai=True,
        project=sandbox.project,
        location="us-central1",
        credentials=CREDENTIALS,
        http_options=types.HttpOptions(base_url=f"{sandbox.url}/{base}/"),
    )


def test_google_genai_asks_a_deployed_model(vertex: Vertex) -> None:
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100})
    asked = client(vertex.sandbox)
    answer = asked.models.generate_content(
        model=name, contents=QUESTION, config=types.GenerateContentConfig(temperature=0.2, top_p=0.95)
    )
    assert answer.text == "4"
    assert answer.usage_metadata is not None
    assert answer.usage_metadata.candidates_token_count == 1


def test_google_genai_streams_from_a_private_address(vertex: Vertex) -> None:
    automation = {"projectId": "sandbox-project", "network": "projects/sandbox-project/global/networks/default"}
    config = {"enablePrivateServiceConnect": True, "pscAutomationConfigs": [automation]}
    name = vertex.create(privateServiceConnectConfig=config)
    vertex.deploy(name, "1", {"0": 100})
    address = vertex.get(name)["privateServiceConnectConfig"]["pscAutomationConfigs"][0]["ipAddress"]
    asked = client(vertex.sandbox, f"hosts/{address}")
    stream = asked.models.generate_content_stream(model=name, contents="Explain.")
    chunks = [chunk.text or "" for chunk in stream]
    assert len(chunks) > 3
    assert "model-1" in "".join(chunks)


async def test_google_genai_asks_gemini_itself_asynchronously(vertex: Vertex) -> None:
    asked = client(vertex.sandbox)
    models = asked.aio.models
    answer = await models.generate_content(model="gemini-3.5-flash", contents=QUESTION)
    assert answer.text == "4"
    stream = await models.generate_content_stream(model="gemini-3.5-flash", contents=QUESTION)
    assert "".join([chunk.text or "" async for chunk in stream]) == "4"
    counted = await models.count_tokens(model="gemini-3.5-flash", contents=QUESTION)
    assert counted.total_tokens


def test_google_genai_understands_a_refusal(vertex: Vertex) -> None:
    asked = client(vertex.sandbox)
    with pytest.raises(errors.ClientError) as refused:
        asked.models.generate_content(model="gemini-2.0-flash-001", contents=QUESTION)
    assert (refused.value.code, refused.value.status) == (404, "NOT_FOUND")


def test_default_credentials_come_from_the_metadata_server(vertex: Vertex) -> None:
    script = (
        "import google.auth, google.auth.transport.requests as t, json\n"
        "credentials, project = google.auth.default()\n"
        "session = t.AuthorizedSession(credentials)\n"
        "credentials.refresh(t.Request())\n"
        "import os; url = os.environ['GOOGLE_VERTEX_AI_CUSTOM_ENDPOINT']\n"
        "answer = session.get(url + f'projects/{project}/locations/us-central1/endpoints')\n"
        "print(json.dumps([project, credentials.service_account_email, answer.status_code]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=vertex.sandbox.environ(), capture_output=True, text=True, check=True
    )
    email = "123456789012-compute@developer.gserviceaccount.com"
    assert json.loads(done.stdout) == ["sandbox-project", email, 200]


def test_the_metadata_server_asks_for_its_header(sandbox: SandboxHandle) -> None:
    url = f"{sandbox.url}/computeMetadata/v1/project/project-id"
    assert requests.get(url, timeout=30).status_code == 403
    answer = requests.get(url, headers={"Metadata-Flavor": "Google"}, timeout=30)
    assert (answer.text, answer.headers["Metadata-Flavor"]) == ("sandbox-project", "Google")
    missing = f"{sandbox.url}/computeMetadata/v1/instance/service-accounts/nobody/token"
    assert requests.get(missing, headers={"Metadata-Flavor": "Google"}, timeout=30).status_code == 404


def test_an_authorized_session_reaches_the_api(vertex: Vertex) -> None:
    session = google.auth.transport.requests.AuthorizedSession(CREDENTIALS)
    assert session.get(vertex.sandbox.api("aiplatform", f"v1/{vertex.parent}/endpoints")).json() == {}


def test_the_gapic_client_creates_deploys_splits_predicts_and_deletes(vertex: Vertex) -> None:
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
