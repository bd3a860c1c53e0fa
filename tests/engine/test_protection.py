"""Prod is not destroyed, and its address not changed, by one command."""

import json
from collections.abc import Callable

import pytest

from scripts.workspace import PulumiError
from tests.engine.conftest import Stack

EVERYTHING = {
    "gemini-vertex:observability.notify[0]": "oncall@example.com",
    "gemini-vertex:privateApis.mode": "restricted",
}
"""What Pulumi.prod.yaml leaves out, and would be the first to go."""
LIFT = ("gemini-vertex:protect", "false")


def test_destroy_is_refused_until_protection_is_lifted(make_stack: Callable[..., Stack]) -> None:
    """Refused with a sentence, and nothing is gone, even without a preview; lifted, all goes."""
    prod = make_stack("prod", protected=True)
    for setting, value in EVERYTHING.items():
        prod.workspace.set(setting, value)
    prod.up()
    since = prod.mark()
    with pytest.raises(PulumiError, match=r"cannot be deleted\s+because it is protected"):
        prod.destroy()
    assert prod.changes(since) == []

    prod.workspace.set(*LIFT)
    since = prod.mark()
    prod.up()
    assert prod.changes(since) == []
    prod.destroy()
    assert prod.state() == {}


@pytest.mark.parametrize(
    ("setting", "value", "what"),
    [
        ("gemini-vertex:endpoint.name", "another-endpoint", "replace"),
        ("gemini-vertex:perimeter.mode", "off", "delete"),
    ],
)
def test_what_would_take_the_address_or_the_perimeter_away_is_refused_at_preview(
    make_stack: Callable[..., Stack], setting: str, value: str, what: str
) -> None:
    """Another endpoint is another address; no perimeter is no protection."""
    prod = make_stack("prod", protected=True)
    prod.up()
    prod.workspace.set(setting, value)
    with pytest.raises(PulumiError, match="protect"):
        prod.workspace.pulumi("preview")


def test_a_model_is_replaced_all_the_same(make_stack: Callable[..., Stack]) -> None:
    """Protection keeps the endpoint, the split and the perimeter; models come and go."""
    prod = make_stack("prod", protected=True)
    prod.up()
    before = prod.workspace.outputs()["deployedModels"]
    prod.workspace.set("gemini-vertex:models[1].machineType", "n1-standard-16")
    prod.up()
    after = prod.workspace.outputs()["deployedModels"]
    assert before["gemini-pro-fallback"] != after["gemini-pro-fallback"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("gemini-vertex:observability.notify[0]", "oncall@example.com"),
        ("gemini-vertex:endpoint.serviceConnectionPolicy", "create"),
    ],
)
def test_what_is_new_in_a_protected_stack_leaves_what_is_protected_alone(
    make_stack: Callable[..., Stack], setting: str, value: str
) -> None:
    """Another API, or another part of the path: the preview replaces nothing that was there before."""
    prod = make_stack("prod", protected=True)
    prod.up()
    prod.workspace.set(setting, value)
    steps = json.loads(prod.workspace.pulumi("preview", "--json"))["steps"]
    assert {step["op"] for step in steps if not step["urn"].endswith("gemini-vertex-prod")} <= {"create", "same"}


def test_another_grant_leaves_the_perimeter_and_its_policy_alone(make_stack: Callable[..., Stack]) -> None:
    """What is granted is replaced; the perimeter comes after it, but is not made of it."""
    prod = make_stack("prod", protected=True)
    prod.up()
    prod.workspace.pulumi("config", "rm", "--path", "gemini-vertex:workloadIdentity.serviceAccount")
    prod.workspace.set("gemini-vertex:workloadIdentity.grant", "direct")
    before = prod.mark()
    prod.up()
    changed = prod.changes(before)
    assert "iam.projects.serviceAccounts.delete" in changed
    assert not [method for method in changed if method.startswith("accesscontextmanager.")]


def test_dev_goes_when_it_is_told_to(make_stack: Callable[..., Stack]) -> None:
    """No protection there by default."""
    dev = make_stack("dev", protected=True)
    dev.up()
    dev.destroy()
    assert dev.state() == {}
