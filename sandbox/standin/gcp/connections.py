"""gcp.servicenetworking.Connection and gcp.networkconnectivity.ServiceConnectionPolicy."""

from __future__ import annotations

from urllib.parse import quote_plus, unquote_plus

from typing_extensions import override

from sandbox.standin.fields import Field
from sandbox.standin.gcp import labels
from sandbox.standin.gcp.cloud import DELETION_POLICY, Cloud, GcpResource
from sandbox.standin.rest import Json, RestError
from sandbox.standin.values import Props

_PEERING = "servicenetworking/v1/"
_POLICY = "networkconnectivity/v1/"


class Connection(GcpResource):
    """Private services access of a network, which the API names by its project's number."""

    base = _PEERING
    fields = {
        "network": Field(required=True, replace=True),
        "service": Field(required=True, replace=True),
        "reservedPeeringRanges": Field(required=True, unordered=True),
        "updateOnCreationFail": Field(),
        "deletionPolicy": DELETION_POLICY,
    }
    outputs = ("peering",)

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        body = {
            "network": _numbered(cloud, inputs["network"]),
            "reservedPeeringRanges": inputs["reservedPeeringRanges"],
        }
        parent = f"{_PEERING}services/{inputs['service']}/connections"
        try:
            self.send(cloud, "POST", parent, body, timeout=timeout)
        except RestError as error:
            if "Cannot modify allocated ranges" not in str(error) or not inputs.get("updateOnCreationFail"):
                raise
            self.send(cloud, "PATCH", f"{parent}/-", body, {"updateMask": "reservedPeeringRanges", "force": "true"})
        return f"{quote_plus(inputs['network'])}:{quote_plus(inputs['service'])}"

    @override
    def find(self, cloud: Cloud, resource_id: str) -> Json | None:
        network, service = map(unquote_plus, resource_id.split(":"))
        query = {"network": _numbered(cloud, network)}
        found = cloud.rest.find(f"{_PEERING}services/{service}/connections", query) or {}
        return next(iter(found.get("connections", [])), None)

    @override
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        network, service = map(unquote_plus, resource_id.split(":"))
        kept = {"updateOnCreationFail": state.get("updateOnCreationFail")}
        return {
            **{"network": network, "service": service, "peering": live.get("peering", "")},
            **{"reservedPeeringRanges": live.get("reservedPeeringRanges", []), **kept},
        }

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        if "reservedPeeringRanges" in changed:
            body = {"network": _numbered(cloud, inputs["network"])}
            body["reservedPeeringRanges"] = inputs["reservedPeeringRanges"]
            path = f"{_PEERING}services/{inputs['service']}/connections/-"
            self.send(cloud, "PATCH", path, body, {"updateMask": "reservedPeeringRanges", "force": "true"})

    @override
    def destroy(self, cloud: Cloud, resource_id: str, state: Props, timeout: float) -> None:
        network, service = map(unquote_plus, resource_id.split(":"))
        path = f"{_PEERING}services/{service}/connections/servicenetworking-googleapis-com"
        try:
            self.send(cloud, "POST", path, {"consumerNetwork": _numbered(cloud, network)}, timeout=timeout)
        except RestError as error:
            if error.code != 404 or self.find(cloud, resource_id) is not None:
                raise

    @override
    def locate(self, cloud: Cloud, import_id: str) -> tuple[str, Props]:
        if import_id.count(":") != 1:
            raise RestError(f"The import id {import_id!r} is not NETWORK:SERVICE, each URL-encoded.")
        return import_id, {}


class ServiceConnectionPolicy(GcpResource):
    """Lets a class of Google's services make endpoints in a network."""

    base = _POLICY
    import_ids = ("projects/{project}/locations/{location}/serviceConnectionPolicies/{name}", "{location}/{name}")
    named_by = "name"
    fields = {
        "name": Field(replace=True),
        "location": Field(required=True, replace=True),
        "network": Field(required=True, replace=True),
        "serviceClass": Field(required=True, replace=True),
        "description": Field(),
        "labels": Field(),
        "project": Field(replace=True, computed=True),
        "pscConfig": Field(nested={"subnetworks": Field(required=True), "limit": Field()}),
        "deletionPolicy": DELETION_POLICY,
    }
    outputs = (
        "createTime",
        "effectiveLabels",
        "etag",
        "infrastructure",
        "pscConnections",
        "pulumiLabels",
        "updateTime",
    )

    @override
    def planned(self, cloud: Cloud, inputs: Props) -> Props:
        return {**super().planned(cloud, inputs), **labels.planned(cloud, inputs)}

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        parent = f"projects/{cloud.project_of(inputs)}/locations/{inputs['location']}/serviceConnectionPolicies"
        sent = ("network", "serviceClass", "description", "pscConfig")
        body = {k: inputs[k] for k in sent if inputs.get(k)}
        body["labels"] = labels.planned(cloud, inputs)["effectiveLabels"]
        query = {"serviceConnectionPolicyId": inputs["name"]}
        self.send(cloud, "POST", _POLICY + parent, body, query, timeout)
        return f"{parent}/{inputs['name']}"

    @override
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        parts = resource_id.split("/")
        return {
            **{k: live.get(k) for k in ("network", "serviceClass", "description", "pscConfig", "infrastructure")},
            **{k: live.get(k) for k in ("createTime", "updateTime", "etag", "pscConnections")},
            **{"name": parts[-1], "location": parts[3], "project": parts[1]},
            **labels.shown(cloud, state, live),
        }

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        mask = sorted(changed & {"description", "pscConfig", "labels"})
        body = {k: inputs[k] for k in mask if k in inputs} | {"network": inputs["network"]}
        if state.get("etag"):
            body["etag"] = state["etag"]
        if "labels" in mask:
            body["labels"] = labels.planned(cloud, inputs)["effectiveLabels"]
        if mask:
            self.patch(cloud, resource_id, body, mask)


def _numbered(cloud: Cloud, network: str) -> str:
    parts = network[network.find("projects/") :].split("/")
    project = cloud.rest.call("GET", f"cloudresourcemanager/v1/projects/{parts[1]}")
    return f"projects/{project['projectNumber']}/global/networks/{parts[-1]}"
