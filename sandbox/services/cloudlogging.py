"""logging v2: entries.list over what audit.py writes. Rules: the discovery document's descriptions of logging v2."""

from sandbox.errors import Json, error_info, invalid_argument, permission_denied
from sandbox.listing import page
from sandbox.registry import Call, method
from sandbox.services import filters, iam_policies
from sandbox.services.audit import ENTRY

_PERMISSION = "logging.logEntries.list"
_SERVICE = "logging"


@method("logging.entries.list")
def list_entries(call: Call) -> Json:
    """The entries of the named projects that satisfy the filter, oldest first or by `timestamp desc`."""
    names = [*call.body.get("resourceNames", []), *(f"projects/{p}" for p in call.body.get("projectIds", []))]
    if not names:
        raise invalid_argument("At least one resource name must be specified.")
    order = call.body.get("orderBy", "").split()
    if order not in ([], ["timestamp"], ["timestamp", "asc"], ["timestamp", "desc"]):
        raise invalid_argument(f'orderBy {call.body["orderBy"]!r} is neither "timestamp asc" nor "timestamp desc".')
    projects = {_project(call, name) for name in names}
    wanted = filters.compiled(call.body.get("filter", ""))
    found = [
        entry
        for entry in call.sandbox.store.list(ENTRY).values()
        if entry["logName"].split("/")[1] in projects and wanted(entry)
    ]
    found.sort(key=lambda entry: entry["timestamp"], reverse=order[1:] == ["desc"])
    query = {"pageSize": str(call.body.get("pageSize", 0)), "pageToken": call.body.get("pageToken", "")}
    entries, token = page(found, query, default=50, most=1000)
    answer: Json = {"entries": entries} if entries else {}
    return {**answer, "nextPageToken": token} if token else answer


def _project(call: Call, name: str) -> str:
    """The id of the project that a resource name opens with, if the caller may read its log."""
    kind, _, rest = name.partition("/")
    if kind != "projects" or not rest:
        raise invalid_argument(f"resourceNames: {name!r} is not projects/PROJECT, which is all that the sandbox has.")
    project = call.sandbox.require_project(rest.split("/")[0], _SERVICE)
    resource = f"projects/{project['projectId']}"
    if not iam_policies.allowed(call.sandbox, call.principal.member, resource, _PERMISSION):
        raise permission_denied(
            f"Permission '{_PERMISSION}' denied on resource (or it may not exist).",
            [
                error_info(
                    "IAM_PERMISSION_DENIED", {"permission": _PERMISSION, "resource": resource}, "iam.googleapis.com"
                )
            ],
        )
    return str(project["projectId"])
