"""Which permission a refusal is for want of, where Google names it and where it does not."""

import pulumi
import pytest

from components.advice import lacking_for

POLICY = "gcp:accesscontextmanager/accessPolicy:AccessPolicy"
PERIMETER = "gcp:accesscontextmanager/servicePerimeter:ServicePerimeter"
MEMBER = "gcp:projects/iAMMember:IAMMember"
SERVICE = "gcp:projects/service:Service"
UNNAMED = "googleapi: Error 403: The caller does not have permission, forbidden"


def lacking(error: str, kind: str = "any:index:Type", operation: str = "create", **inputs: str) -> str:
    """What is said beside `error`, "" for nothing."""
    failure = pulumi.ErrorHookArgs("urn", "", "name", kind, inputs, failed_operation=operation, errors=[error])
    return lacking_for(failure) or ""


def test_a_named_permission_comes_with_its_role_and_the_command() -> None:
    """In Google's words, and in those of the provider for Kubernetes."""
    error = "googleapi: Error 403: Permission 'iam.roles.create' denied on resource (or it may not exist)., forbidden"
    assert lacking(error, project="my-project") == (
        "your account lacks iam.roles.create in project my-project: gcloud projects add-iam-policy-binding my-project "
        "--member=user:YOUR_ACCOUNT --role=roles/iam.roleAdmin"
    )
    error = 'namespaces is forbidden: requires one of ["container.namespaces.create"] permission(s). Forbidden'
    assert "container.namespaces.create in project PROJECT" in lacking(error)
    account = "projects/p-1/serviceAccounts/a@b.c"
    assert "in project p-1:" in lacking("Error 403: 'iam.serviceAccounts.setIamPolicy'", serviceAccountId=account)


@pytest.mark.parametrize(
    ("kind", "operation", "error", "permission"),
    [
        (POLICY, "create", UNNAMED, "accesscontextmanager.policies.create"),
        (POLICY, "delete", f"Error deleting: {UNNAMED}", "accesscontextmanager.policies.delete"),
        (PERIMETER, "update", UNNAMED, "accesscontextmanager.servicePerimeters.update"),
        (
            PERIMETER,
            "create",
            f"Error reading ServicePerimeter: {UNNAMED}",
            "accesscontextmanager.servicePerimeters.get",
        ),
        (
            PERIMETER,
            "delete",
            f"Error when reading or editing X: {UNNAMED}",
            "accesscontextmanager.servicePerimeters.delete",
        ),
        (
            PERIMETER,
            "refresh",
            f"Error when reading or editing X: {UNNAMED}",
            "accesscontextmanager.servicePerimeters.get",
        ),
        (SERVICE, "refresh", UNNAMED, "serviceusage.services.list"),
        (MEMBER, "refresh", UNNAMED, "resourcemanager.projects.getIamPolicy"),
        (MEMBER, "create", f"Error retrieving IAM policy: {UNNAMED}", "resourcemanager.projects.getIamPolicy"),
        (MEMBER, "create", f"Error setting IAM policy: {UNNAMED}", "resourcemanager.projects.setIamPolicy"),
        (SERVICE, "create", "Error 403: Permission denied to enable service [x]", "serviceusage.services.enable"),
        (SERVICE, "create", "Error 403: Permission denied to list services", "serviceusage.services.list"),
    ],
)
def test_an_unnamed_permission_follows_from_what_was_done(
    kind: str, operation: str, error: str, permission: str
) -> None:
    """Where Google only says that the caller does not have permission."""
    assert f"lacks {permission} " in lacking(error, kind, operation)


@pytest.mark.parametrize("error", ["Error 404: not found", "Error 403: something else", "Error 400: iam.roles.create"])
def test_nothing_is_said_of_what_is_not_understood(error: str) -> None:
    """Other errors, and refusals that name nothing known, are left to the provider's words."""
    assert lacking(error) == ""
