"""gcloud on what preflight looks at: clusters, and quotas."""

import pytest

from sandbox.testing import SandboxHandle
from tests.clients.tools import Tool

QUOTA = "CustomModelServingCPUsPerProjectPerRegion"


@pytest.fixture
def gcloud(sandbox: SandboxHandle) -> Tool:
    sandbox.enable("container", "cloudquotas")
    return Tool("gcloud", sandbox)


def test_clusters_are_listed(gcloud: Tool) -> None:
    """With the pool that pods of the project are in."""
    (cluster,) = gcloud.json("container clusters list")
    assert cluster["workloadIdentityConfig"]["workloadPool"] == "sandbox-project.svc.id.goog"


def test_quota_is_read_and_asked_for(sandbox: SandboxHandle, gcloud: Tool) -> None:
    """As preflight does it, by gcloud's own client of Cloud Quotas."""
    sandbox.set(servingQuota={"us-central1": {"custom_model_serving_cpus": 42}})
    of = "--service=aiplatform.googleapis.com --project=sandbox-project"
    info = gcloud.json(f"beta quotas info describe {QUOTA} {of}")
    assert info["dimensionsInfos"][0]["details"]["value"] == "42"
    asked = f"--quota-id={QUOTA} --preferred-value=120 --dimensions=region=us-central1 --preference-id=mine"
    made = gcloud.json(f"beta quotas preferences create {of} {asked} --email=someone@sandbox.example")
    assert made["quotaConfig"]["grantedValue"] == "120"
