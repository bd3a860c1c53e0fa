"""PromQL as far as alerts and dashboards need it: its syntax, as a tree.

Source: prometheus.io/docs/prometheus/latest/querying/basics and /operators. Subqueries, offsets, `@` and functions that
are not in `FUNCTIONS` are refused by name.
"""

import re
from dataclasses import dataclass, field
from typing import NoReturn

FUNCTIONS = ("abs", "absent", "avg_over_time", "increase", "max_over_time", "rate")
AGGREGATIONS = ("avg", "count", "max", "min", "sum")
_LEVELS = (("or",), ("and", "unless"), ("==", "!=", "<=", "<", ">=", ">"), ("+", "-"), ("*", "/", "%"))
_TOKEN = re.compile(
    r"""\s*(?:\#[^\n]*\s*)*(?:
    (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?(?![\w.:]))|(?P<duration>(?:\d+(?:ms|[smhdwy]))+(?!\w))
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<word>[A-Za-z_:][\w:.]*)|(?P<mark>=~|!~|==|!=|<=|>=|[-+*/%^<>=(){}\[\],@]))""",
    re.VERBOSE,
)
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}


class PromqlError(Exception):
    """The query cannot be parsed, or asks for what the sandbox does not imitate (`unimplemented`)."""

    def __init__(self, sentence: str, *, unimplemented: bool = False) -> None:
        super().__init__(sentence)
        self.unimplemented = unimplemented


@dataclass(frozen=True, slots=True)
class Number:
    """A scalar."""

    value: float


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric by its name, with (label, operator, text) matchers; over the last `seconds` if that is not 0."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]
    seconds: float = 0


@dataclass(frozen=True, slots=True)
class Function:
    """A function of FUNCTIONS."""

    name: str
    argument: "Node"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregation of AGGREGATIONS; `without` turns the meaning of `labels` round."""

    name: str
    labels: tuple[str, ...]
    without: bool
    argument: "Node"


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands. `on` and `labels` say how vectors are matched; `many` is the side that may match several times."""

    operator: str
    left: "Node"
    right: "Node"
    on: bool = False
    labels: tuple[str, ...] = ()
    many: str = ""
    include: tuple[str, ...] = ()
    as_bool: bool = False


Node = Number | Selector | Function | Aggregate | Binary


def parse(query: str) -> Node:
    """The query as a tree. Raises PromqlError with Prometheus' position and reason."""
    return _Parser(query).whole()


def selectors(node: Node) -> list[Selector]:
    """All selectors in a tree."""
    if isinstance(node, Selector):
        return [node]
    if isinstance(node, Binary):
        return [*selectors(node.left), *selectors(node.right)]
    return [] if isinstance(node, Number) else selectors(node.argument)


