"""What Google refuses in a service perimeter, each with the reason."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from sandbox.errors import GoogleError, Json, invalid_argument
from sandbox.services.level_conditions import unknowable
from sandbox.services.policy_parts import LEVELS, PERIMETERS, check_named
from sandbox.services.serviceusage import known_services

if TYPE_CHECKING:
    from sandbox.core import Sandbox

_BRIDGE = "PERIMETER_TYPE_BRIDGE"
_NETWORK = r"//compute\.googleapis\.com/projects/[^/]+/global/networks/[^/]+"


def check_perimeter(
    sandbox: "Sandbox", policy: str, name: str, perimeter: Json, among: dict[str, Json] | None = None
) -> None:
    """Checks a perimeter as it would be after a change, among those that there will be (None: those that there are).

    Raises:
        GoogleError: 400 INVALID_ARGUMENT, for the first rule that it breaks.
    """
    among = sandbox.store.list("servicePerimeter", f"{policy}/") if among is None else among
    others = {n: p for n, p in among.items() if n != name}
    check_named(PERIMETERS, policy, name, perimeter, others)
    if perimeter.get("spec") and not perimeter.get("useExplicitDryRunSpec"):
        raise invalid_argument("spec may only be set where useExplicitDryRunSpec is true.")
    for part in ("status", "spec"):
        _check_config(sandbox, part, perimeter.get(part, {}), perimeter.get("perimeterType") == _BRIDGE)
    check_levels(sandbox.store.list(LEVELS.kind, f"{policy}/"), name, perimeter)
    if perimeter.get("perimeterType") != _BRIDGE:
        _check_alone(perimeter, others)


def check_levels(levels: Mapping[str, Json], name: str, perimeter: Json) -> None:
    """Checks the access levels that a perimeter names, among those that its policy has or is to have.

    Raises:
        GoogleError: 400 INVALID_ARGUMENT, in Google's words, for a level that is not there; 501 UNIMPLEMENTED for one
            by which callers would be let in, but that asks what the sandbox cannot know of them.
    """
    for part in ("status", "spec"):
        config = perimeter.get(part, {})
        letting_in = [*config.get("accessLevels", []), *_sources(config, "ingress")]
        for level in (*letting_in, *_sources(config, "egress")):
            if level not in levels:
                short, of = level.rpartition("/")[2], name.rpartition("/")[2]
                raise invalid_argument(
                    f"Level name '{short}' is not available in this Access Policy resource, but is referenced in"
                    f" '{part}' field of Perimeter '{of}'. If you are trying to delete a Level which is referenced in"
                    " this Perimeter, you must first remove the reference."
                )
        for level in letting_in:
            unknown = unknowable(level, levels)
            if unknown:
                raise GoogleError(
                    501,
                    "UNIMPLEMENTED",
                    f"The sandbox cannot tell who meets {level}, by which the {part} of {name} lets callers in: it asks"
                    f" for {unknown}. It knows callers by members and ipSubnetworks alone.",
                )


def _sources(config: Json, direction: str) -> Iterator[str]:
    for rule in config.get(f"{direction}Policies", []):
        for source in rule.get(f"{direction}From", {}).get("sources", []):
            if source.get("accessLevel", "*") != "*":
                yield source["accessLevel"]


def check_policy(sandbox: "Sandbox", policy: str) -> None:
    """Checks the levels that a policy's perimeters name, once more when a change is made: others came meanwhile."""
    levels = sandbox.store.list(LEVELS.kind, f"{policy}/")
    for name, perimeter in sandbox.store.list(PERIMETERS.kind, f"{policy}/").items():
        check_levels(levels, name, perimeter)


def etag(value: Json) -> str:
    """A strong etag of a policy or a perimeter."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _check_config(sandbox: "Sandbox", part: str, config: Json, bridge: bool) -> None:
    for resource in config.get("resources", []):
        project = re.fullmatch(r"projects/(\d+)", resource)
        if not project and not re.fullmatch(_NETWORK, resource):
            raise invalid_argument(
                f"{part}.resources: {resource!r} is not valid. Expected projects/PROJECT_NUMBER, or the full name of a"
                " VPC network, //compute.googleapis.com/projects/PROJECT/global/networks/NETWORK."
            )
        if project and sandbox.project(project.group(1)) is None:
            raise invalid_argument(f"{part}.resources: {resource} does not exist in the organization.")
    if bridge and (set(config) - {"resources"}):
        raise invalid_argument(f"{part}: a bridge perimeter has resources only.")
    services = config.get("restrictedServices", [])
    unknown = sorted(set(services) - known_services())
    if unknown:
        raise invalid_argument(f"{part}.restrictedServices: no such services as {', '.join(unknown)}.")
    if len(set(services)) != len(services) or len(set(config.get("resources", []))) != len(config.get("resources", [])):
        raise invalid_argument(f"{part}: resources and restrictedServices must not name anything twice.")
    accessible = config.get("vpcAccessibleServices", {})
    if accessible.get("allowedServices") and not accessible.get("enableRestriction"):
        raise invalid_argument(f"{part}.vpcAccessibleServices: allowedServices needs enableRestriction.")


def _check_alone(perimeter: Json, others: dict[str, Json]) -> None:
    """A project is in one regular perimeter at most; the dry run counts among dry runs."""
    for part in ("status", "spec"):
        mine = set(perimeter.get(part, {}).get("resources", []))
        for name, other in others.items():
            shared = mine & set(other.get(part, {}).get("resources", []))
            if shared and other.get("perimeterType") != _BRIDGE:
                raise invalid_argument(
                    f"{part}.resources: {sorted(shared)[0]} is already in the regular perimeter {name}."
                )
