"""Follows the private path of an endpoint piece by piece, so that one that is missing is named.

Reads the endpoint's automation or forwarding rule, the address it holds, and the DNS record that leads there. On a real
network a missing piece shows only as a name that does not resolve or a connection that times out.
"""

import re
from typing import Any

import requests

from scripts.serving import SmokeError, call, host_url

_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
_UP = "Run `pulumi up`."


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


def _check_name(session: requests.Session, project: str, host: str, address: str, network: str) -> None:
    """That the host resolves to the address in the network. Raises SmokeError."""
    base = f"{host_url('dns.googleapis.com')}/dns/v1/projects/{project}/managedZones"
    private = [
        zone
        for zone in _listed(session, base, "managedZones")
        if zone.get("visibility") == "private" and f".{host}.".endswith(f".{zone['dnsName']}")
    ]
    if not private:
        raise SmokeError(f"{host} does not resolve: {project} has no private DNS zone for it. {_UP}")
    path = network[network.find("projects/") :]
    seen = [zone for zone in private if any(url.endswith(path) for url in _networks(zone))]
    if not seen:
        names = ", ".join(zone["name"] for zone in private)
        raise SmokeError(f"{host} does not resolve in {path}: DNS zone {names} is not attached to that network. {_UP}")
    zone = max(seen, key=lambda each: len(each["dnsName"]))
    records = _listed(session, f"{base}/{zone['name']}/rrsets", "rrsets", name=f"{host}.", type="A")
    found = [data for each in records for data in each.get("rrdatas", [])]
    if address not in found:
        says = f"says {', '.join(found)}" if found else "has no A record of it"
        raise SmokeError(f"{host} does not lead to {address}: DNS zone {zone['name']} {says}. {_UP}")


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
