"""Private paths on the real engine: the smoke test goes over them, and names each piece that is missing."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import requests

from sandbox import pods
from scripts.workspace import ROOT
from tests.engine.conftest import FLASH, PRO, Stack

ENDPOINT = "gemini-vertex:endpoint"
NETWORK = {"gemini-vertex:network.name": "serving", "gemini-vertex:network.create": "true"}


SMOKE_TEST = [sys.executable, str(ROOT / "scripts/smoke_test.py"), "--json"]


def smoke(stack: Stack) -> dict[str, dict[str, Any]]:
    """The smoke test's checks by name."""
    command = [*SMOKE_TEST, "--stack", stack.workspace.stack]
    folder, environment = stack.workspace.folder, stack.cloud.environ()
    done = subprocess.run(command, check=False, cwd=folder, env=environment, capture_output=True, text=True)
    return checks_of(done)


def smoke_as_pod(stack: Stack) -> dict[str, dict[str, Any]]:
    """Those of a smoke test in the application's pod, which is inside the network and has no Pulumi."""
    outputs = stack.workspace.pulumi("stack", "output", "--json")
    with pods.variables_of(stack.cloud.env, "production/gemini-app") as variables:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        command, environment = [*SMOKE_TEST, "--outputs", "-"], {**kept, **variables}
        done = subprocess.run(command, check=False, env=environment, input=outputs, capture_output=True, text=True)
    return checks_of(done)


def checks_of(done: "subprocess.CompletedProcess[str]") -> dict[str, dict[str, Any]]:
    """By name; its status must say the same."""
    told = json.loads(done.stdout)
    assert told["ok"] is (done.returncode == 0), done.stdout
    return {check["name"]: check for check in told["checks"]}


def configured(make_stack: Callable[..., Stack], values: dict[str, str]) -> Stack:
    """The prod stack with these values, its endpoint's network left to gemini-vertex:network."""
    prod = make_stack("prod")
    prod.workspace.pulumi("config", "rm", "--path", f"{ENDPOINT}.network")
    for key, value in values.items():
        prod.workspace.set(key, value)
    return prod


def google(stack: Stack, method: str, path: str, body: Any = None) -> Any:
    """A call to the sandbox's Google by hand."""
    headers = {"Authorization": f"Bearer {stack.cloud.env['GOOGLE_OAUTH_ACCESS_TOKEN']}"}
    answer = requests.request(method, f"{stack.url}/{path}", json=body, headers=headers, timeout=60)
    answer.raise_for_status()
    return answer.json()


COMPUTE = "compute/compute/v1/projects/sandbox-project/regions/us-central1"
ZONES = "dns/dns/v1/projects/sandbox-project/managedZones"


def test_an_address_of_the_stacks_own_leads_to_the_endpoint(make_stack: Callable[..., Stack]) -> None:
    """On a network of the stack's own: the smoke test passes over the name, names each piece that goes missing, and
    passes again after an up; nothing is left."""
    prod = configured(make_stack, {**NETWORK, f"{ENDPOINT}.address": "forwarding-rule"})
    prod.up()
    outputs = prod.workspace.outputs()
    number = outputs["endpointId"]
    host = f"{number}-us-central1-123456789012.prediction.p.vertexai.goog"
    assert outputs["endpointHost"] == host
    checks = smoke(prod)
    assert all(check["ok"] for check in checks.values()), checks
    assert f"{host} is 10.10.0.2" in checks["private path"]["seen"]
    prod.preview_is_empty()

    zone, elsewhere = f"{ZONES}/vertex-{number}", "projects/sandbox-project/global/networks/default"
    wrong = {"name": f"{host}.", "type": "A", "ttl": 60, "rrdatas": ["10.10.0.99"]}
    pending = {"privateServiceConnectConfig": {"enablePrivateServiceConnect": True, "projectAllowlist": ["other"]}}
    mask = "updateMask=privateServiceConnectConfig.projectAllowlist"
    rule = f"{COMPUTE}/forwardingRules/vertex-{number}"
    own = google(prod, "GET", rule)
    kept = {key: own[key] for key in ("name", "network", "IPAddress", "target")}
    for sentence, *calls in (
        ("does not lead to 10.10.0.2: DNS zone", ("PATCH", f"{zone}/rrsets/{host}./A", wrong)),
        ("has no record of it", ("DELETE", f"{zone}/rrsets/{host}./A", None)),
        ("is not attached to that network", ("PATCH", zone, attached_to(elsewhere))),
        ("has no private DNS zone for it", ("DELETE", zone, None)),
        (
            f"The address 10.10.0.2 of forwarding rule vertex-{number} is not reserved",
            ("DELETE", rule, None),
            ("DELETE", f"{COMPUTE}/addresses/vertex-{number}", None),
            ("POST", f"{COMPUTE}/forwardingRules", kept),
        ),
        ("is PENDING, not ACCEPTED", ("PATCH", f"aiplatform/v1/{outputs['endpointName']}?{mask}", pending)),
        ("No forwarding rule in sandbox-project", ("DELETE", rule, None)),
    ):
        for method, path, body in calls:
            google(prod, method, path, body)
        told = smoke(prod)
        assert sentence in told["private path"]["todo"], told
        assert not told["answer"]["ok"], told

    prod.workspace.pulumi("refresh", "--yes", "--skip-preview")
    prod.up()
    assert all(check["ok"] for check in smoke(prod).values())
    prod.destroy()
    assert prod.state() == {}


