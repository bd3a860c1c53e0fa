"""A terse REST client of the sandbox's other Google services, for tests."""

from typing import Any

import requests

from sandbox.core import ORGANIZATION, PROJECT_NUMBER
from sandbox.identity import token_for
from sandbox.testing import SandboxHandle
from tests.sandbox.vertex import Json, RefusedError

__all__ = ["ORGANIZATION", "PROJECT_NUMBER", "Google", "Json", "RefusedError", "grant", "make_account", "refusal"]


class Google:
    """Calls of one service in one version; every error answer raises RefusedError.

    Args:
        sandbox: the sandbox.
        service: e.g. "iam".
        version: e.g. "v1".
        caller: the e-mail of another caller than the deployer.
    """

    def __init__(self, sandbox: SandboxHandle, service: str, version: str = "v1", caller: str = "") -> None:
        self.base = sandbox.api(service, f"{'compute/' if service == 'compute' else ''}{version}")
        self.headers = {"Authorization": f"Bearer {token_for(caller)}"} if caller else sandbox.headers
        self.project = f"projects/{sandbox.project}"

    def __call__(self, http_method: str, path: str, body: Any = None, **query: Any) -> Json:
        """One call below the version, e.g. ("GET", "projects/p"); the answer as JSON."""
        response = requests.request(
            http_method, f"{self.base}/{path}", json=body, params=query, headers=self.headers, timeout=30
        )
        if response.status_code >= 400:
            raise RefusedError(response)
        answer: Json = response.json()
        return answer


def make_account(sandbox: SandboxHandle, account_id: str = "gemini-inference-sa") -> str:
    """Makes a service account and returns its e-mail."""
    iam = Google(sandbox, "iam")
    email: str = iam("POST", f"{iam.project}/serviceAccounts", {"accountId": account_id})["email"]
    return email


def grant(sandbox: SandboxHandle, role: str, member: str) -> None:
    """Adds a member to a role of the project's policy."""
    manager = Google(sandbox, "cloudresourcemanager")
    policy = manager("POST", f"{manager.project}:getIamPolicy", {})
    policy.setdefault("bindings", []).append({"role": role, "members": [member]})
    manager("POST", f"{manager.project}:setIamPolicy", {"policy": policy})


def refusal(api: Google, http_method: str, path: str, body: Any = None, **query: Any) -> RefusedError:
    """The error that a call ends with. AssertionError when it does not end with one."""
    try:
        answer = api(http_method, path, body, **query)
    except RefusedError as error:
        return error
    raise AssertionError(f"{http_method} {path} was not refused: {answer}")
