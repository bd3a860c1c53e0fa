"""Predefined roles, and what a role grants.

roles.yaml has the roles that this project's programs, checks and messages speak of, by patterns of the permissions that
the sandbox's methods ask for. So an owner, as at Google, may not make tokens for a service account.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from fnmatch import translate
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from sandbox import registry
from sandbox.errors import Json

if TYPE_CHECKING:
    from sandbox.core import Sandbox

# libyaml's loader, where PyYAML was built with it, takes a tenth of the time.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TABLE: Json = yaml.load((Path(__file__).parent / "roles.yaml").read_text(encoding="utf-8"), _LOADER)  # noqa: S506
_PERMISSIONS = [
    f"{service}.{collection}.{verb}"
    for service, collections in _TABLE["permissions"].items()
    for collection, verbs in collections.items()
    for verb in verbs
]


@functools.cache
def _matcher(role: str, part: str) -> re.Pattern[str]:
    """What the patterns of a role's `grants` or `without` match; nothing where it has none, or nobody knows it."""
    patterns = _TABLE["roles"].get(role, {}).get(part, ())
    return re.compile("|".join(map(translate, patterns)) or "(?!)")


@functools.cache
def holds(role: str, permission: str) -> bool:
    """Whether a predefined role holds a permission; no where the sandbox does not know the role."""
    granted = _matcher(role, "grants").match(permission)
    return granted is not None and _matcher(role, "without").match(permission) is None


class _Roles(Mapping[str, tuple[str, tuple[str, ...]]]):
    """By name: the title, and the permissions, which are found when they are asked for."""

    def __getitem__(self, name: str) -> tuple[str, tuple[str, ...]]:
        title: str = _TABLE["roles"][name]["title"]
        return title, tuple(permission for permission in _PERMISSIONS if holds(name, permission))

    def __contains__(self, name: object) -> bool:
        return name in _TABLE["roles"]

    def __iter__(self) -> Iterator[str]:
        return iter(_TABLE["roles"])

    def __len__(self) -> int:
        return len(_TABLE["roles"])


ROLES = _Roles()


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
