"""cloudresourcemanager v1 and v3: projects, their IAM policies, and the organization."""

import functools
import re
from collections.abc import Callable
from fnmatch import fnmatchcase

from sandbox.core import ORGANIZATION
from sandbox.errors import GoogleError, Json, error_info, invalid_argument, permission_denied
from sandbox.registry import Call, method, not_imitated
from sandbox.services import filters, iam_policies
from sandbox.services.paging import page

_ORGANIZATIONS = {
    version: {"name": f"organizations/{ORGANIZATION}", "displayName": "sandbox.example", state: "ACTIVE"}
    for version, state in (("v1", "lifecycleState"), ("v3", "state"))
}


@method("cloudresourcemanager.projects.get", version="v1")
def get_project_v1(call: Call) -> Json:
    """A project by id or number."""
    return _v1(_project(call, call.params["projectId"], "resourcemanager.projects.get"))


@method("cloudresourcemanager.projects.list", version="v1")
def list_projects_v1(call: Call) -> Json:
    """The projects that the caller may see, by `field:value` of lifecycleState, id, name, parent.type, parent.id."""
    seen = [_v1(p) for p in call.sandbox.store.list("project").values() if _may_see(call, p)]
    wanted = filters.compiled(call.query.get("filter", ""), functools.partial(_project_term, call))
    return page(call, "projects", [p for p in seen if wanted(p)])


def _may_see(call: Call, project: Json) -> bool:
    resource = f"projects/{project['projectId']}"
    return iam_policies.allowed(call.sandbox, call.principal.member, resource, "resourcemanager.projects.get")


def _project_term(call: Call, field: str, operator: str, value: str) -> filters.Predicate:
    """One term of a filter; case does not count, and a star at the end stands for any rest."""
    fields: dict[str, Callable[[Json], str | None]] = {
        "name": lambda project: project["name"],
        "id": lambda project: project["projectId"],
        "projectid": lambda project: project["projectId"],
        "lifecyclestate": lambda project: project["lifecycleState"],
        "parent.type": lambda project: project["parent"]["type"],
        "parent.id": lambda project: project["parent"]["id"],
    }
    name, dot, label = field.partition(".")
    read = fields.get(field.lower())
    if name.lower() == "labels" and dot:
        read = lambda project: project.get("labels", {}).get(label)  # noqa: E731 - one of the table's kind
    if operator not in (":", "=") or read is None:
        raise not_imitated(call, f"the filter {field}{operator}{value}")
    pattern, found = value.lower(), read
    return lambda project: found(project) is not None and fnmatchcase(str(found(project)).lower(), pattern)


def _v1(project: Json) -> Json:
    return {
        "projectId": project["projectId"],
        "projectNumber": project["projectNumber"],
        "name": project.get("name", project["projectId"]),
        "lifecycleState": "ACTIVE",
        "parent": {"type": "organization", "id": project["organization"]},
        **_labels(project),
    }


def _labels(project: Json) -> Json:
    return {"labels": project["labels"]} if project.get("labels") else {}


@method("cloudresourcemanager.projects.update", version="v1")
def update_project_v1(call: Call) -> Json:
    """Gives a project another name and other labels; what the body lacks is gone."""
    project = _project(call, call.params["projectId"], "resourcemanager.projects.update")
    name = call.body.get("name", "")
    if name and not re.fullmatch(r"[A-Za-z0-9'\" !-]{4,30}", name):
        raise invalid_argument(
            f"field [display_name] has issue [{name!r} must have 4 to 30 letters, digits, hyphens, quotes, spaces and"
            " exclamation points]"
        )
    if call.body.get("parent", {}).get("id", project["organization"]) != project["organization"]:
        raise not_imitated(call, "another parent")
    kept = {k: v for k, v in project.items() if k not in ("name", "labels")}
    given: Json = {k: v for k, v in call.body.items() if k in ("name", "labels")}
    if given.get("name") == project["projectId"]:
        del given["name"]
    call.sandbox.store.put("project", project["projectId"], {**kept, **given})
    return _v1({**kept, **given})


@method("cloudresourcemanager.projects.get", version="v3")
def get_project_v3(call: Call) -> Json:
    """A project by id or number."""
    project = _project(call, call.params["name"], "resourcemanager.projects.get")
    return {
        "name": f"projects/{project['projectNumber']}",
        "projectId": project["projectId"],
        "displayName": project.get("name", project["projectId"]),
        "parent": f"organizations/{project['organization']}",
        "state": "ACTIVE",
        **_labels(project),
    }


@method("cloudresourcemanager.projects.getAncestry")
def get_ancestry(call: Call) -> Json:
    """The project and what is above it, nearest first."""
    project = _project(call, call.params["projectId"], "resourcemanager.projects.get")
    ids = [("project", project["projectId"]), ("organization", project["organization"])]
    return {"ancestor": [{"resourceId": {"type": kind, "id": value}} for kind, value in ids]}


