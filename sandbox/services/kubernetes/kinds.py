"""The kinds that this API server has."""

from dataclasses import dataclass, field

from sandbox.errors import Json
from sandbox.services.kubernetes.schemas import CORE, flag, merged_by_name, ref

VERSION = "v1.29.6-gke.1038001"
CHANGING = ("create", "delete", "get", "list", "patch", "update", "watch")
READING = ("get", "list", "watch")


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
    description: str = ""

    @property
    def verbs(self) -> tuple[str, ...]:
        """What may be done with its objects."""
        return CHANGING if self.served else READING

    @property
    def store(self) -> str:
        """The kind under which the store has its objects."""
        return f"kubernetes.{self.plural}"


NAMESPACE = Kind(
    "Namespace",
    "namespaces",
    False,
    ("ns",),
    {"spec": ref(CORE + "NamespaceSpec"), "status": ref(CORE + "NamespaceStatus")},
    description="A scope for names.",
)
SERVICE_ACCOUNT = Kind(
    "ServiceAccount",
    "serviceaccounts",
    True,
    ("sa",),
    {
        "automountServiceAccountToken": flag("Whether pods of this account get its token."),
        "imagePullSecrets": merged_by_name(CORE + "LocalObjectReference", "Secrets to pull images with."),
        "secrets": merged_by_name(CORE + "ObjectReference", "Secrets that pods of this account may use."),
    },
    description="An identity for the processes of pods.",
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
# kubectl describe and cluster-info look for these beside what they show; the cluster has none, and takes none.
_EMPTY = [
    Kind("Event", "events", True, ("ev",), served=False),
    Kind("LimitRange", "limitranges", True, ("limits",), served=False),
    Kind("ResourceQuota", "resourcequotas", True, ("quota",), served=False),
    Kind("Service", "services", True, ("svc",), served=False),
]
KINDS = {kind.plural: kind for kind in (NAMESPACE, SERVICE_ACCOUNT, CONFIG_MAP, SECRET, *_EMPTY)}
