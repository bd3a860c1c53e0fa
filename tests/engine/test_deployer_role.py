"""The deployer's role: what it has suffices and is needed, and without any of it the error says what is missing.

A stack comes up and goes down in steps, each without some permissions that the next resources need: those are refused,
each on its own, and the next step goes on where it ended. So one stack meets the want of every permission.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import permissions
from sandbox.core import ORGANIZATION, Sandbox
from sandbox.environment import attach_plugins
from sandbox.identity import token_for
from sandbox.services import iam_policies
from sandbox.testing import running_sandbox
from scripts.workspace import SANDBOX_SETTINGS, PulumiError, Workspace

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DEPLOYER = "ci@sandbox.example"
UP = ("up", "--yes", "--skip-preview", "--continue-on-error")
# The program runs at a destroy too, so that its advice stands beside what Google refuses.
DESTROY = ("destroy", "--yes", "--skip-preview", "--continue-on-error", "--run-program")
# In the order in which a stack comes up, what it is without at each step.
COMING_UP: tuple[tuple[str, ...], ...] = (
    ("serviceusage.services.list",),
    ("serviceusage.services.enable",),
    ("iam.roles.create", "iam.serviceAccounts.create", "aiplatform.endpoints.create"),
    ("iam.roles.get", "iam.serviceAccounts.get", "aiplatform.endpoints.get"),
    ("iam.serviceAccounts.getIamPolicy", "resourcemanager.projects.getIamPolicy", "aiplatform.operations.list"),
    ("iam.serviceAccounts.setIamPolicy", "resourcemanager.projects.setIamPolicy", "aiplatform.endpoints.deploy"),
    ("aiplatform.endpoints.update",),
    ("resourcemanager.projects.get",),
    ("accesscontextmanager.policies.create",),
    ("accesscontextmanager.policies.get",),
    ("accesscontextmanager.servicePerimeters.create",),
    ("accesscontextmanager.servicePerimeters.get",),
)
# Once a cluster is named.
IN_THE_CLUSTER = (
    ("container.namespaces.create",),
    ("container.serviceAccounts.create",),
    ("container.configMaps.create",),
)
CHANGING = (("accesscontextmanager.servicePerimeters.update",), ("container.serviceAccounts.update",))
CHANGES = (
    ("gemini-vertex:perimeter.title", "another"),
    ("gemini-vertex:workloadIdentity.serviceAccount", "gemini-other-sa"),
)
# Each from a whole stack.
GOING_DOWN = (
    ("accesscontextmanager.servicePerimeters.delete",),
    ("accesscontextmanager.policies.delete",),
    ("container.configMaps.delete",),
    ("container.serviceAccounts.delete",),
    ("container.namespaces.delete",),
    ("aiplatform.endpoints.undeploy",),
    ("aiplatform.endpoints.delete",),
    ("iam.roles.delete",),
    ("iam.serviceAccounts.delete",),
)
# A role that was deleted a moment ago is brought back.
AGAIN = (("iam.roles.undelete",), ("iam.roles.update",))
# What was made in the cluster and could not be read is destroyed: to go on with it would be to change it.
UNREAD = (("container.namespaces.get",), ("container.serviceAccounts.get",), ("container.configMaps.get",))


class Deployer:
    """A prod stack whose deployer has the two roles of examples/, less what a step takes away."""

    def __init__(self, cloud: Any, folder: Path) -> None:
        self.cloud = cloud
        self.asked: set[str] = set()
        token = token_for(DEPLOYER)
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(
            Path(cloud.env["KUBECONFIG"]).read_text().replace(token_for("deployer@sandbox.example"), token)
        )
        variables = {**cloud.env, "GOOGLE_OAUTH_ACCESS_TOKEN": token, "KUBECONFIG": str(kubeconfig)}
        self.stop = attach_plugins(variables)
        self.environment = {**os.environ, **variables}
        self.workspace = Workspace(folder / "prod", "prod", self.environment)
        self.workspace.init(SANDBOX_SETTINGS)

    def has_all_but(self, *missing: str) -> None:
        """Grants what examples/ list, less `missing`, and nothing else."""
        for resource, file in (
            (f"projects/{self.cloud.project}", "deployer-role.yaml"),
            (f"organizations/{ORGANIZATION}", "deployer-organization-role.yaml"),
        ):
            role = yaml.safe_load((EXAMPLES / file).read_text(encoding="utf-8"))
            role["includedPermissions"] = [name for name in role["includedPermissions"] if name not in missing]
            self.cloud.sandbox.store.put("customRole", f"{resource}/roles/deployer", role)
            bindings = [{"role": f"{resource}/roles/deployer", "members": [f"user:{DEPLOYER}"]}]
            if not self.cloud.sandbox.store.get("granted", resource):
                self.cloud.sandbox.store.put(iam_policies.KIND, resource, {"bindings": bindings, "generation": 1})
                self.cloud.sandbox.store.put("granted", resource, {})

    def refused(self, missing: tuple[str, ...], command: tuple[str, ...]) -> None:
        """Fails unless the command fails, naming each missing permission and a role that has it."""
        self.has_all_but(*missing)
        with pytest.raises(PulumiError) as caught:
            self.workspace.pulumi(*command)
        said = caught.value.output
        for permission in missing:
            named = f"lacks {permission} " in said or f"the permission {permission} is missing" in said
            assert named, f"{permission} is not named after {missing}:\n{said}"
            assert f"--role={permissions.role_with(permission)}" in said, f"no role for {permission}:\n{said}"
        self.has_all_but()


@pytest.fixture
def deployer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployer]:
    with running_sandbox(profile="article", deploy_seconds=0) as cloud:
        made = Deployer(cloud, tmp_path)
        allowed = iam_policies.allowed

        def noted(sandbox: Sandbox, member: str, resource: str, permission: str) -> bool:
            if DEPLOYER in member:
                made.asked.add(permission)
            return allowed(sandbox, member, resource, permission)

        monkeypatch.setattr(iam_policies, "allowed", noted)
        yield made
        made.stop()


def test_the_files_are_the_table() -> None:
    """What is granted, what preflight asks for and what errors advise is one list."""
    for file, table in (
        ("deployer-role.yaml", permissions.PROJECT),
        ("deployer-organization-role.yaml", permissions.ORGANIZATION),
    ):
        role = yaml.safe_load((EXAMPLES / file).read_text(encoding="utf-8"))
        assert role["includedPermissions"] == list(table)
        assert set(role) == {"title", "description", "stage", "includedPermissions"}


def test_every_permission_is_taken_away_once() -> None:
    """But for those that only preflight reads: tests/preflight/test_checks.py takes each away from it."""
    taken = [
        name
        for steps in (COMING_UP, IN_THE_CLUSTER, CHANGING, GOING_DOWN, AGAIN, UNREAD)
        for step in steps
        for name in step
    ]
    assert len(taken) == len(set(taken))
    assert {*taken, *permissions.PREFLIGHT} == {*permissions.PROJECT, *permissions.ORGANIZATION}


def test_exactly_its_permissions_suffice_and_are_needed(deployer: Deployer) -> None:
    """up, changes, refresh, preflight, destroy and up again pass, and ask for all of the two roles and nothing else."""
    deployer.has_all_but()
    workspace = deployer.workspace
    workspace.pulumi(*UP)
    workspace.set("gemini-vertex:models[0].maxReplicaCount", "30")
    workspace.set("gemini-vertex:perimeter.title", "another")
    workspace.pulumi("config", "rm", "--path", "gemini-vertex:workloadIdentity.serviceAccount")
    workspace.set("gemini-vertex:workloadIdentity.grant", "direct")
    workspace.pulumi(*UP)
    workspace.pulumi("refresh", "--yes", "--skip-preview")
    script = [sys.executable, str(workspace.folder / "scripts/preflight.py"), "--stack", "prod"]
    checked = subprocess.run(
        script, cwd=workspace.folder, env=deployer.environment, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    own = [call for call in deployer.cloud.calls() if call["method"].endswith("projects.locations.models.get")]
    assert own == [], "the article's models are Google's own"
    workspace.pulumi("destroy", "--yes", "--skip-preview")
    workspace.pulumi(*UP)
    workspace.pulumi(*DESTROY)
    only_for_own_models = {"aiplatform.models.get"}
    tested = {"aiplatform.models.get", *permissions.PROJECT, *permissions.ORGANIZATION}
    assert deployer.asked == tested - only_for_own_models or deployer.asked == tested


def test_coming_up_without_any_one_the_error_names_it_and_a_role_that_has_it(deployer: Deployer) -> None:
    """From nothing to a stack, and then into a cluster."""
    deployer.workspace.pulumi("config", "rm", "gemini-vertex:kubernetes")
    for missing in COMING_UP:
        deployer.refused(missing, UP)
    deployer.workspace.pulumi(*UP)
    for path in ("kubernetes.context", "kubernetes.createNamespace"):
        deployer.workspace.set(f"gemini-vertex:{path}", SANDBOX_SETTINGS[f"gemini-vertex:{path}"])
    for missing in IN_THE_CLUSTER:
        deployer.refused(missing, UP)
    deployer.workspace.pulumi(*UP)


def test_changing_and_going_down_without_any_one_the_error_names_it_too(deployer: Deployer) -> None:
    """Through changes back to nothing, and up again while what was deleted can be brought back."""
    deployer.has_all_but()
    deployer.workspace.pulumi(*UP)
    for missing, (key, value) in zip(CHANGING, CHANGES, strict=True):
        deployer.workspace.set(key, value)
        deployer.refused(missing, UP)
    for missing in GOING_DOWN:
        deployer.workspace.pulumi(*UP)
        deployer.refused(missing, DESTROY)
    deployer.workspace.pulumi(*DESTROY)
    for missing in UNREAD:
        deployer.refused(missing, UP)
        deployer.workspace.pulumi(*DESTROY)
    # Last, since a role that was brought back and could not be changed must be imported.
    for missing in AGAIN:
        deployer.refused(missing, UP)
