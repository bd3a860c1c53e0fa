"""docs/private-connectivity.md, typed from top to bottom."""

import shutil
from collections.abc import Callable

import pytest

from tests.docs.blocks import Reader, blocks
from tests.engine.conftest import Stack
from tests.preflight.conftest import APIS

TABLE = {
    "NETWORK": "default",
    "NETWORK_PROJECT": "sandbox-project",
    "SUBNETWORK": "default",
    "REGION": "us-central1",
}


def test_every_command_does_what_the_page_says(make_stack: Callable[..., Stack]) -> None:
    """An existing network with its administrator's policy, then one of the stack's own, an address and a name, and
    Google's APIs."""
    if not shutil.which("gcloud"):
        pytest.skip("gcloud is not installed")
    prod = make_stack("prod")
    # the project's APIs but that of policies, whose network has none yet
    prod.cloud.enable(*(api for api in APIS if api != "networkconnectivity"), "dns", "servicedirectory")
    policies = "projects/sandbox-project/locations/us-central1/serviceConnectionPolicies"
    prod.cloud.sandbox.store.delete("serviceConnectionPolicy", f"{policies}/vertex-ai")
    reader = Reader(prod.workspace.folder, prod.cloud.environ(), TABLE)

    existing, made, policy, name, apis = blocks("private-connectivity.md")
    reader.types(existing)
    reader.types(policy)
    assert prod.cloud.sandbox.store.get("serviceConnectionPolicy", f"{policies}/default-vertex-ai")
    said = reader.types("python scripts/preflight.py --stack prod")
    assert "default-vertex-ai lets Vertex AI connect in default" in " ".join(said.replace("│", " ").split())

    reader.types(made)
    reader.types(name)
    host = prod.workspace.outputs()["endpointHost"]
    assert host.endswith(".prediction.p.vertexai.goog")
    assert "projects/sandbox-project/global/networks/serving" in prod.state()["network"]

    assert "private APIs" in reader.types(apis)
    assert prod.workspace.outputs()["privateApis"]["address"] == "10.255.255.254"
    prod.destroy()
    assert set(prod.state()) == {"serviceConnectionPolicy"}
