"""Access levels at work: whether a call from the internet meets one, and what one asks that is not to be known here.

The caller's address is the one that the connection comes from, so one of 127.0.0.0/8, and what is outside of all
projects is in no VPC network. Nobody's device is known, nor a country of a loopback address, and CEL is not evaluated.
Rules: the discovery document's descriptions (v1 AccessLevel, BasicLevel, Condition).
"""

import ipaddress
from collections.abc import Mapping

from sandbox.errors import Json
from sandbox.registry import Call

_UNKNOWABLE = {"devicePolicy": "a device policy", "regions": "regions"}


def needed_by(level: Json) -> set[str]:
    """The names of the levels that a level's own conditions require."""
    return {name for condition in _conditions(level) for name in condition.get("requiredAccessLevels", [])}


def all_needed_by(name: str, levels: Mapping[str, Json]) -> set[str]:
    """The names of the levels that a level requires, directly or through others; its own only where it goes round."""
    found: set[str] = set()
    waiting = needed_by(levels.get(name, {}))
    while waiting:
        each = waiting.pop()
        found.add(each)
        waiting |= needed_by(levels.get(each, {})) - found
    return found


def unknowable(name: str, levels: Mapping[str, Json]) -> str:
    """What a level, or one that it requires, asks that cannot be known here: "regions (NAME)"; "" where nothing."""
    for each in (name, *sorted(all_needed_by(name, levels))):
        level = levels.get(each, {})
        if "custom" in level:
            return f"a custom expression ({each})"
        for condition in _conditions(level):
            for field, called in _UNKNOWABLE.items():
                if condition.get(field):
                    return f"{called} ({each})"
    return ""


def met(call: Call, name: str, levels: Mapping[str, Json]) -> bool:
    """Whether a call that comes from outside of all projects meets a level, of which `unknowable` found nothing.

    Nobody meets a level that is gone, or one that requires itself.
    """
    if name not in levels:
        return False
    basic, others = levels[name]["basic"], {other: its for other, its in levels.items() if other != name}
    either = basic.get("combiningFunction") == "OR"
    return (any if either else all)(_holds(call, condition, others) for condition in basic["conditions"])


def _conditions(level: Json) -> list[Json]:
    conditions: list[Json] = level.get("basic", {}).get("conditions", [])
    return conditions


def _holds(call: Call, condition: Json, levels: Mapping[str, Json]) -> bool:
    """An AND over what the condition has; a negated one a NAND, so that one without anything never holds."""
    found = []
    if condition.get("ipSubnetworks"):
        address = ipaddress.ip_address(call.address)
        found.append(any(address in ipaddress.ip_network(each) for each in condition["ipSubnetworks"]))
    if condition.get("members"):
        found.append(call.principal.member in condition["members"])
    if condition.get("vpcNetworkSources"):
        found.append(False)
    found += [met(call, each, levels) for each in condition.get("requiredAccessLevels", [])]
    return all(found) is not condition.get("negate", False)
