"""gcp.monitoring.AlertPolicy and NotificationChannel over monitoring v3."""

from __future__ import annotations

from typing_extensions import override

from sandbox.standin.fields import Field, filled
from sandbox.standin.gcp.cloud import DELETION_POLICY, Cloud, GcpResource
from sandbox.standin.rest import Json
from sandbox.standin.values import Props

_BASE = "monitoring/v3/"
_CONDITION = {
    "displayName": Field(required=True),
    "conditionThreshold": Field(),
    "conditionAbsent": Field(),
    "conditionMatchedLog": Field(),
    "conditionMonitoringQueryLanguage": Field(),
    "conditionPrometheusQueryLanguage": Field(),
    "conditionSql": Field(),
}


class AlertPolicy(GcpResource):
    """An alert policy; Google names it and its conditions."""

    base = _BASE
    import_ids = ("projects/{project}/alertPolicies/{id}",)
    fields = {
        "displayName": Field(required=True),
        "combiner": Field(required=True),
        "conditions": Field(required=True, nested=_CONDITION),
        "enabled": Field(default=True),
        "notificationChannels": Field(),
        "alertStrategy": Field(),
        "documentation": Field(),
        "severity": Field(),
        "userLabels": Field(),
        "project": Field(replace=True, computed=True),
        "deletionPolicy": DELETION_POLICY,
    }
    outputs = ("creationRecords", "name")
    _sent = (
        "displayName",
        "combiner",
        "conditions",
        "notificationChannels",
        "alertStrategy",
        "documentation",
        "severity",
        "userLabels",
    )

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        parent = f"projects/{cloud.project_of(inputs)}/alertPolicies"
        return str(self.send(cloud, "POST", self.base + parent, self._body(inputs), timeout=timeout)["name"])

    @override
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        return {
            **{name: live.get(name) for name in self._sent},
            "enabled": live.get("enabled", False),
            "name": live["name"],
            "project": resource_id.split("/")[1],
            "creationRecords": [live["creationRecord"]] if "creationRecord" in live else [],
        }

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        mask = sorted(changed & {*self._sent, "enabled"})
        if mask:
            self.patch(cloud, resource_id, self._body(inputs), mask)

    @override
    def inputs_of(self, state: Props, old_inputs: Props | None) -> Props:
        """The names of conditions are Google's alone."""
        found = super().inputs_of(state, old_inputs)
        return {**found, "conditions": [{k: v for k, v in c.items() if k != "name"} for c in found["conditions"]]}

    def _body(self, inputs: Props) -> Json:
        return {**filled(inputs, self._sent), "enabled": inputs.get("enabled", True)}


class NotificationChannel(GcpResource):
    """Where incidents are told; what is secret of it is never shown by Google and kept in the state alone."""

    base = _BASE
    import_ids = ("projects/{project}/notificationChannels/{id}",)
    fields = {
        "type": Field(required=True),
        "displayName": Field(),
        "description": Field(),
        "labels": Field(computed=True),
        "sensitiveLabels": Field(),
        "enabled": Field(default=True),
        "forceDelete": Field(),
        "userLabels": Field(),
        "project": Field(replace=True, computed=True),
        "deletionPolicy": DELETION_POLICY,
    }
    outputs = ("name", "verificationStatus")
    _sent = ("type", "displayName", "description", "userLabels")

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        parent = f"projects/{cloud.project_of(inputs)}/notificationChannels"
        return str(self.send(cloud, "POST", self.base + parent, self._body(inputs), timeout=timeout)["name"])

    @override
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        return {
            **{name: live.get(name) for name in (*self._sent, "labels", "verificationStatus")},
            **{name: state.get(name) for name in ("sensitiveLabels", "forceDelete")},
            "enabled": live.get("enabled", False),
            "name": live["name"],
            "project": resource_id.split("/")[1],
        }

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        self.patch(cloud, resource_id, self._body(inputs))

    @override
    def destroy(self, cloud: Cloud, resource_id: str, state: Props, timeout: float) -> None:
        if state.get("forceDelete"):
            self.send(cloud, "DELETE", self.path(resource_id), query={"force": "true"}, timeout=timeout)
        else:
            super().destroy(cloud, resource_id, state, timeout)

    def _body(self, inputs: Props) -> Json:
        labels = {**inputs.get("labels", {}), **inputs.get("sensitiveLabels", {})}
        return {**filled(inputs, self._sent), "labels": labels, "enabled": inputs.get("enabled", True)}
