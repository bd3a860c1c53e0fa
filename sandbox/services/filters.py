"""The filter language of Cloud Logging and Cloud Monitoring.

Terms are `field OPERATOR value` (= != : > >= < <= =~ !~) or a function of the field (Monitoring's starts_with, one_of
and the like), joined by AND, OR and NOT with parentheses; terms side by side are joined by AND, as in the logging query
language. Sources: cloud.google.com/logging/docs/view/logging-query-language, /monitoring/api/v3/filters.
"""

import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

from sandbox.errors import Json, invalid_argument

Predicate = Callable[[Json], bool]
# What makes the predicate of `field OPERATOR value` in a list's own filter; it refuses what that list does not know.
Comparison = Callable[[str, str, str], Predicate]

_TOKEN = re.compile(
    r"""\s*(?:--[^\n]*\n?\s*)*(?:
    (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<operator>!=|>=|<=|=~|!~|[=:<>])|(?P<mark>[(),])|(?P<minus>-(?=[("\w]))
    |(?P<word>(?:[^\s()"',=:<>!~]|(?<=\.)"[^"]*")+))""",
    re.VERBOSE,
)
_FUNCTIONS: dict[str, Callable[[str, list[str]], bool]] = {
    "starts_with": lambda text, given: text.startswith(given[0]),
    "ends_with": lambda text, given: text.endswith(given[0]),
    "has_substring": lambda text, given: given[0] in text,
    "one_of": lambda text, given: text in given,
    "monitoring.regex.full_match": lambda text, given: re.fullmatch(given[0], text) is not None,
}
_COMPARISONS = ("=", "!=", ":", ">", ">=", "<", "<=", "=~", "!~")
_WORDS = ("AND", "OR", "NOT")


def compiled(expression: str, comparison: Comparison | None = None) -> Predicate:
    """What decides whether a resource satisfies the filter; an empty one is satisfied by all.

    Args:
        expression: the filter as the caller wrote it.
        comparison: what reads the terms of a list that knows a few fields only, in place of those of logs and metrics.

    Raises:
        GoogleError: 400 INVALID_ARGUMENT, the filter cannot be parsed.
    """
    parser = _Parser(expression, comparison)
    return parser.whole() if parser.tokens else lambda _item: True


