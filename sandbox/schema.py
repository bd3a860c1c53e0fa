"""Requests and answers checked against a discovery document, in the words of Google's JSON transcoder.

A request may use the proto's names (`display_name`) or JSON's (`displayName`), as at Google; methods always see JSON's.
"""

import base64
import binascii
import json
import math
import re
from typing import Any

from sandbox.discovery import Document, Method
from sandbox.errors import GoogleError, Json, bad_request

_INT_RANGES = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}
_TYPE_NAMES = {
    ("integer", "int32"): "TYPE_INT32",
    ("integer", "uint32"): "TYPE_UINT32",
    ("string", "int64"): "TYPE_INT64",
    ("string", "uint64"): "TYPE_UINT64",
    ("string", "byte"): "TYPE_BYTES",
    ("number", "double"): "TYPE_DOUBLE",
    ("number", "float"): "TYPE_FLOAT",
    ("string", "google-datetime"): "type.googleapis.com/google.protobuf.Timestamp",
    ("string", "google-duration"): "type.googleapis.com/google.protobuf.Duration",
    ("string", "google-fieldmask"): "type.googleapis.com/google.protobuf.FieldMask",
}
_FORMATS = {
    "google-datetime": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)"),
    "google-duration": re.compile(r"-?\d+(\.\d{1,9})?s"),
}
# What gcloud and the generated clients add to any request, beside what the document lists.
_ALWAYS_ALLOWED = {"$alt", "alt", "$prettyPrint", "prettyPrint", "$fields", "fields", "key", "access_token", "$unique"}


class AnswerError(Exception):
    """The sandbox was about to answer what Google's schema does not allow: its own fault, shown in the open."""


def snake(name: str) -> str:
    """displayName -> display_name."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def camel(name: str) -> str:
    """display_name -> displayName."""
    return re.sub(r"_([a-z0-9])", lambda m: m.group(1).upper(), name)


def check_query(document: Document, method: Method, query: dict[str, str]) -> dict[str, str]:
    """The query with its parameters' JSON names. An unknown or ill-typed one raises 400 INVALID_ARGUMENT."""
    known, found, problems = method.parameters, {}, _Problems()
    for name, value in query.items():
        if name in document.common_parameters or name in _ALWAYS_ALLOWED:
            found[name.removeprefix("$")] = value
            continue
        full = name if name in known else ".".join(camel(part) for part in name.split("."))
        if full not in known or known[full]["location"] != "query":
            problems.unknown(
                name, "", f"Cannot bind query parameter. Field '{snake(name)}' could not be found in request message."
            )
            continue
        if known[full].get("type") == "boolean":
            # Python's clients write True; a query takes it in any case, a body does not.
            value = value.lower()
        if known[full].get("type") != "string" or known[full].keys() & {"enum", "format"}:
            checked = _Walker(document, problems, answer=False).value(known[full], value, snake(full))
            value = checked if isinstance(checked, str) else value
        found[full] = value
    problems.raise_any()
    return found


def check_request(document: Document, method: Method, body: Any) -> Json:
    """The body by JSON's field names, without output-only fields and nulls; 400 INVALID_ARGUMENT names each mistake."""
    if method.request is None:
        if body not in (None, {}, ""):
            problems = _Problems()
            for name in body if isinstance(body, dict) else ["body"]:
                problems.unknown(name, "", "Cannot find field.")
            problems.raise_any()
        return {}
    problems = _Problems()
    if isinstance(body, list):
        problems.unknown("", "", "Root element must be a message.")
        problems.raise_any()
    whole = method.request.endswith("Request")
    root = "" if whole else snake(re.sub(r"^.*V\d+(?:(?:beta|alpha|p)\d*)*(?=[A-Z])", "", method.request))
    value = _Walker(document, problems, answer=False).value({"$ref": method.request}, body or {}, root)
    problems.raise_any()
    result: Json = value
    return result


def missing(document: Document, schema: str, value: Json, path: str = "") -> list[str]:
    """The paths, as the proto has them, of what Google calls required below a message and the value lacks.

    The message's own fields are left to its method. A number, a boolean or an enum cannot be missed: a proto does not
    tell its first value from none.
    """
    found = []
    for name, item in value.items():
        below = f"{path}.{snake(name)}" if path else snake(name)
        found += _missing_in(document, document.schema(schema)["properties"].get(name, {}), item, below)
    return found


