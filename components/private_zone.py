"""A private DNS zone for one name, whose records lead to one address."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_gcp as gcp

from components.advice import advise

_TTL_SECONDS = 60
_ADVICE = {
    "already bound": (
        "the network has a private zone for {dnsName} already: delete that one, or leave the name to it, and turn this "
        "off"
    ),
}


def private_zone(
    name: str,
    called: pulumi.Input[str],
    component: pulumi.Resource,
    project: pulumi.Input[str],
    network: pulumi.Input[str],
    domain: pulumi.Input[str],
    address: pulumi.Input[str],
    labels: Mapping[str, pulumi.Input[str]],
    below: bool = False,
) -> Sequence[pulumi.Resource]:
    """The zone `domain`, called `called` and seen in `network` only, with its A record, and one for all `below` it.

    A zone for the one name, where Google's documents make one for the domain above, leaves all other names alone.
    """
    dns_name = pulumi.Output.format("{0}.", domain)
    advised = pulumi.ResourceOptions(parent=component, hooks=advise(f"{name}-zone-advice", component, _ADVICE))
    zone = gcp.dns.ManagedZone(
        name,
        name=called,
        project=project,
        dns_name=dns_name,
        labels=labels or None,
        description=pulumi.Output.format("Leads {0} to a private address", domain),
        visibility="private",
        private_visibility_config=gcp.dns.ManagedZonePrivateVisibilityConfigArgs(
            networks=[gcp.dns.ManagedZonePrivateVisibilityConfigNetworkArgs(network_url=network)]
        ),
        opts=advised,
    )
    records = [("a", "A", dns_name, address)]
    if below:
        records.append(("below", "CNAME", pulumi.Output.format("*.{0}", dns_name), dns_name))
    return [
        zone,
        *(
            gcp.dns.RecordSet(
                f"{name}-{label}",
                project=project,
                managed_zone=zone.name,
                name=at,
                type=kind,
                ttl=_TTL_SECONDS,
                rrdatas=[data],
                opts=advised,
            )
            for label, kind, at, data in records
        ),
    ]
