"""Follows a stack's private paths piece by piece, so that one that is missing is named.

To an endpoint: its automation or forwarding rule, the address it holds, and the DNS record that leads there, or the
peering of its network. To Google's own APIs: the global forwarding rule, its address, and a record for each host. On a
real network a missing piece shows only as a name that does not resolve or a connection that times out.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

import requests

from preflight.network import PRIVATE_SERVICES
from scripts.serving import SmokeError, call, host_url

_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
_UP = "Run `pulumi up`."
_ALIASES: Final = 4
BUNDLE: Final = "vpc-sc"
"""Of Google's APIs, which `components.PrivateApis` leads to: those that VPC Service Controls support."""


def follow(session: requests.Session, project: str, region: str, live: dict[str, Any], host: str) -> str:
    """What leads to the endpoint, in a few words; `live` is the endpoint as `endpoints.get` gave it.

    Raises:
        SmokeError: a piece is missing, with what to do about it.
    """
    config = live.get("privateServiceConnectConfig", {})
    for automation in config.get("pscAutomationConfigs", []):
        if automation.get("state") == "PSC_AUTOMATION_STATE_FAILED":
            raise SmokeError(
                f"Google's automation made no address in {automation.get('network')}: {automation.get('errorMessage')} "
                "A failed one does not recover: make a service connection policy "
                "(gemini-vertex:endpoint.serviceConnectionPolicy: create), then take the models off and on again; or "
                "set gemini-vertex:endpoint.address to forwarding-rule."
            )
    attachment = config.get("serviceAttachment", "")
    if not attachment:
        raise SmokeError(f"The endpoint has no service attachment: no model is deployed on it. {_UP}")
    compute = f"{host_url('compute.googleapis.com')}/compute/v1/projects/{project}/regions/{region}"
    rules = _listed(session, f"{compute}/forwardingRules")
    rule = next((each for each in rules if str(each.get("target", "")).endswith(attachment)), None)
    if rule is None:
        raise SmokeError(f"No forwarding rule in {project}, {region} leads to the endpoint's {attachment}. {_UP}")
    name, address, state = rule["name"], rule["IPAddress"], rule.get("pscConnectionStatus", "")
    if state != "ACCEPTED":
        raise SmokeError(
            f"The connection of forwarding rule {name} is {state or 'not known'}, not ACCEPTED: is {project} in the "
            f"endpoint's privateServiceConnectConfig.projectAllowlist? {_UP}"
        )
    if all(each.get("address") != address for each in _listed(session, f"{compute}/addresses")):
        raise SmokeError(f"The address {address} of forwarding rule {name} is not reserved in {project}. {_UP}")
    if not host:
        raise SmokeError(f"The stack has no endpointHost, though {address} leads to the endpoint. {_UP}")
    if _ADDRESS.fullmatch(host):
        if host != address:
            raise SmokeError(f"The stack's endpointHost is {host}, but the endpoint's address is {address}. {_UP}")
        return f"{address}, forwarding rule {name} accepted"
    _check_name(session, project, host, address, rule["network"])
    return f"{host} is {address}, forwarding rule {name} accepted"


def follow_peering(session: requests.Session, live: dict[str, Any]) -> str:
    """What leads to a peered endpoint, in a few words; `live` is the endpoint as `endpoints.get` gave it.

    Raises:
        SmokeError: the network is not peered with Google's services any more (compute v1, `networks.get`).
    """
    path = str(live["network"])
    _, project, _, _, name = path.split("/")
    network = call(session, "GET", f"{host_url('compute.googleapis.com')}/compute/v1/{path}")
    states = {peering.get("name"): peering.get("state") for peering in network.get("peerings", [])}
    if states.get(PRIVATE_SERVICES) != "ACTIVE":
        raise SmokeError(
            f"The network {name} of project {project} has no active private services access, by which alone a peered "
            f"endpoint is reached: its peering {PRIVATE_SERVICES} is {states.get(PRIVATE_SERVICES, 'not there')}. "
            "Where this stack made it (gemini-vertex:endpoint.privateServicesAccess: create), run `pulumi refresh` and "
            "`pulumi up`; else have the network's administrator make it again."
        )
    return f"network {name} is peered with Google's services"


