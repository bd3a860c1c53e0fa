"""projects.dashboards. Rules: the discovery document's descriptions of monitoring v1, Dashboard and below."""

import hashlib
import json
import re
from collections.abc import Iterator

from sandbox.errors import GoogleError, Json, aborted, already_exists, invalid_argument
from sandbox.registry import Call, method
from sandbox.services.monitoring import conditions, kept

KIND = "dashboard"
_OWN = ("name", "etag")
_LAYOUTS = ("gridLayout", "mosaicLayout", "rowLayout", "columnLayout")
_MOST_COLUMNS = 48
_VARIABLE = re.compile(r"\$\{?\w+\}?")


@method("monitoring.projects.dashboards.create")
def create(call: Call) -> Json:
    """A new dashboard, called as the body's name says or by an id that is made here."""
    project = kept.project(call, call.params["parent"], "monitoring.dashboards.create")
    wanted = call.body.get("name", "").rpartition("/")[2] or hashlib.sha256(kept.number().encode()).hexdigest()[:32]
    stored = f"projects/{project['projectId']}/dashboards/{wanted}"
    if call.sandbox.store.get(KIND, stored):
        raise already_exists(f"Dashboard {stored} already exists.")
    return _put(call, stored, {**call.body, "name": f"projects/{project['projectNumber']}/dashboards/{wanted}"})


@method("monitoring.projects.dashboards.get")
def get(call: Call) -> Json:
    """One dashboard."""
    return kept.find(call, KIND, "monitoring.dashboards.get")[1]


@method("monitoring.projects.dashboards.list")
def list_dashboards(call: Call) -> Json:
    """The dashboards of a project."""
    return kept.listed(call, KIND, "dashboards", f"{call.params['parent']}/dashboards", "monitoring.dashboards.list")


@method("monitoring.projects.dashboards.patch")
def patch(call: Call) -> Json:
    """Replaces a dashboard; an etag must be the current one."""
    name, dashboard = kept.find(call, KIND, "monitoring.dashboards.update")
    if call.body.get("etag", dashboard["etag"]) != dashboard["etag"]:
        raise aborted("The etag of the dashboard is not the current one: read it again and send your change anew.")
    return _put(call, name, {**kept.without(call.body, _OWN), "name": dashboard["name"]})


@method("monitoring.projects.dashboards.delete")
def delete(call: Call) -> Json:
    """Deletes a dashboard."""
    return kept.remove(call, KIND, "monitoring.dashboards.delete")


def _put(call: Call, name: str, dashboard: Json) -> Json:
    _check(dashboard)
    digest = hashlib.sha256(json.dumps(dashboard, sort_keys=True).encode() + call.sandbox.clock.stamp().encode())
    whole = {**kept.without(dashboard, ("etag",)), "etag": digest.hexdigest()[:32]}
    if call.query.get("validateOnly") != "true":
        call.sandbox.store.put(KIND, name, whole)
    return whole


def _check(dashboard: Json) -> None:
    if not dashboard.get("displayName"):
        raise _invalid("displayName", "", "it is required.")
    given = [layout for layout in _LAYOUTS if layout in dashboard]
    if len(given) != 1:
        raise _invalid("layout", ", ".join(given), "a dashboard has exactly one layout.")
    mosaic = dashboard.get("mosaicLayout")
    if mosaic:
        _check_mosaic(mosaic)
    for path, data_set in _data_sets(dashboard, ""):
        _check_query(data_set.get("timeSeriesQuery", {}), f"{path}.timeSeriesQuery")


def _check_mosaic(mosaic: Json) -> None:
    columns = mosaic.get("columns", 0)
    if not 1 <= columns <= _MOST_COLUMNS:
        raise _invalid("mosaicLayout.columns", str(columns), "the number of columns must be between 1 and 48.")
    taken: dict[tuple[int, int], int] = {}
    for index, tile in enumerate(mosaic.get("tiles", [])):
        x, y = tile.get("xPos", 0), tile.get("yPos", 0)
        width, height = tile.get("width", 0), tile.get("height", 0)
        field = f"mosaicLayout.tiles[{index}]"
        if width < 1 or height < 1 or x < 0 or y < 0 or x + width > columns:
            raise _invalid(field, f"{x},{y} {width}x{height}", f"the tile must lie within the {columns} columns.")
        grouped = "collapsibleGroup" in tile.get("widget", {})
        for block in () if grouped else ((i, j) for i in range(x, x + width) for j in range(y, y + height)):
            if block in taken:
                raise _invalid(field, f"{x},{y} {width}x{height}", f"it overlaps tiles[{taken[block]}].")
            taken[block] = index


def _data_sets(value: object, path: str) -> Iterator[tuple[str, Json]]:
    """All that has a timeSeriesQuery, with its path."""
    if isinstance(value, dict):
        if "timeSeriesQuery" in value:
            yield path, value
        for name, inner in value.items():
            yield from _data_sets(inner, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _data_sets(inner, f"{path}[{index}]")


def _check_query(query: Json, field: str) -> None:
    if "prometheusQuery" in query:
        known = {"query": _VARIABLE.sub("1m", query["prometheusQuery"]), "disableMetricValidation": True}
        conditions.check_promql(known, field)
    elif "timeSeriesFilter" in query:
        part = query["timeSeriesFilter"]
        conditions.check_filter(part.get("filter", ""), _of(part), f"{field}.timeSeriesFilter", needs_resource=False)
    elif "timeSeriesFilterRatio" in query:
        for name, part in query["timeSeriesFilterRatio"].items():
            if name in ("numerator", "denominator"):
                conditions.check_filter(part.get("filter", ""), _of(part), f"{field}.{name}", needs_resource=False)
    else:
        raise GoogleError(501, "UNIMPLEMENTED", f"The sandbox does not imitate {sorted(query)} at {field}.")


def _of(part: Json) -> list[Json]:
    return [part[name] for name in ("aggregation", "secondaryAggregation") if name in part]


def _invalid(field: str, value: str, why: str) -> GoogleError:
    return invalid_argument(f'Field {field} had an invalid value of "{value}": {why}')