def attached_to(network: str) -> Any:
    """A zone that is seen in this network alone."""
    return {"privateVisibilityConfig": {"networks": [{"networkUrl": network}]}}


def test_googles_automation_needs_a_policy_of_the_network(make_stack: Callable[..., Stack]) -> None:
    """A network that the stack makes gets a service connection policy, and an address by it."""
    prod = configured(make_stack, NETWORK)
    prod.up()
    assert prod.workspace.outputs()["endpointHost"] == "10.10.0.2"
    checks = smoke(prod)
    assert all(check["ok"] for check in checks.values()), checks
    assert "10.10.0.2, forwarding rule sca-auto-fr-" in checks["private path"]["seen"]
    assert [k.rpartition("/")[2] for k in prod.state()["serviceConnectionPolicy"]] == ["serving-vertex-ai"]
    prod.preview_is_empty()
    prod.destroy()
    assert prod.state() == {}


def test_without_a_policy_the_smoke_test_says_so(prod: Stack) -> None:
    """CONNECTION_POLICY_MISSING: the deployments succeed all the same."""
    policy = "projects/sandbox-project/locations/us-central1/serviceConnectionPolicies/vertex-ai"
    prod.cloud.enable("networkconnectivity")
    google(prod, "DELETE", f"networkconnectivity/v1/{policy}")
    prod.up()
    told = smoke(prod)
    assert "CONNECTION_POLICY_MISSING" in told["private path"]["todo"]
    assert "serviceConnectionPolicy: create" in told["private path"]["todo"]


def test_a_second_policy_is_refused_with_what_to_do(prod: Stack) -> None:
    """A network has room for one."""
    prod.workspace.set(f"{ENDPOINT}.serviceConnectionPolicy", "create")
    with pytest.raises(Exception, match="serviceConnectionPolicy: existing"):
        prod.up()


def test_a_peered_endpoint_comes_up_on_a_network_that_is_peered_first(make_stack: Callable[..., Stack]) -> None:
    """Range and connection are made with the network, the smoke test passes, and nothing is left."""
    peered = {f"{ENDPOINT}.connectivity": "peered-network", f"{FLASH}.traffic": "100", f"{FLASH}.model": "gemma-3-4b"}
    prod = configured(make_stack, {**NETWORK, **peered})
    prod.workspace.pulumi("config", "rm", "--path", PRO)
    prod.up()
    connection = prod.state()["privateConnection"]["projects/sandbox-project/global/networks/serving"]
    assert connection["reservedPeeringRanges"] == ["serving-google-services"]
    checks = smoke(prod)
    assert all(check["ok"] for check in checks.values()), checks
    assert checks["private path"]["seen"] == "network serving is peered with Google's services"
    prod.preview_is_empty()
    prod.cloud.sandbox.store.delete("privateConnection", "projects/sandbox-project/global/networks/serving")
    told = smoke(prod)
    assert "has no active private services access" in told["private path"]["todo"], told
    assert not told["answer"]["ok"], told
    prod.workspace.pulumi("refresh", "--yes", "--skip-preview")
    prod.up()
    assert all(check["ok"] for check in smoke(prod).values())
    prod.destroy()
    assert prod.state() == {}


