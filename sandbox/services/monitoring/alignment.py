"""Alignment of a time series to even periods, and reduction of several to one (monitoring v3, Aggregation)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox.errors import GoogleError, invalid_argument
from sandbox.services.series import Spread, Value


@dataclass(frozen=True, slots=True)
class Point:
    """A value from `start` to `end`, in seconds; of a gauge both are the same."""

    start: float
    end: float
    value: Value


def aligned(points: Sequence[Point], aligner: str, period: float, start: float, end: float) -> list[Point]:
    """One point for each period that ends at `end` or whole periods before it and holds any of the points.

    Raises:
        GoogleError: 501 for an aligner that the sandbox does not imitate, 400 for one that does not fit the values.
    """
    result = []
    upper = end
    while upper > start:
        inside = [p.value for p in points if upper - period < p.end <= upper]
        if inside:
            result.append(Point(upper - period, upper, _align(inside, aligner, period)))
        upper -= period
    return result


def reduced(series: Sequence[Sequence[Point]], reducer: str) -> list[Point]:
    """One point for each time at which any of the aligned series has one, newest first."""
    ends = sorted({point.end for points in series for point in points}, reverse=True)
    result = []
    for end in ends:
        same = [point for points in series for point in points if point.end == end]
        result.append(Point(same[0].start, end, _reduce([point.value for point in same], reducer)))
    return result


def _align(values: Sequence[Value], aligner: str, period: float) -> Value:
    if aligner in ("ALIGN_DELTA", "ALIGN_SUM"):
        return _sum(values)
    if aligner == "ALIGN_RATE":
        total = _sum(values)
        if isinstance(total, Spread):
            raise _unfit(aligner)
        return float(total) / period
    if aligner == "ALIGN_NEXT_OLDER":
        return values[-1]
    return _common(values, aligner.removeprefix("ALIGN_"), aligner)


def _reduce(values: Sequence[Value], reducer: str) -> Value:
    if reducer == "REDUCE_SUM":
        return _sum(values)
    return _common(values, reducer.removeprefix("REDUCE_"), reducer)


def _common(values: Sequence[Value], what: str, name: str) -> Value:
    """What aligners and reducers have in common: MEAN, MIN, MAX, COUNT and percentiles."""
    if what == "COUNT":
        return len(values)
    total = _sum(values)
    if what.startswith("PERCENTILE_"):
        percent = float(what.removeprefix("PERCENTILE_"))
        return total.percentile(percent) if isinstance(total, Spread) else _rank(_numbers(values, name), percent)
    if what == "MEAN":
        return total.mean if isinstance(total, Spread) else float(total) / len(values)
    simple: dict[str, Callable[[Sequence[float]], float]] = {"MIN": min, "MAX": max}
    if what not in simple:
        raise GoogleError(501, "UNIMPLEMENTED", f"The sandbox does not imitate {name} of monitoring's Aggregation.")
    return simple[what](_numbers(values, name))


def _sum(values: Sequence[Value]) -> Value:
    if not isinstance(values[0], Spread):
        return sum(value for value in values if not isinstance(value, Spread))
    merged = Spread()
    for value in values:
        if isinstance(value, Spread):
            merged.merge(value)
    return merged


def _numbers(values: Sequence[Value], name: str) -> list[float]:
    numbers = [value for value in values if not isinstance(value, Spread)]
    if len(numbers) < len(values):
        raise _unfit(name)
    return numbers


def _rank(numbers: Sequence[float], percent: float) -> float:
    ordered = sorted(numbers)
    return float(ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))])


def _unfit(name: str) -> GoogleError:
    return invalid_argument(f"{name} cannot be applied to values of type DISTRIBUTION.")
