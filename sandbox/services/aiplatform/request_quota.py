"""Requests a minute, by project and region: predictions on the shared hosts, CRUD, and submissions of operations.

Source: cloud.google.com/vertex-ai/docs/quotas, "Request quotas" (30,000, 600 and 60 there); endpoints with a host of
their own have no such quota (docs: choose-endpoint-type). The settings say how many; by themselves they limit nothing.
The shape is Service Control's for any rate quota; the metrics' ids are not verified.
"""

import re

from sandbox import registry
from sandbox.errors import RPC, GoogleError, Json, error_info
from sandbox.registry import Call
from sandbox.services.aiplatform.names import ENDPOINT, SERVICE, parse
from sandbox.services.series import Key, meter, minute_of

_TITLES = {
    "online_prediction_requests": "Online prediction requests",
    "resource_management_requests": "Resource management (CRUD) requests",
    "lro_submission_requests": "Job or LRO submission requests",
}
_PREDICTION = re.compile(
    r"\.endpoints\.(predict|directPredict|(?:r|streamR|directR)awPredict|(?:g|streamG)enerateContent|chat\.completions)$"
)
_MINUTE = 60


@registry.gate
def count(call: Call) -> None:
    """Counts a call; Google's 429 where the minute's quota of its region is used up."""
    quota = call.sandbox.settings.request_quota
    if not quota or call.service != SERVICE:
        return
    named = next((value for value in call.params.values() if value.startswith("projects/")), "")
    if not re.match(r"projects/[^/]+/locations/[^/]+", named):
        return
    where = parse(call.sandbox, named)
    metric = _metric(call, named)
    limit = quota.get(where.location, quota.get("*", {})).get(metric)  # type: ignore[call-overload]
    if limit is None:
        return
    minute = int(call.sandbox.clock.now() // _MINUTE)
    used: dict[tuple[str, str, str], list[int]] = call.sandbox.memory.setdefault("request quota", {})
    counter = used.setdefault((where.project, where.location, metric), [minute, 0])
    if counter[0] != minute:
        counter[:] = [minute, 0]
    _measure(call, where.project, where.location, metric, limit)
    if counter[1] >= limit:
        raise _exceeded(where.project, where.location, metric, limit)
    counter[1] += 1


def _measure(call: Call, project: str, location: str, metric: str, limit: int) -> None:
    """Tells Cloud Monitoring how much of the quota is used (metrics_gcp_p_z#gcp-serviceruntime)."""
    known = call.sandbox.require_project(project, SERVICE)
    resource = (("location", location), ("project_id", known["projectId"]), ("service", f"{SERVICE}.googleapis.com"))
    named = ("quota_metric", f"aiplatform.googleapis.com/{metric}")
    now, measured = call.sandbox.clock.now(), meter(call.sandbox)
    usage = (("method", call.method_id), named)
    measured.count(Key("serviceruntime.googleapis.com/quota/rate/net_usage", usage, "consumer_quota", resource), now)
    of = (("limit_name", _limit_name(metric)), named)
    limits = Key("serviceruntime.googleapis.com/quota/limit", of, "consumer_quota", resource)
    measured.gauge(limits, minute_of(now), limit)


def _limit_name(metric: str) -> str:
    return "".join(part.capitalize() for part in metric.split("_")) + "PerMinutePerProjectPerRegion"


def _metric(call: Call, named: str) -> str:
    if _PREDICTION.search(call.method_id):
        endpoint: Json = call.sandbox.store.get(ENDPOINT, str(parse(call.sandbox, named))) or {}
        private = endpoint.get("privateServiceConnectConfig") or endpoint.get("network")
        return "" if private or endpoint.get("dedicatedEndpointEnabled") else "online_prediction_requests"
    if ".publishers." in call.method_id:
        return ""  # the managed API has a dynamic shared quota
    submits = call.method.response == "GoogleLongrunningOperation" and ".operations." not in call.method_id
    return "lro_submission_requests" if submits else "resource_management_requests"


def _exceeded(project: str, location: str, metric: str, limit: int) -> GoogleError:
    title = _TITLES[metric]
    metadata = {
        "service": "aiplatform.googleapis.com",
        "consumer": f"projects/{project}",
        "quota_metric": f"aiplatform.googleapis.com/{metric}",
        "quota_limit": _limit_name(metric),
        "quota_limit_value": str(limit),
        "quota_location": location,
        "quota_unit": "1/min/{project}/{region}",
    }
    link = {
        "description": "Request a higher quota limit.",
        "url": "https://cloud.google.com/docs/quotas/help/request_increase",
    }
    message = (
        f"Quota exceeded for quota metric '{title}' and limit '{title} per minute per region' of service"
        f" 'aiplatform.googleapis.com' for consumer 'project_number:{project}'."
    )
    details = [error_info("RATE_LIMIT_EXCEEDED", metadata), {"@type": RPC + "Help", "links": [link]}]
    return GoogleError(429, "RESOURCE_EXHAUSTED", message, details)
