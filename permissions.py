"""The permissions that deploying a stack takes, each with one of Google's roles that has it.

Which permission a call needs: the methods' reference pages, as the sandbox asks for them (sandbox/services); which role
has it: cloud.google.com/iam/docs/roles-permissions, looked at on 2026-11-24. `examples/deployer-role.yaml` and
`examples/deployer-organization-role.yaml` are the same permissions as roles of one's own; docs/deployer-role.md says
how to make them.
"""

import re
from typing import Final

_VERTEX: Final = "roles/aiplatform.user"
_SERVICES: Final = "roles/serviceusage.serviceUsageAdmin"
_PROJECT_IAM: Final = "roles/resourcemanager.projectIamAdmin"
_ACCOUNTS: Final = "roles/iam.serviceAccountAdmin"
_ROLES: Final = "roles/iam.roleAdmin"
_CLUSTER: Final = "roles/container.developer"
_PERIMETERS: Final = "roles/accesscontextmanager.policyAdmin"

ALWAYS: Final[dict[str, str]] = {
    "serviceusage.services.enable": _SERVICES,
    "serviceusage.services.list": _SERVICES,
    "resourcemanager.projects.get": "roles/browser",
    "resourcemanager.projects.getIamPolicy": _PROJECT_IAM,
    "resourcemanager.projects.setIamPolicy": _PROJECT_IAM,
}
# Where a model is on an endpoint.
ENDPOINT: Final[dict[str, str]] = {
    "aiplatform.endpoints.create": _VERTEX,
    "aiplatform.endpoints.delete": _VERTEX,
    "aiplatform.endpoints.deploy": _VERTEX,
    "aiplatform.endpoints.get": _VERTEX,
    "aiplatform.endpoints.undeploy": _VERTEX,
    "aiplatform.endpoints.update": _VERTEX,
    "aiplatform.operations.list": _VERTEX,
}
# A custom role for predictions; undelete and update bring back one that was deleted less than 7 days ago.
CUSTOM_ROLE: Final[dict[str, str]] = {
    "iam.roles.create": _ROLES,
    "iam.roles.delete": _ROLES,
    "iam.roles.get": _ROLES,
    "iam.roles.undelete": _ROLES,
    "iam.roles.update": _ROLES,
}
# A Google service account, where pods act as one.
IMPERSONATION: Final[dict[str, str]] = {
    "iam.serviceAccounts.create": _ACCOUNTS,
    "iam.serviceAccounts.delete": _ACCOUNTS,
    "iam.serviceAccounts.get": _ACCOUNTS,
    "iam.serviceAccounts.getIamPolicy": _ACCOUNTS,
    "iam.serviceAccounts.setIamPolicy": _ACCOUNTS,
}
# Where a cluster's context is named.
KUBERNETES: Final[dict[str, str]] = {
    "container.configMaps.create": _CLUSTER,
    "container.configMaps.delete": _CLUSTER,
    "container.configMaps.get": _CLUSTER,
    "container.serviceAccounts.create": _CLUSTER,
    "container.serviceAccounts.delete": _CLUSTER,
    "container.serviceAccounts.get": _CLUSTER,
    "container.serviceAccounts.update": _CLUSTER,
}
NAMESPACE: Final[dict[str, str]] = {
    "container.namespaces.create": _CLUSTER,
    "container.namespaces.delete": _CLUSTER,
    "container.namespaces.get": _CLUSTER,
}
# What only preflight reads.
PREFLIGHT: Final[dict[str, str]] = {
    "aiplatform.models.get": _VERTEX,
    "compute.networks.get": "roles/compute.networkViewer",
    "container.clusters.list": "roles/container.clusterViewer",
    "serviceusage.quotas.get": "roles/serviceusage.serviceUsageViewer",
}
PROJECT: Final[dict[str, str]] = {
    **ALWAYS,
    **ENDPOINT,
    **CUSTOM_ROLE,
    **IMPERSONATION,
    **KUBERNETES,
    **NAMESPACE,
    **PREFLIGHT,
}
# On the organization, or on the access policy that the stack names.
PERIMETER: Final[dict[str, str]] = {
    "accesscontextmanager.servicePerimeters.create": _PERIMETERS,
    "accesscontextmanager.servicePerimeters.delete": _PERIMETERS,
    "accesscontextmanager.servicePerimeters.get": _PERIMETERS,
    "accesscontextmanager.servicePerimeters.update": _PERIMETERS,
}
ACCESS_POLICY: Final[dict[str, str]] = {
    "accesscontextmanager.policies.create": _PERIMETERS,
    "accesscontextmanager.policies.delete": _PERIMETERS,
    "accesscontextmanager.policies.get": _PERIMETERS,
}
ORGANIZATION: Final[dict[str, str]] = {**PERIMETER, **ACCESS_POLICY}
# Only for `preflight --request-quota`.
REQUEST_QUOTA: Final[dict[str, str]] = {
    "cloudquotas.quotas.get": "roles/cloudquotas.admin",
    "cloudquotas.quotas.update": "roles/cloudquotas.admin",
}
_ROLE_OF: Final[dict[str, str]] = {**PROJECT, **ORGANIZATION, **REQUEST_QUOTA}
_PERMISSION = re.compile(r"\b[a-z]+\.[a-zA-Z]+\.[a-zA-Z]+\b")


def role_with(permission: str) -> str | None:
    """One of Google's roles that has the permission, or None where it is none of those above."""
    return _ROLE_OF.get(permission)


def named_in(text: str) -> str | None:
    """The first permission of those above that an error names, or None."""
    return next((found for found in _PERMISSION.findall(text) if found in _ROLE_OF), None)
