"""gcp.serviceaccount.Account over iam projects.serviceAccounts."""

from __future__ import annotations

import re

from typing_extensions import override

from sandbox.standin.fields import Field
from sandbox.standin.gcp.cloud import DELETION_POLICY, Cloud, GcpResource
from sandbox.standin.rest import Json, RestError
from sandbox.standin.values import Props, has_unknown

_BASE = "iam/v1/"


class Account(GcpResource):
    """A service account. Its e-mail is known at preview, since it follows from accountId and project."""

    base = _BASE
    import_ids = ("projects/{project}/serviceAccounts/{email}", "{project}/{email}", "{email}")
    fields = {
        "accountId": Field(required=True, replace=True),
        "project": Field(replace=True, computed=True),
        "displayName": Field(),
        "description": Field(),
        "disabled": Field(default=False),
        "createIgnoreAlreadyExists": Field(),
        "deletionPolicy": DELETION_POLICY,
    }
    outputs = ("email", "member", "name", "uniqueId")
    named_by = "accountId"

    @override
    def check(self, cloud: Cloud, inputs: Props) -> list[tuple[str, str]]:
        account = inputs.get("accountId", "")
        if account and not has_unknown(account) and not re.fullmatch("[a-z](?:[-a-z0-9]{4,28}[a-z0-9])", account):
            return [("accountId", f"{account!r} is not 6 to 30 lowercase letters, digits and dashes (RFC 1035).")]
        return []

    @override
    def planned(self, cloud: Cloud, inputs: Props) -> Props:
        known = super().planned(cloud, inputs)
        account, project = inputs.get("accountId"), known["project"]
        if not has_unknown([account, project]):
            known["email"] = f"{account}@{project}.iam.gserviceaccount.com"
            known["member"] = f"serviceAccount:{known['email']}"
        return known

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        project, account = cloud.project_of(inputs), inputs["accountId"]
        body = {"accountId": account, "serviceAccount": _described(inputs)}
        try:
            return str(cloud.rest.call("POST", f"{_BASE}projects/{project}/serviceAccounts", body)["name"])
        except RestError as error:
            if error.code != 409 or not inputs.get("createIgnoreAlreadyExists"):
                raise
            return f"projects/{project}/serviceAccounts/{account}@{project}.iam.gserviceaccount.com"

    @override
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        return {
            "accountId": live["email"].partition("@")[0],
            "project": live["projectId"],
            "name": live["name"],
            "email": live["email"],
            "member": f"serviceAccount:{live['email']}",
            "uniqueId": live["uniqueId"],
            "displayName": live.get("displayName", ""),
            "description": live.get("description", ""),
            "disabled": live.get("disabled", False),
            "createIgnoreAlreadyExists": state.get("createIgnoreAlreadyExists"),
        }

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        if "disabled" in changed:
            verb = "disable" if inputs.get("disabled") else "enable"
            cloud.rest.call("POST", f"{_BASE}{resource_id}:{verb}", {})
        mask = sorted(changed & {"displayName", "description"})
        if mask:
            etag = cloud.rest.call("GET", _BASE + resource_id)["etag"]
            body = {"serviceAccount": {**_described(inputs), "etag": etag}, "updateMask": ",".join(mask)}
            self.patch(cloud, resource_id, body)


def _described(inputs: Props) -> Props:
    return {"displayName": inputs.get("displayName", ""), "description": inputs.get("description", "")}
