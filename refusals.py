"""For want of which permission Google refused a change to a resource, and the command that grants it."""

import re
from collections.abc import Mapping
from typing import Any, Final

import permissions

_DENIED: Final = re.compile(r"PERMISSION_DENIED|Error 403|\bForbidden\b")
# The provider says "reading or editing" of a refused deletion too.
_READING: Final = re.compile(r"\bGET\b|\b(read|reading(?! or editing)|retrieving|list|getIamPolicy)\b", re.IGNORECASE)
_WRITING_POLICY: Final = re.compile(r"setIamPolicy|\b(setting|applying)\b", re.IGNORECASE)
_READS: Final = ("refresh", "read", "import")
# What Google's refusals do not name, by the type of the resource: the permission but for its verb.
_UNNAMED: Final = {
    "gcp:accesscontextmanager/accessPolicy:AccessPolicy": "accesscontextmanager.policies",
    "gcp:accesscontextmanager/servicePerimeter:ServicePerimeter": "accesscontextmanager.servicePerimeters",
}


def lacking(kind: str, operation: str, error: str, properties: Mapping[str, Any]) -> str | None:
    """A sentence with the permission that is missing and the command that grants a role with it.

    Google names the permission in most refusals. Project policies, APIs and access policies are refused without: there
    it follows from what was done.

    Args:
        kind: the resource's type token.
        operation: what Pulumi did: create, update, delete, read or refresh.
        error: the provider's words.
        properties: the resource's, to find its project in.

    Returns:
        None where it is no refusal, or one for want of a permission that `permissions` does not have.
    """
    if not _DENIED.search(error):
        return None
    permission = permissions.named_in(error) or _unnamed(kind, operation, error)
    role = permissions.role_with(permission) if permission else None
    if role is None:
        return None
    if permission in permissions.ORGANIZATION:
        grant = "gcloud organizations add-iam-policy-binding NUMBER"
        return f"your account lacks {permission} on the organization: {grant} --member=user:YOUR_ACCOUNT --role={role}"
    found = re.search(r"'project': '([^']+)'|projects/([a-z][a-z0-9-]+)", str(properties))
    project = next((name for name in found.groups() if name), "PROJECT") if found else "PROJECT"
    grant = f"gcloud projects add-iam-policy-binding {project} --member=user:YOUR_ACCOUNT --role={role}"
    return f"your account lacks {permission} in project {project}: {grant}"


def _unnamed(kind: str, operation: str, error: str) -> str | None:
    reading = operation in _READS or _READING.search(error) is not None
    if kind == "gcp:projects/service:Service":
        return f"serviceusage.services.{'list' if reading else 'enable'}"
    if kind == "gcp:projects/iAMMember:IAMMember":
        writing = operation not in _READS and _WRITING_POLICY.search(error)
        return f"resourcemanager.projects.{'setIamPolicy' if writing else 'getIamPolicy'}"
    prefix = _UNNAMED.get(kind)
    return f"{prefix}.{'get' if reading else operation}" if prefix else None
