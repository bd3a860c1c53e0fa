"""Whether a private name or address leads anywhere: DNS zones of a network, forwarding rules in it, its peering.

On a real network a piece that is missing shows as a name that does not resolve, or a connection that is never made;
here the connection is broken (`Unreachable`), and the record of calls says which piece it was. A call to a private host
counts as made from inside the network that leads there, whoever makes it.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sandbox.errors import Json, UnreachableError
from sandbox.services import servicenetworking
from sandbox.services.aiplatform import attachments
from sandbox.services.compute import forwarding_rules
from sandbox.services.compute.common import BASE, FORWARDING_RULE

if TYPE_CHECKING:
    from sandbox.core import Sandbox

ZONE, RECORDS = "dns.managedZone", "dns.resourceRecordSet"
ENDPOINT_DOMAIN = "prediction.p.vertexai.goog"
_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
_ALIASES = 4


def is_private(host: str) -> bool:
    """Whether only a network leads to this host: an address, or a name that Google leaves to the consumer's zones."""
    return bool(_ADDRESS.fullmatch(host)) or host.endswith(f".{ENDPOINT_DOMAIN}")


def endpoint_at(sandbox: "Sandbox", host: str) -> Json:
    """The endpoint that a private host leads to. Raises UnreachableError, which names the piece that is missing."""
    reasons = []
    for network, number in _resolved(sandbox, host):
        rule = _rule_at(sandbox, number, network)
        if rule is None:
            reasons.append(f"no forwarding rule answers at {number}")
            continue
        state = forwarding_rules.status(sandbox, rule)
        endpoint = attachments.endpoint_of(sandbox, rule["target"].removeprefix(BASE))
        if state == "ACCEPTED" and endpoint is not None:
            return endpoint
        reasons.append(f"the connection of forwarding rule {rule['name']} is {state}")
    raise UnreachableError(
        f"{host} is not reached: {'; '.join(reasons) or 'no private zone of a network has its name'}."
    )


def check_peering(sandbox: "Sandbox", endpoint: Json) -> None:
    """Raises UnreachableError where the network of a peered endpoint is not, or no longer, peered with Google's."""
    network = endpoint["network"]
    if not servicenetworking.connected(sandbox, network):
        raise UnreachableError(f"{endpoint['name']} is not reached: {network} has no private services access.")


def check_google_api(sandbox: "Sandbox", host: str, service: str, project: str) -> None:
    """Follows the private zones of the network called default, in which the project's machines and pods are, for one of
    Google's own hosts; without such a zone the name resolves as everywhere. Raises UnreachableError."""
    network = f"projects/{project}/global/networks/default"
    if not any(network in _networks(zone) for zone in _zones(sandbox, host)):
        return
    number = _lookup(sandbox, host, network)
    if number is None:
        raise UnreachableError(f"{host} does not resolve in {network}: its private zone has no record of it.")
    rule = _rule_at(sandbox, number, network)
    if rule is None or rule["target"] not in forwarding_rules.BUNDLES:
        raise UnreachableError(f"{host} is {number} in {network}, where no forwarding rule leads to Google's APIs.")
    if rule["target"] == "vpc-sc" and service not in _IN_BUNDLE:
        raise UnreachableError(f"{service}.googleapis.com is not in the bundle vpc-sc, to which {number} leads.")


# Of the APIs that the sandbox imitates, those of cloud.google.com/vpc-service-controls/docs/restricted-vip-services.
_IN_BUNDLE = frozenset(
    (
        *("accesscontextmanager", "aiplatform", "cloudresourcemanager", "compute", "container", "dns", "iam"),
        *("iamcredentials", "logging", "monitoring", "networkconnectivity", "secretmanager", "servicenetworking"),
        *("serviceusage", "sts"),
    )
)


def _resolved(sandbox: "Sandbox", host: str) -> Iterator[tuple[str, str]]:
    """(network, address) wherever the host resolves; an address is itself, in every network ("")."""
    if _ADDRESS.fullmatch(host):
        yield "", host
        return
    zones = list(_zones(sandbox, host))
    if not zones:
        raise UnreachableError(f"{host} does not resolve: no private zone covers it.")
    networks = {network for zone in zones for network in _networks(zone)}
    if not networks:
        raise UnreachableError(f"{host} does not resolve: its private zone is attached to no network.")
    found = [(network, _lookup(sandbox, host, network)) for network in sorted(networks)]
    if not any(number for _, number in found):
        raise UnreachableError(f"{host} does not resolve: its private zone has no record of it.")
    yield from ((network, number) for network, number in found if number)


def _lookup(sandbox: "Sandbox", host: str, network: str) -> str | None:
    """The first address that the most specific zone of the network has for the host, through CNAMEs."""
    for _ in range(_ALIASES):
        zones = [zone for zone in _zones(sandbox, host) if network in _networks(zone)]
        if not zones:
            return None
        zone = max(zones, key=lambda each: len(each["dnsName"]))
        for name in (f"{host}.", f"*.{zone['dnsName']}"):
            for kind in ("A", "CNAME"):
                records = sandbox.store.get(RECORDS, f"{zone['path']}/rrsets/{name}/{kind}")
                if records and kind == "A":
                    return str(records["rrdatas"][0])
                if records:
                    host = str(records["rrdatas"][0]).removesuffix(".")
                    break
            else:
                continue
            break
        else:
            return None
    return None


def _zones(sandbox: "Sandbox", host: str) -> Iterator[Json]:
    for path, zone in sandbox.store.list(ZONE).items():
        if zone.get("visibility") == "private" and f".{host}.".endswith(f".{zone['dnsName']}"):
            yield {**zone, "path": path}


def _networks(zone: Json) -> set[str]:
    attached = zone.get("privateVisibilityConfig", {}).get("networks", [])
    return {link["networkUrl"][link["networkUrl"].find("projects/") :] for link in attached}


def _rule_at(sandbox: "Sandbox", number: str, network: str) -> Json | None:
    for rule in sandbox.store.list(FORWARDING_RULE).values():
        if rule["IPAddress"] == number and network in ("", rule["network"].removeprefix(BASE)):
            return rule
    return None
