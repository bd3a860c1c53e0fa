"""Reads what makes a stack's calls private: `gemini-vertex:network`, `privateApis`, and the endpoint's own choices."""

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final, cast

from settings.section import Rule, Section, listed
from settings.values import AddressKind, Connectivity, PrivateSettings

ENDPOINT_KEYS: Final = ("address", "serviceConnectionPolicy", "privateServicesAccess")
_CREATED_RANGE: Final = "10.10.0.0/24"
_API_ADDRESS: Final = "10.255.255.254"
_SUPPORT: Final = ("existing", "create")
# A subnetwork has from 4 addresses to a /8 (cloud.google.com/vpc/docs/subnets).
_SHORTEST, _LONGEST = 8, 29

_NAME: Final = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
NETWORK: Final = Rule(
    rf"(projects/[a-z0-9-]+/global/networks/)?{_NAME}",
    "a network's name, or projects/PROJECT/global/networks/NAME for a shared one",
)
_SUBNETWORK: Final = Rule(
    rf"(projects/[a-z0-9-]+/regions/[a-z0-9-]+/subnetworks/)?{_NAME}",
    "a subnetwork's name, or projects/PROJECT/regions/REGION/subnetworks/NAME for a shared one",
)
_DOMAIN: Final = Rule(r"([a-z0-9-]+\.)*googleapis\.com", "googleapis.com, or a name below it, without a dot at its end")


@dataclass(frozen=True)
class Network:
    """`gemini-vertex:network`; `subnetwork_range` is None where the network exists."""

    name: str
    subnetwork: str
    subnetwork_range: str | None
    given: bool

    @property
    def made(self) -> bool:
        """Whether the stack makes it."""
        return self.subnetwork_range is not None


@dataclass(frozen=True)
class Choices:
    """What the endpoint's own keys say; see the fields of the same names in `PrivateSettings`."""

    network: Network
    address: AddressKind = "automatic"
    create_connection_policy: bool = False
    create_private_services_access: bool = False


def read_network(config: Section) -> Network:
    """The network, and the subnetwork for addresses in it; both called default where nothing says."""
    entry = config.section("network", ("name", "create", "subnetwork", "subnetworkRange"))
    if config.given("network"):
        entry.required("name", "gemini-network")
    name = entry.text("name", "default", NETWORK)
    create = entry.flag("create", False)
    if create and "/" in name:
        entry.wrong("name", "is another project's network, which is not made here; give a bare name, or drop create")
    if entry.given("subnetworkRange") and not create and entry.sound("create"):
        entry.wrong("subnetworkRange", "is set, but the subnetwork exists; remove it, or set create to true")
    block = entry.text("subnetworkRange", _CREATED_RANGE)
    if entry.sound("subnetworkRange") and not _is_range(block):
        entry.wrong("subnetworkRange", f'is "{block}"; it must be a private IPv4 range, such as {_CREATED_RANGE}')
    fallback = name.rpartition("/")[2] if create else "default"
    return Network(
        name, entry.text("subnetwork", fallback, _SUBNETWORK), block if create else None, config.given("network")
    )


def read_choices(entry: Section, connectivity: Connectivity, network: Network) -> Choices:
    """What `gemini-vertex:endpoint` says of its network and address; each key belongs to one way of being private."""
    if entry.given("network") and network.given:
        entry.wrong("network", "is set beside gemini-vertex:network, which says which one it is; remove this one")
    elif entry.given("network"):
        network = replace(network, name=entry.text("network", "default", NETWORK))
    connect = connectivity == "private-service-connect"
    address = cast(AddressKind, entry.choice("address", ("automatic", "forwarding-rule"), "automatic"))
    made = {}
    for name, wanted in (
        ("address", connect),
        ("serviceConnectionPolicy", connect and address == "automatic"),
        ("privateServicesAccess", connectivity == "peered-network"),
    ):
        if entry.given(name) and entry.sound(name, "connectivity") and not wanted:
            how = f"{connectivity} endpoint" + (" with a forwarding rule" if connect else "")
            entry.wrong(name, f"is set, but a {how} has no such choice; remove it")
        if name != "address":
            choice = entry.choice(name, _SUPPORT, "create" if network.made else "existing")
            if network.made and wanted and choice == "existing" and entry.sound(name):
                entry.wrong(name, 'is "existing", but the stack makes the network, which has none; remove it')
            made[name] = wanted and choice == "create"
    kind: AddressKind = address if connect else "automatic"
    return Choices(network, kind, made["serviceConnectionPolicy"], made["privateServicesAccess"])


def read_private(
    config: Section,
    choices: Choices,
    connectivity: Connectivity | None,
    locations: Collection[str],
    warnings: list[str],
) -> PrivateSettings | None:
    """What this stack makes for its calls to be private, None for nothing.

    `connectivity` is None where there is no endpoint; `locations` are those whose Vertex AI the application calls.
    """
    network = choices.network
    domains, api_address = _read_apis(config, locations, warnings)
    if network.given and connectivity in ("public", None) and not domains and config.sound("network", "privateApis"):
        config.wrong("network", "is set, but nothing here is private; remove it, or set privateApis.mode to restricted")
    settings = PrivateSettings(
        network=network.name,
        subnetwork=network.subnetwork,
        subnetwork_range=network.subnetwork_range,
        address=choices.address,
        create_connection_policy=choices.create_connection_policy,
        create_private_services_access=choices.create_private_services_access,
        api_domains=domains,
        api_address=api_address,
    )
    forwarding = choices.address == "forwarding-rule"
    policies = choices.create_connection_policy or choices.create_private_services_access
    return settings if network.made or forwarding or policies or domains else None


def vertex_host(location: str) -> str:
    """The host that serves Vertex AI of a location (google-genai 2.34.0, `_api_client`)."""
    if location == "global":
        return "aiplatform.googleapis.com"
    return (
        f"aiplatform.{location}.rep.googleapis.com"
        if location in ("us", "eu")
        else f"{location}-aiplatform.googleapis.com"
    )


def _read_apis(config: Section, locations: Collection[str], warnings: list[str]) -> tuple[tuple[str, ...], str]:
    entry = config.section("privateApis", ("mode", "address", "domains"))
    mode = entry.choice("mode", ("off", "restricted"), "off")
    if mode == "off" and entry.sound("mode"):
        for name in ("address", "domains"):
            if entry.given(name):
                entry.wrong(name, f'is set, but the mode is "off"; set it to {listed(["restricted"])}, or remove this')
    address = entry.text("address", _API_ADDRESS)
    if entry.sound("address") and not _is_range(f"{address}/32", longest=32):
        entry.wrong("address", f'is "{address}"; it must be a private IPv4 address outside of every subnetwork')
    hosts = sorted({vertex_host(location) for location in locations})
    for host in (host for host in hosts if ".rep." in host and mode == "restricted"):
        warnings.append(
            f"{config.path}:privateApis: {host} is a regional endpoint, which the bundle vpc-sc does not serve: calls "
            "to it go as before; set the model's location to global or a region"
        )
    domains = entry.texts("domains", _DOMAIN) or tuple(host for host in hosts if ".rep." not in host)
    return (domains if mode == "restricted" else ()), address


def _is_range(text: str, longest: int = _LONGEST) -> bool:
    try:
        block = ipaddress.IPv4Network(text)
    except ValueError:
        return False
    return block.is_private and _SHORTEST <= block.prefixlen <= longest and "/" in text
