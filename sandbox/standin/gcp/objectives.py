"""gcp.monitoring.CustomService and Slo over monitoring v3."""

from __future__ import annotations

from typing_extensions import override

from sandbox.standin.fields import Field, filled, is_empty
from sandbox.standin.gcp.cloud import DELETION_POLICY, Cloud, GcpResource
from sandbox.standin.rest import Json
from sandbox.standin.values import Props

_BASE = "monitoring/v3/"
_DAY = 86400


class CustomService(GcpResource):
    """A service of one's own, which objectives belong to."""

    base = _BASE
    import_ids = ("projects/{project}/services/{serviceId}",)
    fields = {
        "serviceId": Field(replace=True, computed=True),
        "displayName": Field(),
        "telemetry": Field(nested={"resourceName": Field()}),
        "userLabels": Field(),
        "project": Field(replace=True, computed=True),
        "deletionPolicy": DELETION_POLICY,
    }
    outputs = ("name", "serviceId")
    _sent = ("displayName", "telemetry", "userLabels")

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        body = {**filled(inputs, self._sent), "custom": {}}
        query = {"serviceId": inputs["serviceId"]} if inputs.get("serviceId") else None
        parent = f"projects/{cloud.project_of(inputs)}/services"
        return str(self.send(cloud, "POST", self.base + parent, body, query, timeout)["name"])

    @override
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        return {
            **{name: live.get(name) for name in self._sent},
            "name": live["name"],
            "serviceId": live["name"].rpartition("/")[2],
            "project": state.get("project", cloud.project),
        }

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        mask = [name for name in self._sent if name in changed]
        if mask:
            self.patch(cloud, resource_id, {**filled(inputs, self._sent), "custom": {}}, mask)


class Slo(GcpResource):
    """An objective of a service. Days of the rolling period are seconds to Google."""

    base = _BASE
    import_ids = ("projects/{project}/services/{service}/serviceLevelObjectives/{sloId}",)
    fields = {
        "service": Field(required=True, replace=True),
        "sloId": Field(replace=True, computed=True),
        "goal": Field(required=True),
        "displayName": Field(),
        "rollingPeriodDays": Field(),
        "calendarPeriod": Field(),
        "requestBasedSli": Field(),
        "basicSli": Field(),
        "windowsBasedSli": Field(),
        "userLabels": Field(),
        "project": Field(replace=True, computed=True),
        "deletionPolicy": DELETION_POLICY,
    }
    outputs = ("name", "sloId")
    _same = ("goal", "displayName", "calendarPeriod", "userLabels")

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        service = f"projects/{cloud.project_of(inputs)}/services/{inputs['service']}"
        query = {"serviceLevelObjectiveId": inputs["sloId"]} if inputs.get("sloId") else None
        path = f"{self.base}{service}/serviceLevelObjectives"
        return str(self.send(cloud, "POST", path, self._body(inputs), query, timeout)["name"])

    @override
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        seconds = float(live.get("rollingPeriod", "0s").removesuffix("s"))
        indicator = live.get("serviceLevelIndicator", {})
        return {
            **{name: live.get(name) for name in self._same},
            "rollingPeriodDays": int(seconds // _DAY) or None,
            "requestBasedSli": indicator.get("requestBased"),
            "basicSli": indicator.get("basicSli"),
            "windowsBasedSli": indicator.get("windowsBased"),
            "name": live["name"],
            "service": resource_id.split("/")[3],
            "sloId": resource_id.rpartition("/")[2],
            "project": state.get("project", cloud.project),
        }

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        names = {"rollingPeriodDays": "rollingPeriod"}
        names |= dict.fromkeys(("requestBasedSli", "basicSli", "windowsBasedSli"), "serviceLevelIndicator")
        mask = sorted({names.get(name, name) for name in changed & {*self._same, *names}})
        if mask:
            self.patch(cloud, resource_id, self._body(inputs), mask)

    def _body(self, inputs: Props) -> Json:
        body: Json = filled(inputs, self._same)
        if inputs.get("rollingPeriodDays"):
            body["rollingPeriod"] = f"{inputs['rollingPeriodDays'] * _DAY}s"
        kinds = {"requestBased": "requestBasedSli", "basicSli": "basicSli", "windowsBased": "windowsBasedSli"}
        body["serviceLevelIndicator"] = {
            there: inputs[here] for there, here in kinds.items() if not is_empty(inputs.get(here))
        }
        return body
