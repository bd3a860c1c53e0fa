"""bigquery v2: datasets, without tables. Rules: the discovery document's descriptions of Dataset."""

import re

from sandbox.errors import GoogleError, Json, already_exists, error_info, invalid_argument, not_found
from sandbox.registry import Call, method
from sandbox.services import iam_policies
from sandbox.services.paging import page

KIND = "dataset"
_ID = re.compile(r"[A-Za-z0-9_]{1,1024}")
_LEAST_EXPIRATION_MS = 3_600_000
_TIME_TRAVEL_HOURS = "168"
_FIXED = ("datasetReference", "location", "id", "kind", "selfLink", "creationTime", "type")


@method("bigquery.datasets.insert")
def insert(call: Call) -> Json:
    """A new dataset, in the US unless another location is given; whoever makes it owns it."""
    project = _project(call, "bigquery.datasets.create")
    dataset_id = call.body.get("datasetReference", {}).get("datasetId", "")
    if not _ID.fullmatch(dataset_id):
        raise invalid_argument(
            f'Invalid dataset ID "{dataset_id}". Dataset IDs must be alphanumeric (plus underscores) and must be at'
            " most 1024 characters long."
        )
    name = f"{project['projectId']}:{dataset_id}"
    if call.sandbox.store.get(KIND, name):
        raise already_exists(f"Already Exists: Dataset {name}")
    access = [
        {"role": "WRITER", "specialGroup": "projectWriters"},
        {"role": "OWNER", "specialGroup": "projectOwners"},
        {"role": "OWNER", "userByEmail": call.principal.email},
        {"role": "READER", "specialGroup": "projectReaders"},
    ]
    made = {
        "kind": "bigquery#dataset",
        "id": name,
        "selfLink": f"https://bigquery.googleapis.com/bigquery/v2/projects/{project['projectId']}/datasets/{dataset_id}",
        "type": "DEFAULT",
        "location": "US",
        "access": access,
        "creationTime": _milliseconds(call),
        **call.body,
        "datasetReference": {"projectId": project["projectId"], "datasetId": dataset_id},
    }
    return _put(call, name, made)


@method("bigquery.datasets.get")
def get(call: Call) -> Json:
    """One dataset."""
    return _find(call, "bigquery.datasets.get")[1]


@method("bigquery.datasets.list")
def list_datasets(call: Call) -> Json:
    """The datasets of a project, in short."""
    project = _project(call, "bigquery.datasets.get")
    shown = ("kind", "id", "datasetReference", "labels", "friendlyName", "location")
    found = call.sandbox.store.list(KIND, f"{project['projectId']}:").values()
    short = [{name: dataset[name] for name in shown if name in dataset} for dataset in found]
    return {"kind": "bigquery#datasetList", "etag": "0", **page(call, "datasets", short)}


@method("bigquery.datasets.patch")
def patch(call: Call) -> Json:
    """Changes the fields that are given; a null clears one."""
    name, dataset = _find(call, "bigquery.datasets.update")
    return _put(call, name, {**dataset, **_changes(call, dataset)})


@method("bigquery.datasets.update")
def update(call: Call) -> Json:
    """Replaces all that can change."""
    name, dataset = _find(call, "bigquery.datasets.update")
    kept = {field: dataset[field] for field in (*_FIXED, "access") if field in dataset}
    return _put(call, name, {**kept, **_changes(call, dataset)})


@method("bigquery.datasets.delete")
def delete(call: Call) -> Json:
    """Deletes a dataset."""
    name, _ = _find(call, "bigquery.datasets.delete")
    call.sandbox.store.delete(KIND, name)
    return {}


def _put(call: Call, name: str, dataset: Json) -> Json:
    expiration = int(dataset.get("defaultTableExpirationMs") or 0)
    if 0 < expiration < _LEAST_EXPIRATION_MS:
        raise invalid_argument(
            f"Invalid value for defaultTableExpirationMs: {expiration}. The minimum value is 3600000 milliseconds (one"
            " hour)."
        )
    now = _milliseconds(call)
    etag = f"{now}{len(str(dataset))}"
    whole = {"maxTimeTravelHours": _TIME_TRAVEL_HOURS, **dataset, "lastModifiedTime": now, "etag": etag}
    call.sandbox.store.put(KIND, name, whole)
    return whole


def _changes(call: Call, dataset: Json) -> Json:
    # A reference may leave out the project.
    reference = {**dataset["datasetReference"], **call.body.get("datasetReference", {})}
    for field, given in (("location", call.body.get("location")), ("datasetReference", reference)):
        if given is not None and given != dataset[field]:
            raise invalid_argument(f"Cannot change {field} of dataset {dataset['id']}.")
    return {field: value for field, value in call.body.items() if field not in _FIXED}


def _find(call: Call, permission: str) -> tuple[str, Json]:
    project = _project(call, permission, call.params["datasetId"])
    name = f"{project['projectId']}:{call.params['datasetId']}"
    found = call.sandbox.store.get(KIND, name)
    if found is None:
        raise not_found(f"Not found: Dataset {name}")
    return name, found


def _project(call: Call, permission: str, dataset_id: str = "") -> Json:
    project = call.sandbox.require_project(call.params["projectId"], "bigquery")
    call.sandbox.require_enabled(project, "bigquery", "BigQuery API")
    resource = f"projects/{project['projectId']}"
    if not iam_policies.allowed(call.sandbox, call.principal.member, resource, permission):
        what = f"Dataset {project['projectId']}:{dataset_id}" if dataset_id else f"Project {project['projectId']}"
        raise GoogleError(
            403,
            "PERMISSION_DENIED",
            f"Access Denied: {what}: Permission {permission} denied on {what.lower()} (or it may not exist).",
            [error_info("IAM_PERMISSION_DENIED", {"permission": permission, "resource": resource})],
        )
    return project


def _milliseconds(call: Call) -> str:
    return str(int(call.sandbox.clock.now() * 1000))
