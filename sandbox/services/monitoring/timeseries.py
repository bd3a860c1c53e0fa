"""projects.timeSeries.list. Rules: the discovery document's descriptions of monitoring v3.

A minute that is under way is shown as far as it has come; Google shows what is up to `metricsDelaySeconds` old.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sandbox.errors import Json, invalid_argument, not_found
from sandbox.listing import page
from sandbox.registry import Call, method, not_imitated
from sandbox.services import filters
from sandbox.services.aiplatform import metrics
from sandbox.services.monitoring.alignment import Point, aligned, reduced
from sandbox.services.monitoring.descriptors import METRICS, project_of
from sandbox.services.series import MINUTE, Key, Spread, Value, meter

if TYPE_CHECKING:
    from sandbox.core import Sandbox

_NONE = ("", "ALIGN_NONE", "REDUCE_NONE")


@method("monitoring.projects.timeSeries.list")
def list_time_series(call: Call) -> Json:
    """The time series of one metric that satisfy the filter, aligned and reduced as asked, newest points first."""
    project_of(call, "monitoring.timeSeries.list")
    query = call.query
    if query.get("secondaryAggregation.perSeriesAligner"):
        raise not_imitated(call, "secondaryAggregation")
    fields = [field for field in query.get("aggregation.groupByFields", "").split(",") if field]
    _check_metrics(call.sandbox, query.get("filter", ""))
    found = read(call.sandbox, query.get("filter", ""), Aggregation.of(query, "aggregation.", fields), *_interval(call))
    shown = [_shown(header, points, headers_only=query.get("view") == "HEADERS") for header, points in found]
    chosen, token = page(shown, query, 100_000, 100_000)
    answer: Json = {"timeSeries": chosen} if chosen else {}
    return {**answer, "nextPageToken": token} if token else answer


def _check_metrics(sandbox: "Sandbox", expression: str) -> None:
    """404 for a metric that there is not: none that metricDescriptors.list gives, and none that was written."""
    written = {key.metric for key in meter(sandbox).series()}
    for name in re.findall(r"""metric\.type\s*=\s*["']([^"']+)["']""", expression):
        if name not in METRICS and name not in written:
            raise not_found(
                f'Cannot find metric(s) that match type = "{name}". If a metric was created recently, it could take up'
                " to 10 minutes to become available. Please try again soon."
            )


@dataclass(frozen=True, slots=True)
class Aggregation:
    """How series are aligned and then reduced; `period` in seconds."""

    aligner: str = ""
    reducer: str = ""
    period: float = 0
    fields: Sequence[str] = ()

    @classmethod
    def of(cls, given: Mapping[str, Any], prefix: str = "", fields: Sequence[str] = ()) -> "Aggregation":
        """The Aggregation of a message, or of query parameters with a prefix."""
        return cls(
            given.get(f"{prefix}perSeriesAligner", ""),
            given.get(f"{prefix}crossSeriesReducer", ""),
            float(given.get(f"{prefix}alignmentPeriod", "0s").removesuffix("s")),
            fields or given.get("groupByFields", ()),
        )


def read(
    sandbox: "Sandbox", expression: str, aggregation: Aggregation, start: float, end: float
) -> list[tuple[Json, list[Point]]]:
    """The series of one metric that satisfy a filter, aligned and reduced, as (header, points newest first).

    Raises:
        GoogleError: 400 for a filter that names no metric or cannot be parsed, or an aggregation that does not fit.
    """
    if not re.search(r"metric\.type\b", expression):
        raise invalid_argument("Field filter had an invalid value: it must restrict metric.type to one metric.")
    wanted = filters.compiled(expression)
    metrics.sample_all(sandbox)
    found = [
        (_header(key), points_of(sandbox, key, values, start, end))
        for key, values in meter(sandbox).series().items()
        if wanted(_filtered(key))
    ]
    return _aggregated(aggregation, [(header, points) for header, points in found if points], start, end)


def _interval(call: Call) -> tuple[float, float]:
    if not call.query.get("interval.endTime"):
        raise invalid_argument("Field interval.endTime had an invalid value: it is required.")
    end = _seconds(call.query["interval.endTime"], "interval.endTime")
    start = call.query.get("interval.startTime")
    begin = _seconds(start, "interval.startTime") if start else end
    if begin > end:
        raise invalid_argument("Field interval had an invalid value: the start time must not be after the end time.")
    return begin, end


def _seconds(stamp: str, field: str) -> float:
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        raise invalid_argument(f"Field {field} had an invalid value: {stamp!r} is no time.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def settled(sandbox: "Sandbox", at: float) -> float:
    """The time up to which a query at `at` counts: the minute under way as far as it has come, else whole ones.

    What was counted in a minute has no finer time: half a minute of the past would count all of it, and twice.
    """
    return at if at // MINUTE >= sandbox.clock.now() // MINUTE else at // MINUTE * MINUTE


def points_of(sandbox: "Sandbox", key: Key, values: dict[int, Value], start: float, end: float) -> list[Point]:
    """The points that end in the interval, newest first."""
    visible = sandbox.clock.now() - sandbox.settings.metrics_delay_seconds
    gauge = METRICS[key.metric].kind == "GAUGE"
    points = []
    for minute in sorted(values, reverse=True):
        # A client's interval ends a moment before the sandbox reads it, in the minute that is under way.
        finish = min(minute + MINUTE, visible, end)
        if minute < visible and minute < end and finish >= start:
            points.append(Point(finish if gauge else minute, finish, values[minute]))
    return points


def _filtered(key: Key) -> Json:
    """What a filter sees: `label` and `labels` are the same."""
    labels, resource = dict(key.labels), dict(key.resource_labels)
    return {
        "metric": {"type": key.metric, "labels": labels, "label": labels},
        "resource": {"type": key.resource, "labels": resource, "label": resource},
    }


def _header(key: Key) -> Json:
    metric = METRICS[key.metric]
    return {
        "metric": {"type": key.metric, "labels": dict(key.labels)},
        "resource": {"type": key.resource, "labels": dict(key.resource_labels)},
        "metricKind": metric.kind,
        "unit": metric.unit,
    }


def _aggregated(
    aggregation: Aggregation, series: list[tuple[Json, list[Point]]], start: float, end: float
) -> list[tuple[Json, list[Point]]]:
    aligner, reducer, period = aggregation.aligner, aggregation.reducer, aggregation.period
    if aligner in _NONE:
        if reducer not in _NONE:
            raise invalid_argument("Field aggregation had an invalid value: a reducer needs a perSeriesAligner.")
        return series
    if period < MINUTE:
        raise invalid_argument(
            "Field aggregation.alignmentPeriod had an invalid value: it must be at least 60 seconds."
        )
    kept = aligner in ("ALIGN_DELTA", "ALIGN_NONE")
    series = [
        (h if kept else {**h, "metricKind": "GAUGE"}, aligned(list(reversed(p)), aligner, period, start, end))
        for h, p in series
    ]
    if reducer in _NONE:
        return series
    groups: dict[str, tuple[Json, list[list[Point]]]] = {}
    for header, points in series:
        reduced_header = _grouped(header, aggregation.fields)
        groups.setdefault(repr(reduced_header), (reduced_header, []))[1].append(points)
    return [(header, reduced(members, reducer)) for header, members in groups.values()]


def _grouped(header: Json, fields: Sequence[str]) -> Json:
    """A series' header with the labels alone that it is grouped by."""
    kept: Json = {**header, "metric": {"type": header["metric"]["type"]}, "resource": {**header["resource"]}}
    kept["resource"]["labels"] = {}
    for path in fields:
        part, _, label = path.partition(".")
        label = label.removeprefix("labels.").removeprefix("label.")
        value = header.get(part, {}).get("labels", {}).get(label)
        if value is not None:
            kept[part].setdefault("labels", {})[label] = value
    return kept


def _shown(header: Json, points: list[Point], *, headers_only: bool) -> Json:
    sample = points[0].value if points else 0
    kind = "DISTRIBUTION" if isinstance(sample, Spread) else "DOUBLE" if isinstance(sample, float) else "INT64"
    gauge = header["metricKind"] == "GAUGE"
    shown: Json = {**header, "valueType": kind}
    if not headers_only:
        shown["points"] = [
            {
                "interval": {"startTime": _stamp(p.end if gauge else p.start), "endTime": _stamp(p.end)},
                "value": _value(p.value),
            }
            for p in points
        ]
    return shown


def _value(value: Value) -> Json:
    if isinstance(value, Spread):
        return {"distributionValue": value.shown()}
    return {"doubleValue": value} if isinstance(value, float) else {"int64Value": str(value)}


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
