"""The network of a stack that is private anywhere, and what Vertex AI needs in it.

What a stack makes must not be there yet, unless its own state holds it.
"""

from dataclasses import dataclass

from preflight.finding import Finding
from preflight.google import Google, Json, RefusedError, unmade
from preflight.stack import State
from settings import PrivateSettings, Settings

PRIVATE_SERVICES = "servicenetworking-googleapis-com"
"""What private services access is called among a network's peerings (cloud.google.com/vpc/docs)."""
_COMPUTE = "compute.googleapis.com"
_SERVICE_CLASS = "gcp-vertexai"
_KEY = "pulumi config set --path gemini-vertex:"


@dataclass(frozen=True)
class Place:
    """Where a stack is private: a network by its name, and the project that it is in."""

    project: str
    network: str

    @property
    def path(self) -> str:
        """projects/PROJECT/global/networks/NAME."""
        return f"projects/{self.project}/global/networks/{self.network}"


def place_of(settings: Settings) -> Place | None:
    """The network that the stack is private in; None where nothing of it is."""
    endpoint = settings.endpoint
    if settings.private:
        name = settings.private.network
    elif endpoint and endpoint.connectivity != "public":
        name = endpoint.network
    else:
        return None
    if not name.startswith("projects/"):
        return Place(settings.project, name)
    _, project, _, _, name = name.split("/")
    return Place(project, name)


def check_network(google: Google, settings: Settings, state: State) -> list[Finding]:
    """The network (compute v1 `networks.get`), and what of it is used: subnetwork, connection policy, peering."""
    place = place_of(settings)
    if place is None:
        return [Finding("network", "ok", "nothing of this stack is private, so none is needed")]
    private = settings.private
    makes = bool(private and private.subnetwork_range)
    try:
        network = google.get(_COMPUTE, f"compute/v1/{place.path}")
    except RefusedError as error:
        if error.status != 404:
            return [unmade("network", error, place.project, "compute.networks.get", google.member)]
        if makes:
            seen = f"this stack makes {place.network}, and what Vertex AI needs in it"
            return [Finding("network", "ok", seen)]
        seen = f"network {place.network} is not in project {place.project}"
        fix = (
            f"gcloud compute networks create {place.network} --project={place.project}, or correct "
            f"gemini-vertex:{'network.name' if private else 'endpoint.network'}"
        )
        return [Finding("network", "fail", seen, fix)]
    if makes and not state.holds("compute/network:Network", place.path):
        seen = f"network {place.network} is in project {place.project} already, but this stack is to make it"
        fix = (
            f"{_KEY}network.name ANOTHER, or to take it as it is: pulumi config rm --path gemini-vertex:network.create"
        )
        return [Finding("network", "fail", seen, fix)]
    whose = "this stack's own" if makes else f"in project {place.project}"
    found = [Finding("network", "ok", f"{place.network} is {whose}")]
    endpoint = settings.endpoint
    if private and (private.address == "forwarding-rule" or private.create_connection_policy) and not makes:
        found.append(_subnetwork(google, settings, place, private))
    if endpoint and endpoint.connectivity == "private-service-connect" and endpoint.address == "automatic":
        found.append(_policy(google, settings, place, network, state))
    if endpoint and endpoint.connectivity == "peered-network":
        found.append(_peering(settings, place, network, state))
    return found


def _subnetwork(google: Google, settings: Settings, place: Place, private: PrivateSettings) -> Finding:
    """Where addresses come from (compute v1 `subnetworks.get`): it must be in the region and of the network."""
    path = private.subnetwork
    if not path.startswith("projects/"):
        path = f"projects/{place.project}/regions/{settings.region}/subnetworks/{path}"
    owner, name = path.split("/")[1], path.rpartition("/")[2]
    fix = (
        f"{_KEY}network.subnetwork NAME, one of: gcloud compute networks subnets list --network={place.network} "
        f"--regions={settings.region} --project={place.project}"
    )
    try:
        subnetwork = google.get(_COMPUTE, f"compute/v1/{path}")
    except RefusedError as error:
        if error.status != 404:
            return unmade("subnetwork", error, owner, "compute.subnetworks.get", google.member)
        seen = f"subnetwork {name} is not in project {owner}, {settings.region}"
        return Finding("subnetwork", "fail", seen, fix)
    of = str(subnetwork.get("network", "")).rpartition("/")[2]
    if of != place.network:
        seen = f"subnetwork {name} is of network {of}, the stack's is {place.network}"
        return Finding("subnetwork", "fail", seen, fix)
    return Finding("subnetwork", "ok", f"{name} ({subnetwork.get('ipCidrRange')}) is in {settings.region}")


