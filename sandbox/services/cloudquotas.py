"""cloudquotas v1: what quota a project has, and preferences for more of it.

Rules: cloud.google.com/docs/quotas/api-overview, and gcloud's client of v1. Google looks at a request for hours or
days; here an increase is granted once `operationSeconds` have passed.
"""

import hashlib
import json
import uuid
from typing import TYPE_CHECKING

from sandbox import registry
from sandbox.errors import Json, aborted, already_exists, invalid_argument, not_found
from sandbox.operations import completion
from sandbox.registry import Call, method, not_imitated
from sandbox.services import iam_policies, quotas
from sandbox.services.paging import page
from sandbox.services.quotas import QUOTAS, SERVICE, UNLIMITED, Quota

if TYPE_CHECKING:
    from sandbox.core import Sandbox

KIND = "quotaPreference"
_READ, _CHANGE = "cloudquotas.quotas.get", "cloudquotas.quotas.update"
_PREFIX = "cloudquotas.projects.locations."

registry.needs_enabling("cloudquotas")


@registry.state_view(KIND)
def _hidden(_name: str, _value: Json, _seeded: Json | None) -> None:
    """A preference for quota outlives every stack, and cannot be deleted."""


@method(_PREFIX + "services.quotaInfos.list")
def list_infos(call: Call) -> Json:
    """The quotas of Vertex AI."""
    parent = _service(call, call.params["parent"])
    return page(call, "quotaInfos", [_info(call, parent, quota) for quota in QUOTAS], default=100, most=1000)


@method(_PREFIX + "services.quotaInfos.get")
def get_info(call: Call) -> Json:
    """One quota by its id."""
    service_name, _, quota_id = call.params["name"].partition("/quotaInfos/")
    return _info(call, _service(call, service_name), _quota(quota_id))


@method(_PREFIX + "quotaPreferences.list")
def list_preferences(call: Call) -> Json:
    """The preferences of a project; filters are not imitated."""
    project = _project(call, call.params["parent"], _READ)
    if call.query.get("filter"):
        raise not_imitated(call, "filters")
    kept = call.sandbox.store.list(KIND, f"{_place(project)}/").values()
    return page(call, "quotaPreferences", [_shown(value) for value in kept])


@method(_PREFIX + "quotaPreferences.get")
def get_preference(call: Call) -> Json:
    """One preference."""
    project = _project(call, call.params["name"], _READ)
    return _shown(_find(call, project, call.params["name"]))


@method(_PREFIX + "quotaPreferences.create")
def create(call: Call) -> Json:
    """Asks for another limit; one preference for each quota and its dimensions."""
    project = _project(call, call.params["parent"], _CHANGE)
    name = f"{_place(project)}/quotaPreferences/{call.query.get('quotaPreferenceId') or uuid.uuid4()}"
    for other_name, other in call.sandbox.store.list(KIND, f"{_place(project)}/").items():
        if other_name == name or all(other[key] == call.body.get(key, {}) for key in ("quotaId", "dimensions")):
            raise already_exists(f"Quota preference {other_name} already exists.")
    return _ask(call, name, {})


@method(_PREFIX + "quotaPreferences.patch")
def patch(call: Call) -> Json:
    """Changes a preference, or makes it with `allowMissing`."""
    project = _project(call, call.params["name"], _CHANGE)
    name = f"{_place(project)}/quotaPreferences/{call.params['name'].rpartition('/')[2]}"
    kept = call.sandbox.store.get(KIND, name)
    if kept is None and call.query.get("allowMissing") != "true":
        raise not_found(f"Quota preference {name} not found.")
    if kept and call.body.get("etag") and call.body["etag"] != _etag(kept):
        raise aborted(f"The etag of {name} does not match: it was changed meanwhile. Read it again, then retry.")
    return _ask(call, name, kept or {})


@completion("cloudquotas.grant")
def _grant(sandbox: "Sandbox", operation: Json) -> Json:
    kept = sandbox.store.get(KIND, operation["args"]["preference"])
    if kept is not None:
        region, value = kept["dimensions"]["region"], int(kept["quotaConfig"]["preferredValue"])
        quotas.raise_limit(sandbox, _quota(kept["quotaId"]), region, value)
        sandbox.store.put(KIND, kept["name"], {**kept, "granted": str(value)})
    return {}


