"""serviceusage: which APIs a project has enabled.

Discovery: serviceusage v1. Error shapes as gcloud shows them for services enable (cloud.google.com/service-usage/docs).
"""

import functools
import re
import uuid
from typing import TYPE_CHECKING

from sandbox import discovery, registry
from sandbox.errors import (
    GoogleError,
    Json,
    error_info,
    failed_precondition,
    invalid_argument,
    permission_denied,
)
from sandbox.operations import completion
from sandbox.registry import Call, method
from sandbox.services import iam_policies, long_running
from sandbox.services.paging import page

if TYPE_CHECKING:
    from sandbox.core import Sandbox

KIND = "enabledService"
_TYPE = "type.googleapis.com/google.api.serviceusage.v1."
_ENABLED_AT_BIRTH = (
    "bigquery",
    "bigquerymigration",
    "bigquerystorage",
    "cloudapis",
    "cloudresourcemanager",
    "cloudtrace",
    "datastore",
    "logging",
    "monitoring",
    "servicemanagement",
    "serviceusage",
    "sql-component",
    "storage",
    "storage-api",
    "storage-component",
)
_WITHOUT_DISCOVERY = (
    "artifactregistry",
    "cloudquotas",
    "containerregistry",
    "generativelanguage",
    "iamcredentials",
    "servicenetworking",
)
_DEPENDS_ON = {
    "container.googleapis.com": ("compute.googleapis.com",),
    "dataflow.googleapis.com": ("compute.googleapis.com",),
    "notebooks.googleapis.com": ("compute.googleapis.com",),
}
_MOST_AT_ONCE = 20


@functools.cache
def known_services() -> frozenset[str]:
    """Every API that exists: those that Google's client has a discovery document of, and the few that have none."""
    documented = {path.name.partition(".")[0] for path in discovery.documents_folder().glob("*.json")}
    return frozenset(f"{name}.googleapis.com" for name in {*documented, *_ENABLED_AT_BIRTH, *_WITHOUT_DISCOVERY})


@registry.enablement
def is_enabled(sandbox: "Sandbox", project: str, service: str) -> bool:
    """Whether the API ("aiplatform.googleapis.com") is enabled in the project, given by its id."""
    return sandbox.store.get(KIND, f"{project}/{service}") is not None


@registry.seed
def _seed(sandbox: "Sandbox") -> None:
    for project in sandbox.store.list("project"):
        for name in _ENABLED_AT_BIRTH:
            sandbox.store.put(KIND, f"{project}/{name}.googleapis.com", {})


@registry.state_view(KIND)
def _hidden(_name: str, _value: Json, _seeded: Json | None) -> None:
    """An enabled API is no resource: it outlives the stack that enabled it, on Google too."""


@method("serviceusage.services.list")
def list_services(call: Call) -> Json:
    """The APIs of a project, all or by `filter=state:ENABLED` or `state:DISABLED`."""
    project = _project(call, call.params["parent"], "serviceusage.services.list")
    state = call.query.get("filter", "").replace(" ", "").removeprefix("state:")
    if state not in ("", "ENABLED", "DISABLED"):
        raise invalid_argument(
            f"Invalid filter {call.query['filter']!r}: the allowed ones are state:ENABLED and state:DISABLED."
        )
    names = sorted(known_services())
    shown = [_shown(call.sandbox, project, name) for name in names]
    return page(call, "services", [s for s in shown if state in ("", s["state"])], default=50, most=200)


@method("serviceusage.services.get")
def get_service(call: Call) -> Json:
    """One API of a project."""
    project = _project(call, call.params["name"], "serviceusage.services.get")
    service = call.params["name"].rpartition("/")[2]
    _check_known([service])
    return _shown(call.sandbox, project, service)


@method("serviceusage.services.enable")
def enable(call: Call) -> Json:
    """Enables one API and those that it depends on."""
    project = _project(call, call.params["name"], "serviceusage.services.enable")
    return _enable(call, project, [call.params["name"].rpartition("/")[2]], batch=False)


@method("serviceusage.services.batchEnable")
def batch_enable(call: Call) -> Json:
    """Enables up to 20 APIs: all of them, or none."""
    project = _project(call, call.params["parent"], "serviceusage.services.enable")
    services = call.body.get("serviceIds", [])
    if not 1 <= len(services) <= _MOST_AT_ONCE:
        raise invalid_argument(f"serviceIds must name 1 to {_MOST_AT_ONCE} services, not {len(services)}.")
    return _enable(call, project, services, batch=True)


