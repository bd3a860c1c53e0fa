"""The smoke test's look at a private path: what it says of a whole one, of a broken one, and where it may not look."""

from collections.abc import Iterator

import pytest
import requests

from sandbox.identity import token_for
from sandbox.testing import running_sandbox
from scripts import private_path, serving, smoke_test
from tests.sandbox.private_cases import NETWORK, REGION
from tests.sandbox.test_private_path import ENDPOINT, NAME, Path


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An endpoint with all that leads to it, in a sandbox of its own."""
    with running_sandbox(deploy_seconds=0, operation_seconds=0) as sandbox:
        monkeypatch.setenv("SANDBOX_URL", sandbox.url)
        yield Path(sandbox)


def session(email: str = "deployer@sandbox.example") -> requests.Session:
    """Somebody's."""
    made = requests.Session()
    made.headers["Authorization"] = f"Bearer {token_for(email)}"
    return made


def follow(path: Path, host: str = NAME) -> str:
    """What leads to the endpoint."""
    return private_path.follow(session(), "sandbox-project", "us-central1", path.vertex.get(ENDPOINT), host)


def test_a_whole_path_is_told(path: Path) -> None:
    """The name, the address that it stands for, and the rule that holds it."""
    assert follow(path) == f"{NAME} is 10.10.0.2, forwarding rule mine accepted"
    assert follow(path, "10.10.0.2") == "10.10.0.2, forwarding rule mine accepted"


def test_a_host_that_is_not_the_address_is_named(path: Path) -> None:
    """An output of an older address, or none."""
    with pytest.raises(serving.SmokeError, match=r"endpointHost is 10\.0\.0\.9, but the endpoint's address is 10\.10"):
        follow(path, "10.0.0.9")
    with pytest.raises(serving.SmokeError, match="The stack has no endpointHost"):
        follow(path, "")


def test_an_address_that_is_not_reserved_is_named(path: Path) -> None:
    """Somebody else may get it."""
    attachment = path.rule()["target"]
    path.compute("DELETE", f"{REGION}/forwardingRules/mine")
    rule = {"name": "mine", "network": NETWORK, "IPAddress": "10.10.0.50", "target": attachment}
    path.compute("POST", f"{REGION}/forwardingRules", rule)
    with pytest.raises(serving.SmokeError, match=r"10\.10\.0\.50 of forwarding rule mine is not reserved"):
        follow(path)


def test_a_record_that_leads_elsewhere_is_named(path: Path) -> None:
    """What it says, and what it should."""
    path.dns("PATCH", f"projects/sandbox-project/managedZones/mine/rrsets/{NAME}./A", {"rrdatas": ["10.10.0.3"]})
    with pytest.raises(serving.SmokeError, match=r"does not lead to 10\.10\.0\.2: DNS zone mine says 10\.10\.0\.3"):
        follow(path)


def test_an_endpoint_without_models_is_named(path: Path) -> None:
    """Its attachment goes with the last one."""
    path.vertex.undeploy(ENDPOINT, "1")
    with pytest.raises(serving.SmokeError, match="no model is deployed on it"):
        follow(path)


@pytest.mark.parametrize(("caller", "seen"), [("deployer", "accepted"), ("stranger", "not looked at, 403:")])
def test_who_may_not_look_is_told_so(path: Path, caller: str, seen: str) -> None:
    """compute.viewer is not the application's to have: the answer decides then."""
    check = smoke_test.check_path(
        "private path",
        lambda: private_path.follow(
            session(f"{caller}@sandbox.example"), "sandbox-project", "us-central1", path.vertex.get(ENDPOINT), NAME
        ),
    )
    assert check.ok
    assert seen in check.seen
