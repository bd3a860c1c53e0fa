"""A line chart as SVG text, with thresholds and a legend; sizes are in the SVG's own units."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

from scripts.dashboard_data import Line

_WIDTH, _HEIGHT = 560, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 8, 8, 22
_TICKS = 4


def chart(
    title: str,
    unit: str,
    lines: Sequence[Line],
    thresholds: Sequence[tuple[str, float]],
    span: tuple[float, float] | None,
) -> str:
    """A figure: the SVG, then the legend with each line's newest value and each threshold."""
    top = _nice(max([value for _, value in thresholds] + [v for line in lines for _, v in line.points] + [0.0]))
    axis = "".join(_tick(top * step / _TICKS, top) for step in range(_TICKS + 1))
    hours = "".join(_hour(span, step / 3) for step in range(4)) if span else ""
    limits = "".join(_threshold(label, value, top) for label, value in thresholds)
    drawn = "".join(_line(line, number, top, span) for number, line in enumerate(lines)) if span else ""
    said = ", ".join(f"{line.name} {_shown(line.points[-1][1])}" for line in lines if line.points) or "no data"
    label = escape(f"{title}: {said}")
    return (
        f'<figure><svg role="img" aria-label="{label}" viewBox="0 0 {_WIDTH} {_HEIGHT}">'
        f'<text class="unit" x="{_LEFT}" y="{_HEIGHT - 6}">{escape(unit)}</text>{axis}{hours}{limits}{drawn}</svg>'
        f"<figcaption>{_legend(lines, thresholds, unit)}</figcaption></figure>"
    )


def _legend(lines: Sequence[Line], thresholds: Sequence[tuple[str, float]], unit: str) -> str:
    keys = [
        f'<li class="c{number % 8}">{escape(line.name)}: {_shown(line.points[-1][1])} {escape(unit)}</li>'
        for number, line in enumerate(lines)
        if line.points
    ]
    keys += [f'<li class="limit">{escape(label)}</li>' for label, _ in thresholds]
    return f"<ul>{''.join(keys)}</ul>" if keys else ""


def _line(line: Line, number: int, top: float, span: tuple[float, float] | None) -> str:
    places = [(_x(at, span), _y(value, top)) for at, value in line.points]
    path = " ".join(f"{'L' if n else 'M'}{x:.1f} {y:.1f}" for n, (x, y) in enumerate(places))
    ends = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in places[-1:])
    return f'<g class="c{number % 8}"><title>{escape(line.name)}</title><path d="{path}"/>{ends}</g>'


def _threshold(label: str, value: float, top: float) -> str:
    y = _y(value, top)
    return (
        f'<g class="limit"><title>{escape(label)}</title>'
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/></g>'
    )


def _tick(value: float, top: float) -> str:
    y = _y(value, top)
    return (
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}">{_shown(value)}</text>'
    )


def _hour(span: tuple[float, float], part: float) -> str:
    at = span[0] + (span[1] - span[0]) * part
    x = max(_LEFT + 60.0, _x(at, span))
    anchor = "end" if part else "start"
    shown = datetime.fromtimestamp(at, UTC).strftime("%H:%M")
    return f'<text class="hour" text-anchor="{anchor}" x="{x:.1f}" y="{_HEIGHT - 6}">{shown}</text>' if part else ""


def _x(at: float, span: tuple[float, float] | None) -> float:
    start, end = span or (0.0, 1.0)
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (at - start) / (end - start)


def _y(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / top


def _nice(most: float) -> float:
    """The next of 1, 2, 4, 5 or 8 times a power of ten, so that four ticks are round."""
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in (1, 2, 4, 5, 8, 10) if step * power >= most)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