def _ask(call: Call, name: str, kept: Json) -> Json:
    sandbox = call.sandbox
    wanted = {**kept, **{key: value for key, value in call.body.items() if key not in ("name", "etag")}, "name": name}
    if wanted.get("service") != SERVICE:
        raise not_imitated(call, f"quotas of {wanted.get('service')}")
    quota, region = _quota(wanted.get("quotaId", "")), wanted.get("dimensions", {}).get("region", "")
    if region not in quotas.regions():
        raise invalid_argument(f"Dimension region={region!r} is not one of quota {quota.quota_id}.")
    if "preferredValue" not in wanted.get("quotaConfig", {}):
        raise invalid_argument("quota_config.preferred_value is required.")
    has, prefers = quota.limit(sandbox, region), int(wanted["quotaConfig"]["preferredValue"])
    if prefers < UNLIMITED:
        raise invalid_argument("quota_config.preferred_value must be at least -1.")
    if has != UNLIMITED and (prefers > has or prefers == UNLIMITED) and not wanted.get("contactEmail"):
        raise invalid_argument("contact_email is required to request a quota increase.")
    if kept and (kept["quotaId"], kept["dimensions"]) != (wanted["quotaId"], wanted["dimensions"]):
        raise invalid_argument("The quota and the dimensions of a quota preference cannot change.")
    now = sandbox.clock.stamp()
    wanted |= {"createTime": kept.get("createTime", now), "updateTime": now, "granted": str(has)}
    wanted["quotaConfig"] = {**wanted["quotaConfig"], "preferredValue": str(prefers), "traceId": uuid.uuid4().hex}
    sandbox.store.put(KIND, name, wanted)
    grant = f"cloudquotas/{name}/{uuid.uuid4()}"
    sandbox.operations.start("cloudquotas.grant", grant, sandbox.settings.operation_seconds, {"preference": name})
    return _shown(sandbox.store.get(KIND, name) or wanted)


def _shown(kept: Json) -> Json:
    config = {**kept["quotaConfig"], "grantedValue": kept["granted"]}
    value = {key: field for key, field in kept.items() if key not in ("granted", "contactEmail")}
    waiting = kept["granted"] != kept["quotaConfig"]["preferredValue"]
    return {**value, "quotaConfig": config, "etag": _etag(kept), **({"reconciling": True} if waiting else {})}


def _etag(kept: Json) -> str:
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def _find(call: Call, project: Json, name: str) -> Json:
    full = f"{_place(project)}/quotaPreferences/{name.rpartition('/')[2]}"
    found = call.sandbox.store.get(KIND, full)
    if found is None:
        raise not_found(f"Quota preference {full} not found.")
    return found


def _place(project: Json) -> str:
    return f"projects/{project['projectNumber']}/locations/global"


def _project(call: Call, name: str, permission: str) -> Json:
    parts = name.split("/")
    project = call.sandbox.require_project(parts[1], "cloudquotas")
    iam_policies.require(call, f"projects/{project['projectId']}", permission)
    if parts[3] != "global":
        raise invalid_argument(f"The location of {name} must be global.")
    return project


def _service(call: Call, name: str) -> str:
    project = _project(call, name, _READ)
    service = name.rpartition("/")[2]
    if service != SERVICE:
        raise not_imitated(call, f"quotas of {service}")
    return f"{_place(project)}/services/{service}"


def _quota(quota_id: str) -> Quota:
    found = next((quota for quota in QUOTAS if quota.quota_id == quota_id), None)
    if found is None:
        raise not_found(f"Quota {quota_id!r} of service {SERVICE} not found.")
    return found


def _info(call: Call, parent: str, quota: Quota) -> Json:
    by_limit: dict[int, list[str]] = {}
    for region in quotas.regions():
        by_limit.setdefault(quota.limit(call.sandbox, region), []).append(region)
    infos: list[Json] = [
        {"dimensions": {"region": region}, "details": {"value": str(limit)}, "applicableLocations": [region]}
        for limit, named in by_limit.items()
        if limit != UNLIMITED
        for region in named
    ]
    if UNLIMITED in by_limit:
        infos.append({"details": {"value": str(UNLIMITED)}, "applicableLocations": by_limit[UNLIMITED]})
    return {
        "name": f"{parent}/quotaInfos/{quota.quota_id}",
        "quotaId": quota.quota_id,
        "metric": f"{SERVICE}/{quota.metric}",
        "service": SERVICE,
        "isPrecise": not quota.minute,
        **({"refreshInterval": "minute"} if quota.minute else {}),
        "containerType": "PROJECT",
        "dimensions": ["region"],
        "metricDisplayName": quota.title,
        "quotaDisplayName": quota.display_name,
        "metricUnit": "1",
        "quotaIncreaseEligibility": {"isEligible": True},
        "dimensionsInfos": infos,
    }
