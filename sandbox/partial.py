"""Partial answers: Google's system parameter `fields`, e.g. `endpoints(name,trafficSplit),nextPageToken`.

Sources: cloud.google.com/apis/docs/system-parameters, and for the grammar
developers.google.com/workspace/drive/api/guides/performance#partial.
"""

import re
from typing import Any

from sandbox.discovery import Document
from sandbox.errors import GoogleError, Json, bad_request, invalid_argument
from sandbox.schema import camel

# By field, what is selected below it; nothing below it stands for all of it.
Selection = dict[str, "Selection"]


def selected(document: Document, schema: str | None, answer: Json, expression: str) -> Json:
    """The selected part of an answer; all of it where the expression is empty or *.

    Raises:
        GoogleError: 400 for an expression that cannot be read, or a field that the message does not have.
    """
    selection = parsed(expression)
    if not selection or "*" in selection:
        return answer
    if schema:
        _check(document, {"$ref": schema}, selection, "")
    result: Json = _pick(answer, selection)
    return result


def parsed(expression: str) -> Selection:
    """The selection that an expression means: fields by comma, below by a slash, several below in parentheses."""
    tokens = re.findall(r"[\w@*-]+|[(),/]|\S", expression)
    result, rest = _fields(tokens, expression)
    if rest:
        raise _unreadable(expression)
    return result


def _fields(tokens: list[str], expression: str) -> tuple[Selection, list[str]]:
    found: Selection = {}
    while tokens and tokens[0] != ")":
        below, tokens = found, list(tokens)
        while True:
            if not re.fullmatch(r"[\w@*-]+", tokens[0] if tokens else ""):
                raise _unreadable(expression)
            name = tokens.pop(0)
            below = below.setdefault(name if name == "*" else camel(name), {})
            if tokens[:1] != ["/"]:
                break
            tokens.pop(0)
        if tokens[:1] == ["("]:
            inner, tokens = _fields(tokens[1:], expression)
            if tokens[:1] != [")"]:
                raise _unreadable(expression)
            below.update(inner)
            tokens = tokens[1:]
        if tokens[:1] == [","]:
            tokens = tokens[1:]
        elif tokens and tokens[0] != ")":
            raise _unreadable(expression)
    return found, tokens


def _pick(value: Any, selection: Selection) -> Any:
    if not selection:
        return value
    if isinstance(value, list):
        return [_pick(item, selection) for item in value]
    if not isinstance(value, dict):
        return value
    everything = selection.get("*")
    chosen = {k: selection.get(k, everything) for k in value}
    return {k: _pick(value[k], below) for k, below in chosen.items() if below is not None}


def _check(document: Document, schema: Json, selection: Selection, path: str) -> None:
    """Refuses a field that the message does not have; what is free in form has all fields."""
    while "$ref" in schema or schema.get("type") == "array":
        schema = document.schema(schema["$ref"]) if "$ref" in schema else schema["items"]
    properties = schema.get("properties")
    if properties is None:
        return
    for name, below in selection.items():
        at = f"{path}/{name}" if path else name
        if name not in properties and name != "*":
            why = f"Error expanding 'fields' parameter. Cannot find matching fields for path '{at}'."
            message = "Request contains an invalid argument."
            raise GoogleError(400, "INVALID_ARGUMENT", message, [bad_request([(at, why)])])
        if name != "*":
            _check(document, properties[name], below, at)


def _unreadable(expression: str) -> GoogleError:
    why = f"Error parsing 'fields' parameter {expression!r}."
    return invalid_argument("Request contains an invalid argument.", [("fields", why)])
