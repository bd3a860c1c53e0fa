"""The types of what objects are made of, as OpenAPI schemas, and the check of an object against them.

Names and fields: Kubernetes API 1.29, core/v1 and meta/v1. Only what the sandbox keeps is described.
"""

from collections.abc import Iterator
from typing import Any

from sandbox.errors import Json

META = "io.k8s.apimachinery.pkg.apis.meta.v1."
CORE = "io.k8s.api.core.v1."
_GO = {"string": "string", "boolean": "bool", "integer": "int64", "object": "map[string]interface {}"}
_JSON = {bool: "bool", str: "string", int: "number", float: "number", list: "array", dict: "object"}


def ref(name: str) -> Json:
    """A reference to one of SCHEMAS."""
    return {"$ref": f"#/components/schemas/{name}"}


def text(description: str) -> Json:
    """A string."""
    return {"type": "string", "description": description}


def flag(description: str) -> Json:
    """A boolean."""
    return {"type": "boolean", "description": description}


def strings(description: str) -> Json:
    """A map from strings to strings."""
    return {"type": "object", "description": description, "additionalProperties": {"type": "string"}}


def merged_by_name(of: str, description: str) -> Json:
    """A list whose entries a strategic merge tells apart by their name."""
    merge = {"x-kubernetes-patch-merge-key": "name", "x-kubernetes-patch-strategy": "merge"}
    return {"type": "array", "description": description, "items": ref(of), **merge}


def _object(description: str, **properties: Json) -> Json:
    return {"type": "object", "description": description, "properties": properties}


def _time(description: str) -> Json:
    return {**text(description), "format": "date-time"}


_OWNER = _object(
    "An object that this one belongs to.",
    apiVersion=text("API version of the owner."),
    blockOwnerDeletion=flag("Whether the owner waits for this object in a foreground deletion."),
    controller=flag("Whether the owner is the managing controller."),
    kind=text("Kind of the owner."),
    name=text("Name of the owner."),
    uid=text("UID of the owner."),
)
_MANAGED = _object(
    "The fields that one manager has set.",
    apiVersion=text("The version that the fields are of."),
    fieldsType=text("How the fields are written: FieldsV1."),
    fieldsV1={"type": "object", "description": "The fields."},
    manager=text("The manager's name."),
    operation=text("Apply or Update."),
    subresource=text("The subresource by which they were set."),
    time=_time("When they were set."),
)
_METADATA = _object(
    "What every object has.",
    annotations=strings("Notes of tools and people; nothing selects by them."),
    creationTimestamp=_time("When it was made. Set by the server."),
    deletionGracePeriodSeconds={"type": "integer", "format": "int64", "description": "Seconds that a deletion takes."},
    deletionTimestamp=_time("When it was asked to go. Set by the server."),
    finalizers={
        "type": "array",
        "description": "What must be done before it goes.",
        "items": {"type": "string"},
        "x-kubernetes-patch-strategy": "merge",
    },
    generateName=text("What the server is to make a name from."),
    generation={"type": "integer", "format": "int64", "description": "A number of the wanted state."},
    labels=strings("What selectors select by."),
    managedFields={"type": "array", "description": "Who set which fields.", "items": ref(META + "ManagedFieldsEntry")},
    name=text("The name, unique among its kind in a namespace. Cannot be changed."),
    namespace=text("The namespace. Cannot be changed."),
    ownerReferences={
        "type": "array",
        "description": "The objects that this one belongs to.",
        "items": ref(META + "OwnerReference"),
        "x-kubernetes-patch-merge-key": "uid",
        "x-kubernetes-patch-strategy": "merge",
    },
    resourceVersion=text("Changes with every change of the object. Set by the server."),
    selfLink=text("No longer set."),
    uid=text("Tells it from all others, earlier ones of its name too. Set by the server."),
)
SCHEMAS: dict[str, Json] = {
    META + "ObjectMeta": _METADATA,
    META + "OwnerReference": _OWNER,
    META + "ManagedFieldsEntry": _MANAGED,
    CORE + "LocalObjectReference": _object("An object of the same namespace.", name=text("Its name.")),
    CORE + "ObjectReference": _object(
        "An object.",
        apiVersion=text("Its API version."),
        fieldPath=text("A part of it."),
        kind=text("Its kind."),
        name=text("Its name."),
        namespace=text("Its namespace."),
        resourceVersion=text("Its resourceVersion."),
        uid=text("Its UID."),
    ),
    CORE + "NamespaceSpec": _object(
        "How the namespace is to be.",
        finalizers={"type": "array", "description": "What empties it at its end.", "items": {"type": "string"}},
    ),
    CORE + "NamespaceStatus": _object("How the namespace is.", phase=text("Active or Terminating.")),
}


def mistakes(schema: Json, value: Any, kind: str, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, sentence) of what is wrong in an object: "" as the sentence is a field that the schema does not have."""
    found = SCHEMAS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if value is None or "type" not in found:
        return
    if not _fits(found["type"], value):
        given, wanted = _JSON[type(value)], _GO.get(found["type"], "[]string")
        yield path, f"json: cannot unmarshal {given} into Go struct field {kind}.{path} of type {wanted}"
    elif isinstance(value, list) and "items" in found:
        for index, each in enumerate(value):
            yield from mistakes(found["items"], each, kind, f"{path}[{index}]")
    elif isinstance(value, dict) and "properties" in found:
        for name, each in value.items():
            below = f"{path}.{name}" if path else name
            if name in found["properties"]:
                yield from mistakes(found["properties"][name], each, kind, below)
            else:
                yield below, ""
    elif isinstance(value, dict) and "additionalProperties" in found:
        for each in value.values():
            yield from mistakes(found["additionalProperties"], each, kind, path)


def _fits(kind: str, value: Any) -> bool:
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, {"string": str, "boolean": bool, "object": dict, "array": list}[kind])
