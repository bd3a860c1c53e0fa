"""The cluster's objects: what may be made, how they change, and how a namespace goes."""

import copy
import re
import secrets
import uuid
from typing import TYPE_CHECKING

from sandbox import registry
from sandbox.errors import Json
from sandbox.operations import completion
from sandbox.services.kubernetes import configuration, merging
from sandbox.services.kubernetes.kinds import KINDS, NAMESPACE, SERVICE_ACCOUNT, Kind
from sandbox.services.kubernetes.status import already_exists, bad_request, conflict, forbidden, invalid, not_found

if TYPE_CHECKING:
    from sandbox.core import Sandbox

_SEEDED = ("default", "kube-node-lease", "kube-public", "kube-system")
_UNDELETABLE = ("default", "kube-public", "kube-system")
_LABEL_NAME = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_TOMBSTONE = "kubernetes.tombstone"
_COUNTER = "kubernetes.counter"
_ENDING = (
    "The system is ensuring all content is removed from this namespace. Upon completion, this namespace will"
    " automatically be purged by the system."
)


class Cluster:
    """The Kubernetes cluster of one sandbox."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self.sandbox = sandbox
        self.store = sandbox.store

    def get(self, kind: Kind, key: str) -> Json:
        """The object by its name, or "namespace/name". KubernetesError 404 where there is none."""
        found = self.store.get(kind.store, key)
        if found is None:
            raise not_found(kind.plural, key.rpartition("/")[2])
        return found

    def find(self, kind: Kind, key: str) -> Json | None:
        """The object, or None."""
        return self.store.get(kind.store, key)

    def all(self, kind: Kind, namespace: str = "") -> list[Json]:
        """The objects of a kind, in one namespace or in all, by name."""
        found = self.store.list(kind.store, f"{namespace}/" if namespace else "")
        return [found[key] for key in sorted(found)]

    def version(self) -> str:
        """The resourceVersion of the latest change."""
        return str((self.store.get(_COUNTER, "") or {"value": 1})["value"])

    def deleted_since(self, kind: Kind, version: int) -> list[Json]:
        """The objects that went after a resourceVersion, as they last were."""
        gone = [t["object"] for t in self.store.list(_TOMBSTONE).values() if t["kind"] == kind.plural]
        return [o for o in gone if int(o["metadata"]["resourceVersion"]) > version]

    def create(self, kind: Kind, namespace: str, body: Json, manager: str, *, save: bool = True) -> Json:
        """Makes an object. KubernetesError where the name is taken or wrong, or the namespace is not there."""
        value = self._checked(kind, namespace, body)
        name = value["metadata"]["name"]
        if self.find(kind, _key(kind, namespace, name)) is not None:
            raise already_exists(kind.plural, name)
        value["metadata"].update(uid=str(uuid.uuid4()), creationTimestamp=self._now())
        value["metadata"]["managedFields"] = []
        empty: Json = {"metadata": {"managedFields": []}}
        value = merging.updated(empty, value, manager, self._now())
        return self._made(kind, value, save=save)

    def apply(self, kind: Kind, key: str, body: Json, manager: str, *, force: bool, save: bool = True) -> Json:
        """Server-side apply: makes the object, or takes it to what the body says for this manager's fields."""
        namespace, _, name = key.rpartition("/")
        if body.get("metadata", {}).get("name", name) != name:
            raise bad_request(f"name in URL ({name}) does not match name in object ({body['metadata']['name']})")
        value = self._checked(kind, namespace, {**body, "metadata": {**body.get("metadata", {}), "name": name}})
        live = self.find(kind, key)
        if live is None:
            value["metadata"].update(uid=str(uuid.uuid4()), creationTimestamp=self._now())
            paths = set(merging.owned_paths(value))
            value = merging.with_managers(value, {(manager, "Apply"): paths}, self._now())
            return self._made(kind, value, save=save)
        changed = merging.apply(live, value, manager, force=force, now=self._now())
        return self._put(kind, live, changed, save=save)

    def change(self, kind: Kind, key: str, wanted: Json, manager: str, *, save: bool = True) -> Json:
        """Puts `wanted` in the object's place, but for what only the server sets."""
        live = self.get(kind, key)
        name = live["metadata"]["name"]
        given = wanted.get("metadata", {})
        if given.get("resourceVersion", live["metadata"]["resourceVersion"]) != live["metadata"]["resourceVersion"]:
            why = "the object has been modified; please apply your changes to the latest version and try again"
            raise conflict(kind.plural, name, why)
        if given.get("name", name) != name or given.get("uid", live["metadata"]["uid"]) != live["metadata"]["uid"]:
            raise invalid(kind.name, name, "metadata.name", "field is immutable")
        value = self._checked(kind, key.rpartition("/")[0], {**wanted, "metadata": {**given, "name": name}})
        for field in ("uid", "creationTimestamp", "resourceVersion", "deletionTimestamp"):
            if field in live["metadata"]:
                value["metadata"][field] = live["metadata"][field]
        if "status" in live:
            value["status"] = live["status"]
        return self._put(kind, live, merging.updated(live, value, manager, self._now()), save=save)

    def delete(self, kind: Kind, key: str, uid: str | None = None, *, save: bool = True) -> Json:
        """Removes an object; a namespace first empties itself, which takes a while. Returns it as it last was."""
        live = self.get(kind, key)
        name = live["metadata"]["name"]
        if uid and uid != live["metadata"]["uid"]:
            raise conflict(kind.plural, name, f"Precondition failed: UID in precondition: {uid}, not the object's.")
        if kind is NAMESPACE:
            return self._end(live, save=save)
        if save:
            self._remove(kind, live)
            if kind is SERVICE_ACCOUNT and name == "default":
                self._default_account(key.rpartition("/")[0])
        return live

    def purge(self, namespace: str) -> None:
        """Removes a namespace and what is in it."""
        for kind in KINDS.values():
            for inside in self.all(kind, namespace) if kind.namespaced else ():
                self._remove(kind, inside)
        live = self.find(NAMESPACE, namespace)
        if live is not None:
            self._remove(NAMESPACE, live)

    def seed(self) -> None:
        """The namespaces that every cluster has."""
        for name in _SEEDED:
            self.create(NAMESPACE, "", {"metadata": {"name": name}}, "kube-apiserver")

    def _end(self, live: Json, *, save: bool) -> Json:
        name = live["metadata"]["name"]
        if name in _UNDELETABLE:
            raise forbidden(NAMESPACE.plural, name, "this namespace may not be deleted")
        if "deletionTimestamp" in live["metadata"]:
            raise conflict(NAMESPACE.plural, name, _ENDING)
        ending = copy.deepcopy(live)
        ending["metadata"]["deletionTimestamp"] = self._now()
        ending["status"] = {"phase": "Terminating"}
        ending = self._put(NAMESPACE, live, ending, save=save)
        if save:
            uid = live["metadata"]["uid"]
            seconds = self.sandbox.settings.operation_seconds
            self.sandbox.operations.start("kubernetes.namespaces.delete", f"kubernetes/{uid}", seconds, {"name": name})
        return ending

    def _checked(self, kind: Kind, namespace: str, body: Json) -> Json:
        """The body as an object of the kind, its name given and its namespace there."""
        metadata: Json = dict(body.get("metadata") or {})
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = f"{metadata['generateName']}{secrets.token_hex(3)[:5]}"
        name = str(metadata.get("name") or "")
        longest, pattern = (63, _LABEL_NAME) if kind is NAMESPACE else (253, rf"{_LABEL_NAME}(\.{_LABEL_NAME})*")
        if not name:
            raise invalid(kind.name, "", "metadata.name", "Required value: name or generateName is required")
        if len(name) > longest or not re.fullmatch(pattern, name):
            why = f'Invalid value: "{name}": at most {longest} lowercase letters, digits and dashes (RFC 1123)'
            raise invalid(kind.name, name, "metadata.name", why)
        if kind.namespaced:
            if metadata.get("namespace", namespace) != namespace:
                raise bad_request("the namespace of the object does not match the namespace of the request")
            owner = self.get(NAMESPACE, namespace)
            if "deletionTimestamp" in owner["metadata"]:
                why = f"unable to create new content in namespace {namespace} because it is being terminated"
                raise forbidden(kind.plural, name, why)
            metadata["namespace"] = namespace
        value = {"kind": kind.name, "apiVersion": "v1", "metadata": metadata}
        value |= {k: v for k, v in body.items() if k in kind.fields and k != "status" and v is not None}
        if kind is NAMESPACE:
            metadata["labels"] = {**(metadata.get("labels") or {}), "kubernetes.io/metadata.name": name}
            value["spec"] = value.get("spec") or {"finalizers": ["kubernetes"]}
            value["status"] = {"phase": "Active"}
        return configuration.checked(kind, value)

    def _made(self, kind: Kind, value: Json, *, save: bool) -> Json:
        made = self._put(kind, None, value, save=save)
        if save and kind is NAMESPACE:
            self._default_account(made["metadata"]["name"])
        return made

    def _default_account(self, namespace: str) -> None:
        self.create(SERVICE_ACCOUNT, namespace, {"metadata": {"name": "default"}}, "kube-controller-manager")

    def _put(self, kind: Kind, live: Json | None, value: Json, *, save: bool) -> Json:
        """Writes the object under a new resourceVersion, unless nothing changed."""
        if live is not None:
            configuration.check_change(kind, live, value)
        if value == live or not save:
            return value
        value["metadata"]["resourceVersion"] = self._next_version()
        metadata = value["metadata"]
        self.store.put(kind.store, _key(kind, metadata.get("namespace", ""), metadata["name"]), value)
        return value

    def _remove(self, kind: Kind, live: Json) -> None:
        metadata = live["metadata"]
        self.store.delete(kind.store, _key(kind, metadata.get("namespace", ""), metadata["name"]))
        last = {**live, "metadata": {**metadata, "resourceVersion": self._next_version()}}
        self.store.put(_TOMBSTONE, metadata["uid"], {"kind": kind.plural, "object": last})

    def _next_version(self) -> str:
        version = int(self.version()) + 1
        self.store.put(_COUNTER, "", {"value": version})
        return str(version)

    def _now(self) -> str:
        return self.sandbox.clock.stamp().partition(".")[0] + "Z"


@completion("kubernetes.namespaces.delete")
def _purged(sandbox: "Sandbox", operation: Json) -> Json:
    Cluster(sandbox).purge(operation["args"]["name"])
    return {}


@registry.seed
def _seed(sandbox: "Sandbox") -> None:
    Cluster(sandbox).seed()


@registry.state_view(_TOMBSTONE, _COUNTER)
def _hidden(_name: str, _value: Json, _seeded: Json | None) -> None:
    """Bookkeeping."""


@registry.state_view(KINDS["serviceaccounts"].store)
def _accounts(name: str, value: Json, seeded: Json | None) -> Json | None:
    """Every namespace has an account called default; what users made of it counts."""
    untouched = name.endswith("/default") and not set(value) - {"kind", "apiVersion", "metadata"}
    annotated = {k for k in ("annotations", "labels") if value["metadata"].get(k)}
    return None if value == seeded or (untouched and not annotated) else value


def _key(kind: Kind, namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if kind.namespaced else name
