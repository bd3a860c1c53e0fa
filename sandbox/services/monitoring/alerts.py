"""projects.alerts: which policies' conditions hold now. An alert is computed when it is asked for, and not kept.

A condition holds when each evaluation over its `duration` up to now, a minute apart, exceeded the threshold (or, for
PromQL, gave something). A log match holds for an hour after the entry. Source:
cloud.google.com/monitoring/alerts/concepts-indepth.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sandbox.errors import Json, not_found
from sandbox.listing import page
from sandbox.registry import Call, method
from sandbox.services import filters
from sandbox.services.audit import ENTRY
from sandbox.services.monitoring import kept, promql, promql_values
from sandbox.services.monitoring.conditions import BURN_RATE, slo_of
from sandbox.services.monitoring.objectives import burn_rate
from sandbox.services.monitoring.policies import KIND
from sandbox.services.monitoring.timeseries import Aggregation, read, settled

if TYPE_CHECKING:
    from sandbox.core import Sandbox

_MINUTE = 60.0
_LOG_SECONDS = 3600.0
Key = tuple[tuple[str, str], ...]


@method("monitoring.projects.alerts.list")
def list_alerts(call: Call) -> Json:
    """The alerts that are open now."""
    project = kept.project(call, call.params["parent"], "monitoring.alerts.list")
    wanted = filters.compiled(call.query.get("filter", ""))
    found = [alert for alert in open_alerts(call.sandbox, project["projectId"]) if wanted(alert)]
    chosen, token = page(found, call.query, 1000, 1000, of=call.params["parent"])
    answer: Json = {"alerts": chosen, "totalSize": len(found)} if chosen else {}
    return {**answer, "nextPageToken": token} if token else answer


@method("monitoring.projects.alerts.get")
def get(call: Call) -> Json:
    """One open alert."""
    project = kept.project(call, call.params["name"], "monitoring.alerts.get")
    number = call.params["name"].rpartition("/")[2]
    for alert in open_alerts(call.sandbox, project["projectId"]):
        if alert["name"].endswith(f"/{number}"):
            return alert
    raise not_found(f"Requested entity was not found: {call.params['name']}.")


def open_alerts(sandbox: "Sandbox", project: str) -> list[Json]:
    """An alert for each policy of the project that is enabled and whose conditions hold."""
    now = sandbox.clock.now()
    found = []
    for name, policy in sandbox.store.list(KIND, f"projects/{project}/").items():
        if not policy.get("enabled", True):
            continue
        holding = [_holding(sandbox, project, condition, now) for condition in policy["conditions"]]
        opens = all(holding) if policy["combiner"].startswith("AND") else any(holding)
        if opens:
            labels = next(iter(next(group for group in holding if group)))
            found.append(_alert(name, policy, labels, now))
    return found


def _alert(name: str, policy: Json, labels: Key, now: float) -> Json:
    number = int.from_bytes(hashlib.sha256(f"{name} {labels}".encode()).digest()[:7], "big")
    snapshot = {"name": name, "displayName": policy["displayName"]}
    for field in ("severity", "userLabels"):
        if field in policy:
            snapshot[field] = policy[field]
    return {
        "name": f"{name.split('/alertPolicies/')[0]}/alerts/{number}",
        "state": "OPEN",
        "openTime": datetime.fromtimestamp(now, UTC).isoformat().replace("+00:00", "Z"),
        "policy": snapshot,
        "metric": {"labels": dict(labels)},
    }


def _holding(sandbox: "Sandbox", project: str, condition: Json, now: float) -> set[Key]:
    """The labels of each series for which the condition holds."""
    if "conditionMatchedLog" in condition:
        return _logged(sandbox, project, condition["conditionMatchedLog"]["filter"], now)
    if "conditionPrometheusQueryLanguage" in condition:
        how = condition["conditionPrometheusQueryLanguage"]
        tree = promql.parse(how["query"])
        return _throughout(how, now, lambda at: _given(promql_values.evaluate(sandbox, tree, at)))
    how = condition["conditionThreshold"]
    return _throughout(how, now, lambda at: _exceeding(sandbox, how, at))


def _throughout(how: Json, now: float, exceeding: Callable[[float], set[Key]]) -> set[Key]:
    """What exceeds at every minute of the condition's duration, its ends included."""
    steps = int(float(how.get("duration", "0s").removesuffix("s")) // _MINUTE)
    found = exceeding(now)
    for step in range(1, steps + 1):
        if not found:
            break
        found &= exceeding(now - step * _MINUTE)
    return found


def _given(value: promql_values.Vector | float) -> set[Key]:
    return set(value) if isinstance(value, dict) else {()}


def _exceeding(sandbox: "Sandbox", how: Json, at: float) -> set[Key]:
    limit = how.get("thresholdValue", 0.0)
    at, above = settled(sandbox, at), how["comparison"] == "COMPARISON_GT"
    values = _burning(sandbox, how, at) if BURN_RATE.fullmatch(how["filter"].strip()) else _ratio(sandbox, how, at)
    return {key for key, value in values.items() if (value > limit if above else value < limit)}


def _burning(sandbox: "Sandbox", how: Json, at: float) -> dict[Key, float]:
    found = BURN_RATE.fullmatch(how["filter"].strip())
    objective = slo_of(sandbox, found.group(1)) if found else None
    if found is None or objective is None:  # deleted since
        return {}
    rate = burn_rate(sandbox, objective, promql.duration(found.group(2)), at)
    return {} if rate is None else {(("slo", objective["name"]),): rate}


def _ratio(sandbox: "Sandbox", how: Json, at: float) -> dict[Key, float]:
    """The newest value of each series, divided by the denominator's with the same labels where there is one."""
    values = _newest(sandbox, how["filter"], how.get("aggregations", []), at)
    if not how.get("denominatorFilter"):
        return values
    below = _newest(sandbox, how["denominatorFilter"], how.get("denominatorAggregations", []), at)
    return {key: value / below[key] for key, value in values.items() if below.get(key)}


def _newest(sandbox: "Sandbox", expression: str, aggregations: list[Json], at: float) -> dict[Key, float]:
    aggregation = Aggregation.of(aggregations[0]) if aggregations else Aggregation()
    found = read(sandbox, expression, aggregation, at - max(aggregation.period, _MINUTE), at)
    values: dict[Key, float] = {}
    for header, points in found:
        labels = {**header["resource"].get("labels", {}), **header["metric"].get("labels", {})}
        value = points[0].value if points else None
        if isinstance(value, int | float):
            values[tuple(sorted(labels.items()))] = float(value)
    return values


def _logged(sandbox: "Sandbox", project: str, expression: str, now: float) -> set[Key]:
    wanted = filters.compiled(expression)
    return {
        (("logName", str(entry["logName"])),)
        for entry in sandbox.store.list(ENTRY).values()
        if entry["logName"].split("/")[1] == project
        and now - datetime.fromisoformat(entry["timestamp"]).timestamp() <= _LOG_SECONDS
        and wanted(entry)
    }
