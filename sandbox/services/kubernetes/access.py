"""Who may do what in the cluster: GKE asks IAM for container.* permissions on the project. There is no RBAC here.

Source and words: cloud.google.com/kubernetes-engine/docs/how-to/iam.
"""

import re
from typing import TYPE_CHECKING

from sandbox.errors import Json
from sandbox.identity import Principal
from sandbox.services import iam_policies
from sandbox.services.kubernetes.kinds import CHANGING, KINDS, Kind
from sandbox.services.kubernetes.status import KubernetesError

if TYPE_CHECKING:
    from sandbox.core import Sandbox

# What every server describes of itself to whoever signs in: Kubernetes' role system:discovery.
OPEN_PATHS = (
    "/api",
    "/api/*",
    "/apis",
    "/apis/*",
    "/healthz",
    "/livez",
    "/openapi",
    "/openapi/*",
    "/readyz",
    "/version",
)
_VERBS = {"patch": "update", "watch": "list", "deletecollection": "delete"}


def check(sandbox: "Sandbox", user: str, kind: Kind, namespace: str, verb: str, subresource: str = "") -> None:
    """Refuses what a user may not do. KubernetesError 403."""
    permission = _permission(kind.plural, subresource, verb)
    if permitted(sandbox, user, permission):
        return
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    resource = f"{kind.plural}/{subresource}" if subresource else kind.plural
    raise KubernetesError(
        403,
        "Forbidden",
        f'{kind.plural} is forbidden: User "{user}" cannot {verb} resource "{resource}" in API group ""'
        f' {where}: requires one of ["{permission}"] permission(s).',
        {"kind": kind.plural},
    )


def permitted(sandbox: "Sandbox", user: str, permission: str) -> bool:
    """Whether IAM gives the user a permission on the project, e.g. "container.pods.get"."""
    project = next(iter(sandbox.store.list("project")))
    return iam_policies.allowed(sandbox, Principal(user).member, f"projects/{project}", permission)


def may(sandbox: "Sandbox", user: str, asked: Json) -> bool:
    """The answer to the resourceAttributes of an access review; "*" stands for every resource, or every verb."""
    resource, verb = asked.get("resource", ""), asked.get("verb", "")
    resources = list(KINDS) if resource == "*" else [resource]
    verbs = CHANGING if verb == "*" else (verb,)
    return all(
        permitted(sandbox, user, _permission(each, asked.get("subresource", ""), one))
        for each in resources
        for one in verbs
    )


def may_ask(asked: Json) -> bool:
    """The answer to the nonResourceAttributes of an access review."""
    path, reads = asked.get("path", ""), asked.get("verb", "") in ("get", "head")
    return reads and any(path == each or (each.endswith("*") and path.startswith(each[:-1])) for each in OPEN_PATHS)


def rules(sandbox: "Sandbox", user: str) -> list[Json]:
    """What the user may do with each kind, as a rules review lists it."""
    found = []
    for kind in KINDS.values():
        verbs = [verb for verb in kind.verbs if permitted(sandbox, user, _permission(kind.plural, "", verb))]
        if verbs:
            found.append({"verbs": verbs, "apiGroups": [""], "resources": [kind.plural]})
    return found


def _permission(resource: str, subresource: str, verb: str) -> str:
    """IAM's name: of ServiceAccounts container.serviceAccounts.list; of what the cluster has not, by its plural."""
    kind = KINDS.get(resource)
    collection = re.sub(r"^[A-Z]", lambda m: m.group().lower(), kind.name) + "s" if kind else resource
    if (resource, subresource, verb) == ("serviceaccounts", "token", "create"):
        return "container.serviceAccounts.createToken"
    return f"container.{collection}.{_VERBS.get(verb, verb)}"