@method("cloudresourcemanager.projects.getIamPolicy")
def get_project_policy(call: Call) -> Json:
    """A project's IAM policy."""
    project = _project(call, call.params["resource"], "resourcemanager.projects.getIamPolicy")
    version = call.body.get("options", {}).get("requestedPolicyVersion", 0)
    return iam_policies.get_policy(call.sandbox, f"projects/{project['projectId']}", version)


@method("cloudresourcemanager.projects.setIamPolicy")
def set_project_policy(call: Call) -> Json:
    """Replaces a project's IAM policy, with its etag read-modify-write."""
    project = _project(call, call.params["resource"], "resourcemanager.projects.setIamPolicy")
    return iam_policies.set_policy(call.sandbox, f"projects/{project['projectId']}", call.body.get("policy", {}))


@method("cloudresourcemanager.projects.testIamPermissions")
def test_project_permissions(call: Call) -> Json:
    """Which permissions the caller has on a project."""
    project = _project(call, call.params["resource"], "")
    return iam_policies.held(call, f"projects/{project['projectId']}")


@method("cloudresourcemanager.organizations.get", version="v1")
def get_organization_v1(call: Call) -> Json:
    """The organization."""
    _organization(call, call.params["name"], "resourcemanager.organizations.get")
    return dict(_ORGANIZATIONS["v1"])


@method("cloudresourcemanager.organizations.get", version="v3")
def get_organization_v3(call: Call) -> Json:
    """The organization."""
    _organization(call, call.params["name"], "resourcemanager.organizations.get")
    return dict(_ORGANIZATIONS["v3"])


@method("cloudresourcemanager.organizations.search")
def search_organizations(call: Call) -> Json:
    """The organization, for who may see it: all, or by `domain:` or the customer id of its owner."""
    permission = "resourcemanager.organizations.get"
    seen = iam_policies.allowed(call.sandbox, call.principal.member, f"organizations/{ORGANIZATION}", permission)
    wanted = filters.compiled(call.body.get("filter", "") or call.query.get("query", ""), _organization_term)
    found = [_ORGANIZATIONS[call.version]] if seen else []
    return page(call, "organizations", [dict(each) for each in found if wanted(each)])


def _organization_term(field: str, operator: str, value: str) -> filters.Predicate:
    """One term; case does not count. The sandbox's organization has no customer id."""
    known = ("domain", "directorycustomerid", "owner.directorycustomerid")
    if operator not in (":", "=") or field.lower() not in known:
        raise invalid_argument(f"The filter {field}{operator}{value} names none of {', '.join(known)}.")
    return lambda found: field.lower() == "domain" and found["displayName"] == value.lower()


@method("cloudresourcemanager.organizations.getIamPolicy")
def get_organization_policy(call: Call) -> Json:
    """The organization's IAM policy."""
    name = _organization(call, call.params["resource"], "resourcemanager.organizations.getIamPolicy")
    version = call.body.get("options", {}).get("requestedPolicyVersion", 0)
    return iam_policies.get_policy(call.sandbox, name, version)


@method("cloudresourcemanager.organizations.setIamPolicy")
def set_organization_policy(call: Call) -> Json:
    """Replaces the organization's IAM policy."""
    name = _organization(call, call.params["resource"], "resourcemanager.organizations.setIamPolicy")
    return iam_policies.set_policy(call.sandbox, name, call.body.get("policy", {}))


@method("cloudresourcemanager.organizations.testIamPermissions")
def test_organization_permissions(call: Call) -> Json:
    """Which permissions the caller has on the organization."""
    return iam_policies.held(call, _organization(call, call.params["resource"], ""))


def _project(call: Call, name: str, permission: str) -> Json:
    """The project, if it exists and the caller may do this there: Google's 403 does not tell the two apart."""
    wanted = name.removeprefix("projects/")
    found = call.sandbox.project(wanted)
    if found is None:
        raise _denied(call, permission or "resourcemanager.projects.get", f"projects/{wanted}")
    if permission:
        _require(call, f"projects/{found['projectId']}", permission)
    return found


def _organization(call: Call, name: str, permission: str) -> str:
    if name.removeprefix("organizations/") != ORGANIZATION:
        raise _denied(call, permission or "resourcemanager.organizations.get", name)
    if permission:
        _require(call, f"organizations/{ORGANIZATION}", permission)
    return f"organizations/{ORGANIZATION}"


def _require(call: Call, resource: str, permission: str) -> None:
    if not iam_policies.allowed(call.sandbox, call.principal.member, resource, permission):
        raise _denied(call, permission, resource)


def _denied(call: Call, permission: str, resource: str) -> GoogleError:
    if call.version == "v1":
        return permission_denied("The caller does not have permission")
    full = f"//cloudresourcemanager.googleapis.com/{resource}"
    metadata = {"permission": permission, "resource": resource}
    return permission_denied(
        f"Permission '{permission}' denied on resource '{full}' (or it may not exist).",
        [error_info("IAM_PERMISSION_DENIED", metadata, "cloudresourcemanager.googleapis.com")],
    )
