"""gcp.projects.IAMCustomRole over iam projects.roles."""

from __future__ import annotations

from typing_extensions import override

from sandbox.standin.fields import Field
from sandbox.standin.gcp.cloud import DELETION_POLICY, Cloud, GcpResource
from sandbox.standin.rest import Json, RestError
from sandbox.standin.values import Props

_BASE = "iam/v1/"
_SENT = ("title", "description", "stage", "permissions")


class IamCustomRole(GcpResource):
    """A role of one's own. Google keeps a deleted one for a while: creating it again brings it back."""

    base = _BASE
    import_ids = ("projects/{project}/roles/{roleId}", "{project}/{roleId}", "{roleId}")
    fields = {
        "roleId": Field(required=True, replace=True),
        "title": Field(required=True),
        "permissions": Field(required=True, unordered=True),
        "project": Field(replace=True, computed=True),
        "stage": Field(default="GA"),
        "description": Field(),
        "deletionPolicy": DELETION_POLICY,
    }
    outputs = ("deleted", "name")
    named_by = "roleId"

    @override
    def planned(self, cloud: Cloud, inputs: Props) -> Props:
        return {**super().planned(cloud, inputs), "stage": inputs.get("stage", "GA")}

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        parent = f"projects/{cloud.project_of(inputs)}"
        name = f"{parent}/roles/{inputs['roleId']}"
        existing = self.find(cloud, name)
        if existing is None:
            cloud.rest.call("POST", f"{_BASE}{parent}/roles", {"roleId": inputs["roleId"], "role": _role(inputs)})
        elif existing.get("deleted"):
            self.update(cloud, name, {}, inputs, set(_SENT))
        else:
            raise RestError(f"The custom role {name} already exists and must be imported.")
        return name

    @override
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        return {
            "roleId": resource_id.rpartition("/")[2],
            "project": resource_id.split("/")[1],
            "name": live["name"],
            "title": live.get("title", ""),
            "description": live.get("description", ""),
            "permissions": live.get("includedPermissions", []),
            "stage": live.get("stage", "ALPHA"),
            "deleted": live.get("deleted", False),
        }

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        if cloud.rest.call("GET", _BASE + resource_id).get("deleted"):
            cloud.rest.call("POST", f"{_BASE}{resource_id}:undelete", {})
        if changed & set(_SENT):
            self.patch(cloud, resource_id, _role(inputs))


def _role(inputs: Props) -> Props:
    return {
        "title": inputs["title"],
        "description": inputs.get("description", ""),
        "stage": inputs.get("stage", "GA"),
        "includedPermissions": inputs["permissions"],
    }
