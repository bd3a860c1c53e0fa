"""PromQL's values: a tree of promql.py over the sandbox's time series, at one time.

A DELTA metric is a counter: `increase` of it is the sum of what was counted in the window, without extrapolation; a
GAUGE is the newest value of the last five minutes. Labels are those of the metric and of its resource, and
`monitored_resource`.
Sources: cloud.google.com/monitoring/promql/promql-mapping, prometheus.io/docs/prometheus/latest/querying/operators.
"""

import operator
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sandbox.services.aiplatform import metrics
from sandbox.services.monitoring.descriptors import METRICS, RESOURCES, resource_of
from sandbox.services.monitoring.promql import (
    Aggregate,
    Binary,
    Function,
    Node,
    Number,
    PromqlError,
    Selector,
    selectors,
)
from sandbox.services.monitoring.timeseries import points_of, settled
from sandbox.services.series import Key, Spread, meter

if TYPE_CHECKING:
    from sandbox.core import Sandbox

Labels = tuple[tuple[str, str], ...]
Vector = dict[Labels, float]
_LOOKBACK = 300.0
_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda one, other: one / other if other else float("nan") if not one else float("inf"),
    "%": lambda one, other: one % other if other else float("nan"),
}
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_SUFFIXES = ("_count", "_sum", "_bucket")


def metric_of(name: str) -> tuple[str, str]:
    """The metric type that a PromQL name stands for, and the suffix of a distribution. Raises PromqlError."""
    for metric, known in METRICS.items():
        mapped = promql_name(metric)
        if name == mapped and known.value != "DISTRIBUTION":
            return metric, ""
        for suffix in _SUFFIXES:
            if known.value == "DISTRIBUTION" and name == mapped + suffix:
                return metric, suffix
    raise PromqlError(f'Cannot find metric that matches name "{name}".')


def promql_name(metric: str) -> str:
    """A metric type in PromQL: the first slash a colon, all else that is special an underscore."""
    domain, _, path = metric.partition("/")
    return f"{re.sub(r'[^A-Za-z0-9]', '_', domain)}:{re.sub(r'[^A-Za-z0-9]', '_', path)}"


def check(node: Node) -> None:
    """Raises PromqlError for a metric that there is not, or a label that it does not have."""
    for selector in selectors(node):
        metric, _ = metric_of(selector.metric)
        known = {"monitored_resource", *METRICS[metric].labels, *RESOURCES[resource_of(metric)]}
        for label, _, _ in selector.matchers:
            if label not in known:
                raise PromqlError(f'Metric "{selector.metric}" has no label "{label}".')


def evaluate(sandbox: "Sandbox", node: Node, at: float) -> Vector | float:
    """The value of a query at a time, in seconds. Raises PromqlError for what does not fit together."""
    at = settled(sandbox, at)
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Selector):
        return _instant(sandbox, node, at)
    if isinstance(node, Function):
        return _function(sandbox, node, at)
    if isinstance(node, Aggregate):
        return _aggregate(node, _vector(evaluate(sandbox, node.argument, at)))
    return _binary(node, evaluate(sandbox, node.left, at), evaluate(sandbox, node.right, at))


def _instant(sandbox: "Sandbox", selector: Selector, at: float) -> Vector:
    if selector.seconds:
        raise PromqlError("invalid expression type range vector, must be scalar or instant vector")
    metric, _ = metric_of(selector.metric)
    gauge = METRICS[metric].kind == "GAUGE"
    named = (("__name__", selector.metric),)
    found = _values(sandbox, selector, at - _LOOKBACK if gauge else 0.0, at)
    return {named + labels: values[0] if gauge else sum(values) for labels, values in found.items()}


def _function(sandbox: "Sandbox", node: Function, at: float) -> Vector | float:
    if node.name in ("abs", "absent"):
        inner = _vector(evaluate(sandbox, node.argument, at))
        if node.name == "absent":
            return {} if inner else {(): 1.0}
        return {_unnamed(labels): abs(value) for labels, value in inner.items()}
    if not isinstance(node.argument, Selector):
        raise PromqlError(f"{node.name}() takes a range of a metric.")
    window = node.argument.seconds
    found = _values(sandbox, node.argument, at - window, at)
    if node.name == "increase":
        return {labels: sum(values) for labels, values in found.items()}
    if node.name == "rate":
        return {labels: sum(values) / window for labels, values in found.items()}
    if node.name == "max_over_time":
        return {labels: max(values) for labels, values in found.items()}
    return {labels: sum(values) / len(values) for labels, values in found.items()}


