"""compute: VPC networks and the operations that make them. Rules: the discovery document's descriptions, compute v1."""

import re
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sandbox import registry
from sandbox.errors import GoogleError, Json, already_exists, invalid_argument, not_found
from sandbox.operations import KIND as OPERATION
from sandbox.operations import completion
from sandbox.registry import Call, method
from sandbox.services import iam_policies
from sandbox.services.paging import page

if TYPE_CHECKING:
    from sandbox.core import Sandbox

KIND = "network"
_BASE = "https://www.googleapis.com/compute/v1/"
_NAME = r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?"
_CHANGEABLE = ("routingConfig", "mtu", "networkFirewallPolicyEnforcementOrder", "enableUlaInternalIpv6")
_DEFAULT_MTU = 1460

registry.needs_enabling("compute")


@method("compute.networks.list")
def list_networks(call: Call) -> Json:
    """The networks of a project."""
    project = _project(call, "compute.networks.list")
    answer = page(call, "items", list(call.sandbox.store.list(KIND, f"projects/{project}/").values()), 500, 500)
    path = f"projects/{project}/global/networks"
    return {"kind": "compute#networkList", "id": path, "selfLink": _BASE + path, **answer}


@method("compute.networks.get")
def get_network(call: Call) -> Json:
    """One network."""
    return _find(call, _project(call, "compute.networks.get"))


@method("compute.networks.insert")
def insert_network(call: Call) -> Json:
    """A new network, in auto or custom subnet mode."""
    project = _project(call, "compute.networks.create")
    name = call.body.get("name", "")
    if not re.fullmatch(_NAME, name):
        raise invalid_argument(f"Invalid value for field 'resource.name': '{name}'. Must be a match of regex '{_NAME}'")
    if "autoCreateSubnetworks" not in call.body:
        raise invalid_argument("Legacy networks are no longer supported: set autoCreateSubnetworks to true or false.")
    mtu = call.body.get("mtu", _DEFAULT_MTU)
    if not 1300 <= mtu <= 8896:
        raise invalid_argument(f"Invalid value for field 'resource.mtu': '{mtu}'. Must be between 1300 and 8896.")
    path = f"projects/{project}/global/networks/{name}"
    if call.sandbox.store.get(KIND, path) is not None:
        raise already_exists(f"The resource '{path}' already exists")
    network = _network(path, call.body["autoCreateSubnetworks"], call.sandbox.clock.now())
    kept = {k: call.body[k] for k in ("description", *_CHANGEABLE) if k in call.body}
    return _start(call, project, "insert", {**network, **kept})


@method("compute.networks.patch")
def patch_network(call: Call) -> Json:
    """Changes routing or MTU."""
    project = _project(call, "compute.networks.update")
    network = _find(call, project)
    changes = {k: call.body[k] for k in _CHANGEABLE if k in call.body}
    return _start(call, project, "patch", {**network, **changes})


@method("compute.networks.delete")
def delete_network(call: Call) -> Json:
    """Deletes a network."""
    project = _project(call, "compute.networks.delete")
    return _start(call, project, "delete", _find(call, project))


@method("compute.globalOperations.get", "compute.globalOperations.wait")
def get_operation(call: Call) -> Json:
    """A global operation; `wait` answers at once here, which Google allows it to."""
    project = _project(call, "compute.globalOperations.get")
    record = call.sandbox.store.get(OPERATION, f"compute/{project}/{call.params['operation']}")
    if record is None:
        path = f"projects/{project}/global/operations/{call.params['operation']}"
        raise not_found(f"The resource '{path}' was not found")
    return _shown(project, record)


@completion("compute.networks")
def _change(sandbox: "Sandbox", operation: Json) -> Json:
    network = operation["args"]["network"]
    path = network["selfLink"].removeprefix(_BASE)
    if operation["args"]["verb"] == "delete":
        sandbox.store.delete(KIND, path)
    else:
        sandbox.store.put(KIND, path, network)
    return {}


@registry.seed
def _seed(sandbox: "Sandbox") -> None:
    """The network called default."""
    for project in sandbox.store.list("project"):
        path = f"projects/{project}/global/networks/default"
        network = _network(path, True, sandbox.clock.now())
        sandbox.store.put(KIND, path, {**network, "description": "Default network for the project"})


def _project(call: Call, permission: str) -> str:
    project: str = call.sandbox.require_project(call.params["project"], "compute")["projectId"]
    if not iam_policies.allowed(call.sandbox, call.principal.member, f"projects/{project}", permission):
        raise GoogleError(403, "PERMISSION_DENIED", f"Required '{permission}' permission for 'projects/{project}'")
    return project


def _find(call: Call, project: str) -> Json:
    path = f"projects/{project}/global/networks/{call.params['network']}"
    found = call.sandbox.store.get(KIND, path)
    if found is None:
        raise not_found(f"The resource '{path}' was not found")
    return found


def _network(path: str, auto: bool, made: float) -> Json:
    number = _number()
    project = path.split("/")[1]
    return {
        "kind": "compute#network",
        "id": number,
        "creationTimestamp": _time(made),
        "name": path.rpartition("/")[2],
        "selfLink": _BASE + path,
        "selfLinkWithId": f"{_BASE}projects/{project}/global/networks/{number}",
        "autoCreateSubnetworks": auto,
        "routingConfig": {"routingMode": "REGIONAL"},
        "mtu": _DEFAULT_MTU,
        "networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL",
    }


def _start(call: Call, project: str, verb: str, network: Json) -> Json:
    name = f"operation-{int(call.sandbox.clock.now() * 1000)}-{secrets.token_hex(8)}"
    key = f"compute/{project}/{name}"
    args = {"verb": verb, "network": network, "user": call.principal.email, "id": _number()}
    call.sandbox.operations.start("compute.networks", key, call.sandbox.settings.operation_seconds, args)
    record = call.sandbox.store.get(OPERATION, key)
    if record is None:
        raise RuntimeError(f"{key} was started, yet is not there")
    return _shown(project, record)


def _shown(project: str, record: Json) -> Json:
    """The operation in compute's own shape: a status, not `done`."""
    name = record["name"].rpartition("/")[2]
    done = record["state"] != "running"
    args = record["args"]
    shown = {
        "kind": "compute#operation",
        "id": args["id"],
        "name": name,
        "operationType": args["verb"],
        "targetLink": args["network"]["selfLink"],
        "targetId": args["network"]["id"],
        "status": "DONE" if done else "RUNNING",
        "user": args["user"],
        "progress": 100 if done else 0,
        "insertTime": _time(record["started"]),
        "startTime": _time(record["started"]),
        "selfLink": f"{_BASE}projects/{project}/global/operations/{name}",
    }
    return {**shown, "endTime": _time(record["ended"])} if done else shown


def _number() -> str:
    return str(10**18 + secrets.randbelow(8 * 10**18))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
