"""gcp.compute.Network and gcp.compute.getNetwork over compute networks."""

from __future__ import annotations

import re

from typing_extensions import override

from sandbox.standin.fields import Field
from sandbox.standin.gcp.cloud import DELETION_POLICY, Cloud, GcpResource, parse_id
from sandbox.standin.rest import Json, RestError
from sandbox.standin.values import Props, has_unknown

_BASE = "compute/compute/v1/"
_ID = "projects/{project}/global/networks/{name}"


class Network(GcpResource):
    """A VPC network."""

    base = _BASE
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
    named_by = "name"

    @override
    def check(self, cloud: Cloud, inputs: Props) -> list[tuple[str, str]]:
        name = inputs.get("name", "")
        if name and not has_unknown(name) and not re.fullmatch("[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?", name):
            return [("name", f"{name!r} is not 1 to 63 lowercase letters, digits and dashes (RFC 1035).")]
        return []

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
        self.send(cloud, "POST", _BASE + parent, body, timeout=timeout)
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

    @override
    def finish(self, cloud: Cloud, path: str, answer: Json, timeout: float) -> Json:
        """Compute's operations are of another kind: a status, and errors in a list."""
        operations = f"{path.partition('/global/')[0]}/global/operations"

        def look() -> Json | None:
            current = answer
            if current.get("status") != "DONE":
                current = cloud.rest.call("GET", f"{operations}/{answer['name']}")
            return current if current.get("status") == "DONE" else None

        done = cloud.rest.poll(look, timeout, f"Operation {answer.get('name')}")
        if errors := done.get("error", {}).get("errors"):
            raise RestError(f"Operation {answer.get('name')} failed: {'; '.join(e['message'] for e in errors)}")
        return done


def get_network(cloud: Cloud, args: Props) -> Props:
    """The invoke: a network by name or self link. Raises RestError when there is none."""
    if link := args.get("selfLink"):
        parts = parse_id((_ID,), link[link.find("projects/") :])
    elif args.get("name"):
        parts = {"project": cloud.project_of(args), "name": args["name"]}
    else:
        raise RestError("getNetwork needs a name or a selfLink.")
    resource_id = _ID.format(**parts)
    live = cloud.rest.find(_BASE + resource_id)
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
