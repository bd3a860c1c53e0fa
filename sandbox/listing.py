"""What list methods share: pages, filters, orders and field masks."""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence

from sandbox.errors import Json, invalid_argument
from sandbox.schema import camel
from sandbox.services import filters


def page(
    items: Sequence[Json], query: Mapping[str, str], default: int = 100, most: int = 1000, of: str = ""
) -> tuple[list[Json], str]:
    """The page that `pageSize` and `pageToken` ask for, and the token of the next one ("" at the end).

    A token is good for the list that gave it alone: with another parent (`of`), filter or order it is refused, as
    https://google.aip.dev/158 has it. Raises GoogleError (400) for a negative size or such a token.
    """
    size = int(query.get("pageSize") or 0)
    if size < 0:
        raise invalid_argument("page_size must not be negative.", [("page_size", "must not be negative")])
    size = min(size or default, most)
    token, same = query.get("pageToken", ""), _digest(query, of)
    try:
        listed, at = base64.urlsafe_b64decode(token).decode().split(":") if token else (same, "0")
        start = int(at)
    except (ValueError, binascii.Error):
        listed, start = "", 0
    if listed != same:
        raise invalid_argument("The page token is invalid.", [("page_token", "The page token is invalid.")])
    following = f"{same}:{start + size}" if start + size < len(items) else ""
    return list(items[start : start + size]), base64.urlsafe_b64encode(following.encode()).decode()


def _digest(query: Mapping[str, str], of: str) -> str:
    asked = sorted((name, value) for name, value in query.items() if name in ("filter", "orderBy", "readMask"))
    return hashlib.sha256(repr([of, asked]).encode()).hexdigest()[:12]


def filtered(items: Sequence[Json], expression: str, fields: Mapping[str, str]) -> list[Json]:
    """The resources that satisfy a filter of AIP-160: terms joined by AND, OR and NOT, with parentheses.

    Args:
        items: the resources.
        expression: the filter as the caller wrote it, fields in snake_case or camelCase; it is read whole before any
            resource is looked at.
        fields: the camelCase fields that may be filtered by, and the operators of each, e.g. {"displayName": "= !="};
            "labels" stands for labels.KEY and labels:KEY.

    Raises:
        GoogleError: 400, for what cannot be parsed, an unknown field, or an operator that the field does not have.
    """

    def comparison(name: str, operator: str, value: str) -> filters.Predicate:
        head, _, key = name.partition(".")
        field = camel(head)
        if operator not in fields.get(field, "").split():
            known = ", ".join(f"{known} ({operators})" for known, operators in fields.items())
            raise invalid_argument(f'Invalid filter: "{name}{operator}" is not supported; fields: {known}.')
        if field == "labels":
            return _of_label(key.strip('"'), operator, value)
        if operator == ":":
            return lambda item: value in _text(item.get(field))
        return lambda item: (_text(item.get(field)) == value) is (operator == "=")

    wanted = filters.compiled(expression, comparison)
    return [item for item in items if wanted(item)]


def _of_label(key: str, operator: str, value: str) -> filters.Predicate:
    if operator == ":":
        return lambda item: (key or value) in item.get("labels", {})
    return lambda item: (item.get("labels", {}).get(key) == value) is (operator == "=")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def ordered(items: Sequence[Json], expression: str, fields: Sequence[str]) -> list[Json]:
    """The resources in the order of `orderBy`: "display_name, create_time desc". 400 for an unknown field."""
    result = list(items)
    for part in reversed([part.split() for part in expression.split(",") if part.strip()]):
        field = camel(part[0])
        if field not in fields or part[1:] not in ([], ["desc"], ["asc"]):
            raise invalid_argument(f'Invalid order_by: "{" ".join(part)}"; fields: {", ".join(fields)}.')
        result.sort(key=lambda item: str(item.get(field, "")), reverse=part[1:] == ["desc"])
    return result


def mask_paths(mask: str) -> list[str]:
    """The paths of a field mask in camelCase: "display_name,labels" -> ["displayName", "labels"]."""
    return [".".join(camel(part) for part in path.strip().split(".")) for path in mask.split(",") if path.strip()]


def apply_mask(target: Json, source: Json, path: str) -> None:
    """Sets one field of a mask in `target` to what `source` has there; what `source` lacks is removed."""
    head, _, rest = path.partition(".")
    if rest:
        below = target.setdefault(head, {})
        apply_mask(below, source.get(head) or {}, rest)
        if not below:
            del target[head]
    elif head in source:
        target[head] = source[head]
    else:
        target.pop(head, None)
