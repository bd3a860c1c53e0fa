"""gcp.accesscontextmanager.ServicePerimeter over accesscontextmanager accessPolicies.servicePerimeters."""

from __future__ import annotations

from typing_extensions import override

from sandbox.standin.fields import Field, is_empty
from sandbox.standin.gcp.cloud import DELETION_POLICY, Cloud, GcpResource, ignore_missing, parse_id
from sandbox.standin.rest import RestError
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
        sent = ("name", *_SENT)
        body = {k: inputs[k] for k in sent if not is_empty(inputs.get(k))}
        body["perimeterType"] = inputs.get("perimeterType", _REGULAR)
        with cloud.policy_lock:
            operation = cloud.rest.call("POST", f"{_BASE}{inputs['parent']}/servicePerimeters", body)
            cloud.wait(_BASE, operation, timeout)
        return str(inputs["name"])

    @override
    def read(self, cloud: Cloud, resource_id: str, state: Props) -> Props | None:
        live = cloud.rest.find(_BASE + resource_id)
        if live is None:
            return None
        return {
            **{k: live.get(k) for k in ("name", "title", "description", "createTime", "updateTime", "etag")},
            "parent": "/".join(resource_id.split("/")[:2]),
            "perimeterType": live.get("perimeterType", _REGULAR),
            "status": None if is_empty(live.get("status")) else live["status"],
            "spec": None if is_empty(live.get("spec")) else live["spec"],
            "useExplicitDryRunSpec": live.get("useExplicitDryRunSpec", False),
            "deletionPolicy": state.get("deletionPolicy", "DELETE"),
        }

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        mask = [k for k in _SENT if k in changed]
        if not mask:
            return
        body = {k: inputs[k] for k in _SENT if not is_empty(inputs.get(k))}
        with cloud.policy_lock:
            operation = cloud.rest.call("PATCH", _BASE + resource_id, body, {"updateMask": ",".join(mask)})
            cloud.wait(_BASE, operation, 20 * 60)

    @override
    def destroy(self, cloud: Cloud, resource_id: str, state: Props, timeout: float) -> None:
        with cloud.policy_lock:
            try:
                operation = cloud.rest.call("DELETE", _BASE + resource_id)
            except RestError as error:
                ignore_missing(error)
            else:
                cloud.wait(_BASE, operation, timeout)

    @override
    def locate(self, cloud: Cloud, import_id: str) -> tuple[str, Props]:
        parts = parse_id(("accessPolicies/(?P<policy>[^/]+)/servicePerimeters/(?P<name>[^/]+)",), import_id)
        return f"accessPolicies/{parts['policy']}/servicePerimeters/{parts['name']}", {}
