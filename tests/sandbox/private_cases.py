"""The resources of a private path, for test_standin_gcp.py, and what must be there before them."""

from typing import Any

from sandbox.testing import SandboxHandle
from tests.sandbox.google import Google
from tests.sandbox.vertex import Vertex

P = "projects/sandbox-project"
REGION = f"{P}/regions/us-central1"
NETWORK = f"{P}/global/networks/serving"
SUBNETWORK = f"{REGION}/subnetworks/serving"
DOMAIN = "7-us-central1-123456789012.prediction.p.vertexai.goog."
MARKED = {"goog-pulumi-provisioned": "true"}

CASES: dict[str, dict[str, Any]] = {
    "subnetwork": {
        "token": "gcp:compute/subnetwork:Subnetwork",
        "inputs": {"name": "more", "network": NETWORK, "region": "us-central1", "ipCidrRange": "10.20.0.0/24"},
        "known": {"project": "sandbox-project"},
        "unknown": ("selfLink", "gatewayAddress"),
        "changed": {"privateIpGoogleAccess": True},
        "call": "compute.subnetworks.setPrivateIpGoogleAccess",
        "replaced": {"ipCidrRange": "10.21.0.0/24"},
        "imports": ("RESOURCE", "sandbox-project/us-central1/more"),
        "required": "network",
    },
    "address": {
        "token": "gcp:compute/address:Address",
        "inputs": {"name": "mine", "region": "us-central1", "addressType": "INTERNAL", "subnetwork": SUBNETWORK},
        "known": {"project": "sandbox-project", "effectiveLabels": MARKED},
        "unknown": ("selfLink", "address"),
        "changed": {"labels": {"team": "genai"}},
        "call": "compute.addresses.setLabels",
        "replaced": {"address": "10.10.0.9"},
    },
    "global address": {
        "token": "gcp:compute/globalAddress:GlobalAddress",
        "inputs": {
            **{"name": "apis", "addressType": "INTERNAL", "purpose": "PRIVATE_SERVICE_CONNECT"},
            **{"network": NETWORK, "address": "10.255.255.254"},
        },
        "known": {"project": "sandbox-project", "effectiveLabels": MARKED},
        "unknown": ("selfLink",),
        "replaced": {"address": "10.255.255.253"},
    },
    "forwarding rule": {
        "token": "gcp:compute/forwardingRule:ForwardingRule",
        "inputs": {
            **{"name": "mine", "region": "us-central1", "network": NETWORK, "loadBalancingScheme": ""},
            **{"ipAddress": f"{REGION}/addresses/kept", "target": "ATTACHMENT"},
        },
        "known": {"project": "sandbox-project", "effectiveLabels": MARKED},
        "unknown": ("selfLink", "pscConnectionStatus"),
        "changed": {"allowPscGlobalAccess": True},
        "call": "compute.forwardingRules.patch",
        "replaced": {"target": f"{P}/regions/us-central1/serviceAttachments/other"},
        "virtual": ("ipAddress",),
    },
    "global forwarding rule": {
        "token": "gcp:compute/globalForwardingRule:GlobalForwardingRule",
        "inputs": {
            **{"name": "geminiapis", "network": NETWORK, "loadBalancingScheme": "", "target": "vpc-sc"},
            "ipAddress": f"{P}/global/addresses/keptapis",
        },
        "known": {"project": "sandbox-project"},
        "unknown": ("selfLink", "pscConnectionStatus"),
        "replaced": {"target": "all-apis"},
        "virtual": ("ipAddress",),
    },
    "zone": {
        "token": "gcp:dns/managedZone:ManagedZone",
        "inputs": {
            **{"name": "mine", "dnsName": "aiplatform.googleapis.com.", "visibility": "private", "description": "d"},
            "privateVisibilityConfig": {"networks": [{"networkUrl": NETWORK}]},
        },
        "known": {"project": "sandbox-project", "effectiveLabels": MARKED},
        "unknown": ("managedZoneId", "nameServers"),
        "changed": {"description": "renamed", "labels": {"team": "genai"}},
        "call": "dns.managedZones.update",
        "replaced": {"dnsName": "other.googleapis.com."},
        "required": "dnsName",
    },
    "record": {
        "token": "gcp:dns/recordSet:RecordSet",
        "inputs": {"managedZone": "kept", "name": DOMAIN, "type": "A", "ttl": 60, "rrdatas": ["10.10.0.2"]},
        "known": {"project": "sandbox-project"},
        "changed": {"rrdatas": ["10.10.0.3"], "ttl": 300},
        "call": "dns.changes.create",
        "replaced": {"name": f"www.{DOMAIN}"},
        "required": "managedZone",
    },
    "connection policy": {
        "token": "gcp:networkconnectivity/serviceConnectionPolicy:ServiceConnectionPolicy",
        "inputs": {
            **{"name": "mine", "location": "us-central1", "network": NETWORK, "serviceClass": "gcp-vertexai"},
            "pscConfig": {"subnetworks": [SUBNETWORK]},
        },
        "known": {"project": "sandbox-project", "effectiveLabels": MARKED},
        "unknown": ("createTime", "infrastructure"),
        "changed": {"description": "for Gemini", "labels": {"team": "genai"}},
        "call": "networkconnectivity.projects.locations.serviceConnectionPolicies.patch",
        "replaced": {"serviceClass": "other"},
        "imports": ("RESOURCE", "us-central1/mine"),
        "required": "serviceClass",
    },
    "connection": {
        "token": "gcp:servicenetworking/connection:Connection",
        "inputs": {
            **{"network": NETWORK, "service": "servicenetworking.googleapis.com"},
            "reservedPeeringRanges": ["keptrange"],
        },
        "unknown": ("peering",),
        "changed": {"reservedPeeringRanges": ["keptother"]},
        "call": "servicenetworking.services.connections.patch",
        "replaced": {"service": "other.googleapis.com"},
        "required": "network",
    },
}


