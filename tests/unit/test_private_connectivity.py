"""PrivateConnectivity and its parts alone: what they register, known or not yet, and what they give."""

from typing import Any

import pulumi
import pulumi_gcp as gcp
import pytest

import components as parts
from tests.unit.recorder import ADDRESS, ATTACHMENT, PROJECT_NUMBER, Recorder, record

NETWORK = "projects/my-project/global/networks/default"
SUBNETWORK = "projects/my-project/regions/us-central1/subnetworks/default"
HOST = f"7-us-central1-{PROJECT_NUMBER}.prediction.p.vertexai.goog"


def connectivity(preview: bool = False, **changes: Any) -> Recorder:
    """A PrivateConnectivity changed by `changes`, with its outputs."""

    def program() -> dict[str, Any]:
        args = parts.PrivateConnectivityArgs(project="my-project", region="us-central1", **changes)
        made = parts.PrivateConnectivity("private", args)
        return {"network": made.network, "subnetwork": made.subnetwork, "apiAddress": made.api_address}

    return record(program, preview=preview)


def address(preview: bool = False, **changes: Any) -> Recorder:
    """An EndpointAddress changed by `changes`, with its outputs."""

    def program() -> dict[str, Any]:
        given = {
            **{"project": "my-project", "region": "us-central1", "network": NETWORK, "subnetwork": SUBNETWORK},
            **{"endpoint_id": "7", "service_attachments": ["", ATTACHMENT], **changes},
        }
        if preview:
            other = gcp.serviceaccount.Account("other", account_id="other-account", project="my-project")
            given["service_attachments"] = [other.name]
        made = parts.EndpointAddress("mine", parts.EndpointAddressArgs(**given))
        return {"host": made.host, "address": made.address}

    return record(program, preview=preview)


def test_an_existing_network_is_taken_as_it_is() -> None:
    """Nothing is made but the components themselves; names become whole."""
    done = connectivity()
    assert [each.typ for each in done.resources if each.typ.startswith("gcp:")] == []
    assert done.outputs == {"network": NETWORK, "subnetwork": SUBNETWORK, "apiAddress": ""}


def test_a_network_of_ones_own_has_one_subnetwork_that_reaches_google() -> None:
    """Custom mode, with Private Google Access."""
    done = connectivity(network="serving", subnetwork="serving", subnetwork_range="10.10.0.0/24")
    assert done.one("network:Network").inputs["autoCreateSubnetworks"] is False
    within = done.one(":Subnetwork").inputs
    assert within["network"] == "projects/my-project/global/networks/serving"
    assert (within["ipCidrRange"], within["privateIpGoogleAccess"]) == ("10.10.0.0/24", True)


def test_names_are_known_at_preview() -> None:
    """Whoever comes after a network that is not there yet sees what it will be called."""
    done = connectivity(preview=True, network="serving", subnetwork="serving", subnetwork_range="10.10.0.0/24")
    assert done.one(":Subnetwork").inputs["network"] == "projects/my-project/global/networks/serving"


def test_the_policy_is_made_where_the_network_is() -> None:
    """In the project of a shared network, for the class that Google's documents name."""
    shared = {
        "network": "projects/host/global/networks/shared",
        "subnetwork": "projects/host/regions/us-central1/subnetworks/private",
    }
    policy = connectivity(create_connection_policy=True, **shared).one(":ServiceConnectionPolicy").inputs
    assert (policy["project"], policy["serviceClass"]) == ("host", "gcp-vertexai")
    assert (policy["network"], policy["pscConfig"]["subnetworks"]) == (shared["network"], [shared["subnetwork"]])


def test_private_services_access_has_a_range_of_its_own() -> None:
    """Purpose VPC_PEERING, in the network's project, and the connection takes it by name."""
    done = connectivity(create_private_services_access=True)
    kept = done.one(":GlobalAddress").inputs
    assert (kept["purpose"], kept["prefixLength"], kept["network"]) == ("VPC_PEERING", 16, NETWORK)
    assert done.one(":Connection").inputs["reservedPeeringRanges"] == [kept["name"]]


