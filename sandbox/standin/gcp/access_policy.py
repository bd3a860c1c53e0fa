"""gcp.accesscontextmanager.AccessPolicy over accesscontextmanager accessPolicies."""

from __future__ import annotations

from typing_extensions import override

from sandbox.standin.fields import Field
from sandbox.standin.gcp.cloud import DELETION_POLICY, Cloud, GcpResource
from sandbox.standin.rest import Json
from sandbox.standin.values import Props

_BASE = "accesscontextmanager/v1/"


class AccessPolicy(GcpResource):
    """The container of an organisation's perimeters; its name is the number that Google gives it."""

    base = _BASE
    import_ids = ("{name}",)
    fields = {
        "parent": Field(required=True, replace=True),
        "title": Field(required=True),
        "scopes": Field(replace=True),
        "deletionPolicy": DELETION_POLICY,
    }
    outputs = ("createTime", "name", "updateTime")

    @override
    def path(self, resource_id: str) -> str:
        return f"{_BASE}accessPolicies/{resource_id}"

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        body = {"parent": inputs["parent"], "title": inputs["title"]}
        if inputs.get("scopes"):
            body["scopes"] = [inputs["scopes"]]
        made = self.send(cloud, "POST", f"{_BASE}accessPolicies", body, timeout=timeout)
        return str(made["name"]).rpartition("/")[2]

    @override
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        return {
            **{k: live.get(k) for k in ("parent", "title", "createTime", "updateTime")},
            "name": resource_id,
            "scopes": next(iter(live.get("scopes", [])), None),
        }

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        if "title" in changed:
            self.patch(cloud, resource_id, {"title": inputs["title"]}, ["title"])
