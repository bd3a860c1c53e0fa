"""Predefined roles, and what a role grants.

roles.json has the roles that this project's programs, checks and messages speak of, each with its permissions on the
services that the sandbox has, as Google's `roles.get` gave them on 2026-08-22 (collected by github.com/iann0036/
iam-dataset, folder gcp/roles). So an owner, as at Google, may not make tokens for a service account.
"""

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox import registry
from sandbox.errors import Json

if TYPE_CHECKING:
    from sandbox.core import Sandbox

_FILE = Path(__file__).parent / "roles.json"
# By name: the title, and the permissions.
ROLES: dict[str, tuple[str, tuple[str, ...]]] = {
    name: (role["title"], tuple(role["includedPermissions"]))
    for name, role in json.loads(_FILE.read_text(encoding="utf-8")).items()
}


@functools.cache
def permissions_of(role: str) -> frozenset[str]:
    """The permissions of a predefined role; none where the sandbox does not know the role."""
    return frozenset(ROLES[role][1]) if role in ROLES else frozenset()


def grants(sandbox: "Sandbox", role: str, permission: str) -> bool:
    """Whether the role, predefined or one's own, holds the permission."""
    if role in ROLES:
        return permission in permissions_of(role)
    custom = sandbox.store.get("customRole", role)
    return custom is not None and not custom.get("deleted") and permission in custom.get("includedPermissions", [])


def granting(permission: str) -> list[str]:
    """The predefined roles that hold a permission, those with the fewest permissions first."""
    return sorted((r for r in ROLES if permission in permissions_of(r)), key=lambda r: (len(permissions_of(r)), r))


@registry.state_view("identityPool")
def _hidden(_name: str, _value: Json, _seeded: Json | None) -> None:
    """A workload identity pool comes and goes with clusters, not with a stack."""


@registry.seed
def _seed(sandbox: "Sandbox") -> None:
    """The project has had a GKE cluster with Workload Identity, so its pool exists."""
    for project in sandbox.store.list("project"):
        sandbox.store.put("identityPool", f"{project}.svc.id.goog", {"project": project})
