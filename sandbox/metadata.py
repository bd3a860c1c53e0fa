"""Metadata servers, which google-auth's default credentials ask (GCE_METADATA_HOST).

At the root is that of a machine of the project, which runs as the default compute account. Under
/pods/NAMESPACE/ACCOUNT is that of a pod which runs as this Kubernetes service account; sandbox/pods.py puts it on an
address of its own. The tokens of both are marked as given in the project's network (sandbox/identity.py).
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sandbox import console
from sandbox.core import Sandbox
from sandbox.errors import GoogleError
from sandbox.identity import token_for

_FLAVOR = {"Metadata-Flavor": "Google", "Server": "Metadata Server for VM"}
_SCOPES = ["https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/userinfo.email"]
_ACCOUNT = "instance/service-accounts/{account}/"


def routes(sandbox: Sandbox) -> list[Route]:
    """The answers that google-auth, gcloud and Google's libraries ask for."""

    async def root(request: Request) -> Response:
        if request.headers.get("metadata-flavor") != "Google" and "text/html" in request.headers.get("accept", ""):
            return console.page(_FLAVOR)
        return PlainTextResponse("computeMetadata/\n", headers=_FLAVOR)

    found = []
    for prefix in ("", "/pods/{namespace}/{ksa}"):
        base = prefix + "/computeMetadata/v1/"
        found += [
            Route(prefix + "/", root),
            Route(base + _ACCOUNT.replace("{account}", "{account:str}") + "{what:path}", _guarded(sandbox, _account)),
            Route(base + "{path:path}", _guarded(sandbox, _other)),
        ]
    return found


class _Machine:
    """What the metadata server of one machine or pod knows."""

    def __init__(self, sandbox: Sandbox, parameters: dict[str, Any]) -> None:
        # Services are loaded by the sandbox itself, after this module.
        from sandbox.services.workload_identity import Pod

        self.token_seconds = sandbox.settings.token_seconds
        self.project = next(iter(sandbox.store.list("project").values()))
        self.pod = Pod(sandbox, parameters["namespace"], parameters["ksa"]) if "ksa" in parameters else None
        default = f"{self.project['projectNumber']}-compute@developer.gserviceaccount.com"
        self.email = self.pod.email() if self.pod else default

    def token(self) -> str:
        """An access token of its account."""
        return self.pod.token() if self.pod else token_for(self.email, self.project["projectNumber"])


def _guarded(sandbox: Sandbox, answer: Callable[[Request, _Machine], Response]) -> Callable[..., Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        if request.headers.get("metadata-flavor") != "Google":
            return PlainTextResponse("Missing required header: Metadata-Flavor", 403, headers=_FLAVOR)
        sandbox.operations.advance()
        sandbox.store.commit()
        try:
            return answer(request, _Machine(sandbox, request.path_params))
        except GoogleError as error:
            return PlainTextResponse(error.message, error.code, headers=_FLAVOR)

    return guarded


def _other(request: Request, machine: _Machine) -> Response:
    project = machine.project
    simple = {
        "": "instance/\nproject/\n",
        "project/project-id": project["projectId"],
        "project/numeric-project-id": project["projectNumber"],
        "instance/zone": f"projects/{project['projectNumber']}/zones/us-central1-a",
        "instance/service-accounts": f"default/\n{machine.email}/\n",
        "universe/universe-domain": "googleapis.com",
        "universe/universe_domain": "googleapis.com",
    }
    if machine.pod:
        simple |= {"instance/attributes/cluster-name": "sandbox", "instance/attributes/cluster-location": "us-central1"}
    path = request.path_params["path"].rstrip("/")
    if path not in simple:
        return PlainTextResponse("Not Found", 404, headers=_FLAVOR)
    return PlainTextResponse(simple[path], headers=_FLAVOR)


def _account(request: Request, machine: _Machine) -> Response:
    what, account = request.path_params["what"].rstrip("/"), request.path_params["account"]
    if account not in ("default", machine.email):
        return PlainTextResponse("Not Found", 404, headers=_FLAVOR)
    if what == "token":
        return _json({"access_token": machine.token(), "expires_in": machine.token_seconds, "token_type": "Bearer"})
    if what == "email":
        return PlainTextResponse(machine.email, headers=_FLAVOR)
    if what == "scopes":
        return PlainTextResponse("\n".join(_SCOPES) + "\n", headers=_FLAVOR)
    if what == "" and request.query_params.get("recursive"):
        return _json({"aliases": ["default"], "email": machine.email, "scopes": _SCOPES})
    return PlainTextResponse("Not Found", 404, headers=_FLAVOR)


def _json(value: dict[str, object]) -> Response:
    return Response(json.dumps(value), media_type="application/json", headers=_FLAVOR)
