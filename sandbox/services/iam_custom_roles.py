"""iam: roles, the predefined ones and a project's or the organization's own.

Rules: the discovery document's descriptions of iam v1 projects.roles and roles.
"""

import base64
import hashlib
import json
import re
from fnmatch import fnmatchcase

from sandbox import registry
from sandbox.core import ORGANIZATION
from sandbox.errors import (
    Json,
    aborted,
    already_exists,
    failed_precondition,
    invalid_argument,
    not_found,
    permission_denied,
)
from sandbox.registry import Call, method, not_imitated
from sandbox.services import iam_policies
from sandbox.services.iam_roles import ROLES
from sandbox.services.paging import page

KIND = "customRole"
# What only an organization's own role can have (cloud.google.com/iam/docs/custom-roles-permissions-support).
_NOT_ON_PROJECTS = ("accesscontextmanager.*", "resourcemanager.organizations.*", "resourcemanager.projects.list")
_FIELDS = ("title", "description", "stage", "includedPermissions")


@method("iam.roles.get")
def get_predefined(call: Call) -> Json:
    """A predefined role."""
    name = call.params["name"]
    if name not in ROLES:
        raise not_found(f"The role named {name} was not found.")
    return _predefined(name, full=True)


@method("iam.roles.list")
def list_predefined(call: Call) -> Json:
    """The predefined roles, their permissions with `view=FULL`; with a `parent`, that project's own."""
    if call.query.get("parent"):
        raise not_imitated(call, "the parent")
    full = call.query.get("view") == "FULL"
    return page(call, "roles", [_predefined(name, full=full) for name in sorted(ROLES)], default=300, most=1000)


@method("iam.roles.queryGrantableRoles")
def query_grantable_roles(call: Call) -> Json:
    """The roles that can be granted on a project: the predefined ones and its own."""
    found = re.fullmatch(r"//cloudresourcemanager\.googleapis\.com/(projects/[^/]+)", call.body["fullResourceName"])
    if not found:
        raise not_imitated(call, f"the resource {call.body['fullResourceName']}")
    parent, full = _parent(call, found.group(1)), call.body.get("view") == "FULL"
    iam_policies.require(call, parent, "resourcemanager.projects.getIamPolicy")
    own = [_shown(n, r) for n, r in call.sandbox.store.list(KIND, f"{parent}/roles/").items() if not r.get("deleted")]
    own = own if full else [{k: v for k, v in role.items() if k != "includedPermissions"} for role in own]
    shown = [*(_predefined(name, full=full) for name in sorted(ROLES)), *own]
    return page(call, "roles", shown, default=300, most=3000)


def _predefined(name: str, *, full: bool) -> Json:
    title, permissions = ROLES[name]
    listed = sorted(p for p in permissions if "*" not in p) if full else []
    answer = {"name": name, "title": title, "stage": "GA", "etag": "AA=="}
    return {**answer, "includedPermissions": listed} if listed else answer


@method("iam.permissions.queryTestablePermissions")
def query_testable_permissions(call: Call) -> Json:
    """The permissions that a custom role of the resource can have; gcloud looks here before it makes one."""
    named = {p for _, permissions in ROLES.values() for p in permissions if "*" not in p}
    if "/organizations/" not in call.body.get("fullResourceName", ""):
        named = {p for p in named if not _only_above(p)}
    return page(call, "permissions", [{"name": p, "stage": "GA"} for p in sorted(named)])


@method("iam.projects.roles.create", "iam.organizations.roles.create")
def create(call: Call) -> Json:
    """A new role. The id of a deleted one stays taken until it is gone for good."""
    parent = _parent(call, call.params["parent"])
    iam_policies.require(call, parent, "iam.roles.create")
    role_id = call.body.get("roleId", "")
    if not re.fullmatch(r"[A-Za-z0-9_.]{3,64}", role_id):
        raise invalid_argument(f"The role_id {role_id!r} must be 3 to 64 letters, digits, underscores and periods.")
    name = f"{parent}/roles/{role_id}"
    existing = call.sandbox.store.get(KIND, name)
    if existing is not None and existing.get("deleted"):
        raise failed_precondition(
            f"You can't create a role with role_id ({role_id}) where there is an existing role with that role_id in a"
            " deleted state."
        )
    if existing is not None:
        raise already_exists(f"A role named {role_id} in {parent} already exists.")
    role = {k: v for k, v in call.body.get("role", {}).items() if k in _FIELDS}
    return _put(call, name, role)


@method("iam.projects.roles.get", "iam.organizations.roles.get")
def get(call: Call) -> Json:
    """A project's own role, even a deleted one."""
    return _shown(*_find(call, "iam.roles.get"))


