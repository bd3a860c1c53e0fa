"""How the API server describes its kinds: OpenAPI v3 as JSON, v2 as JSON and as gnostic's protobuf."""

import functools
import json
from typing import Any

from starlette.responses import JSONResponse, Response

from sandbox.errors import Json
from sandbox.services.kubernetes import gnostic
from sandbox.services.kubernetes.kinds import KINDS, VERSION, Kind
from sandbox.services.kubernetes.schemas import CORE, META, SCHEMAS, ref

_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_OLD_PROTOBUF = (
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"  # what clients ask for; no valid media type
)
_V3 = "openapi/v3/api/v1"
_QUERY = {
    "dryRun": "All checks the request and changes nothing.",
    "fieldManager": "Who sets the fields.",
    "fieldValidation": "Ignore, Warn or Strict: what becomes of unknown fields.",
}


def answer(path: str, accept: str, base: str) -> Response | None:
    """What describes the server at this path (without a leading slash), or None where the path is another's.

    `base` is what the client puts before each path: "" on the cluster's own port, else "/kubernetes".
    """
    if path == "openapi/v3":
        return JSONResponse({"paths": {"api/v1": {"serverRelativeURL": f"{base}/{_V3}"}}})
    if path == _V3:
        return JSONResponse(version_3())
    if path != "openapi/v2":
        return None
    if _PROTOBUF in accept or _OLD_PROTOBUF in accept:
        return Response(gnostic.serialized(version_2()), media_type=_PROTOBUF)
    return JSONResponse(version_2())


def schema_of(kind: Kind) -> Json:
    """The schema of a kind's objects."""
    properties = {
        "apiVersion": {"type": "string", "description": "The version of the kind: v1."},
        "kind": {"type": "string", "description": f"The kind: {kind.name}."},
        "metadata": {"description": "Name, labels, annotations and the like.", **ref(META + "ObjectMeta")},
        **kind.fields,
    }
    return {"type": "object", "description": kind.description, "properties": properties, **_tagged(kind, listed=True)}


@functools.cache
def version_3() -> Json:
    """The description in OpenAPI 3."""
    paths: Json = {}
    for path, verb, operation in _operations():
        query = [{**each, "schema": {"type": each["type"]}} for each in operation["parameters"]]
        query = [{k: v for k, v in each.items() if k != "type"} for each in query]
        paths.setdefault(path, {})[verb] = {**operation, "parameters": query}
    schemas = {**SCHEMAS, **{CORE + kind.name: schema_of(kind) for kind in KINDS.values()}}
    info = {"title": "Kubernetes", "version": VERSION}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": _wrapped(schemas)}}


@functools.cache
def version_2() -> Json:
    """The description in OpenAPI 2 (Swagger)."""
    paths: Json = {}
    for path, verb, operation in _operations():
        paths.setdefault(path, {})[verb] = operation
    schemas = {**SCHEMAS, **{CORE + kind.name: schema_of(kind) for kind in KINDS.values()}}
    definitions = json.loads(json.dumps(schemas).replace("#/components/schemas/", "#/definitions/"))
    info = {"title": "Kubernetes", "version": VERSION}
    return {"swagger": "2.0", "info": info, "paths": paths, "definitions": definitions}


def _operations() -> list[tuple[str, str, Json]]:
    """(path, verb, operation) of every method of a served kind, and the readings of the others."""
    found = []
    for kind in KINDS.values():
        scope = "namespaces/{namespace}/" if kind.namespaced else ""
        many = f"/api/v1/{scope}{kind.plural}"
        one = f"{many}/{{name}}"
        verbs = [(many, "get", "list"), (one, "get", "get")]
        if kind.served:
            verbs += [(many, "post", "post"), (one, "put", "put"), (one, "patch", "patch"), (one, "delete", "delete")]
        for path, verb, action in verbs:
            names = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
            parameters = [{"name": n, "in": "path", "required": True, "type": "string"} for n in names]
            if verb != "get":
                queries = [q for q in _QUERY if verb != "delete" or q == "dryRun"]
                parameters += [{"name": q, "in": "query", "description": _QUERY[q], "type": "string"} for q in queries]
            operation = {
                "parameters": parameters,
                "responses": {"200": {"description": "OK"}},
                "x-kubernetes-action": action,
                **_tagged(kind, listed=False),
            }
            found.append((path, verb, operation))
    return found


def _tagged(kind: Kind, *, listed: bool) -> Json:
    described = {"group": "", "version": "v1", "kind": kind.name}
    return {"x-kubernetes-group-version-kind": [described] if listed else described}


def _wrapped(value: Any) -> Any:
    """The same with each reference that has a description in an allOf, as version 3 wants it."""
    if isinstance(value, list):
        return [_wrapped(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value and len(value) > 1:
        return {**{k: v for k, v in value.items() if k != "$ref"}, "allOf": [{"$ref": value["$ref"]}]}
    return {k: _wrapped(v) for k, v in value.items()}
