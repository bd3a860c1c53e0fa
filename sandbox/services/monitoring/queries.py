"""Prometheus' HTTP API over Cloud Monitoring: query and query_range.

Source: prometheus.io/docs/prometheus/latest/querying/api.
"""

import json
from datetime import datetime
from urllib.parse import parse_qsl

from sandbox.errors import Json, invalid_argument
from sandbox.registry import Call, Raw, method
from sandbox.services.monitoring import kept, promql, promql_values
from sandbox.services.monitoring.promql import Node
from sandbox.services.monitoring.promql_values import Labels

_API = "monitoring.projects.location.prometheus.api.v1."
_MOST_POINTS = 11_000


@method(_API + "query")
def query(call: Call) -> Raw:
    """The value of a query at one time, now by default."""
    tree = _parsed(call)
    if isinstance(tree, Raw):
        return tree
    at = _time(call, "time", call.sandbox.clock.now())
    try:
        value = promql_values.evaluate(call.sandbox, tree, at)
    except promql.PromqlError as error:
        return _refused(error)
    if isinstance(value, float):
        return _raw({"resultType": "scalar", "result": [at, str(value)]})
    rows = [{"metric": dict(labels), "value": [at, str(number)]} for labels, number in value.items()]
    return _raw({"resultType": "vector", "result": rows})


@method(_API + "query_range")
def query_range(call: Call) -> Raw:
    """The values of a query at even times from start to end."""
    tree = _parsed(call)
    if isinstance(tree, Raw):
        return tree
    end = _time(call, "end", call.sandbox.clock.now())
    start, step = _time(call, "start", end), _seconds(_body(call).get("step", "60"))
    if step <= 0 or (end - start) / step > _MOST_POINTS:
        return _refused(promql.PromqlError("exceeded maximum resolution of 11,000 points per timeseries"))
    found: dict[Labels, list[list[float | str]]] = {}
    at = start
    try:
        while at <= end:
            value = promql_values.evaluate(call.sandbox, tree, at)
            for labels, number in (value if isinstance(value, dict) else {(): value}).items():
                found.setdefault(labels, []).append([at, str(number)])
            at += step
    except promql.PromqlError as error:
        return _refused(error)
    rows = [{"metric": dict(labels), "values": values} for labels, values in found.items()]
    return _raw({"resultType": "matrix", "result": rows})


def _parsed(call: Call) -> Node | Raw:
    kept.project(call, call.params["name"], "monitoring.timeSeries.list")
    try:
        tree = promql.parse(_body(call).get("query", ""))
        promql_values.check(tree)
    except promql.PromqlError as error:
        return _refused(error)
    return tree


def _body(call: Call) -> dict[str, str]:
    """The request: JSON, or a form, as Prometheus' own clients send it."""
    text = call.raw_body.decode(errors="replace")
    if call.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(text))
    try:
        found = json.loads(text or "{}")
    except ValueError:
        raise invalid_argument("Invalid JSON payload received.") from None
    return {name: str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _time(call: Call, name: str, default: float) -> float:
    given = _body(call).get(name)
    if not given:
        return default
    try:
        return float(given)
    except ValueError:
        return datetime.fromisoformat(given).timestamp()


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return promql.duration(text)


def _raw(data: Json) -> Raw:
    return Raw(json.dumps({"status": "success", "data": data}).encode())


def _refused(error: promql.PromqlError) -> Raw:
    return Raw(json.dumps({"status": "error", "errorType": "bad_data", "error": str(error)}).encode(), status=400)
