"""ProjectServices alone, and the advice that goes beside providers' errors."""

from typing import Any

import pulumi
import pytest

import components as parts
from components import project_services, service_perimeter, workload_identity_binding
from components.advice import advice_for, advise
from tests.unit.recorder import record


def test_apis_are_enabled_and_stay_enabled() -> None:
    """Destroying a stack must not switch off what other stacks of the project use."""

    def program() -> None:
        args = parts.ProjectServicesArgs(project="my-project", services=["a.googleapis.com", "b.googleapis.com"])
        parts.ProjectServices("apis", args)

    services = record(program).of("projects/service:Service")
    assert [service.inputs for service in services] == [
        {"project": "my-project", "service": name, "disableOnDestroy": False}
        for name in ("a.googleapis.com", "b.googleapis.com")
    ]


REFUSED = "googleapi: Error 403: Permission denied to enable service [aiplatform.googleapis.com]"
POOL = "googleapi: Error 400: Identity Pool does not exist (my-project.svc.id.goog)., badRequest"
ROLE = "googleapi: Error 400: You can't create a role with role_id (x) which has been marked for deletion."
POLICY = "googleapi: Error 409: Policy already exists with parent organizations/42, alreadyExists"
POLICY_REFUSED = "googleapi: Error 403: The caller does not have permission, forbidden"


@pytest.mark.parametrize(
    ("advice", "error", "inputs", "says"),
    [
        (project_services._ADVICE, REFUSED, {"project": "p1"}, "p1: it needs roles/serviceusage.serviceUsageAdmin"),
        (workload_identity_binding._POOL_ADVICE, POOL, {}, "first GKE cluster that has Workload Identity on"),
        (workload_identity_binding._ROLE_ADVICE, ROLE, {"roleId": "x"}, "the custom role x was deleted"),
        (service_perimeter._POLICY_ADVICE, POLICY, {"parent": "organizations/42"}, "organizations/42 has an access"),
        (service_perimeter._POLICY_ADVICE, POLICY_REFUSED, {}, "roles/accesscontextmanager.policyAdmin"),
        (service_perimeter._PERIMETER_ADVICE, POLICY_REFUSED, {}, "roles/accesscontextmanager.policyAdmin"),
        (
            service_perimeter._PERIMETER_ADVICE,
            POLICY,
            {"name": "accessPolicies/7/servicePerimeters/x"},
            "Perimeter NAME",
        ),
    ],
)
def test_googles_refusals_get_their_advice(
    advice: dict[str, str], error: str, inputs: dict[str, Any], says: str
) -> None:
    """The role, cluster, policy or id that is missing."""
    sentences = advice_for(failure(error, inputs), advice)
    assert len(sentences) == 1
    assert says in sentences[0]
    assert "{" not in sentences[0]


def failure(error: str, inputs: dict[str, Any] | None = None) -> pulumi.ErrorHookArgs:
    """What the engine tells an error hook."""
    return pulumi.ErrorHookArgs("urn", "", "name", "type", inputs or {}, failed_operation="create", errors=[error])


@pytest.mark.parametrize("errors", [[], ["googleapi: Error 404: not found"], ["Error 500", "Error 403: earlier"]])
def test_other_errors_get_none(errors: list[str]) -> None:
    """Only the newest error counts; what is not understood is left to the provider's own words."""
    seen = pulumi.ErrorHookArgs("urn", "", "name", "type", {}, errors=errors)
    assert advice_for(seen, project_services._ADVICE) == []


def test_advice_is_said_once_and_nothing_is_tried_again() -> None:
    """Seven APIs refused for one reason give one sentence."""
    again: list[Any] = []

    def program() -> None:
        component = pulumi.ComponentResource("test:index:Component", "component")
        binding = advise("advice", component, {"403": "ask for {role}"})
        (hook,) = binding.on_error or []
        again.extend(hook(failure("Error 403", {"role": "a role"})) for _ in range(3))

    assert record(program).log == ["ask for a role"]
    assert again == [False, False, False]