@dataclass(slots=True)
class _Parser:
    query: str
    tokens: list[tuple[str, str, int]] = field(default_factory=list)
    at: int = 0

    def __post_init__(self) -> None:
        position = 0
        text = self.query.rstrip()
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                at = len(text) - len(text[position:].lstrip())
                self._fail(f'unexpected character: "{text[at]}"', at)
            kind = str(found.lastgroup)
            self.tokens.append((kind, found.group(kind), found.start(kind)))
            position = found.end()

    def whole(self) -> Node:
        if not self.tokens:
            self._fail("no expression found in input", 0)
        node = self._level(0)
        if self.at < len(self.tokens):
            self._fail(f'unexpected "{self._peek()[1]}"', self._peek()[2])
        return node

    def _level(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        left = self._level(level + 1)
        while self._peek()[1] in _LEVELS[level]:
            left = self._binary(self._next()[1], left, level)
        return left

    def _binary(self, operator: str, left: Node, level: int) -> Node:
        as_bool = self._skip("bool")
        on, many = False, ""
        labels: tuple[str, ...] = ()
        include: tuple[str, ...] = ()
        if self._peek()[1] in ("on", "ignoring"):
            on, labels = self._next()[1] == "on", self._names()
            if self._peek()[1] in ("group_left", "group_right"):
                many = self._next()[1].removeprefix("group_")
                include = self._names() if self._peek()[1] == "(" else ()
        return Binary(operator, left, self._level(level + 1), on, labels, many, include, as_bool)

    def _unary(self) -> Node:
        if self._skip("-"):
            return Binary("*", Number(-1), self._unary())
        self._skip("+")
        return self._primary()

    def _primary(self) -> Node:
        kind, text, position = self._next()
        if text == "(":
            node = self._level(0)
            self._expect(")")
            return node
        if kind == "number":
            return Number(float(text))
        if kind != "word" and text != "{":
            self._fail(f'unexpected "{text}"', position)
        if text in AGGREGATIONS and self._peek()[1] in ("(", "by", "without"):
            return self._aggregate(text)
        if kind == "word" and self._peek()[1] == "(":
            return self._function(text, position)
        return self._selector("" if text == "{" else text, inside=text == "{")

    def _aggregate(self, name: str) -> Node:
        grouping = self._grouping()
        self._expect("(")
        argument = self._level(0)
        self._expect(")")
        labels, without = grouping or self._grouping() or ((), False)
        return Aggregate(name, labels, without, argument)

    def _grouping(self) -> tuple[tuple[str, ...], bool] | None:
        if self._peek()[1] not in ("by", "without"):
            return None
        without = self._next()[1] == "without"
        return self._names(), without

    def _function(self, name: str, position: int) -> Node:
        if name not in FUNCTIONS:
            raise PromqlError(f"The sandbox does not imitate PromQL's {name}().", unimplemented=True)
        self._expect("(")
        argument = self._level(0)
        self._expect(")")
        ranged = isinstance(argument, Selector) and argument.seconds > 0
        wants = name.endswith("_over_time") or name in ("increase", "rate")
        if wants and not ranged:
            self._fail(f'expected type range vector in call to function "{name}", got instant vector', position)
        if not wants and ranged:
            self._fail(f'expected type instant vector in call to function "{name}", got range vector', position)
        return Function(name, argument)

    def _selector(self, metric: str, *, inside: bool) -> Node:
        matchers: list[tuple[str, str, str]] = []
        if inside or self._skip("{"):
            while not self._skip("}"):
                label, operator = self._next()[1], self._next()
                if operator[1] not in ("=", "!=", "=~", "!~"):
                    self._fail(f'unexpected "{operator[1]}" in label matching', operator[2])
                kind, text, position = self._next()
                if kind != "string":
                    self._fail(f'unexpected "{text}" in label matching, expected string', position)
                matchers.append((label, operator[1], _unquoted(text)))
                if self._peek()[1] != "}":
                    self._expect(",")
        if not metric:
            raise PromqlError("The sandbox knows a metric by its name before the braces.", unimplemented=True)
        seconds = 0.0
        if self._skip("["):
            kind, text, position = self._next()
            if kind != "duration":
                self._fail(f'bad duration "{text}"', position)
            seconds = duration(text)
            if self._peek()[1] not in ("]",):
                raise PromqlError("The sandbox does not imitate PromQL's subqueries.", unimplemented=True)
            self._expect("]")
        if self._peek()[1] in ("offset", "@"):
            raise PromqlError(f"The sandbox does not imitate PromQL's {self._peek()[1]}.", unimplemented=True)
        return Selector(metric, tuple(matchers), seconds)

    def _names(self) -> tuple[str, ...]:
        self._expect("(")
        names = []
        while not self._skip(")"):
            names.append(self._next()[1])
            if self._peek()[1] != ")":
                self._expect(",")
        return tuple(names)

    def _peek(self) -> tuple[str, str, int]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("", "", len(self.query))

    def _next(self) -> tuple[str, str, int]:
        token = self._peek()
        if not token[0]:
            self._fail("unexpected end of input", token[2])
        self.at += 1
        return token

    def _skip(self, text: str) -> bool:
        if self._peek()[1] == text:
            self.at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._skip(text):
            self._fail(f'unexpected "{self._peek()[1]}", expected "{text}"', self._peek()[2])

    def _fail(self, reason: str, position: int) -> NoReturn:
        line = self.query.count("\n", 0, position) + 1
        column = position - (self.query.rfind("\n", 0, position) + 1) + 1
        raise PromqlError(f"{line}:{column}: parse error: {reason}")


def duration(text: str) -> float:
    """A Prometheus duration such as 1h30m in seconds."""
    return sum(float(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdwy])", text))


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])
