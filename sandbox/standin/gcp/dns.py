"""gcp.dns.ManagedZone and gcp.dns.RecordSet over dns managedZones and changes."""

from __future__ import annotations

from typing_extensions import override

from sandbox.standin.fields import Field
from sandbox.standin.gcp import labels
from sandbox.standin.gcp.cloud import DELETION_POLICY, Cloud, GcpResource
from sandbox.standin.gcp.compute import path_of
from sandbox.standin.rest import Json, RestError
from sandbox.standin.values import Props

_BASE = "dns/dns/v1/"
_LINKS = "https://www.googleapis.com/compute/v1/"


class ManagedZone(GcpResource):
    """A zone; private ones are attached to networks."""

    base = _BASE
    import_ids = ("projects/{project}/managedZones/{name}", "{project}/{name}", "{name}")
    named_by = "name"
    fields = {
        "name": Field(replace=True),
        "dnsName": Field(required=True, replace=True),
        "description": Field(default="Managed by Pulumi"),
        "visibility": Field(replace=True, default="public"),
        "privateVisibilityConfig": Field(nested={"networks": Field(nested={"networkUrl": Field(required=True)})}),
        "project": Field(replace=True, computed=True),
        "labels": Field(),
        "forceDestroy": Field(default=False),
        "deletionPolicy": DELETION_POLICY,
    }
    outputs = ("creationTime", "effectiveLabels", "managedZoneId", "nameServers", "pulumiLabels")

    @override
    def planned(self, cloud: Cloud, inputs: Props) -> Props:
        return {**super().planned(cloud, inputs), **labels.planned(cloud, inputs)}

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        parent = f"projects/{cloud.project_of(inputs)}/managedZones"
        self.send(cloud, "POST", _BASE + parent, _zone(cloud, inputs), timeout=timeout)
        return f"{parent}/{inputs['name']}"

    @override
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        given = state.get("privateVisibilityConfig", {}).get("networks", [])
        known = {_link(network["networkUrl"]): network["networkUrl"] for network in given}
        attached = [n["networkUrl"] for n in live.get("privateVisibilityConfig", {}).get("networks", [])]
        return {
            **{k: live.get(k) for k in ("name", "dnsName", "description", "visibility", "creationTime", "nameServers")},
            "managedZoneId": live["id"],
            "project": resource_id.split("/")[1],
            "privateVisibilityConfig": {"networks": [{"networkUrl": known.get(n, path_of(n))} for n in attached]},
            "forceDestroy": state.get("forceDestroy", False),
            **labels.shown(cloud, state, live),
        }

    @override
    def diff(self, old: Props, new: Props, old_inputs: Props) -> dict[str, str]:
        return super().diff(_with_paths(old), _with_paths(new), old_inputs)

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        body = _zone(cloud, inputs)
        if changed & body.keys():  # written whole, with what the service gave, as the plugin does
            given = {k: state[k] for k in ("creationTime", "nameServers")}
            body |= {**given, "id": int(state["managedZoneId"])}
            self.send(cloud, "PUT", _BASE + resource_id, body)


def _with_paths(props: Props) -> Props:
    networks = props.get("privateVisibilityConfig", {}).get("networks", [])
    paths = [{"networkUrl": path_of(network["networkUrl"])} for network in networks]
    return {**props, "privateVisibilityConfig": {"networks": paths}} if paths else props


class RecordSet(GcpResource):
    """The records of one name and type, changed by a change that deletes the old and adds the new."""

    base = _BASE
    import_ids = (
        "projects/{project}/managedZones/{managedZone}/rrsets/{name}/{type}",
        "{project}/{managedZone}/{name}/{type}",
    )
    fields = {
        "name": Field(required=True, replace=True),
        "type": Field(required=True),
        "managedZone": Field(required=True, replace=True),
        "rrdatas": Field(),
        "ttl": Field(),
        "project": Field(replace=True, computed=True),
        "deletionPolicy": DELETION_POLICY,
    }

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        zone = f"projects/{cloud.project_of(inputs)}/managedZones/{inputs['managedZone'].rpartition('/')[2]}"
        self._change(cloud, zone, {"additions": [_records(inputs)]}, timeout)
        return f"{zone}/rrsets/{inputs['name']}/{inputs['type']}"

    @override
    def find(self, cloud: Cloud, resource_id: str) -> Json | None:
        zone, _, rest = resource_id.partition("/rrsets/")
        name, _, kind = rest.rpartition("/")
        found = cloud.rest.find(f"{_BASE}{zone}/rrsets", {"name": name, "type": kind})
        return next(iter((found or {}).get("rrsets", [])), None)

    @override
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        parts = resource_id.split("/")
        return {
            **{k: live.get(k) for k in ("name", "type", "rrdatas", "ttl")},
            "project": parts[1],
            "managedZone": state.get("managedZone") or parts[3],
        }

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        if changed & {"rrdatas", "ttl"}:
            change = {"deletions": [_records(state)], "additions": [_records(inputs)]}
            self._change(cloud, resource_id.partition("/rrsets/")[0], change, 600)

    @override
    def destroy(self, cloud: Cloud, resource_id: str, state: Props, timeout: float) -> None:
        live = self.find(cloud, resource_id)
        if live is not None:
            self._change(cloud, resource_id.partition("/rrsets/")[0], {"deletions": [_records(live)]}, timeout)

    def _change(self, cloud: Cloud, zone: str, change: Json, timeout: float) -> None:
        made = cloud.rest.call("POST", f"{_BASE}{zone}/changes", change)

        def look() -> Json | None:  # as the plugin, even at what was done at once
            current = cloud.rest.call("GET", f"{_BASE}{zone}/changes/{made['id']}")
            return current if current["status"] == "done" else None

        cloud.rest.poll(look, timeout, f"Change {made['id']} of {zone}")


def _records(props: Props) -> Json:
    if "rrdatas" not in props:
        raise RestError(f"{props['name']} has no rrdatas; the sandbox's stand-in takes no routing policies.")
    return {k: props[k] for k in ("name", "type", "ttl", "rrdatas") if k in props}


def _zone(cloud: Cloud, inputs: Props) -> Json:
    networks = inputs.get("privateVisibilityConfig", {}).get("networks", [])
    private = {"privateVisibilityConfig": {"networks": [{"networkUrl": _link(n["networkUrl"])} for n in networks]}}
    return {
        **{k: inputs[k] for k in ("name", "dnsName") if k in inputs},
        "description": inputs.get("description", "Managed by Pulumi"),
        "visibility": inputs.get("visibility", "public"),
        "labels": labels.planned(cloud, inputs)["effectiveLabels"],
        **(private if networks else {}),
    }


def _link(network: str) -> str:
    return _LINKS + network[network.find("projects/") :] if "projects/" in network else network