def _missing_in(document: Document, schema: Json, value: Any, path: str) -> list[str]:
    if schema.get("type") == "array" and isinstance(value, list):
        items = schema["items"]
        return [p for n, item in enumerate(value) for p in _missing_in(document, items, item, f"{path}[{n}]")]
    if "$ref" not in schema or not isinstance(value, dict):
        return []
    properties = document.schema(schema["$ref"]).get("properties", {})
    tellable = ("string", "array", None)
    lacking = [
        f"{path}.{snake(name)}"
        for name, each in properties.items()
        if each.get("required") and name not in value and each.get("type") in tellable and "enum" not in each
    ]
    return [*lacking, *missing(document, schema["$ref"], value, path)]


def check_answer(document: Document, schema: str, value: Any) -> None:
    """Raises AnswerError where the value is not what the schema promises."""
    problems = _Problems()
    _Walker(document, problems, answer=True).value({"$ref": schema}, value, "")
    if problems.found:
        raise AnswerError(f"{schema}: " + "; ".join(description for _, description in problems.found))


def fitting(document: Document, schema: str, value: Json) -> Json:
    """The value without the fields that this version of the API does not have."""
    properties = document.schema(schema).get("properties", {})
    return {name: _fit(document, properties[name], item) for name, item in value.items() if name in properties}


def _fit(document: Document, schema: Json, value: Any) -> Any:
    if "$ref" in schema and isinstance(value, dict) and "properties" in document.schema(schema["$ref"]):
        return fitting(document, schema["$ref"], value)
    if schema.get("type") == "array" and isinstance(value, list):
        return [_fit(document, schema["items"], item) for item in value]
    return value


class _Problems:
    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []

    def unknown(self, name: str, path: str, why: str) -> None:
        at = f" at '{path}'" if path else ""
        self.found.append((path, f'Invalid JSON payload received. Unknown name "{name}"{at}: {why}'))

    def invalid(self, path: str, kind: str, value: Any) -> None:
        self.found.append((path, f"Invalid value at '{path}' ({kind}), {json.dumps(value)}"))

    def raise_any(self) -> None:
        if self.found:
            message = "\n".join(description for _, description in self.found)
            raise GoogleError(400, "INVALID_ARGUMENT", message, [bad_request(self.found)])


