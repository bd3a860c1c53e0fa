"""Google's discovery documents read on their own, to hold the sandbox's answers to them without its help."""

import functools
import json
import re
from pathlib import Path
from typing import Any

import googleapiclient

Json = dict[str, Any]
_FOLDER = Path(googleapiclient.__file__).parent / "discovery_cache" / "documents"
_PYTHON: dict[str, Any] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "number": (int, float),
    "array": list,
    "object": dict,
}


@functools.cache
def schemas(service: str, version: str) -> Json:
    """The schemas of a document, as Google wrote them."""
    found: Json = json.loads((_FOLDER / f"{service}.{version}.json").read_text())["schemas"]
    return found


def faults_in(value: Any, schema: Json, known: Json, at: str = "answer") -> list[str]:
    """Where the value is not what the schema says, in words; [] for a value that fits."""
    if "$ref" in schema:
        return faults_in(value, known[schema["$ref"]], known, at)
    kind = schema.get("type", "any")
    if kind == "any":
        return []
    if not isinstance(value, _PYTHON[kind]) or (kind in ("integer", "number") and isinstance(value, bool)):
        return [f"{at}: {value!r} is no {kind}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{at}: {value!r} is none of {schema['enum']}"]
    if schema.get("format") == "google-datetime" and not re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}(\.\d+)?Z", value):
        return [f"{at}: {value!r} is no google-datetime"]
    if schema.get("format") in ("int64", "uint64") and not re.fullmatch(r"-?\d+", value):
        return [f"{at}: {value!r} is no {schema['format']}"]
    if kind == "array":
        return [f for n, item in enumerate(value) for f in faults_in(item, schema["items"], known, f"{at}[{n}]")]
    if kind == "object":
        return _faults_in_object(value, schema, known, at)
    return []


def _faults_in_object(value: Json, schema: Json, known: Json, at: str) -> list[str]:
    properties, rest = schema.get("properties", {}), schema.get("additionalProperties")
    found = []
    for name, item in value.items():
        inner = properties.get(name, rest)
        if inner is None:
            found.append(f"{at}: there is no field {name}")
        else:
            found += faults_in(item, inner, known, f"{at}.{name}")
    return found


def check(answer: Json, service: str, version: str, schema: str) -> None:
    """Asserts that an answer is what a schema of a document says."""
    assert faults_in(answer, {"$ref": schema}, schemas(service, version)) == []


def check_vertex(answer: Json, kind: str, version: str = "v1") -> None:
    """Asserts that an answer of aiplatform is the "Endpoint", "ListEndpointsResponse" or "Operation" it should be."""
    known = schemas("aiplatform", version)
    prefix = "GoogleLongrunning" if kind.endswith(("Operation", "OperationsResponse")) else "GoogleCloudAiplatformV1"
    assert faults_in(answer, {"$ref": prefix + kind}, known) == []
    for operation in [answer, *answer.get("operations", [])] if prefix == "GoogleLongrunning" else []:
        for part in ("metadata", "response"):
            typed = dict(operation.get(part, {}))
            name = typed.pop("@type", "").rpartition(".")[2]
            if name and name != "Empty":
                assert faults_in(typed, {"$ref": f"GoogleCloudAiplatformV1{name}"}, known, part) == []
        assert ("response" in operation or "error" in operation) == operation.get("done", False) or not operation.get(
            "name"
        )


def check_error(body: Json, code: int) -> None:
    """Asserts that an error's body is Google's: {"error": {code, message, status, details with "@type"}}."""
    assert set(body) == {"error"}
    error = body["error"]
    assert {"code", "message", "status"} <= set(error) <= {"code", "message", "status", "details"}
    assert error["code"] == code
    assert error["message"]
    assert all("@type" in detail for detail in error.get("details", []))
