"""A resource's inputs as a table, and the detailed diff that follows from it.

A field is marked as the provider's schema marks it (terraform-provider-google's ForceNew, Computed, Default, Set), so
that a preview says update where the plugin would say update, and replace where it would say replace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.standin.values import Props, has_unknown


@dataclass(frozen=True)
class Field:
    """One input. ``computed``: when it is left out, the service's own value stands and is no difference."""

    required: bool = False
    replace: bool = False
    computed: bool = False
    default: Any = None
    unordered: bool = False
    nested: Mapping[str, Field] | None = None

    @property
    def forces_replacement(self) -> bool:
        """Whether the field, or a field inside it, cannot change in place."""
        return self.replace or any(f.forces_replacement for f in (self.nested or {}).values())


Fields = Mapping[str, Field]


def missing(fields: Fields, inputs: Props) -> list[str]:
    """The required fields that ``inputs`` lacks."""
    return [name for name, field in fields.items() if field.required and is_empty(inputs.get(name))]


def is_empty(value: object) -> bool:
    """Whether Google would leave the value out of an answer: None, "", false, 0, an empty list or map."""
    if isinstance(value, dict):
        return all(is_empty(v) for v in value.values())
    return not value


def filled(inputs: Props, names: Iterable[str]) -> Props:
    """Those of ``names`` that have a value, as a request sends them."""
    return {name: inputs[name] for name in names if not is_empty(inputs.get(name))}


def diff(fields: Fields, old: Props, new: Props, prefix: str = "") -> dict[str, str]:
    """Property path -> name of the PropertyDiff kind, from the state ``old`` to the inputs ``new``."""
    found: dict[str, str] = {}
    for name, field in fields.items():
        was, now = old.get(name), new.get(name, field.default)
        if now is None and field.computed:
            continue
        found.update(_compare(field, was, now, prefix + name))
    return found


def _compare(field: Field, was: Any, now: Any, path: str) -> dict[str, str]:
    if not has_unknown(now) and _canonical(field, was) == _canonical(field, now):
        return {}
    if field.nested is not None and was and now:
        if isinstance(was, dict) and isinstance(now, dict):
            return diff(field.nested, was, now, path + ".")
        if isinstance(was, list) and isinstance(now, list):
            found: dict[str, str] = {}
            for i in range(max(len(was), len(now))):
                before, after = (seq[i] if i < len(seq) else None for seq in (was, now))
                found.update(_compare(field, before, after, f"{path}[{i}]"))
            return found
    kind = "ADD" if is_empty(was) else "DELETE" if is_empty(now) else "UPDATE"
    return {path: f"{kind}_REPLACE" if field.forces_replacement else kind}


def _canonical(field: Field, value: Any) -> Any:
    """A form in which two values that mean the same compare equal."""
    if is_empty(value):
        return None
    if isinstance(value, dict):
        known = field.nested or {k: Field() for k in value}
        return {k: _canonical(f, value[k]) for k, f in known.items() if not is_empty(value.get(k))}
    if isinstance(value, list):
        items = [_canonical(field, v) if isinstance(v, dict | list) else v for v in value]
        return sorted(items, key=repr) if field.unordered else items
    return value
