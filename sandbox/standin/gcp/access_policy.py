"""gcp.accesscontextmanager.AccessPolicy over accesscontextmanager accessPolicies."""

from __future__ import annotations

from typing_extensions import override

from sandbox.standin.fields import Field
from sandbox.standin.gcp.cloud import DELETION_POLICY, Cloud, GcpResource, ignore_missing, parse_id
from sandbox.standin.rest import RestError
from sandbox.standin.values import Props

_BASE = "accesscontextmanager/v1/"


class AccessPolicy(GcpResource):
    """The container of an organisation's perimeters; its name is the number that Google gives it."""

    fields = {
        "parent": Field(required=True, replace=True),
        "title": Field(required=True),
        "scopes": Field(replace=True),
        "deletionPolicy": DELETION_POLICY,
    }
    outputs = ("createTime", "name", "updateTime")

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        body = {"parent": inputs["parent"], "title": inputs["title"]}
        if inputs.get("scopes"):
            body["scopes"] = [inputs["scopes"]]
        made = cloud.wait(_BASE, cloud.rest.call("POST", f"{_BASE}accessPolicies", body), timeout)
        return str(made["name"]).rpartition("/")[2]

    @override
    def read(self, cloud: Cloud, resource_id: str, state: Props) -> Props | None:
        live = cloud.rest.find(f"{_BASE}accessPolicies/{resource_id}")
        if live is None:
            return None
        return {
            **{k: live.get(k) for k in ("parent", "title", "createTime", "updateTime")},
            "name": resource_id,
            "scopes": next(iter(live.get("scopes", [])), None),
            "deletionPolicy": state.get("deletionPolicy", "DELETE"),
        }

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        if "title" in changed:
            path, body = f"{_BASE}accessPolicies/{resource_id}", {"title": inputs["title"]}
            cloud.wait(_BASE, cloud.rest.call("PATCH", path, body, {"updateMask": "title"}), 20 * 60)

    @override
    def destroy(self, cloud: Cloud, resource_id: str, state: Props, timeout: float) -> None:
        try:
            operation = cloud.rest.call("DELETE", f"{_BASE}accessPolicies/{resource_id}")
        except RestError as error:
            ignore_missing(error)
        else:
            cloud.wait(_BASE, operation, timeout)

    @override
    def locate(self, cloud: Cloud, import_id: str) -> tuple[str, Props]:
        return parse_id(("(?P<name>[^/]+)",), import_id)["name"], {}
