"""What a network must have before Google's services can be in it: a service connection policy, or a peering."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_gcp as gcp

from components.advice import advise

SERVICE_CLASS = "gcp-vertexai"
_POLICY_ADVICE = {
    "exists already|already exists|ALREADY_EXISTS|Error 409": (
        "{network} lets Vertex AI connect in {location} already, and there is room for one policy: take that one "
        "(serviceConnectionPolicy: existing)"
    ),
    "PERMISSION_DENIED|Error 403": (
        "your account may not make service connection policies: it needs roles/compute.networkAdmin in the network's "
        "project; or have a network administrator make it, and say serviceConnectionPolicy: existing"
    ),
}
_PEERING_ADVICE = {
    "Cannot modify allocated ranges": (
        "{network} has private services access already, and there is room for one connection: take that one "
        "(privateServicesAccess: existing)"
    ),
    "PERMISSION_DENIED|Error 403": (
        "your account may not peer networks: it needs roles/compute.networkAdmin in the network's project; or have a "
        "network administrator set private services access up, and say privateServicesAccess: existing"
    ),
}


@dataclass(frozen=True, kw_only=True)
class VertexConnectionPolicyArgs:
    """Where Vertex AI may make endpoints of Private Service Connect (networkconnectivity v1, ServiceConnectionPolicy).

    `network` and `subnetwork` are full names, `subnetwork` in `region`: its addresses are taken. A network has one such
    policy a region, which all endpoints share. `labels` are the policy's; default none.
    """

    region: pulumi.Input[str]
    network: pulumi.Input[str]
    subnetwork: pulumi.Input[str]
    labels: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)


class VertexConnectionPolicy(pulumi.ComponentResource):
    """Without it Google's automation fails with CONNECTION_POLICY_MISSING, while the deployment itself succeeds
    (docs.cloud.google.com/vertex-ai/docs/predictions/private-service-connect)."""

    def __init__(self, name: str, args: VertexConnectionPolicyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gemini-vertex:components:VertexConnectionPolicy", name, None, opts)
        network = pulumi.Output.from_input(args.network)
        self.policy = gcp.networkconnectivity.ServiceConnectionPolicy(
            name,
            name=network.apply(lambda full: f"{full.rpartition('/')[2][:52]}-vertex-ai"),
            project=network.apply(lambda full: full.split("/")[1]),
            location=args.region,
            network=network,
            service_class=SERVICE_CLASS,
            labels=args.labels or None,
            psc_config=gcp.networkconnectivity.ServiceConnectionPolicyPscConfigArgs(subnetworks=[args.subnetwork]),
            opts=pulumi.ResourceOptions(parent=self, hooks=advise(f"{name}-policy-advice", self, _POLICY_ADVICE)),
        )
        self.register_outputs({})


@dataclass(frozen=True, kw_only=True)
class PrivateServicesAccessArgs:
    """Which network is peered with Google's services (servicenetworking v1, `Connection`).

    `network` is its full name. `prefix_length` is the size of the range that is kept for Google's side; default 16,
    which Google recommends for Vertex AI. A network has one connection, which all services share. `labels` are the
    range's; default none.
    """

    network: pulumi.Input[str]
    prefix_length: pulumi.Input[int] = 16
    labels: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)


class PrivateServicesAccess(pulumi.ComponentResource):
    """Private services access: a range of addresses, and a connection that has it. Output: `peering`."""

    def __init__(self, name: str, args: PrivateServicesAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gemini-vertex:components:PrivateServicesAccess", name, None, opts)
        network = pulumi.Output.from_input(args.network)
        advised = pulumi.ResourceOptions(parent=self, hooks=advise(f"{name}-peering-advice", self, _PEERING_ADVICE))
        kept = gcp.compute.GlobalAddress(
            f"{name}-range",
            name=network.apply(lambda full: f"{full.rpartition('/')[2][:47]}-google-services"),
            project=network.apply(lambda full: full.split("/")[1]),
            network=network,
            address_type="INTERNAL",
            purpose="VPC_PEERING",
            prefix_length=args.prefix_length,
            labels=args.labels or None,
            opts=advised,
        )
        self.connection = gcp.servicenetworking.Connection(
            name,
            network=network,
            service="servicenetworking.googleapis.com",
            reserved_peering_ranges=[kept.name],
            opts=advised,
        )
        self.peering = self.connection.peering
        self.register_outputs({"peering": self.peering})
