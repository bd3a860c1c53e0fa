"""Objects of the Kubernetes core API: made with POST, changed by server-side apply, waited for when they go."""

from __future__ import annotations

import base64
import re
import uuid
from typing import Any

from typing_extensions import override

from sandbox.standin.fields import Field, is_empty
from sandbox.standin.kubernetes.cluster import Cluster
from sandbox.standin.resource import Resource
from sandbox.standin.rest import Json, RestError
from sandbox.standin.values import Props, has_unknown

_APPLY = {"content-type": "application/apply-patch+yaml"}
_AUTONAMED = "pulumi.com/autonamed"
_SERVERS_METADATA = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid")
_HELD = {"ConfigMap": ("data", "binaryData"), "Secret": ("data",)}
_IDENTITY = ("metadata.name", "metadata.namespace")


class KubernetesObject(Resource[Cluster]):
    """One kind.

    The state is the live object. Only what the inputs say is compared, so what the cluster adds of its own is no
    difference.

    Args:
        kind: "Namespace".
        plural: as in the path: "namespaces".
        inputs: what a program can set besides apiVersion, kind and metadata.
        namespaced: whether objects live in a namespace.
    """

    named_by = "metadata"

    def __init__(self, kind: str, plural: str, inputs: tuple[str, ...], *, namespaced: bool) -> None:
        self.kind = kind
        self.plural = plural
        self.namespaced = namespaced
        self.fields = {name: Field() for name in ("apiVersion", "kind", "metadata", *inputs)}

    @override
    def with_name(self, inputs: Props, old: Props, proposed: str) -> Props:
        metadata = inputs.get("metadata") or {}
        if has_unknown(metadata) or metadata.get("name"):
            return inputs
        annotations = {**metadata.get("annotations", {}), _AUTONAMED: "true"}
        name = old.get("metadata", {}).get("name") or proposed.lower()
        return {**inputs, "metadata": {**metadata, "name": name, "annotations": annotations}}

    @override
    def diff(self, old: Props, new: Props, old_inputs: Props) -> dict[str, str]:
        old_inputs, new = _normal(old_inputs), _normal(new)
        live = _pruned(old_inputs, old)
        if self.namespaced:
            live["metadata"].setdefault("namespace", old["metadata"].get("namespace"))
            same_default = "namespace" not in new["metadata"] and live["metadata"]["namespace"] == "default"
            new = {**new, "metadata": {"namespace": "default", **new["metadata"]}} if same_default else new
        return _differences(live, new, "")

    @override
    def replacing(self, cluster: Cluster) -> tuple[str, ...]:
        # pulumi-kubernetes: provider/pkg/provider/diff.go
        always = ("type",) if self.kind == "Secret" else ()
        return always if self.kind in cluster.mutable else (*always, *_HELD.get(self.kind, ()))

    @override
    def create(self, cluster: Cluster, inputs: Props, timeout: float) -> str:
        body = self._body(cluster, inputs)
        query = {"fieldManager": f"pulumi-kubernetes-{uuid.uuid4().hex[:8]}"}
        made = cluster.rest.call("POST", self._collection(body["metadata"].get("namespace")), body, query)
        return _id(made["metadata"])

    @override
    def read(self, cluster: Cluster, resource_id: str, state: Props) -> Props | None:
        live = cluster.rest.find(self._path(resource_id))
        return None if live is None else {**live, "__initialApiVersion": "v1", "__fieldManager": _manager(live)}

    @override
    def update(self, cluster: Cluster, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        query = {"fieldManager": str(state.get("__fieldManager") or "pulumi-kubernetes"), "force": "false"}
        cluster.rest.call("PATCH", self._path(resource_id), self._body(cluster, inputs), query, _APPLY)

    @override
    def delete(self, cluster: Cluster, resource_id: str, state: Props, timeout: float) -> None:
        path = self._path(resource_id)
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Foreground"}
        try:
            cluster.rest.call("DELETE", path, options)
        except RestError as error:
            if error.code != 404:
                raise
        cluster.rest.poll(
            lambda: None if cluster.rest.find(path) else {}, timeout, f"Deleting {self.kind} {resource_id}"
        )

    @override
    def inputs_of(self, state: Props, old_inputs: Props | None) -> Props:
        if old_inputs is None:
            return _inputs_from(state, self.fields)
        data = {k: v for k, v in state.get("data", {}).items() if k in old_inputs.get("stringData", {})}
        plain = {"stringData": {k: base64.b64decode(v).decode() for k, v in data.items()}} if data else {}
        pruned: Props = _pruned(old_inputs, {**state, **plain})
        return pruned

    def _body(self, cluster: Cluster, inputs: Props) -> Json:
        body = {k: v for k, v in inputs.items() if k in self.fields}
        body.update(apiVersion="v1", kind=self.kind)
        if self.namespaced:
            body["metadata"] = {"namespace": cluster.namespace, **body["metadata"]}
        return body

    def _collection(self, namespace: str | None) -> str:
        return f"api/v1/namespaces/{namespace}/{self.plural}" if self.namespaced else f"api/v1/{self.plural}"

    def _path(self, resource_id: str) -> str:
        namespace, _, name = resource_id.rpartition("/")
        return f"{self._collection(namespace or 'default')}/{name}"


def _normal(inputs: Props) -> Props:
    """A Secret's `stringData` as the server keeps it, in `data`: what the plugin compares."""
    plain = inputs.get("stringData")
    if not isinstance(plain, dict):
        return inputs
    encoded = {k: v if has_unknown(v) else base64.b64encode(v.encode()).decode() for k, v in plain.items()}
    rest = {k: v for k, v in inputs.items() if k != "stringData"}
    return {**rest, "data": {**inputs.get("data", {}), **encoded}}


def _id(metadata: Json) -> str:
    return "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))


def _manager(live: Json) -> str:
    managers = [m["manager"] for m in live["metadata"].get("managedFields", [])]
    return next((m for m in managers if m.startswith("pulumi-kubernetes")), "pulumi-kubernetes")


def _inputs_from(live: Json, fields: Any) -> Props:
    inputs = {k: live[k] for k in fields if k in live}
    inputs["metadata"] = {k: v for k, v in live["metadata"].items() if k not in _SERVERS_METADATA}
    return inputs


def _pruned(shape: Any, live: Any) -> Any:
    """``live`` without what ``shape`` does not have."""
    if isinstance(shape, dict) and isinstance(live, dict):
        return {k: _pruned(v, live[k]) for k, v in shape.items() if k in live}
    return live


def _differences(old: Props, new: Props, prefix: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for key in sorted(old.keys() | new.keys()):
        path = prefix + (f".{key}" if prefix else key) if re.fullmatch(r"\w+", key) else f'{prefix}["{key}"]'
        was, now = old.get(key), new.get(key)
        if isinstance(was, dict) and isinstance(now, dict):
            found.update(_differences(was, now, path))
        elif has_unknown(now) or (was != now and not (is_empty(was) and is_empty(now))):
            kind = "ADD" if was is None else "DELETE" if now is None else "UPDATE"
            found[path] = f"{kind}_REPLACE" if path in _IDENTITY else kind
    return found
