"""servicenetworking: private services access, the peering of a network with Google's own.

One connection a network; the network is named by its project's number. Rules: the discovery document's descriptions
(v1), cloud.google.com/vpc/docs/configure-private-services-access, and the error that Terraform's provider waits for.
"""

import secrets
from typing import TYPE_CHECKING

from sandbox import registry
from sandbox.errors import Json, failed_precondition, invalid_argument, not_found
from sandbox.operations import completion
from sandbox.registry import Call, method
from sandbox.services import iam_policies, long_running
from sandbox.services.aiplatform.names import ENDPOINT
from sandbox.services.compute import common
from sandbox.services.compute.common import ADDRESS, BASE, NETWORK

if TYPE_CHECKING:
    from sandbox.core import Sandbox

CONNECTION = "privateConnection"
_SERVICE = "services/servicenetworking.googleapis.com"
_PEERING = "servicenetworking-googleapis-com"
_SEEDED_RANGE = "google-managed-services-default"


@method("servicenetworking.services.connections.list")
def list_connections(call: Call) -> Json:
    """The connection of the network that is asked for."""
    path, named = _network(call, call.query.get("network", ""), "servicenetworking.services.get")
    found = call.sandbox.store.get(CONNECTION, path)
    return {"connections": [{**found, "network": named}]} if found else {}


@method("servicenetworking.services.connections.create")
def create_connection(call: Call) -> Json:
    """Peers a network, with ranges that were reserved for it."""
    path, _ = _network(call, call.body.get("network", ""), "servicenetworking.services.addPeering")
    if call.sandbox.store.get(CONNECTION, path):
        raise failed_precondition("Cannot modify allocated ranges in CreateConnection. Please use UpdateConnection.")
    ranges = _ranges(call, path)
    connection = {"service": _SERVICE, "peering": _PEERING, "reservedPeeringRanges": ranges}
    return _start(call, path, {"put": connection})


@method("servicenetworking.services.connections.patch")
def patch_connection(call: Call) -> Json:
    """Other ranges for the connection."""
    path, _ = _network(call, call.body.get("network", ""), "servicenetworking.services.addPeering")
    found = call.sandbox.store.get(CONNECTION, path)
    if not found:
        raise not_found(f"No connection of {path}.")
    return _start(call, path, {"put": {**found, "reservedPeeringRanges": _ranges(call, path)}})


@method("servicenetworking.services.connections.deleteConnection")
def delete_connection(call: Call) -> Json:
    """Ends the peering; refused while a producer's service uses it."""
    path, named = _network(call, call.body.get("consumerNetwork", ""), "servicenetworking.services.deleteConnection")
    if not call.sandbox.store.get(CONNECTION, path):
        raise not_found(f"No connection of {path}.")
    if any(endpoint.get("network") == named for endpoint in call.sandbox.store.list(ENDPOINT).values()):
        raise failed_precondition("Failed to delete connection; Producer services are still using this connection.")
    return _start(call, path, {"put": {}})


def connected(sandbox: "Sandbox", network: str) -> bool:
    """Whether projects/NUMBER/global/networks/NAME has private services access."""
    parts = network.split("/")
    project = sandbox.project(parts[1]) if len(parts) == 5 else None
    path = f"projects/{project['projectId']}/global/networks/{parts[-1]}" if project else network
    return bool(sandbox.store.get(CONNECTION, path))


@completion("servicenetworking.connections")
def _changed(sandbox: "Sandbox", operation: Json) -> Json:
    args = operation["args"]
    if args["put"]:
        sandbox.store.put(CONNECTION, args["network"], args["put"])
        return {"@type": "type.googleapis.com/google.cloud.servicenetworking.v1.Connection", **args["put"]}
    sandbox.store.delete(CONNECTION, args["network"])
    return {"@type": "type.googleapis.com/google.protobuf.Empty"}


@registry.seed
def _seed(sandbox: "Sandbox") -> None:
    """The network called default has private services access, as a network administrator sets it up once."""
    for project in sandbox.store.list("project"):
        network = f"projects/{project}/global/networks/default"
        path = f"projects/{project}/global/addresses/{_SEEDED_RANGE}"
        kept = {"addressType": "INTERNAL", "purpose": "VPC_PEERING", "network": BASE + network}
        block = {"address": "10.60.0.0", "prefixLength": 20}
        sandbox.store.put(ADDRESS, path, {**common.made(ADDRESS, path, sandbox.clock.now()), **kept, **block})
        connection = {"service": _SERVICE, "peering": _PEERING, "reservedPeeringRanges": [_SEEDED_RANGE]}
        sandbox.store.put(CONNECTION, network, connection)


def _start(call: Call, path: str, change: Json) -> Json:
    name = f"operations/pssn.p24-{secrets.token_hex(16)}"
    return long_running.start(call, "servicenetworking.connections", name, {"network": path, **change}, {})


def _ranges(call: Call, path: str) -> list[str]:
    ranges: list[str] = call.body.get("reservedPeeringRanges", [])
    if not ranges:
        raise invalid_argument("At least one allocated IP range is required.")
    for each in ranges:
        found = call.sandbox.store.get(ADDRESS, f"{path.partition('/networks/')[0]}/addresses/{each}") or {}
        if found.get("purpose") != "VPC_PEERING" or found.get("network") != BASE + path:
            raise invalid_argument(f"{each} is no allocated range of purpose VPC_PEERING in {path}.")
    return ranges


def _network(call: Call, network: str, permission: str) -> tuple[str, str]:
    """(path by the project's id, name by its number) of a network given by its project's number."""
    if (call.params.get("parent") or call.params.get("name", "").partition("/connections/")[0]) != _SERVICE:
        raise not_found(f"Service {call.params.get('parent') or call.params.get('name')} not found.")
    parts = network.split("/")
    if len(parts) != 5 or not parts[1].isdigit():
        raise invalid_argument(f"network is {network!r}; it must be projects/NUMBER/global/networks/NAME.")
    project = call.sandbox.require_project(parts[1], "servicenetworking")
    call.sandbox.require_enabled(project, "servicenetworking", "Service Networking API")
    path = f"projects/{project['projectId']}/global/networks/{parts[4]}"
    iam_policies.require(call, f"projects/{project['projectId']}", permission)
    common.find(call.sandbox, NETWORK, path)
    return path, network
