"""`gemini-vertex:network`, `privateApis`, and the endpoint's own choices of a private path."""

from typing import Any

import pytest

from settings import PrivateSettings, Settings, SettingsError
from tests.unit.configurations import managed, prod, read

CONNECT = {"name": "e", "connectivity": "private-service-connect"}
PEERED = {"name": "e", "connectivity": "peered-network"}


def private(**changes: Any) -> PrivateSettings:
    """What a prod stack changed by `changes` makes; it must make something."""
    found = read(prod(**changes)).private
    assert found is not None
    return found


def problem(config: dict[str, Any]) -> str:
    """The only mistake in a configuration."""
    with pytest.raises(SettingsError) as caught:
        read(config)
    assert len(caught.value.problems) == 1, caught.value
    return str(caught.value.problems[0])


def apis(settings: Settings) -> set[str]:
    """The APIs that a private path adds."""
    return {api.removesuffix(".googleapis.com") for api in settings.apis} - {
        *("aiplatform", "compute", "container", "cloudresourcemanager", "iam", "iamcredentials")
    }


def test_nothing_is_made_by_default() -> None:
    """Google's automation, on the network called default, as its administrator left it."""
    settings = read(prod())
    assert settings.private is None
    assert settings.endpoint is not None
    assert (settings.endpoint.network, settings.endpoint.address) == ("default", "automatic")
    assert apis(settings) == set()


def test_a_network_of_the_stacks_own_brings_what_vertex_ai_needs_in_it() -> None:
    """Subnetwork and policy; the endpoint is on that network."""
    settings = read(prod(network={"name": "serving", "create": True}))
    assert settings.private == PrivateSettings(
        network="serving",
        subnetwork="serving",
        subnetwork_range="10.10.0.0/24",
        address="automatic",
        create_connection_policy=True,
        create_private_services_access=False,
        api_domains=(),
        api_address="10.255.255.254",
    )
    assert settings.endpoint is not None
    assert settings.endpoint.network == "serving"
    assert apis(settings) == {"networkconnectivity"}


def test_a_forwarding_rule_needs_no_policy() -> None:
    """On an existing network: the subnetwork called default unless another is named."""
    made = private(endpoint={**CONNECT, "network": "vpc", "address": "forwarding-rule"})
    assert (made.network, made.subnetwork, made.address) == ("vpc", "default", "forwarding-rule")
    assert not made.create_connection_policy
    own = private(endpoint={**CONNECT, "address": "forwarding-rule"}, network={"name": "n", "create": True})
    assert not own.create_connection_policy
    settings = read(prod(endpoint={**CONNECT, "address": "forwarding-rule"}))
    assert apis(settings) == {"dns"}


def test_a_policy_is_made_when_asked_for() -> None:
    """On a network whose administrator made none."""
    made = private(endpoint={**CONNECT, "serviceConnectionPolicy": "create"}, network={"name": "n", "subnetwork": "s"})
    assert (made.create_connection_policy, made.network, made.subnetwork) == (True, "n", "s")


def test_a_peered_network_is_peered_when_asked_for_or_made() -> None:
    """Private services access, and its API."""
    model = [{"name": "only", "model": "my-model", "machineType": "n1-standard-4"}]
    for change in (
        {"endpoint": {**PEERED, "privateServicesAccess": "create"}},
        {"endpoint": PEERED, "network": {"name": "n", "create": True}},
    ):
        settings = read(prod(models=model, **change))
        assert settings.private is not None
        assert settings.private.create_private_services_access
        assert not settings.private.create_connection_policy
        assert apis(settings) == {"servicenetworking"}


def test_googles_apis_are_led_by_the_hosts_that_the_stack_calls() -> None:
    """No other name of the network changes, unless domains say so."""
    restricted = {"mode": "restricted"}
    assert private(privateApis=restricted).api_domains == ("us-central1-aiplatform.googleapis.com",)
    settings = read({**managed(location="global"), "gemini-vertex:privateApis": restricted})
    assert settings.private is not None
    assert settings.private.api_domains == ("aiplatform.googleapis.com",)
    assert apis(settings) == {"dns", "servicedirectory"}
    every = private(privateApis={**restricted, "domains": ["googleapis.com"], "address": "10.9.0.1"})
    assert (every.api_domains, every.api_address) == (("googleapis.com",), "10.9.0.1")


def test_a_regional_endpoint_is_not_in_the_bundle() -> None:
    """`us` and `eu` are served by *.rep.googleapis.com: their names are left alone, and that is said."""
    settings = read({**managed(location="eu"), "gemini-vertex:privateApis": {"mode": "restricted"}})
    assert any("aiplatform.eu.rep.googleapis.com is a regional endpoint" in each for each in settings.warnings)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"network": {"name": "Big"}}, "network.name: is"),
        ({"network": {"create": True}}, "network.name: is missing"),
        ({"network": {"name": "n", "subnetworkRange": "10.0.0.0/24"}}, "network.subnetworkRange: is set, but the"),
        ({"network": {"name": "n", "create": True, "subnetworkRange": "8.8.8.0/24"}}, "must be a private IPv4 range"),
        ({"network": {"name": "n", "create": True, "subnetworkRange": "10.0.0.1/24"}}, "must be a private IPv4 range"),
        ({"network": {"name": "projects/h/global/networks/n", "create": True}}, "is another project's network"),
        ({"network": {"name": "n"}, "endpoint": {**CONNECT, "network": "m"}}, "endpoint.network: is set beside"),
        ({"endpoint": {**CONNECT, "address": "static"}}, "endpoint.address: is"),
        ({"endpoint": {**CONNECT, "privateServicesAccess": "create"}}, "endpoint.privateServicesAccess: is set, but"),
        (
            {"endpoint": {**CONNECT, "address": "forwarding-rule", "serviceConnectionPolicy": "create"}},
            "with a forwarding rule has no such choice",
        ),
        (
            {
                "endpoint": {**CONNECT, "serviceConnectionPolicy": "existing"},
                "network": {"name": "n", "create": True},
            },
            "the stack makes the network, which has none",
        ),
        ({"privateApis": {"mode": "on"}}, "privateApis.mode: is"),
        ({"privateApis": {"mode": "off", "address": "10.0.0.1"}}, 'privateApis.address: is set, but the mode is "off"'),
        ({"privateApis": {"mode": "restricted", "address": "nowhere"}}, "must be a private IPv4 address"),
        ({"privateApis": {"mode": "restricted", "domains": ["example.com"]}}, "privateApis.domains[0]: is"),
        (
            {"environment": "dev", "endpoint": {"name": "e", "connectivity": "public"}, "network": {"name": "n"}},
            "nothing here is private",
        ),
    ],
)
def test_a_mistake_is_named_by_its_key(changes: dict[str, Any], says: str) -> None:
    """What is wrong, and what to do."""
    assert says in problem(prod(**changes))
