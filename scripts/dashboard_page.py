"""The HTML page of a dashboard: tiles on a grid as Cloud Monitoring lays them, charts as SVG, no scripts."""

import json
import re
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from scripts.dashboard_chart import chart
from scripts.dashboard_data import Line, Source
from scripts.serving import SmokeError

Json = dict[str, Any]
_STYLE = Path(__file__).with_name("dashboard.css")


def render(dashboard: Json, source: Source | None) -> tuple[str, int]:
    """The page, and how many of its charts have data. Without a source nothing is asked, and nothing drawn in them."""
    names = _names(dashboard)
    mosaic = dashboard["mosaicLayout"]
    tiles, with_data = [], 0
    for tile in mosaic.get("tiles", []):
        inner, drawn = _widget(tile["widget"], source, names)
        with_data += drawn
        x, y = tile.get("xPos", 0) + 1, tile.get("yPos", 0) + 1
        place = f"grid-area: {y} / {x} / span {tile['height']} / span {tile['width']}"
        title = escape(tile["widget"].get("title", ""))
        tiles.append(f'<article class="tile" style="{place}"><h2>{title}</h2>{inner}</article>')
    title = escape(dashboard["displayName"])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE.read_text(encoding='utf-8')}</style></head><body><header><h1>{title}</h1>"
        f"<p>{_span(source)}</p></header>"
        f'<main class="mosaic" style="--columns: {mosaic["columns"]}">{"".join(tiles)}</main>'
        f"{_alerts(source)}</body></html>\n",
        with_data,
    )


def _span(source: Source | None) -> str:
    if source is None:
        return "Tiles alone, without data."
    start, end = (datetime.fromtimestamp(at, UTC) for at in (source.start, source.end))
    return f"Project {escape(source.project)}, {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC."


def _widget(widget: Json, source: Source | None, names: dict[str, str]) -> tuple[str, bool]:
    """The inside of a tile, and whether it is a chart with data."""
    if "text" in widget:
        return _text(widget["text"].get("content", "")), False
    if "logsPanel" in widget:
        return _logs(widget["logsPanel"], source), False
    if "xyChart" in widget:
        return _chart(widget, source, names)
    kinds = ", ".join(name for name in widget if name != "title")
    return f'<p class="note">This page does not draw widgets of the kind {escape(kinds)}.</p>', False


def _chart(widget: Json, source: Source | None, names: dict[str, str]) -> tuple[str, bool]:
    drawn: list[Line] = []
    notes = []
    for data_set in widget["xyChart"]["dataSets"]:
        if source is None:
            continue
        try:
            drawn += [Line(_named(line.name, names), line.points) for line in source.lines(data_set)]
        except SmokeError as error:
            notes.append(str(error))
    span = (source.start, source.end) if source else None
    thresholds = [(t.get("label", ""), float(t.get("value", 0))) for t in widget["xyChart"].get("thresholds", [])]
    unit = widget["xyChart"].get("yAxis", {}).get("label", "")
    if source and not drawn and not notes:
        notes.append("Nothing was measured in this time.")
    told = "".join(f'<p class="note">{escape(note)}</p>' for note in notes)
    queries = "".join(f"<pre>{escape(_query(each))}</pre>" for each in widget["xyChart"]["dataSets"])
    details = f"<details><summary>Queries</summary>{queries}</details>"
    return chart(widget.get("title", ""), unit, drawn, thresholds, span) + told + details, bool(drawn)


def _query(data_set: Json) -> str:
    query = data_set["timeSeriesQuery"]
    if "prometheusQuery" in query:
        return f"PromQL\n{query['prometheusQuery']}"
    part = query.get("timeSeriesFilter")
    if part is None:
        return json.dumps(query, indent=2)
    how = part.get("aggregation", {})
    names = ("alignmentPeriod", "perSeriesAligner", "crossSeriesReducer")
    shape = ", ".join(str(how[name]) for name in names if name in how)
    by = ", ".join(how.get("groupByFields", []))
    return f"{part['filter']}\n{shape}" + (f"\nby {by}" if by else "")


def _text(content: str) -> str:
    """Markdown's tables as tables, all else as paragraphs."""
    rows = [line.strip().strip("|").split("|") for line in content.splitlines() if line.strip().startswith("|")]
    rows = [row for row in rows if not all(re.fullmatch(r"\s*:?-+:?\s*", cell) for cell in row)]
    lines = [line for line in content.splitlines() if line.strip() and not line.strip().startswith("|")]
    told = "".join(f"<p>{escape(line)}</p>" for line in lines)
    if not rows:
        return told
    head, *body = [[escape(cell.strip()) for cell in row] for row in rows]
    heading = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    cells = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in body)
    return f"{told}<table><thead><tr>{heading}</tr></thead><tbody>{cells}</tbody></table>"


def _logs(panel: Json, source: Source | None) -> str:
    told = ""
    if source:
        try:
            entries = source.entries(panel)
            rows = "".join(f"<li>{escape(_entry(entry))}</li>" for entry in entries)
            told = f"<ul>{rows}</ul>" if entries else '<p class="note">No entry in this time.</p>'
        except SmokeError as error:
            told = f'<p class="note">{escape(str(error))}</p>'
    return f"{told}<details><summary>Queries</summary><pre>{escape(panel['filter'])}</pre></details>"


def _entry(entry: Json) -> str:
    payload = entry.get("protoPayload", {})
    who = payload.get("authenticationInfo", {})
    caller = who.get("principalEmail") or who.get("principalSubject", "")
    return " ".join(part for part in (entry.get("timestamp", ""), payload.get("methodName", ""), caller) if part)


def _alerts(source: Source | None) -> str:
    """The project's alert policies, those with an open alert first."""
    if source is None:
        return ""
    try:
        policies = sorted(source.policies(), key=lambda policy: (not policy["open"], policy["displayName"]))
    except SmokeError as error:
        return f'<section><h2>Alert policies</h2><p class="note">{escape(str(error))}</p></section>'
    rows = "".join(
        f"<tr><td>{'<strong>OPEN</strong>' if policy['open'] else 'quiet'}</td><td>{escape(policy.get('severity', ''))}"
        f"</td><td>{escape(policy['displayName'])}<ul>{_conditions(policy)}</ul></td>"
        f"<td>{escape(policy.get('documentation', {}).get('content', ''))}</td></tr>"
        for policy in policies
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Now", "Severity", "Opens when", "What to do"))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if rows else "<p>There are none.</p>"
    return f'<section class="alerts"><h2>Alert policies</h2>{table}</section>'


def _conditions(policy: Json) -> str:
    return "".join(f"<li>{escape(each.get('displayName', ''))}</li>" for each in policy["conditions"])


def _names(dashboard: Json) -> dict[str, str]:
    """Model names by deployed model id, from the table of what is configured, where the dashboard has one."""
    names = {}
    for tile in dashboard["mosaicLayout"].get("tiles", []):
        content = tile["widget"].get("text", {}).get("content", "")
        for line in content.splitlines():
            name, number, *_ = [*(cell.strip() for cell in line.strip().strip("|").split("|")), ""]
            if number.isdigit():
                names[number] = name
    return names


def _named(legend: str, names: dict[str, str]) -> str:
    return " ".join(names.get(word, word) for word in legend.split())
