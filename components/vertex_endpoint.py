"""One Vertex AI endpoint: a stable address that models are deployed behind."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi
import pulumi_gcp as gcp

from components.advice import advise
from components.observability.request_logging import RequestLog
from components.project_lookup import look_up

Connectivity = Literal["public", "private-service-connect", "peered-network"]


@dataclass(frozen=True, kw_only=True)
class VertexEndpointArgs:
    """How the endpoint is called and reached (aiplatform v1, `Endpoint`).

    - `project`: the project's id; `region`: a Vertex AI region, such as us-central1.
    - `display_name`: 1 to 128 characters. With all above and below but the labels it makes the endpoint's number:
      another name, region or connectivity is another endpoint, up before the old one goes.
    - `connectivity`: `public` (on the internet, behind IAM), `private-service-connect` (default; an address in
      `network`, which takes several models and a split) or `peered-network` (VPC peering: one model, no split).
    - `network`: name, or projects/PROJECT/global/networks/NAME; default `default`. Only for private endpoints.
    - `address`: with Private Service Connect, whether Google makes an address in `network` (`automatic`, default), for
      which the network needs a service connection policy, or somebody makes a `forwarding-rule`.
    - `dedicated`: whether a public endpoint has a DNS name of its own (default) or answers on the region's shared
      host, which tuned Gemini needs. Dedicated public endpoints are outside VPC Service Controls.
    - `labels`: on the endpoint; none by default.
    - `request_log`: where a sample of requests and answers is logged; default: nowhere, and on a peered endpoint never.
    """

    project: pulumi.Input[str]
    region: pulumi.Input[str]
    display_name: pulumi.Input[str]
    connectivity: Connectivity = "private-service-connect"
    network: pulumi.Input[str] = "default"
    address: Literal["automatic", "forwarding-rule"] = "automatic"
    dedicated: bool = True
    labels: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    request_log: RequestLog | None = None


class VertexEndpoint(pulumi.ComponentResource):
    """An endpoint that keeps its id and address while models on it come and go. The option `protect` holds for it too.

    The traffic split is not set here: `vertex_serving.TrafficSplit` owns it.

    Outputs: `id` (the number, 9 digits), `resource_name` (projects/…/endpoints/…), both known at preview;
    `dedicated_dns` ("" where there is none).
    """

    def __init__(self, name: str, args: VertexEndpointArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gemini-vertex:components:VertexEndpoint", name, None, opts)
        self._args = args
        self.connectivity = args.connectivity
        network = _full_network(args)
        identity = pulumi.Output.all(args.project, args.region, args.display_name, *_reach(args, network))
        number = identity.apply(lambda parts: endpoint_id(*parts))
        self.endpoint = gcp.vertex.AiEndpoint(
            name,
            name=number,
            display_name=args.display_name,
            project=args.project,
            location=args.region,
            region=args.region,
            labels=args.labels or None,
            predict_request_response_logging_config=args.request_log.endpoint_config
            if args.request_log and args.connectivity != "peered-network"
            else None,
            dedicated_endpoint_enabled=args.dedicated if args.connectivity == "public" else None,
            network=self._peered(network, opts) if args.connectivity == "peered-network" else None,
            private_service_connect_config=_private_service_connect(args, network),
            opts=pulumi.ResourceOptions(
                parent=self,
                # Two owners of one field would undo each other at every update.
                ignore_changes=["trafficSplit"],
                hooks=advise(f"{name}-advice", self),
            ),
        )
        # Known at preview, yet after the endpoint for whatever uses it: its URN carries the dependency.
        known = pulumi.Output.all(self.endpoint.urn, number, args.project, args.region)
        self.id = known.apply(lambda parts: str(parts[1]))
        self.resource_name = known.apply(lambda parts: f"projects/{parts[2]}/locations/{parts[3]}/endpoints/{parts[1]}")
        self.dedicated_dns = self.endpoint.dedicated_endpoint_dns.apply(lambda dns: dns or "")
        self.register_outputs(
            {"id": self.id, "resourceName": self.resource_name, "dedicatedDns": self.dedicated_dns},
        )

    def _peered(self, network: pulumi.Output[str], opts: pulumi.ResourceOptions | None) -> pulumi.Output[str]:
        # `Endpoint.network` takes the number of the network's project, not its id.
        number = look_up(network.apply(lambda full: full.split("/")[1]), self, opts).number
        return pulumi.Output.format(
            "projects/{0}/global/networks/{1}", number, network.apply(lambda full: full.split("/")[-1])
        )

    def host(self, private_hosts: Sequence[pulumi.Input[str]] = ()) -> pulumi.Output[str]:
        """The host that predictions are sent to.

        A private endpoint has one only once a model is deployed: give the deployments' `private_host`s, the first that
        is not empty is taken, and "" comes back where all are empty.
        """
        if self._args.connectivity != "public":
            return pulumi.Output.all(*private_hosts).apply(lambda hosts: next((host for host in hosts if host), ""))
        if self._args.dedicated:
            return self.dedicated_dns
        return pulumi.Output.from_input(self._args.region).apply(lambda region: f"{region}-aiplatform.googleapis.com")


def endpoint_id(*identity: str) -> str:
    """The endpoint's number: the same for the same identity, 9 digits, no leading zero.

    The API takes at most 9 digits (v1 `endpoints.create`, `endpointId`), Terraform's documentation says 10.
    """
    digest = hashlib.sha256("\n".join(identity).encode()).digest()
    return str(10**8 + int.from_bytes(digest[:8], "big") % (9 * 10**8))


def _reach(args: VertexEndpointArgs, network: pulumi.Output[str]) -> list[pulumi.Input[str]]:
    """What the API cannot change in an endpoint that is there: how it is reached."""
    if args.connectivity == "public":
        return ["dedicated" if args.dedicated else "shared"]
    return [args.connectivity, network]


def _full_network(args: VertexEndpointArgs) -> pulumi.Output[str]:
    return pulumi.Output.all(args.project, args.network).apply(
        lambda parts: (
            parts[1] if parts[1].startswith("projects/") else f"projects/{parts[0]}/global/networks/{parts[1]}"
        )
    )


def _private_service_connect(
    args: VertexEndpointArgs, network: pulumi.Output[str]
) -> "gcp.vertex.AiEndpointPrivateServiceConnectConfigArgs | None":
    if args.connectivity != "private-service-connect":
        return None
    return gcp.vertex.AiEndpointPrivateServiceConnectConfigArgs(
        enable_private_service_connect=True,
        project_allowlists=[args.project],
        # Google makes the address and the forwarding rule in the network; nothing to wire by hand.
        psc_automation_configs=[
            gcp.vertex.AiEndpointPrivateServiceConnectConfigPscAutomationConfigArgs(
                project_id=args.project, network=network
            )
        ]
        if args.address == "automatic"
        else None,
    )
