"""serviceusage v1beta1 consumerQuotaMetrics: what quota a project has of Vertex AI, by metric and region.

Rules: the discovery document's descriptions. Overrides are not imitated: the settings are the limits.
"""

from sandbox.errors import Json, not_found
from sandbox.registry import Call, method, not_imitated
from sandbox.services import iam_policies, quotas
from sandbox.services.paging import page
from sandbox.services.quotas import QUOTAS, SERVICE, UNLIMITED, Quota

PERMISSION = "serviceusage.quotas.get"


@method("serviceusage.services.consumerQuotaMetrics.list")
def list_metrics(call: Call) -> Json:
    """All metrics of Vertex AI, each with its limit and the buckets of the regions whose limit is not the default."""
    parent = _parent(call, call.params["parent"])
    return page(call, "metrics", [_shown(call, parent, quota) for quota in QUOTAS], default=100, most=1000)


@method("serviceusage.services.consumerQuotaMetrics.get")
def get_metric(call: Call) -> Json:
    """One metric."""
    service_name, _, wanted = call.params["name"].partition("/consumerQuotaMetrics/")
    parent = _parent(call, service_name)
    metric = wanted.replace("%2F", "/").removeprefix(f"{SERVICE}/")
    found = next((quota for quota in QUOTAS if quota.metric == metric), None)
    if found is None:
        raise not_found(f"Quota metric '{wanted}' not found for service '{SERVICE}'.")
    return _shown(call, parent, found)


def _parent(call: Call, name: str) -> str:
    kind, project, _, service = [*name.split("/"), "", "", ""][:4]
    if kind != "projects":
        raise not_imitated(call, f"quotas of {kind}")
    found = call.sandbox.require_project(project, "serviceusage")
    iam_policies.require(call, f"projects/{found['projectId']}", PERMISSION)
    if service != SERVICE:
        raise not_imitated(call, f"quotas of {service}")
    return f"projects/{found['projectNumber']}/services/{service}"


def _shown(call: Call, parent: str, quota: Quota) -> Json:
    name = f"{parent}/consumerQuotaMetrics/{SERVICE}%2F{quota.metric}"
    buckets: list[Json] = [{"effectiveLimit": str(UNLIMITED), "defaultLimit": str(UNLIMITED)}]
    for region in quotas.regions():
        limit = quota.limit(call.sandbox, region)
        if limit != UNLIMITED:
            shown = {"effectiveLimit": str(limit), "defaultLimit": str(limit), "dimensions": {"region": region}}
            buckets.append(shown)
    unit = "%2F".join(["", *(["min"] if quota.minute else []), "project", "region"])
    return {
        "name": name,
        "metric": f"{SERVICE}/{quota.metric}",
        "displayName": quota.title,
        "unit": "1",
        "consumerQuotaLimits": [
            {
                "name": f"{name}/limits/{unit}",
                "metric": f"{SERVICE}/{quota.metric}",
                "unit": quota.unit,
                "isPrecise": not quota.minute,
                "quotaBuckets": buckets,
            }
        ],
    }
