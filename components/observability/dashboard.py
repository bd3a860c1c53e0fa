"""The dashboard as Cloud Monitoring's JSON (monitoring v1, Dashboard): tiles for each route, in a mosaic."""

from collections.abc import Mapping, Sequence
from typing import Any

from components.observability import signals
from components.observability.alerts import Watched
from components.observability.signals import ONLINE, PUBLISHER, Model, Route

Json = dict[str, Any]
COLUMNS, WIDTH, HEIGHT = 48, 24, 16


def dashboard(title: str, watched: Watched) -> Json:
    """The whole dashboard."""
    widgets: list[Json] = []
    if watched.endpoint:
        widgets += [_configured(watched.models), *_endpoint(watched, watched.endpoint)]
    for route in watched.routes:
        if route.name == "managed":
            widgets += _managed(watched, route)
    if watched.perimeter:
        widgets.append(
            {
                "title": "Perimeter violations",
                "logsPanel": {
                    "filter": signals.violations(watched.project),
                    "resourceNames": [f"projects/{watched.project}"],
                },
            }
        )
    tiles = [
        {
            "xPos": index % 2 * WIDTH,
            "yPos": index // 2 * HEIGHT,
            "width": WIDTH,
            "height": HEIGHT,
            "widget": widget,
        }
        for index, widget in enumerate(widgets)
    ]
    return {"displayName": title, "mosaicLayout": {"columns": COLUMNS, "tiles": tiles}}


def _endpoint(watched: Watched, route: Route) -> list[Json]:
    by = [route.by]
    replicas = {f"{name}: {m.max_replicas} at most": m.max_replicas for name, m in watched.models.items() if m.scales}
    found = [
        _chart("Requests by model", "1/s", [_series(route.filter(route.responses), "ALIGN_RATE", "REDUCE_SUM", by)]),
        _errors(watched, route),
        _latencies(watched, route, "Latency", route.latency_type),
        _chart(
            "Replicas and their target",
            "replicas",
            [
                _series(route.filter(ONLINE + "replicas"), "ALIGN_MAX", "REDUCE_MAX", by, "replicas "),
                _series(route.filter(ONLINE + "target_replicas"), "ALIGN_MAX", "REDUCE_MAX", by, "target "),
            ],
            replicas,
        ),
        _chart(
            "CPU utilisation",
            "of one CPU",
            [_series(route.filter(ONLINE + "cpu/utilization"), "ALIGN_MEAN", "REDUCE_MEAN", by)],
        ),
    ]
    if any(model.accelerated for model in watched.models.values()):
        duty = _series(route.filter(ONLINE + "accelerator/duty_cycle"), "ALIGN_MEAN", "REDUCE_MEAN", by)
        found.append(_chart("Accelerator duty cycle", "of the time", [duty]))
    if len(watched.models) > 1:
        configured = {f"{name}: {model.percent} % configured": model.percent for name, model in watched.models.items()}
        found.append(
            _chart("Traffic split, live and configured", "%", [_promql(signals.live_split(route))], configured)
        )
    return found


def _managed(watched: Watched, route: Route) -> list[Json]:
    tokens = route.filter(PUBLISHER + "token_count")
    consumed = route.filter(PUBLISHER + "consumed_token_throughput")
    return [
        _chart(
            "Managed: invocations by model",
            "1/s",
            [_series(route.filter(route.responses), "ALIGN_RATE", "REDUCE_SUM", [route.by])],
        ),
        _errors(watched, route, "Managed: "),
        _latencies(watched, route, "Managed: latency", route.latency_type),
        _chart(
            "Managed: first token latency",
            "ms",
            [
                _series(
                    route.filter(PUBLISHER + "first_token_latencies"),
                    f"ALIGN_PERCENTILE_{percent}",
                    "REDUCE_MAX",
                    [route.by],
                    f"p{percent} ",
                )
                for percent in ("50", "95")
            ],
        ),
        _chart(
            "Managed: tokens in and out",
            "1/s",
            [_series(tokens, "ALIGN_RATE", "REDUCE_SUM", [route.by, "metric.labels.type"])],
        ),
        _chart(
            "Managed: consumed token throughput, dedicated and shared",
            "1/s",
            [_series(consumed, "ALIGN_RATE", "REDUCE_SUM", ["metric.labels.request_type"])],
        ),
    ]


def _configured(models: Mapping[str, Model]) -> Json:
    """What the charts' ids stand for."""
    rows = [
        f"| {name} | {model.id} | {model.percent} % | {model.max_replicas or '-'} |" for name, model in models.items()
    ]
    head = ["| model | deployed model id | traffic | replicas at most |", "|---|---|---|---|"]
    return {"title": "As configured", "text": {"content": "\n".join([*head, *rows]), "format": "MARKDOWN"}}


def _errors(watched: Watched, route: Route, prefix: str = "") -> Json:
    limit = watched.error_ratio_percent
    title = f"{prefix}{'errors' if prefix else 'Errors'} by code, of all responses"
    return _chart(title, "%", [_promql(signals.error_ratio_by_code(route))], {f"alert above {limit:g} %": limit})


def _latencies(watched: Watched, route: Route, title: str, term: str) -> Json:
    limit = watched.latency_seconds
    return _chart(
        f"{title}, p50 and p95",
        "ms",
        [
            _series(
                route.filter(route.latencies, term),
                f"ALIGN_PERCENTILE_{percent}",
                "REDUCE_MAX",
                [route.by],
                f"p{percent} ",
            )
            for percent in ("50", "95")
        ],
        {f"alert when p95 is above {limit:g} s": limit * 1000},
    )


def _chart(
    title: str, unit: str, series: Sequence[Json], thresholds: Mapping[str, float | int | None] | None = None
) -> Json:
    chart: Json = {"dataSets": list(series), "yAxis": {"label": unit, "scale": "LINEAR"}}
    if thresholds:
        chart["thresholds"] = [{"label": label, "value": value} for label, value in thresholds.items()]
    return {"title": title, "xyChart": chart}


def _series(filter_: str, aligner: str, reducer: str, by: Sequence[str], legend: str = "") -> Json:
    aggregation = {
        "alignmentPeriod": "60s",
        "perSeriesAligner": aligner,
        "crossSeriesReducer": reducer,
        "groupByFields": list(by),
    }
    labels = " ".join(f"${{{label}}}" for label in by)
    return {
        "plotType": "LINE",
        "legendTemplate": f"{legend}{labels}",
        "timeSeriesQuery": {"timeSeriesFilter": {"filter": filter_, "aggregation": aggregation}},
    }


def _promql(query: str) -> Json:
    return {"plotType": "LINE", "timeSeriesQuery": {"prometheusQuery": query}}
