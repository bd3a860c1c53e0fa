"""Predefined roles, and what a role grants.

Only the roles that this project's programs, checks and messages speak of, with the part of their permissions that the
sandbox's services ask about (cloud.google.com/iam/docs/roles-permissions). Patterns stand for whole families.
"""

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from sandbox import registry
from sandbox.errors import Json

if TYPE_CHECKING:
    from sandbox.core import Sandbox

_OWNERS_ONLY = ("*.setIamPolicy", "iam.roles.*", "*.undelete", "resourcemanager.projects.delete")

ROLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "roles/owner": ("Owner", ("*",)),
    "roles/editor": ("Editor", ("*",)),
    "roles/viewer": ("Viewer", ("*.get", "*.list", "*.getIamPolicy")),
    "roles/aiplatform.admin": ("Vertex AI Administrator", ("aiplatform.*", "resourcemanager.projects.get")),
    "roles/aiplatform.user": (
        "Vertex AI User",
        (
            "aiplatform.endpoints.create",
            "aiplatform.endpoints.delete",
            "aiplatform.endpoints.deploy",
            "aiplatform.endpoints.explain",
            "aiplatform.endpoints.get",
            "aiplatform.endpoints.list",
            "aiplatform.endpoints.predict",
            "aiplatform.endpoints.undeploy",
            "aiplatform.endpoints.update",
            "aiplatform.models.*",
            "resourcemanager.projects.get",
        ),
    ),
    "roles/aiplatform.viewer": ("Vertex AI Viewer", ("aiplatform.*.get", "aiplatform.*.list")),
    "roles/accesscontextmanager.policyAdmin": (
        "Access Context Manager Admin",
        ("accesscontextmanager.*", "resourcemanager.organizations.get"),
    ),
    "roles/compute.networkAdmin": ("Compute Network Admin", ("compute.networks.*", "compute.addresses.*")),
    "roles/iam.roleAdmin": ("Role Administrator", ("iam.roles.*",)),
    "roles/iam.serviceAccountAdmin": ("Service Account Admin", ("iam.serviceAccounts.*",)),
    "roles/iam.serviceAccountTokenCreator": (
        "Service Account Token Creator",
        ("iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.getOpenIdToken", "iam.serviceAccounts.signBlob"),
    ),
    "roles/iam.serviceAccountUser": ("Service Account User", ("iam.serviceAccounts.actAs", "iam.serviceAccounts.get")),
    "roles/iam.workloadIdentityUser": (
        "Workload Identity User",
        ("iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.getOpenIdToken", "iam.serviceAccounts.get"),
    ),
    "roles/logging.logWriter": ("Logs Writer", ("logging.logEntries.create",)),
    "roles/monitoring.metricWriter": ("Monitoring Metric Writer", ("monitoring.timeSeries.create",)),
    "roles/monitoring.viewer": ("Monitoring Viewer", ("monitoring.*.get", "monitoring.*.list")),
    "roles/resourcemanager.organizationAdmin": (
        "Organization Administrator",
        ("resourcemanager.organizations.*", "resourcemanager.projects.get", "resourcemanager.projects.*IamPolicy"),
    ),
    "roles/resourcemanager.projectIamAdmin": (
        "Project IAM Admin",
        ("resourcemanager.projects.get", "resourcemanager.projects.*IamPolicy"),
    ),
    "roles/serviceusage.serviceUsageAdmin": ("Service Usage Admin", ("serviceusage.*",)),
    "roles/serviceusage.serviceUsageConsumer": (
        "Service Usage Consumer",
        ("serviceusage.services.get", "serviceusage.services.list", "serviceusage.services.use"),
    ),
}


def grants(sandbox: "Sandbox", role: str, permission: str) -> bool:
    """Whether the role, predefined or one's own, holds the permission."""
    if role in ROLES:
        if role == "roles/editor" and any(fnmatchcase(permission, p) for p in _OWNERS_ONLY):
            return False
        return any(fnmatchcase(permission, pattern) for pattern in ROLES[role][1])
    custom = sandbox.store.get("customRole", role)
    return custom is not None and not custom.get("deleted") and permission in custom.get("includedPermissions", [])


@registry.state_view("identityPool")
def _hidden(_name: str, _value: Json, _seeded: Json | None) -> None:
    """A workload identity pool comes and goes with clusters, not with a stack."""


@registry.seed
def _seed(sandbox: "Sandbox") -> None:
    """The project has had a GKE cluster with Workload Identity, so its pool exists."""
    for project in sandbox.store.list("project"):
        sandbox.store.put("identityPool", f"{project}.svc.id.goog", {"project": project})
