"""gcp.accesscontextmanager.ServicePerimeter over accesscontextmanager accessPolicies.servicePerimeters."""

from __future__ import annotations

from contextlib import AbstractContextManager

from typing_extensions import override

from sandbox.standin.fields import Field, filled, is_empty
from sandbox.standin.gcp.cloud import DELETION_POLICY, Cloud, GcpResource
from sandbox.standin.rest import Json
from sandbox.standin.values import Props

_BASE = "accesscontextmanager/v1/"
_REGULAR = "PERIMETER_TYPE_REGULAR"
_SENT = ("title", "description", "status", "spec", "useExplicitDryRunSpec")
_CONFIG = {
    "resources": Field(unordered=True),
    "accessLevels": Field(unordered=True),
    "restrictedServices": Field(unordered=True),
    "vpcAccessibleServices": Field(
        nested={
            "enableRestriction": Field(),
            "allowedServices": Field(unordered=True),
            "allowedServicePatterns": Field(),
            "servicePatternsEnforcementScopes": Field(),
        }
    ),
    "ingressPolicies": Field(),
    "egressPolicies": Field(),
}


class ServicePerimeter(GcpResource):
    """A perimeter: ``status`` is enforced, ``spec`` is the dry run, each with the API's own field names."""

    base = _BASE
    import_ids = ("accessPolicies/{policy}/servicePerimeters/{name}",)
    fields = {
        "name": Field(required=True, replace=True),
        "parent": Field(required=True, replace=True),
        "title": Field(required=True),
        "description": Field(),
        "perimeterType": Field(replace=True, default=_REGULAR),
        "status": Field(nested=_CONFIG),
        "spec": Field(nested=_CONFIG),
        "useExplicitDryRunSpec": Field(),
        "deletionPolicy": DELETION_POLICY,
    }
    outputs = ("createTime", "etag", "updateTime")
    named_by = "name"

    @override
    def planned(self, cloud: Cloud, inputs: Props) -> Props:
        return {**super().planned(cloud, inputs), "perimeterType": inputs.get("perimeterType", _REGULAR)}

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        body = filled(inputs, ("name", *_SENT))
        body["perimeterType"] = inputs.get("perimeterType", _REGULAR)
        self.send(cloud, "POST", f"{_BASE}{inputs['parent']}/servicePerimeters", body, timeout=timeout)
        return str(inputs["name"])

    @override
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        return {
            **{k: live.get(k) for k in ("name", "title", "description", "createTime", "updateTime", "etag")},
            "parent": "/".join(resource_id.split("/")[:2]),
            "perimeterType": live.get("perimeterType", _REGULAR),
            "status": None if is_empty(live.get("status")) else live["status"],
            "spec": None if is_empty(live.get("spec")) else live["spec"],
            "useExplicitDryRunSpec": live.get("useExplicitDryRunSpec", False),
        }

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        mask = [k for k in _SENT if k in changed]
        if mask:
            self.patch(cloud, resource_id, filled(inputs, _SENT), mask)

    @override
    def lock(self, cloud: Cloud) -> AbstractContextManager[object]:
        return cloud.policy_lock