def _policy(google: Google, settings: Settings, place: Place, network: Json, state: State) -> Finding:
    """For an automatic address (networkconnectivity v1 `serviceConnectionPolicies.list`); a network has room for one.

    Without it the models are deployed all the same, and nothing leads to them (CONNECTION_POLICY_MISSING).
    """
    check, name, region = "connection policy", place.network, settings.region
    makes = bool(settings.private and settings.private.create_connection_policy)
    parent = f"projects/{place.project}/locations/{region}"
    try:
        listed = google.get("networkconnectivity.googleapis.com", f"v1/{parent}/serviceConnectionPolicies")
    except RefusedError as error:
        permission = "networkconnectivity.serviceConnectionPolicies.list"
        return unmade(check, error, place.project, permission, google.member)
    policy = next(
        (
            str(each["name"]).rpartition("/")[2]
            for each in listed.get("serviceConnectionPolicies", [])
            if each.get("serviceClass") == _SERVICE_CLASS and str(each.get("network")).rpartition("/")[2] == name
        ),
        None,
    )
    if makes and policy is None:
        return Finding(check, "ok", f"this stack lets Vertex AI connect in {name}")
    if makes and not state.holds(
        "networkconnectivity/serviceConnectionPolicy:ServiceConnectionPolicy",
        f"{parent}/serviceConnectionPolicies/{policy}",
    ):
        seen = f"{policy} lets Vertex AI connect in {name}, {region}, already, and there is room for one"
        return Finding(check, "fail", seen, f"{_KEY}endpoint.serviceConnectionPolicy existing")
    if policy:
        return Finding(check, "ok", f"{policy} lets Vertex AI connect in {name}, {region}")
    links = [str(link) for link in network.get("subnetworks", []) if f"/regions/{region}/" in str(link)]
    subnetwork = links[0].rpartition("/")[2] if links else "SUBNETWORK"
    seen = f"no service connection policy lets Vertex AI connect in {name}, {region}: it would make no address"
    fix = (
        f"gcloud network-connectivity service-connection-policies create {name[:52]}-vertex-ai --network={name} "
        f"--region={region} --subnets={subnetwork} --service-class={_SERVICE_CLASS} --project={place.project}, or "
        f"{_KEY}endpoint.serviceConnectionPolicy create"
    )
    return Finding(check, "fail", seen, fix)


def _peering(settings: Settings, place: Place, network: Json, state: State) -> Finding:
    """Private services access, as `networks.get` shows it among the peerings."""
    states = {peering.get("name"): peering.get("state") for peering in network.get("peerings", [])}
    peered, name = states.get(PRIVATE_SERVICES) == "ACTIVE", place.network
    if settings.private and settings.private.create_private_services_access:
        if peered and not state.holds("servicenetworking/connection:Connection", place.path):
            seen = f"private services access of {name} is there already"
            return Finding("peering", "fail", seen, f"{_KEY}endpoint.privateServicesAccess existing")
        return Finding("peering", "ok", f"this stack peers {name}")
    if peered:
        return Finding("peering", "ok", f"private services access of {name} is active")
    seen = f"network {name} has no active private services access, which a peered endpoint needs"
    fix = (
        f"gcloud compute addresses create vertex-range --global --purpose=VPC_PEERING --prefix-length=16 "
        f"--network={name} --project={place.project} && gcloud services vpc-peerings connect "
        f"--service=servicenetworking.googleapis.com --ranges=vertex-range --network={name} --project={place.project}"
    )
    return Finding("peering", "fail", seen, fix)
