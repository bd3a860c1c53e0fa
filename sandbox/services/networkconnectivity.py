"""networkconnectivity: service connection policies, which let Google's services make endpoints in a network.

Rules: the discovery document's descriptions (v1) and cloud.google.com/vpc/docs/about-service-connection-policies: one
policy for a network, region and service class, with subnetworks of that network and region.
"""

import re
from typing import TYPE_CHECKING

from sandbox import listing, registry
from sandbox.errors import Json, aborted, already_exists, failed_precondition, invalid_argument, not_found
from sandbox.operations import completion
from sandbox.registry import Call, method
from sandbox.services import iam_policies
from sandbox.services.aiplatform import names
from sandbox.services.aiplatform.connect import POLICY, SERVICE_CLASS
from sandbox.services.compute import common, subnetworks
from sandbox.services.compute.common import BASE, FORWARDING_RULE, NETWORK
from sandbox.services.paging import page

if TYPE_CHECKING:
    from sandbox.core import Sandbox

_PARENT = re.compile(r"projects/([^/]+)/locations/([^/]+)(/.*)?")
_TYPE = "type.googleapis.com/google.cloud.networkconnectivity.v1."
_FIELDS = ("description", "labels", "pscConfig")
_CHANGE = "networkconnectivity.serviceConnectionPolicies"

registry.needs_enabling("networkconnectivity")


@method("networkconnectivity.projects.locations.serviceConnectionPolicies.list")
def list_policies(call: Call) -> Json:
    """The policies of a region."""
    parent = _name(call, "parent", "list")
    found = call.sandbox.store.list(POLICY, f"{parent}/").items()
    return page(call, "serviceConnectionPolicies", [_shown(*each) for each in found])


@method("networkconnectivity.projects.locations.serviceConnectionPolicies.get")
def get_policy(call: Call) -> Json:
    """One policy."""
    return _shown(*_find(call, "get"))


@method("networkconnectivity.projects.locations.serviceConnectionPolicies.create")
def create_policy(call: Call) -> Json:
    """A policy for a service class that the network has none for in this region."""
    parent = _name(call, "parent", "create")
    chosen = call.query.get("serviceConnectionPolicyId", "")
    if not re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", chosen):
        raise invalid_argument(f"Invalid service_connection_policy_id {chosen!r}.")
    name = f"{parent}/serviceConnectionPolicies/{chosen}"
    if call.sandbox.store.get(POLICY, name) is not None:
        raise already_exists(f"Resource '{name}' already exists")
    policy = _checked(call, parent, {k: call.body[k] for k in ("network", "serviceClass", *_FIELDS) if k in call.body})
    for other, there in call.sandbox.store.list(POLICY, f"{parent}/").items():
        if (there["network"], there["serviceClass"]) == (policy["network"], policy["serviceClass"]):
            raise failed_precondition(
                f"A service connection policy for service class {policy['serviceClass']} exists already on"
                f" {policy['network']} in this region: {other}."
            )
    times = {"createTime": call.sandbox.clock.stamp(), "updateTime": call.sandbox.clock.stamp()}
    return _start(call, "create", name, {**policy, "infrastructure": "PSC", **times})


@method("networkconnectivity.projects.locations.serviceConnectionPolicies.patch")
def patch_policy(call: Call) -> Json:
    """Changes the masked fields; 409 for an etag that is not the present one."""
    name, policy = _find(call, "update")
    if call.body.get("etag", names.etag(policy)) != names.etag(policy):
        raise aborted(f"The etag of {name} does not match: it was changed meanwhile. Read it again, then retry.")
    changed = dict(policy)
    for path in listing.mask_paths(call.query.get("updateMask", "")) or [f for f in _FIELDS if f in call.body]:
        if path.partition(".")[0] not in _FIELDS:
            raise invalid_argument(f"Field {path} of a service connection policy cannot be updated.")
        listing.apply_mask(changed, call.body, path)
    checked = _checked(call, name.partition("/serviceConnectionPolicies/")[0], changed)
    return _start(call, "update", name, {**checked, "updateTime": call.sandbox.clock.stamp()})


@method("networkconnectivity.projects.locations.serviceConnectionPolicies.delete")
def delete_policy(call: Call) -> Json:
    """Deletes a policy by which no connection stands any more."""
    name, policy = _find(call, "delete")
    region = name.split("/")[3]
    for rule, there in call.sandbox.store.list(FORWARDING_RULE).items():
        made = rule.rpartition("/")[2].startswith("sca-auto-fr-") and f"/regions/{region}/" in rule
        if made and there["network"] == BASE + policy["network"]:
            raise failed_precondition(f"Service connection policy {name} is still used by {rule}.")
    return _start(call, "delete", name, {})


