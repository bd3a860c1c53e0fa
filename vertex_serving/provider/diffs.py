"""What differs between two sets of inputs, in Pulumi's terms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from vertex_serving.provider.fields import in_map
from vertex_serving.provider.wire import UNKNOWN, Properties, has_unknown

Kind = Literal["add", "update", "delete"]


@dataclass(frozen=True)
class Change:
    """One difference: the property's path, what happens to it, and whether it takes a new resource."""

    path: str
    kind: Kind
    replace: bool = False

    @property
    def key(self) -> str:
        """The top-level property that it is in."""
        return self.path.partition(".")[0].partition("[")[0]


def compare_scalars(olds: Properties, news: Properties, keys: Iterable[str], replace: bool = False) -> list[Change]:
    """Compare plain values; absent and false are the same, and an unknown value differs from everything."""
    changes = []
    for key in keys:
        old, new = olds.get(key), news.get(key)
        if old is UNKNOWN or new is UNKNOWN or (old or None) != (new or None):
            changes.append(Change(key, _kind(old, new), replace))
    return changes


def compare_object(path: str, olds: Any, news: Any, keys: Iterable[str]) -> list[Change]:
    """Compare the plain values of an object inside a resource; UNKNOWN differs from everything."""
    if olds is UNKNOWN or news is UNKNOWN:
        return [Change(path, _kind(olds, news))]
    return [Change(f"{path}.{one.path}", one.kind) for one in compare_scalars(olds or {}, news or {}, keys)]


def compare_specs(olds: Any, news: Any) -> list[Change]:
    """Compare two lists of autoscaling metrics, whose order means nothing; UNKNOWN differs from everything."""
    name = "autoscalingMetricSpecs"
    if olds is UNKNOWN or news is UNKNOWN:
        return [Change(name, _kind(olds, news))]
    olds, news = olds or [], news or []
    if has_unknown(olds) or has_unknown(news):
        return [Change(name, _kind(olds, news))]
    old_by_metric = {one["metricName"]: one for one in olds}
    new_by_metric = {one["metricName"]: one for one in news}
    changes = [
        Change(f"{name}[{index}].target", "update")
        if one["metricName"] in old_by_metric
        else Change(f"{name}[{index}]", "add")
        for index, one in enumerate(news)
        if old_by_metric.get(one["metricName"]) != one
    ]
    changes += [
        Change(f"{name}[{index}]", "delete") for index, one in enumerate(olds) if one["metricName"] not in new_by_metric
    ]
    return changes


def compare_maps(path: str, olds: Any, news: Any) -> list[Change]:
    """Compare two maps of objects, down to the properties of each object."""
    if olds is UNKNOWN or news is UNKNOWN:
        return [Change(path, _kind(olds, news))]
    olds, news = olds or {}, news or {}
    changes: list[Change] = []
    for name in dict.fromkeys([*olds, *news]):
        old, new, at = olds.get(name), news.get(name), in_map(path, name)
        if not isinstance(old, dict) or not isinstance(new, dict):
            if old is UNKNOWN or new is UNKNOWN or old != new:
                changes.append(Change(at, _kind(old, new)))
            continue
        for key in dict.fromkeys([*old, *new]):
            before, after = old.get(key), new.get(key)
            if before is UNKNOWN or after is UNKNOWN or before != after:
                changes.append(Change(f"{at}.{key}", _kind(before, after)))
    return changes


def _kind(old: Any, new: Any) -> Kind:
    if old is None:
        return "add"
    return "delete" if new is None else "update"
