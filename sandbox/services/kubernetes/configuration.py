"""What ConfigMaps and Secrets hold: their keys and values, and what may not change.

Rules: kubernetes.io/docs/concepts/configuration/{configmap, secret}; the API's core/v1 types.
"""

import base64
import binascii
import re

from sandbox import registry
from sandbox.errors import Json
from sandbox.services.kubernetes.kinds import CONFIG_MAP, SECRET, Kind
from sandbox.services.kubernetes.status import KubernetesError, bad_request, invalid

_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_MOST_BYTES = 1024 * 1024
_HELD = ("data", "binaryData")


def checked(kind: Kind, value: Json) -> Json:
    """A ConfigMap or Secret as it is kept: `stringData` encoded into `data`, the type named.

    Raises:
        KubernetesError: 400 for a value that is no text or no base64, 422 for a key or a size.
    """
    if kind not in (CONFIG_MAP, SECRET):
        return value
    name = value["metadata"]["name"]
    for field in (*_HELD, "stringData"):
        for key, text in (value.get(field) or {}).items():
            _check_entry(kind, name, field, key, text)
    if kind is SECRET:
        plain = value.pop("stringData", None) or {}
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in plain.items()}
        if data := {**(value.get("data") or {}), **encoded}:
            value["data"] = data
        value["type"] = value.get("type") or "Opaque"
    if sum(len(text) for field in _HELD for text in (value.get(field) or {}).values()) > _MOST_BYTES:
        raise invalid(kind.name, name, "data", f"Too long: must have at most {_MOST_BYTES} bytes")
    return value


def check_change(kind: Kind, live: Json, value: Json) -> None:
    """Refuses what may not change: a Secret's type, and all that an `immutable` object holds. KubernetesError 422."""
    if kind not in (CONFIG_MAP, SECRET):
        return
    name = live["metadata"]["name"]
    if kind is SECRET and live.get("type") != value.get("type"):
        raise invalid(kind.name, name, "type", "Invalid value: field is immutable")
    if live.get("immutable"):
        for field in (*_HELD, "immutable"):
            if live.get(field) != value.get(field):
                raise invalid(kind.name, name, field, "Forbidden: field is immutable when `immutable` is set")


def _check_entry(kind: Kind, name: str, field: str, key: str, text: object) -> None:
    if not isinstance(text, str):
        raise bad_request(f"{kind.name} in version v1 cannot be handled: {field}.{key} must be a string")
    if not _KEY.fullmatch(key):
        why = f"Invalid value: \"{key}\": a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
        raise invalid(kind.name, name, f"{field}[{key}]", why)
    if field == "binaryData" or (kind is SECRET and field == "data"):
        try:
            base64.b64decode(text, validate=True)
        except binascii.Error:
            raise KubernetesError(
                400,
                "BadRequest",
                f"{kind.name} in version v1 cannot be handled as a {kind.name}: illegal base64 data in {field}.{key}",
            ) from None


@registry.state_view(SECRET.store)
def _view(_name: str, value: Json, _seeded: Json | None) -> Json:
    """A Secret by its keys alone."""
    return {**value, "data": dict.fromkeys(value.get("data") or {}, "(not shown)")}