def test_an_existing_peering_is_not_made_again(make_stack: Callable[..., Stack]) -> None:
    """The network called default has private services access already; making it is refused with what to do."""
    prod = make_stack("prod")
    for key, value in (
        (f"{ENDPOINT}.connectivity", "peered-network"),
        (f"{ENDPOINT}.privateServicesAccess", "create"),
        (f"{FLASH}.traffic", "100"),
        (f"{FLASH}.model", "gemma-3-4b"),
    ):
        prod.workspace.set(key, value)
    prod.workspace.pulumi("config", "rm", "--path", PRO)
    with pytest.raises(Exception, match="privateServicesAccess: existing"):
        prod.up()


APIS = "compute/compute/v1/projects/sandbox-project/global"
WIDE = "aiplatform.googleapis.com"


def test_gemini_itself_is_reached_by_an_address_of_the_network(make_stack: Callable[..., Stack]) -> None:
    """The managed route over Private Service Connect to Google's APIs: the smoke test names each piece that is missing,
    and in a pod, which may look at none of them, there is no answer without it."""
    stack = make_stack("managed", profile="google")
    stack.workspace.pulumi("config", "rm", "vertex-serving:allowBaseGemini")
    stack.workspace.set("gemini-vertex:privateApis.mode", "restricted")
    stack.up()
    network = "projects/sandbox-project/global/networks/default"
    led = {"network": network, "address": "10.255.255.254", "domains": [WIDE]}
    assert stack.workspace.outputs()["privateApis"] == led
    told = smoke(stack)
    assert all(check["ok"] for check in told.values()), told
    assert told["private APIs"]["seen"] == f"{WIDE} is 10.255.255.254, forwarding rule geminiapis"
    told = smoke_as_pod(stack)
    assert all(check["ok"] for check in told.values()), told
    assert "not looked at" in told["private APIs"]["seen"]
    stack.preview_is_empty()

    zone = f"{ZONES}/geminiapis-aiplatform-googleapis-com"
    wrong = {"name": f"{WIDE}.", "type": "A", "ttl": 60, "rrdatas": ["10.255.255.1"]}
    other = {"name": "other", "autoCreateSubnetworks": False}
    google(stack, "POST", f"{APIS}/networks", other)
    for sentence, method, path, body in (
        ("does not lead to 10.255.255.254", "PATCH", f"{zone}/rrsets/{WIDE}./A", wrong),
        ("has no record of it", "DELETE", f"{zone}/rrsets/{WIDE}./A", None),
        ("is not attached to that network", "PATCH", zone, attached_to(network.replace("default", "other"))),
        ("has no private DNS zone for it", "DELETE", zone, None),
        ("No global forwarding rule in sandbox-project", "DELETE", f"{APIS}/forwardingRules/geminiapis", None),
    ):
        if sentence == "has no private DNS zone for it":
            google(stack, "DELETE", f"{zone}/rrsets/*.{WIDE}./CNAME")
        google(stack, method, path, body)
        told = smoke(stack)
        assert sentence in told["private APIs"]["todo"], told
        # from outside of the network only the look tells
        assert told["answer"]["ok"], told
    stack.workspace.pulumi("refresh", "--yes", "--skip-preview")
    stack.up()
    google(stack, "DELETE", f"{APIS}/forwardingRules/geminiapis")
    told = smoke_as_pod(stack)
    assert not told["answer"]["ok"], told
    stack.cloud.sandbox.store.delete("address", "projects/sandbox-project/global/addresses/geminiapis")
    stack.workspace.pulumi("refresh", "--yes", "--skip-preview")
    stack.up()
    assert all(check["ok"] for check in smoke_as_pod(stack).values())
    google(stack, "DELETE", f"{APIS}/networks/other")
    stack.destroy()
    assert stack.state() == {}