def follow_apis(session: requests.Session, project: str, apis: dict[str, Any], hosts: Iterable[str] = ()) -> str:
    """What leads to Google's own APIs, in a few words.

    `apis` is the stack's output `privateApis`: `network` (its full name), `address` and `domains`. `hosts` are those
    that the application calls; those at or below a domain must lead to the address too.

    Raises:
        SmokeError: a piece is missing, with what to do about it.
    """
    network, address, domains = str(apis["network"]), str(apis["address"]), list(apis["domains"])
    compute = f"{host_url('compute.googleapis.com')}/compute/v1/projects/{project}/global"
    rules = [
        rule
        for rule in _listed(session, f"{compute}/forwardingRules")
        if str(rule.get("target", "")).rpartition("/")[2] == BUNDLE and str(rule.get("network", "")).endswith(network)
    ]
    if not rules:
        raise SmokeError(
            f"No global forwarding rule in {project} leads from {network} to Google's APIs ({BUNDLE}). {_UP}"
        )
    rule = next((each for each in rules if each["IPAddress"] == address), None)
    if rule is None:
        there = ", ".join(f"{each['name']} is {each['IPAddress']}" for each in rules)
        raise SmokeError(f"The address of forwarding rule {there}, not the stack's {address}. {_UP}")
    state = rule.get("pscConnectionStatus", "ACCEPTED")
    if state != "ACCEPTED":
        raise SmokeError(f"The connection of forwarding rule {rule['name']} is {state}, not ACCEPTED. {_UP}")
    if all(each.get("address") != address for each in _listed(session, f"{compute}/addresses")):
        raise SmokeError(f"The address {address} of forwarding rule {rule['name']} is not reserved in {project}. {_UP}")
    below = {host for host in hosts if any(f".{host}".endswith(f".{domain}") for domain in domains)}
    led = sorted({*domains, *below})
    for host in led:
        _check_name(session, project, host, address, network, "is called over the internet")
    return f"{', '.join(led)} {'is' if len(led) == 1 else 'are'} {address}, forwarding rule {rule['name']}"


def _check_name(
    session: requests.Session, project: str, host: str, address: str, network: str, otherwise: str = "does not resolve"
) -> None:
    """That the host resolves to the address in the network; else it does `otherwise`. Raises SmokeError."""
    base = f"{host_url('dns.googleapis.com')}/dns/v1/projects/{project}/managedZones"
    private = [
        zone
        for zone in _listed(session, base, "managedZones")
        if zone.get("visibility") == "private" and f".{host}.".endswith(f".{zone['dnsName']}")
    ]
    if not private:
        raise SmokeError(f"{host} {otherwise}: {project} has no private DNS zone for it. {_UP}")
    path = network[network.find("projects/") :]
    seen = [zone for zone in private if any(url.endswith(path) for url in _networks(zone))]
    if not seen:
        names = ", ".join(zone["name"] for zone in private)
        raise SmokeError(f"{host} {otherwise} in {path}: DNS zone {names} is not attached to that network. {_UP}")
    zone = max(seen, key=lambda each: len(each["dnsName"]))
    found = _lookup(session, f"{base}/{zone['name']}/rrsets", f"{host}.", zone["dnsName"])
    if address not in found:
        says = f"says {', '.join(found)}" if found else "has no record of it"
        raise SmokeError(f"{host} does not lead to {address}: DNS zone {zone['name']} {says}. {_UP}")


def _lookup(session: requests.Session, records: str, name: str, zone: str) -> list[str]:
    """The addresses of a name by a zone's records, its own or by one for all names below, through an alias."""
    for _ in range(_ALIASES):
        of = _listed(session, records, "rrsets", name=name) or _listed(session, records, "rrsets", name=f"*.{zone}")
        by_type = {each["type"]: list(each.get("rrdatas", [])) for each in of}
        if "A" in by_type:
            return by_type["A"]
        if "CNAME" not in by_type:
            return []
        (name,) = by_type["CNAME"]
    return []


def _networks(zone: dict[str, Any]) -> list[str]:
    return [network["networkUrl"] for network in zone.get("privateVisibilityConfig", {}).get("networks", [])]


def _listed(session: requests.Session, url: str, key: str = "items", **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = call(session, "GET", url, params=query)
        found += page.get(key, [])
        if not page.get("nextPageToken"):
            return found
        query["pageToken"] = page["nextPageToken"]
