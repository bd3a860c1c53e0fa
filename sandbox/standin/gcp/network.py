"""gcp.compute.Network and gcp.compute.getNetwork over compute networks."""

from __future__ import annotations

from typing_extensions import override

from sandbox.standin.fields import Field
from sandbox.standin.gcp.cloud import DELETION_POLICY, Cloud, parse_id
from sandbox.standin.gcp.compute import BASE, ComputeResource
from sandbox.standin.rest import Json, RestError
from sandbox.standin.values import Props

_ID = "projects/{project}/global/networks/{name}"


class Network(ComputeResource):
    """A VPC network."""

    import_ids = (_ID, "{project}/{name}", "{name}")
    fields = {
        "name": Field(replace=True),
        "project": Field(replace=True, computed=True),
        "autoCreateSubnetworks": Field(replace=True, default=True),
        "description": Field(replace=True),
        "mtu": Field(computed=True),
        "routingMode": Field(computed=True),
        "deleteDefaultRoutesOnCreate": Field(),
        "deletionPolicy": DELETION_POLICY,
    }
    outputs = ("gatewayIpv4", "mtu", "networkId", "numericId", "routingMode", "selfLink")

    @override
    def planned(self, cloud: Cloud, inputs: Props) -> Props:
        known = super().planned(cloud, inputs)
        return {**known, "autoCreateSubnetworks": inputs.get("autoCreateSubnetworks", True)}

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        parent = f"projects/{cloud.project_of(inputs)}/global/networks"
        body: Json = {"name": inputs["name"], "autoCreateSubnetworks": inputs.get("autoCreateSubnetworks", True)}
        body.update({k: inputs[k] for k in ("description", "mtu") if inputs.get(k)})
        if inputs.get("routingMode"):
            body["routingConfig"] = {"routingMode": inputs["routingMode"]}
        self.send(cloud, "POST", BASE + parent, body, timeout=timeout)
        return f"{parent}/{inputs['name']}"

    @override
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        return {
            **_identity(live),
            "project": resource_id.split("/")[1],
            "autoCreateSubnetworks": live.get("autoCreateSubnetworks", False),
            "mtu": live.get("mtu"),
            "routingMode": live.get("routingConfig", {}).get("routingMode"),
            "deleteDefaultRoutesOnCreate": state.get("deleteDefaultRoutesOnCreate", False),
        }

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        body: Json = {}
        if "mtu" in changed:
            body["mtu"] = inputs["mtu"]
        if "routingMode" in changed:
            body["routingConfig"] = {"routingMode": inputs["routingMode"]}
        if body:
            self.patch(cloud, resource_id, body)


def get_network(cloud: Cloud, args: Props) -> Props:
    """The invoke: a network by name or self link. Raises RestError when there is none."""
    if link := args.get("selfLink"):
        parts = parse_id((_ID,), link[link.find("projects/") :])
    elif args.get("name"):
        parts = {"project": cloud.project_of(args), "name": args["name"]}
    else:
        raise RestError("getNetwork needs a name or a selfLink.")
    resource_id = _ID.format(**parts)
    live = cloud.rest.find(BASE + resource_id)
    if live is None:
        raise RestError(f"{resource_id} was not found.", 404)
    found = {**_identity(live), "id": resource_id, "project": parts["project"], "networkId": int(live["id"])}
    return {**found, "internalIpv6Range": "", "subnetworksSelfLinks": live.get("subnetworks", [])}


def _identity(live: Json) -> Props:
    return {
        "name": live["name"],
        "description": live.get("description", ""),
        "gatewayIpv4": live.get("gatewayIPv4", ""),
        "networkId": str(live["id"]),
        "numericId": str(live["id"]),
        "selfLink": live["selfLink"],
    }
