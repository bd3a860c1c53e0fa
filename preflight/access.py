"""Credentials, the project, its APIs, and the caller's permissions."""

from collections.abc import Mapping
from dataclasses import dataclass

import permissions
from preflight.finding import Finding
from preflight.google import LOGIN, Google, RefusedError, enabling, granting, unmade
from settings import PrivateSettings, Settings

_RESOURCES = "cloudresourcemanager.googleapis.com"


@dataclass(frozen=True)
class Project:
    """What Google says of the project: its number, and the number of its organization ("" where it is in none)."""

    number: str
    organization: str


def check_project(google: Google, settings: Settings) -> tuple[list[Finding], Project | None]:
    """Whether the credentials are taken and see the project (cloudresourcemanager v1 `projects.get`)."""
    try:
        found = google.get(_RESOURCES, f"v1/projects/{settings.project}")
    except RefusedError as error:
        if error.status == 401:
            return [Finding("credentials", "fail", str(error), LOGIN)], None
        if error.status == 403 and error.reason != "SERVICE_DISABLED":
            seen = f"{settings.project} does not exist, or the credentials lack resourcemanager.projects.get on it"
            fix = f"correct gcp:project, or {granting('roles/browser', settings.project)}"
            return [Finding("credentials", "ok", "taken"), Finding("project", "fail", seen, fix)], None
        return [unmade("project", error, settings.project, "resourcemanager.projects.get")], None
    parent = found.get("parent", {})
    project = Project(found["projectNumber"], parent.get("id", "") if parent.get("type") == "organization" else "")
    where = f"in organization {project.organization}" if project.organization else "in a folder, or in no organization"
    return [
        Finding("credentials", "ok", "taken"),
        Finding("project", "ok", f"{settings.project} (number {project.number}), {where}"),
    ], project


def check_apis(google: Google, settings: Settings) -> list[Finding]:
    """Which of the stack's APIs are enabled (serviceusage v1 `services.list`)."""
    path = f"v1/projects/{settings.project}/services"
    try:
        listed = google.get("serviceusage.googleapis.com", path, filter="state:ENABLED", pageSize="200")
    except RefusedError as error:
        return [unmade("APIs", error, settings.project, "serviceusage.services.list")]
    enabled = {service["name"].rpartition("/")[2] for service in listed.get("services", [])}
    needed = settings.apis
    missing = [api for api in needed if api not in enabled]
    if missing:
        seen = f"{len(missing)} of {len(needed)} not enabled: {', '.join(missing)}"
        return [Finding("APIs", "fail", seen, enabling(missing, settings.project))]
    return [Finding("APIs", "ok", f"all {len(needed)} enabled")]


def permission_groups(settings: Settings) -> dict[str, Mapping[str, str]]:
    """What this stack takes on its project, by what for: each permission with a role that has it."""
    identity, watch, cluster = settings.workload_identity, settings.observability, settings.kubernetes
    log = watch.request_logging if watch else None
    store = settings.fallback.kept.store if settings.fallback else None
    groups: dict[str, tuple[object, Mapping[str, str]]] = {
        "APIs, the project, and its policy, one member at a time": (True, permissions.ALWAYS),
        "the endpoint, its models and their traffic": (settings.endpoint, permissions.ENDPOINT),
        "the predict-only role": (identity.role == "predict-only", permissions.CUSTOM_ROLE),
        "the Google service account": (identity.grant == "impersonation", permissions.IMPERSONATION),
        "the Kubernetes ServiceAccount and the routes' ConfigMap": (cluster, permissions.KUBERNETES),
        "its credentials": (cluster, permissions.CREDENTIALS),
        "its namespace": (cluster and cluster.create_namespace, permissions.NAMESPACE),
        **(_of_the_path(settings.private) if settings.private else {}),
        "the Developer API's key, in Secret Manager": (store == "secret-manager", permissions.SECRET_MANAGER),
        "the Developer API's key, in the cluster": (store == "kubernetes", permissions.KUBERNETES_SECRET),
        "dashboard, alerts and objectives": (watch, permissions.MONITORING),
        "the alert on the perimeter's log": (watch and settings.perimeter.mode != "off", permissions.LOG_ALERT),
        "the dataset of the logged requests": (log, permissions.REQUEST_LOG),
        "what only scripts/preflight.py reads": (True, permissions.PREFLIGHT),
    }
    return {title: table for title, (wanted, table) in groups.items() if wanted}


