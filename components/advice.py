"""Says what to do where a provider's error says only what went wrong."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import pulumi

import permissions

_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_DENIED: Final = re.compile(r"PERMISSION_DENIED|Error 403|\bForbidden\b")
_READING: Final = re.compile(r"\bGET\b|\b(read|reading|retrieving|list|getIamPolicy)\b", re.IGNORECASE)
_WRITING_POLICY: Final = re.compile(r"setIamPolicy|\b(setting|applying)\b", re.IGNORECASE)
# What Google's refusals do not name, by the type of the resource: the permission but for its verb.
_UNNAMED: Final = {
    "gcp:accesscontextmanager/accessPolicy:AccessPolicy": "accesscontextmanager.policies",
    "gcp:accesscontextmanager/servicePerimeter:ServicePerimeter": "accesscontextmanager.servicePerimeters",
}


def advise(name: str, component: pulumi.Resource, advice: Mapping[str, str] = _NONE) -> pulumi.ResourceHookBinding:
    """Hooks for a resource of `component` that log advice beside its errors; `name` is unique in the program.

    For want of a permission it is that permission, a role that has it, and the command that grants it. Else `advice`
    maps a pattern, searched in the error, to a sentence; `{key}` in it is an input of the failed resource.
    Each sentence is said once, however many resources fail for the same reason. Nothing is tried again.
    """
    said: set[str] = set()

    def say(failure: pulumi.ErrorHookArgs) -> bool:
        lacking = lacking_for(failure)
        for sentence in [lacking] if lacking else advice_for(failure, advice):
            if sentence not in said:
                said.add(sentence)
                pulumi.log.error(sentence, component)
        return False

    return pulumi.ResourceHookBinding(on_error=[pulumi.ErrorHook(name, say)])


def advice_for(failure: pulumi.ErrorHookArgs, advice: Mapping[str, str]) -> list[str]:
    """The sentences of `advice` whose pattern is in the failure's newest error."""
    newest = failure.errors[0] if failure.errors else ""
    inputs = failure.new_inputs or failure.old_inputs or {}

    def fill(sentence: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda key: str(inputs.get(key[1], key[1])), sentence)

    return [fill(sentence) for pattern, sentence in advice.items() if re.search(pattern, newest)]


def lacking_for(failure: pulumi.ErrorHookArgs) -> str | None:
    """The permission that the failure's newest error is for want of, and what grants it; None for other errors.

    Google names the permission in most refusals. Project policies, APIs and access policies are refused without: there
    it follows from what was done.
    """
    newest = failure.errors[0] if failure.errors else ""
    if not _DENIED.search(newest):
        return None
    permission = permissions.named_in(newest) or _unnamed(failure.type, failure.failed_operation, newest)
    role = permissions.role_with(permission) if permission else None
    if role is None:
        return None
    if permission in permissions.ORGANIZATION:
        grant = "gcloud organizations add-iam-policy-binding NUMBER"
        return f"your account lacks {permission} on the organization: {grant} --member=user:YOUR_ACCOUNT --role={role}"
    inputs = str({**(failure.old_inputs or {}), **(failure.new_inputs or {})})
    found = re.search(r"'project': '([^']+)'|projects/([a-z][a-z0-9-]+)", inputs)
    project = next((name for name in found.groups() if name), "PROJECT") if found else "PROJECT"
    grant = f"gcloud projects add-iam-policy-binding {project} --member=user:YOUR_ACCOUNT --role={role}"
    return f"your account lacks {permission} in project {project}: {grant}"


def _unnamed(kind: str, operation: str, error: str) -> str | None:
    if kind == "gcp:projects/service:Service":
        return f"serviceusage.services.{'list' if _READING.search(error) else 'enable'}"
    if kind == "gcp:projects/iAMMember:IAMMember":
        return f"resourcemanager.projects.{'setIamPolicy' if _WRITING_POLICY.search(error) else 'getIamPolicy'}"
    prefix = _UNNAMED.get(kind)
    return f"{prefix}.{'get' if _READING.search(error) else operation}" if prefix else None
