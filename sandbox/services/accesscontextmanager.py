"""accesscontextmanager: an organization's access policies and their service perimeters.

Rules: the discovery document's descriptions (v1), cloud.google.com/vpc-service-controls/docs.
"""

import copy
import re
import secrets
from typing import TYPE_CHECKING

from sandbox.core import ORGANIZATION
from sandbox.errors import Json, aborted, already_exists, invalid_argument, not_found, permission_denied
from sandbox.listing import apply_mask, mask_paths
from sandbox.operations import completion
from sandbox.registry import Call, method
from sandbox.services import iam_policies, long_running
from sandbox.services.paging import page
from sandbox.services.perimeter_rules import check_perimeter, etag

if TYPE_CHECKING:
    from sandbox.core import Sandbox

POLICY = "accessPolicy"
PERIMETER = "servicePerimeter"
_TYPE = "type.googleapis.com/google.identity.accesscontextmanager.v1."
_PERIMETER_FIELDS = ("title", "description", "status", "spec", "useExplicitDryRunSpec")


@method("accesscontextmanager.accessPolicies.create")
def create_policy(call: Call) -> Json:
    """A new policy: one for the whole organization, and one for each scope."""
    parent, scopes = call.body.get("parent", ""), call.body.get("scopes", [])
    _require(call, parent, "accesscontextmanager.policies.create")
    if not call.body.get("title"):
        raise invalid_argument("An access policy must have a title.")
    if len(scopes) > 1 or not all(re.fullmatch(r"(folders|projects)/\d+", s) for s in scopes):
        raise invalid_argument("scopes has at most one entry, folders/NUMBER or projects/NUMBER.")
    for name, other in call.sandbox.store.list(POLICY).items():
        if other["parent"] == parent and other.get("scopes", []) == scopes:
            where = scopes[0] if scopes else parent
            raise already_exists(f"Policy already exists with parent {parent}: {name} is the one policy of {where}.")
    number = str(10**11 + secrets.randbelow(9 * 10**11))
    policy = {k: call.body[k] for k in ("parent", "title", "scopes") if k in call.body}
    return _start(call, "create", f"accessPolicies/{number}", {"put": {f"accessPolicies/{number}": policy}})


@method("accesscontextmanager.accessPolicies.get")
def get_policy(call: Call) -> Json:
    """A policy by its number."""
    return _shown(*_policy(call, call.params["name"], "accesscontextmanager.policies.get"))


@method("accesscontextmanager.accessPolicies.list")
def list_policies(call: Call) -> Json:
    """The policies of the organization that `parent` names."""
    parent = call.query.get("parent", "")
    _require(call, parent, "accesscontextmanager.policies.list")
    policies = call.sandbox.store.list(POLICY).items()
    return page(call, "accessPolicies", [_shown(name, p) for name, p in policies if p["parent"] == parent])


@method("accesscontextmanager.accessPolicies.patch")
def patch_policy(call: Call) -> Json:
    """Changes a policy's title."""
    name, policy = _policy(call, call.params["name"], "accesscontextmanager.policies.update")
    changed = _masked(call, policy, ("title", "scopes"))
    if not changed.get("title"):
        raise invalid_argument("An access policy must have a title.")
    return _start(call, "update", name, {"put": {name: {k: v for k, v in changed.items() if v}}})


@method("accesscontextmanager.accessPolicies.delete")
def delete_policy(call: Call) -> Json:
    """Deletes a policy, and with it all its perimeters."""
    name, _ = _policy(call, call.params["name"], "accesscontextmanager.policies.delete")
    return _start(call, "delete", name, {"delete": [name, *call.sandbox.store.list(PERIMETER, f"{name}/")]})


@method("accesscontextmanager.accessPolicies.testIamPermissions")
def test_policy_permissions(call: Call) -> Json:
    """Which permissions the caller has on a policy: those on its organization."""
    policy = call.sandbox.store.get(POLICY, call.params["resource"])
    return {} if policy is None else iam_policies.held(call, policy["parent"])


@method("accesscontextmanager.accessPolicies.servicePerimeters.create")
def create_perimeter(call: Call) -> Json:
    """A new perimeter, with the id that the caller chose."""
    policy, _ = _policy(call, call.params["parent"], "accesscontextmanager.servicePerimeters.create")
    name = call.body.get("name", "")
    wanted = {k: call.body[k] for k in (*_PERIMETER_FIELDS, "perimeterType") if k in call.body}
    wanted.setdefault("perimeterType", "PERIMETER_TYPE_REGULAR")
    check_perimeter(call.sandbox, policy, name, wanted)
    if call.sandbox.store.get(PERIMETER, name) is not None:
        raise already_exists(f"Service perimeter {name} already exists.")
    return _start(call, "create", name, {"put": {name: wanted}})


@method("accesscontextmanager.accessPolicies.servicePerimeters.get")
def get_perimeter(call: Call) -> Json:
    """A perimeter."""
    return _shown(*_perimeter(call, "accesscontextmanager.servicePerimeters.get"))


@method("accesscontextmanager.accessPolicies.servicePerimeters.list")
def list_perimeters(call: Call) -> Json:
    """The perimeters of a policy."""
    policy, _ = _policy(call, call.params["parent"], "accesscontextmanager.servicePerimeters.list")
    perimeters = call.sandbox.store.list(PERIMETER, f"{policy}/").items()
    return page(call, "servicePerimeters", [_shown(name, p) for name, p in perimeters])


