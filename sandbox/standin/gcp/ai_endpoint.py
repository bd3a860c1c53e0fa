"""gcp.vertex.AiEndpoint over aiplatform projects.locations.endpoints."""

from __future__ import annotations

import json

from typing_extensions import override

from sandbox.standin.fields import Field, filled, is_empty
from sandbox.standin.gcp import labels
from sandbox.standin.gcp.cloud import DELETION_POLICY, Cloud, GcpResource
from sandbox.standin.rest import Json
from sandbox.standin.values import Props

_BASE = "aiplatform/v1/"
_SENT = (
    "displayName",
    "description",
    "trafficSplit",
    "encryptionSpec",
    "network",
    "privateServiceConnectConfig",
    "predictRequestResponseLoggingConfig",
    "dedicatedEndpointEnabled",
)
_EXCLUSIVE = ("network", "privateServiceConnectConfig", "dedicatedEndpointEnabled")


class AiEndpoint(GcpResource):
    """A Vertex AI endpoint; the models on it and its traffic split are left to others unless a split is given."""

    base = _BASE
    import_ids = (
        "projects/{project}/locations/{location}/endpoints/{name}",
        "{project}/{location}/{name}",
        "{location}/{name}",
    )
    fields = {
        "displayName": Field(required=True),
        "location": Field(required=True, replace=True),
        "name": Field(replace=True),
        "region": Field(replace=True),
        "project": Field(replace=True, computed=True),
        "description": Field(),
        "labels": Field(),
        "network": Field(replace=True),
        "dedicatedEndpointEnabled": Field(),
        "encryptionSpec": Field(replace=True, nested={"kmsKeyName": Field(required=True, replace=True)}),
        "predictRequestResponseLoggingConfig": Field(
            nested={
                "enabled": Field(),
                "samplingRate": Field(),
                "bigqueryDestination": Field(nested={"outputUri": Field()}),
            }
        ),
        "privateServiceConnectConfig": Field(
            nested={
                "enablePrivateServiceConnect": Field(required=True, replace=True),
                "projectAllowlists": Field(),
                "pscAutomationConfigs": Field(
                    nested={"projectId": Field(required=True), "network": Field(required=True)}
                ),
            }
        ),
        "trafficSplit": Field(computed=True),
        "deletionPolicy": DELETION_POLICY,
    }
    outputs = (
        "createTime",
        "dedicatedEndpointDns",
        "deployedModels",
        "etag",
        "modelDeploymentMonitoringJob",
        "trafficSplit",
        "updateTime",
    )
    named_by = "name"

    @override
    def check(self, cloud: Cloud, inputs: Props) -> list[tuple[str, str]]:
        psc = inputs.get("privateServiceConnectConfig")
        return [
            ("privateServiceConnectConfig", f"conflicts with {other}: an endpoint has one of {', '.join(_EXCLUSIVE)}.")
            for other in ("network", "dedicatedEndpointEnabled")
            if psc and not is_empty(inputs.get(other))
        ]

    @override
    def planned(self, cloud: Cloud, inputs: Props) -> Props:
        return {**super().planned(cloud, inputs), **labels.planned(cloud, inputs)}

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        parent = f"projects/{cloud.project_of(inputs)}/locations/{inputs['location']}"
        body = {**_to_rest(inputs), "labels": labels.wanted(cloud, inputs)}
        self.send(cloud, "POST", f"{_BASE}{parent}/endpoints", body, {"endpointId": inputs["name"]}, timeout)
        return f"{parent}/endpoints/{inputs['name']}"

    @override
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        return {
            "name": resource_id.rpartition("/")[2],
            "location": resource_id.split("/")[3],
            "project": resource_id.split("/")[1],
            "region": state.get("region"),
            **{k: live.get(k) for k in ("displayName", "description", "network", "encryptionSpec", "etag")},
            **{k: live.get(k) for k in ("createTime", "updateTime", "predictRequestResponseLoggingConfig")},
            "dedicatedEndpointEnabled": live.get("dedicatedEndpointEnabled", False),
            "dedicatedEndpointDns": live.get("dedicatedEndpointDns", ""),
            "modelDeploymentMonitoringJob": live.get("modelDeploymentMonitoringJob", ""),
            "privateServiceConnectConfig": _psc_from_rest(live.get("privateServiceConnectConfig")),
            "trafficSplit": json.dumps(live.get("trafficSplit", {}), sort_keys=True, separators=(",", ":")),
            "deployedModels": [_deployed_model(m) for m in live.get("deployedModels", [])],
            **labels.shown(cloud, state, live),
        }

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        mask = [name for name in _SENT if name in changed]
        body = {k: v for k, v in _to_rest(inputs).items() if k in mask}
        if "labels" in changed:
            mask.append("labels")
            managed = state.get("pulumiLabels", {})
            others = {k: v for k, v in state.get("effectiveLabels", {}).items() if k not in managed}
            body["labels"] = {**others, **labels.wanted(cloud, inputs)}
        if mask:
            self.patch(cloud, resource_id, body, mask)


def _to_rest(inputs: Props) -> Json:
    body = filled(inputs, _SENT)
    if "trafficSplit" in body:
        body["trafficSplit"] = json.loads(body["trafficSplit"])
    if psc := body.get("privateServiceConnectConfig"):
        body["privateServiceConnectConfig"] = {
            "enablePrivateServiceConnect": psc["enablePrivateServiceConnect"],
            "projectAllowlist": psc.get("projectAllowlists", []),
            "pscAutomationConfigs": [
                {"projectId": c["projectId"], "network": c["network"]} for c in psc.get("pscAutomationConfigs", [])
            ],
        }
    return body


def _psc_from_rest(psc: Json | None) -> Props | None:
    if is_empty(psc) or psc is None:
        return None
    return {
        "enablePrivateServiceConnect": psc.get("enablePrivateServiceConnect", False),
        "projectAllowlists": psc.get("projectAllowlist"),
        "pscAutomationConfigs": psc.get("pscAutomationConfigs"),
    }


def _deployed_model(model: Json) -> Props:
    """A DeployedModel in the bridge's shape, which makes a list of every nested message."""
    same = (
        "id",
        "model",
        "modelVersionId",
        "displayName",
        "createTime",
        "serviceAccount",
        "enableAccessLogging",
        "enableContainerLogging",
        "sharedResources",
    )
    shown: Props = {k: model[k] for k in same if k in model}
    if dedicated := model.get("dedicatedResources"):
        machine = dedicated.get("machineSpec", {})
        shown["dedicatedResources"] = [
            {
                "minReplicaCount": dedicated.get("minReplicaCount"),
                "maxReplicaCount": dedicated.get("maxReplicaCount"),
                "autoscalingMetricSpecs": dedicated.get("autoscalingMetricSpecs", []),
                "machineSpecs": [
                    {k: machine[k] for k in ("machineType", "acceleratorType", "acceleratorCount") if k in machine}
                ],
            }
        ]
    if automatic := model.get("automaticResources"):
        shown["automaticResources"] = [automatic]
    if private := model.get("privateEndpoints"):
        shown["privateEndpoints"] = [private]
    return shown