class _Parser:
    def __init__(self, expression: str, comparison: Comparison | None) -> None:
        self.expression = expression
        self.comparison = comparison
        self.tokens: list[tuple[str, str]] = []
        at, text = 0, expression.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None or not found.lastgroup:
                if not re.sub(r"--[^\n]*", "", text[at:]).strip():
                    break
                self._fail(text[at:])
            self.tokens.append((str(found.lastgroup), found.group(str(found.lastgroup))))
            at = found.end()
        self.at = 0

    def whole(self) -> Predicate:
        """The predicate of all tokens."""
        predicate = self._all()
        if self.at < len(self.tokens):
            self._fail(self._peek()[1])
        return predicate

    def _all(self) -> Predicate:
        parts = [self._any()]
        while self._peek() not in (("", ""), ("mark", ")")):
            self._skip("AND")
            parts.append(self._any())
        return lambda item: all(part(item) for part in parts)

    def _any(self) -> Predicate:
        parts = [self._single()]
        while self._skip("OR"):
            parts.append(self._single())
        return lambda item: any(part(item) for part in parts)

    def _single(self) -> Predicate:
        if self._skip("NOT") or self._skip_mark("-", "minus"):
            inner = self._single()
            return lambda item: not inner(item)
        if self._skip_mark("("):
            inner = self._all()
            self._expect(")")
            return inner
        return self._term()

    def _term(self) -> Predicate:
        kind, name = self._next()
        if kind not in ("word", "string") or name in _WORDS:
            self._fail(name)
        kind_after, operator = self._peek()
        if self.comparison:
            if kind_after != "operator":
                self._fail(name)
            self._next()
            return self.comparison(name, operator, self._value())
        if kind_after != "operator":
            wanted = _unquoted(name) if kind == "string" else name
            return lambda item: wanted.lower() in json.dumps(item, ensure_ascii=False).lower()
        self._next()
        path = _path(_unquoted(name) if kind == "string" else name)
        return self._comparison(path, operator)

    def _comparison(self, path: list[str], operator: str) -> Predicate:
        if self._skip_mark("("):  # field=("a" OR "b")
            choices = [self._value()]
            while self._skip("OR"):
                choices.append(self._value())
            self._expect(")")
            return lambda item: any(_compare(_at(item, path), operator, each) for each in choices)
        kind, value = self._next()
        if value in _FUNCTIONS and kind == "word" and self._skip_mark("("):
            given = [self._value()]
            while self._skip_mark(","):
                given.append(self._value())
            self._expect(")")
            function, negated = _FUNCTIONS[value], operator == "!="
            return lambda item: any(function(str(v), given) for v in _at(item, path)) is not negated
        if kind not in ("word", "string"):
            self._fail(value)
        wanted = _unquoted(value) if kind == "string" else value
        if operator in ("=~", "!~"):
            try:
                re.compile(wanted)
            except re.error:
                self._fail(wanted)
        return lambda item: _compare(_at(item, path), operator, wanted)

    def _value(self) -> str:
        kind, value = self._next()
        if kind not in ("word", "string"):
            self._fail(value)
        return _unquoted(value) if kind == "string" else value

    def _peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("", "")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        if not token[0]:
            self._fail("the end")
        self.at += 1
        return token

    def _skip(self, word: str) -> bool:
        if self._peek() == ("word", word):
            self.at += 1
            return True
        return False

    def _skip_mark(self, mark: str, kind: str = "mark") -> bool:
        if self._peek() == (kind, mark):
            self.at += 1
            return True
        return False

    def _expect(self, mark: str) -> None:
        if not self._skip_mark(mark):
            self._fail(self._peek()[1] or "the end")

    def _fail(self, where: str) -> NoReturn:
        raise invalid_argument(f'Unparseable filter: syntax error at "{where[:40]}" of "{self.expression[:200]}".')


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def _path(name: str) -> list[str]:
    """The fields of a dotted path; a quoted part may have dots: labels."a.b/c"."""
    return [part.strip('"') for part in re.findall(r'"[^"]*"|[^.]+', name)]


def _at(value: Any, path: list[str]) -> list[Any]:
    """All values at a path; lists are looked through."""
    if isinstance(value, list):
        return [found for each in value for found in _at(each, path)]
    if not path:
        return [value]
    if not isinstance(value, dict):
        return []
    head, *rest = path
    if head in value:
        return _at(value[head], rest)
    # proto field names are snake_case, JSON's are camelCase; Monitoring's filters use either.
    camel = re.sub(r"_([a-z])", lambda m: m.group(1).upper(), head)
    return _at(value[camel], rest) if camel in value else []


def _compare(values: list[Any], operator: str, wanted: str) -> bool:
    if operator in ("!=", "!~"):
        return not _compare(values, {"!=": "=", "!~": "=~"}[operator], wanted)
    if operator == ":" and wanted == "*":
        return bool(values)
    return any(_holds(value, operator, wanted) for value in values)


def _holds(value: Any, operator: str, wanted: str) -> bool:
    if isinstance(value, bool):
        value = str(value).lower()
    if isinstance(value, dict):
        return operator == ":" and (wanted in value or wanted.lower() in json.dumps(value).lower())
    if operator == "=~":
        return re.search(wanted, str(value)) is not None
    text = str(value)
    if operator == "=":
        return text == wanted or (_number(value) is not None and _number(value) == _number(wanted))
    if operator == ":":
        return wanted.lower() in text.lower()
    one, other = _number(value), _number(wanted)
    left, right = (one, other) if one is not None and other is not None else (_ranked(text), _ranked(wanted))
    return {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}[operator]  # type: ignore[operator]


_SEVERITIES = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY")


def _ranked(text: str) -> str:
    """Severities in their order; times as they are, in which a missing fraction counts as zero."""
    if text.upper() in _SEVERITIES:
        return str(_SEVERITIES.index(text.upper()))
    time = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|\+00:00)", text)
    return f"{time.group(1)}.{(time.group(2) or '').ljust(9, '0')}" if time else text


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
