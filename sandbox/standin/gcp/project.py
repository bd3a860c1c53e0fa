"""gcp.organizations.getProject over cloudresourcemanager projects.get."""

from __future__ import annotations

from sandbox.standin.gcp.cloud import Cloud
from sandbox.standin.rest import RestError
from sandbox.standin.values import Props


def get_project(cloud: Cloud, args: Props) -> Props:
    """The invoke: a project by id, else the provider's. Raises RestError when there is none, or none may be seen."""
    project = cloud.project_of({"project": args.get("projectId")})
    live = cloud.rest.call("GET", f"cloudresourcemanager/v1/projects/{project}")
    if live.get("lifecycleState") != "ACTIVE":
        raise RestError(f"projects/{project} is not ACTIVE but {live.get('lifecycleState')}.")
    parent, labels = live.get("parent", {}), live.get("labels", {})
    return {
        "autoCreateNetwork": True,
        "billingAccount": "",
        "deletionPolicy": "PREVENT",
        "effectiveLabels": labels,
        "folderId": parent.get("id", "") if parent.get("type") == "folder" else "",
        "id": f"projects/{live['projectId']}",
        "labels": labels,
        "name": live.get("name", ""),
        "number": live["projectNumber"],
        "orgId": parent.get("id", "") if parent.get("type") == "organization" else "",
        "projectId": live["projectId"],
        "pulumiLabels": labels,
        "tags": {},
    }
