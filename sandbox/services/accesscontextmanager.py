"""accesscontextmanager: an organization's access policies, who may do what with them, and their service perimeters.

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
from sandbox.services.perimeter_rules import check_perimeter, check_policy, etag
from sandbox.services.policy_parts import LEVELS, PERIMETERS, Part

if TYPE_CHECKING:
    from sandbox.core import Sandbox

POLICY = "accessPolicy"
PERIMETER = PERIMETERS.kind
LEVEL = LEVELS.kind
_TYPE = "type.googleapis.com/google.identity.accesscontextmanager.v1."
_REPLACED = {PERIMETER: "ReplaceServicePerimetersResponse", LEVEL: "ReplaceAccessLevelsResponse"}
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
    return start(call, "create", f"accessPolicies/{number}", {"put": {f"accessPolicies/{number}": policy}})


@method("accesscontextmanager.accessPolicies.get")
def get_policy(call: Call) -> Json:
    """A policy by its number."""
    return _shown(*policy_of(call, call.params["name"], "accesscontextmanager.policies.get"))


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
    name, policy = policy_of(call, call.params["name"], "accesscontextmanager.policies.update")
    changed = masked(call, policy, ("title", "scopes"))
    if not changed.get("title"):
        raise invalid_argument("An access policy must have a title.")
    return start(call, "update", name, {"put": {name: {k: v for k, v in changed.items() if v}}})


@method("accesscontextmanager.accessPolicies.delete")
def delete_policy(call: Call) -> Json:
    """Deletes a policy, and with it all its perimeters and access levels."""
    name, _ = policy_of(call, call.params["name"], "accesscontextmanager.policies.delete")
    below = [each for kind in (PERIMETER, LEVEL) for each in call.sandbox.store.list(kind, f"{name}/")]
    return start(call, "delete", name, {"delete": [name, *below]})


@method("accesscontextmanager.accessPolicies.getIamPolicy")
def get_iam_policy(call: Call) -> Json:
    """Who may do what with a policy and all in it, beside those whom the organization's IAM policy lets."""
    name, _ = policy_of(call, call.params["resource"], "accesscontextmanager.policies.getIamPolicy")
    return iam_policies.get_policy(call.sandbox, name, call.body.get("options", {}).get("requestedPolicyVersion", 0))


@method("accesscontextmanager.accessPolicies.setIamPolicy")
def set_iam_policy(call: Call) -> Json:
    """Says who may do what with a policy and all in it."""
    name, _ = policy_of(call, call.params["resource"], "accesscontextmanager.policies.setIamPolicy")
    return iam_policies.set_policy(call.sandbox, name, call.body.get("policy", {}))


@method("accesscontextmanager.accessPolicies.testIamPermissions")
def test_policy_permissions(call: Call) -> Json:
    """Which permissions the caller has on a policy."""
    policy = call.sandbox.store.get(POLICY, call.params["resource"])
    return {} if policy is None else iam_policies.held(call, call.params["resource"])


@method("accesscontextmanager.accessPolicies.servicePerimeters.testIamPermissions")
def test_perimeter_permissions(call: Call) -> Json:
    """Which permissions the caller has on a perimeter: those on its policy."""
    return iam_policies.held(call, call.params["resource"].partition("/servicePerimeters/")[0])


@method("accesscontextmanager.accessPolicies.servicePerimeters.create")
def create_perimeter(call: Call) -> Json:
    """A new perimeter, with the id that the caller chose."""
    policy, _ = policy_of(call, call.params["parent"], "accesscontextmanager.servicePerimeters.create")
    name = call.body.get("name", "")
    wanted = {k: call.body[k] for k in (*_PERIMETER_FIELDS, "perimeterType") if k in call.body}
    wanted.setdefault("perimeterType", "PERIMETER_TYPE_REGULAR")
    check_perimeter(call.sandbox, policy, name, wanted)
    if call.sandbox.store.get(PERIMETER, name) is not None:
        raise already_exists(f"Service perimeter {name} already exists.")
    return start(call, "create", name, {"put": {name: wanted}})


@method("accesscontextmanager.accessPolicies.servicePerimeters.get")
def get_perimeter(call: Call) -> Json:
    """A perimeter."""
    return _shown(*part_of(call, PERIMETERS, "accesscontextmanager.servicePerimeters.get"))


@method("accesscontextmanager.accessPolicies.servicePerimeters.list")
def list_perimeters(call: Call) -> Json:
    """The perimeters of a policy."""
    policy, _ = policy_of(call, call.params["parent"], "accesscontextmanager.servicePerimeters.list")
    perimeters = call.sandbox.store.list(PERIMETER, f"{policy}/").items()
    return page(call, "servicePerimeters", [_shown(name, p) for name, p in perimeters])


@method("accesscontextmanager.accessPolicies.servicePerimeters.patch")
def patch_perimeter(call: Call) -> Json:
    """Changes what the mask names; a masked field that the body lacks is cleared.

    A missing perimeter is made: `gcloud access-context-manager perimeters dry-run create` relies on it.
    """
    name, permission = call.params["name"], "accesscontextmanager.servicePerimeters.update"
    policy_of(call, name.rpartition("/servicePerimeters/")[0], permission)
    perimeter = call.sandbox.store.get(PERIMETER, name)
    known = _PERIMETER_FIELDS if perimeter else (*_PERIMETER_FIELDS, "name", "perimeterType")
    perimeter = perimeter or {"perimeterType": "PERIMETER_TYPE_REGULAR"}
    check_etag(call, name, perimeter)
    changed = {k: v for k, v in masked(call, perimeter, known).items() if k != "name" and v not in (None, "", False)}
    changed.setdefault("perimeterType", "PERIMETER_TYPE_REGULAR")
    check_perimeter(call.sandbox, name.rpartition("/servicePerimeters/")[0], name, changed)
    return start(call, "update", name, {"put": {name: changed}})


