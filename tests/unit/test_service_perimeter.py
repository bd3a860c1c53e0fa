"""ServicePerimeter alone: dry-run first, enforced only after it."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

import components as parts
from components.service_perimeter import untried
from tests.unit.recorder import PROJECT_NUMBER, Recorder, record

FENCE = {"resources": [f"projects/{PROJECT_NUMBER}"], "restrictedServices": ["aiplatform.googleapis.com"]}


def perimeter(preview: bool = False, google_says: str = "42", **changes: Any) -> Recorder:
    """A ServicePerimeter changed by `changes`; `google_says` is the organization that Google names for the project."""

    def program() -> dict[str, Any]:
        args = {"perimeter_id": "fence", "title": "Fence", "projects": ["my-project"], **changes}
        made = parts.ServicePerimeter("fence", parts.ServicePerimeterArgs(**args))
        return {"name": made.resource_name, "mode": made.mode}

    return record(program, preview=preview, organization=google_says)


def test_dry_run_is_the_default() -> None:
    """A spec with useExplicitDryRunSpec and no status: nothing is refused, violations are logged."""
    done = perimeter(access_policy="7")
    assert done.one("servicePerimeter:ServicePerimeter").inputs == {
        "parent": "accessPolicies/7",
        "name": "accessPolicies/7/servicePerimeters/fence",
        "title": "Fence",
        "perimeterType": "PERIMETER_TYPE_REGULAR",
        "spec": FENCE,
        "useExplicitDryRunSpec": True,
    }
    assert done.of(":AccessPolicy") == []
    assert done.outputs == {"name": "accessPolicies/7/servicePerimeters/fence", "mode": "dry-run"}


def test_enforcing_moves_the_same_fence_into_the_status() -> None:
    """One description of the fence for both modes, so that they cannot drift apart."""
    inputs = perimeter(access_policy="7", mode="enforced").one("servicePerimeter:ServicePerimeter").inputs
    assert inputs["status"] == FENCE
    assert inputs["useExplicitDryRunSpec"] is False
    assert "spec" not in inputs


def test_access_levels_are_let_through_in_both_modes() -> None:
    """Or a pipeline outside would be shut out by what it deploys."""
    level = "accessPolicies/7/accessLevels/ci"
    for mode, part in (("dry-run", "spec"), ("enforced", "status")):
        done = perimeter(access_policy="7", mode=mode, access_levels=[level])
        assert done.one("servicePerimeter:ServicePerimeter").inputs[part] == {**FENCE, "accessLevels": [level]}


def test_a_policy_is_made_in_the_projects_organization() -> None:
    """Where none is given; its number names the perimeter."""
    done = perimeter()
    assert done.one(":AccessPolicy").inputs == {"parent": "organizations/42", "title": "prod-access-policy"}
    assert done.one("servicePerimeter:ServicePerimeter").inputs["parent"] == "accessPolicies/555"


def test_a_policy_is_made_in_the_organization_given() -> None:
    """For a project in a folder, where Google names no organization."""
    done = perimeter(google_says="", organization="43", policy_title="mine")
    assert done.one(":AccessPolicy").inputs == {"parent": "organizations/43", "title": "mine"}


def test_a_project_without_an_organization_says_what_to_give() -> None:
    """In a sentence, as a RunError, since it is found while resources are registered."""
    with pytest.raises(pulumi.RunError, match="project my-project is not directly in an organization"):
        perimeter(google_says="")


def test_a_first_preview_needs_no_answer_from_google() -> None:
    """The project's number is unknown while its APIs are not enabled; the preview goes on."""
    done = perimeter(preview=True)
    assert isinstance(done.outputs["name"], pulumi.output.Unknown)
    assert done.outputs["mode"] == "dry-run"


@pytest.mark.parametrize(
    ("old", "missing"),
    [
        (None, FENCE["resources"] + FENCE["restrictedServices"]),
        ({}, FENCE["resources"] + FENCE["restrictedServices"]),
        ({"spec": FENCE}, []),
        ({"status": FENCE}, []),
        ({"spec": {**FENCE, "resources": ["projects/1"]}}, FENCE["resources"]),
        ({"spec": {**FENCE, "restrictedServices": []}}, FENCE["restrictedServices"]),
        ({"spec": {"resources": FENCE["resources"]}, "status": FENCE}, []),
    ],
)
def test_only_what_was_tried_may_be_enforced(old: dict[str, Any] | None, missing: list[str]) -> None:
    """Each project and service must be in the state's dry-run, or enforced already."""
    assert untried(old, {"status": FENCE}) == missing


def test_what_a_preview_does_not_know_is_left_to_the_update() -> None:
    """Unknown values are not held against the plan."""
    new = {"status": {"resources": [pulumi.output.UNKNOWN], "restrictedServices": FENCE["restrictedServices"]}}
    assert untried({"spec": FENCE}, new) == []


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The hook that an enforced perimeter registers, called as the engine calls it."""
    hooks: list[pulumi.ResourceHook] = []

    class Remembered(pulumi.ResourceHook):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            hooks.append(self)

    monkeypatch.setattr(pulumi, "ResourceHook", Remembered)
    perimeter(access_policy="7", mode="enforced", dry_run_command="say `dry-run`")
    assert [hook.opts.on_dry_run for hook in hooks if hook.opts] == [True]

    def call(old: dict[str, Any] | None) -> None:
        hooks[0](pulumi.ResourceHookArgs("urn", "", "fence", "type", {"status": FENCE}, old))

    return call


def test_enforcing_from_nothing_is_refused_with_the_command(guard: Callable[..., None]) -> None:
    """At preview already: a perimeter that is created must be a dry-run."""
    with pytest.raises(ValueError, match=r"perimeter fence is not enforced: .* Try it first: say `dry-run`;"):
        guard(None)


def test_enforcing_more_than_was_tried_is_refused_by_name(guard: Callable[..., None]) -> None:
    """The project that was added since the dry-run is named."""
    with pytest.raises(ValueError, match=f"holds no dry-run of projects/{PROJECT_NUMBER}\\."):
        guard({"spec": {**FENCE, "resources": ["projects/1"]}})


def test_enforcing_what_was_tried_goes_through(guard: Callable[..., None]) -> None:
    """After a dry-run of the same."""
    guard({"spec": FENCE, "useExplicitDryRunSpec": True})
