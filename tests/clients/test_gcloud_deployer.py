"""docs/deployer-role.md with the real gcloud: both role files make roles, and their holder passes preflight's check."""

from pathlib import Path

import pytest

import permissions
from sandbox.core import ORGANIZATION
from sandbox.testing import SandboxHandle
from tests.clients.tools import Tool
from tests.sandbox.google import Google

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CI = "user:ci@sandbox.example"


@pytest.fixture
def gcloud(sandbox: SandboxHandle) -> Tool:
    return Tool("gcloud", sandbox)


def test_gcloud_makes_both_roles_and_their_holder_has_exactly_their_permissions(
    sandbox: SandboxHandle, gcloud: Tool
) -> None:
    """`iam roles create --file`, a binding for each, and testIamPermissions as the deployer."""
    project = sandbox.project
    mine = "--member=user:deployer@sandbox.example --role=roles/iam.organizationRoleAdmin"
    gcloud(f"organizations add-iam-policy-binding {ORGANIZATION} {mine} --condition=None")
    role = EXAMPLES / "deployer-role.yaml"
    made = gcloud.json(f"iam roles create geminiDeployer --project={project} --file={role}")
    assert sorted(made["includedPermissions"]) == sorted(permissions.PROJECT)
    above = EXAMPLES / "deployer-organization-role.yaml"
    made = gcloud.json(f"iam roles create geminiPerimeter --organization={ORGANIZATION} --file={above}")
    assert sorted(made["includedPermissions"]) == sorted(permissions.ORGANIZATION)
    name = f"projects/{project}/roles/geminiDeployer"
    gcloud(f"projects add-iam-policy-binding {project} --member={CI} --role={name} --condition=None")
    name = f"organizations/{ORGANIZATION}/roles/geminiPerimeter"
    gcloud(f"organizations add-iam-policy-binding {ORGANIZATION} --member={CI} --role={name} --condition=None")
    resources = Google(sandbox, "cloudresourcemanager", "v1", caller="ci@sandbox.example")
    for resource, needed in (
        (f"projects/{project}", permissions.PROJECT),
        (f"organizations/{ORGANIZATION}", permissions.ORGANIZATION),
    ):
        asked = {"permissions": [*needed, "resourcemanager.projects.update"]}
        held = resources("POST", f"{resource}:testIamPermissions", asked)["permissions"]
        assert sorted(held) == sorted(needed)


def test_a_projects_own_role_cannot_have_what_only_an_organization_grants(sandbox: SandboxHandle, gcloud: Tool) -> None:
    """Why there are two files."""
    above = EXAMPLES / "deployer-organization-role.yaml"
    said = gcloud.refused(f"iam roles create geminiPerimeter --project={sandbox.project} --file={above}")
    assert "Permission accesscontextmanager.servicePerimeters.create is not valid" in said
