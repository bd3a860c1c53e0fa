"""How the API server lists its kinds for clients."""

from sandbox.errors import Json
from sandbox.services.kubernetes import reviews
from sandbox.services.kubernetes.kinds import KINDS, VERSION


def discovery(path: str) -> Json | None:
    """What describes the server at this path (without a leading slash), or None."""
    return {
        "api": _api_versions,
        **reviews.discovery(),
        "api/v1": _resources,
        "version": _version,
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
            "verbs": list(kind.verbs),
            **({"shortNames": list(kind.short)} if kind.short else {}),
        }
        for kind in KINDS.values()
    ]
    token = {"name": "serviceaccounts/token", "singularName": "", "namespaced": True, "kind": "TokenRequest"}
    resources.append({**token, "group": "authentication.k8s.io", "version": "v1", "verbs": ["create"]})
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1", "resources": resources}
