"""What must be there before the stack in its cluster: the workload identity pool."""

from preflight.finding import Finding
from preflight.google import Google, RefusedError, unmade
from settings import Settings


def check_pool(google: Google, settings: Settings) -> Finding:
    """The pool PROJECT.svc.id.goog, which Google makes with the first cluster that has Workload Identity on.

    Seen by the project's clusters (container v1 `projects.locations.clusters.list`): the pool has no API of its own.
    """
    pool = f"{settings.project}.svc.id.goog"
    try:
        listed = google.get("container.googleapis.com", f"v1/projects/{settings.project}/locations/-/clusters")
    except RefusedError as error:
        return unmade("workload pool", error, settings.project, "container.clusters.list", google.member)
    clusters = listed.get("clusters", [])
    using = [c["name"] for c in clusters if c.get("workloadIdentityConfig", {}).get("workloadPool") == pool]
    if using:
        return Finding("workload pool", "ok", f"{pool}, of cluster {', '.join(using)}")
    if clusters:
        name, location = clusters[0]["name"], clusters[0].get("location", "LOCATION")
        seen = f"no cluster of the project uses {pool}"
        fix = f"gcloud container clusters update {name} --location={location} --workload-pool={pool}"
    else:
        seen = f"the project has no cluster, so {pool} does not exist unless one had it before"
        fix = f"gcloud container clusters create-auto NAME --location={settings.region} --project={settings.project}"
    return Finding("workload pool", "fail", seen, fix)