@method("iam.projects.roles.list", "iam.organizations.roles.list")
def list_roles(call: Call) -> Json:
    """A project's own roles; the deleted ones with `showDeleted`, the permissions with `view=FULL`."""
    parent = _parent(call, call.params["parent"])
    iam_policies.require(call, parent, "iam.roles.list")
    deleted_too = call.query.get("showDeleted") == "true"
    own = call.sandbox.store.list(KIND, f"{parent}/roles/").items()
    shown = [_shown(name, role) for name, role in own if deleted_too or not role.get("deleted")]
    if call.query.get("view") != "FULL":
        shown = [{k: v for k, v in role.items() if k != "includedPermissions"} for role in shown]
    return page(call, "roles", shown, default=300, most=1000)


@method("iam.projects.roles.patch", "iam.organizations.roles.patch")
def patch(call: Call) -> Json:
    """Changes what the mask names, or all that the body has where there is no mask."""
    name, role = _find(call, "iam.roles.update")
    if role.get("deleted"):
        raise failed_precondition(f"The role {name} is deleted: undelete it before it can be changed.")
    _check_etag(name, role, call.body.get("etag"))
    masked = [_field(f) for f in call.query.get("updateMask", "").split(",") if f]
    mask = masked or [f for f in _FIELDS if f in call.body]
    return _put(call, name, {**role, **{f: call.body.get(f) for f in mask}})


@method("iam.projects.roles.delete", "iam.organizations.roles.delete")
def delete(call: Call) -> Json:
    """Deletes a role softly: it grants nothing, and can be brought back for a week."""
    name, role = _find(call, "iam.roles.delete")
    _check_etag(name, role, call.query.get("etag"))
    if role.get("deleted"):
        raise failed_precondition(f"The role {name} is already deleted.")
    return _put(call, name, {**role, "deleted": True})


@method("iam.projects.roles.undelete", "iam.organizations.roles.undelete")
def undelete(call: Call) -> Json:
    """Brings a deleted role back."""
    name, role = _find(call, "iam.roles.undelete")
    _check_etag(name, role, call.body.get("etag"))
    if not role.get("deleted"):
        raise failed_precondition(f"The role {name} is not deleted.")
    return _put(call, name, {**role, "deleted": False})


@registry.state_view(KIND)
def _live(_name: str, value: Json, _seeded: Json | None) -> Json | None:
    """A deleted role is gone, though its id is still taken."""
    return None if value.get("deleted") else value


def _parent(call: Call, parent: str) -> str:
    """The project or the organization that owns the role, by the name under which its policy is kept."""
    if parent.startswith("organizations/"):
        if parent.split("/")[1] != ORGANIZATION:
            raise permission_denied("You don't have permission to administer roles of this organization.")
        return f"organizations/{ORGANIZATION}"
    project = call.sandbox.require_project(parent.split("/")[1], "iam")
    return f"projects/{project['projectId']}"


def _find(call: Call, permission: str) -> tuple[str, Json]:
    parent = _parent(call, call.params["name"])
    name = f"{parent}/roles/{call.params['name'].rpartition('/')[2]}"
    iam_policies.require(call, parent, permission)
    role = call.sandbox.store.get(KIND, name)
    if role is None:
        raise not_found(f"The role named {name} was not found.")
    return name, role


def _field(masked: str) -> str:
    name = {"included_permissions": "includedPermissions"}.get(masked, masked)
    if name not in _FIELDS:
        raise invalid_argument(f"The update mask names {masked}, which is none of {', '.join(_FIELDS)}.")
    return name


def _check_etag(name: str, role: Json, given: str | None) -> None:
    if given and given != _etag(name, role):
        raise aborted("There were concurrent changes to the role. Please retry the whole read-modify-write.")


def _put(call: Call, name: str, role: Json) -> Json:
    for permission in role.get("includedPermissions") or []:
        elsewhere = name.startswith("projects/") and _only_above(permission)
        if elsewhere or not re.fullmatch(r"[a-z][A-Za-z0-9]*(\.[A-Za-z0-9]+){2}", permission):
            raise invalid_argument(f"Permission {permission} is not valid.")
    if len((role.get("title") or "").encode()) > 100:
        raise invalid_argument("The title of a role has at most 100 UTF-8 bytes.")
    kept = {k: v for k, v in role.items() if v}
    if "includedPermissions" in kept:
        kept["includedPermissions"] = sorted(set(kept["includedPermissions"]))
    call.sandbox.store.put(KIND, name, kept)
    return _shown(name, kept)


def _only_above(permission: str) -> bool:
    return any(fnmatchcase(permission, pattern) for pattern in _NOT_ON_PROJECTS)


def _etag(name: str, role: Json) -> str:
    return base64.b64encode(hashlib.sha256(f"{name}{json.dumps(role, sort_keys=True)}".encode()).digest()[:8]).decode()


def _shown(name: str, role: Json) -> Json:
    """The role as Google shows it: the stage ALPHA is left out."""
    return {"name": name, "etag": _etag(name, role), **{k: v for k, v in role.items() if (k, v) != ("stage", "ALPHA")}}
