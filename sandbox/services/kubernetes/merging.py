"""How a change meets an object: server-side apply with its field managers, merge patches, strategic merge patches.

Rules: kubernetes.io/docs/reference/using-api/server-side-apply. Simpler than the real thing in two ways: a list is one
field, and a manager that created an object with POST may apply it afterwards without taking its own fields from itself.
"""

import copy
from typing import Any

from sandbox.errors import Json
from sandbox.services.kubernetes.status import KubernetesError

Path = tuple[str, ...]

_SERVERS = (
    "creationTimestamp",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)
_IDENTITY = ("name", "namespace", "generateName")


def owned_paths(value: Json) -> dict[Path, Any]:
    """The fields that someone who sends this object has an opinion on, with their values."""
    metadata = {k: v for k, v in value.get("metadata", {}).items() if k not in (*_SERVERS, *_IDENTITY)}
    body = {k: v for k, v in value.items() if k not in ("apiVersion", "kind", "metadata", "status")}
    return dict(_leaves({"metadata": metadata, **body}, ()))


def managed(live: Json) -> dict[tuple[str, str], set[Path]]:
    """The paths by (manager, operation)."""
    entries = live["metadata"].get("managedFields", [])
    return {(e["manager"], e["operation"]): set(_decoded(e["fieldsV1"], ())) for e in entries}


def with_managers(live: Json, managers: dict[tuple[str, str], set[Path]], now: str) -> Json:
    """The object with its managedFields written anew; who owns what they owned keeps their old time."""
    old = {(e["manager"], e["operation"]): e for e in live["metadata"].get("managedFields", [])}
    before = managed(live)
    entries = []
    for (manager, operation), paths in sorted(managers.items()):
        kept = old[manager, operation] if before.get((manager, operation)) == paths else None
        entry = {"manager": manager, "operation": operation, "apiVersion": "v1", "time": now, "fieldsType": "FieldsV1"}
        if paths:
            entries.append(kept or {**entry, "fieldsV1": _encoded(paths)})
    return {**live, "metadata": {**live["metadata"], "managedFields": entries}}


def apply(live: Json, wanted: Json, manager: str, *, force: bool, now: str) -> Json:
    """Server-side apply of `wanted`: what this manager applied before and leaves out now goes, unless another owns it.

    Raises:
        KubernetesError: 409 Conflict where another manager owns a field and `force` is not set.
    """
    managers = managed(live)
    mine, values = {(manager, "Apply"), (manager, "Update")}, owned_paths(wanted)
    have = owned_paths(live)
    others = {owner: paths for owner, paths in managers.items() if owner not in mine}
    disputed = {
        path: owner for owner, paths in others.items() for path in paths & set(values) if have.get(path) != values[path]
    }
    if disputed and not force:
        raise _disputed(disputed)
    before = set().union(*(managers.get(owner, set()) for owner in mine))
    result = copy.deepcopy(live)
    for path in before - set(values):
        if not any(path in paths for paths in others.values()):
            _remove(result, path)
    for path, value in values.items():
        _put(result, path, value)
    kept = {owner: paths - set(disputed) for owner, paths in others.items()}
    return with_managers(result, {**kept, (manager, "Apply"): set(values)}, now)


def updated(live: Json, result: Json, manager: str, now: str) -> Json:
    """Any other change from `live` to `result`: the manager now owns what it changed."""
    had, has = owned_paths(live), owned_paths(result)
    changed = {path for path, value in has.items() if had.get(path, result) != value}
    owners = managed(result if result["metadata"].get("managedFields") else live)
    managers = {owner: (paths & set(has)) - changed for owner, paths in owners.items()}
    managers[manager, "Update"] = managers.get((manager, "Update"), set()) | changed
    entries = live["metadata"].get("managedFields", [])
    return with_managers({**result, "metadata": {**result["metadata"], "managedFields": entries}}, managers, now)


def merge_patch(value: Any, patch: Any) -> Any:
    """RFC 7386, and what a strategic merge patch adds for lists of named things."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for key, change in patch.items():
        if key.startswith("$"):
            continue
        if change is None:
            result.pop(key, None)
        elif _is_named_list(change) and _is_named_list(result.get(key)):
            result[key] = _merged_list(result[key], change)
        else:
            result[key] = merge_patch(result.get(key), change)
    return result


def json_patch(value: Json, operations: list[Json]) -> Json:
    """RFC 6902: add, remove, replace and test. KubernetesError 422 where one of them does not fit."""
    result = copy.deepcopy(value)
    for change in operations:
        *parents, last = [p.replace("~1", "/").replace("~0", "~") for p in change["path"].split("/")[1:]]
        try:
            node: Any = result
            for part in parents:
                node = node[int(part)] if isinstance(node, list) else node[part]
            key: Any = last
            if isinstance(node, list):
                key = len(node) if last == "-" else int(last)
            if change["op"] == "add" and isinstance(node, list):
                node.insert(key, change["value"])
            elif change["op"] in ("add", "replace"):
                node[key] = change["value"]
            elif change["op"] == "remove":
                del node[key]
            elif change["op"] != "test" or node[key] != change["value"]:
                raise KeyError(change["op"])
        except (KeyError, IndexError, ValueError, TypeError):
            raise KubernetesError(422, "Invalid", f"the JSON patch does not fit: {change}") from None
    return result


def _is_named_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) and "name" in v for v in value)


def _merged_list(old: list[Json], changes: list[Json]) -> list[Json]:
    items = {item["name"]: item for item in old}
    for change in changes:
        if change.get("$patch") == "delete":
            items.pop(change["name"], None)
        else:
            items[change["name"]] = merge_patch(items.get(change["name"]), change)
    return list(items.values())


def _disputed(disputed: dict[Path, tuple[str, str]]) -> KubernetesError:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f'conflict with "{manager}" using v1',
            "field": "." + ".".join(path),
        }
        for path, (manager, _) in sorted(disputed.items())
    ]
    listed = "\n".join(f"- {cause['field']}" for cause in causes)
    plural = "conflict" if len(causes) == 1 else "conflicts"
    names = ", ".join(sorted({manager for manager, _ in disputed.values()}))
    message = f'Apply failed with {len(causes)} {plural}: {plural} with "{names}":\n{listed}'
    return KubernetesError(409, "Conflict", message, {"causes": causes})


def _leaves(value: Json, path: Path) -> Any:
    for key, child in value.items():
        if isinstance(child, dict) and child:
            yield from _leaves(child, (*path, key))
        elif child is not None and child != {}:
            yield (*path, key), child


def _encoded(paths: set[Path]) -> Json:
    tree: Json = {}
    for path in sorted(paths):
        node = tree
        for part in path:
            node = node.setdefault(f"f:{part}", {})
    return tree


def _decoded(tree: Json, path: Path) -> Any:
    for key, child in tree.items():
        here = (*path, key.removeprefix("f:"))
        if child:
            yield from _decoded(child, here)
        else:
            yield here


def _put(value: Json, path: Path, leaf: Any) -> None:
    for part in path[:-1]:
        value = value.setdefault(part, {})
    value[path[-1]] = leaf


def _remove(value: Json, path: Path) -> None:
    trail = []
    for part in path[:-1]:
        trail.append((value, part))
        value = value.get(part, {})
    value.pop(path[-1], None)
    for parent, part in reversed(trail):
        if part != "metadata" and parent.get(part) == {}:
            del parent[part]
