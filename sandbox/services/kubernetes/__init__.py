"""A small Kubernetes API server, for kubectl and Pulumi: on a TLS port of its own, and under /kubernetes/."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

import yaml
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from sandbox import registry
from sandbox.errors import GoogleError, Json
from sandbox.services.kubernetes import access, callers, merging, openapi, rendering, reviews
from sandbox.services.kubernetes.cluster import Cluster
from sandbox.services.kubernetes.discovery import discovery
from sandbox.services.kubernetes.kinds import KINDS, NAMESPACE, SERVICE_ACCOUNT, Kind
from sandbox.services.kubernetes.schemas import mistakes
from sandbox.services.kubernetes.status import KubernetesError, bad_request, forbidden_option

if TYPE_CHECKING:
    from sandbox.core import Sandbox

_TOKEN = re.compile(r"api/v1/namespaces/([^/]+)/serviceaccounts/([^/]+)/token")
_WATCH_PAUSE = 0.05
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
_PATCHES = {
    "application/json-patch+json": merging.json_patch,
    "application/merge-patch+json": merging.merge_patch,
    "application/strategic-merge-patch+json": merging.merge_patch,
}


def _refused(error: GoogleError) -> Response:
    """An ordered fault's error as a Kubernetes API server gives it."""
    response = _failed(KubernetesError(error.code, _REASONS.get(error.code, ""), error.message))
    response.headers.update(error.headers)
    return response


@registry.mount("kubernetes", _refused)
async def handle(request: Request, sandbox: "Sandbox") -> Response:
    """Answers one request."""
    path = request.url.path.removeprefix("/kubernetes").strip("/")
    if path in ("healthz", "livez", "readyz"):
        return PlainTextResponse("ok")
    try:
        user = callers.user_of(sandbox, request.headers)
        response = await _Exchange(request, sandbox, path, user).answer()
    except KubernetesError as error:
        sandbox.store.rollback()
        response = _failed(error)
    return response


