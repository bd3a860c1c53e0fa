"""Predefined roles, and what a role grants.

roles.yaml has the roles that this project's programs, checks and messages speak of, by patterns of the permissions that
the sandbox's methods ask for. So an owner, as at Google, may not make tokens for a service account.
"""

import functools
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from sandbox import registry
from sandbox.errors import Json

if TYPE_CHECKING:
    from sandbox.core import Sandbox

_TABLE: Json = yaml.safe_load((Path(__file__).parent / "roles.yaml").read_text(encoding="utf-8"))
_PERMISSIONS = [
    f"{service}.{collection}.{verb}"
    for service, collections in _TABLE["permissions"].items()
    for collection, verbs in collections.items()
    for verb in verbs
]


@functools.cache
def holds(role: str, permission: str) -> bool:
    """Whether a predefined role holds a permission; no where the sandbox does not know the role."""
    known = _TABLE["roles"].get(role, {})
    granted = any(fnmatchcase(permission, pattern) for pattern in known.get("grants", ()))
    return granted and not any(fnmatchcase(permission, pattern) for pattern in known.get("without", ()))


# By name: the title, and the permissions.
ROLES: dict[str, tuple[str, tuple[str, ...]]] = {
    name: (role["title"], tuple(permission for permission in _PERMISSIONS if holds(name, permission)))
    for name, role in _TABLE["roles"].items()
}


def grants(sandbox: "Sandbox", role: str, permission: str) -> bool:
    """Whether the role, predefined or one's own, holds the permission."""
    if role in ROLES:
        return holds(role, permission)
    custom = sandbox.store.get("customRole", role)
    return custom is not None and not custom.get("deleted") and permission in custom.get("includedPermissions", [])


def granting(permission: str) -> list[str]:
    """The predefined roles that hold a permission, those with the fewest permissions first."""
    return sorted((role for role in ROLES if holds(role, permission)), key=lambda role: (len(ROLES[role][1]), role))


@registry.state_view("identityPool")
def _hidden(_name: str, _value: Json, _seeded: Json | None) -> None:
    """A workload identity pool comes and goes with clusters, not with a stack."""


@registry.seed
def _seed(sandbox: "Sandbox") -> None:
    """The project has had a GKE cluster with Workload Identity, so its pool exists."""
    for project in sandbox.store.list("project"):
        sandbox.store.put("identityPool", f"{project}.svc.id.goog", {"project": project})
