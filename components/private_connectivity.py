"""The private path of a stack: its network, what Google's services need in it, and the host that the client calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi

from components.endpoint_address import EndpointAddress, EndpointAddressArgs
from components.gemini_deployment import GeminiDeployment
from components.private_apis import PrivateApis, PrivateApisArgs
from components.private_network import PrivateNetwork, PrivateNetworkArgs
from components.service_access import (
    PrivateServicesAccess,
    PrivateServicesAccessArgs,
    VertexConnectionPolicy,
    VertexConnectionPolicyArgs,
)
from components.vertex_endpoint import VertexEndpoint

AddressKind = Literal["automatic", "forwarding-rule"]


@dataclass(frozen=True, kw_only=True)
class PrivateConnectivityArgs:
    """What of a private path this stack makes; all else is taken as it is there.

    - `project`, `region`: of the stack.
    - `network`, `subnetwork`, `subnetwork_range`: as of a `PrivateNetwork`.
    - `address`: `automatic` (default; Google makes one with the first model) or `forwarding-rule`: `EndpointAddress`.
    - `create_connection_policy`: whether to let Vertex AI make addresses in the network; for `automatic` ones.
    - `create_private_services_access`: whether to peer the network; for a peered endpoint.
    - `api_domains`: as `domains` of `PrivateApis`; default none, and then no private way to Google's APIs is made.
    - `api_address`: as its `address`.
    - `labels`: on all that is made here and takes labels; default none.
    """

    project: pulumi.Input[str]
    region: pulumi.Input[str]
    network: pulumi.Input[str] = "default"
    subnetwork: pulumi.Input[str] = "default"
    subnetwork_range: pulumi.Input[str] | None = None
    address: AddressKind = "automatic"
    create_connection_policy: bool = False
    create_private_services_access: bool = False
    api_domains: Sequence[str] = ()
    api_address: pulumi.Input[str] = "10.255.255.254"
    labels: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)


class PrivateConnectivity(pulumi.ComponentResource):
    """Make the endpoint depend on it: what Vertex AI needs in a network must be there before.

    Outputs: `network`, `subnetwork` (full names), `api_address` ("" without). `host()` gives the host to call.
    """

    def __init__(self, name: str, args: PrivateConnectivityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gemini-vertex:components:PrivateConnectivity", name, None, opts)
        self._args = args
        self._name = name
        within = pulumi.ResourceOptions(parent=self, depends_on=opts.depends_on if opts else None)
        where = PrivateNetwork(
            name,
            PrivateNetworkArgs(
                project=args.project,
                region=args.region,
                network=args.network,
                subnetwork=args.subnetwork,
                subnetwork_range=args.subnetwork_range,
            ),
            within,
        )
        self.network, self.subnetwork = where.network, where.subnetwork
        if args.create_connection_policy:
            policy = VertexConnectionPolicyArgs(
                region=args.region, network=self.network, subnetwork=self.subnetwork, labels=args.labels
            )
            VertexConnectionPolicy(name, policy, within)
        if args.create_private_services_access:
            PrivateServicesAccess(name, PrivateServicesAccessArgs(network=self.network, labels=args.labels), within)
        self.api_address: pulumi.Input[str] = ""
        if args.api_domains:
            apis = PrivateApisArgs(
                project=args.project,
                network=self.network,
                address=args.api_address,
                domains=args.api_domains,
                labels=args.labels,
            )
            self.api_address = PrivateApis(f"{name}-apis", apis, within).address
        self.register_outputs(
            {"network": self.network, "subnetwork": self.subnetwork, "apiAddress": self.api_address},
        )

    def host(self, endpoint: VertexEndpoint, deployments: Sequence[GeminiDeployment]) -> pulumi.Output[str]:
        """The host that predictions of `endpoint`, on which `deployments` are, are sent to; to be asked once."""
        if self._args.address == "automatic":
            return endpoint.host([deployment.private_host for deployment in deployments])
        return EndpointAddress(
            self._name,
            EndpointAddressArgs(
                project=self._args.project,
                region=self._args.region,
                network=self.network,
                subnetwork=self.subnetwork,
                endpoint_id=endpoint.id,
                service_attachments=[deployment.service_attachment for deployment in deployments],
                labels=self._args.labels,
            ),
            # No child of this component: the endpoint comes after all of those, and the address after the endpoint.
            pulumi.ResourceOptions(depends_on=list(deployments)),
        ).host
