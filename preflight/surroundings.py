"""What must be there before the stack: its network, and the cluster's workload identity pool."""

from preflight.finding import Finding
from preflight.google import Google, RefusedError, unmade
from settings import Settings

# What private services access is called among a network's peerings (cloud.google.com/vpc/docs/private-services-access).
_PRIVATE_SERVICES = "servicenetworking-googleapis-com"


def check_network(google: Google, settings: Settings) -> list[Finding]:
    """A private endpoint's network (compute v1 `networks.get`) and, where it is peered, private services access."""
    endpoint = settings.endpoint
    if endpoint is None:
        return [Finding("network", "ok", "no endpoint, so none is needed")]
    if endpoint.connectivity == "public":
        return [Finding("network", "ok", "a public endpoint needs none")]
    owner, name = settings.project, endpoint.network
    if name.startswith("projects/"):
        _, owner, _, _, name = name.split("/")
    try:
        network = google.get("compute.googleapis.com", f"compute/v1/projects/{owner}/global/networks/{name}")
    except RefusedError as error:
        if error.status == 404:
            seen = f"network {name} is not in project {owner}"
            fix = f"gcloud compute networks create {name} --project={owner}, or correct gemini-vertex:endpoint.network"
            return [Finding("network", "fail", seen, fix)]
        return [unmade("network", error, owner, "compute.networks.get")]
    found = [Finding("network", "ok", f"{name} is in project {owner}")]
    if endpoint.connectivity == "peered-network":
        states = {peering.get("name"): peering.get("state") for peering in network.get("peerings", [])}
        if states.get(_PRIVATE_SERVICES) == "ACTIVE":
            found.append(Finding("peering", "ok", f"private services access of {name} is active"))
        else:
            seen = f"network {name} has no active private services access, which a peered endpoint needs"
            fix = (
                f"gcloud compute addresses create vertex-range --global --purpose=VPC_PEERING --prefix-length=16 "
                f"--network={name} --project={owner} && gcloud services vpc-peerings connect "
                f"--service=servicenetworking.googleapis.com --ranges=vertex-range --network={name} --project={owner}"
            )
            found.append(Finding("peering", "fail", seen, fix))
    return found


def check_pool(google: Google, settings: Settings) -> Finding:
    """The pool PROJECT.svc.id.goog, which Google makes with the first cluster that has Workload Identity on.

    Seen by the project's clusters (container v1 `projects.locations.clusters.list`): the pool has no API of its own.
    """
    pool = f"{settings.project}.svc.id.goog"
    try:
        listed = google.get("container.googleapis.com", f"v1/projects/{settings.project}/locations/-/clusters")
    except RefusedError as error:
        return unmade("workload pool", error, settings.project, "container.clusters.list")
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
