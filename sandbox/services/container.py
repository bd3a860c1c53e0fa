"""container v1: the project's GKE cluster, which has Workload Identity on, as the Kubernetes API of the sandbox is its.

Clusters are only read: what `projects.locations.clusters` lists is what the sandbox was seeded with.
"""

from typing import TYPE_CHECKING

from sandbox import registry
from sandbox.errors import Json, not_found
from sandbox.registry import Call, method
from sandbox.services import iam_policies

if TYPE_CHECKING:
    from sandbox.core import Sandbox

KIND = "gkeCluster"
_CLUSTERS = ("container.projects.locations.clusters.", "container.projects.zones.clusters.")

registry.needs_enabling("container")


@registry.seed
def _seed(sandbox: "Sandbox") -> None:
    for project in sandbox.store.list("project"):
        cluster = {
            "name": "sandbox",
            "location": "us-central1",
            "status": "RUNNING",
            "workloadIdentityConfig": {"workloadPool": f"{project}.svc.id.goog"},
        }
        sandbox.store.put(KIND, f"{project}/us-central1/sandbox", cluster)


@method(*(prefix + "list" for prefix in _CLUSTERS))
def list_clusters(call: Call) -> Json:
    """The clusters of a project, in one location or, with `-`, in all."""
    if "parent" in call.params:
        _, project, _, location = call.params["parent"].split("/")
    else:
        project, location = call.params["projectId"], call.params["zone"]
    project = _project(call, project, "container.clusters.list")
    prefix = f"{project}/" if location == "-" else f"{project}/{location}/"
    found = list(call.sandbox.store.list(KIND, prefix).values())
    return {"clusters": found} if found else {}


@method(*(prefix + "get" for prefix in _CLUSTERS))
def get_cluster(call: Call) -> Json:
    """One cluster."""
    if "name" in call.params:
        _, project, _, location, _, name = call.params["name"].split("/")
    else:
        project, location, name = call.params["projectId"], call.params["zone"], call.params["clusterId"]
    found = call.sandbox.store.get(KIND, f"{_project(call, project, 'container.clusters.get')}/{location}/{name}")
    if found is None:
        raise not_found(f"Not found: projects/{project}/locations/{location}/clusters/{name}.")
    return found


def _project(call: Call, name: str, permission: str) -> str:
    project: str = call.sandbox.require_project(name, "container")["projectId"]
    iam_policies.require(call, f"projects/{project}", permission)
    return project
