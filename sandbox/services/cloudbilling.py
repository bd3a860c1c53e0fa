"""cloudbilling: that the sandbox's projects are billed, and the catalogue of what Vertex AI's machines cost."""

import hashlib
from pathlib import Path

import yaml

from sandbox.errors import Json, not_found
from sandbox.registry import Call, method, not_imitated
from sandbox.services import iam_policies
from sandbox.services.paging import page

ACCOUNT = "billingAccounts/000000-5A4DB0-000000"
_VERTEX_AI = "services/C7E2-9256-1C43"
_SKUS: list[Json] = yaml.safe_load((Path(__file__).parent / "cloudbilling_skus.yaml").read_text(encoding="utf-8"))
_EFFECTIVE = "2026-11-01T00:00:00Z"


@method("cloudbilling.services.list")
def list_services(call: Call) -> Json:
    """The one service whose prices are here."""
    shown = {"name": _VERTEX_AI, "serviceId": _VERTEX_AI.rpartition("/")[2], "displayName": "Vertex AI"}
    return page(call, "services", [shown])


@method("cloudbilling.services.skus.list")
def list_skus(call: Call) -> Json:
    """The catalogue's entries of a service, in USD; everybody may read them."""
    if call.query.get("currencyCode", "USD") != "USD":
        raise not_imitated(call, f"prices in {call.query['currencyCode']}")
    if call.params["parent"] != _VERTEX_AI:
        raise not_found(f"The service {call.params['parent']} is not found.")
    return page(call, "skus", [_sku(entry) for entry in _SKUS], default=5000, most=5000)


def _sku(entry: Json) -> Json:
    price = {"currencyCode": "USD", "units": "0", "nanos": entry["nanos"]}
    expression = {"usageUnit": entry["unit"], "tieredRates": [{"startUsageAmount": 0, "unitPrice": price}]}
    digest = hashlib.sha256(entry["description"].encode()).hexdigest().upper()
    sku_id = f"{digest[:4]}-{digest[4:8]}-{digest[8:12]}"
    return {
        "name": f"{_VERTEX_AI}/skus/{sku_id}",
        "skuId": sku_id,
        "description": entry["description"],
        "category": {
            "serviceDisplayName": "Vertex AI",
            "resourceFamily": "ApplicationServices",
            "resourceGroup": entry["group"],
            "usageType": "OnDemand",
        },
        "serviceRegions": entry["regions"],
        "pricingInfo": [{"pricingExpression": expression, "effectiveTime": _EFFECTIVE}],
        "serviceProviderName": "Google",
    }


@method("cloudbilling.projects.getBillingInfo")
def get_billing_info(call: Call) -> Json:
    """The billing account of a project; as on Google one that the caller may not see is refused."""
    project = call.sandbox.require_project(call.params["name"].removeprefix("projects/"), call.service)
    iam_policies.require(call, f"projects/{project['projectId']}", "resourcemanager.projects.get")
    return {
        "name": f"projects/{project['projectId']}/billingInfo",
        "projectId": project["projectId"],
        "billingAccountName": ACCOUNT,
        "billingEnabled": True,
    }
