"""Reading a resource's inputs one by one, so that every mistake is told, on its own property."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from vertex_serving.provider.wire import UNKNOWN, Properties, Unknown


@dataclass(frozen=True)
class Problem:
    """One mistake: the property's path and what is wrong with it, with what would be right."""

    path: str
    reason: str


class Fields:
    """The inputs of a resource, or of an object inside one.

    A reader returns the value, UNKNOWN, or None where it is absent or wrong; what is wrong is added to `problems`.

    Args:
        values: The properties as they came.
        known: The keys that may be there.
        path: Where this object is inside the resource; "" for the resource itself.
        problems: The list to add to; a new one by default.
    """

    def __init__(
        self, values: Properties, known: Iterable[str], path: str = "", problems: list[Problem] | None = None
    ) -> None:
        self.values = values
        self.known = tuple(known)
        self.path = path
        self.problems: list[Problem] = [] if problems is None else problems

    def wrong(self, key: str, reason: str) -> None:
        """Note a mistake in a key."""
        self.problems.append(Problem(self.at(key), reason))

    def at(self, key: str) -> str:
        """Return the property path of a key."""
        return f"{self.path}.{key}" if self.path else key

    def finish(self) -> None:
        """Note every key that is not known, with the nearest one that is."""
        for key in self.values:
            if key not in self.known:
                self.wrong(key, f"is not a property here; {nearest(key, self.known)}")

    def text(
        self, key: str, required: bool = False, pattern: str = "", form: str = "", longest: int = 0
    ) -> str | Unknown | None:
        """Read a text; `form` says in words what `pattern` asks for."""
        value = self._present(key, required)
        if value is None or value is UNKNOWN:
            return value
        if not isinstance(value, str):
            self.wrong(key, f"is {value!r}; give a text{', ' + form if form else ''}")
            return None
        if pattern and not re.fullmatch(pattern, value):
            self.wrong(key, f"is {value!r}; the form is {form}")
            return None
        if longest and len(value) > longest:
            self.wrong(key, f"has {len(value)} characters; at most {longest} are allowed")
            return None
        return value

    def integer(self, key: str, low: int, high: int, required: bool = False, because: str = "") -> int | Unknown | None:
        """Read a whole number in low..high; `because` explains the bounds."""
        value = self._present(key, required)
        if value is None or value is UNKNOWN:
            return value
        if isinstance(value, bool) or not isinstance(value, int):
            self.wrong(key, f"is {value!r}; give a whole number from {low} to {high}")
            return None
        if not low <= value <= high:
            self.wrong(key, f"is {value}; allowed: {low} to {high}{' - ' + because if because else ''}")
            return None
        return value

    def fraction(self, key: str, required: bool = False) -> float | Unknown | None:
        """Read a number above 0 and at most 1."""
        value = self._present(key, required)
        if value is None or value is UNKNOWN:
            return value
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
            self.wrong(key, f"is {value!r}; give a number above 0 and at most 1")
            return None
        return value

    def flag(self, key: str, required: bool = False) -> bool | Unknown | None:
        """Read true or false."""
        value = self._present(key, required)
        if value is None or value is UNKNOWN or isinstance(value, bool):
            return value
        self.wrong(key, f"is {value!r}; allowed: true, false")
        return None

    def choice(self, key: str, allowed: Iterable[str], required: bool = False) -> str | Unknown | None:
        """Read one of some words."""
        value = self.text(key, required)
        allowed = tuple(allowed)
        if isinstance(value, str) and value not in allowed:
            self.wrong(key, f"is {value!r}; {nearest(value, allowed)}")
            return None
        return value

    def _present(self, key: str, required: bool) -> Any:
        value = self.values.get(key)
        if value is None and required:
            self.wrong(key, "is missing")
        return value


def nearest(word: str, allowed: Iterable[str]) -> str:
    """Say which of the allowed words was probably meant, and list them all."""
    allowed = tuple(allowed)
    by_end = [one for one in allowed if word and one.endswith("/" + word)]
    close = by_end or difflib.get_close_matches(word, allowed, n=1, cutoff=0.6)
    meant = f"did you mean {close[0]}? " if close else ""
    return f"{meant}allowed: {', '.join(allowed)}"


def is_mapping_key(name: str) -> bool:
    """Say whether a map key may stand after a dot in a property path."""
    return bool(re.fullmatch(r"[A-Za-z0-9_$-]+", name))


def in_map(path: str, name: str) -> str:
    """Return the property path of a key of a map."""
    return f"{path}.{name}" if is_mapping_key(name) else f'{path}["{name}"]'