def prepare(sandbox: SandboxHandle) -> str:
    """A network with a subnetwork, addresses, a zone, and an endpoint with a model on it; its service attachment."""
    sandbox.enable("aiplatform", "compute", "dns", "networkconnectivity", "servicenetworking")
    compute, vertex = Google(sandbox, "compute"), Vertex(sandbox)
    compute("POST", f"{P}/global/networks", {"name": "serving", "autoCreateSubnetworks": False})
    block = {"name": "serving", "network": NETWORK, "ipCidrRange": "10.10.0.0/24"}
    compute("POST", f"{REGION}/subnetworks", block)
    kept = {"name": "kept", "addressType": "INTERNAL", "subnetwork": SUBNETWORK}
    compute("POST", f"{REGION}/addresses", kept)
    shared = {"addressType": "INTERNAL", "network": NETWORK}
    connect = {"name": "keptapis", "purpose": "PRIVATE_SERVICE_CONNECT", "address": "10.254.0.1"}
    compute("POST", f"{P}/global/addresses", {**shared, **connect})
    for name in ("keptrange", "keptother"):
        compute("POST", f"{P}/global/addresses", {**shared, "name": name, "purpose": "VPC_PEERING", "prefixLength": 20})
    zone = {"name": "kept", "dnsName": DOMAIN, "visibility": "private", "description": ""}
    attached = {"privateVisibilityConfig": {"networks": [{"networkUrl": NETWORK}]}}
    Google(sandbox, "dns")("POST", f"{P}/managedZones", {**zone, **attached})
    config = {"enablePrivateServiceConnect": True, "projectAllowlist": ["sandbox-project"]}
    endpoint = vertex.create(privateServiceConnectConfig=config)
    vertex.deploy(endpoint, "1", {"0": 100})
    return str(vertex.get(endpoint)["privateServiceConnectConfig"]["serviceAttachment"])