class _Walker:
    def __init__(self, document: Document, problems: _Problems, *, answer: bool) -> None:
        self.document = document
        self.problems = problems
        self.answer = answer

    def value(self, schema: Json, value: Any, path: str) -> Any:
        if "$ref" in schema:
            return self.message(schema["$ref"], value, path)
        kind = schema.get("type")
        if kind == "any":
            return value
        if kind == "array":
            return self.array(schema["items"], value, path)
        if isinstance(value, list):
            self.problems.unknown(
                path.rpartition(".")[2], path.rpartition(".")[0], "Proto field is not repeating, cannot start list."
            )
            return value
        if kind == "object":
            return self.mapping(schema, value, path)
        return self.scalar(schema, value, path)

    def array(self, items: Json, value: Any, path: str) -> Any:
        if not isinstance(value, list):
            if self.answer:
                self.problems.invalid(path, "an array", value)
                return value
            value = [value]
        return [self.value(items, item, f"{path}[{index}]") for index, item in enumerate(value)]

    def mapping(self, schema: Json, value: Any, path: str) -> Any:
        if "properties" in schema:
            return self.fields(schema["properties"], value, path, "an object")
        if not isinstance(value, dict):
            self.problems.invalid(path, "an object", value)
            return value
        inner = schema.get("additionalProperties", {"type": "any"})
        return {
            key: self.value(inner, item, f"{path}[{index}].value") for index, (key, item) in enumerate(value.items())
        }

    def message(self, name: str, value: Any, path: str) -> Any:
        schema = self.document.schema(name)
        if "properties" not in schema:
            if name.endswith(("Struct", "HttpBody")) or schema.get("type") == "any":
                return value
            return (
                self.mapping(schema, value, path)
                if schema.get("additionalProperties")
                else self.fields({}, value, path, name)
            )
        return self.fields(schema["properties"], value, path, proto_name(name, self.document))

    def fields(self, properties: Json, value: Any, path: str, kind: str) -> Any:
        if not isinstance(value, dict):
            self.problems.invalid(path, f"type.googleapis.com/{kind}", value)
            return value
        found: Json = {}
        for name, item in value.items():
            json_name = name if name in properties or self.answer else camel(name)
            if json_name not in properties:
                self.problems.unknown(name, path, "Cannot find field.")
                continue
            schema = properties[json_name]
            if not self.answer and (item is None or schema.get("readOnly")):
                continue
            below = json_name if self.answer else snake(json_name)
            checked = self.value(schema, item, f"{path}.{below}" if path else below)
            if self.answer or not self.is_default(schema, checked):
                found[json_name] = checked
        return found

    def is_default(self, schema: Json, value: Any) -> bool:
        """Whether a proto does not tell this value from none: false, 0, "", no elements, the first of an enum.

        Compute is no proto behind its JSON: autoCreateSubnetworks false is something else than none.
        """
        if "$ref" in schema or schema.get("type") == "any" or self.document.service == "compute":
            return False
        zero_text = "0" if schema.get("format") in _INT_RANGES else ""
        return value in (False, 0, "", [], {}, zero_text) or value == schema.get("enum", [None])[0]

    def scalar(self, schema: Json, value: Any, path: str) -> Any:
        kind, form = schema.get("type", "string"), schema.get("format", "")
        label = _TYPE_NAMES.get((kind, form), f"TYPE_{kind.upper()}" if kind != "boolean" else "TYPE_BOOL")
        if "enum" in schema:
            return self.enum(schema["enum"], value, path)
        accepted, result = self.convert(kind, form, value)
        if not accepted:
            self.problems.invalid(path, label, value)
        return result

    def enum(self, names: list[str], value: Any, path: str) -> Any:
        if not self.answer and isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names):
            return names[value]
        if value not in names:
            self.problems.invalid(path, "type.googleapis.com/" + (path.rpartition(".")[2] or "enum"), value)
        return value

    def convert(self, kind: str, form: str, value: Any) -> tuple[bool, Any]:
        """Whether proto JSON takes the value for the type, and what it becomes."""
        if form in _INT_RANGES:
            return self.integer(kind, form, value)
        if kind == "boolean":
            if not self.answer and value in ("true", "false"):
                return True, value == "true"
            return isinstance(value, bool), value
        if kind == "number":
            return self.number(value)
        if not isinstance(value, str):
            return False, value
        if form in _FORMATS:
            return bool(_FORMATS[form].fullmatch(value)), value
        if form == "byte":
            # Both alphabets are taken, padded or not (protobuf's JSON mapping); methods see the standard one.
            standard = value.rstrip("=").replace("-", "+").replace("_", "/")
            standard += "=" * (-len(standard) % 4)
            try:
                base64.b64decode(standard, validate=True)
            except binascii.Error:
                return False, value
            return True, value if self.answer else standard
        return True, value

    def integer(self, kind: str, form: str, value: Any) -> tuple[bool, Any]:
        if isinstance(value, bool) or not isinstance(value, int | str | float):
            return False, value
        if self.answer and isinstance(value, str) is not (kind == "string"):
            return False, value
        try:
            number = int(value)
        except (ValueError, OverflowError):
            return False, value
        low, high = _INT_RANGES[form]
        whole = not isinstance(value, float) or value == number
        return whole and low <= number <= high, str(number) if kind == "string" else number

    def number(self, value: Any) -> tuple[bool, Any]:
        if isinstance(value, bool) or (self.answer and isinstance(value, str)):
            return False, value
        try:
            number = float(value)
        except (TypeError, ValueError):
            return False, value
        return math.isfinite(number) or isinstance(value, str), value if isinstance(value, int) else number


def proto_name(schema: str, document: Document) -> str:
    """GoogleCloudAiplatformV1Endpoint -> google.cloud.aiplatform.v1.Endpoint."""
    split = re.fullmatch(r"((?:[A-Z][a-z0-9]+?)+)(V\d+(?:(?:beta|alpha|p)\d*)*)([A-Z]\w*)", schema)
    if split is None:
        return f"google.{document.service}.{document.version}.{schema}"
    words = re.findall(r"[A-Z][a-z0-9]*", split.group(1))
    return ".".join([*(word.lower() for word in words), split.group(2).lower(), split.group(3)])
