"""A private address for Google's own APIs, such as Gemini's managed one: Private Service Connect, and DNS zones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_gcp as gcp

from components.advice import advise
from components.private_zone import private_zone


@dataclass(frozen=True, kw_only=True)
class PrivateApisArgs:
    """Which APIs are reached how.

    - `project`: of the address, the rule and the zones.
    - `network`: its full name.
    - `address`: an IPv4 address outside of every subnetwork of the network; default 10.255.255.254.
    - `domains`: names that lead there in the network, each with all below it. `googleapis.com` stands for every API: in
      that network what the bundle does not serve is then out of reach.
    - `rule_name`: 1 to 20 lower-case letters and digits, a letter first; default `geminiapis`.
    - `labels`: on the address and the zones; Google takes none on such a rule. Default none.
    """

    project: pulumi.Input[str]
    network: pulumi.Input[str]
    domains: Sequence[str]
    address: pulumi.Input[str] = "10.255.255.254"
    rule_name: str = "geminiapis"
    labels: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)


class PrivateApis(pulumi.ComponentResource):
    """Google's APIs at an address of the network, those alone that VPC Service Controls support (the bundle `vpc-sc`,
    which serves what restricted.googleapis.com does; it needs no route to the internet, and answers on-premises too).

    Output: `address`.
    """

    def __init__(self, name: str, args: PrivateApisArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gemini-vertex:components:PrivateApis", name, None, opts)
        within = pulumi.ResourceOptions(parent=self, hooks=advise(f"{name}-address-advice", self))
        reserved = gcp.compute.GlobalAddress(
            f"{name}-address",
            name=args.rule_name,
            project=args.project,
            network=args.network,
            address_type="INTERNAL",
            purpose="PRIVATE_SERVICE_CONNECT",
            address=args.address,
            labels=args.labels or None,
            opts=within,
        )
        rule = gcp.compute.GlobalForwardingRule(
            f"{name}-rule",
            name=args.rule_name,
            project=args.project,
            network=args.network,
            ip_address=reserved.id,
            target="vpc-sc",
            load_balancing_scheme="",
            opts=within,
        )
        # Names lead there only once something answers.
        answering = pulumi.Output.all(reserved.address, rule.urn).apply(lambda parts: str(parts[0]))
        for domain in args.domains:
            called = f"{args.rule_name}-{domain.replace('.', '-')}"
            private_zone(
                f"{name}-{domain}", called, self, args.project, args.network, domain, answering, args.labels, below=True
            )
        self.address = answering
        self.register_outputs({"address": self.address})
