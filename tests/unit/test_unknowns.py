"""Components whose arguments are not known yet, as at the first preview of a larger program."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pulumi_gcp as gcp
import pytest

import components as parts
from tests.unit.recorder import Recorder, record


def unknown() -> Any:
    """An output that only Google knows: the name of a service account yet to be made."""
    return gcp.serviceaccount.Account("other", account_id="other-account", project="my-project").name


def previewed(make: Callable[[Any], dict[str, Any]]) -> Recorder:
    """What `make` registers in a preview, given something unknown."""
    return record(lambda: make(unknown()), preview=True)


def is_unknown(value: Any) -> bool:
    """Whether Pulumi does not know `value` yet."""
    return isinstance(value, pulumi.output.Unknown)


def test_a_deployment_on_an_unknown_endpoint_previews() -> None:
    """Its model and machine are shown; its id waits."""

    def make(endpoint: Any) -> dict[str, Any]:
        args = parts.GeminiDeploymentArgs(
            project="p", region="r", endpoint=endpoint, model="m", display_name="mine", machine_type="n1-standard-4"
        )
        made = parts.GeminiDeployment("mine", args)
        return {"id": made.deployed_model_id, "model": made.model, "host": made.private_host}

    done = previewed(make)
    inputs = done.one(":DeployedModel").inputs
    assert is_unknown(inputs["endpoint"])
    assert inputs["model"] == done.outputs["model"] == "projects/p/locations/r/models/m"
    assert is_unknown(done.outputs["id"])
    assert is_unknown(done.outputs["host"])


def test_a_deployment_of_an_unknown_model_previews() -> None:
    """A model that another resource of the program registers."""

    def make(model: Any) -> dict[str, Any]:
        args = parts.GeminiDeploymentArgs(
            project="p", region="r", endpoint="e", model=model, display_name="mine", machine_type="n1-standard-4"
        )
        return {"model": parts.GeminiDeployment("mine", args).model}

    assert is_unknown(previewed(make).one(":DeployedModel").inputs["model"])


def test_a_binding_in_an_unknown_project_previews() -> None:
    """The role is known, the member is not."""

    def make(project: Any) -> dict[str, Any]:
        args = parts.WorkloadIdentityBindingArgs(project=project, namespace="n", kubernetes_service_account="k")
        return {"email": parts.WorkloadIdentityBinding("sa", args).service_account_email}

    done = previewed(make)
    binding = done.one("serviceaccount/iAMMember:IAMMember").inputs
    assert binding["role"] == "roles/iam.workloadIdentityUser"
    assert is_unknown(binding["member"])
    assert is_unknown(done.outputs["email"])


def test_a_manifest_for_an_unknown_account_writes_nothing(tmp_path: Path) -> None:
    """There is no text to write yet."""
    path = tmp_path / "serviceaccount.yaml"

    def make(email: Any) -> dict[str, Any]:
        args = parts.KsaManifestArgs(name="k", namespace="n", service_account_email=email, path=path)
        return {"manifest": parts.KsaManifest("ksa", args).manifest}

    assert is_unknown(previewed(make).outputs["manifest"])
    assert not path.exists()


@pytest.mark.parametrize("mode", ["dry-run", "enforced"])
def test_a_perimeter_around_an_unknown_project_previews(mode: Any) -> None:
    """Its services are known, its resources are not."""

    def make(project: Any) -> dict[str, Any]:
        args = parts.ServicePerimeterArgs(
            perimeter_id="fence", title="Fence", projects=[project], mode=mode, access_policy="7"
        )
        return {"name": parts.ServicePerimeter("fence", args).resource_name}

    done = previewed(make)
    fence = done.one("servicePerimeter:ServicePerimeter").inputs["spec" if mode == "dry-run" else "status"]
    assert all(is_unknown(resource) for resource in fence["resources"])
    assert fence["restrictedServices"] == ["aiplatform.googleapis.com"]


def test_a_split_of_unknown_ids_is_unknown() -> None:
    """Nothing is made up before the models are deployed."""
    done = previewed(lambda number: {"split": parts.split_by_name({"1": 100}, {"a": number})})
    assert is_unknown(done.outputs["split"])
