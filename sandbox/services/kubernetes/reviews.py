"""What `kubectl auth` asks: who am I, and what may I do.

The answers are IAM's, by the permissions that the calls themselves ask for.
Shapes: authentication.k8s.io/v1 SelfSubjectReview, authorization.k8s.io/v1 SelfSubjectAccessReview and
SelfSubjectRulesReview of Kubernetes 1.29.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.errors import Json
from sandbox.services.kubernetes import access
from sandbox.services.kubernetes.callers import User
from sandbox.services.kubernetes.status import bad_request, invalid

if TYPE_CHECKING:
    from sandbox.core import Sandbox

_GROUPS = {
    "authentication.k8s.io": {"SelfSubjectReview": "selfsubjectreviews"},
    "authorization.k8s.io": {
        "SelfSubjectAccessReview": "selfsubjectaccessreviews",
        "SelfSubjectRulesReview": "selfsubjectrulesreviews",
    },
}
PATHS = {
    f"apis/{group}/v1/{plural}": (group, kind) for group, kinds in _GROUPS.items() for kind, plural in kinds.items()
}


def discovery() -> dict[str, Callable[[], Json]]:
    """What describes the two API groups, by path."""
    found: dict[str, Callable[[], Json]] = {"apis": _groups}
    for group in _GROUPS:
        found[f"apis/{group}"] = lambda group=group: _group(group)  # type: ignore[misc]
        found[f"apis/{group}/v1"] = lambda group=group: _resources(group)  # type: ignore[misc]
    return found


def is_review(path: str) -> bool:
    """Whether reviews are created at this path."""
    return path in PATHS


def method(path: str) -> str:
    """The resource of the path as audit logs name it: "authorization.v1.selfsubjectaccessreviews"."""
    group, kind = PATHS[path]
    return f"{group.partition('.')[0]}.v1.{_GROUPS[group][kind]}"


def answer(sandbox: "Sandbox", path: str, body: Any, user: User) -> Json:
    """The review with its status filled in. KubernetesError 400 or 422 for a body that is no such review."""
    group, kind = PATHS[path]
    if not isinstance(body, dict) or body.get("kind", kind) != kind:
        raise bad_request(f"the body is no {kind}")
    spec = body.get("spec") or {}
    if kind == "SelfSubjectReview":
        status: Json = {"userInfo": {"username": user.name, "groups": list(user.groups)}}
    elif kind == "SelfSubjectAccessReview":
        resource, other = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
        if bool(resource) == bool(other):
            why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
            raise invalid(kind, "", "spec.resourceAttributes", why)
        status = {"allowed": access.may(sandbox, user.name, resource) if resource else access.may_ask(other or {})}
    else:
        own = [
            {"verbs": ["create"], "apiGroups": [each], "resources": list(kinds.values())}
            for each, kinds in _GROUPS.items()
        ]
        described = [{"verbs": ["get"], "nonResourceURLs": list(access.OPEN_PATHS)}]
        rules = [*own, *access.rules(sandbox, user.name)]
        status = {"resourceRules": rules, "nonResourceRules": described, "incomplete": False}
    head = {"kind": kind, "apiVersion": f"{group}/v1", "metadata": {"creationTimestamp": None}}
    return {**head, **({"spec": spec} if spec else {}), "status": status}


def _groups() -> Json:
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_described(group) for group in _GROUPS]}


def _group(group: str) -> Json:
    return {"kind": "APIGroup", "apiVersion": "v1", **_described(group)}


def _described(group: str) -> Json:
    version = {"groupVersion": f"{group}/v1", "version": "v1"}
    return {"name": group, "versions": [version], "preferredVersion": version}


def _resources(group: str) -> Json:
    resources = [
        {"name": plural, "singularName": kind.lower(), "namespaced": False, "kind": kind, "verbs": ["create"]}
        for kind, plural in _GROUPS[group].items()
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{group}/v1", "resources": resources}
