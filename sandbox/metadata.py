"""Metadata servers, which google-auth's default credentials ask (GCE_METADATA_HOST).

At the root is that of a machine of the project, which runs as the default compute account. Under
/pods/NAMESPACE/ACCOUNT is that of a pod which runs as this Kubernetes service account; sandbox/pods.py puts it on an
address of its own. The tokens of both are marked as given in the project's network (sandbox/identity.py).

Sources: cloud.google.com/compute/docs/metadata/predefined-metadata-keys; for pods, which learn less,
cloud.google.com/kubernetes-engine/docs/concepts/workload-identity#metadata_server.
"""

import hashlib
import json
import re
from http import HTTPStatus
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from sandbox import registry
from sandbox.core import Sandbox
from sandbox.errors import GoogleError, Json
from sandbox.identity import token_for

FLAVOR = {"Metadata-Flavor": "Google", "Server": "Metadata Server for VM"}
_SCOPES = ["https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/userinfo.email"]
_REGION, _ZONE, _CLUSTER = "us-central1", "us-central1-a", "sandbox"
_PATH = re.compile(r"/(?:pods/(?P<namespace>[^/]+)/(?P<account>[^/]+)/?)?(?:computeMetadata/v1(?:/(?P<what>.*))?)?")
_ACCOUNT = re.compile(r"instance/service-accounts/([^/]+)(?:/(.*))?")
OF_AN_ACCOUNT = ("aliases", "email", "identity", "scopes", "token")


def _refused(error: GoogleError) -> Response:
    """An ordered fault's error as a metadata server gives it."""
    return PlainTextResponse(error.message, error.code, headers={**FLAVOR, **error.headers})


@registry.mount("computeMetadata", _refused)
async def handle(request: Request, sandbox: Sandbox) -> Response:
    """Answers google-auth, gcloud and Google's libraries."""
    recorded = request.state.recorded = {"method": "computeMetadata", "mutating": False}
    found = _PATH.fullmatch(request.url.path)
    if found is None:
        return _text("Not Found", 404)
    if request.method not in ("GET", "HEAD"):
        return _text(HTTPStatus.METHOD_NOT_ALLOWED.phrase, 405)
    if found["what"] is None and "computeMetadata" not in found.group():
        return _text("computeMetadata/\n")
    if request.headers.get("metadata-flavor") != "Google":
        return _text("Missing required header: Metadata-Flavor", 403)
    try:
        machine = Machine(sandbox, found["namespace"] or "", found["account"] or "")
        recorded["principal"] = machine.caller
        return _answer(request, machine, unquote(found["what"] or "").rstrip("/"))
    except GoogleError as error:
        return _refused(error)


class Machine:
    """What the metadata server of one machine or pod knows."""

    def __init__(self, sandbox: Sandbox, namespace: str, account: str) -> None:
        # Services are loaded by the sandbox itself, after this module.
        from sandbox.services.workload_identity import Pod

        self.token_seconds = sandbox.settings.token_seconds
        self.project: Json = next(iter(sandbox.store.list("project").values()))
        self.pod = Pod(sandbox, namespace, account) if namespace else None
        self._default = f"{self.project['projectNumber']}-compute@developer.gserviceaccount.com"
        self.caller = self.pod.principal.email if self.pod else self._default

    def email(self) -> str:
        """Its account. GoogleError 404 for a pod whose Kubernetes service account is not there."""
        return self.pod.email() if self.pod else self._default

    def token(self) -> str:
        """An access token of its account."""
        return self.pod.token() if self.pod else token_for(self._default, self.project["projectNumber"])

    def known(self) -> dict[str, str]:
        """What is the same for every account of it, by path."""
        id_, number = self.project["projectId"], self.project["projectNumber"]
        name = f"gke-{_CLUSTER}-default-pool" if self.pod else _CLUSTER
        found = {
            "instance/hostname": f"{name}.{_ZONE}.c.{id_}.internal",
            "instance/id": str(int(_digest(name, number)[:15], 16)),
            "instance/zone": f"projects/{number}/zones/{_ZONE}",
            "project/numeric-project-id": number,
            "project/project-id": id_,
        }
        if self.pod:
            return found | {
                "instance/attributes/cluster-location": _REGION,
                "instance/attributes/cluster-name": _CLUSTER,
                "instance/attributes/cluster-uid": _digest(_CLUSTER, number),
            }
        universe = dict.fromkeys(("universe/universe-domain", "universe/universe_domain"), "googleapis.com")
        return found | universe | {"instance/name": name}


def _answer(request: Request, machine: Machine, path: str) -> Response:
    known = machine.known()
    if path in known:
        return _text(known[path])
    if path == "instance/service-accounts":
        return _text(f"default/\n{machine.email()}/\n")
    account = _ACCOUNT.fullmatch(path)
    if account:
        if account[1] not in ("default", machine.email()):
            return _text("Not Found", 404)
        return _of_account(request, machine, account[2] or "")
    below = f"{path}/" if path else ""
    names = {each.removeprefix(below) for each in (*known, "instance/service-accounts/") if each.startswith(below)}
    entries = {name.partition("/")[0] + ("/" if "/" in name else "") for name in names}
    return _text("".join(f"{entry}\n" for entry in sorted(entries))) if entries else _text("Not Found", 404)


def _of_account(request: Request, machine: Machine, what: str) -> Response:
    if what == "token":
        return _json({"access_token": machine.token(), "expires_in": machine.token_seconds, "token_type": "Bearer"})
    if what == "identity":
        if not request.query_params.get("audience"):
            return _text("non-empty audience parameter required", 400)
        return _text("The sandbox gives no identity tokens: Google signs those, and nobody could verify its own.", 501)
    simple = {"aliases": "default\n", "email": machine.email(), "scopes": "\n".join(_SCOPES) + "\n"}
    if what in simple:
        return _text(simple[what])
    if what:
        return _text("Not Found", 404)
    if request.query_params.get("recursive"):
        return _json({"aliases": ["default"], "email": machine.email(), "scopes": _SCOPES})
    return _text("".join(f"{each}\n" for each in OF_AN_ACCOUNT))


def _digest(*parts: str) -> str:
    return hashlib.sha256("/".join(parts).encode()).hexdigest()


def _text(text: str, code: int = 200) -> Response:
    return PlainTextResponse(text, code, headers=FLAVOR)


def _json(value: dict[str, object]) -> Response:
    return Response(json.dumps(value), media_type="application/json", headers=FLAVOR)
