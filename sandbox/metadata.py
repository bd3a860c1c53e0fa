"""The metadata server of a Google Cloud machine, which google-auth's default credentials ask (GCE_METADATA_HOST)."""

import json

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sandbox import console
from sandbox.core import Sandbox
from sandbox.identity import token_for

_FLAVOR = {"Metadata-Flavor": "Google", "Server": "Metadata Server for VM"}
_SCOPES = ["https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/userinfo.email"]
_ACCOUNT = "instance/service-accounts/{account}/"


def routes(sandbox: Sandbox) -> list[Route]:
    """The answers that google-auth, gcloud and Google's libraries ask for."""

    def default_account() -> str:
        project = next(iter(sandbox.store.list("project").values()))
        return f"{project['projectNumber']}-compute@developer.gserviceaccount.com"

    def email(request: Request) -> str | None:
        account = request.path_params["account"]
        known = default_account()
        return known if account in ("default", known) else None

    async def answer(request: Request) -> Response:
        if request.headers.get("metadata-flavor") != "Google":
            return PlainTextResponse("Missing required header: Metadata-Flavor", 403, headers=_FLAVOR)
        path = request.path_params["path"].rstrip("/")
        project = next(iter(sandbox.store.list("project").values()))
        simple = {
            "": "instance/\nproject/\n",
            "project/project-id": project["projectId"],
            "project/numeric-project-id": project["projectNumber"],
            "instance/zone": f"projects/{project['projectNumber']}/zones/us-central1-a",
            "instance/service-accounts": f"default/\n{default_account()}/\n",
            "universe/universe-domain": "googleapis.com",
            "universe/universe_domain": "googleapis.com",
        }
        if path not in simple:
            return PlainTextResponse("Not Found", 404, headers=_FLAVOR)
        return PlainTextResponse(simple[path], headers=_FLAVOR)

    async def account(request: Request) -> Response:
        if request.headers.get("metadata-flavor") != "Google":
            return PlainTextResponse("Missing required header: Metadata-Flavor", 403, headers=_FLAVOR)
        found = email(request)
        what = request.path_params["what"].rstrip("/")
        if found is None:
            return PlainTextResponse("Not Found", 404, headers=_FLAVOR)
        if what == "token":
            return _json({"access_token": token_for(found), "expires_in": 3599, "token_type": "Bearer"})
        if what == "email":
            return PlainTextResponse(found, headers=_FLAVOR)
        if what == "scopes":
            return PlainTextResponse("\n".join(_SCOPES) + "\n", headers=_FLAVOR)
        if what == "" and request.query_params.get("recursive"):
            return _json({"aliases": ["default"], "email": found, "scopes": _SCOPES})
        return PlainTextResponse("Not Found", 404, headers=_FLAVOR)

    async def root(request: Request) -> Response:
        if request.headers.get("metadata-flavor") != "Google" and "text/html" in request.headers.get("accept", ""):
            return console.page(_FLAVOR)
        return PlainTextResponse("computeMetadata/\n", headers=_FLAVOR)

    base = "/computeMetadata/v1/"
    return [
        Route("/", root),
        Route(base + _ACCOUNT.replace("{account}", "{account:str}") + "{what:path}", account),
        Route(base + "{path:path}", answer),
    ]


def _json(value: dict[str, object]) -> Response:
    return Response(json.dumps(value), media_type="application/json", headers=_FLAVOR)
