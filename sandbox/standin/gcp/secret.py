"""gcp.secretmanager.Secret, SecretVersion and SecretIamMember over secretmanager projects.secrets."""

from __future__ import annotations

import base64

from typing_extensions import override

from sandbox.standin.fields import Field
from sandbox.standin.gcp import labels
from sandbox.standin.gcp.cloud import DELETION_POLICY, Cloud, GcpResource
from sandbox.standin.gcp.iam_member import CONDITION, IamMember
from sandbox.standin.rest import Json, RestError
from sandbox.standin.values import Props

_BASE = "secretmanager/v1/"
_ID = "projects/{project}/secrets/{secretId}"


class Secret(GcpResource):
    """A secret, without its versions. Of the replications: automatic, and locations of one's own."""

    base = _BASE
    import_ids = (_ID, "{project}/{secretId}", "{secretId}")
    fields = {
        "secretId": Field(required=True, replace=True),
        "project": Field(replace=True, computed=True),
        "replication": Field(
            replace=True,
            nested={"auto": Field(), "userManaged": Field(nested={"replicas": Field(required=True)})},
        ),
        "labels": Field(),
        "annotations": Field(),
        "versionAliases": Field(),
        "deletionPolicy": DELETION_POLICY,
    }
    outputs = ("createTime", "effectiveLabels", "name", "pulumiLabels")

    @override
    def check(self, cloud: Cloud, inputs: Props) -> list[tuple[str, str]]:
        # Required, and rightly empty inside: {auto: {}}.
        given = "replication" in inputs
        return [] if given else [("replication", "Missing required property 'replication'.")]

    @override
    def planned(self, cloud: Cloud, inputs: Props) -> Props:
        return {**super().planned(cloud, inputs), **labels.planned(cloud, inputs)}

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        parent = f"projects/{cloud.project_of(inputs)}"
        managed = inputs["replication"].get("userManaged")
        replication: Json = {"userManaged": managed} if managed else {"automatic": {}}
        body = {"replication": replication, "labels": labels.wanted(cloud, inputs)}
        body |= {key: inputs[key] for key in ("annotations", "versionAliases") if inputs.get(key)}
        self.send(cloud, "POST", f"{_BASE}{parent}/secrets", body, {"secretId": inputs["secretId"]}, timeout)
        return f"{parent}/secrets/{inputs['secretId']}"

    @override
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        managed = live["replication"].get("userManaged")
        return {
            "secretId": resource_id.rpartition("/")[2],
            "project": resource_id.split("/")[1],
            "name": live["name"],
            "createTime": live["createTime"],
            "replication": {"userManaged": managed} if managed else {"auto": {}},
            "annotations": live.get("annotations", {}),
            "versionAliases": live.get("versionAliases", {}),
            **labels.shown(cloud, state, live),
        }

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        mask = sorted(changed & {"labels", "annotations", "versionAliases"})
        body = {key: inputs.get(key, {}) for key in mask}
        if "labels" in body:
            body["labels"] = labels.wanted(cloud, inputs)
        if mask:
            self.patch(cloud, resource_id, body, mask)


class SecretVersion(GcpResource):
    """A version and its payload: made anew for another payload, destroyed (or disabled) in the end."""

    base = _BASE
    fields = {
        "secret": Field(required=True, replace=True),
        "secretData": Field(required=True, replace=True),
        "isSecretDataBase64": Field(replace=True, default=False),
        "enabled": Field(default=True),
        "project": Field(replace=True, computed=True),
        "deletionPolicy": DELETION_POLICY,
    }
    outputs = ("createTime", "destroyTime", "name", "version")

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        data = inputs["secretData"]
        if not inputs.get("isSecretDataBase64"):
            data = base64.b64encode(data.encode()).decode()
        path = f"{_BASE}{inputs['secret']}:addVersion"
        name = str(self.send(cloud, "POST", path, {"payload": {"data": data}}, timeout=timeout)["name"])
        # As the plugin, which asks for the state even where a version has it.
        self.send(cloud, "POST", f"{_BASE}{name}:{'enable' if inputs.get('enabled', True) else 'disable'}", {})
        return name

    @override
    def find(self, cloud: Cloud, resource_id: str) -> Json | None:
        found = super().find(cloud, resource_id)
        return None if found is None or found["state"] == "DESTROYED" else found

    @override
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        enabled = live["state"] == "ENABLED"
        data = state.get("secretData")
        if enabled:  # as the plugin: a payload changed behind its back is a difference
            payload = cloud.rest.call("GET", f"{_BASE}{resource_id}:access")["payload"]["data"]
            data = payload if state.get("isSecretDataBase64") else base64.b64decode(payload).decode()
        return {
            "secret": state.get("secret", resource_id.partition("/versions/")[0]),
            "project": state.get("project", cloud.project),
            "secretData": data,
            "isSecretDataBase64": state.get("isSecretDataBase64", False),
            "enabled": enabled,
            "name": live["name"],
            "version": resource_id.rpartition("/")[2],
            "createTime": live["createTime"],
            "destroyTime": live.get("destroyTime", ""),
        }

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        if "enabled" in changed:
            verb = "enable" if inputs.get("enabled", True) else "disable"
            self.send(cloud, "POST", f"{_BASE}{resource_id}:{verb}", {})

    @override
    def locate(self, cloud: Cloud, import_id: str) -> tuple[str, Props]:
        return import_id, {}

    @override
    def destroy(self, cloud: Cloud, resource_id: str, state: Props, timeout: float) -> None:
        verb = "disable" if state.get("deletionPolicy") == "DISABLE" else "destroy"
        try:
            self.send(cloud, "POST", f"{_BASE}{resource_id}:{verb}", {}, timeout=timeout)
        except RestError as error:
            if error.code != 404 and self.find(cloud, resource_id) is not None:
                raise


class SecretIamMember(IamMember):
    """A member of a secret's policy."""

    fields = {
        "secretId": Field(required=True, replace=True),
        "project": Field(replace=True, computed=True),
        "role": Field(required=True, replace=True),
        "member": Field(required=True, replace=True),
        "condition": Field(replace=True, nested=CONDITION),
    }

    @override
    def target(self, cloud: Cloud, props: Props) -> str:
        secret = str(props["secretId"])
        return secret if "/" in secret else f"projects/{cloud.project_of(props)}/secrets/{secret}"

    @override
    def named(self, resource: str) -> Props:
        return {"secretId": resource}

    @override
    def get_policy(self, cloud: Cloud, target: str) -> Json:
        query = {"options.requestedPolicyVersion": "3"}
        return cloud.rest.call("GET", f"{_BASE}{target}:getIamPolicy", query=query)

    @override
    def set_policy(self, cloud: Cloud, target: str, policy: Json) -> None:
        cloud.rest.call("POST", f"{_BASE}{target}:setIamPolicy", {"policy": policy})
