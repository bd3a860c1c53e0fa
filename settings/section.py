"""Reads configuration key by key and keeps note of every mistake, so that all of them are reported at once."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Problem:
    """One mistake: the full config key, and a sentence with the bad value, what is allowed and the fix."""

    key: str
    text: str

    def __str__(self) -> str:
        return _printable(f"{self.key}: {self.text}")


@dataclass(frozen=True)
class Rule:
    """What a text must look like: `pattern` must match all of it, `says` tells a person what that means."""

    pattern: str
    says: str

    def allows(self, text: str) -> bool:
        """Whether the whole of `text` matches."""
        return re.fullmatch(self.pattern, text) is not None


def shown(value: object) -> str:
    """`value` as a person would write it in YAML, on one line, cut at 80 characters, printable anywhere."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):  # an integer of thousands of digits, or nesting without end
        return "a value too large to show"
    text = _printable(text)
    return text if len(text) <= 80 else text[:77] + "..."


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def nearest(word: str, options: Iterable[str]) -> str | None:
    """The option that `word` was most likely meant to be, or None when none is close.

    Goes before mere likeness: all its words in the option (`NVIDIA_T4` for NVIDIA_TESLA_T4), or one begins the other.
    """
    by_lower = {option.lower(): option for option in options}
    lower = word.lower()
    words = set(re.findall(r"[a-z0-9]+", lower))
    for option in by_lower if len(lower) > 2 else ():
        begins = option.startswith(lower) or lower.startswith(option)
        if begins or (words and words <= set(re.findall(r"[a-z0-9]+", option))):
            return by_lower[option]
    close = difflib.get_close_matches(lower, by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


def meant(word: str, options: Iterable[str]) -> str:
    """` (did you mean X?)`, or nothing when no option is close."""
    guess = nearest(word, options)
    return f" (did you mean {guess}?)" if guess else ""


def listed(options: Iterable[object]) -> str:
    """`a, b or c`."""
    words = [str(option) for option in options]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


@dataclass
class Section:
    """One mapping of the configuration.

    `path` is its full key, `known` the keys that it may have. Every read gives a value of the right type: where the
    configured one is wrong, the problem is noted and the default comes back, so that reading can go on. `sound` tells
    rules that compare several keys whether those were read without a problem. What is `hidden` holds a secret: its
    problems show no value.
    """

    path: str
    raw: object
    known: Sequence[str]
    problems: list[Problem]
    separator: str = "."
    hidden: bool = False
    values: Mapping[str, object] = field(init=False)
    unsound: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.values = {}
        if not isinstance(self.raw, dict):
            self.unsound.update(self.known)
            keys = ", ".join(self.known)
            self.problems.append(
                Problem(self.path, f"is {self.shown(self.raw)}; it must be a mapping with the keys {keys}")
            )
            return
        self.values = {str(key): value for key, value in self.raw.items() if value is not None}
        for key in self.values:
            if key not in self.known:
                guess = nearest(key, self.known)
                fix = f"did you mean {guess}?" if guess else f"the keys here are {', '.join(self.known)}"
                self.problems.append(Problem(self.key(key), f"is not a known key; {fix}"))
                if guess:
                    self.unsound.add(guess)

    def shown(self, value: object) -> str:
        """`value` for a person, unless this section is hidden."""
        return "a value that is not shown here" if self.hidden else shown(value)

    def key(self, name: str) -> str:
        """The full config key of `name` in this section, such as `gemini-vertex:models[1].minReplicaCount`."""
        return f"{self.path}{self.separator}{name}"

    def wrong(self, name: str, text: str) -> None:
        """Note that `name` is wrong; `text` says how, what is allowed and what to do."""
        self.unsound.add(name)
        self.problems.append(Problem(self.key(name), text))

    def sound(self, *names: str) -> bool:
        """Whether none of `names` has a problem noted."""
        return self.unsound.isdisjoint(names)

    def given(self, name: str) -> bool:
        """Whether the configuration says anything for `name`."""
        return name in self.values

    def required(self, name: str, example: str) -> None:
        """Note a problem if `name` is absent, unless a misspelt or broken parent already explains that."""
        if name not in self.values and name not in self.unsound:
            self.wrong(name, f"is missing; set it, for example {name}: {example}")

    def text(self, name: str, default: str = "", rule: Rule | None = None) -> str:
        """The text at `name`. Whole numbers are taken as text, since YAML reads ids of digits as numbers."""
        value = self.values.get(name, default)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**30:
            value = str(value)
        if not isinstance(value, str):
            self.wrong(name, f"is {self.shown(value)}; it must be text" + (f": {rule.says}" if rule else ""))
            return default
        if rule and name in self.values and not rule.allows(value):
            self.wrong(name, f"is {self.shown(value)}; it must be {rule.says}")
            return default
        return value

    def texts(self, name: str, rule: Rule) -> tuple[str, ...]:
        """The list of texts at `name`, empty where absent, each as `rule` says."""
        value = self.values.get(name, [])
        if not isinstance(value, list):
            self.wrong(name, f"is {self.shown(value)}; it must be a list, each entry {rule.says}")
            return ()
        for index, entry in enumerate(value):
            if not isinstance(entry, str) or not rule.allows(entry):
                self.wrong(f"{name}[{index}]", f"is {self.shown(entry)}; it must be {rule.says}")
        return tuple(value)

    def choice(self, name: str, options: Sequence[str], default: str) -> str:
        """The text at `name`, which must be one of `options`."""
        value = self.values.get(name, default)
        if value not in options:
            hint = meant(value, options) if isinstance(value, str) else ""
            self.wrong(name, f"is {self.shown(value)}; it must be {listed(options)}{hint}")
            return default
        return str(value)

    def integer(self, name: str, default: int, least: int, most: int, why: str = "") -> int:
        """The whole number at `name`, from `least` to `most`; `why` explains the bounds where they surprise."""
        value = self.values.get(name, default)
        allowed = f"a whole number from {least} to {most}" + (f" ({why})" if why else "")
        if isinstance(value, bool) or not isinstance(value, int):
            unquoted = isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value)
            self.wrong(name, f"is {self.shown(value)}; it must be {allowed}" + (", without quotes" if unquoted else ""))
            return default
        if not least <= value <= most:
            self.wrong(name, f"is {self.shown(value)}; it must be {allowed}")
            return default
        return value

    def flag(self, name: str, default: bool) -> bool:
        """The true or false at `name`."""
        value = self.values.get(name, default)
        if not isinstance(value, bool):
            self.wrong(
                name, f"is {self.shown(value)}; it must be true or false" + (", without quotes" if value else "")
            )
            return default
        return value

    def section(self, name: str, known: Sequence[str], hidden: bool = False) -> "Section":
        """The mapping at `name`, empty where absent; `hidden` where it holds a secret."""
        found = Section(self.key(name), self.values.get(name, {}), known, self.problems, hidden=hidden or self.hidden)
        if name in self.unsound:
            found.unsound.update(known)
        return found

    def sections(self, name: str, known: Sequence[str]) -> list["Section"]:
        """The list of mappings at `name`, empty where absent."""
        value = self.values.get(name, [])
        if not isinstance(value, list):
            self.wrong(name, f"is {self.shown(value)}; it must be a list, each entry with the keys {', '.join(known)}")
            return []
        return [Section(f"{self.key(name)}[{index}]", entry, known, self.problems) for index, entry in enumerate(value)]
