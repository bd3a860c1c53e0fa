"""gcloud's `ai endpoints` and `ai models`, the real program, as `sandbox run` sets it up."""

import json
from pathlib import Path

import pytest
import yaml

from sandbox.testing import SandboxHandle
from tests.clients.tools import Tool

WHERE = "--region=us-central1"
QUESTION = json.dumps({"instances": [{"content": "What is 2 + 2? Reply with just the number."}]})
DEPLOY = f"ai endpoints deploy-model 2001 {WHERE} --model=gemma-3-4b --display-name=primary --deployed-model-id=1"
MACHINE = "--machine-type=n1-standard-4 --min-replica-count=1 --max-replica-count=2"


@pytest.fixture
def gcloud(slow: SandboxHandle) -> Tool:
    slow.enable("aiplatform")
    return Tool("gcloud", slow)


@pytest.fixture
def endpoint(gcloud: Tool) -> Tool:
    """gcloud, with an endpoint 2001."""
    gcloud(f"ai endpoints create {WHERE} --display-name=gemini-prod-endpoint --endpoint-id=2001 --labels=team=ai")
    return gcloud


def test_an_endpoint_is_made_listed_described_changed_and_deleted(endpoint: Tool) -> None:
    listed = endpoint(f"ai endpoints list {WHERE} --filter=displayName=gemini-prod-endpoint --format=value(name)")
    assert listed.strip().rpartition("/")[2] == "2001"
    endpoint(f"ai endpoints update 2001 {WHERE} --display-name=renamed --update-labels=stage=prod")
    described = endpoint.json(f"ai endpoints describe 2001 {WHERE}")
    assert (described["displayName"], described["labels"]) == ("renamed", {"team": "ai", "stage": "prod"})
    endpoint(f"ai endpoints update 2001 {WHERE} --clear-labels --description=words")
    assert "labels" not in endpoint.json(f"ai endpoints describe 2001 {WHERE}")
    endpoint(f"ai endpoints delete 2001 {WHERE}")
    assert endpoint.json(f"ai endpoints list {WHERE}") == []


def test_models_are_deployed_split_asked_and_undeployed(endpoint: Tool) -> None:
    endpoint(f"{DEPLOY} {MACHINE} --traffic-split=0=100")
    second = DEPLOY.replace("id=1", "id=2").replace("primary", "fallback")
    endpoint(f"{second} {MACHINE} --traffic-split=1=95,0=5")
    split = yaml.safe_load(endpoint(f"ai endpoints describe 2001 {WHERE} --format=yaml(trafficSplit)"))
    assert split == {"trafficSplit": {"1": 95, "2": 5}}
    answer = endpoint.json(f"ai endpoints predict 2001 {WHERE} --json-request=-", QUESTION)
    assert answer["predictions"] == [{"content": "4"}]
    assert "traffic" in endpoint.refused(f"ai endpoints undeploy-model 2001 {WHERE} --deployed-model-id=2")
    endpoint(f"ai endpoints update 2001 {WHERE} --traffic-split=1=100")
    endpoint(f"ai endpoints undeploy-model 2001 {WHERE} --deployed-model-id=2")
    (left,) = endpoint.json(f"ai endpoints describe 2001 {WHERE}")["deployedModels"]
    assert left["displayName"] == "primary"
    assert "FAILED_PRECONDITION" in endpoint.refused(f"ai endpoints delete 2001 {WHERE}")


def test_raw_predictions_are_whole_or_streamed(endpoint: Tool, tmp_path: Path) -> None:
    endpoint(f"{DEPLOY} {MACHINE} --traffic-split=0=100")
    (tmp_path / "request.json").write_text(QUESTION)
    request = f"--request=@{tmp_path / 'request.json'}"
    raw = json.loads(endpoint(f"ai endpoints raw-predict 2001 {WHERE} {request}"))
    assert raw == {"predictions": [{"content": "4"}], "deployedModelId": "1"}
    assert endpoint(f"ai endpoints stream-raw-predict 2001 {WHERE} {request}").strip().endswith("[DONE]")


def test_an_explanation_is_refused_where_the_model_has_none(endpoint: Tool) -> None:
    """Google's words: github.com/statmike/vertex-ai-mlops/issues/46."""
    without = endpoint.refused(f"ai endpoints explain 2001 {WHERE} --json-request=-", QUESTION)
    assert "doesn't have traffic_split" in without
    endpoint(f"{DEPLOY} {MACHINE} --traffic-split=0=100")
    refused = endpoint.refused(f"ai endpoints explain 2001 {WHERE} --json-request=-", QUESTION)
    assert "Deployed model 1 does not support explanation." in refused


def test_an_operation_is_described_while_it_runs_and_when_it_is_done(endpoint: Tool) -> None:
    endpoint(f"{DEPLOY} {MACHINE} --traffic-split=0=100")
    records = endpoint.sandbox.sandbox.store.list("operation")
    name = next(name for name, record in records.items() if "deploy" in record["handler"])
    described = endpoint.json(f"ai operations describe {name.rpartition('/')[2]} {WHERE}")
    assert (described["done"], described["metadata"]["deploymentStage"]) == (True, "SUCCESSFULLY_DEPLOYED")


def test_models_are_listed_described_uploaded_and_deleted(gcloud: Tool) -> None:
    gcloud(
        f"ai models upload {WHERE} --display-name=mine --container-image-uri=us-docker.pkg.dev/p/r/i --model-id=mine"
    )
    assert "mine" in {model["displayName"] for model in gcloud.json(f"ai models list {WHERE}")}
    assert gcloud.json(f"ai models describe mine {WHERE}")["containerSpec"]["imageUri"] == "us-docker.pkg.dev/p/r/i"
    gcloud(f"ai models delete mine {WHERE}")
    assert "mine" not in {model["displayName"] for model in gcloud.json(f"ai models list {WHERE}")}


def test_the_api_must_be_enabled(sandbox: SandboxHandle) -> None:
    refused = Tool("gcloud", sandbox).refused(f"ai endpoints list {WHERE}")
    assert "SERVICE_DISABLED" in refused or "has not been used in project" in refused
