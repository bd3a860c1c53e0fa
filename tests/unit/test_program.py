"""The composed program: Pulumi.prod.yaml is the article's system, Pulumi.dev.yaml the smallest that serves."""

from pathlib import Path

import pulumi
import pytest

from settings.load import PROJECT_VARIABLES, REGION_VARIABLES
from tests.unit.configurations import managed
from tests.unit.programs import run_program, stack_file
from tests.unit.recorder import ADDRESS, DNS


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program writes k8s/serviceaccount.yaml where it runs, and looks at the environment for a project."""
    monkeypatch.chdir(tmp_path)
    for name in (*PROJECT_VARIABLES, *REGION_VARIABLES):
        monkeypatch.delenv(name, raising=False)


def test_prod_is_the_articles_system() -> None:
    """Names, shares, replicas and machines of the article's steps 2 to 4."""
    done = run_program(stack_file("prod"))
    endpoint = done.one(":AiEndpoint").inputs
    assert endpoint["displayName"] == "gemini-prod-endpoint"
    assert endpoint["privateServiceConnectConfig"] == {
        "enablePrivateServiceConnect": True,
        "projectAllowlists": ["my-project"],
        "pscAutomationConfigs": [{"projectId": "my-project", "network": "projects/my-project/global/networks/default"}],
    }
    assert "dedicatedEndpointEnabled" not in endpoint
    assert "network" not in endpoint
    shapes = {
        model.inputs["displayName"]: (
            model.inputs["machineType"],
            model.inputs["minReplicaCount"],
            model.inputs["maxReplicaCount"],
        )
        for model in done.of(":DeployedModel")
    }
    assert shapes == {
        "gemini-flash-primary": ("n1-standard-4", 2, 20),
        "gemini-pro-fallback": ("n1-standard-8", 1, 5),
    }
    targets = done.one(":TrafficSplit").inputs["targets"]
    assert {name: target["percent"] for name, target in targets.items()} == {
        "gemini-flash-primary": 95,
        "gemini-pro-fallback": 5,
    }


def test_prod_has_the_articles_identity_and_perimeter() -> None:
    """Steps 5 and 7: one Kubernetes account may predict; the perimeter watches."""
    done = run_program(stack_file("prod"))
    assert done.one(":Account").inputs["accountId"] == "gemini-inference-sa"
    assert done.one("serviceaccount/iAMMember:IAMMember").inputs["member"] == (
        "serviceAccount:my-project.svc.id.goog[production/gemini-app]"
    )
    perimeter = done.one("servicePerimeter:ServicePerimeter").inputs
    assert perimeter["title"] == "gemini-prod-perimeter"
    assert perimeter["name"] == "accessPolicies/555/servicePerimeters/gemini_prod_perimeter"
    assert perimeter["useExplicitDryRunSpec"] is True
    assert "status" not in perimeter
    assert done.one(":AccessPolicy").inputs == {"parent": "organizations/987654321098", "title": "prod-access-policy"}


def test_prod_enables_the_articles_apis_and_what_else_is_called() -> None:
    """Step 1, and the APIs of the other steps; all stay enabled on destroy."""
    done = run_program(stack_file("prod"))
    services = done.of("projects/service:Service")
    names = {service.inputs["service"].removesuffix(".googleapis.com") for service in services}
    assert names == {
        "aiplatform",
        "compute",
        "container",
        "cloudresourcemanager",
        "iam",
        "iamcredentials",
        "accesscontextmanager",
    }
    assert all(service.inputs["disableOnDestroy"] is False for service in services)


def test_prods_outputs_are_what_the_client_and_the_smoke_test_need() -> None:
    """Every documented output has its value."""
    outputs = run_program(stack_file("prod")).outputs
    deployed = outputs.pop("deployedModels")
    manifest = outputs.pop("kubernetesManifest")
    number = outputs.pop("endpointId")
    cost = outputs.pop("cost")
    routes = outputs.pop("routes")
    split = {"gemini-flash-primary": 95, "gemini-pro-fallback": 5}
    assert sorted(deployed) == sorted(split)
    assert len(set(deployed.values())) == 2
    assert "gemini-inference-sa@my-project.iam.gserviceaccount.com" in manifest
    assert (cost["idlePerHour"], cost["fullPerHour"], sorted(cost["models"])) == (0.876, 6.57, sorted(split))
    assert outputs == {
        "endpointName": f"projects/my-project/locations/us-central1/endpoints/{number}",
        "endpointHost": ADDRESS,
        "models": {
            "gemini-flash-primary": {"model": "publishers/google/models/gemini-3.8-flash"},
            "gemini-pro-fallback": {"model": "publishers/google/models/gemini-4-argon"},
        },
        "configuredTrafficSplit": split,
        "trafficSplit": split,
        "serviceAccountEmail": "gemini-inference-sa@my-project.iam.gserviceaccount.com",
        "perimeterMode": "dry-run",
        "clientEnvironment": {
            "GCP_PROJECT_ID": "my-project",
            "GCP_REGION": "us-central1",
            "VERTEX_ENDPOINT_ID": number,
            "GEMINI_ROUTES_FILE": "/etc/gemini/routes.json",
        },
    }
    assert routes == {
        "version": 1,
        "project": "my-project",
        "routes": [
            {
                "name": "gemini-prod-endpoint",
                "serving": "endpoint",
                "endpoint": outputs["endpointName"],
                "location": "us-central1",
                "host": ADDRESS,
                "api": "generateContent",
                "scheme": "http",
                "weight": 100,
                "fallbackOrder": 1,
                "models": {number: name for name, number in deployed.items()},
            }
        ],
    }


