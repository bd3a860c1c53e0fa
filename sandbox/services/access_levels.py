"""accesscontextmanager: access levels, which perimeters let callers in by (level_conditions.py).

Rules: the discovery document's descriptions (v1 AccessLevel, BasicLevel, Condition, ReplaceAccessLevelsRequest).
"""

import ipaddress
import re

from sandbox.errors import Json, already_exists, failed_precondition, invalid_argument
from sandbox.registry import Call, method, not_imitated
from sandbox.services import iam_policies
from sandbox.services.accesscontextmanager import LEVEL, PERIMETER, check_etag, masked, part_of, policy_of, start
from sandbox.services.level_conditions import all_needed_by, needed_by
from sandbox.services.paging import page
from sandbox.services.perimeter_rules import check_levels
from sandbox.services.policy_parts import LEVELS, check_named

_METHODS = "accesscontextmanager.accessPolicies.accessLevels."
_FIELDS = ("title", "description", "basic", "custom")


@method(_METHODS + "create")
def create(call: Call) -> Json:
    """A new level, with the id that the caller chose."""
    policy, _ = policy_of(call, call.params["parent"], "accesscontextmanager.accessLevels.create")
    name = call.body.get("name", "")
    wanted = {k: call.body[k] for k in _FIELDS if k in call.body}
    _check(name, wanted, _of(call, policy), policy)
    if call.sandbox.store.get(LEVEL, name) is not None:
        raise already_exists(f"Access level {name} already exists.")
    return start(call, "create", name, {"put": {name: wanted}})


@method(_METHODS + "get")
def get(call: Call) -> Json:
    """A level."""
    if call.query.get("accessLevelFormat") == "CEL":
        raise not_imitated(call, "the format CEL")
    name, level = part_of(call, LEVELS, "accesscontextmanager.accessLevels.get")
    return {"name": name, **level}


@method(_METHODS + "list")
def list_levels(call: Call) -> Json:
    """The levels of a policy."""
    if call.query.get("accessLevelFormat") == "CEL":
        raise not_imitated(call, "the format CEL")
    policy, _ = policy_of(call, call.params["parent"], "accesscontextmanager.accessLevels.list")
    return page(call, "accessLevels", [{"name": name, **level} for name, level in _of(call, policy).items()])


@method(_METHODS + "patch")
def patch(call: Call) -> Json:
    """Changes what the mask names."""
    name, level = part_of(call, LEVELS, "accesscontextmanager.accessLevels.update")
    policy = name.partition("/accessLevels/")[0]
    changed = {k: v for k, v in masked(call, level, _FIELDS).items() if v}
    _check(name, changed, _of(call, policy), policy)
    _check_perimeters(call, policy, {**_of(call, policy), name: changed})
    return start(call, "update", name, {"put": {name: changed}})


@method(_METHODS + "delete")
def delete(call: Call) -> Json:
    """Deletes a level; refused while another one or a perimeter needs it."""
    name, _ = part_of(call, LEVELS, "accesscontextmanager.accessLevels.delete")
    policy = name.partition("/accessLevels/")[0]
    levels = _of(call, policy)
    needing = [other for other, level in levels.items() if name in needed_by(level)]
    if needing:
        raise failed_precondition(f"Access level {name} is required by {', '.join(needing)}: change that first.")
    _check_perimeters(call, policy, {other: level for other, level in levels.items() if other != name})
    return start(call, "delete", name, {"delete": [name]})


@method(_METHODS + "replaceAll")
def replace_all(call: Call) -> Json:
    """Puts these levels in the place of all that the policy has, at once."""
    policy, value = policy_of(call, call.params["parent"], "accesscontextmanager.accessLevels.replaceAll")
    check_etag(call, policy, value)
    given = call.body.get("accessLevels", [])
    wanted = {level.get("name", ""): {k: level[k] for k in _FIELDS if k in level} for level in given}
    if len(wanted) != len(given):
        raise invalid_argument("access_levels must not name a level twice.")
    for name, level in wanted.items():
        _check(name, level, wanted, policy)
    _check_perimeters(call, policy, wanted)
    gone = [name for name in _of(call, policy) if name not in wanted]
    return start(call, "replaceAll", policy, {"put": wanted, "delete": gone, "kind": LEVEL})


@method(_METHODS + "testIamPermissions")
def test_permissions(call: Call) -> Json:
    """Which permissions the caller has on a level: those on its policy."""
    return iam_policies.held(call, call.params["resource"].partition("/accessLevels/")[0])


def _of(call: Call, policy: str) -> dict[str, Json]:
    return call.sandbox.store.list(LEVEL, f"{policy}/")


def _check_perimeters(call: Call, policy: str, levels: dict[str, Json]) -> None:
    """Refuses a change of the policy's levels that its perimeters do not bear."""
    for name, perimeter in call.sandbox.store.list(PERIMETER, f"{policy}/").items():
        check_levels(levels, name, perimeter)


def _check(name: str, level: Json, others: dict[str, Json], policy: str) -> None:
    """Refuses a level as it would be, among the others of its policy (with itself or without)."""
    check_named(LEVELS, policy, name, level, {other: its for other, its in others.items() if other != name})
    if ("basic" in level) == ("custom" in level):
        raise invalid_argument("An access level is either basic or custom: set one of the two.")
    if "custom" in level and not level["custom"].get("expr", {}).get("expression"):
        raise invalid_argument("custom.expr must have an expression.")
    for condition in level.get("basic", {}).get("conditions", []):
        _check_condition(condition)
    unknown = sorted(needed_by(level) - (set(others) - {name}))
    if unknown:
        raise invalid_argument(f"required_access_levels: {unknown[0]} does not exist.")
    if name in all_needed_by(name, {**others, name: level}):
        raise invalid_argument(f"required_access_levels: {name} must not require itself, directly or through others.")
    if "basic" in level and not level["basic"].get("conditions"):
        raise invalid_argument("basic.conditions must have at least one condition.")


def _check_condition(condition: Json) -> None:
    for subnetwork in condition.get("ipSubnetworks", []):
        try:
            ipaddress.ip_network(subnetwork)
        except ValueError as error:
            raise invalid_argument(f"ip_subnetworks: {subnetwork!r} is malformed: {error}.") from None
    if condition.get("ipSubnetworks") and condition.get("vpcNetworkSources"):
        raise invalid_argument("vpc_network_sources cannot be specified together with ip_subnetworks.")
    for member in condition.get("members", []):
        if not re.fullmatch(r"(user|serviceAccount):[^@\s]+@[^@\s]+", member):
            raise invalid_argument(f"members: {member!r} must be user:EMAIL or serviceAccount:EMAIL.")
    for region in condition.get("regions", []):
        if not re.fullmatch(r"[A-Z]{2}", region):
            raise invalid_argument(f"regions: {region!r} is no ISO 3166-1 alpha-2 code.")