@method("networkconnectivity.projects.locations.operations.get")
def get_operation(call: Call) -> Json:
    """A long-running operation."""
    project = call.params["name"].split("/")[1]
    iam_policies.require(call, f"projects/{project}", "networkconnectivity.operations.get")
    found = call.sandbox.operations.get(call.params["name"])
    if found is None:
        raise not_found(f"Operation {call.params['name']} not found.")
    return found


@completion(_CHANGE)
def _changed(sandbox: "Sandbox", operation: Json) -> Json:
    name, policy = operation["args"]["name"], operation["args"]["policy"]
    if not policy:
        sandbox.store.delete(POLICY, name)
        return {"@type": "type.googleapis.com/google.protobuf.Empty"}
    sandbox.store.put(POLICY, name, policy)
    return {"@type": f"{_TYPE}ServiceConnectionPolicy", **_shown(name, policy)}


@registry.seed
def _seed(sandbox: "Sandbox") -> None:
    """The network called default lets Vertex AI connect in every region, as a network administrator sets it up once."""
    now = sandbox.clock.stamp()
    for project in sandbox.store.list("project"):
        network = f"projects/{project}/global/networks/default"
        for region in names.locations():
            subnetwork = f"projects/{project}/regions/{region}/subnetworks/default"
            policy = {
                "network": network,
                "serviceClass": SERVICE_CLASS,
                "pscConfig": {"subnetworks": [subnetwork]},
                **{"infrastructure": "PSC", "createTime": now, "updateTime": now},
            }
            parent = f"projects/{project}/locations/{region}"
            sandbox.store.put(POLICY, f"{parent}/serviceConnectionPolicies/vertex-ai", policy)


def _checked(call: Call, parent: str, policy: Json) -> Json:
    """The policy with its network and subnetworks by project id, each there and where it must be."""
    project, region = parent.split("/")[1], parent.split("/")[3]
    network = common.path_of(policy.get("network", ""), project, f"projects/{project}/global", "networks")
    common.find(call.sandbox, NETWORK, network)
    if not policy.get("serviceClass"):
        raise invalid_argument("service_class is required.")
    given = policy.get("pscConfig", {}).get("subnetworks", [])
    if not given:
        raise invalid_argument("psc_config.subnetworks must name at least one subnetwork.")
    paths = [common.path_of(each, project, f"projects/{project}/regions/{region}", "subnetworks") for each in given]
    for path in paths:
        if path.split("/")[3] != region or subnetworks.named(call.sandbox, path)["network"] != BASE + network:
            raise invalid_argument(f"Subnetwork {path} is not in {network} and region {region}.")
    return {**policy, "network": network, "pscConfig": {**policy["pscConfig"], "subnetworks": paths}}


def _shown(name: str, policy: Json) -> Json:
    return {"name": name, **policy, "etag": names.etag(policy)}


def _find(call: Call, verb: str) -> tuple[str, Json]:
    name = _name(call, "name", verb)
    found = call.sandbox.store.get(POLICY, name)
    if found is None:
        raise not_found(f"Resource '{name}' was not found")
    return name, found


def _name(call: Call, parameter: str, verb: str) -> str:
    """The name with its project by id, once the caller may do what the verb says."""
    found = _PARENT.fullmatch(call.params[parameter])
    if found is None or found.group(2) not in names.locations():
        raise not_found(f"Resource '{call.params[parameter]}' was not found")
    project = call.sandbox.require_project(found.group(1), "networkconnectivity")["projectId"]
    iam_policies.require(call, f"projects/{project}", f"networkconnectivity.serviceConnectionPolicies.{verb}")
    return f"projects/{project}/locations/{found.group(2)}{found.group(3) or ''}"


def _start(call: Call, verb: str, name: str, policy: Json) -> Json:
    parent = name.partition("/serviceConnectionPolicies/")[0]
    metadata = {
        "@type": f"{_TYPE}OperationMetadata",
        "createTime": call.sandbox.clock.stamp(),
        "target": name,
        "verb": verb,
        "apiVersion": call.version,
    }
    seconds = call.sandbox.settings.operation_seconds
    operation = f"{parent}/operations/operation-{common.number()}"
    return call.sandbox.operations.start(_CHANGE, operation, seconds, {"name": name, "policy": policy}, metadata)
