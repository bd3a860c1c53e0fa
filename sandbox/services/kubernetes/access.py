"""Who may do what in the cluster: GKE asks IAM for container.* permissions on the project. There is no RBAC here.

Source and words: cloud.google.com/kubernetes-engine/docs/how-to/iam. A call without a token is the deployer's: kubectl
sends none without TLS, so on loopback its absence means whoever runs the sandbox.
"""

import re
from typing import TYPE_CHECKING

from sandbox.identity import principal_of
from sandbox.services import iam_policies
from sandbox.services.kubernetes.kinds import Kind
from sandbox.services.kubernetes.status import KubernetesError

if TYPE_CHECKING:
    from sandbox.core import Sandbox

_VERBS = {"patch": "update", "watch": "list"}


def check(sandbox: "Sandbox", authorization: str, kind: Kind, namespace: str, verb: str) -> None:
    """Refuses what the caller of an Authorization header may not do. KubernetesError 403."""
    if not authorization:
        return
    principal = principal_of(authorization, "container", "kubernetes")
    project = next(iter(sandbox.store.list("project")))
    permission = f"container.{_collection(kind)}.{_VERBS.get(verb, verb)}"
    if iam_policies.allowed(sandbox, principal.member, f"projects/{project}", permission):
        return
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    raise KubernetesError(
        403,
        "Forbidden",
        f'{kind.plural} is forbidden: User "{principal.email}" cannot {verb} resource "{kind.plural}" in API group ""'
        f' {where}: requires one of ["{permission}"] permission(s).',
        {"kind": kind.plural},
    )


def _collection(kind: Kind) -> str:
    """IAM's name of a kind: ServiceAccount is container.serviceAccounts."""
    return re.sub(r"^[A-Z]", lambda m: m.group().lower(), kind.name) + "s"
