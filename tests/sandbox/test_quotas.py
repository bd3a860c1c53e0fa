"""Service Usage's and Cloud Quotas' view of one quota, and how more of it is asked for."""

from typing import Any

import pytest

from sandbox.testing import SandboxHandle
from tests.sandbox.google import PROJECT_NUMBER, Google, Json, refusal

CPUS = "aiplatform.googleapis.com/custom_model_serving_cpus"
QUOTA = "CustomModelServingCPUsPerProjectPerRegion"
PLACE = f"projects/{PROJECT_NUMBER}/locations/global"


@pytest.fixture
def quotas(sandbox: SandboxHandle) -> Google:
    sandbox.enable("cloudquotas")
    sandbox.set(servingQuota={"us-central1": {"custom_model_serving_cpus": 20}}, requestQuota={"*": {}})
    return Google(sandbox, "cloudquotas")


def metrics(sandbox: SandboxHandle) -> dict[str, Json]:
    usage = Google(sandbox, "serviceusage", "v1beta1")
    path = f"{usage.project}/services/aiplatform.googleapis.com/consumerQuotaMetrics"
    return {metric["metric"]: metric for metric in usage("GET", path, pageSize=1000)["metrics"]}


def preference(value: int, **more: Any) -> Json:
    return {
        "service": "aiplatform.googleapis.com",
        "quotaId": QUOTA,
        "dimensions": {"region": "us-central1"},
        "quotaConfig": {"preferredValue": str(value)},
        "contactEmail": "someone@sandbox.example",
        **more,
    }


def test_both_apis_tell_the_limits_of_the_settings(sandbox: SandboxHandle, quotas: Google) -> None:
    """The region that is set has its own bucket; all others have no limit."""
    (limit,) = metrics(sandbox)[CPUS]["consumerQuotaLimits"]
    assert limit["unit"] == "1/{project}/{region}"
    assert limit["quotaBuckets"] == [
        {"effectiveLimit": "-1", "defaultLimit": "-1"},
        {"effectiveLimit": "20", "defaultLimit": "20", "dimensions": {"region": "us-central1"}},
    ]
    path = f"{quotas.project}/locations/global/services/aiplatform.googleapis.com/quotaInfos"
    info = quotas("GET", f"{path}/{QUOTA}")
    assert info["metric"] == CPUS
    assert info["dimensionsInfos"][0] == {
        "dimensions": {"region": "us-central1"},
        "details": {"value": "20"},
        "applicableLocations": ["us-central1"],
    }
    assert info["dimensionsInfos"][1]["details"] == {"value": "-1"}
    listed = quotas("GET", path, pageSize=1000)["quotaInfos"]
    assert info in listed
    assert {each["metric"] for each in listed} == set(metrics(sandbox))


def test_an_increase_is_granted_after_a_while_and_counts(sandbox: SandboxHandle, quotas: Google) -> None:
    """Pending first, then the limit of the settings; a second request for the same quota is a patch."""
    sandbox.set(operationSeconds=3600)
    made = quotas("POST", f"{PLACE}/quotaPreferences", preference(100), quotaPreferenceId="mine")
    assert (made["reconciling"], made["quotaConfig"]["grantedValue"]) == (True, "20")
    assert "contactEmail" not in made
    assert refusal(quotas, "POST", f"{PLACE}/quotaPreferences", preference(200)).status == "ALREADY_EXISTS"
    sandbox.sandbox.clock.step(3601)
    granted = quotas("GET", f"{PLACE}/quotaPreferences/mine")
    assert "reconciling" not in granted
    assert granted["quotaConfig"]["grantedValue"] == "100"
    assert metrics(sandbox)[CPUS]["consumerQuotaLimits"][0]["quotaBuckets"][1]["effectiveLimit"] == "100"
    sandbox.set(operationSeconds=0)
    changed = quotas("PATCH", f"{PLACE}/quotaPreferences/mine", preference(120, etag=granted["etag"]))
    assert changed["quotaConfig"]["grantedValue"] == "120"
    stale = refusal(quotas, "PATCH", f"{PLACE}/quotaPreferences/mine", preference(130, etag=granted["etag"]))
    assert stale.status == "ABORTED"
    assert quotas("GET", f"{PLACE}/quotaPreferences")["quotaPreferences"] == [
        quotas("GET", f"{PLACE}/quotaPreferences/mine")
    ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"contactEmail": ""}, "contact_email is required"),
        ({"dimensions": {"region": "moon"}}, "region='moon'"),
        ({"quotaId": "Nonsense"}, "'Nonsense'"),
        ({"quotaConfig": {}}, "preferred_value is required"),
        ({"quotaConfig": {"preferredValue": "-2"}}, "at least -1"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(quotas: Google, change: Json, says: str) -> None:
    """In a sentence."""
    assert says in refusal(quotas, "POST", f"{PLACE}/quotaPreferences", preference(100, **change)).message


def test_reading_and_asking_need_their_permissions(sandbox: SandboxHandle, quotas: Google) -> None:
    """Somebody without a role neither reads nor asks, by either API."""
    stranger = Google(sandbox, "cloudquotas", caller="stranger@sandbox.example")
    refused = refusal(stranger, "POST", f"{PLACE}/quotaPreferences", preference(100))
    assert refused.details[0]["metadata"]["permission"] == "cloudquotas.quotas.update"
    usage = Google(sandbox, "serviceusage", "v1beta1", caller="stranger@sandbox.example")
    path = f"{usage.project}/services/aiplatform.googleapis.com/consumerQuotaMetrics/{CPUS.replace('/', '%2F')}"
    assert "serviceusage.quotas.get" in refusal(usage, "GET", path).message
    mine = Google(sandbox, "serviceusage", "v1beta1")
    assert mine("GET", path)["metric"] == CPUS
