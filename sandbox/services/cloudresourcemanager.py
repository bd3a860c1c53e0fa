"""cloudresourcemanager v1 and v3: projects, their IAM policies, and the organization."""

from fnmatch import fnmatchcase

from sandbox.core import ORGANIZATION
from sandbox.errors import GoogleError, Json, error_info, permission_denied
from sandbox.registry import Call, method, not_imitated
from sandbox.services import iam_policies
from sandbox.services.paging import page


@method("cloudresourcemanager.projects.get", version="v1")
def get_project_v1(call: Call) -> Json:
    """A project by id or number."""
    return _v1(_project(call, call.params["projectId"], "resourcemanager.projects.get"))


@method("cloudresourcemanager.projects.list", version="v1")
def list_projects_v1(call: Call) -> Json:
    """The projects that the caller may see, by `field:value` of lifecycleState, id, name, parent.type, parent.id."""
    seen = [p for p in call.sandbox.store.list("project").values() if _may_see(call, p)]
    terms = [term.partition(":") for term in call.query.get("filter", "").replace(" AND ", " ").split()]
    return page(call, "projects", [p for p in map(_v1, seen) if all(_fits(call, p, *term) for term in terms)])


def _may_see(call: Call, project: Json) -> bool:
    resource = f"projects/{project['projectId']}"
    return iam_policies.allowed(call.sandbox, call.principal.member, resource, "resourcemanager.projects.get")


def _fits(call: Call, project: Json, field: str, colon: str, value: str) -> bool:
    """One term of a filter; case does not count, and a star at the end stands for any rest."""
    parent = project["parent"]
    values = {
        "name": project["name"],
        "id": project["projectId"],
        "projectid": project["projectId"],
        "lifecyclestate": project["lifecycleState"],
        "parent.type": parent["type"],
        "parent.id": parent["id"],
    }
    if not colon or field.lower() not in values:
        raise not_imitated(call, f"the filter {field}{colon}{value}")
    return fnmatchcase(values[field.lower()].lower(), value.lower())


def _v1(project: Json) -> Json:
    return {
        "projectId": project["projectId"],
        "projectNumber": project["projectNumber"],
        "name": project["projectId"],
        "lifecycleState": "ACTIVE",
        "parent": {"type": "organization", "id": project["organization"]},
    }


@method("cloudresourcemanager.projects.get", version="v3")
def get_project_v3(call: Call) -> Json:
    """A project by id or number."""
    project = _project(call, call.params["name"], "resourcemanager.projects.get")
    return {
        "name": f"projects/{project['projectNumber']}",
        "projectId": project["projectId"],
        "displayName": project["projectId"],
        "parent": f"organizations/{project['organization']}",
        "state": "ACTIVE",
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
    name = _organization(call, call.params["name"], "resourcemanager.organizations.get")
    return {"name": name, "displayName": "sandbox.example", "lifecycleState": "ACTIVE"}


@method("cloudresourcemanager.organizations.get", version="v3")
def get_organization_v3(call: Call) -> Json:
    """The organization."""
    name = _organization(call, call.params["name"], "resourcemanager.organizations.get")
    return {"name": name, "displayName": "sandbox.example", "state": "ACTIVE"}


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
