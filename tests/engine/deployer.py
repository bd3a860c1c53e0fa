"""A stack whose deployer has the role that scripts/deployer_role.py prints for it, and nothing else."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

import permissions
from sandbox.core import ORGANIZATION, Sandbox
from sandbox.environment import attach_plugins
from sandbox.identity import token_for
from sandbox.services import iam_policies
from scripts.workspace import PulumiError, Workspace

EMAIL = "ci@sandbox.example"
UP = ("up", "--yes", "--skip-preview", "--continue-on-error")
# The program runs at a destroy too, so that its advice stands beside what Google refuses.
DESTROY = ("destroy", "--yes", "--skip-preview", "--continue-on-error", "--run-program")


class Deployer:
    """Pulumi.prod.yaml, changed by `settings` (top-level keys; None removes one), and somebody who deploys it.

    `role` are the permissions granted on the project, `above` those on the organization, `asked` those that calls took
    so far: not those of testIamPermissions, which takes none.
    """

    def __init__(self, cloud: Any, folder: Path, settings: dict[str, Any], patch: pytest.MonkeyPatch) -> None:
        self.cloud = cloud
        self.asked: set[str] = set()
        self.role: list[str] = []
        self.above: list[str] = []
        token = token_for(EMAIL)
        kubeconfig = folder / "kubeconfig"
        theirs = Path(cloud.env["KUBECONFIG"]).read_text()
        kubeconfig.write_text(theirs.replace(token_for("deployer@sandbox.example"), token))
        variables = {**cloud.env, "GOOGLE_OAUTH_ACCESS_TOKEN": token, "KUBECONFIG": str(kubeconfig)}
        self.stop = attach_plugins(variables)
        self.environment = cloud.environ(**variables)
        self.workspace = Workspace(folder / "prod", "prod", self.environment)
        self._configure({"gemini-vertex:protect": False, "vertex-serving:allowBaseGemini": True, **settings})
        self.workspace.init()
        self._note_what_is_asked(patch)

    def _configure(self, settings: dict[str, Any]) -> None:
        file = self.workspace.folder / "Pulumi.prod.yaml"
        config = {**yaml.safe_load(file.read_text())["config"], **settings}
        file.write_text(yaml.safe_dump({"config": {key: value for key, value in config.items() if value is not None}}))

    def _note_what_is_asked(self, patch: pytest.MonkeyPatch) -> None:
        allowed, held, here = iam_policies.allowed, iam_policies.held, threading.local()

        def noted(sandbox: Sandbox, member: str, resource: str, permission: str) -> bool:
            if EMAIL in member and not getattr(here, "testing", False):
                self.asked.add(permission)
            return allowed(sandbox, member, resource, permission)

        def tested(*arguments: Any) -> Any:
            here.testing = True
            try:
                return held(*arguments)
            finally:
                here.testing = False

        patch.setattr(iam_policies, "allowed", noted)
        patch.setattr(iam_policies, "held", tested)

    def printed(self, script: str, *arguments: str) -> str:
        """What a script of scripts/ prints for the stack; fails unless it ends well."""
        command = [sys.executable, str(self.workspace.folder / "scripts" / script), "--stack", "prod", *arguments]
        done = subprocess.run(
            command, cwd=self.workspace.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def looks(self) -> None:
        """Fails unless the reader's role suffices to find no drift and to preview, and nothing in it is idle.

        Of the state nothing may change but the lock, which is all that the reader of examples/github may write.
        """
        before = self._state()
        self.role = yaml.safe_load(self.printed("deployer_role.py", "--reader"))["includedPermissions"]
        unread = permissions.PREFLIGHT_ORGANIZATION
        self.above = [name for name in self.above if permissions.reads(name) and name not in unread]
        self.has_all_but()
        self.asked.clear()
        assert self.printed("drift.py") == "Nothing of stack prod has drifted.\n"
        self.workspace.pulumi("preview", "--expect-no-changes")
        idle = self.asked ^ ({*self.role, *self.above} - {*permissions.CREDENTIALS})
        assert not idle, f"either not asked for, or not in the role: {idle}"
        assert self._state() == before

    def _state(self) -> dict[str, int]:
        """When each file of the state was written, but the locks."""
        backend = Path(self.environment["PULUMI_BACKEND_URL"].removeprefix("file://"))
        files = [file for file in backend.rglob("*") if file.is_file() and "locks" not in file.parts]
        return {str(file): file.stat().st_mtime_ns for file in files}

    def take_roles(self, perimeter: bool) -> None:
        """Grants what the script prints for the stack as it is configured now, and nothing else."""
        self.role = yaml.safe_load(self.printed("deployer_role.py"))["includedPermissions"]
        above = yaml.safe_load(self.printed("deployer_role.py", "--perimeter")) if perimeter else {}
        self.above = above.get("includedPermissions", [])
        for resource in (f"projects/{self.cloud.project}", f"organizations/{ORGANIZATION}"):
            bindings = [{"role": f"{resource}/roles/deployer", "members": [f"user:{EMAIL}"]}]
            self.cloud.sandbox.store.put(iam_policies.KIND, resource, {"bindings": bindings, "generation": 1})
        self.has_all_but()

    def has_all_but(self, *missing: str) -> None:
        """Takes `missing` out of the two roles, and puts back what was out."""
        for resource, whole in (
            (f"projects/{self.cloud.project}", self.role),
            (f"organizations/{ORGANIZATION}", self.above),
        ):
            role = {"includedPermissions": [name for name in whole if name not in missing]}
            self.cloud.sandbox.store.put("customRole", f"{resource}/roles/deployer", role)

    def refused_and_explained(self, missing: tuple[str, ...], command: str) -> None:
        """The same of a plain `pulumi COMMAND`, which runs no program, by scripts/explain.py."""
        assert {*missing} <= {*self.role, *self.above}
        self.has_all_but(*missing)
        script = [sys.executable, "scripts/explain.py", "pulumi", command, "--yes", "--skip-preview"]
        more = ["--continue-on-error"] if command == "destroy" else []
        done = subprocess.run(
            [*script, *more, "--stack", "prod", "--non-interactive"],
            cwd=self.workspace.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0, done.stdout
        self._names(missing, done.stdout + done.stderr)
        self.has_all_but()

    def refused(self, missing: tuple[str, ...], command: tuple[str, ...]) -> None:
        """Fails unless the command fails, naming each missing permission and a role that has it."""
        assert {*missing} <= {*self.role, *self.above}
        self.has_all_but(*missing)
        with pytest.raises(PulumiError) as caught:
            self.workspace.pulumi(*command)
        self._names(missing, caught.value.output)
        self.has_all_but()

    @staticmethod
    def _names(missing: tuple[str, ...], said: str) -> None:
        for permission in missing:
            named = f"lacks {permission} " in said or f"the permission {permission} is missing" in said
            assert named, f"{permission} is not named after {missing}:\n{said}"
            assert f"--role={permissions.role_with(permission)}" in said, f"no role for {permission}:\n{said}"
