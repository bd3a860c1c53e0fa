"""Services and their service level objectives, and how fast an objective's error budget burns.

Rules: the discovery document's descriptions of monitoring v3; what burns: cloud.google.com/stackdriver/docs/solutions/
slo-monitoring/api/timeseries-selectors (the rate at which bad requests use the budget up; 1 uses it up exactly).
"""

import re
from typing import TYPE_CHECKING

from sandbox.errors import GoogleError, Json, already_exists, failed_precondition, invalid_argument
from sandbox.registry import Call, method
from sandbox.services.monitoring import conditions, kept
from sandbox.services.monitoring.conditions import SLO
from sandbox.services.monitoring.descriptors import METRICS
from sandbox.services.monitoring.timeseries import Aggregation, read

if TYPE_CHECKING:
    from sandbox.core import Sandbox

SERVICE = "monitoringService"
_SERVICE_ID = re.compile(r"[a-zA-Z0-9\-_:.]{1,63}")
_MOST_GOAL = 0.9999
_KINDS = (
    "custom",
    "basicService",
    "appEngine",
    "cloudEndpoints",
    "clusterIstio",
    "meshIstio",
    "cloudRun",
    "gkeService",
)


@method("monitoring.services.create")
def create_service(call: Call) -> Json:
    """A new custom service."""
    project = kept.project(call, call.params["parent"], "monitoring.services.create")
    service_id = call.query.get("serviceId") or kept.number()
    if not _SERVICE_ID.fullmatch(service_id):
        raise invalid_argument(
            f'Field service_id had an invalid value of "{service_id}": it must match [a-zA-Z0-9-_:.]+'
        )
    name = f"projects/{project['projectId']}/services/{service_id}"
    if call.sandbox.store.get(SERVICE, name):
        raise already_exists(f"Service {name} already exists.")
    if "custom" not in call.raw_body.decode(errors="replace"):
        raise GoogleError(501, "UNIMPLEMENTED", "The sandbox imitates custom services alone.")
    return _put_service(call, name, {**call.body, "custom": {}, "name": _numbered(project, name)})


@method("monitoring.services.get")
def get_service(call: Call) -> Json:
    """One service."""
    return kept.find(call, SERVICE, "monitoring.services.get")[1]


@method("monitoring.services.list")
def list_services(call: Call) -> Json:
    """The services of a project."""
    return kept.listed(call, SERVICE, "services", f"{call.params['parent']}/services", "monitoring.services.list")


@method("monitoring.services.patch")
def patch_service(call: Call) -> Json:
    """Replaces the fields of the mask, or the whole service."""
    name, service = kept.find(call, SERVICE, "monitoring.services.update")
    return _put_service(call, name, kept.changed(call, service, ("name", "custom")))


@method("monitoring.services.delete")
def delete_service(call: Call) -> Json:
    """Deletes a service without objectives."""
    name, _ = kept.find(call, SERVICE, "monitoring.services.delete")
    if call.sandbox.store.list(SLO, f"{name}/serviceLevelObjectives/"):
        raise failed_precondition(f"Service {name} has service level objectives: delete them first.")
    call.sandbox.store.delete(SERVICE, name)
    return {}


@method("monitoring.services.serviceLevelObjectives.create")
def create(call: Call) -> Json:
    """A new objective of a service."""
    parent, service = kept.find(call, SERVICE, "monitoring.slos.create", "parent")
    slo_id = call.query.get("serviceLevelObjectiveId") or kept.number()
    name = f"{parent}/serviceLevelObjectives/{slo_id}"
    if call.sandbox.store.get(SLO, name):
        raise already_exists(f"Service level objective {name} already exists.")
    return _put(call, name, {**call.body, "name": f"{service['name']}/serviceLevelObjectives/{slo_id}"})


@method("monitoring.services.serviceLevelObjectives.get")
def get(call: Call) -> Json:
    """One objective."""
    return kept.find(call, SLO, "monitoring.slos.get")[1]


