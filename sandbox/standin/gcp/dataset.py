"""gcp.bigquery.Dataset over bigquery v2."""

from __future__ import annotations

from typing_extensions import override

from sandbox.standin.fields import Field, filled
from sandbox.standin.gcp import labels
from sandbox.standin.gcp.cloud import DELETION_POLICY, Cloud, GcpResource
from sandbox.standin.rest import Json
from sandbox.standin.values import Props

_TEXTS = ("description", "friendlyName")
_NUMBERS = ("defaultTableExpirationMs", "defaultPartitionExpirationMs")


class Dataset(GcpResource):
    """A dataset; who may read it is Google's default where `accesses` are not given."""

    base = "bigquery/v2/"
    import_ids = ("projects/{project}/datasets/{datasetId}", "{project}/{datasetId}", "{datasetId}")
    fields = {
        "datasetId": Field(required=True, replace=True),
        "location": Field(replace=True, default="US"),
        "description": Field(),
        "friendlyName": Field(),
        "defaultTableExpirationMs": Field(),
        "defaultPartitionExpirationMs": Field(),
        "deleteContentsOnDestroy": Field(default=False),
        "labels": Field(),
        "accesses": Field(computed=True),
        "project": Field(replace=True, computed=True),
        "deletionPolicy": DELETION_POLICY,
    }
    outputs = ("accesses", "creationTime", "etag", "lastModifiedTime", "selfLink")

    @override
    def planned(self, cloud: Cloud, inputs: Props) -> Props:
        return {**super().planned(cloud, inputs), **labels.planned(cloud, inputs)}

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        parent = f"projects/{cloud.project_of(inputs)}/datasets"
        self.send(cloud, "POST", self.base + parent, self._body(cloud, inputs), timeout=timeout)
        return f"{parent}/{inputs['datasetId']}"

    @override
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        return {
            **labels.shown(cloud, state, live),
            **{name: live.get(name, "") for name in _TEXTS},
            **{name: int(live[name]) for name in _NUMBERS if name in live},
            **{name: live[name] for name in ("etag", "location", "selfLink")},
            "accesses": live.get("access", []),
            "creationTime": int(live["creationTime"]),
            "lastModifiedTime": int(live["lastModifiedTime"]),
            "datasetId": live["datasetReference"]["datasetId"],
            "project": resource_id.split("/")[1],
            "deleteContentsOnDestroy": state.get("deleteContentsOnDestroy", False),
        }

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        if changed - {"deleteContentsOnDestroy", "deletionPolicy"}:
            self.send(cloud, "PUT", self.path(resource_id), self._body(cloud, inputs))

    @override
    def destroy(self, cloud: Cloud, resource_id: str, state: Props, timeout: float) -> None:
        if self.find(cloud, resource_id) is None:
            return
        query = {"deleteContents": str(bool(state.get("deleteContentsOnDestroy"))).lower()}
        self.send(cloud, "DELETE", self.path(resource_id), query=query, timeout=timeout)

    def _body(self, cloud: Cloud, inputs: Props) -> Json:
        body: Json = filled(inputs, _TEXTS)
        body |= {name: int(inputs[name]) for name in _NUMBERS if inputs.get(name)}
        if inputs.get("accesses"):
            body["access"] = inputs["accesses"]
        reference = {"datasetId": inputs["datasetId"]}
        location = inputs.get("location", "US")
        return {**body, "datasetReference": reference, "location": location, "labels": labels.wanted(cloud, inputs)}
