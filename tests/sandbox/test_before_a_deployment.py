"""What somebody asks before deploying: clusters, prices, permissions on an access policy."""

from sandbox.testing import SandboxHandle
from tests.sandbox.google import ORGANIZATION, Google, refusal


def test_the_project_has_a_cluster_with_workload_identity(sandbox: SandboxHandle) -> None:
    """Listed in its own region and in all, once the API is enabled."""
    container = Google(sandbox, "container")
    path = f"{container.project}/locations"
    assert refusal(container, "GET", f"{path}/-/clusters").details[0]["reason"] == "SERVICE_DISABLED"
    sandbox.enable("container")
    (cluster,) = container("GET", f"{path}/-/clusters")["clusters"]
    assert cluster["workloadIdentityConfig"] == {"workloadPool": "sandbox-project.svc.id.goog"}
    assert container("GET", f"{path}/us-central1/clusters/sandbox") == cluster
    assert container("GET", f"{container.project}/zones/-/clusters")["clusters"] == [cluster]
    assert container("GET", f"{path}/europe-west4/clusters") == {}
    assert refusal(container, "GET", f"{path}/us-central1/clusters/other").status == "NOT_FOUND"
    stranger = Google(sandbox, "container", caller="stranger@sandbox.example")
    assert "container.clusters.list" in refusal(stranger, "GET", f"{path}/-/clusters").message


def test_the_catalogue_prices_a_node_by_core_and_memory(sandbox: SandboxHandle) -> None:
    """4 cores and 15 GiB of N1 come to the 0.219 USD an hour of the pricing page."""
    billing = Google(sandbox, "cloudbilling")
    (service,) = billing("GET", "services")["services"]
    skus = billing("GET", f"{service['name']}/skus")["skus"]
    prices = {
        sku["description"]: sku["pricingInfo"][0]["pricingExpression"]["tieredRates"][0]["unitPrice"] for sku in skus
    }
    n1 = "Vertex AI: Online/Batch Prediction N1 Predefined Instance"
    core, ram = prices[f"{n1} Core running in Americas"], prices[f"{n1} Ram running in Americas"]
    assert round((4 * core["nanos"] + 15 * ram["nanos"]) / 1e9, 3) == 0.218
    assert len({sku["skuId"] for sku in skus}) == len(skus)
    assert refusal(billing, "GET", "services/0000-0000-0000/skus").status == "NOT_FOUND"


def test_permissions_on_an_access_policy_are_those_on_its_organization(sandbox: SandboxHandle) -> None:
    """The administrator has them, a stranger does not."""
    policies = Google(sandbox, "accesscontextmanager")
    body = {"parent": f"organizations/{ORGANIZATION}", "title": "mine"}
    name = policies("POST", "accessPolicies", body)["response"]["name"]
    asked = {"permissions": ["accesscontextmanager.servicePerimeters.create"]}
    assert policies("POST", f"{name}:testIamPermissions", asked) == asked
    stranger = Google(sandbox, "accesscontextmanager", caller="stranger@sandbox.example")
    assert stranger("POST", f"{name}:testIamPermissions", asked) == {}
