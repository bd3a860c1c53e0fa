"""What a sandbox holds, in a form that two sandboxes can be compared in: no number that was drawn, no time."""

import re
from typing import Any

import requests

from sandbox.testing import SandboxHandle

# What says nothing of what a resource is: drawn or counted by the server, the time of day, the name of the tool.
DRAWN = {
    "createTime",
    "creationTimestamp",
    "etag",
    "manager",
    "resourceVersion",
    "time",
    "uid",
    "uniqueId",
    "updateTime",
}


def flattened(value: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Every leaf by its path; an empty map or list is a leaf."""
    if isinstance(value, dict) and value:
        return {p: v for key, item in value.items() for p, v in flattened(item, (*path, key)).items()}
    return {path: value}


def differences(one: Any, other: Any) -> dict[tuple[str, ...], tuple[Any, Any]]:
    """The leaves that are not the same in both, None for one that is not there."""
    left, right = flattened(one), flattened(other)
    return {
        path: (left.get(path), right.get(path))
        for path in sorted({*left, *right})
        if left.get(path) != right.get(path) or (path in left) != (path in right)
    }


def resources(sandbox: SandboxHandle) -> dict[str, Any]:
    """All that was made, and the enabled APIs; resources by what they are called, not by their numbers."""
    state = sandbox.state()
    names: dict[str, str] = {}
    for kind, field in (("aiplatform.endpoint", "displayName"), ("accessPolicy", "title")):
        for name, value in state.get(kind, {}).items():
            names[name.rpartition("/")[2]] = value[field]
    for endpoint in state.get("aiplatform.endpoint", {}).values():
        names |= {model["id"]: model["displayName"] for model in endpoint.get("deployedModels", [])}
    found: dict[str, Any] = _renamed(state, names)
    found["enabledApis"] = dict.fromkeys(_enabled(sandbox), True)
    return found


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key not in DRAWN}
        return {_text(key, names): _renamed(item, names) for key, item in kept.items()}
    if isinstance(value, list):
        return {_key(item, index, names): _renamed(item, names) for index, item in enumerate(value)}
    return _text(value, names) if isinstance(value, str) else value


def _key(item: Any, index: int, names: dict[str, str]) -> str:
    """What tells an element of a list from the others, where its place does not."""
    if isinstance(item, dict):
        return next((item[field] for field in ("displayName", "role") if field in item), str(index))
    return _text(str(item), names)


def _text(text: str, names: dict[str, str]) -> str:
    return re.sub(r"\d{4,}", lambda number: names.get(number.group(), number.group()), text)


def _enabled(sandbox: SandboxHandle) -> list[str]:
    url = sandbox.api("serviceusage", f"v1/projects/{sandbox.project}/services")
    query: dict[str, Any] = {"filter": "state:ENABLED", "pageSize": 200}
    answer = requests.get(url, params=query, headers=sandbox.headers, timeout=30).json()
    assert "nextPageToken" not in answer
    return [service["config"]["name"] for service in answer["services"]]
