"""compute addresses and globalAddresses: internal ones, and the ranges that are kept for private services access."""

import ipaddress
from typing import TYPE_CHECKING

from sandbox.errors import Json, invalid_argument
from sandbox.registry import Call, method, not_imitated
from sandbox.services.compute import common, subnetworks
from sandbox.services.compute.common import ADDRESS, BASE, FORWARDING_RULE, NETWORK

if TYPE_CHECKING:
    from sandbox.core import Sandbox

# Google keeps the first two and the last two addresses of a range for itself.
_KEPT_FIRST, _KEPT_LAST = 2, 2
_PEERING, _CONNECT = "VPC_PEERING", "PRIVATE_SERVICE_CONNECT"


@method("compute.addresses.list", "compute.globalAddresses.list")
def list_addresses(call: Call) -> Json:
    """The addresses of a region, or the global ones."""
    parent = common.scope(call, common.project_of(call, f"{_permissions(call)}.list"))
    found = call.sandbox.store.list(ADDRESS, f"{parent}/").items()
    return common.listed(call, ADDRESS, parent, "addresses", [_shown(call.sandbox, *each) for each in found])


@method("compute.addresses.get", "compute.globalAddresses.get")
def get_address(call: Call) -> Json:
    """One address."""
    return _shown(call.sandbox, *_find(call, "get"))


@method("compute.addresses.insert")
def insert_regional(call: Call) -> Json:
    """Reserves an internal address of a subnetwork: the one that is asked for, else the first that is free."""
    project = common.project_of(call, "compute.addresses.createInternal", "compute.subnetworks.use")
    parent = common.scope(call, project)
    made = common.new(call, ADDRESS, parent, "addresses")
    if call.body.get("addressType", "EXTERNAL") != "INTERNAL":
        raise not_imitated(call, "external addresses")
    if not call.body.get("subnetwork"):
        raise invalid_argument("Invalid value for field 'resource.subnetwork': ''. A subnetwork is required here.")
    path = common.path_of(call.body["subnetwork"], project, parent, "subnetworks")
    address = {
        **made,
        "addressType": "INTERNAL",
        "purpose": call.body.get("purpose", "GCE_ENDPOINT"),
        "networkTier": "PREMIUM",
        "subnetwork": BASE + path,
        "address": free(call.sandbox, path, call.body.get("address", "")),
    }
    return common.start(call, "insert", ADDRESS, _labelled(call, address))


@method("compute.globalAddresses.insert")
def insert_global(call: Call) -> Json:
    """Reserves a range for peered services, or one address outside of all subnetworks for Google's APIs."""
    project = common.project_of(call, "compute.globalAddresses.createInternal", "compute.networks.use")
    parent = common.scope(call, project)
    made = common.new(call, ADDRESS, parent, "addresses")
    purpose = call.body.get("purpose", "")
    if call.body.get("addressType", "EXTERNAL") != "INTERNAL" or purpose not in (_PEERING, _CONNECT):
        raise not_imitated(call, "global addresses but INTERNAL ones for VPC_PEERING or PRIVATE_SERVICE_CONNECT")
    network = common.path_of(call.body.get("network", ""), project, parent, "networks")
    common.find(call.sandbox, NETWORK, network)
    taken = [ipaddress.IPv4Network(each["ipCidrRange"]) for each in subnetworks.of(call.sandbox, network).values()]
    taken += [
        _block(each) for each in call.sandbox.store.list(ADDRESS).values() if each.get("network") == BASE + network
    ]
    prefix = call.body.get("prefixLength") if purpose == _PEERING else 32
    if not prefix:
        raise invalid_argument("Invalid value for field 'resource.prefixLength': a range for peering needs it.")
    block = _range(call.body.get("address", ""), prefix, taken)
    address = {
        **made,
        "addressType": "INTERNAL",
        "purpose": purpose,
        "network": BASE + network,
        "address": str(block.network_address),
        **({"prefixLength": prefix} if purpose == _PEERING else {}),
    }
    return common.start(call, "insert", ADDRESS, _labelled(call, address))


