"""How objects are shown: alone, in a list, or as the table that kubectl asks for."""

from datetime import UTC, datetime

from sandbox.errors import Json
from sandbox.services.kubernetes.kinds import CONFIG_MAP, NAMESPACE, SECRET, SERVICE_ACCOUNT, Kind

_COLUMNS = {NAMESPACE: ["Status"], SERVICE_ACCOUNT: ["Secrets"], CONFIG_MAP: ["Data"], SECRET: ["Type", "Data"]}
_UNITS = ((86400 * 365, "y"), (86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def wants_table(accept: str) -> bool:
    """Whether the client takes a Table before the object itself."""
    return "as=Table" in accept.partition(",")[0]


def listed(kind: Kind, items: list[Json], version: str) -> Json:
    """A list of objects."""
    bare = [{k: v for k, v in item.items() if k not in ("kind", "apiVersion")} for item in items]
    metadata = {"resourceVersion": version}
    return {"kind": f"{kind.name}List", "apiVersion": "v1", "metadata": metadata, "items": bare}


def table(kind: Kind, items: list[Json], version: str, now: float, include: str = "Metadata") -> Json:
    """A meta.k8s.io/v1 Table, with each row's object as `include` says: None, Metadata or Object."""
    names = ["Name", *_COLUMNS.get(kind, []), "Age"]
    columns = [
        {"name": n, "type": "string", "format": "name" if n == "Name" else "", "description": "", "priority": 0}
        for n in names
    ]
    rows = [{"cells": [_cell(item, n, now) for n in names], "object": _object(item, include)} for item in items]
    head = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": version}}
    return {**head, "columnDefinitions": columns, "rows": rows}


def age(created: str, now: float) -> str:
    """As kubectl writes it: 45s, 3m, 7h, 12d."""
    seconds = max(0, int(now - datetime.fromisoformat(created).astimezone(UTC).timestamp()))
    size, unit = next(((s, u) for s, u in _UNITS if seconds >= s * (2 if u == "m" else 1)), (1, "s"))
    return f"{seconds // size}{unit}"


def _cell(item: Json, column: str, now: float) -> str | int:
    metadata = item["metadata"]
    if column == "Name":
        return str(metadata["name"])
    if column == "Status":
        return str(item["status"]["phase"])
    if column == "Secrets":
        return len(item.get("secrets", []))
    if column == "Type":
        return str(item["type"])
    if column == "Data":
        return sum(len(item.get(field) or {}) for field in ("data", "binaryData"))
    return age(metadata["creationTimestamp"], now)


def _object(item: Json, include: str) -> Json | None:
    if include == "None":
        return None
    if include == "Object":
        return item
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]}
