"""The smoke test's look at a private way to Google's own APIs, and at a peered endpoint's peering."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.testing import SandboxHandle, running_sandbox
from scripts import private_path, serving
from tests.sandbox.google import PROJECT_NUMBER, Google
from tests.scripts.test_private_path import session

P = "projects/sandbox-project"
NETWORK = f"{P}/global/networks/default"
OTHER = f"{P}/global/networks/other"
ADDRESS = "10.255.255.254"
REGIONAL, WIDE = "us-central1-aiplatform.googleapis.com", "aiplatform.googleapis.com"
ZONES, RULES, ADDRESSES = f"{P}/managedZones", f"{P}/global/forwardingRules", f"{P}/global/addresses"


class Apis:
    """By hand, all that leads a network to Google's APIs."""

    def __init__(self, sandbox: SandboxHandle) -> None:
        sandbox.enable("compute", "dns")
        self.compute, self.dns = Google(sandbox, "compute"), Google(sandbox, "dns")
        self.compute("POST", f"{P}/global/networks", {"name": "other", "autoCreateSubnetworks": False})
        self.reserve()
        self.rule()
        for name, domain in (("regional", REGIONAL), ("wide", WIDE)):
            attached = {"privateVisibilityConfig": {"networks": [{"networkUrl": NETWORK}]}}
            self.dns("POST", ZONES, {"name": name, "dnsName": f"{domain}.", "visibility": "private", **attached})
            self.record(name, f"{domain}.", "A", ADDRESS)

    def reserve(self, number: str = ADDRESS) -> None:
        kept = {"name": "apis", "addressType": "INTERNAL", "purpose": "PRIVATE_SERVICE_CONNECT", "network": NETWORK}
        self.compute("POST", ADDRESSES, {**kept, "address": number})

    def rule(self, **changes: Any) -> None:
        rule = {"name": "geminiapis", "IPAddress": "apis", "network": NETWORK, "target": "vpc-sc"}
        self.compute("POST", RULES, {**rule, **changes})

    def record(self, zone: str, name: str, kind: str, data: str) -> None:
        self.dns("POST", f"{ZONES}/{zone}/rrsets", {"name": name, "type": kind, "ttl": 60, "rrdatas": [data]})

    def without(self, *paths: str) -> None:
        for path in paths:
            (self.dns if "/managedZones" in path else self.compute)("DELETE", path)

    def elsewhere(self) -> None:
        self.dns("PATCH", f"{ZONES}/wide", {"privateVisibilityConfig": {"networks": [{"networkUrl": OTHER}]}})

    def moved(self) -> None:
        self.without(f"{RULES}/geminiapis", f"{ADDRESSES}/apis")
        self.reserve("10.255.255.253")
        self.rule()

    def unreserved(self) -> None:
        self.without(f"{RULES}/geminiapis")
        self.compute("DELETE", f"{ADDRESSES}/apis")

    def wrong(self) -> None:
        self.without(f"{ZONES}/wide/rrsets/{WIDE}./A")
        self.record("wide", f"{WIDE}.", "A", "10.255.255.1")


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxHandle]:
    """A sandbox of its own."""
    with running_sandbox(deploy_seconds=0, operation_seconds=0) as running:
        monkeypatch.setenv("SANDBOX_URL", running.url)
        yield running


def follow(*domains: str, hosts: tuple[str, ...] = ()) -> str:
    """What leads to Google's APIs."""
    apis = {"network": NETWORK, "address": ADDRESS, "domains": list(domains or (REGIONAL, WIDE))}
    return private_path.follow_apis(session(), "sandbox-project", apis, hosts)


def test_a_whole_way_is_told(sandbox: SandboxHandle) -> None:
    """Every name, and the address that all of them stand for."""
    Apis(sandbox)
    assert follow() == f"{WIDE}, {REGIONAL} are {ADDRESS}, forwarding rule geminiapis"


@pytest.mark.parametrize(
    ("take", "says"),
    [
        (
            lambda a: a.without(f"{RULES}/geminiapis"),
            "No global forwarding rule in sandbox-project leads from projects",
        ),
        (lambda a: a.unreserved(), "No global forwarding rule in sandbox-project"),
        (lambda a: a.moved(), r"rule geminiapis is 10\.255\.255\.253, not the stack's 10\.255\.255\.254"),
        (lambda a: a.without(f"{ZONES}/wide/rrsets/{WIDE}./A"), f"of {WIDE}|zone wide has no record of it"),
        (lambda a: a.wrong(), r"does not lead to 10\.255\.255\.254: DNS zone wide says 10\.255\.255\.1"),
        (lambda a: a.elsewhere(), "DNS zone wide is not attached to that network"),
        (lambda a: a.without(f"{ZONES}/wide/rrsets/{WIDE}./A", f"{ZONES}/wide"), "has no private DNS zone for it"),
    ],
)
def test_each_missing_piece_is_named(sandbox: SandboxHandle, take: Callable[[Apis], None], says: str) -> None:
    """With what to do."""
    take(Apis(sandbox))
    with pytest.raises(serving.SmokeError, match=says) as told:
        follow()
    assert "Run `pulumi up`." in str(told.value)


def test_an_address_that_is_not_reserved_is_named(sandbox: SandboxHandle) -> None:
    """Compute deletes no address in use; what an older release of it left behind is seen all the same."""
    Apis(sandbox)
    sandbox.sandbox.store.delete("address", f"{ADDRESSES}/apis")
    with pytest.raises(serving.SmokeError, match=rf"address {ADDRESS} of forwarding rule geminiapis is not reserved"):
        follow()


def test_a_name_below_a_domain_is_followed_by_its_alias(sandbox: SandboxHandle) -> None:
    """privateApis.domains: [googleapis.com] leads every host by a CNAME of all names below."""
    apis = Apis(sandbox)
    apis.without(f"{ZONES}/wide/rrsets/{WIDE}./A", f"{ZONES}/wide")
    attached = {"privateVisibilityConfig": {"networks": [{"networkUrl": NETWORK}]}}
    apis.dns("POST", ZONES, {"name": "all", "dnsName": "googleapis.com.", "visibility": "private", **attached})
    apis.record("all", "googleapis.com.", "A", ADDRESS)
    with pytest.raises(serving.SmokeError, match=f"{WIDE} does not lead to .* zone all has no record of it"):
        follow("googleapis.com", hosts=(WIDE,))
    apis.record("all", "*.googleapis.com.", "CNAME", "googleapis.com.")
    assert f"{WIDE}, googleapis.com are {ADDRESS}" in follow("googleapis.com", hosts=(WIDE, "example.com"))


def test_a_peering_that_is_gone_is_named(sandbox: SandboxHandle) -> None:
    """Google's side of a peered endpoint is reached by it alone."""
    sandbox.enable("compute")
    live = {"network": f"projects/{PROJECT_NUMBER}/global/networks/default"}
    assert private_path.follow_peering(session(), live) == "network default is peered with Google's services"
    sandbox.sandbox.store.delete("privateConnection", NETWORK)
    with pytest.raises(serving.SmokeError, match=r"network default .* has no active private services access"):
        private_path.follow_peering(session(), live)
