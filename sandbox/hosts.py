"""Which service a path belongs to: its own prefix, or /hosts/{hostname}/ for what that host would serve.

The root is a metadata server, as Google's libraries know one by what is there.
"""

import re
from dataclasses import dataclass

_GOOGLEAPIS = re.compile(r"(?:[a-z]+-[a-z]+\d+-|[a-z]{2}-)?([a-z]+)(?:\.[a-z0-9-]+\.rep)?\.googleapis\.com")


@dataclass(frozen=True, slots=True)
class Target:
    """A request's service ("aiplatform"), path from the version on ("v1/…"), and host name ("" for a prefix)."""

    service: str
    path: str
    host: str

    @property
    def version(self) -> str:
        """The version that the path begins with, or ""."""
        first = self.path.partition("/")[0]
        return first if re.fullmatch(r"v\d+\w*", first) else ""


def resolve(path: str) -> Target:
    """The target of a request path without its leading slash."""
    prefix, _, rest = path.partition("/")
    host = ""
    if prefix in ("", "pods", "computeMetadata"):
        return Target("computeMetadata", path, "")
    if prefix == "hosts":
        host, _, rest = rest.partition("/")
        if host == "www.googleapis.com":  # older services, each below a path of its own
            service, _, rest = rest.partition("/")
            return Target(service, rest, host)
        googleapis = _GOOGLEAPIS.fullmatch(host)
        # Every other host belongs to one endpoint of Vertex AI.
        prefix = googleapis.group(1) if googleapis else "aiplatform"
    # compute's own paths begin with its name: /compute/compute/v1/ and /compute/v1/ are the same.
    return Target(prefix, rest.removeprefix(f"{prefix}/"), host)