@method("serviceusage.services.disable")
def disable(call: Call) -> Json:
    """Disables one API; refused while an enabled one depends on it, unless those are to go as well."""
    project = _project(call, call.params["name"], "serviceusage.services.disable")
    service = call.params["name"].rpartition("/")[2]
    _check_known([service])
    sandbox, project_id = call.sandbox, project["projectId"]
    dependents = [s for s, needs in _DEPENDS_ON.items() if service in needs and is_enabled(sandbox, project_id, s)]
    if dependents and not call.body.get("disableDependentServices"):
        raise failed_precondition(
            f"The service {service} is depended on by the following active service(s): {','.join(dependents)};"
            " Please specify disable_dependent_services=true if you want to proceed with disabling all services."
        )
    return _start(call, "serviceusage.disable", project, [service, *dependents])


@completion("serviceusage.enable")
def _enabled(sandbox: "Sandbox", operation: Json) -> Json:
    args = operation["args"]
    project = args["project"]
    for service in args["services"]:
        for name in (*_DEPENDS_ON.get(service, ()), service):
            sandbox.store.put(KIND, f"{project['projectId']}/{name}", {})
    shown = [_shown(sandbox, project, s) for s in args["services"]]
    if args["batch"]:
        return {"@type": _TYPE + "BatchEnableServicesResponse", "services": shown}
    return {"@type": _TYPE + "EnableServiceResponse", "service": shown[0]}


@completion("serviceusage.disable")
def _disabled(sandbox: "Sandbox", operation: Json) -> Json:
    args = operation["args"]
    for service in args["services"]:
        sandbox.store.delete(KIND, f"{args['project']['projectId']}/{service}")
    return {"@type": _TYPE + "DisableServiceResponse", "service": _shown(sandbox, args["project"], args["services"][0])}


def _enable(call: Call, project: Json, services: list[str], *, batch: bool) -> Json:
    _check_known(services)
    if all(is_enabled(call.sandbox, project["projectId"], s) for s in services):
        response = _enabled(call.sandbox, {"args": {"project": project, "services": services, "batch": batch}})
        return {"name": "operations/noop.DONE_OPERATION", "done": True, "response": response}
    return _start(call, "serviceusage.enable", project, services, batch=batch)


def _start(call: Call, handler: str, project: Json, services: list[str], *, batch: bool = False) -> Json:
    number = project["projectNumber"]
    name = f"operations/acf.p2-{number}-{uuid.uuid4()}"
    metadata = {
        "@type": _TYPE + "OperationMetadata",
        "resourceNames": [f"projects/{number}/services/{s}" for s in services],
    }
    args = {"project": project, "services": services, "batch": batch}
    return long_running.start(call, handler, name, args, metadata)


def _project(call: Call, name: str, permission: str) -> Json:
    """The project that a resource name opens with, after the check that it exists and the caller may do this there."""
    found = re.match(r"projects/([^/]+)", name)
    if not found:
        raise invalid_argument(f"{name} names no project: expected projects/PROJECT.")
    project = call.sandbox.require_project(found.group(1), "serviceusage")
    if not iam_policies.allowed(call.sandbox, call.principal.member, f"projects/{project['projectId']}", permission):
        verb = permission.rpartition(".")[2]
        raise permission_denied(
            f"Permission denied to {verb} service [{name.rpartition('/')[2]}]",
            [error_info("AUTH_PERMISSION_DENIED", {}, "serviceusage.googleapis.com")],
        )
    return project


def _check_known(services: list[str]) -> None:
    unknown = sorted(set(services) - known_services())
    if unknown:
        names = ", ".join(unknown)
        metadata = {"services": ",".join(unknown)}
        raise GoogleError(
            403,
            "PERMISSION_DENIED",
            f"Not found or permission denied for service(s): {names}.",
            [error_info("SERVICE_CONFIG_NOT_FOUND_OR_PERMISSION_DENIED", metadata, "serviceusage.googleapis.com")],
        )


def _shown(sandbox: "Sandbox", project: Json, service: str) -> Json:
    parent = f"projects/{project['projectNumber']}"
    enabled = is_enabled(sandbox, project["projectId"], service)
    return {
        "name": f"{parent}/services/{service}",
        "config": {"name": service},
        "state": "ENABLED" if enabled else "DISABLED",
        "parent": parent,
    }
