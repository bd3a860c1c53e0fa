"""Credentials, the project, its APIs, and the caller's permissions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import permissions
from preflight.finding import Finding
from preflight.google import LOGIN, Google, RefusedError, enabling, granting, unmade
from preflight.network import place_of
from settings import PrivateSettings, Settings

_RESOURCES = "cloudresourcemanager.googleapis.com"
_POLICIES = "networkconnectivity.googleapis.com"
_LIST_POLICIES = "networkconnectivity.serviceConnectionPolicies.list"
_ONLY_READ = "what only scripts/preflight.py reads"
# What a shared network's own project is asked for, of the addresses and zones that are made in the stack's.
_USED = ("compute.networks.use", "compute.subnetworks.use", "dns.networks.bindPrivateDNSZone")


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
            grant = granting("roles/browser", f"projects {settings.project}", google.member)
            fix = f"correct gcp:project, or {grant}"
            return [_taken(google), Finding("project", "fail", seen, fix)], None
        return [unmade("project", error, settings.project, "resourcemanager.projects.get", google.member)], None
    parent = found.get("parent", {})
    project = Project(found["projectNumber"], parent.get("id", "") if parent.get("type") == "organization" else "")
    where = f"in organization {project.organization}" if project.organization else "in a folder, or in no organization"
    return [
        _taken(google),
        Finding("project", "ok", f"{settings.project} (number {project.number}), {where}"),
    ], project


def _taken(google: Google) -> Finding:
    unknown = "; whose they are Google does not say: MEMBER in the commands is user:EMAIL or serviceAccount:EMAIL"
    return Finding("credentials", "ok", f"taken, as {google.member}" if google.member else f"taken{unknown}")


def check_apis(google: Google, settings: Settings) -> list[Finding]:
    """Which of the APIs are enabled that the stack or this look calls (serviceusage v1 `services.list`)."""
    path = f"v1/projects/{settings.project}/services"
    try:
        listed = google.get("serviceusage.googleapis.com", path, filter="state:ENABLED", pageSize="200")
    except RefusedError as error:
        return [unmade("APIs", error, settings.project, "serviceusage.services.list", google.member)]
    enabled = {service["name"].rpartition("/")[2] for service in listed.get("services", [])}
    needed = list(settings.apis)
    if _automatic(settings) and not _shared(settings) and _POLICIES not in needed:
        # The stack does not call it for a policy that is there, but no policy is without it.
        needed.append(_POLICIES)
    missing = [api for api in needed if api not in enabled]
    if missing:
        seen = f"{len(missing)} of {len(needed)} not enabled: {', '.join(missing)}"
        return [Finding("APIs", "fail", seen, enabling(missing, settings.project))]
    return [Finding("APIs", "ok", f"all {len(needed)} enabled")]


class PermissionGroups(NamedTuple):
    """Permissions on a stack's project, by what they are for: each with one of Google's roles that has it.

    Attributes:
        stack: what `pulumi up`, `refresh` and `destroy` take.
        preflight: what only preflight reads, beyond that.
    """

    stack: dict[str, Mapping[str, str]]
    preflight: dict[str, Mapping[str, str]]


def permission_groups(settings: Settings) -> PermissionGroups:
    """What this stack, and preflight of it, take on its project."""
    identity, watch, cluster = settings.workload_identity, settings.observability, settings.kubernetes
    log = watch.request_logging if watch else None
    store = settings.fallback.kept.store if settings.fallback else None
    asks_policies = _automatic(settings) and not _shared(settings)
    read = {name: role for name, role in permissions.PREFLIGHT.items() if asks_policies or name != _LIST_POLICIES}
    groups: dict[str, tuple[object, Mapping[str, str]]] = {
        "APIs, the project, and its policy, one member at a time": (True, permissions.ALWAYS),
        "the endpoint, its models and their traffic": (settings.endpoint, permissions.ENDPOINT),
        "the predict-only role": (identity.role == "predict-only", permissions.CUSTOM_ROLE),
        "the Google service account": (identity.grant == "impersonation", permissions.IMPERSONATION),
        "the Kubernetes ServiceAccount and the routes' ConfigMap": (cluster, permissions.KUBERNETES),
        "its credentials": (cluster, permissions.CREDENTIALS),
        "its namespace": (cluster and cluster.create_namespace, permissions.NAMESPACE),
        **(_of_the_path(settings.private, _shared(settings)) if settings.private else {}),
        "the Developer API's key, in Secret Manager": (store == "secret-manager", permissions.SECRET_MANAGER),
        "the Developer API's key, in the cluster": (store == "kubernetes", permissions.KUBERNETES_SECRET),
        "dashboard, alerts and objectives": (watch, permissions.MONITORING),
        "the alert on the perimeter's log": (watch and settings.perimeter.mode != "off", permissions.LOG_ALERT),
        "the dataset of the logged requests": (log, permissions.REQUEST_LOG),
        "the log of the managed models' requests": (log and settings.managed, permissions.MANAGED_LOG),
    }
    only_read: dict[str, Mapping[str, str]] = {_ONLY_READ: read}
    if settings.private and _asks_subnetwork(settings.private, _shared(settings)):
        only_read[f"{_ONLY_READ} of the subnetwork"] = permissions.PREFLIGHT_SUBNETWORK
    return PermissionGroups({title: table for title, (wanted, table) in groups.items() if wanted}, only_read)


def _automatic(settings: Settings) -> bool:
    """Whether Google makes the endpoint's address, by a service connection policy."""
    endpoint = settings.endpoint
    return bool(endpoint and endpoint.connectivity == "private-service-connect" and endpoint.address == "automatic")


