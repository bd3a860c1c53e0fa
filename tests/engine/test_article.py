"""The article's system on the real engine: up, nothing more to do, change, destroy."""

import json
from collections.abc import Callable

from tests.engine.conftest import DEPLOY, FLASH, MUTATE, PATCH, PRO, UNDEPLOY, Stack


def test_prod_is_the_articles_system(prod: Stack) -> None:
    """One `pulumi up` of Pulumi.prod.yaml gives the article's endpoint, models, split, identity and perimeter."""
    prod.up()

    endpoint = prod.endpoint()
    assert endpoint["displayName"] == "gemini-prod-endpoint"
    assert endpoint["privateServiceConnectConfig"]["enablePrivateServiceConnect"] is True
    assert not endpoint.get("dedicatedEndpointEnabled")
    models = prod.deployed()
    shape = {
        name: (
            model["dedicatedResources"]["machineSpec"]["machineType"],
            model["dedicatedResources"]["minReplicaCount"],
            model["dedicatedResources"]["maxReplicaCount"],
            endpoint["trafficSplit"][model["id"]],
        )
        for name, model in models.items()
    }
    assert shape == {
        "gemini-flash-primary": ("n1-standard-4", 2, 20, 95),
        "gemini-pro-fallback": ("n1-standard-8", 1, 5, 5),
    }
    outputs = prod.workspace.outputs()
    assert outputs["deployedModels"] == {name: model["id"] for name, model in models.items()}
    assert outputs["trafficSplit"] == {"gemini-flash-primary": 95, "gemini-pro-fallback": 5}
    assert outputs["clientEnvironment"] == {
        "GCP_PROJECT_ID": "sandbox-project",
        "GCP_REGION": "us-central1",
        "VERTEX_ENDPOINT_ID": outputs["endpointId"],
        "GEMINI_ROUTES_FILE": "/etc/gemini/routes.json",
    }
    assert outputs["serviceAccountEmail"] == "gemini-inference-sa@sandbox-project.iam.gserviceaccount.com"
    assert outputs["perimeterMode"] == "dry-run"
    assert outputs["endpointHost"], "a private endpoint has an address once a model is deployed"
    assert "iam.gke.io/gcp-service-account: gemini-inference-sa@" in outputs["kubernetesManifest"]
    everything = json.dumps(prod.state())
    assert "serviceAccount:sandbox-project.svc.id.goog[production/gemini-app]" in everything
    assert "gemini_prod_perimeter" in everything
    assert "useExplicitDryRunSpec" in everything

    prod.preview_is_empty()


def test_dev_is_public_and_small(make_stack: Callable[..., Stack]) -> None:
    """Pulumi.dev.yaml gives a public endpoint with one model of one replica, no perimeter, and goes away again."""
    dev = make_stack("dev")
    dev.up()

    endpoint = dev.endpoint()
    assert "privateServiceConnectConfig" not in endpoint
    assert "network" not in endpoint
    (model,) = dev.deployed().values()
    assert model["dedicatedResources"]["minReplicaCount"] == 1
    assert endpoint["trafficSplit"] == {model["id"]: 100}
    assert dev.workspace.outputs()["perimeterMode"] == "off"
    dev.preview_is_empty()

    dev.destroy()
    assert dev.state() == {}


def test_a_traffic_change_is_one_call(prod: Stack) -> None:
    """80/20 instead of 95/5 is one endpoints.patch, and deploys nothing."""
    prod.up()
    before, since = prod.deployed(), prod.mark()
    prod.workspace.set(f"{FLASH}.traffic", "80")
    prod.workspace.set(f"{PRO}.traffic", "20")

    prod.up()

    assert prod.changes(since) == [PATCH]
    assert {name: model["id"] for name, model in prod.deployed().items()} == {
        name: model["id"] for name, model in before.items()
    }
    assert prod.workspace.outputs()["trafficSplit"] == {"gemini-flash-primary": 80, "gemini-pro-fallback": 20}


def test_replicas_change_in_place(prod: Stack) -> None:
    """Other replica bounds are one mutateDeployedModel."""
    prod.up()
    since = prod.mark()
    prod.workspace.set(f"{FLASH}.maxReplicaCount", "30")

    prod.up()

    assert prod.changes(since) == [MUTATE]
    assert prod.deployed()["gemini-flash-primary"]["dedicatedResources"]["maxReplicaCount"] == 30
    prod.preview_is_empty()


def test_a_dropped_model_loses_its_traffic_before_it_goes(prod: Stack) -> None:
    """Taking a model out of the config moves the split first and undeploys after."""
    prod.up()
    since = prod.mark()
    prod.workspace.set(f"{FLASH}.traffic", "100")
    prod.workspace.pulumi("config", "rm", "--path", PRO)

    prod.up()

    assert prod.changes_at_google(since) == [PATCH, UNDEPLOY]
    assert list(prod.deployed()) == ["gemini-flash-primary"]
    prod.preview_is_empty()


def test_both_models_deploy_at_once(make_stack: Callable[..., Stack]) -> None:
    """The second deployment begins while the first one runs."""
    prod = make_stack("prod", deploy_seconds=4)
    process = prod.start("up", "--yes", "--skip-preview")
    prod.when(lambda: prod.changes().count(DEPLOY) == 2, "both deployments starting")
    name = next(call["path"] for call in prod.calls() if call["method"] == DEPLOY).partition("/v1/")[2]
    operations = prod.google("GET", f"{name.rpartition(':')[0]}/operations")["operations"]

    assert [bool(operation.get("done")) for operation in operations].count(False) >= 2
    assert "error" not in process.communicate(timeout=240)[0]
    assert process.returncode == 0


def test_ten_rounds_leave_nothing(prod: Stack) -> None:
    """Ten times up and destroy, and the sandbox is empty after each."""
    for round_ in range(10):
        prod.up()
        prod.destroy()
        assert prod.state() == {}, f"left behind in round {round_ + 1}"