def test_a_first_preview_knows_the_endpoint_before_google_does() -> None:
    """Ids that follow from the configuration are shown; what only Google knows stays unknown, and nothing fails."""
    done = run_program(stack_file("prod"), preview=True)
    assert done.outputs["endpointId"].isdigit()
    assert done.outputs["clientEnvironment"]["VERTEX_ENDPOINT_ID"] == done.outputs["endpointId"]
    assert all(model.inputs["endpoint"] == done.outputs["endpointName"] for model in done.of(":DeployedModel"))
    assert isinstance(done.outputs["endpointHost"], pulumi.output.Unknown)
    assert isinstance(done.outputs["trafficSplit"], pulumi.output.Unknown)
    assert not Path("k8s").exists()


def test_dev_is_public_with_one_model_and_no_perimeter() -> None:
    """The smallest thing that serves."""
    done = run_program(stack_file("dev"), stack="dev")
    assert done.one(":AiEndpoint").inputs["dedicatedEndpointEnabled"] is True
    assert "privateServiceConnectConfig" not in done.one(":AiEndpoint").inputs
    model = done.one(":DeployedModel").inputs
    assert (model["minReplicaCount"], model["maxReplicaCount"]) == (1, 1)
    assert done.of(":ServicePerimeter") == []
    assert "apis-accesscontextmanager.googleapis.com" not in [service.name for service in done.of(":Service")]
    assert done.outputs["endpointHost"] == DNS
    assert done.outputs["trafficSplit"] == {"gemini-flash-dev": 100}
    assert done.outputs["perimeterMode"] == "off"


def test_a_tuned_gemini_goes_on_the_shared_host_without_machines() -> None:
    """The dev stack with a tuned model instead: no machine, no replicas, the region's own host."""
    config = stack_file("dev")
    config["gemini-vertex:endpoint"]["dedicated"] = False
    config["gemini-vertex:models"] = [{"name": "tuned", "model": "my-tuned"}]
    done = run_program(config, stack="dev")
    assert done.one(":AiEndpoint").inputs["dedicatedEndpointEnabled"] is False
    assert set(done.one(":DeployedModel").inputs) == {"endpoint", "model", "displayName"}
    assert done.outputs["endpointHost"] == "us-central1-aiplatform.googleapis.com"


def test_without_a_cluster_the_manifest_is_written_for_someone_else_to_apply() -> None:
    """`pulumi up` leaves k8s/serviceaccount.yaml, the same text as the output."""
    done = run_program(stack_file("dev"), stack="dev")
    assert Path("k8s/serviceaccount.yaml").read_text(encoding="utf-8") == done.outputs["kubernetesManifest"]


def test_with_a_cluster_the_account_is_applied_and_no_file_written() -> None:
    """A named context takes the file's place."""
    config = stack_file("dev") | {"gemini-vertex:kubernetes": {"context": "mine", "createNamespace": True}}
    done = run_program(config, stack="dev")
    assert done.one("core/v1:ServiceAccount").inputs["metadata"]["namespace"] == "development"
    assert done.one("core/v1:Namespace").inputs["metadata"] == {"name": "development"}
    assert not Path("k8s").exists()


def test_mistakes_end_the_program_with_their_lines_alone() -> None:
    """A RunError, which both Python language hosts print without a traceback."""
    config = stack_file("prod")
    del config["gcp:project"]
    with pytest.raises(pulumi.RunError) as caught:
        run_program(config | {"gemini-vertex:labels": []})
    assert [line.split(": ")[0].strip() for line in str(caught.value).splitlines()[1:]] == [
        "gcp:project",
        "gemini-vertex:labels",
    ]
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_base_gemini_is_refused_before_anything_is_registered() -> None:
    """On a real project preview says what Google would refuse after minutes, and names the ways out."""
    config = stack_file("prod")
    del config["vertex-serving:allowBaseGemini"]
    with pytest.raises(pulumi.RunError) as caught:
        run_program(config)
    assert str(caught.value).count("serving: managed") == 2
    assert "tuned model's" in str(caught.value)


def test_warnings_are_logged() -> None:
    """A preview model in dev is taken, with a word."""
    config = stack_file("dev")
    config["gemini-vertex:models"][0]["model"] = "gemini-3.1-pro-preview"
    assert run_program(config, stack="dev").log == [
        "gemini-vertex:models[0].model: gemini-3.1-pro-preview is a preview; use gemini-4-argon before production"
    ]


def test_the_day_of_a_preview_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """GEMINI_TODAY decides what is retired and what a token costs; what is no day is said in a sentence."""
    config = {**managed(model="gemini-2.5-flash-image"), "gcp:project": "my-project"}
    monkeypatch.setenv("GEMINI_TODAY", "2027-03-16")
    with pytest.raises(pulumi.RunError, match="was retired on 2027-03-15"):
        run_program(config)
    for day, price in (("2026-11-30", 2.0), ("2026-12-01", 4.0)):
        monkeypatch.setenv("GEMINI_TODAY", day)
        [argon] = (
            run_program({**managed(model="gemini-4-argon"), "gcp:project": "my-project"})
            .outputs["cost"]["models"]
            .values()
        )
        assert argon["perMillionTokens"]["input"] == price
    monkeypatch.setenv("GEMINI_TODAY", "soon")
    with pytest.raises(pulumi.RunError, match='GEMINI_TODAY is "soon"'):
        run_program(config)