@method("compute.addresses.delete", "compute.globalAddresses.delete")
def delete_address(call: Call) -> Json:
    """Releases an address that nothing uses."""
    path, address = _find(call, "deleteInternal")
    used = _users(call.sandbox, path, address)
    if used:
        raise common.in_use(path, used[0].removeprefix(BASE))
    return common.start(call, "delete", ADDRESS, address)


@method("compute.addresses.setLabels", "compute.globalAddresses.setLabels")
def set_labels(call: Call) -> Json:
    """Replaces the labels."""
    path = f"{common.scope(call, common.project_of(call, f'{_permissions(call)}.setLabels'))}/addresses/"
    address = common.find(call.sandbox, ADDRESS, path + call.params["resource"])
    common.check_fingerprint(call.body.get("labelFingerprint", ""), common.label_fingerprint(address))
    return common.start(call, "setLabels", ADDRESS, {**address, "labels": call.body.get("labels", {})})


def free(sandbox: "Sandbox", subnetwork: str, wanted: str = "") -> str:
    """An address of the subnetwork that nobody has; 400 where the wanted one is outside of it or taken."""
    block = ipaddress.IPv4Network(subnetworks.named(sandbox, subnetwork)["ipCidrRange"])
    taken = {
        each["address"] for each in sandbox.store.list(ADDRESS).values() if each.get("subnetwork") == BASE + subnetwork
    }
    usable = range(_KEPT_FIRST, block.num_addresses - _KEPT_LAST)
    if not wanted:
        found = next((str(block[index]) for index in usable if str(block[index]) not in taken), "")
        if not found:
            raise invalid_argument(f"IP space of '{subnetwork}' is exhausted.")
        return found
    try:
        inside = ipaddress.IPv4Address(wanted) in block
    except ValueError:
        inside = False
    if not inside:
        raise invalid_argument(f"Requested internal IP {wanted} is outside the network/subnetwork range.")
    if wanted in taken:
        raise invalid_argument(f"IP address {wanted} is in use by another resource.")
    return wanted


def _range(wanted: str, prefix: int, taken: list[ipaddress.IPv4Network]) -> ipaddress.IPv4Network:
    """The wanted range, else the first free one of 10.0.0.0/8."""
    if wanted:
        try:
            block = ipaddress.IPv4Network(f"{wanted}/{prefix}")
        except ValueError:
            raise invalid_argument(f"Invalid value for field 'resource.address': '{wanted}'.") from None
        if any(block.overlaps(each) for each in taken):
            raise invalid_argument(f"Requested range {block} conflicts with a subnetwork or an allocated range.")
        return block
    for block in ipaddress.IPv4Network("10.0.0.0/8").subnets(new_prefix=max(prefix, 16)):
        if not any(block.overlaps(each) for each in taken):
            return block
    raise invalid_argument("No range of that size is free.")


def _block(address: Json) -> ipaddress.IPv4Network:
    return ipaddress.IPv4Network(f"{address['address']}/{address.get('prefixLength', 32)}")


def _labelled(call: Call, address: Json) -> Json:
    labels = call.body.get("labels")
    return {**address, "labels": labels} if labels else address


def _shown(sandbox: "Sandbox", path: str, address: Json) -> Json:
    users = _users(sandbox, path, address)
    return {
        **address,
        "labelFingerprint": common.label_fingerprint(address),
        "status": "IN_USE" if users else "RESERVED",
        **({"users": users} if users else {}),
    }


def _users(sandbox: "Sandbox", path: str, address: Json) -> list[str]:
    rules = sandbox.store.list(FORWARDING_RULE).values()
    users = [rule["selfLink"] for rule in rules if rule.get("addressPath") == path]
    ranges = sandbox.store.get("privateConnection", str(address.get("network", "")).removeprefix(BASE)) or {}
    if address["purpose"] == _PEERING and address["name"] in ranges.get("reservedPeeringRanges", []):
        users.append(address["network"])
    return users


def _permissions(call: Call) -> str:
    return call.method_id.rpartition(".")[0]


def _find(call: Call, verb: str) -> tuple[str, Json]:
    parent = common.scope(call, common.project_of(call, f"{_permissions(call)}.{verb}"))
    path = f"{parent}/addresses/{call.params['address']}"
    return path, common.find(call.sandbox, ADDRESS, path)