def _of_the_path(private: PrivateSettings) -> dict[str, tuple[object, Mapping[str, str]]]:
    """What a private path of the stack's own takes, in the stack's project; a shared network's is not asked."""
    ruled = private.address == "forwarding-rule"
    return {
        "the network": (private.subnetwork_range, permissions.NETWORK),
        "the service connection policy": (private.create_connection_policy, permissions.CONNECTION_POLICY),
        "private services access": (private.create_private_services_access, permissions.PRIVATE_SERVICES_ACCESS),
        "the endpoint's own address and name": (ruled, permissions.FORWARDING_RULE),
        "Google's APIs at an address of the network": (private.api_domains, permissions.PRIVATE_APIS),
    }


def needed_permissions(settings: Settings) -> dict[str, str]:
    """What this stack takes on its project, each with a role that has it."""
    return {name: role for table in permission_groups(settings).values() for name, role in table.items()}


def perimeter_groups(settings: Settings) -> dict[str, Mapping[str, str]]:
    """What its perimeter takes on the organization, or on the access policy that the stack names; none without one."""
    if settings.perimeter.mode == "off":
        return {}
    if settings.perimeter.access_policy:
        return {"the perimeter": permissions.PERIMETER}
    return {"the perimeter": permissions.PERIMETER, "the access policy": permissions.ACCESS_POLICY}


def check_permissions(google: Google, settings: Settings, project: Project | None) -> list[Finding]:
    """What the caller lacks on the project and, for a perimeter, on the access policy or the organization."""
    name = settings.project
    needed = needed_permissions(settings)
    found = [
        _on(
            google,
            "permissions",
            _RESOURCES,
            f"v1/projects/{name}",
            needed,
            f"gcloud projects add-iam-policy-binding {name}",
        )
    ]
    perimeter = settings.perimeter
    if perimeter.mode == "off":
        return _flat(found)
    if perimeter.access_policy:
        number = perimeter.access_policy
        command = f"gcloud access-context-manager policies add-iam-policy-binding {number}"
        host, resource = "accesscontextmanager.googleapis.com", f"v1/accessPolicies/{number}"
        found.append(_on(google, "permissions: perimeter", host, resource, permissions.PERIMETER, command))
        return _flat(found)
    organization = perimeter.organization or (project.organization if project else "")
    if not organization:
        fix = "set gemini-vertex:perimeter.organization or .accessPolicy (`gcloud organizations list`)"
        seen = "the organization of the project is not known"
        return [*_flat(found), Finding("permissions: perimeter", "fail", seen, fix)]
    command = f"gcloud organizations add-iam-policy-binding {organization}"
    resource = f"v1/organizations/{organization}"
    found.append(_on(google, "permissions: perimeter", _RESOURCES, resource, permissions.ORGANIZATION, command))
    return _flat(found)


def _flat(found: list[list[Finding]]) -> list[Finding]:
    return [finding for findings in found for finding in findings]


def _on(google: Google, check: str, host: str, resource: str, needed: Mapping[str, str], command: str) -> list[Finding]:
    """One finding for each role that is missing, so that each has its own command."""
    try:
        held = google.held(host, resource, sorted(needed))
    except RefusedError as error:
        return [unmade(check, error, resource.rpartition("/")[2])]
    by_role: dict[str, list[str]] = {}
    for permission, role in needed.items():
        if permission not in held:
            by_role.setdefault(role, []).append(permission)
    if not by_role:
        return [Finding(check, "ok", f"all {len(needed)} held on {resource.partition('/')[2]}")]
    return [
        Finding(check, "fail", f"missing: {', '.join(missing)}", f"{command} --member=user:YOUR_ACCOUNT --role={role}")
        for role, missing in by_role.items()
    ]
