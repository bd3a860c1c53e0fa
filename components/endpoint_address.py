"""A private address and name for an endpoint, made by hand: address, forwarding rule, DNS zone and record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_gcp as gcp

from components.advice import advise
from components.private_zone import private_zone
from components.project_lookup import look_up

# What Google's certificate is for, and its documents make the record in.
DOMAIN = "prediction.p.vertexai.goog"


@dataclass(frozen=True, kw_only=True)
class EndpointAddressArgs:
    """Where an endpoint of Private Service Connect is to be reached.

    - `project`: of the address and the rule; it must be in the endpoint's allowlist. `region`: the endpoint's.
    - `network`, `subnetwork`: full names; the address is one of the subnetwork's.
    - `endpoint_id`: the endpoint's number.
    - `service_attachments`: those of the deployed models, of which the first that is not empty is taken: an endpoint
      has one, known once a model is on it (`deployedModels[].privateEndpoints.serviceAttachment`).
    - `labels`: on address, rule and zone; default none.
    """

    project: pulumi.Input[str]
    region: pulumi.Input[str]
    network: pulumi.Input[str]
    subnetwork: pulumi.Input[str]
    endpoint_id: pulumi.Input[str]
    service_attachments: Sequence[pulumi.Input[str]]
    labels: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)


class EndpointAddress(pulumi.ComponentResource):
    """An address that stays as long as the stack, whatever models come and go, and a name that resolves to it in the
    network: ENDPOINT-REGION-PROJECT_NUMBER.prediction.p.vertexai.goog.

    Outputs: `host` (the name), `address`, `connection_status` (ACCEPTED when the endpoint took the connection).
    """

    def __init__(self, name: str, args: EndpointAddressArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gemini-vertex:components:EndpointAddress", name, None, opts)
        number = look_up(args.project, self, opts).number
        called = pulumi.Output.format("vertex-{0}", args.endpoint_id)
        within = pulumi.ResourceOptions(parent=self, hooks=advise(f"{name}-address-advice", self))
        reserved = gcp.compute.Address(
            f"{name}-address",
            name=called,
            project=args.project,
            region=args.region,
            address_type="INTERNAL",
            subnetwork=args.subnetwork,
            labels=args.labels or None,
            opts=within,
        )
        rule = gcp.compute.ForwardingRule(
            f"{name}-rule",
            name=called,
            project=args.project,
            region=args.region,
            network=args.network,
            ip_address=reserved.id,
            target=pulumi.Output.all(*args.service_attachments).apply(_attachment),
            load_balancing_scheme="",
            labels=args.labels or None,
            opts=within,
        )
        host = pulumi.Output.format("{0}-{1}-{2}.{3}", args.endpoint_id, args.region, number, DOMAIN)
        zone = private_zone(
            f"{name}-zone", called, self, args.project, args.network, host, reserved.address, args.labels
        )
        self.address = reserved.address
        self.connection_status = rule.psc_connection_status
        # Whoever calls the name comes after all that leads there.
        led = pulumi.Output.all(host, rule.urn, *(each.urn for each in zone))
        self.host = led.apply(lambda parts: str(parts[0]))
        self.register_outputs(
            {"host": self.host, "address": self.address, "connectionStatus": self.connection_status},
        )


def _attachment(found: Sequence[str]) -> str:
    attachment = next((each for each in found if each), "")
    if not attachment:
        raise pulumi.RunError(
            "no deployed model has a service attachment to which the forwarding rule would lead: Google makes one with "
            "the first model on an endpoint with Private Service Connect; run `pulumi up` again once one is deployed"
        )
    return attachment