@method("accesscontextmanager.accessPolicies.servicePerimeters.delete")
def delete_perimeter(call: Call) -> Json:
    """Deletes a perimeter."""
    name, _ = part_of(call, PERIMETERS, "accesscontextmanager.servicePerimeters.delete")
    return start(call, "delete", name, {"delete": [name]})


@method("accesscontextmanager.accessPolicies.servicePerimeters.commit")
def commit(call: Call) -> Json:
    """Enforces the dry run of every perimeter of the policy that has an explicit one."""
    policy, value = policy_of(call, call.params["parent"], "accesscontextmanager.servicePerimeters.commit")
    check_etag(call, policy, value)
    dry = {n: p for n, p in call.sandbox.store.list(PERIMETER, f"{policy}/").items() if p.get("useExplicitDryRunSpec")}
    promoted = {name: {**_without_dry_run(p), "status": p.get("spec", {})} for name, p in dry.items()}
    return start(call, "commit", policy, {"put": promoted})


@method("accesscontextmanager.accessPolicies.servicePerimeters.replaceAll")
def replace_all(call: Call) -> Json:
    """Puts these perimeters in the place of all that the policy has, at once."""
    policy, value = policy_of(call, call.params["parent"], "accesscontextmanager.servicePerimeters.replaceAll")
    check_etag(call, policy, value)
    known, given = (*_PERIMETER_FIELDS, "perimeterType"), call.body.get("servicePerimeters", [])
    wanted = {each.get("name", ""): {k: each[k] for k in known if k in each} for each in given}
    if len(wanted) != len(given):
        raise invalid_argument("service_perimeters must not name a perimeter twice.")
    for name, perimeter in wanted.items():
        perimeter.setdefault("perimeterType", "PERIMETER_TYPE_REGULAR")
        check_perimeter(call.sandbox, policy, name, perimeter, wanted)
    gone = [name for name in call.sandbox.store.list(PERIMETER, f"{policy}/") if name not in wanted]
    return start(call, "replaceAll", policy, {"put": wanted, "delete": gone, "kind": PERIMETER})


@completion("accesscontextmanager.change")
def _change(sandbox: "Sandbox", operation: Json) -> Json:
    args = operation["args"]
    for name, value in args.get("put", {}).items():
        sandbox.store.put(_kind(name), name, value)
    for name in args.get("delete", []):
        sandbox.store.delete(_kind(name), name)
        iam_policies.drop_policy(sandbox, name)
    check_policy(sandbox, "/".join(args["name"].split("/")[:2]))
    if args["verb"] == "delete":
        return {"@type": "type.googleapis.com/google.protobuf.Empty"}
    if args["verb"] in ("commit", "replaceAll"):
        kind = args.get("kind", PERIMETER)
        whole = "CommitServicePerimetersResponse" if args["verb"] == "commit" else _REPLACED[kind]
        shown = [_shown(name, value) for name, value in sandbox.store.list(kind, f"{args['name']}/").items()]
        return {"@type": _TYPE + whole, f"{kind}s": shown}
    message = _kind(args["name"])
    return {"@type": f"{_TYPE}{message[0].upper()}{message[1:]}", **_shown(args["name"], args["put"][args["name"]])}


def start(call: Call, verb: str, name: str, args: Json) -> Json:
    """Starts a change: {put: values by name, delete: names, kind: of what replaceAll replaces}."""
    policy = "/".join(name.split("/")[:2])
    operation = f"operations/{policy}/{verb}/{secrets.randbelow(10**16)}"
    metadata = {"@type": _TYPE + "AccessContextManagerOperationMetadata"}
    args = {**args, "verb": verb, "name": name}
    return long_running.start(call, "accesscontextmanager.change", operation, args, metadata)


def _kind(name: str) -> str:
    collections = {"servicePerimeters": PERIMETER, "accessLevels": LEVEL}
    return collections[name.split("/")[2]] if name.count("/") > 1 else POLICY


def _without_dry_run(perimeter: Json) -> Json:
    return {k: v for k, v in perimeter.items() if k not in ("spec", "useExplicitDryRunSpec")}


def _shown(name: str, value: Json) -> Json:
    return {"name": name, **({} if _kind(name) == LEVEL else {"etag": etag(value)}), **value}


def check_etag(call: Call, name: str, value: Json) -> None:
    """409 where the body's etag is not that of the value as it is."""
    if call.body.get("etag") and call.body["etag"] != etag(value):
        raise aborted(f"The etag of {name} does not match: it was changed meanwhile. Read it again, then retry.")


def masked(call: Call, value: Json, known: tuple[str, ...]) -> Json:
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


def policy_of(call: Call, name: str, permission: str) -> tuple[str, Json]:
    """The access policy of a name, for who has the permission on it or on its organization: 403, then 404."""
    found = call.sandbox.store.get(POLICY, name)
    if found is None:
        _require(call, f"organizations/{ORGANIZATION}", permission)
        raise not_found(f"Policy {name} not found.")
    if not iam_policies.allowed(call.sandbox, call.principal.member, name, permission):
        raise permission_denied("The caller does not have permission")
    return name, found


def part_of(call: Call, part: Part, permission: str) -> tuple[str, Json]:
    """The perimeter or access level that the call names, for who has the permission on its policy: 403, then 404."""
    name = call.params["name"]
    policy_of(call, name.partition(f"/{part.collection}/")[0], permission)
    found = call.sandbox.store.get(part.kind, name)
    if found is None:
        raise not_found(f"{part.called.capitalize()} {name} not found.")
    return name, found
