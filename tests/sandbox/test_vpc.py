"""compute's subnetworks, addresses and forwarding rules, and dns zones: what Google refuses is refused.

Sources: the discovery documents of compute v1 and dns v1; cloud.google.com/vpc/docs/subnets (auto mode, ranges).
"""

from typing import Any

import pytest

from sandbox.testing import SandboxHandle
from tests.sandbox import private_cases
from tests.sandbox.google import Google, Json, grant, refusal
from tests.sandbox.private_cases import DOMAIN, NETWORK, REGION, SUBNETWORK, P


@pytest.fixture
def attachment(sandbox: SandboxHandle) -> str:
    return private_cases.prepare(sandbox)


@pytest.fixture
def compute(sandbox: SandboxHandle, attachment: str) -> Google:
    return Google(sandbox, "compute")


@pytest.fixture
def dns(sandbox: SandboxHandle, attachment: str) -> Google:
    return Google(sandbox, "dns")


def test_an_auto_mode_network_has_a_subnetwork_in_every_region(compute: Google) -> None:
    """A /20 each of 10.128.0.0/9, which go with the network alone."""
    found = compute("GET", f"{REGION}/subnetworks/default")
    assert found["ipCidrRange"].startswith("10.1")
    assert found["ipCidrRange"].endswith("/20")
    assert len(compute("GET", f"{P}/global/networks/default")["subnetworks"]) > 20
    assert "auto subnetwork" in refusal(compute, "DELETE", f"{REGION}/subnetworks/default").message
    compute("POST", f"{REGION}/subnetworks/default/setPrivateIpGoogleAccess", {"privateIpGoogleAccess": True})
    assert compute("GET", f"{REGION}/subnetworks/default")["privateIpGoogleAccess"] is True


@pytest.mark.parametrize(
    ("collection", "body", "says"),
    [
        ("subnetworks", {"name": "s", "network": NETWORK, "ipCidrRange": "10.10.0.128/25"}, "conflicts with existing"),
        ("subnetworks", {"name": "s", "network": NETWORK, "ipCidrRange": "10.10.0.1/24"}, "Must be a valid IPv4 range"),
        ("subnetworks", {"name": "s", "network": f"{NETWORK}x", "ipCidrRange": "10.1.0.0/24"}, "was not found"),
        (
            "addresses",
            {"name": "a", "addressType": "INTERNAL", "subnetwork": SUBNETWORK, "address": "10.9.0.1"},
            "outside",
        ),
        (
            "addresses",
            {"name": "a", "addressType": "INTERNAL", "subnetwork": SUBNETWORK, "address": "10.10.0.2"},
            "in use",
        ),
        ("addresses", {"name": "a", "subnetwork": SUBNETWORK}, "does not imitate external addresses"),
        (
            "forwardingRules",
            {"name": "r", "network": NETWORK, "IPAddress": "kept", "target": f"{REGION}/serviceAttachments/none"},
            "was not found",
        ),
        (
            "forwardingRules",
            {"name": "r", "network": NETWORK, "IPAddress": "kept", "backendService": "b"},
            "does not imitate forwarding rules of load balancers",
        ),
    ],
)
def test_what_google_refuses_is_refused(compute: Google, collection: str, body: Json, says: str) -> None:
    """In words, with nothing made."""
    assert says in refusal(compute, "POST", f"{REGION}/{collection}", body).message


@pytest.mark.parametrize(
    ("collection", "change", "says"),
    [
        ("addresses", {"address": "10.10.0.77"}, "conflicts with a subnetwork"),
        ("addresses", {"purpose": "VPC_PEERING"}, "a range for peering needs it"),
        ("addresses", {"purpose": "GCE_ENDPOINT"}, "does not imitate global addresses but"),
        ("forwardingRules", {"name": "with-hyphen"}, "Must be a match of regex"),
        ("forwardingRules", {"target": "all"}, "does not imitate global forwarding rules but"),
        ("forwardingRules", {"IPAddress": "keptrange"}, "reserved for PRIVATE_SERVICE_CONNECT is required"),
    ],
)
def test_a_way_to_googles_apis_keeps_to_the_rules(compute: Google, collection: str, change: Json, says: str) -> None:
    """One address outside of every subnetwork, a name without hyphens, a bundle."""
    address = {"addressType": "INTERNAL", "purpose": "PRIVATE_SERVICE_CONNECT", "address": "10.7.0.1"}
    rule = {"IPAddress": "keptapis", "target": "vpc-sc"}
    body = {"name": "apis", "network": NETWORK, **(address if collection == "addresses" else rule), **change}
    assert says in refusal(compute, "POST", f"{P}/global/{collection}", body).message


def test_what_something_stands_on_is_not_deleted(compute: Google, attachment: str) -> None:
    """Rule on address on subnetwork on network; each goes once what stands on it is gone."""
    rule = {"name": "mine", "network": NETWORK, "IPAddress": f"{REGION}/addresses/kept", "target": attachment}
    compute("POST", f"{REGION}/forwardingRules", rule)
    again = refusal(compute, "POST", f"{REGION}/forwardingRules", {**rule, "name": "again"})
    assert again.status == "IP_IN_USE_BY_ANOTHER_RESOURCE"
    for path in (f"{REGION}/addresses/kept", SUBNETWORK, NETWORK):
        assert refusal(compute, "DELETE", path).status == "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE"
    for path in (f"{REGION}/forwardingRules/mine", f"{REGION}/addresses/kept", SUBNETWORK):
        compute("DELETE", path)
    compute("DELETE", NETWORK)


