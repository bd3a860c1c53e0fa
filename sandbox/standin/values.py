"""Property bags as they cross Pulumi's wire: protobuf Structs in which a string may stand for an unknown or a secret.

The special strings are part of Pulumi's protocol (sdk/go/common/resource/plugin/rpc.go).
"""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format, struct_pb2

Props = dict[str, Any]

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What a value becomes that nobody knows before the update runs."""

_UNKNOWN_SPELLINGS = frozenset(
    {
        UNKNOWN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # a bool
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # a number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # an array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # an asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # an archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # an object
    }
)
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 a marker, not a secret


def from_struct(struct: struct_pb2.Struct) -> Props:
    """The bag as plain Python: secrets unwrapped, whole numbers as int, unknowns as ``UNKNOWN``, nulls left out."""
    plain: Props = _plain(json_format.MessageToDict(struct))
    return plain


def to_struct(props: Props) -> struct_pb2.Struct:
    """The bag as a Struct; entries that are None are left out."""
    struct = struct_pb2.Struct()
    struct.update(_without_none(props))
    return struct


def has_unknown(value: object) -> bool:
    """Whether the value, or anything inside it, is not known yet."""
    if isinstance(value, dict):
        return any(has_unknown(v) for v in value.values())
    if isinstance(value, list):
        return any(has_unknown(v) for v in value)
    return value == UNKNOWN


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get(_SIGNATURE) == _SECRET:
            return _plain(value.get("value"))
        return {k: _plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return UNKNOWN if isinstance(value, str) and value in _UNKNOWN_SPELLINGS else value


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_none(v) for v in value]
    return value