def _values(sandbox: "Sandbox", selector: Selector, start: float, end: float) -> dict[Labels, list[float]]:
    """What the matching series have after `start` and up to `end`, newest first."""
    metric, suffix = metric_of(selector.metric)
    metrics.sample_all(sandbox)
    found: dict[Labels, list[float]] = {}
    for key, values in meter(sandbox).series().items():
        if key.metric != metric or not _matches(key, selector):
            continue
        # A minute counts where it ends: one that ends at `start` belongs to the window before.
        points = [point for point in points_of(sandbox, key, values, start, end) if point.end > start]
        if points:
            found[_labels(key)] = [_number(point.value, suffix) for point in points]
    return found


def _number(value: int | float | Spread, suffix: str) -> float:
    if not isinstance(value, Spread):
        return float(value)
    if suffix == "_bucket":
        raise PromqlError("The sandbox does not imitate buckets of distributions in PromQL.", unimplemented=True)
    return float(value.count) if suffix == "_count" else value.total


def _labels(key: Key) -> Labels:
    return tuple(sorted({**dict(key.resource_labels), **dict(key.labels), "monitored_resource": key.resource}.items()))


def _matches(key: Key, selector: Selector) -> bool:
    labels = dict(_labels(key))
    for name, how, text in selector.matchers:
        has = labels.get(name, "")
        equal = re.fullmatch(text, has) is not None if "~" in how else has == text
        if equal is how.startswith("!"):
            return False
    return True


def _aggregate(node: Aggregate, vector: Vector) -> Vector:
    groups: dict[Labels, list[float]] = {}
    for labels, value in vector.items():
        kept = tuple((k, v) for k, v in labels if k != "__name__" and (k in node.labels) is not node.without)
        groups.setdefault(kept, []).append(value)
    reduce: dict[str, Callable[[list[float]], float]] = {
        "sum": sum,
        "max": max,
        "min": min,
        "avg": lambda values: sum(values) / len(values),
        "count": len,
    }
    return {labels: float(reduce[node.name](values)) for labels, values in groups.items()}


def _binary(node: Binary, left: Vector | float, right: Vector | float) -> Vector | float:
    if node.operator in ("and", "or", "unless"):
        return _sets(node, _vector(left), _vector(right))
    if isinstance(left, dict) and isinstance(right, dict):
        return _matched(node, left, right)
    if isinstance(left, dict):
        return _each(node, [(labels, value, float(_scalar(right)), value) for labels, value in left.items()])
    if isinstance(right, dict):
        return _each(node, [(labels, left, value, value) for labels, value in right.items()])
    if node.operator in _COMPARISONS:
        return float(_COMPARISONS[node.operator](left, right))
    return _ARITHMETIC[node.operator](left, right)


def _sets(node: Binary, left: Vector, right: Vector) -> Vector:
    there = {_signature(node, labels) for labels in right}
    if node.operator == "or":
        mine = {_signature(node, labels) for labels in left}
        return {**left, **{labels: v for labels, v in right.items() if _signature(node, labels) not in mine}}
    return {labels: v for labels, v in left.items() if (_signature(node, labels) in there) is (node.operator == "and")}


def _matched(node: Binary, left: Vector, right: Vector) -> Vector:
    many, one = (right, left) if node.many == "right" else (left, right)
    others: dict[Labels, float] = {}
    for labels, value in one.items():
        if _signature(node, labels) in others:
            raise PromqlError("found duplicate series for the match group; many-to-many matching not allowed")
        others[_signature(node, labels)] = value
    rows, seen = [], set()
    for labels, value in many.items():
        signature = _signature(node, labels)
        if signature not in others:
            continue
        if not node.many and signature in seen:
            raise PromqlError("multiple matches for labels: many-to-one matching must be explicit")
        seen.add(signature)
        shown = labels if node.many else signature
        pair = (others[signature], value) if node.many == "right" else (value, others[signature])
        rows.append((shown, *pair, pair[0]))
    return _each(node, rows)


def _each(node: Binary, rows: Sequence[tuple[Labels, float, float, float]]) -> Vector:
    """The operator on every (labels, left, right, what a comparison keeps)."""
    if node.operator in _ARITHMETIC:
        return {_unnamed(labels): _ARITHMETIC[node.operator](one, other) for labels, one, other, _ in rows}
    holds = _COMPARISONS[node.operator]
    if node.as_bool:
        return {_unnamed(labels): float(holds(one, other)) for labels, one, other, _ in rows}
    return {labels: kept for labels, one, other, kept in rows if holds(one, other)}


def _signature(node: Binary, labels: Labels) -> Labels:
    return tuple((k, v) for k, v in labels if k != "__name__" and (k in node.labels) is node.on)


def _unnamed(labels: Labels) -> Labels:
    return tuple((k, v) for k, v in labels if k != "__name__")


def _vector(value: Vector | float) -> Vector:
    if not isinstance(value, dict):
        raise PromqlError("expected type instant vector, got scalar")
    return value


def _scalar(value: Vector | float) -> float:
    if isinstance(value, dict):
        raise PromqlError("expected type scalar, got instant vector")
    return value
