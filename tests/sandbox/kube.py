"""A terse client of the sandbox's Kubernetes API server, for tests."""

from typing import Any

import requests

from sandbox.identity import DEPLOYER, token_for
from sandbox.testing import SandboxHandle

Json = dict[str, Any]
APPLY = "application/apply-patch+yaml"
STRATEGIC = "application/strategic-merge-patch+json"

# What `kubectl auth` asks: can-i, can-i --list, whoami.
ACCESS = "apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
RULES = "apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
WHO = "apis/authentication.k8s.io/v1/selfsubjectreviews"


class RefusedError(AssertionError):
    """A Status object instead of an answer."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__(f"{response.status_code} {response.text}")
        self.code = response.status_code
        status = response.json()
        self.reason: str = status["reason"]
        self.message: str = status["message"]


class Kube:
    """Calls below the server's address; every error answer raises RefusedError.

    Args:
        sandbox: the sandbox.
        caller: the e-mail of another caller than the deployer.
        impersonate: Impersonate-User and the like.
        token: a token to call with in place of `caller`'s.
    """

    def __init__(
        self, sandbox: SandboxHandle, caller: str = DEPLOYER, impersonate: Json | None = None, token: str = ""
    ) -> None:
        self.base = f"{sandbox.url}/kubernetes"
        self.headers = {"Authorization": f"Bearer {token or token_for(caller)}", **(impersonate or {})}

    def send(self, http_method: str, path: str, body: Any = None, content: str = "", **query: Any) -> requests.Response:
        """The response, whatever it is; `accept` in the query is the header."""
        headers = {**self.headers, "Content-Type": content or "application/json", "User-Agent": "tester/1"}
        if "accept" in query:
            headers["Accept"] = query.pop("accept")
        url = f"{self.base}/{path}"
        return requests.request(http_method, url, json=body, params=query, headers=headers, timeout=30)

    def __call__(self, http_method: str, path: str, body: Any = None, content: str = "", **query: Any) -> Json:
        """The answer as JSON."""
        response = self.send(http_method, path, body, content, **query)
        if response.status_code >= 400:
            raise RefusedError(response)
        answer: Json = response.json()
        return answer

    def namespace(self, name: str = "production", **metadata: Any) -> Json:
        """Makes a namespace."""
        return self("POST", "api/v1/namespaces", {"metadata": {"name": name, **metadata}})

    def account(self, name: str = "gemini-app", namespace: str = "production", **metadata: Any) -> Json:
        """Makes a service account."""
        body = {"metadata": {"name": name, **metadata}}
        return self("POST", f"api/v1/namespaces/{namespace}/serviceaccounts", body)


def refusal(kube: Kube, http_method: str, path: str, body: Any = None, content: str = "", **query: Any) -> RefusedError:
    """The error that a call ends with. AssertionError when it does not end with one."""
    try:
        answer = kube(http_method, path, body, content, **query)
    except RefusedError as error:
        return error
    raise AssertionError(f"{http_method} {path} was not refused: {answer}")