def test_googles_apis_are_led_to_the_bundle_of_vpc_service_controls() -> None:
    """An address, a rule to `vpc-sc`, and for each domain a zone of this network with all below it."""
    done = connectivity(api_domains=["aiplatform.googleapis.com"], api_address="10.255.255.253")
    kept, rule = done.one(":GlobalAddress").inputs, done.one(":GlobalForwardingRule").inputs
    assert (kept["purpose"], kept["address"]) == ("PRIVATE_SERVICE_CONNECT", "10.255.255.253")
    assert (rule["target"], rule["loadBalancingScheme"], rule["name"]) == ("vpc-sc", "", "geminiapis")
    zone = done.one(":ManagedZone").inputs
    assert (zone["dnsName"], zone["visibility"]) == ("aiplatform.googleapis.com.", "private")
    assert zone["privateVisibilityConfig"]["networks"] == [{"networkUrl": NETWORK}]
    found = {(each.inputs["name"], each.inputs["type"]): each.inputs["rrdatas"] for each in done.of(":RecordSet")}
    assert found == {
        ("aiplatform.googleapis.com.", "A"): ["10.255.255.253"],
        ("*.aiplatform.googleapis.com.", "CNAME"): ["aiplatform.googleapis.com."],
    }


def test_an_endpoints_address_is_led_to_by_a_name() -> None:
    """ENDPOINT-REGION-NUMBER.prediction.p.vertexai.goog, in a zone of that name alone; any model's attachment does."""
    done = address()
    rule = done.one(":ForwardingRule").inputs
    assert (rule["target"], rule["loadBalancingScheme"], rule["ipAddress"]) == (ATTACHMENT, "", "mine-address-id")
    assert done.one("address:Address").inputs["subnetwork"] == SUBNETWORK
    assert done.one(":ManagedZone").inputs["dnsName"] == f"{HOST}."
    record_set = done.one(":RecordSet").inputs
    assert (record_set["name"], record_set["type"], record_set["rrdatas"]) == (f"{HOST}.", "A", [ADDRESS])
    assert done.outputs == {"host": HOST, "address": ADDRESS}


def test_an_endpoint_without_a_model_previews() -> None:
    """The attachment is known after the first deployment; its rule is shown all the same."""
    done = address(preview=True)
    assert isinstance(done.one(":ForwardingRule").inputs["target"], pulumi.output.Unknown)
    assert done.one(":ManagedZone").inputs["dnsName"] is not None


def test_no_attachment_is_a_sentence() -> None:
    """An update that ends without one says what makes it."""
    with pytest.raises(pulumi.RunError, match="Google makes one with the first model"):
        address(service_attachments=["", ""])


@pytest.mark.parametrize(("kind", "host"), [("automatic", ADDRESS), ("forwarding-rule", HOST)])
def test_the_host_is_googles_address_or_a_name_of_ones_own(kind: Any, host: str) -> None:
    """And only one of both is made."""

    def program() -> dict[str, Any]:
        where = {"project": "my-project", "region": "us-central1"}
        private = parts.PrivateConnectivity("private", parts.PrivateConnectivityArgs(**where, address=kind))
        args = parts.VertexEndpointArgs(**where, display_name="mine", address=kind)
        endpoint = parts.VertexEndpoint("mine", args)
        model = parts.GeminiDeploymentArgs(**where, endpoint=endpoint.resource_name, model="m", display_name="m")
        return {"id": endpoint.id, "host": private.host(endpoint, [parts.GeminiDeployment("m", model)])}

    done = record(program)
    assert done.outputs["host"] == (f"{done.outputs['id']}{host[1:]}" if host == HOST else host)
    automation = done.one(":AiEndpoint").inputs["privateServiceConnectConfig"].get("pscAutomationConfigs", [])
    assert (len(automation), len(done.of(":ForwardingRule"))) == ((1, 0) if kind == "automatic" else (0, 1))