class _Exchange:
    def __init__(self, request: Request, sandbox: "Sandbox", path: str, user: callers.User) -> None:
        self.request = request
        self.user = user
        self.sandbox = sandbox
        self.cluster = Cluster(sandbox)
        self.path = path
        self.query: Mapping[str, str] = request.query_params
        self.saves = self.query.get("dryRun") != "All"
        self.manager = self.query.get("fieldManager") or request.headers.get("user-agent", "unknown").partition("/")[0]

    async def answer(self) -> Response:
        self.record("get", mutating=False)
        if self.request.method == "GET":
            described = discovery(self.path)
            if described is not None:
                return JSONResponse(described)
            base = "" if self.request.scope.get("cluster") else "/kubernetes"
            document = openapi.answer(self.path, self.request.headers.get("accept", ""), base)
            if document is not None:
                return document
        if self.request.method == "POST" and reviews.is_review(self.path):
            self.record(f"{reviews.method(self.path)}.create", mutating=False)
            body = _parsed(await self.request.body())
            return JSONResponse(reviews.answer(self.sandbox, self.path, body, self.user), 201)
        account = _TOKEN.fullmatch(self.path)
        if account and self.request.method == "POST":
            return await self._token(*account.groups())
        kind, namespace, name = _target(self.path)
        verb = _VERBS.get(self.request.method) or ("get" if name else "list")
        if verb == "list" and self._watches():
            verb = "watch"
        self.record(f"core.v1.{kind.plural}.{verb}", mutating=self.saves and verb in _VERBS.values())
        access.check(self.sandbox, self.user.name, kind, namespace, verb)
        if not kind.served and verb not in ("get", "list", "watch"):
            raise KubernetesError(405, "MethodNotAllowed", f"the sandbox's cluster takes no {kind.plural}")
        key = f"{namespace}/{name}" if kind.namespaced else name
        if verb == "get":
            return self._shown(kind, self.cluster.get(kind, key))
        if verb in ("list", "watch"):
            return self._listed(kind, namespace)
        if verb == "delete":
            return await self._deleted(kind, key)
        if bool(name) == (verb == "create"):
            raise KubernetesError(405, "MethodNotAllowed", "the server does not allow this method on the resource")
        if verb == "create":
            body = self._valid(kind, _parsed(await self.request.body()))
            made = self.cluster.create(kind, namespace, body, self.manager, save=self.saves)
            return self._shown(kind, made, 201)
        if verb == "update":
            body = self._valid(kind, _parsed(await self.request.body()))
            return self._shown(kind, self.cluster.change(kind, key, body, self.manager, save=self.saves))
        return await self._patched(kind, key)

    def record(self, what: str, *, mutating: bool) -> None:
        """Names the call in the record of calls, as Cloud Logging's audit logs name a cluster's."""
        self.request.state.recorded = {
            "method": f"io.k8s.{what}",
            "mutating": mutating,
            "principal": self.user.name,
        }

    async def _token(self, namespace: str, name: str) -> Response:
        self.record("core.v1.serviceaccounts.token.create", mutating=False)
        access.check(self.sandbox, self.user.name, SERVICE_ACCOUNT, namespace, "create", "token")
        account = self.cluster.get(SERVICE_ACCOUNT, f"{namespace}/{name}")
        body = _parsed(await self.request.body())
        return JSONResponse(callers.token_request(self.sandbox, account, body), 201)

    def _watches(self) -> bool:
        return self.query.get("watch") in ("true", "1")

    async def _patched(self, kind: Kind, key: str) -> Response:
        media_type = self.request.headers.get("content-type", "").partition(";")[0]
        patch = _parsed(await self.request.body())
        if media_type == "application/apply-patch+yaml":
            if "fieldManager" not in self.query:
                raise bad_request(
                    "PatchOptions.meta.k8s.io is invalid: fieldManager: Required value: is required for apply patch"
                )
            force, existed = self.query.get("force") == "true", self.cluster.find(kind, key) is not None
            body = self._valid(kind, patch)
            applied = self.cluster.apply(kind, key, body, self.manager, force=force, save=self.saves)
            return self._shown(kind, applied, 200 if existed else 201)
        if media_type not in _PATCHES:
            raise KubernetesError(415, "UnsupportedMediaType", f"{media_type} is none of {', '.join(_PATCHES)}")
        wanted = self._valid(kind, _PATCHES[media_type](self.cluster.get(kind, key), patch))
        return self._shown(kind, self.cluster.change(kind, key, wanted, self.manager, save=self.saves))

    async def _deleted(self, kind: Kind, key: str) -> Response:
        options = _parsed(await self.request.body() or b"{}")
        if options.get("dryRun") == ["All"]:
            self.saves = False
            self.record(f"core.v1.{kind.plural}.delete", mutating=False)
        gone = self.cluster.delete(kind, key, options.get("preconditions", {}).get("uid"), save=self.saves)
        if kind is NAMESPACE:
            return self._shown(kind, gone)
        details = {"name": gone["metadata"]["name"], "kind": kind.plural, "uid": gone["metadata"]["uid"]}
        return JSONResponse(
            {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        )

    def _listed(self, kind: Kind, namespace: str) -> Response:
        if self._watches():
            if "sendInitialEvents" in self.query:
                # alpha and off in this version; clients that ask for it (client-go from 0.35) then list and watch
                why = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
                raise forbidden_option("sendInitialEvents", why)
            return StreamingResponse(self._events(kind, namespace), media_type="application/json")
        if "sendInitialEvents" in self.query:
            raise forbidden_option("sendInitialEvents", "sendInitialEvents is forbidden for list")
        items = [o for o in self.cluster.all(kind, namespace) if self._selected(o)]
        if rendering.wants_table(self.request.headers.get("accept", "")):
            return JSONResponse(self._table(kind, items))
        return JSONResponse(rendering.listed(kind, items, self.cluster.version()))

    async def _events(self, kind: Kind, namespace: str) -> AsyncIterator[bytes]:
        """ADDED, MODIFIED and DELETED from the asked resourceVersion on, until the client's time is over."""
        seen = int(self.query.get("resourceVersion") or 0)
        known = {o["metadata"]["uid"] for o in self.cluster.all(kind) if int(o["metadata"]["resourceVersion"]) <= seen}
        end = self.sandbox.clock.now() + float(self.query.get("timeoutSeconds") or 1800)
        while self.sandbox.clock.now() < end and not await self.request.is_disconnected():
            self.sandbox.operations.advance()
            self.sandbox.store.commit()
            live = [o for o in self.cluster.all(kind) if int(o["metadata"]["resourceVersion"]) > seen]
            events = [("MODIFIED" if o["metadata"]["uid"] in known else "ADDED", o) for o in live]
            events += [("DELETED", o) for o in self.cluster.deleted_since(kind, seen)]
            for event, value in sorted(events, key=lambda e: int(e[1]["metadata"]["resourceVersion"])):
                known.add(value["metadata"]["uid"])
                seen = max(seen, int(value["metadata"]["resourceVersion"]))
                if self._selected(value) and namespace in ("", value["metadata"].get("namespace")):
                    table = rendering.wants_table(self.request.headers.get("accept", ""))
                    shown = self._table(kind, [value]) if table else value
                    yield json.dumps({"type": event, "object": shown}).encode() + b"\n"
            await asyncio.sleep(_WATCH_PAUSE)

    def _selected(self, value: Json) -> bool:
        metadata = value["metadata"]
        fields = {"metadata.name": metadata["name"], "metadata.namespace": metadata.get("namespace", "")}
        fields["status.phase"] = value.get("status", {}).get("phase", "")
        return _matches(self.query.get("fieldSelector", ""), fields) and _matches(
            self.query.get("labelSelector", ""), metadata.get("labels", {})
        )

    def _shown(self, kind: Kind, value: Json, code: int = 200) -> Response:
        if rendering.wants_table(self.request.headers.get("accept", "")):
            return JSONResponse(self._table(kind, [value]), code)
        return JSONResponse(value, code)

    def _table(self, kind: Kind, items: list[Json]) -> Json:
        include = self.query.get("includeObject", "Metadata")
        return rendering.table(kind, items, self.cluster.version(), self.sandbox.clock.now(), include)

    def _valid(self, kind: Kind, body: Any) -> Json:
        """The body, an object of this kind; unknown fields are refused where the client asks for it."""
        if not isinstance(body, dict):
            raise bad_request("the body is no object")
        if body.get("kind", kind.name) != kind.name or body.get("apiVersion", "v1") != "v1":
            raise bad_request(f"{body.get('apiVersion')} {body.get('kind')} does not match the expected v1 {kind.name}")
        wrong = dict(mistakes(openapi.schema_of(kind), body, kind.name))
        strange = sorted((path for path, why in wrong.items() if not why), key=lambda path: path.count("."))
        for why in filter(None, wrong.values()):
            raise bad_request(f'{kind.name} in version "v1" cannot be handled as a {kind.name}: {why}')
        if strange and self.query.get("fieldValidation") == "Strict":
            listed = ", ".join(f'unknown field "{name}"' for name in strange)
            raise bad_request(
                f'{kind.name} in version "v1" cannot be handled as a {kind.name}: strict decoding error: {listed}'
            )
        return body


def _target(path: str) -> tuple[Kind, str, str]:
    """(kind, namespace, name) of an object's or a list's path. KubernetesError 404 where there is no such resource."""
    parts = path.split("/")
    if parts[:2] == ["api", "v1"]:
        parts = parts[2:]
        namespace = ""
        if len(parts) > 2 and parts[0] == "namespaces" and parts[2] in KINDS:
            namespace, parts = parts[1], parts[2:]
        if parts and parts[0] in KINDS and len(parts) <= 2:
            return KINDS[parts[0]], namespace, parts[1] if len(parts) == 2 else ""
    raise KubernetesError(404, "NotFound", "the server could not find the requested resource")


def _matches(selector: str, values: Mapping[str, str]) -> bool:
    """Equality-based selectors: a=b, a==b, a!=b, a, !a."""
    for term in filter(None, selector.split(",")):
        if "!=" in term:
            name, _, value = term.partition("!=")
            fits = values.get(name) != value
        elif "=" in term:
            name, _, value = term.replace("==", "=").partition("=")
            fits = values.get(name) == value
        else:
            fits = (term.lstrip("!") in values) != term.startswith("!")
        if not fits:
            return False
    return True


class _JsonTypes(yaml.SafeLoader):
    """YAML with the types of JSON: a time stays the string that it is written as."""

    yaml_implicit_resolvers = {
        first: [each for each in resolvers if each[0] != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        pass
    try:
        return yaml.load(body, _JsonTypes)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise bad_request(f"the body is neither JSON nor YAML: {error}") from error


def _failed(error: KubernetesError) -> Response:
    return JSONResponse(error.body(), error.code)
