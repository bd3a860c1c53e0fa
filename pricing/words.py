"""A stack's cost in words: the table of the preview, and what a change makes of it."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pricing.estimate import HOURS_PER_MONTH, Cost

_HEAD: Final = ("model", "idle an hour", "a month", "full load an hour", "a month")
_KEYS: Final = (("idlePerHour", ",.2f"), ("idlePerMonth", ",.0f"), ("fullPerHour", ",.2f"), ("fullPerMonth", ",.0f"))


def told(cost: Cost) -> str:
    """An aligned table of the models by hour and month, their sum where there are several, and what is not in it."""
    shown = cost.as_json()
    rows = [_HEAD, *((name, *cells(model)) for name, model in shown["models"].items())]
    if len(shown["models"]) > 1:
        rows.append(("all", *cells(shown)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"cost in USD (list prices, {cost.origin}):"]
    for name, *numbers in rows:
        right = "  ".join(number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True))
        lines.append(f"{name.ljust(widths[0])}  {right}")
    if cost.unknown:
        lines.append(f"not in it: {'; '.join(cost.unknown)}")
    return "\n".join(lines)


def cells(costs: Mapping[str, Any]) -> tuple[str, ...]:
    """Idle by hour and month, full load by hour and month, of a model or a stack as `as_json` has them."""
    unknown = "by token" if "perMillionTokens" in costs else "not known"
    return tuple(unknown if costs[key] is None else format(costs[key], form) for key, form in _KEYS)


def change(cost: Cost, before: Mapping[str, Any] | None) -> str:
    """How `cost` differs from an earlier output `cost`, in words; "" where there was none or nothing differs.

    Where a price is not known on either side, neither is the change.
    """
    if not before:
        return ""
    sides = [_models(before), _models(cost.as_json())]
    unpriced = any(model.get("idlePerHour") is None for side in sides for model in side.values())
    parts = []
    for key, words in (("idlePerHour", "idle"), ("fullPerHour", "at full load")):
        by = None if unpriced else _difference(key, *sides)
        if by is None:
            parts.append(f"{words} not known")
        elif round(by, 4):
            parts.append(f"{words} {by:+.2f} USD an hour ({by * HOURS_PER_MONTH:+,.0f} a month)")
    return ", ".join([*parts, *_tokens(*sides)])


def _models(costs: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    found = costs.get("models")
    return {name: model for name, model in (found or {}).items() if isinstance(model, Mapping)}


def _difference(key: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> float | None:
    """USD, None where a model has a price on one side and none on the other."""
    by = 0.0
    for name in {**before, **now}:
        was, becomes = ((side[name].get(key) if name in side else 0) for side in (before, now))
        if was is not None and becomes is not None:
            by += becomes - was
        elif name in before and name in now and was is not becomes:
            return None
    return by


def _tokens(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterable[str]:
    for name in {**before, **now}:
        was, becomes = (side.get(name, {}).get("perMillionTokens") for side in (before, now))
        if was != becomes:
            prices = [f"{_price(was)} before"] if name in before else []
            prices += [f"{_price(becomes)} now"] if name in now else []
            yield f"{name}: {', '.join(prices)}"


def _price(tokens: Mapping[str, float] | None) -> str:
    if tokens is None:
        return "not known"
    return f"{tokens['input']:.2f} and {tokens['output']:.2f} USD the million tokens in and out"
