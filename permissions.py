"""The permissions that deploying a stack takes, each with one of Google's roles that has it.

Which permission a call needs: the methods' reference pages, as the sandbox asks for them (sandbox/services); which role
has it: cloud.google.com/iam/docs/roles-permissions, looked at on 2026-11-24. `scripts/deployer_role.py` prints those of
one stack as a role of one's own; docs/deployer-role.md says how to make it.
"""

import re
from typing import Final

_VERTEX: Final = "roles/aiplatform.user"
_SERVICES: Final = "roles/serviceusage.serviceUsageAdmin"
_PROJECT_IAM: Final = "roles/resourcemanager.projectIamAdmin"
_ACCOUNTS: Final = "roles/iam.serviceAccountAdmin"
_ROLES: Final = "roles/iam.roleAdmin"
_CLUSTER: Final = "roles/container.developer"
_NETWORKS: Final = "roles/compute.networkAdmin"
_NAMES: Final = "roles/dns.admin"
_SECRETS: Final = "roles/secretmanager.admin"
_DIRECTORY: Final = "roles/servicedirectory.editor"
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
    "container.configMaps.update": _CLUSTER,
    "container.serviceAccounts.create": _CLUSTER,
    "container.serviceAccounts.delete": _CLUSTER,
    "container.serviceAccounts.get": _CLUSTER,
    "container.serviceAccounts.update": _CLUSTER,
}
# For a kubeconfig: `gcloud container clusters get-credentials`, or Google's action in deploy.yml and drift.yml.
CREDENTIALS: Final[dict[str, str]] = {"container.clusters.get": "roles/container.clusterViewer"}
NAMESPACE: Final[dict[str, str]] = {
    "container.namespaces.create": _CLUSTER,
    "container.namespaces.delete": _CLUSTER,
    "container.namespaces.get": _CLUSTER,
}
# A private path of the stack's own (docs/private-connectivity.md): a network, and what Vertex AI needs in one.
NETWORK: Final[dict[str, str]] = {
    "compute.globalOperations.get": _NETWORKS,
    "compute.networks.create": _NETWORKS,
    "compute.networks.delete": _NETWORKS,
    "compute.networks.get": _NETWORKS,
    "compute.regionOperations.get": _NETWORKS,
    "compute.subnetworks.create": _NETWORKS,
    "compute.subnetworks.delete": _NETWORKS,
    "compute.subnetworks.get": _NETWORKS,
}
CONNECTION_POLICY: Final[dict[str, str]] = {
    "networkconnectivity.operations.get": _NETWORKS,
    "networkconnectivity.serviceConnectionPolicies.create": _NETWORKS,
    "networkconnectivity.serviceConnectionPolicies.delete": _NETWORKS,
    "networkconnectivity.serviceConnectionPolicies.get": _NETWORKS,
}
_GLOBAL_ADDRESS: Final[dict[str, str]] = {
    "compute.globalAddresses.createInternal": _NETWORKS,
    "compute.globalAddresses.deleteInternal": _NETWORKS,
    "compute.globalAddresses.get": _NETWORKS,
    "compute.globalAddresses.setLabels": _NETWORKS,
    "compute.globalOperations.get": _NETWORKS,
    "compute.networks.use": _NETWORKS,
}
PRIVATE_SERVICES_ACCESS: Final[dict[str, str]] = {
    **_GLOBAL_ADDRESS,
    "servicenetworking.services.addPeering": _NETWORKS,
    "servicenetworking.services.deleteConnection": _NETWORKS,
    "servicenetworking.services.get": _NETWORKS,
}
_ZONE: Final[dict[str, str]] = {
    "dns.changes.create": _NAMES,
    "dns.changes.get": _NAMES,
    "dns.managedZones.create": _NAMES,
    "dns.managedZones.delete": _NAMES,
    "dns.managedZones.get": _NAMES,
    "dns.networks.bindPrivateDNSZone": _NAMES,
    "dns.resourceRecordSets.create": _NAMES,
    "dns.resourceRecordSets.delete": _NAMES,
    "dns.resourceRecordSets.list": _NAMES,
}
# Google registers each endpoint of Private Service Connect in Service Directory, with its caller's permissions: of
# cloud.google.com/vpc/docs, configure-private-service-connect-services lists them, -apis asks for their role.
_REGISTRATION: Final[dict[str, str]] = {
    "servicedirectory.namespaces.associatePrivateZone": _DIRECTORY,
    "servicedirectory.namespaces.create": _DIRECTORY,
    "servicedirectory.namespaces.delete": _DIRECTORY,
    "servicedirectory.services.create": _DIRECTORY,
    "servicedirectory.services.delete": _DIRECTORY,
}
# An endpoint's own address and name.
FORWARDING_RULE: Final[dict[str, str]] = {
    **_ZONE,
    **_REGISTRATION,
    "compute.addresses.createInternal": _NETWORKS,
    "compute.addresses.deleteInternal": _NETWORKS,
    "compute.addresses.get": _NETWORKS,
    "compute.addresses.setLabels": _NETWORKS,
    "compute.forwardingRules.create": _NETWORKS,
    "compute.forwardingRules.delete": _NETWORKS,
    "compute.forwardingRules.get": _NETWORKS,
    "compute.forwardingRules.pscCreate": _NETWORKS,
    "compute.forwardingRules.pscDelete": _NETWORKS,
    "compute.forwardingRules.setLabels": _NETWORKS,
    "compute.networks.use": _NETWORKS,
    "compute.regionOperations.get": _NETWORKS,
    "compute.subnetworks.use": _NETWORKS,
}
# Google's APIs at an address of the network.
PRIVATE_APIS: Final[dict[str, str]] = {
    **_ZONE,
    **_REGISTRATION,
    **_GLOBAL_ADDRESS,
    "compute.globalForwardingRules.create": _NETWORKS,
    "compute.globalForwardingRules.delete": _NETWORKS,
    "compute.globalForwardingRules.get": _NETWORKS,
    "compute.globalForwardingRules.pscCreate": _NETWORKS,
    "compute.globalForwardingRules.pscDelete": _NETWORKS,
}
PRIVATE: Final[dict[str, str]] = {
    **NETWORK,
    **CONNECTION_POLICY,
    **PRIVATE_SERVICES_ACCESS,
    **FORWARDING_RULE,
    **PRIVATE_APIS,
}
# What only preflight reads, for who deploys.
PREFLIGHT: Final[dict[str, str]] = {
    "aiplatform.models.get": _VERTEX,
    "compute.networks.get": "roles/compute.networkViewer",
    "container.clusters.list": "roles/container.clusterViewer",
    "networkconnectivity.serviceConnectionPolicies.list": _NETWORKS,
    "serviceusage.quotas.get": "roles/serviceusage.serviceUsageViewer",
}
PREFLIGHT_SUBNETWORK: Final[dict[str, str]] = {"compute.subnetworks.get": "roles/compute.networkViewer"}
PREFLIGHT_ORGANIZATION: Final[dict[str, str]] = {
    "accesscontextmanager.policies.list": "roles/accesscontextmanager.policyReader"
}
# Of a stack like Pulumi.prod.yaml with a cluster.
PROJECT: Final[dict[str, str]] = {
    **ALWAYS,
    **ENDPOINT,
    **CUSTOM_ROLE,
    **IMPERSONATION,
    **KUBERNETES,
    **CREDENTIALS,
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
ORGANIZATION: Final[dict[str, str]] = {**PERIMETER, **ACCESS_POLICY, **PREFLIGHT_ORGANIZATION}
# Only with `gemini-vertex:observability`. Services and channels never change: others take their place.
_VERBS: Final = ("create", "delete", "get", "update")
_KEPT: Final = ("notificationChannels", "services")
MONITORING: Final[dict[str, str]] = {
    f"monitoring.{kind}.{verb}": "roles/monitoring.editor"
    for kind in ("alertPolicies", "dashboards", *_KEPT, "slos")
    for verb in _VERBS
    if (kind, verb) not in {(kept, "update") for kept in _KEPT}
}
# Only with its alert that matches the log, of a perimeter's violations. Google's page on log-based alert policies asks
# for the role; that it is for these three is known from refusals and custom roles of others, not from Google's page.
LOG_ALERT: Final[dict[str, str]] = {
    f"logging.notificationRules.{verb}": "roles/logging.configWriter" for verb in ("create", "delete", "update")
}
# Only with its requestLogging.
REQUEST_LOG: Final[dict[str, str]] = {f"bigquery.datasets.{verb}": "roles/bigquery.dataOwner" for verb in _VERBS}
# And where of managed models' requests. The first is in Google's "Log requests and responses"; for reading the log's
# configuration and its operation Google documents none, see sandbox/services/aiplatform/permissions.py.
MANAGED_LOG: Final[dict[str, str]] = {
    "aiplatform.endpoints.setPublisherModelConfig": "roles/aiplatform.admin",
    "aiplatform.endpoints.get": _VERTEX,
    "aiplatform.operations.list": _VERTEX,
}
# The key of the Developer API, with `gemini-vertex:fallback`: in one place or the other.
SECRET_MANAGER: Final[dict[str, str]] = {
    "secretmanager.secrets.create": _SECRETS,
    "secretmanager.secrets.delete": _SECRETS,
    "secretmanager.secrets.get": _SECRETS,
    "secretmanager.secrets.getIamPolicy": _SECRETS,
    "secretmanager.secrets.setIamPolicy": _SECRETS,
    "secretmanager.versions.access": _SECRETS,
    "secretmanager.versions.add": _SECRETS,
    "secretmanager.versions.destroy": _SECRETS,
    "secretmanager.versions.enable": _SECRETS,
    "secretmanager.versions.get": _SECRETS,
}
KUBERNETES_SECRET: Final[dict[str, str]] = {
    "container.secrets.create": _CLUSTER,
    "container.secrets.delete": _CLUSTER,
    "container.secrets.get": _CLUSTER,
    "container.secrets.update": _CLUSTER,
}
# Only for `preflight --request-quota`.
REQUEST_QUOTA: Final[dict[str, str]] = {
    "cloudquotas.quotas.get": "roles/cloudquotas.admin",
    "cloudquotas.quotas.update": "roles/cloudquotas.admin",
}
# What puts back a change by hand to what a stack makes and never changes; in no role, but errors advise it.
REPAIR: Final[dict[str, str]] = {
    "compute.networks.update": _NETWORKS,
    "compute.subnetworks.update": _NETWORKS,
    "container.namespaces.update": _CLUSTER,
    "dns.managedZones.update": _NAMES,
    "dns.resourceRecordSets.update": _NAMES,
    "iam.serviceAccounts.update": _ACCOUNTS,
    "monitoring.notificationChannels.update": "roles/monitoring.editor",
    "monitoring.services.update": "roles/monitoring.editor",
    "networkconnectivity.serviceConnectionPolicies.update": _NETWORKS,
    "secretmanager.secrets.update": _SECRETS,
}
OPTIONAL: Final[dict[str, str]] = {
    **PRIVATE,
    **MONITORING,
    **LOG_ALERT,
    **REQUEST_LOG,
    **MANAGED_LOG,
    **SECRET_MANAGER,
    **KUBERNETES_SECRET,
}
# Verbs that change nothing, and what only a change is waited for by.
_READING: Final = ("get", "getIamPolicy", "list", "access")
_WAITING: Final = ("operations", "globalOperations", "regionOperations", "changes")
_ROLE_OF: Final[dict[str, str]] = {**OPTIONAL, **PROJECT, **ORGANIZATION, **REPAIR, **REQUEST_QUOTA}
_PERMISSION = re.compile(r"\b[a-z]+\.[a-zA-Z]+\.[a-zA-Z]+\b")


def role_with(permission: str) -> str | None:
    """One of Google's roles that has the permission, or None where it is none of those above."""
    return _ROLE_OF.get(permission)


def reads(permission: str) -> bool:
    """Whether a preview or a refresh takes the permission. A key in Secret Manager is read by a refresh too."""
    _, kind, verb = permission.split(".")
    return verb in _READING and kind not in _WAITING


def named_in(text: str) -> str | None:
    """The first permission of those above that an error names, or None."""
    return next((found for found in _PERMISSION.findall(text) if found in _ROLE_OF), None)