@method("monitoring.services.serviceLevelObjectives.list")
def list_objectives(call: Call) -> Json:
    """The objectives of a service."""
    parent = f"{call.params['parent']}/serviceLevelObjectives"
    return kept.listed(call, SLO, "serviceLevelObjectives", parent, "monitoring.slos.list")


@method("monitoring.services.serviceLevelObjectives.patch")
def patch(call: Call) -> Json:
    """Replaces the fields of the mask, or the whole objective."""
    name, objective = kept.find(call, SLO, "monitoring.slos.update")
    return _put(call, name, kept.changed(call, objective, ("name",)))


@method("monitoring.services.serviceLevelObjectives.delete")
def delete(call: Call) -> Json:
    """Deletes an objective."""
    return kept.remove(call, SLO, "monitoring.slos.delete")


def burn_rate(sandbox: "Sandbox", objective: Json, seconds: float, at: float) -> float | None:
    """How many times faster than it may the error budget went in the last `seconds`; None without requests."""
    ratio = objective["serviceLevelIndicator"]["requestBased"]["goodTotalRatio"]

    def total(name: str) -> float | None:
        if name not in ratio:
            return None
        whole = Aggregation("ALIGN_DELTA", "REDUCE_SUM", seconds)
        found = read(sandbox, ratio[name], whole, at - seconds, at)
        return sum(
            float(point.value) for _, points in found for point in points if isinstance(point.value, int | float)
        )

    good, bad, every = total("goodServiceFilter"), total("badServiceFilter"), total("totalServiceFilter")
    bad = (every or 0) - (good or 0) if bad is None else bad
    every = (good or 0) + bad if every is None else every
    return bad / every / (1 - objective["goal"]) if every else None


def _put_service(call: Call, name: str, service: Json) -> Json:
    call.sandbox.store.put(SERVICE, name, service)
    return service


def _put(call: Call, name: str, objective: Json) -> Json:
    goal = objective.get("goal", 0)
    if not 0 < goal <= _MOST_GOAL:
        raise invalid_argument(
            f'Field service_level_objective.goal had an invalid value of "{goal}": 0 < goal <= {_MOST_GOAL}.'
        )
    days = float(objective.get("rollingPeriod", "0s").removesuffix("s")) / 86400
    if ("rollingPeriod" in objective) is ("calendarPeriod" in objective):
        raise invalid_argument("A service level objective has either a rolling_period or a calendar_period.")
    if "rollingPeriod" in objective and not (days.is_integer() and 1 <= days <= 30):
        raise invalid_argument(
            f'Field service_level_objective.rolling_period had an invalid value of "{objective["rollingPeriod"]}": it'
            " must be an integer multiple of 1 day no larger than 30 days."
        )
    _check_indicator(objective.get("serviceLevelIndicator", {}))
    call.sandbox.store.put(SLO, name, objective)
    return objective


def _check_indicator(indicator: Json) -> None:
    ratio = indicator.get("requestBased", {}).get("goodTotalRatio")
    if ratio is None:
        raise GoogleError(501, "UNIMPLEMENTED", "The sandbox imitates objectives on a goodTotalRatio alone.")
    if len(ratio) != 2:
        raise invalid_argument("good_total_ratio must specify exactly two of good, bad, and total.")
    for name, expression in ratio.items():
        metric = conditions.check_filter(expression, [], f"good_total_ratio.{name}", needs_resource=False)
        known = METRICS[metric]
        if known.kind not in ("DELTA", "CUMULATIVE") or known.value not in ("INT64", "DOUBLE"):
            raise invalid_argument(
                f'Field good_total_ratio.{name} had an invalid value of "{expression}": it must have ValueType = DOUBLE'
                " or ValueType = INT64 and must have MetricKind = DELTA or MetricKind = CUMULATIVE."
            )


def _numbered(project: Json, name: str) -> str:
    """The name as Google gives it back, with the project's number."""
    return f"projects/{project['projectNumber']}/{name.split('/', 2)[2]}"
