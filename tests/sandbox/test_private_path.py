"""A private name or address answers where a network leads to it, and nowhere else.

Sources: docs.cloud.google.com/vertex-ai/docs/predictions/private-service-connect; the discovery documents of compute v1
(ForwardingRule, Address) and networkconnectivity v1; cloud.google.com/vpc/docs/configure-private-service-connect-apis.
"""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from sandbox.identity import token_for
from sandbox.testing import SandboxHandle
from tests.sandbox import private_cases
from tests.sandbox.google import PROJECT_NUMBER, Google, Json, refusal
from tests.sandbox.private_cases import NETWORK, REGION, SUBNETWORK, P
from tests.sandbox.vertex import Vertex

NAME = f"77-us-central1-{PROJECT_NUMBER}.prediction.p.vertexai.goog"
DEFAULT = f"{P}/global/networks/default"
ENDPOINT = f"projects/{PROJECT_NUMBER}/locations/us-central1/endpoints/77"


class Path:
    """An endpoint, and by hand all that leads to it: address, forwarding rule, zone, record."""

    def __init__(self, sandbox: SandboxHandle) -> None:
        self.sandbox = sandbox
        self.seen = 0
        attachment = private_cases.prepare(sandbox)
        self.vertex, self.compute, self.dns = Vertex(sandbox), Google(sandbox, "compute"), Google(sandbox, "dns")
        rule = {"name": "mine", "network": NETWORK, "IPAddress": "kept", "target": attachment}
        self.compute("POST", f"{REGION}/forwardingRules", rule)
        self.address: str = self.rule()["IPAddress"]
        self.zone(f"{NAME}.", "mine")
        self.record("mine", f"{NAME}.")

    def rule(self) -> Json:
        return self.compute("GET", f"{REGION}/forwardingRules/mine")

    def zone(self, domain: str, name: str, network: str = NETWORK) -> None:
        attached = {"privateVisibilityConfig": {"networks": [{"networkUrl": network}]}}
        self.dns("POST", f"{P}/managedZones", {"name": name, "dnsName": domain, "visibility": "private", **attached})

    def record(self, zone: str, name: str, *addresses: str) -> None:
        body = {"name": name, "type": "A", "ttl": 60, "rrdatas": list(addresses) or [self.address]}
        self.dns("POST", f"{P}/managedZones/{zone}/rrsets", body)

    def answers(self, host: str) -> bool:
        """Whether a prediction comes back; it must, or the connection must break."""
        try:
            return bool(self.vertex.ask(ENDPOINT, "2 + 2", host)["predictions"] == [{"content": "4"}])
        except requests.ConnectionError:
            return False

    def why(self) -> str:
        """What the record of calls says of the last call that was not answered."""
        while True:  # the client may know before the record does
            found = [call for call in self.sandbox.calls() if call["status"] == 0]
            if len(found) > self.seen:
                self.seen = len(found)
                return str(found[-1]["reason"])


@pytest.fixture
def path(sandbox: SandboxHandle) -> Path:
    return Path(sandbox)


def test_name_and_address_lead_to_the_endpoint(path: Path) -> None:
    """By the address of the forwarding rule, or by the name that a record gives it."""
    assert path.answers(path.address)
    assert path.answers(NAME)
    assert path.rule()["pscConnectionStatus"] == "ACCEPTED"
    assert path.compute("GET", f"{REGION}/addresses/kept")["status"] == "IN_USE"


@pytest.mark.parametrize(
    ("take", "why", "by_address"),
    [
        (lambda p: p.dns("DELETE", f"{P}/managedZones/mine/rrsets/{NAME}./A"), "has no record of it", True),
        (
            lambda p: p.dns(
                "PATCH",
                f"{P}/managedZones/mine",
                {"privateVisibilityConfig": {"networks": []}, "description": "alone"},
            ),
            "is attached to no network",
            True,
        ),
        (
            lambda p: p.dns(
                "PATCH",
                f"{P}/managedZones/mine",
                {"privateVisibilityConfig": {"networks": [{"networkUrl": DEFAULT}]}},
            ),
            "no forwarding rule answers at 10.10.0.2",
            True,
        ),
        (lambda p: p.compute("DELETE", f"{REGION}/forwardingRules/mine"), "no forwarding rule answers", False),
        (
            lambda p: p.vertex.call(
                "PATCH",
                ENDPOINT,
                {"privateServiceConnectConfig": {"projectAllowlist": ["other"]}},
                updateMask="privateServiceConnectConfig.projectAllowlist",
            ),
            "the connection of forwarding rule mine is PENDING",
            False,
        ),
        (lambda p: p.vertex.undeploy(ENDPOINT, "1"), "the connection of forwarding rule mine is CLOSED", False),
    ],
)
def test_without_a_piece_nothing_answers(path: Path, take: Callable[[Path], Any], why: str, by_address: bool) -> None:
    """The connection breaks, and the record of calls says which piece is missing."""
    take(path)
    assert not path.answers(NAME)
    assert why in path.why()
    assert path.answers(path.address) is by_address


