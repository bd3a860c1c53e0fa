"""compute networks. Those in auto mode have a subnetwork in every region."""

from typing import TYPE_CHECKING

from sandbox import registry
from sandbox.errors import Json, invalid_argument
from sandbox.registry import Call, method
from sandbox.services.compute import common, subnetworks
from sandbox.services.compute.common import BASE, FORWARDING_RULE, NETWORK

if TYPE_CHECKING:
    from sandbox.core import Sandbox

_CHANGEABLE = ("routingConfig", "mtu", "networkFirewallPolicyEnforcementOrder", "enableUlaInternalIpv6")
_DEFAULT_MTU = 1460


@method("compute.networks.list")
def list_networks(call: Call) -> Json:
    """The networks of a project."""
    project = common.project_of(call, "compute.networks.list")
    found = call.sandbox.store.list(NETWORK, f"projects/{project}/")
    return common.listed(
        call, NETWORK, f"projects/{project}/global", "networks", [_shown(call.sandbox, *each) for each in found.items()]
    )


@method("compute.networks.get")
def get_network(call: Call) -> Json:
    """One network."""
    path, network = _find(call, "compute.networks.get")
    return _shown(call.sandbox, path, network)


@method("compute.networks.insert")
def insert_network(call: Call) -> Json:
    """A new network, in auto or custom subnet mode."""
    project = common.project_of(call, "compute.networks.create")
    made = common.new(call, NETWORK, f"projects/{project}/global", "networks")
    if "autoCreateSubnetworks" not in call.body:
        raise invalid_argument("Legacy networks are no longer supported: set autoCreateSubnetworks to true or false.")
    mtu = call.body.get("mtu", _DEFAULT_MTU)
    if not 1300 <= mtu <= 8896:
        raise invalid_argument(f"Invalid value for field 'resource.mtu': '{mtu}'. Must be between 1300 and 8896.")
    kept = {k: call.body[k] for k in _CHANGEABLE if k in call.body}
    return common.start(call, "insert", NETWORK, {**_network(made, call.body["autoCreateSubnetworks"]), **kept})


@method("compute.networks.patch")
def patch_network(call: Call) -> Json:
    """Changes routing or MTU."""
    _, network = _find(call, "compute.networks.update")
    changes = {k: call.body[k] for k in _CHANGEABLE if k in call.body}
    return common.start(call, "patch", NETWORK, {**network, **changes})


@method("compute.networks.delete")
def delete_network(call: Call) -> Json:
    """Deletes a network that nothing stands on."""
    path, network = _find(call, "compute.networks.delete")
    held = [] if network["autoCreateSubnetworks"] else list(subnetworks.of(call.sandbox, path))
    held += [n for n, rule in call.sandbox.store.list(FORWARDING_RULE).items() if rule.get("network") == BASE + path]
    held += [n for n, each in call.sandbox.store.list("privateConnection").items() if n == path and each]
    if held:
        raise common.in_use(path, held[0])
    return common.start(call, "delete", NETWORK, network)


@registry.seed
def _seed(sandbox: "Sandbox") -> None:
    """The network called default, in auto mode."""
    for project in sandbox.store.list("project"):
        path = f"projects/{project}/global/networks/default"
        network = _network(common.made(NETWORK, path, sandbox.clock.now()), auto=True)
        sandbox.store.put(NETWORK, path, {**network, "description": "Default network for the project"})


def _find(call: Call, permission: str) -> tuple[str, Json]:
    path = f"projects/{common.project_of(call, permission)}/global/networks/{call.params['network']}"
    return path, common.find(call.sandbox, NETWORK, path)


def _network(made: Json, auto: bool) -> Json:
    project = made["selfLink"].removeprefix(BASE).split("/")[1]
    return {
        **made,
        "selfLinkWithId": f"{BASE}projects/{project}/global/networks/{made['id']}",
        "autoCreateSubnetworks": auto,
        "routingConfig": {"routingMode": "REGIONAL"},
        "mtu": _DEFAULT_MTU,
        "networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL",
    }


def _shown(sandbox: "Sandbox", path: str, network: Json) -> Json:
    links = [BASE + name for name in subnetworks.of(sandbox, path)]
    shown = {**network, "subnetworks": links} if links else dict(network)
    if connection := sandbox.store.get("privateConnection", path):
        # Google's side of it is a network in a project of its own.
        producer = f"{BASE}projects/{path.split('/')[1]}-tp/global/networks/servicenetworking"
        shown["peerings"] = [{"name": connection["peering"], "network": producer, "state": "ACTIVE"}]
    return shown
