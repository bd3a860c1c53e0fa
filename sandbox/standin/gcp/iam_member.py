"""gcp.projects.IAMMember and gcp.serviceaccount.IAMMember: one member of one role in someone else's IAM policy."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable

from typing_extensions import override

from sandbox.standin.fields import Field
from sandbox.standin.gcp.cloud import Cloud
from sandbox.standin.resource import Resource
from sandbox.standin.rest import Json, RestError
from sandbox.standin.values import UNKNOWN, Props, has_unknown

_VERSION = 3
_CONFLICTS_BORNE = 8
_FIRST_PAUSE = 0.1
_PRINCIPAL = "(?!deleted:).+:.+|allUsers|allAuthenticatedUsers"
CONDITION = {
    "expression": Field(required=True, replace=True),
    "title": Field(required=True, replace=True),
    "description": Field(replace=True),
}


class IamMember(Resource[Cloud]):
    """Read, modify, write: with the etag that was read, and once more when another was faster."""

    outputs = ("etag",)

    @abstractmethod
    def target(self, cloud: Cloud, props: Props) -> str:
        """The name of what the policy belongs to, as it opens the id."""

    @abstractmethod
    def get_policy(self, cloud: Cloud, target: str) -> Json:
        """The policy, in version 3."""

    @abstractmethod
    def set_policy(self, cloud: Cloud, target: str, policy: Json) -> None:
        """Replaces the policy if its etag is still current."""

    @override
    def check(self, cloud: Cloud, inputs: Props) -> list[tuple[str, str]]:
        member = inputs.get("member", "")
        if member and member != UNKNOWN and not re.fullmatch(_PRINCIPAL, member):
            return [
                (
                    "member",
                    f"{member!r} is not a principal, such as serviceAccount:EMAIL or allUsers.",
                )
            ]
        return []

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        target = self.target(cloud, inputs)
        member, condition = normal_case(inputs["member"]), inputs.get("condition")

        def add(policy: Json) -> None:
            bindings = policy.setdefault("bindings", [])
            binding = _binding(bindings, inputs["role"], condition)
            if binding is None:
                binding = {"role": inputs["role"], "members": [], **({"condition": condition} if condition else {})}
                bindings.append(binding)
            if member not in map(normal_case, binding["members"]):
                binding["members"].append(member)

        self._modify(cloud, target, add)
        return _id(target, inputs["role"], member, condition)

    @override
    def read(self, cloud: Cloud, resource_id: str, state: Props) -> Props | None:
        target = self.target(cloud, state)
        try:
            policy = self.get_policy(cloud, target)
        except RestError as error:
            if error.code == 404:
                return None
            raise
        binding = _binding(policy.get("bindings", []), state["role"], state.get("condition"))
        held = [m for m in (binding or {}).get("members", []) if normal_case(m) == normal_case(state["member"])]
        if binding is None or not held:
            return None
        kept = {k: state[k] for k in self.fields if k in state}
        return {**kept, "member": state["member"], "condition": binding.get("condition"), "etag": policy.get("etag")}

    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        """Nothing can change in place."""

    @override
    def delete(self, cloud: Cloud, resource_id: str, state: Props, timeout: float) -> None:
        def remove(policy: Json) -> None:
            bindings = policy.get("bindings", [])
            binding = _binding(bindings, state["role"], state.get("condition"))
            if binding is not None:
                binding["members"] = [m for m in binding["members"] if normal_case(m) != normal_case(state["member"])]
            policy["bindings"] = [b for b in bindings if b["members"]]

        try:
            self._modify(cloud, self.target(cloud, state), remove)
        except RestError as error:
            if error.code != 404:
                raise

    @override
    def locate(self, cloud: Cloud, import_id: str) -> tuple[str, Props]:
        words = import_id.split()
        if len(words) < 3:
            raise RestError(f"The import id {import_id!r} is not 'RESOURCE ROLE MEMBER [CONDITION TITLE]'.")
        role, member, title = words[1], normal_case(words[2]), " ".join(words[3:])
        state: Props = {**self.named(words[0]), "role": role, "member": member}
        target = self.target(cloud, state)
        for binding in self.get_policy(cloud, target).get("bindings", []):
            condition = binding.get("condition", {})
            if binding["role"] == role and condition.get("title", "") == title and condition:
                state["condition"] = condition
        return _id(target, role, member, state.get("condition")), state

    @abstractmethod
    def named(self, resource: str) -> Props:
        """The input that names the policy's owner, from an import id's first word."""

    def _modify(self, cloud: Cloud, target: str, change: Callable[[Json], None]) -> None:
        pause = _FIRST_PAUSE
        with cloud.policy_lock:
            for attempt in range(1, _CONFLICTS_BORNE + 1):
                policy = self.get_policy(cloud, target)
                change(policy)
                policy["version"] = _VERSION
                try:
                    self.set_policy(cloud, target, policy)
                    return
                except RestError as error:
                    if error.code != 409 or attempt == _CONFLICTS_BORNE:
                        raise
                cloud.rest.pause(pause)
                pause *= 2


class ProjectIamMember(IamMember):
    """A member of a project's policy."""

    fields = {
        "project": Field(required=True, replace=True),
        "role": Field(required=True, replace=True),
        "member": Field(required=True, replace=True),
        "condition": Field(replace=True, nested=CONDITION),
    }
    delete_before_replace = True

    @override
    def target(self, cloud: Cloud, props: Props) -> str:
        return str(props["project"]).rpartition("/")[2]

    @override
    def named(self, resource: str) -> Props:
        return {"project": resource.rpartition("/")[2]}

    @override
    def get_policy(self, cloud: Cloud, target: str) -> Json:
        body = {"options": {"requestedPolicyVersion": _VERSION}}
        return cloud.rest.call("POST", f"cloudresourcemanager/v1/projects/{target}:getIamPolicy", body)

    @override
    def set_policy(self, cloud: Cloud, target: str, policy: Json) -> None:
        body = {"policy": policy, "updateMask": "bindings,etag,auditConfigs"}
        cloud.rest.call("POST", f"cloudresourcemanager/v1/projects/{target}:setIamPolicy", body)


