"""OpenAPI 2 documents as protobuf, in gnostic's messages: client-go asks for no other form.

Messages and field numbers, as far as they are used: github.com/google/gnostic-models openapiv2/OpenAPIv2.proto.
"""

import functools
import json
from typing import TYPE_CHECKING, Any

from sandbox.errors import Json

if TYPE_CHECKING:
    from google.protobuf.message import Message

# field -> (number, type); a type in a list is repeated.
_MESSAGES: dict[str, dict[str, tuple[int, Any]]] = {
    "Document": {"swagger": (1, str), "info": (2, "Info"), "paths": (8, "Paths"), "definitions": (9, "Properties")},
    "Info": {"title": (1, str), "version": (2, str)},
    "Paths": {"path": (2, ["NamedPathItem"])},
    "NamedPathItem": {"name": (1, str), "value": (2, "PathItem")},
    "PathItem": {
        "get": (2, "Operation"),
        "put": (3, "Operation"),
        "post": (4, "Operation"),
        "delete": (5, "Operation"),
        "patch": (8, "Operation"),
    },
    "Operation": {
        "parameters": (8, ["ParametersItem"]),
        "responses": (9, "Responses"),
        "vendor_extension": (13, ["NamedAny"]),
    },
    "ParametersItem": {"parameter": (1, "Parameter")},
    "Parameter": {"non_body_parameter": (2, "NonBodyParameter")},
    "NonBodyParameter": {
        "query_parameter_sub_schema": (3, "QueryParameter"),
        "path_parameter_sub_schema": (4, "PathParameter"),
    },
    "QueryParameter": {"in": (2, str), "description": (3, str), "name": (4, str), "type": (6, str)},
    "PathParameter": {"required": (1, bool), "in": (2, str), "name": (4, str), "type": (5, str)},
    "Responses": {"response_code": (1, ["NamedResponseValue"])},
    "NamedResponseValue": {"name": (1, str), "value": (2, "ResponseValue")},
    "ResponseValue": {"response": (1, "Response")},
    "Response": {"description": (1, str)},
    "Schema": {
        "ref": (1, str),
        "format": (2, str),
        "description": (4, str),
        "additional_properties": (21, "AdditionalProperties"),
        "type": (22, "TypeItem"),
        "items": (23, "ItemsItem"),
        "properties": (25, "Properties"),
        "vendor_extension": (31, ["NamedAny"]),
    },
    "AdditionalProperties": {"schema": (1, "Schema")},
    "TypeItem": {"value": (1, [str])},
    "ItemsItem": {"schema": (1, ["Schema"])},
    "Properties": {"additional_properties": (1, ["NamedSchema"])},
    "NamedSchema": {"name": (1, str), "value": (2, "Schema")},
    "NamedAny": {"name": (1, str), "value": (2, "Any")},
    "Any": {"yaml": (2, str)},
}


@functools.cache
def document_class() -> "type[Message]":
    """gnostic's Document, as a class of messages."""
    # Heavy, and few ask for it.
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="openapiv2.proto", package="openapi.v2", syntax="proto3")
    described = descriptor_pb2.FieldDescriptorProto
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, given) in fields.items():
            label = described.LABEL_REPEATED if isinstance(given, list) else described.LABEL_OPTIONAL
            of = given[0] if isinstance(given, list) else given
            kind = {str: described.TYPE_STRING, bool: described.TYPE_BOOL}.get(of, described.TYPE_MESSAGE)
            added = message.field.add(name=field, number=number, label=label, type=kind)
            if isinstance(of, str):
                added.type_name = f".openapi.v2.{of}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("openapi.v2.Document"))


def serialized(document: Json) -> bytes:
    """An OpenAPI 2 document as gnostic's bytes."""
    paths = [
        {"name": path, "value": {verb: _operation(operation) for verb, operation in item.items()}}
        for path, item in document["paths"].items()
    ]
    fields = {
        "swagger": document["swagger"],
        "info": document["info"],
        "paths": {"path": paths},
        "definitions": _properties(document["definitions"]),
    }
    return document_class()(**fields).SerializeToString()


def _operation(operation: Json) -> Json:
    parameters = []
    for each in operation["parameters"]:
        place = {"query": "query_parameter_sub_schema", "path": "path_parameter_sub_schema"}[each["in"]]
        parameters.append({"parameter": {"non_body_parameter": {place: each}}})
    codes = [{"name": code, "value": {"response": each}} for code, each in operation["responses"].items()]
    return {"parameters": parameters, "responses": {"response_code": codes}, **_extensions(operation)}


def _properties(schemas: Json) -> Json:
    return {"additional_properties": [{"name": name, "value": _schema(each)} for name, each in schemas.items()]}


def _schema(schema: Json) -> Json:
    found: Json = {k: schema[k] for k in ("format", "description") if k in schema}
    if "$ref" in schema:
        found["ref"] = schema["$ref"]
    if "type" in schema:
        found["type"] = {"value": [schema["type"]]}
    if "items" in schema:
        found["items"] = {"schema": [_schema(schema["items"])]}
    if "properties" in schema:
        found["properties"] = _properties(schema["properties"])
    if "additionalProperties" in schema:
        found["additional_properties"] = {"schema": _schema(schema["additionalProperties"])}
    return {**found, **_extensions(schema)}


def _extensions(value: Json) -> Json:
    extensions = [{"name": k, "value": {"yaml": json.dumps(v)}} for k, v in value.items() if k.startswith("x-")]
    return {"vendor_extension": extensions} if extensions else {}