def test_an_endpoint_is_registered_in_service_directory_by_its_makers_permission(
    sandbox: SandboxHandle, compute: Google
) -> None:
    """configure-private-service-connect-apis: network admin, Service Directory editor and DNS admin, all of them."""
    admin = Google(sandbox, "compute", "v1", caller="admin@example.com")
    grant(sandbox, "roles/compute.networkAdmin", "user:admin@example.com")
    rule = {"name": "apis", "network": NETWORK, "IPAddress": "keptapis", "target": "vpc-sc"}
    asked = refusal(admin, "POST", f"{P}/global/forwardingRules", rule).message
    assert asked.startswith("Required 'servicedirectory.namespaces.create' permission")
    compute("POST", f"{P}/global/forwardingRules", rule)
    asked = refusal(admin, "DELETE", f"{P}/global/forwardingRules/apis").message
    assert asked.startswith("Required 'servicedirectory.services.delete' permission")
    grant(sandbox, "roles/servicedirectory.editor", "user:admin@example.com")
    admin("DELETE", f"{P}/global/forwardingRules/apis")
    admin("POST", f"{P}/global/forwardingRules", rule)


def test_regional_operations_are_the_regions(sandbox: SandboxHandle, compute: Google) -> None:
    """compute.regionOperations.get, where Terraform's provider waits."""
    sandbox.set(operationSeconds=0.05)
    body = {"name": "slow", "addressType": "INTERNAL", "subnetwork": SUBNETWORK}
    operation = compute("POST", f"{REGION}/addresses", body)
    path = operation["selfLink"].partition("/compute/v1/")[2]
    assert path.startswith(f"{REGION}/operations/")
    while (ended := compute("GET", path))["status"] != "DONE":
        pass
    assert compute("GET", f"{REGION}/addresses/slow")["id"] == ended["targetId"]


def zone(name: str = "z", domain: str = "example.googleapis.com.", **changes: Any) -> Json:
    attached = {"privateVisibilityConfig": {"networks": [{"networkUrl": NETWORK}]}}
    return {"name": name, "dnsName": domain, "visibility": "private", **attached, **changes}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (zone("Upper"), "entity.managedZone.name"),
        (zone(domain="example.com"), "entity.managedZone.dnsName"),
        (zone(visibility="public"), "does not imitate public zones"),
        (zone("kept"), "already exists"),
        (zone(domain=DOMAIN), "already bound to another zone of the same DNS name"),
        (zone(privateVisibilityConfig={"networks": [{"networkUrl": f"{NETWORK}x"}]}), "was not found"),
    ],
)
def test_a_zone_that_google_refuses_is_refused(dns: Google, body: Json, says: str) -> None:
    """Names end in a dot; a network has one private zone of a name."""
    assert says in refusal(dns, "POST", f"{P}/managedZones", body).message


def test_a_zone_that_is_written_whole_loses_what_is_left_out(dns: Google) -> None:
    """PUT empties the labels and the networks that it does not have, and moves nothing."""
    made = dns("POST", f"{P}/managedZones", {**zone(), "labels": {"team": "genai"}})
    assert "dnsName" in refusal(dns, "PUT", f"{P}/managedZones/z", {**made, "dnsName": "other.com."}).message
    fixed = {field: made[field] for field in ("name", "dnsName", "visibility")}
    changed = dns("PUT", f"{P}/managedZones/z", {**fixed, "description": "new"})["zoneContext"]
    assert changed["oldValue"]["labels"] == {"team": "genai"}
    found = dns("GET", f"{P}/managedZones/z")
    assert found == changed["newValue"]
    assert "labels" not in found
    assert (found["description"], found["privateVisibilityConfig"]["networks"]) == ("new", [])
    assert (found["id"], found["creationTime"]) == (made["id"], made["creationTime"])


def test_a_zone_goes_when_its_records_are_gone(sandbox: SandboxHandle, dns: Google) -> None:
    """Its own NS and SOA do not count, and a change replaces records as one or not at all."""
    dns("POST", f"{P}/managedZones", zone())
    name = "a.example.googleapis.com."
    record = {"name": name, "type": "A", "ttl": 60, "rrdatas": ["10.0.0.1"]}
    changes = f"{P}/managedZones/z/changes"
    assert dns("POST", changes, {"additions": [record]})["status"] == "done"
    moved = {**record, "rrdatas": ["10.0.0.2"]}
    assert refusal(dns, "POST", changes, {"additions": [moved]}).code == 409
    assert refusal(dns, "POST", changes, {"additions": [record], "deletions": [moved]}).code == 412
    dns("POST", changes, {"additions": [moved], "deletions": [record]})
    found = dns("GET", f"{P}/managedZones/z/rrsets", name=name, type="A")["rrsets"]
    assert [each["rrdatas"] for each in found] == [["10.0.0.2"]]
    assert len(dns("GET", f"{P}/managedZones/z/rrsets")["rrsets"]) == 3
    assert "contains one or more 'resource records'" in refusal(dns, "DELETE", f"{P}/managedZones/z").message
    dns("POST", changes, {"deletions": [moved]})
    dns("DELETE", f"{P}/managedZones/z")
    assert refusal(dns, "GET", f"{P}/managedZones/z").code == 404


@pytest.mark.parametrize(
    "record",
    [
        {"name": "other.com.", "type": "A", "ttl": 60, "rrdatas": ["10.0.0.1"]},
        {"name": "a.example.googleapis.com.", "type": "MX", "ttl": 60, "rrdatas": ["10.0.0.1"]},
        {"name": "example.googleapis.com.", "type": "CNAME", "ttl": 60, "rrdatas": ["a."]},
    ],
)
def test_a_record_that_google_refuses_is_refused(dns: Google, record: Json) -> None:
    """Outside of the zone, of an unknown type, or an alias beside other records."""
    dns("POST", f"{P}/managedZones", zone())
    assert refusal(dns, "POST", f"{P}/managedZones/z/rrsets", record).code == 400