class ServiceAccountIamMember(IamMember):
    """A member of a service account's policy."""

    fields = {
        "serviceAccountId": Field(required=True, replace=True),
        "role": Field(required=True, replace=True),
        "member": Field(required=True, replace=True),
        "condition": Field(replace=True, nested=CONDITION),
    }

    @override
    def check(self, cloud: Cloud, inputs: Props) -> list[tuple[str, str]]:
        name = inputs.get("serviceAccountId", "")
        failures = super().check(cloud, inputs)
        if name and not has_unknown(name) and not re.fullmatch("projects/[^/]+/serviceAccounts/[^/]+", name):
            failures.append(("serviceAccountId", f"{name!r} is not projects/PROJECT/serviceAccounts/EMAIL."))
        return failures

    @override
    def target(self, cloud: Cloud, props: Props) -> str:
        return str(props["serviceAccountId"])

    @override
    def named(self, resource: str) -> Props:
        return {"serviceAccountId": resource}

    @override
    def get_policy(self, cloud: Cloud, target: str) -> Json:
        query = {"options.requestedPolicyVersion": str(_VERSION)}
        return cloud.rest.call("POST", f"iam/v1/{target}:getIamPolicy", query=query)

    @override
    def set_policy(self, cloud: Cloud, target: str, policy: Json) -> None:
        cloud.rest.call("POST", f"iam/v1/{target}:setIamPolicy", {"policy": policy})


def normal_case(member: str) -> str:
    """A principal in lower case, but for the kinds in which case matters."""
    kind, colon, rest = member.partition(":")
    return member if kind in ("principal", "principalSet", "principalHierarchy") else f"{kind}{colon}{rest.lower()}"


def _binding(bindings: list[Json], role: str, condition: Json | None) -> Json | None:
    return next((b for b in bindings if b["role"] == role and b.get("condition") == (condition or None)), None)


def _id(target: str, role: str, member: str, condition: Json | None) -> str:
    parts = [target, role, member]
    if condition:
        parts += [condition.get(k, "") for k in ("title", "description", "expression")]
    return "/".join(parts)
