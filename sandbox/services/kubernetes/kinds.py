"""The kinds that this API server has, and how it describes them to clients (discovery and OpenAPI)."""

from dataclasses import dataclass, field

from sandbox.errors import Json
from sandbox.services.kubernetes import reviews

VERSION = "v1.29.6-gke.1038001"
_CHANGING = ("create", "delete", "get", "list", "patch", "update", "watch")
_READING = ("get", "list", "watch")


@dataclass(frozen=True)
class Kind:
    """A kind; `fields` are those beside apiVersion, kind and metadata, with their OpenAPI types.

    What is not `served` can be listed, and is empty.
    """

    name: str
    plural: str
    namespaced: bool
    short: tuple[str, ...] = ()
    fields: dict[str, Json] = field(default_factory=dict, compare=False)
    served: bool = True

    @property
    def store(self) -> str:
        """The kind under which the store has its objects."""
        return f"kubernetes.{self.plural}"


_LIST_OF_NAMES: Json = {
    "type": "array",
    "items": {"type": "object"},
    "x-kubernetes-patch-merge-key": "name",
    "x-kubernetes-patch-strategy": "merge",
}
NAMESPACE = Kind("Namespace", "namespaces", False, ("ns",), {"spec": {"type": "object"}, "status": {"type": "object"}})
SERVICE_ACCOUNT = Kind(
    "ServiceAccount",
    "serviceaccounts",
    True,
    ("sa",),
    {
        "automountServiceAccountToken": {"type": "boolean"},
        "imagePullSecrets": _LIST_OF_NAMES,
        "secrets": _LIST_OF_NAMES,
    },
)
_TEXTS: Json = {"type": "object", "additionalProperties": {"type": "string"}}
_BYTES: Json = {"type": "object", "additionalProperties": {"type": "string", "format": "byte"}}
CONFIG_MAP = Kind(
    "ConfigMap",
    "configmaps",
    True,
    ("cm",),
    {"data": _TEXTS, "binaryData": _BYTES, "immutable": {"type": "boolean"}},
)
SECRET = Kind(
    "Secret",
    "secrets",
    True,
    fields={
        "type": {"type": "string"},
        "data": _BYTES,
        "stringData": _TEXTS,
        "immutable": {"type": "boolean"},
    },
)
# kubectl describe looks for these beside what it describes; the cluster has none of them, and takes none.
_EMPTY = [
    Kind("Event", "events", True, ("ev",), served=False),
    Kind("LimitRange", "limitranges", True, ("limits",), served=False),
    Kind("ResourceQuota", "resourcequotas", True, ("quota",), served=False),
]
KINDS = {kind.plural: kind for kind in (NAMESPACE, SERVICE_ACCOUNT, CONFIG_MAP, SECRET, *_EMPTY)}


def discovery(path: str) -> Json | None:
    """What describes the server at this path (without a leading slash), or None."""
    return {
        "api": _api_versions,
        **reviews.discovery(),
        "api/v1": _resources,
        "version": _version,
        "openapi/v3": lambda: {"paths": {"api/v1": {"serverRelativeURL": "/kubernetes/openapi/v3/api/v1"}}},
        "openapi/v3/api/v1": _openapi,
    }.get(path, lambda: None)()


def _api_versions() -> Json:
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def _version() -> Json:
    major, minor = VERSION.removeprefix("v").split(".")[:2]
    return {"major": major, "minor": minor, "gitVersion": VERSION, "platform": "linux/amd64"}


def _resources() -> Json:
    resources = [
        {
            "name": kind.plural,
            "singularName": kind.name.lower(),
            "namespaced": kind.namespaced,
            "kind": kind.name,
            "verbs": list(_CHANGING if kind.served else _READING),
            **({"shortNames": list(kind.short)} if kind.short else {}),
        }
        for kind in KINDS.values()
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1", "resources": resources}


def _openapi() -> Json:
    """Enough for kubectl to leave validation to the server, and to merge lists as their schema says."""
    paths: Json = {}
    schemas: Json = {"io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": {"type": "object"}}
    for kind in KINDS.values():
        described = {"group": "", "version": "v1", "kind": kind.name}
        parameters = [
            {"name": name, "in": "query", "schema": {"type": "string"}}
            for name in ("dryRun", "fieldManager", "fieldValidation")
        ]
        verb = {"parameters": parameters, "responses": {}, "x-kubernetes-group-version-kind": described}
        scope = "namespaces/{namespace}/" if kind.namespaced else ""
        paths[f"/api/v1/{scope}{kind.plural}"] = {"post": {**verb, "x-kubernetes-action": "post"}}
        paths[f"/api/v1/{scope}{kind.plural}/{{name}}"] = {
            "patch": {**verb, "x-kubernetes-action": "patch"},
            "put": {**verb, "x-kubernetes-action": "put"},
        }
        metadata = {"allOf": [{"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}]}
        schemas[f"io.k8s.api.core.v1.{kind.name}"] = {
            "type": "object",
            "properties": {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": metadata,
                **kind.fields,
            },
            "x-kubernetes-group-version-kind": [described],
        }
    info = {"title": "Kubernetes", "version": VERSION}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}}
