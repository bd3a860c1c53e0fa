"""How a publisher's model is configured in a location: the log of its requests and answers."""

import pytest
import requests

from sandbox.errors import Json
from sandbox.testing import SandboxHandle
from tests.sandbox.google import grant, make_account
from tests.sandbox.test_permissions import As
from tests.sandbox.vertex import RefusedError, Vertex

MODEL = "publishers/google/models/gemini-3.5-flash"
TYPE = "type.googleapis.com/google.cloud.aiplatform.v1beta1."


def logged(rate: float = 0.1, table: str = "bq://sandbox-project.requests.flash") -> Json:
    """A configuration that logs."""
    return {"loggingConfig": {"enabled": True, "samplingRate": rate, "bigqueryDestination": {"outputUri": table}}}


@pytest.fixture
def beta(vertex: Vertex) -> Vertex:
    """Vertex AI's v1beta1, and a dataset for the log."""
    sandbox = vertex.sandbox
    body = {"datasetReference": {"datasetId": "requests"}}
    url = f"{sandbox.url}/bigquery/bigquery/v2/projects/{sandbox.project}/datasets"
    requests.post(url, json=body, headers=sandbox.headers, timeout=30).raise_for_status()
    return Vertex(sandbox, version="v1beta1")


def set_config(vertex: Vertex, config: Json, location: str = "us-central1", **body: str) -> Json:
    """Sets a configuration and returns the operation, by its own name, as it is afterwards."""
    name = f"projects/{vertex.sandbox.project}/locations/{location}/{MODEL}"
    operation = vertex.call("POST", f"{name}:setPublisherModelConfig", {"publisherModelConfig": config, **body})
    assert operation["metadata"]["@type"] == TYPE + "SetPublisherModelConfigOperationMetadata"
    assert f"/locations/{location}/operations/" in operation["name"]
    return vertex.call("GET", operation["name"])


@pytest.mark.parametrize("location", ["us-central1", "global", "eu"])
def test_a_configuration_is_kept_by_location(beta: Vertex, location: str) -> None:
    """What was set is fetched; elsewhere nothing was ever set."""
    operation = set_config(beta, logged(), location)
    assert operation["response"] == {"@type": TYPE + "PublisherModelConfig", **logged()}
    name = f"projects/{beta.sandbox.project}/locations/{location}/{MODEL}"
    assert beta.call("GET", f"{name}:fetchPublisherModelConfig") == logged()
    with pytest.raises(RefusedError) as refused:
        beta.call("GET", f"{name.replace(location, 'europe-west4')}:fetchPublisherModelConfig")
    assert refused.value.status == "NOT_FOUND"


def test_a_mask_leaves_the_rest_as_it_is(beta: Vertex) -> None:
    """Without a mask the whole configuration is replaced."""
    other: Json = {"dataSharingEnabledProvider": "ANTHROPIC"}
    set_config(beta, {**logged(), **other})
    set_config(beta, logged(0.5), updateMask="loggingConfig")
    fetch = f"{beta.parent}/{MODEL}:fetchPublisherModelConfig"
    assert beta.call("GET", fetch) == {**logged(0.5), **other}
    set_config(beta, {"loggingConfig": {"enabled": False}})
    assert beta.call("GET", fetch) == {"loggingConfig": {}}, "a proto does not tell false from none"


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (
            logged(1.5),
            r"publisher_model_config.logging_config.sampling_rate; Message: 1.5 is not in the range \(0, 1\]",
        ),
        (logged(table="gs://b"), "bigquery_destination.output_uri; Message: gs://b is not of the form"),
        ({"loggingConfig": {"enabled": True, "bigqueryDestination": {}}}, "output_uri; Message: Required"),
    ],
)
def test_a_wrong_configuration_is_refused(beta: Vertex, config: Json, says: str) -> None:
    with pytest.raises(RefusedError, match=says):
        set_config(beta, config)


def test_a_configuration_is_required_and_another_publisher_is_not_imitated(beta: Vertex) -> None:
    with pytest.raises(RefusedError, match="publisher_model_config; Message: Required"):
        beta.call("POST", f"{beta.parent}/{MODEL}:setPublisherModelConfig", {})
    with pytest.raises(RefusedError) as refused:
        beta.call("GET", f"{beta.parent}/publishers/anthropic/models/claude:fetchPublisherModelConfig")
    assert refused.value.code == 501


def test_a_dataset_that_is_not_there_ends_the_operation(beta: Vertex) -> None:
    """The configuration stays as it was."""
    operation = set_config(beta, logged(table="bq://sandbox-project.none.flash"))
    assert operation["error"]["message"] == "BigQuery dataset sandbox-project:none is not found."
    with pytest.raises(RefusedError, match="NOT_FOUND"):
        beta.call("GET", f"{beta.parent}/{MODEL}:fetchPublisherModelConfig")


def test_a_user_of_vertex_ai_may_look_and_not_change(sandbox: SandboxHandle, beta: Vertex) -> None:
    """roles/aiplatform.user lacks aiplatform.endpoints.setPublisherModelConfig; roles/aiplatform.admin has it."""
    email = make_account(sandbox, "some-app")
    caller = As(sandbox, email)
    caller.version = "v1beta1"
    set_config(beta, logged())
    grant(sandbox, "roles/aiplatform.user", f"serviceAccount:{email}")
    assert caller.call("GET", f"{beta.parent}/{MODEL}:fetchPublisherModelConfig") == logged()
    with pytest.raises(RefusedError, match=r"Permission 'aiplatform.endpoints.setPublisherModelConfig' denied"):
        set_config(caller, logged(0.2))
    grant(sandbox, "roles/aiplatform.admin", f"serviceAccount:{email}")
    set_config(caller, logged(0.2))