def _shared(settings: Settings) -> bool:
    """Whether the network is another project's: a Shared VPC."""
    place = place_of(settings)
    return place is not None and place.project != settings.project


def _of_the_path(private: PrivateSettings, shared: bool) -> dict[str, tuple[object, Mapping[str, str]]]:
    """What a private path takes in the stack's project; see `network_permissions` for a shared network's."""
    ruled = private.address == "forwarding-rule"

    def here(table: Mapping[str, str]) -> Mapping[str, str]:
        return {name: role for name, role in table.items() if not (shared and name in _USED)}

    of_the_network = not shared
    peers = private.create_private_services_access
    return {
        "the network": (private.subnetwork_range, permissions.NETWORK),
        "the service connection policy": (
            private.create_connection_policy and of_the_network,
            permissions.CONNECTION_POLICY,
        ),
        "private services access": (peers and of_the_network, permissions.PRIVATE_SERVICES_ACCESS),
        "the endpoint's own address and name": (ruled, here(permissions.FORWARDING_RULE)),
        "Google's APIs at an address of the network": (private.api_domains, here(permissions.PRIVATE_APIS)),
    }


def _asks_subnetwork(private: PrivateSettings, shared: bool) -> bool:
    """Whether preflight looks at a subnetwork of the stack's own project."""
    return not shared and (private.address == "forwarding-rule" or private.create_connection_policy)


def network_permissions(settings: Settings) -> dict[str, str]:
    """What the stack takes on the project of a Shared VPC's network, each with a role; nothing on a network of its own.

    Addresses, rules and zones are in the stack's project and only use the network; a service connection policy and
    private services access are the network's (cloud.google.com/vpc/docs/provisioning-shared-vpc).
    """
    private = settings.private
    if not _shared(settings):
        return {}
    read = ("compute.networks.get", *([_LIST_POLICIES] if _automatic(settings) else []))
    needed = {name: permissions.PREFLIGHT[name] for name in read}
    if private is None:
        return needed
    if private.create_connection_policy:
        needed |= permissions.CONNECTION_POLICY
    if private.create_private_services_access:
        needed |= permissions.PRIVATE_SERVICES_ACCESS
    ruled = private.address == "forwarding-rule"
    if ruled or private.create_connection_policy:
        needed |= permissions.PREFLIGHT_SUBNETWORK
    for wanted, table in ((ruled, permissions.FORWARDING_RULE), (private.api_domains, permissions.PRIVATE_APIS)):
        needed |= {name: role for name, role in table.items() if wanted and name in _USED}
    return needed


def needed_permissions(settings: Settings) -> dict[str, str]:
    """What this stack and preflight of it take on its project, each with a role that has it."""
    tables = [table for groups in permission_groups(settings) for table in groups.values()]
    return {name: role for table in tables for name, role in table.items()}


def perimeter_groups(settings: Settings) -> dict[str, Mapping[str, str]]:
    """What its perimeter takes on the organization, or on the access policy that the stack names; none without one."""
    if settings.perimeter.mode == "off":
        return {}
    if settings.perimeter.access_policy:
        return {"the perimeter": permissions.PERIMETER}
    return {
        "the perimeter": permissions.PERIMETER,
        "the access policy": permissions.ACCESS_POLICY,
        _ONLY_READ: permissions.PREFLIGHT_ORGANIZATION,
    }


def check_permissions(google: Google, settings: Settings, project: Project | None) -> list[Finding]:
    """What the caller lacks: on the project, on a shared network's, and on the access policy or the organization."""
    name = settings.project
    found = _on(google, "permissions", f"v1/projects/{name}", needed_permissions(settings), f"projects {name}")
    place, on_network = place_of(settings), network_permissions(settings)
    if place and on_network:
        resource, gcloud = f"v1/projects/{place.project}", f"projects {place.project}"
        found += _on(google, "permissions: network", resource, on_network, gcloud)
    return found + _on_perimeter(google, settings, project)


def _on_perimeter(google: Google, settings: Settings, project: Project | None) -> list[Finding]:
    check, perimeter = "permissions: perimeter", settings.perimeter
    if perimeter.mode == "off":
        return []
    if perimeter.access_policy:
        number, host = perimeter.access_policy, "accesscontextmanager.googleapis.com"
        gcloud = f"access-context-manager policies {number}"
        return _on(google, check, f"v1/accessPolicies/{number}", permissions.PERIMETER, gcloud, host)
    organization = perimeter.organization or (project.organization if project else "")
    if not organization:
        fix = "set gemini-vertex:perimeter.organization or .accessPolicy (`gcloud organizations list`)"
        return [Finding(check, "fail", "the organization of the project is not known", fix)]
    gcloud = f"organizations {organization}"
    return _on(google, check, f"v1/organizations/{organization}", permissions.ORGANIZATION, gcloud)


def _on(
    google: Google, check: str, resource: str, needed: Mapping[str, str], gcloud: str, host: str = _RESOURCES
) -> list[Finding]:
    """One finding for each role that is missing, so that each has its own command; `gcloud` is the resource there."""
    try:
        held = google.held(host, resource, sorted(needed))
    except RefusedError as error:
        return [unmade(check, error, resource.rpartition("/")[2], member=google.member)]
    by_role: dict[str, list[str]] = {}
    for permission, role in needed.items():
        if permission not in held:
            by_role.setdefault(role, []).append(permission)
    if not by_role:
        return [Finding(check, "ok", f"all {len(needed)} held on {resource.partition('/')[2]}")]
    return [
        Finding(check, "fail", f"missing: {', '.join(missing)}", granting(role, gcloud, google.member))
        for role, missing in by_role.items()
    ]