def test_a_name_that_nobody_has_does_not_resolve(path: Path) -> None:
    """Private names are the consumer's own to make."""
    assert not path.answers(f"88-us-central1-{PROJECT_NUMBER}.prediction.p.vertexai.goog")
    assert "no private zone covers it" in path.why()


def test_an_address_of_one_endpoint_serves_no_other(path: Path) -> None:
    """The attachment is one endpoint's."""
    other = path.vertex.create("88")
    path.vertex.deploy(other, "1", {"0": 100})
    with pytest.raises(Exception, match="is not served by"):
        path.vertex.ask(other, "2 + 2", path.address)


def test_automation_needs_a_policy_and_an_allowed_project(path: Path) -> None:
    """Without a valid policy it "fails with a CONNECTION_POLICY_MISSING error"; the deployment does not."""

    def automated(number: str) -> Json:
        automation = {"projectId": "sandbox-project", "network": NETWORK}
        config = {"enablePrivateServiceConnect": True, "projectAllowlist": ["sandbox-project"]}
        config["pscAutomationConfigs"] = [automation]
        name = path.vertex.create(number, privateServiceConnectConfig=config)
        path.vertex.deploy(name, "1", {"0": 100})
        done: Json = path.vertex.get(name)["privateServiceConnectConfig"]["pscAutomationConfigs"][0]
        return done

    failed = automated("88")
    assert failed["state"] == "PSC_AUTOMATION_STATE_FAILED"
    assert failed["errorMessage"].startswith("CONNECTION_POLICY_MISSING")
    connectivity = Google(path.sandbox, "networkconnectivity")
    policies = f"{P}/locations/us-central1/serviceConnectionPolicies"
    body = {"network": NETWORK, "serviceClass": "gcp-vertexai", "pscConfig": {"subnetworks": [SUBNETWORK]}}
    connectivity("POST", policies, body, serviceConnectionPolicyId="mine")
    made = automated("99")
    assert made["state"] == "PSC_AUTOMATION_STATE_SUCCESSFUL"
    rule = path.compute("GET", made["forwardingRule"].partition("/compute/v1/")[2])
    assert (rule["IPAddress"], rule["pscConnectionStatus"]) == (made["ipAddress"], "ACCEPTED")
    assert refusal(connectivity, "POST", policies, body, serviceConnectionPolicyId="second").code == 400
    assert "is still used by" in refusal(connectivity, "DELETE", f"{policies}/mine").message
    parent = f"projects/{PROJECT_NUMBER}/locations/us-central1/endpoints/99"
    path.vertex.undeploy(parent, "1")
    assert refusal(path.compute, "GET", made["forwardingRule"].partition("/compute/v1/")[2]).code == 404
    connectivity("DELETE", f"{policies}/mine")


def test_a_patch_leaves_what_only_google_sets(path: Path) -> None:
    """`serviceAttachment` and an automation's address are output only; an automation that is new begins to work."""
    attachment = path.vertex.get(ENDPOINT)["privateServiceConnectConfig"]["serviceAttachment"]
    automation = {"projectId": "sandbox-project", "network": DEFAULT}

    def patch(*automations: Json) -> Json:
        config = {"enablePrivateServiceConnect": True, "projectAllowlist": ["sandbox-project"]}
        body = {"privateServiceConnectConfig": {**config, "pscAutomationConfigs": list(automations)}}
        path.vertex.call("PATCH", ENDPOINT, body, updateMask="privateServiceConnectConfig")
        done: Json = path.vertex.get(ENDPOINT)["privateServiceConnectConfig"]
        return done

    assert patch()["serviceAttachment"] == attachment
    made = patch(automation)["pscAutomationConfigs"][0]
    assert path.answers(made["ipAddress"])
    assert patch(automation)["pscAutomationConfigs"][0] == made
    assert "pscAutomationConfigs" not in patch()
    assert not path.answers(made["ipAddress"])
    assert path.answers(NAME)


APIS = "us-central1-aiplatform.googleapis.com"


def ask_as_pod(path: Path, host: str = APIS, service: str = "aiplatform") -> int:
    """The status of a read from inside the network called default; 0 where the connection breaks."""
    resources = {"aiplatform": ENDPOINT, "cloudbilling": f"{P}/billingInfo"}
    url = f"{path.sandbox.url}/hosts/{host}/v1/{resources.get(service, P)}"
    token = token_for("deployer@sandbox.example", network=PROJECT_NUMBER)
    try:
        return requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30).status_code
    except requests.ConnectionError:
        return 0


