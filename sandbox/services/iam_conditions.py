"""IAM conditions: the part of CEL that grants by time and by resource are written in.

Known are request.time, resource.name, resource.service and resource.type; == != < <= > >=, startsWith, endsWith,
timestamp("…"), && || ! and parentheses. A condition that says anything else counts as not met, so that nobody gets
here what Google might refuse. Source: cloud.google.com/iam/docs/conditions-attribute-reference.
"""

import operator
import re
from collections.abc import Callable
from datetime import datetime

from sandbox.errors import Json

_TOKEN = re.compile(r"""\s*(&&|\|\||==|!=|<=|>=|[<>!().]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\w+)""")
_COMPARISONS: dict[str, Callable[[object, object], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": lambda a, b: _seconds(a) < _seconds(b),
    "<=": lambda a, b: _seconds(a) <= _seconds(b),
    ">": lambda a, b: _seconds(a) > _seconds(b),
    ">=": lambda a, b: _seconds(a) >= _seconds(b),
}
_TYPES = {
    "endpoints": "aiplatform.googleapis.com/Endpoint",
    "models": "aiplatform.googleapis.com/Model",
    "serviceAccounts": "iam.googleapis.com/ServiceAccount",
    "networks": "compute.googleapis.com/Network",
}
Value = str | float | bool


class _UnknownError(Exception):
    """The condition says something that is not known here."""


def met(condition: Json | None, resource: str, permission: str, now: float) -> bool:
    """Whether a binding's condition holds for a permission on a resource ("projects/p/…") at a time."""
    if not condition:
        return True
    collection = resource.split("/")[-2] if "/" in resource else ""
    attributes: dict[str, Value] = {
        "request.time": now,
        "resource.name": resource,
        "resource.service": f"{permission.partition('.')[0]}.googleapis.com",
        "resource.type": _TYPES.get(collection, "cloudresourcemanager.googleapis.com/Project"),
    }
    try:
        return _Condition(condition.get("expression", ""), attributes).holds()
    except (_UnknownError, ValueError):
        return False


class _Condition:
    def __init__(self, expression: str, attributes: dict[str, Value]) -> None:
        self.attributes = attributes
        self.tokens: list[str] = []
        at = 0
        while at < len(expression.rstrip()):
            found = _TOKEN.match(expression, at)
            if found is None:
                raise _UnknownError(expression[at:])
            self.tokens.append(found.group(1))
            at = found.end()

    def holds(self) -> bool:
        """The value of the whole expression."""
        value = self._either()
        if self.tokens:
            raise _UnknownError(self.tokens[0])
        return value

    def _either(self) -> bool:
        value = self._both()
        while self._skip("||"):
            other = self._both()
            value = value or other
        return value

    def _both(self) -> bool:
        value = self._single()
        while self._skip("&&"):
            other = self._single()
            value = value and other
        return value

    def _single(self) -> bool:
        if self._skip("!"):
            return not self._single()
        if self._skip("("):
            value = self._either()
            self._expect(")")
            return value
        left = self._operand()
        if isinstance(left, bool):
            return left
        sign = self._next()
        if sign not in _COMPARISONS:
            raise _UnknownError(sign)
        return _COMPARISONS[sign](left, self._operand())

    def _operand(self) -> Value:
        token = self._next()
        if token[0] in "\"'":
            return _unquoted(token)
        if token == "timestamp":  # noqa: S105 - a function's name
            self._expect("(")
            moment = datetime.fromisoformat(_unquoted(self._next())).timestamp()
            self._expect(")")
            return moment
        path = token
        while self._skip("."):
            part = self._next()
            if part in ("startsWith", "endsWith"):
                return self._tested(path, part)
            path = f"{path}.{part}"
        if path not in self.attributes:
            raise _UnknownError(path)
        return self.attributes[path]

    def _tested(self, path: str, function: str) -> bool:
        value = self.attributes.get(path)
        self._expect("(")
        wanted = self._next()
        self._expect(")")
        if not isinstance(value, str) or wanted[0] not in "\"'":
            raise _UnknownError(path)
        text = _unquoted(wanted)
        return value.startswith(text) if function == "startsWith" else value.endswith(text)

    def _next(self) -> str:
        if not self.tokens:
            raise _UnknownError("the end")
        return self.tokens.pop(0)

    def _skip(self, token: str) -> bool:
        if self.tokens and self.tokens[0] == token:
            self.tokens.pop(0)
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._skip(token):
            raise _UnknownError(token)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def _seconds(value: object) -> float:
    """Only times are ordered here."""
    if isinstance(value, bool) or not isinstance(value, float):
        raise _UnknownError(str(value))
    return value
