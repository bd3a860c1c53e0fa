"""gcp.bigquery.Dataset over bigquery v2."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from sandbox.standin.fields import Field, is_empty
from sandbox.standin.gcp.cloud import DELETION_POLICY, Cloud, GcpResource
from sandbox.standin.rest import Json
from sandbox.standin.values import UNKNOWN, Props

_TEXTS = ("description", "friendlyName")
_NUMBERS = ("defaultTableExpirationMs", "defaultPartitionExpirationMs")


class Dataset(GcpResource):
    """A dataset; who may read it is Google's default unless others change it."""

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
        "project": Field(replace=True, computed=True),
        "deletionPolicy": DELETION_POLICY,
    }
    outputs = ("accesses", "creationTime", "etag", "lastModifiedTime", "selfLink")

    @override
    def planned(self, cloud: Cloud, inputs: Props) -> Props:
        labels = _labels(cloud, inputs)
        return {**super().planned(cloud, inputs), "pulumiLabels": labels, "effectiveLabels": labels}

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        parent = f"projects/{cloud.project_of(inputs)}/datasets"
        self.send(cloud, "POST", self.base + parent, self._body(cloud, inputs), timeout=timeout)
        return f"{parent}/{inputs['datasetId']}"

    @override
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        labels = live.get("labels", {})
        return {
            **{name: live.get(name, "") for name in _TEXTS},
            **{name: int(live[name]) for name in _NUMBERS if name in live},
            **{name: live[name] for name in ("etag", "location", "selfLink")},
            "accesses": live.get("access", []),
            "creationTime": int(live["creationTime"]),
            "lastModifiedTime": int(live["lastModifiedTime"]),
            "datasetId": live["datasetReference"]["datasetId"],
            "project": resource_id.split("/")[1],
            "deleteContentsOnDestroy": state.get("deleteContentsOnDestroy", False),
            "labels": {name: labels[name] for name in state.get("labels", {}) if name in labels},
            "pulumiLabels": {name: value for name, value in _labels(cloud, state).items() if name in labels},
            "effectiveLabels": labels,
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
        body: Json = {name: inputs[name] for name in _TEXTS if not is_empty(inputs.get(name))}
        body |= {name: str(inputs[name]) for name in _NUMBERS if inputs.get(name)}
        reference = {"projectId": cloud.project_of(inputs), "datasetId": inputs["datasetId"]}
        location = inputs.get("location", "US")
        return {**body, "datasetReference": reference, "location": location, "labels": _labels(cloud, inputs)}


def _labels(cloud: Cloud, inputs: Props) -> Any:
    labels = inputs.get("labels", {})
    return UNKNOWN if labels == UNKNOWN else {**cloud.default_labels(), **labels}