def test_googles_apis_go_by_the_private_zone_of_the_network(path: Path) -> None:
    """Only inside the network that has the zone, and only where record, rule and bundle lead there."""
    assert ask_as_pod(path) == 200
    path.zone(f"{APIS}.", "apis", DEFAULT)
    assert ask_as_pod(path) == 0
    assert "its private zone has no record of it" in path.why()
    path.record("apis", f"{APIS}.", "10.255.255.254")
    assert ask_as_pod(path) == 0
    assert "no forwarding rule leads to Google's APIs" in path.why()
    kept = {"name": "apis", "addressType": "INTERNAL", "purpose": "PRIVATE_SERVICE_CONNECT", "network": DEFAULT}
    path.compute("POST", f"{P}/global/addresses", {**kept, "address": "10.255.255.254"})
    rule = {"name": "geminiapis", "IPAddress": "apis", "network": DEFAULT, "target": "vpc-sc"}
    path.compute("POST", f"{P}/global/forwardingRules", rule)
    assert ask_as_pod(path) == 200
    # From elsewhere the name resolves as ever.
    path.compute("DELETE", f"{P}/global/forwardingRules/geminiapis")
    assert ask_as_pod(path) == 0
    assert path.vertex.get(ENDPOINT)["displayName"] == "test"


def test_a_wildcard_leads_all_names_below_to_the_bundle_that_serves_some(path: Path) -> None:
    """vpc-sc has "APIs that support VPC Service Controls"; what it has not is out of reach."""
    path.zone("googleapis.com.", "apis", DEFAULT)
    alias = {"name": "*.googleapis.com.", "type": "CNAME", "ttl": 60, "rrdatas": ["googleapis.com."]}
    path.dns("POST", f"{P}/managedZones/apis/rrsets", alias)
    path.record("apis", "googleapis.com.", "10.255.255.254")
    kept = {"name": "apis", "addressType": "INTERNAL", "purpose": "PRIVATE_SERVICE_CONNECT", "network": DEFAULT}
    path.compute("POST", f"{P}/global/addresses", {**kept, "address": "10.255.255.254"})
    rule = {"name": "geminiapis", "IPAddress": "apis", "network": DEFAULT, "target": "vpc-sc"}
    path.compute("POST", f"{P}/global/forwardingRules", rule)
    assert ask_as_pod(path) == 200
    assert ask_as_pod(path, "cloudresourcemanager.googleapis.com", "cloudresourcemanager") == 200
    assert ask_as_pod(path, "cloudbilling.googleapis.com", "cloudbilling") == 0
    assert "is not in the bundle vpc-sc" in path.why()


def test_a_peered_endpoint_needs_a_peered_network(path: Path) -> None:
    """Endpoint.network: "Private services access must already be configured for the network"."""
    network = NETWORK.replace("sandbox-project", PROJECT_NUMBER)
    with pytest.raises(Exception, match="Private services access is not configured"):
        path.vertex.create("88", network=network)
    peering = Google(path.sandbox, "servicenetworking")
    connections = "services/servicenetworking.googleapis.com/connections"
    body = {"network": network, "reservedPeeringRanges": ["keptrange"]}
    assert refusal(peering, "POST", connections, {**body, "reservedPeeringRanges": ["kept"]}).code == 400
    peering("POST", connections, body)
    assert "Cannot modify allocated ranges in CreateConnection" in refusal(peering, "POST", connections, body).message
    listed = peering("GET", connections, network=network)["connections"]
    assert [each["peering"] for each in listed] == ["servicenetworking-googleapis-com"]
    name = path.vertex.create("88", network=network)
    gone = {"consumerNetwork": network}
    refused = refusal(peering, "POST", f"{connections}/servicenetworking-googleapis-com", gone)
    assert "Producer services are still using this connection" in refused.message
    path.vertex.call("DELETE", name)
    peering("POST", f"{connections}/servicenetworking-googleapis-com", gone)
    assert peering("GET", connections, network=network) == {}


def test_a_peered_endpoint_is_reached_as_long_as_the_peering_is(path: Path) -> None:
    """An administrator may take the peering away under it: the connection breaks then."""
    network = f"projects/{PROJECT_NUMBER}/global/networks/default"
    name = path.vertex.create("88", network=network)
    path.vertex.deploy(name, "1", {"0": 100})
    host = "88.aiplatform.googleapis.com"
    ask = {"instances": [{"content": "2 + 2"}]}

    def answered() -> int:
        try:
            url = f"{path.sandbox.url}/hosts/{host}/v1/models/1:predict"
            return requests.post(url, json=ask, headers=path.sandbox.headers, timeout=30).status_code
        except requests.ConnectionError:
            return 0

    assert answered() == 200
    path.sandbox.sandbox.store.delete("privateConnection", DEFAULT)
    assert answered() == 0
    assert "has no private services access" in path.why()