@method("accesscontextmanager.accessPolicies.servicePerimeters.patch")
def patch_perimeter(call: Call) -> Json:
    """Changes what the mask names; a masked field that the body lacks is cleared.

    A missing perimeter is made: `gcloud access-context-manager perimeters dry-run create` relies on it.
    """
    name, permission = call.params["name"], "accesscontextmanager.servicePerimeters.update"
    _policy(call, name.rpartition("/servicePerimeters/")[0], permission)
    perimeter = call.sandbox.store.get(PERIMETER, name)
    known = _PERIMETER_FIELDS if perimeter else (*_PERIMETER_FIELDS, "name", "perimeterType")
    perimeter = perimeter or {"perimeterType": "PERIMETER_TYPE_REGULAR"}
    if call.body.get("etag") and call.body["etag"] != etag(perimeter):
        raise aborted(f"The etag of {name} does not match: it was changed meanwhile. Read it again, then retry.")
    changed = {k: v for k, v in _masked(call, perimeter, known).items() if k != "name" and v not in (None, "", False)}
    changed.setdefault("perimeterType", "PERIMETER_TYPE_REGULAR")
    check_perimeter(call.sandbox, name.rpartition("/servicePerimeters/")[0], name, changed)
    return _start(call, "update", name, {"put": {name: changed}})


@method("accesscontextmanager.accessPolicies.servicePerimeters.delete")
def delete_perimeter(call: Call) -> Json:
    """Deletes a perimeter."""
    name, _ = _perimeter(call, "accesscontextmanager.servicePerimeters.delete")
    return _start(call, "delete", name, {"delete": [name]})


@method("accesscontextmanager.accessPolicies.servicePerimeters.commit")
def commit(call: Call) -> Json:
    """Enforces the dry run of every perimeter of the policy that has an explicit one."""
    policy, value = _policy(call, call.params["parent"], "accesscontextmanager.servicePerimeters.commit")
    if call.body.get("etag") and call.body["etag"] != etag(value):
        raise aborted(f"The etag of {policy} does not match: it was changed meanwhile. Read it again, then retry.")
    dry = {n: p for n, p in call.sandbox.store.list(PERIMETER, f"{policy}/").items() if p.get("useExplicitDryRunSpec")}
    promoted = {name: {**_without_dry_run(p), "status": p.get("spec", {})} for name, p in dry.items()}
    return _start(call, "commit", policy, {"put": promoted})


@completion("accesscontextmanager.change")
def _change(sandbox: "Sandbox", operation: Json) -> Json:
    args = operation["args"]
    for name, value in args.get("put", {}).items():
        sandbox.store.put(_kind(name), name, value)
    for name in args.get("delete", []):
        sandbox.store.delete(_kind(name), name)
    if args["verb"] == "delete":
        return {"@type": "type.googleapis.com/google.protobuf.Empty"}
    if args["verb"] == "commit":
        perimeters = sandbox.store.list(PERIMETER, f"{args['name']}/").items()
        shown = [_shown(name, p) for name, p in perimeters]
        return {"@type": _TYPE + "CommitServicePerimetersResponse", "servicePerimeters": shown}
    kind = "ServicePerimeter" if _kind(args["name"]) == PERIMETER else "AccessPolicy"
    return {"@type": _TYPE + kind, **_shown(args["name"], args["put"][args["name"]])}


def _start(call: Call, verb: str, name: str, args: Json) -> Json:
    policy = "/".join(name.split("/")[:2])
    operation = f"operations/{policy}/{verb}/{secrets.randbelow(10**16)}"
    metadata = {"@type": _TYPE + "AccessContextManagerOperationMetadata"}
    args = {**args, "verb": verb, "name": name}
    return long_running.start(call, "accesscontextmanager.change", operation, args, metadata)


def _kind(name: str) -> str:
    return PERIMETER if "/servicePerimeters/" in name else POLICY


def _without_dry_run(perimeter: Json) -> Json:
    return {k: v for k, v in perimeter.items() if k not in ("spec", "useExplicitDryRunSpec")}


def _shown(name: str, value: Json) -> Json:
    return {"name": name, "etag": etag(value), **value}


def _masked(call: Call, value: Json, known: tuple[str, ...]) -> Json:
    """A copy of the value with the fields of the mask as the body has them; those that it lacks are cleared."""
    mask = mask_paths(call.query.get("updateMask", ""))
    if not mask or any(path.partition(".")[0] not in known for path in mask):
        raise invalid_argument(f"The update mask {','.join(mask)!r} must name one or more of {', '.join(known)}.")
    changed = copy.deepcopy(value)
    for path in mask:
        apply_mask(changed, call.body, path)
    return changed


def _require(call: Call, organization: str, permission: str) -> None:
    """403 unless the organization is the sandbox's and the caller has the permission there."""
    if not re.fullmatch(r"organizations/\d+", organization):
        raise invalid_argument(f"parent {organization!r} must be organizations/ORGANIZATION_NUMBER.")
    known = organization == f"organizations/{ORGANIZATION}"
    if not known or not iam_policies.allowed(call.sandbox, call.principal.member, organization, permission):
        raise permission_denied("The caller does not have permission")


def _policy(call: Call, name: str, permission: str) -> tuple[str, Json]:
    _require(call, f"organizations/{ORGANIZATION}", permission)
    found = call.sandbox.store.get(POLICY, name)
    if found is None:
        raise not_found(f"Policy {name} not found.")
    return name, found


def _perimeter(call: Call, permission: str) -> tuple[str, Json]:
    _require(call, f"organizations/{ORGANIZATION}", permission)
    name = call.params["name"]
    found = call.sandbox.store.get(PERIMETER, name)
    if found is None:
        raise not_found(f"Service perimeter {name} not found.")
    return name, found
