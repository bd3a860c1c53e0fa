"""The composed program where models are managed: Pulumi.managed.yaml, mixed stacks, and the fallback's key."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from settings.load import PROJECT_VARIABLES, REGION_VARIABLES
from tests.unit.programs import ROOT, run_program, stack_file
from tests.unit.test_client_routes import secret

KEY = "AIza-of-a-test"
FALLBACK = {"gemini-vertex:fallback": {"model": "gemini-3.8-flash", "apiKey": KEY}}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program writes into k8s/ where it runs, and looks at the environment for a project."""
    monkeypatch.chdir(tmp_path)
    for name in (*PROJECT_VARIABLES, *REGION_VARIABLES):
        monkeypatch.delenv(name, raising=False)


def managed_stack() -> dict[str, Any]:
    """Pulumi.managed.yaml as a new user has it: base Gemini is not let through on an endpoint."""
    config = stack_file("managed")
    del config["vertex-serving:allowBaseGemini"]
    return config


def test_a_managed_stack_deploys_nothing_and_tells_the_routes() -> None:
    """Names and shares of the article, and its identity and perimeter, without an endpoint."""
    done = run_program(managed_stack(), "managed")
    for token in (":AiEndpoint", ":DeployedModel", ":TrafficSplit"):
        assert done.of(token) == []
    assert done.one(":Account").inputs["accountId"] == "gemini-inference-sa"
    assert done.one("servicePerimeter:ServicePerimeter").inputs["useExplicitDryRunSpec"] is True
    outputs = done.outputs
    weights = {route["name"]: route["weight"] for route in outputs["routes"]["routes"]}
    assert weights == {"gemini-flash-primary": 95, "gemini-pro-fallback": 5}
    assert outputs["models"]["gemini-flash-primary"] == {"model": "publishers/google/models/gemini-3.8-flash"}
    assert outputs["clientEnvironment"] == {
        "GCP_PROJECT_ID": "my-project",
        "GCP_REGION": "us-central1",
        "GEMINI_ROUTES_FILE": "/etc/gemini/routes.json",
    }
    assert not {"endpointId", "endpointHost", "trafficSplit", "deployedModels"} & set(outputs)


def test_the_routes_are_written_beside_the_account_where_no_cluster_is_named() -> None:
    """Both for `kubectl apply -f k8s/`."""
    done = run_program(managed_stack(), "managed")
    written = yaml.safe_load(Path("k8s/gemini-routes.yaml").read_text(encoding="utf-8"))
    assert written["metadata"] == {"name": "gemini-routes", "namespace": "production"}
    assert json.loads(written["data"]["routes.json"]) == done.outputs["routes"]
    assert Path("k8s/serviceaccount.yaml").exists()


def test_a_preview_of_a_managed_stack_knows_its_routes() -> None:
    """Nothing of them waits for Google."""
    done = run_program(managed_stack(), "managed", preview=True)
    assert [route["weight"] for route in done.outputs["routes"]["routes"]] == [95, 5]
    assert not Path("k8s").exists()


def test_a_mixed_stack_has_an_endpoint_and_a_route_to_it() -> None:
    """Its split is scaled, its route has their sum."""
    config = stack_file("prod")
    first, second = config["gemini-vertex:models"]
    first["traffic"], second["traffic"] = 15, 5
    gemini = {"name": "gemini", "model": "gemini-3.8-flash", "serving": "managed", "traffic": 80}
    config["gemini-vertex:models"].append(gemini)
    done = run_program(config)
    targets = done.one(":TrafficSplit").inputs["targets"]
    assert {name: target["percent"] for name, target in targets.items()} == {
        "gemini-flash-primary": 75,
        "gemini-pro-fallback": 25,
    }
    endpoint, managed = done.outputs["routes"]["routes"]
    assert (endpoint["name"], endpoint["weight"], managed["weight"]) == ("gemini-prod-endpoint", 20, 80)
    assert endpoint["models"] == {number: name for name, number in done.outputs["deployedModels"].items()}
    assert {"VERTEX_ENDPOINT_ID", "GEMINI_ROUTES_FILE"} <= set(done.outputs["clientEnvironment"])


def test_a_first_preview_of_an_endpoint_does_not_know_its_route() -> None:
    """Its host comes with the first deployed model."""
    done = run_program(stack_file("prod"), preview=True)
    assert isinstance(done.outputs["routes"], pulumi.output.Unknown)


def test_the_fallbacks_key_is_read_as_a_secret_and_is_in_no_output() -> None:
    """Secret Manager, its API, and a reader: the application's account alone."""
    done = run_program(managed_stack() | FALLBACK, "managed", secrets=("gemini-vertex:fallback",))
    assert secret(done.one(":SecretVersion").inputs["secretData"]) == KEY
    assert done.one(":SecretIamMember").inputs["member"] == (
        "serviceAccount:gemini-inference-sa@my-project.iam.gserviceaccount.com"
    )
    assert "apis-secretmanager.googleapis.com" in [service.name for service in done.of(":Service")]
    assert done.outputs["routes"]["developerApi"] == {
        "model": "gemini-3.8-flash",
        "keySecret": "projects/my-project/secrets/gemini-developer-api-key/versions/latest",
    }
    assert KEY not in repr(done.outputs)
    others = [resource for resource in done.resources if not resource.typ.endswith(":SecretVersion")]
    assert KEY not in repr([resource.inputs for resource in others])
    assert not any(KEY in file.read_text() for file in Path("k8s").iterdir())


def test_a_cluster_takes_routes_and_key_by_one_provider() -> None:
    """That of the service account, in its namespace, whose ConfigMaps and Secrets change in place."""
    config = managed_stack() | FALLBACK | {"gemini-vertex:kubernetes": {"context": "mine", "createNamespace": True}}
    config["gemini-vertex:fallback"] = config["gemini-vertex:fallback"] | {"store": "kubernetes"}
    done = run_program(config, "managed", secrets=("gemini-vertex:fallback",))
    objects = [done.one(f"core/v1:{kind}") for kind in ("ServiceAccount", "ConfigMap", "Secret")]
    assert len({each.provider for each in objects}) == 1
    assert {each.inputs["metadata"]["namespace"] for each in objects} == {"production"}
    assert not Path("k8s").exists()


def test_every_key_of_a_stack_file_is_described_in_pulumi_yaml() -> None:
    """The one list of keys has those that the code takes."""
    from settings.load import _KEYS
    from settings.serving import MODEL_KEYS

    described = (ROOT / "Pulumi.yaml").read_text(encoding="utf-8")
    keys = [
        *_KEYS,
        *MODEL_KEYS,
        "api",
        "scheme",
        "apiKey",
        "store",
        "secretName",
        "requestsPerMinute",
        "accessLevels",
        "createNamespace",
    ]
    assert [key for key in keys if f" {key} " not in described and f":{key} " not in described] == []
