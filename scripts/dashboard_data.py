"""What a dashboard's queries give: time series by their labels, read as Cloud Monitoring's own page would read them."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import google.auth.transport.requests

from scripts.serving import SmokeError, call, credentials, host_url

Json = dict[str, Any]
MONITORING, LOGGING = "monitoring.googleapis.com", "logging.googleapis.com"


@dataclass(frozen=True)
class Line:
    """One time series: what it is called, and (seconds, value) points in the order of time."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass
class Source:
    """Cloud Monitoring and Cloud Logging of a project, from `start` to `end` in seconds.

    Methods raise SmokeError, a sentence, where they are refused.
    """

    project: str
    start: float
    end: float
    session: Any = field(
        default_factory=lambda: google.auth.transport.requests.AuthorizedSession(credentials()), repr=False
    )

    def lines(self, data_set: Json) -> list[Line]:
        """The lines of one data set of a chart."""
        query = data_set["timeSeriesQuery"]
        if "prometheusQuery" in query:
            return self._promql(query["prometheusQuery"])
        if "timeSeriesFilter" in query:
            part, legend = query["timeSeriesFilter"], data_set.get("legendTemplate", "")
            return self._filter(part["filter"], part.get("aggregation", {}), legend)
        raise SmokeError(f"This page does not draw queries of the kind {', '.join(query)}.")

    def entries(self, panel: Json) -> list[Json]:
        """The newest log entries of a logs panel, five at most."""
        span = f'timestamp>="{stamp(self.start)}" AND timestamp<="{stamp(self.end)}"'
        body = {
            "resourceNames": panel.get("resourceNames") or [f"projects/{self.project}"],
            "filter": f"({panel['filter']}) AND {span}",
            "orderBy": "timestamp desc",
            "pageSize": 5,
        }
        answer = call(self.session, "POST", f"{host_url(LOGGING)}/v2/entries:list", json=body)
        found: list[Json] = answer.get("entries", [])
        return found

    def policies(self) -> list[Json]:
        """The project's alert policies; those with an open alert have `open` set."""
        base = f"{host_url(MONITORING)}/v3/projects/{self.project}"
        policies: list[Json] = call(self.session, "GET", f"{base}/alertPolicies").get("alertPolicies", [])
        alerts = call(self.session, "GET", f"{base}/alerts").get("alerts", [])
        opened = {alert["policy"]["name"] for alert in alerts if alert.get("state") == "OPEN"}
        return [{**policy, "open": policy["name"] in opened} for policy in policies]

    def _filter(self, expression: str, aggregation: Json, legend: str) -> list[Line]:
        query = {f"aggregation.{name}": value for name, value in aggregation.items()}
        query |= {
            "filter": expression,
            "interval.startTime": stamp(self.start),
            "interval.endTime": stamp(self.end),
        }
        url = f"{host_url(MONITORING)}/v3/projects/{self.project}/timeSeries"
        series = call(self.session, "GET", url, params=query).get("timeSeries", [])
        return [Line(_legend(legend, one), _points(one["points"])) for one in series if one.get("points")]

    def _promql(self, query: str) -> list[Line]:
        url = f"{host_url(MONITORING)}/v1/projects/{self.project}/location/global/prometheus/api/v1/query_range"
        body = {"query": query, "start": stamp(self.start), "end": stamp(self.end), "step": "60s"}
        answer = call(self.session, "POST", url, json=body)
        rows = answer.get("data", {}).get("result", [])
        return [
            Line(
                " ".join(value for name, value in sorted(row["metric"].items()) if name != "__name__") or "all",
                [(float(at), float(value)) for at, value in row["values"] if value != "NaN"],
            )
            for row in rows
        ]


def stamp(seconds: float) -> str:
    """A time as the API takes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _points(points: Sequence[Json]) -> list[tuple[float, float]]:
    found = []
    for point in points:
        (kind, value), *_ = point["value"].items()
        number = value.get("mean", 0) if kind == "distributionValue" else value
        found.append((datetime.fromisoformat(point["interval"]["endTime"]).timestamp(), float(number)))
    return sorted(found)


def _legend(template: str, series: Json) -> str:
    """The template with ${metric.labels.x} and ${resource.labels.x} filled in; without one, all labels."""
    labels = {
        f"{part}.labels.{name}": value
        for part in ("metric", "resource")
        for name, value in series.get(part, {}).get("labels", {}).items()
    }
    if not template:
        return " ".join(labels.values()) or "all"
    return re.sub(r"\$\{([^}]+)\}", lambda found: labels.get(found[1], ""), template).strip() or json.dumps(labels)
