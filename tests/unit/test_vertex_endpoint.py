"""VertexEndpoint alone: what it registers, and what it gives back."""

from typing import Any

import pulumi
import pulumi_gcp as gcp
import pytest

import components as parts
from components.vertex_endpoint import endpoint_id
from tests.unit.recorder import ADDRESS, DNS, PROJECT_NUMBER, Recorder, record


def endpoint(preview: bool = False, hosts: tuple[str, ...] = (), **changes: Any) -> Recorder:
    """A VertexEndpoint changed by `changes`, with its outputs."""

    def program() -> dict[str, Any]:
        args = {"project": "my-project", "region": "us-central1", "display_name": "mine", **changes}
        made = parts.VertexEndpoint("mine", parts.VertexEndpointArgs(**args))
        return {"id": made.id, "name": made.resource_name, "dns": made.dedicated_dns, "host": made.host(hosts)}

    return record(program, preview=preview)


def unknown(value: str) -> pulumi.Output[str]:
    """An output that is not known yet, as a resource's own would be at preview."""
    made = parts.WorkloadIdentityBinding(
        "unknown",
        parts.WorkloadIdentityBindingArgs(project=value, namespace="n", kubernetes_service_account="k"),
    )
    return made.service_account_email


def test_children_are_parented_and_components_typed() -> None:
    """A component is one node with its resources below it, under a name of this package."""
    done = endpoint()
    assert [resource.typ for resource in done.resources] == [
        "gemini-vertex:components:VertexEndpoint",
        "gcp:vertex/aiEndpoint:AiEndpoint",
    ]
    monitor: Any = pulumi.runtime.settings.SETTINGS.monitor
    urns = list(monitor.get_registered_resources())
    assert any("VertexEndpoint$gcp:vertex/aiEndpoint:AiEndpoint::mine" in urn for urn in urns)


def test_the_split_is_left_to_its_own_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two owners of one field would undo each other; and the new endpoint comes before the old one goes."""
    seen: list[pulumi.ResourceOptions] = []

    class Watched(gcp.vertex.AiEndpoint):
        def __init__(self, resource_name: str, opts: pulumi.ResourceOptions, **inputs: Any) -> None:
            seen.append(opts)
            super().__init__(resource_name, opts=opts, **inputs)

    monkeypatch.setattr(gcp.vertex, "AiEndpoint", Watched)
    endpoint()
    assert [opts.ignore_changes for opts in seen] == [["trafficSplit"]]
    assert not any(opts.delete_before_replace for opts in seen)


def test_private_service_connect_is_the_default() -> None:
    """Allows the project, and has Google make the address in the network."""
    inputs = endpoint().one(":AiEndpoint").inputs
    assert inputs["privateServiceConnectConfig"]["projectAllowlists"] == ["my-project"]
    assert "dedicatedEndpointEnabled" not in inputs
    assert (inputs["location"], inputs["region"]) == ("us-central1", "us-central1")
    assert "trafficSplit" not in inputs


def test_a_shared_networks_name_is_taken_whole() -> None:
    """A Shared VPC belongs to another project."""
    inputs = endpoint(network="projects/host/global/networks/shared").one(":AiEndpoint").inputs
    automation = inputs["privateServiceConnectConfig"]["pscAutomationConfigs"]
    assert automation == [{"projectId": "my-project", "network": "projects/host/global/networks/shared"}]


@pytest.mark.parametrize("network", ["default", "projects/my-project/global/networks/default"])
def test_a_peered_network_is_given_by_its_projects_number(network: str) -> None:
    """`Endpoint.network` takes no project id."""
    done = endpoint(connectivity="peered-network", network=network)
    assert done.one(":AiEndpoint").inputs["network"] == f"projects/{PROJECT_NUMBER}/global/networks/default"
    assert [call.args["projectId"] for call in done.calls] == ["my-project"]
    assert "privateServiceConnectConfig" not in done.one(":AiEndpoint").inputs


def test_a_shared_peered_network_asks_for_its_own_project() -> None:
    """The number is that of the host project."""
    done = endpoint(connectivity="peered-network", network="projects/host/global/networks/shared")
    assert [call.args["projectId"] for call in done.calls] == ["host"]


@pytest.mark.parametrize(
    ("changes", "host"),
    [
        ({"connectivity": "public"}, DNS),
        ({"connectivity": "public", "dedicated": False}, "us-central1-aiplatform.googleapis.com"),
        ({"hosts": ("", ADDRESS)}, ADDRESS),
        ({"hosts": ("", "")}, ""),
    ],
)
def test_the_host_follows_the_connectivity(changes: dict[str, Any], host: str) -> None:
    """Dedicated DNS, shared host, or the address that a deployment brought; "" before there is one."""
    assert endpoint(**changes).outputs["host"] == host


def test_the_endpoints_number_is_stable() -> None:
    """Nine digits without a leading zero, the same for the same identity in every release."""
    assert endpoint_id("my-project", "us-central1", "mine") == "972407029"
    numbers = {endpoint_id("my-project", "us-central1", f"mine{number}") for number in range(200)}
    assert len(numbers) == 200
    assert all(len(number) == 9 and number[0] != "0" for number in numbers)


def test_what_the_api_cannot_change_makes_another_endpoint() -> None:
    """With another number, so that the new one can be up before the old one goes; labels are not of that kind."""
    ways: list[dict[str, Any]] = [
        {},
        {"display_name": "yours"},
        {"region": "europe-west4"},
        {"project": "your-project"},
        {"network": "other"},
        {"connectivity": "peered-network"},
        {"connectivity": "public"},
        {"connectivity": "public", "dedicated": False},
    ]
    numbers = [endpoint(**way).outputs["id"] for way in ways]
    assert len(set(numbers)) == len(ways)
    assert endpoint(labels={"a": "b"}).outputs["id"] == numbers[0]
    assert endpoint(network="projects/my-project/global/networks/default").outputs["id"] == numbers[0]
    assert endpoint(connectivity="public", network="ignored").outputs["id"] == numbers[6]


def test_an_endpoints_names_are_known_at_preview() -> None:
    """They follow from the arguments, so what is built on them previews in full."""
    outputs = endpoint(preview=True).outputs
    assert outputs["name"] == f"projects/my-project/locations/us-central1/endpoints/{outputs['id']}"
    assert isinstance(outputs["dns"], pulumi.output.Unknown)


def test_an_endpoint_of_an_unknown_project_previews() -> None:
    """Unknown arguments give unknown names, not an error."""

    def program() -> dict[str, Any]:
        args = parts.VertexEndpointArgs(project=unknown("p"), region="us-central1", display_name="mine")
        return {"id": parts.VertexEndpoint("mine", args).id}

    done = record(program, preview=True)
    assert isinstance(done.outputs["id"], pulumi.output.Unknown)
    assert isinstance(done.one(":AiEndpoint").inputs["name"], pulumi.output.Unknown)
