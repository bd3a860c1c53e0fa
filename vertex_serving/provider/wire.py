"""Pulumi property values as Python values, and back.

Source: the signatures and sentinels of pulumi/pulumi `sdk/go/common/resource/plugin/rpc.go` and `properties.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf import struct_pb2


class Unknown:
    """A value that Pulumi will know only after it has made something else."""

    _only: Unknown | None = None

    def __new__(cls) -> Unknown:
        """Return the only one there is."""
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        raise TypeError("an unknown value is neither true nor false: test it with `is UNKNOWN`")


UNKNOWN: Final = Unknown()

Properties = dict[str, Any]

_UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWN_TEXTS: Final = frozenset(
    {
        _UNKNOWN_TEXT,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the mark of a secret, not one
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"


def read(struct: struct_pb2.Struct) -> Properties:
    """Return the properties in a message: whole numbers as int, secrets opened, unknown values as UNKNOWN."""
    return {key: _open(value) for key, value in struct.fields.items()}


def write(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return the message for properties: UNKNOWN as Pulumi's sentinel, keys whose value is None left out."""
    struct = struct_pb2.Struct()
    struct.update({key: _close(value) for key, value in properties.items() if value is not None})
    return struct


def has_unknown(value: Any) -> bool:
    """Say whether a value is, or anywhere holds, UNKNOWN."""
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN


def _open(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value in _UNKNOWN_TEXTS else value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_open(item) for item in value.list_value.values]
    if kind == "struct_value":
        fields = value.struct_value.fields
        signature = fields[_SIGNATURE].string_value if _SIGNATURE in fields else ""
        if signature in (_SECRET, _OUTPUT):
            # A secret always has a value; an output without one is unknown.
            return _open(fields["value"]) if "value" in fields else UNKNOWN
        return {key: _open(item) for key, item in fields.items()}
    return None


def _close(value: Any) -> Any:
    if value is UNKNOWN:
        return _UNKNOWN_TEXT
    if isinstance(value, Mapping):
        return {key: _close(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_close(item) for item in value]
    return value
