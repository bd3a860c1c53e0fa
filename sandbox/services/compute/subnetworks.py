"""compute subnetworks. Those of an auto mode network follow from it, one in each region, and are kept nowhere."""

import functools
import ipaddress
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sandbox.errors import Json, invalid_argument, not_found
from sandbox.registry import Call, method
from sandbox.services.aiplatform import names
from sandbox.services.compute import common
from sandbox.services.compute.common import ADDRESS, BASE, NETWORK, SUBNETWORK

if TYPE_CHECKING:
    from sandbox.core import Sandbox

_CHANGEABLE = ("privateIpGoogleAccess", "description", "logConfig")


@method("compute.subnetworks.list")
def list_subnetworks(call: Call) -> Json:
    """The subnetworks of a region."""
    parent = common.scope(call, common.project_of(call, "compute.subnetworks.list"))
    found = [_shown(value) for name, value in everywhere(call.sandbox).items() if name.startswith(f"{parent}/")]
    return common.listed(call, SUBNETWORK, parent, "subnetworks", found)


@method("compute.subnetworks.get")
def get_subnetwork(call: Call) -> Json:
    """One subnetwork."""
    return _shown(_find(call, "compute.subnetworks.get")[1])


@method("compute.subnetworks.insert")
def insert_subnetwork(call: Call) -> Json:
    """A new subnetwork of a custom mode network, whose range overlaps with no other one's."""
    project = common.project_of(call, "compute.subnetworks.create")
    parent = common.scope(call, project)
    made = common.new(call, SUBNETWORK, parent, "subnetworks")
    if call.params["region"] not in names.locations():
        raise not_found(f"The resource 'projects/{project}/regions/{call.params['region']}' was not found")
    network = common.path_of(call.body.get("network", ""), project, f"projects/{project}/global", "networks")
    common.find(call.sandbox, NETWORK, network)
    given = call.body.get("ipCidrRange", "")
    try:
        wanted = ipaddress.IPv4Network(given)
    except ValueError:
        raise invalid_argument(
            f"Invalid value for field 'resource.ipCidrRange': '{given}'. Must be a valid IPv4 range."
        ) from None
    for name, other in of(call.sandbox, network).items():
        if wanted.overlaps(ipaddress.IPv4Network(other["ipCidrRange"])):
            raise invalid_argument(
                f"Invalid IPCidrRange: {given} conflicts with existing subnetwork '{name.rpartition('/')[2]}' in region"
                f" '{name.split('/')[3]}'."
            )
    kept = {k: call.body[k] for k in _CHANGEABLE if k in call.body}
    return common.start(call, "insert", SUBNETWORK, {**_subnetwork(made, network, wanted), **kept})


@method("compute.subnetworks.patch", "compute.subnetworks.setPrivateIpGoogleAccess")
def patch_subnetwork(call: Call) -> Json:
    """Changes Private Google Access, among what can change in place."""
    single = call.method.name == "setPrivateIpGoogleAccess"
    _, subnetwork = _find(call, f"compute.subnetworks.{'setPrivateIpGoogleAccess' if single else 'update'}")
    if not single:
        common.check_fingerprint(call.body.get("fingerprint", ""), common.fingerprint(subnetwork))
    changes = {k: call.body[k] for k in _CHANGEABLE if k in call.body}
    return common.start(call, call.method.name, SUBNETWORK, {**subnetwork, **changes})


@method("compute.subnetworks.delete")
def delete_subnetwork(call: Call) -> Json:
    """Deletes a subnetwork in which no address is reserved."""
    path, subnetwork = _find(call, "compute.subnetworks.delete")
    if common.find(call.sandbox, NETWORK, subnetwork["network"].removeprefix(BASE))["autoCreateSubnetworks"]:
        raise invalid_argument("Cannot delete auto subnetwork from an auto subnet mode network.")
    for name, address in call.sandbox.store.list(ADDRESS).items():
        if address.get("subnetwork") == BASE + path:
            raise common.in_use(path, name)
    return common.start(call, "delete", SUBNETWORK, subnetwork)


def everywhere(sandbox: "Sandbox") -> Mapping[str, Json]:
    """All subnetworks by path: an auto mode network's own, unless they were changed, and those that were made."""
    found: dict[str, Json] = {}
    for path, network in sandbox.store.list(NETWORK).items():
        if network["autoCreateSubnetworks"]:
            found |= _automatic(path, network["creationTimestamp"])
    return {**found, **sandbox.store.list(SUBNETWORK)}


def of(sandbox: "Sandbox", network: str) -> Mapping[str, Json]:
    """The subnetworks of a network, by path."""
    return {name: value for name, value in everywhere(sandbox).items() if value["network"] == BASE + network}


def named(sandbox: "Sandbox", path: str) -> Json:
    """The subnetwork; compute's 404 where there is none."""
    found = everywhere(sandbox).get(path)
    if found is None:
        raise not_found(f"The resource '{path}' was not found")
    return found


@functools.lru_cache(maxsize=8)
def _automatic(network: str, created: str) -> Mapping[str, Json]:
    """A /20 of 10.128.0.0/9 in each region (cloud.google.com/vpc/docs/subnets, "Auto mode IPv4 ranges").

    Which region has which of them is not Google's order.
    """
    project, _, name = network.partition("/global/networks/")
    blocks = ipaddress.IPv4Network("10.128.0.0/9").subnets(new_prefix=20)
    found = {}
    for region, block in zip(sorted(names.locations()), blocks, strict=False):
        path = f"{project}/regions/{region}/subnetworks/{name}"
        found[path] = {
            **common.made(SUBNETWORK, path, 0),
            "id": str(10**18 + zlib.crc32(path.encode())),
            "creationTimestamp": created,
            **_subnetwork({}, network, block),
        }
    return found


def _subnetwork(made: Json, network: str, block: ipaddress.IPv4Network) -> Json:
    return {
        **made,
        "network": BASE + network,
        "ipCidrRange": str(block),
        "gatewayAddress": str(block[1]),
        "privateIpGoogleAccess": False,
        "privateIpv6GoogleAccess": "DISABLE_GOOGLE_ACCESS",
        "purpose": "PRIVATE",
        "stackType": "IPV4_ONLY",
    }


def _shown(subnetwork: Json) -> Json:
    return {**subnetwork, "fingerprint": common.fingerprint(subnetwork)}


def _find(call: Call, permission: str) -> tuple[str, Json]:
    parent = common.scope(call, common.project_of(call, permission))
    path = f"{parent}/subnetworks/{call.params['subnetwork']}"
    return path, named(call.sandbox, path)
