"""How a service plugs in: a module under sandbox/services registers functions here when it is imported.

    @method("aiplatform.projects.locations.endpoints.get")
    def get_endpoint(call: Call) -> Json: ...

A function gets a checked Call and returns the answer as a dict (or Stream, or Raw), or raises GoogleError. It runs
on the one event loop, so a plain function is atomic; an async one must not await between writes that belong together.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.discovery import Method
from sandbox.errors import GoogleError, Json
from sandbox.hosts import Target
from sandbox.identity import Principal

if TYPE_CHECKING:
    from sandbox.core import Sandbox


@dataclass(slots=True)
class Call:
    """One call of one API method, already checked against the discovery document.

    `params` are the path parameters by discovery's names ("name", "parent", "endpoint"), `query` the query parameters
    by their JSON names, `body` the request without output-only fields. `host` is the host name that was called, or ""
    for the service's own prefix, `address` the IP address from which the connection comes. What is put in
    `response_headers` goes out with the answer. `struck`: an ordered fault answers before the method runs, and nothing
    of the call but its URL was checked.
    """

    sandbox: "Sandbox"
    method: Method
    params: dict[str, str]
    query: dict[str, str]
    body: Json
    headers: dict[str, str]
    principal: Principal
    host: str = ""
    address: str = "127.0.0.1"
    raw_body: bytes = b""
    response_headers: dict[str, str] = field(default_factory=dict)
    struck: bool = False

    @property
    def service(self) -> str:
        """E.g. "aiplatform"."""
        return self.method.service

    @property
    def version(self) -> str:
        """E.g. "v1beta1"."""
        return self.method.version

    @property
    def method_id(self) -> str:
        """E.g. "aiplatform.projects.locations.endpoints.get"."""
        return self.method.id


@dataclass(slots=True)
class Stream:
    """A server-streaming answer: each chunk is one answer message."""

    chunks: AsyncIterator[Json]


@dataclass(slots=True)
class Raw:
    """An answer that is no message of the API: the model's own bytes (google.api.HttpBody)."""

    content: bytes | AsyncIterator[bytes]
    media_type: str = "application/json"
    status: int = 200


Answer = Json | Stream | Raw
Function = Callable[[Call], Answer | Awaitable[Answer]]
Mount = Callable[[Request, "Sandbox"], Awaitable[Response]]
Refusal = Callable[[GoogleError], Response]
Rewrite = Callable[["Sandbox", Target], Target]
StateView = Callable[[str, Json, Json | None], Json | None]
Gate = Callable[[Call], None]
Observer = Callable[[Call, int, float], None]

_methods: dict[tuple[str, str], Function] = {}
_mounts: dict[str, Mount] = {}
_refusals: dict[str, Refusal] = {}
_seeds: list[Callable[["Sandbox"], None]] = []
_state_views: dict[str, StateView] = {}
_rewrites: dict[str, Rewrite] = {}
_enablement: list[Callable[["Sandbox", str, str], bool]] = []
_gated: set[str] = set()
_gates: list[Gate] = []
_observers: list[Observer] = []


def method(*ids: str, version: str = "") -> Callable[[Function], Function]:
    """Registers the function for these discovery method ids, in every version of the API or in the one named."""

    def register(function: Function) -> Function:
        for method_id in ids:
            if (method_id, version) in _methods:
                raise ValueError(f"{method_id} is registered twice, the second time by {function.__module__}")
            _methods[method_id, version] = function
        return function

    return register


def function_of(method_id: str, version: str) -> Function | None:
    """What imitates the method, or None."""
    return _methods.get((method_id, version)) or _methods.get((method_id, ""))


def imitated() -> set[tuple[str, str]]:
    """All (method id, version or "") that are registered."""
    return set(_methods)


def mount(prefix: str, refused: Refusal | None = None) -> Callable[[Mount], Mount]:
    """Registers a handler for all under "/prefix/", for what has no discovery document. It checks tokens itself.

    `refused` makes the answer of an ordered fault's error, where it is not Google's.
    """

    def register(handler: Mount) -> Mount:
        _mounts[prefix.strip("/")] = handler
        if refused:
            _refusals[prefix.strip("/")] = refused
        return handler

    return register


def mounted(prefix: str) -> Mount | None:
    """The handler of a prefix, or None."""
    return _mounts.get(prefix)


def refusal_of(prefix: str) -> Refusal | None:
    """What makes the error answers of a prefix, or None where they are Google's."""
    return _refusals.get(prefix)


def rewrite(service: str) -> Callable[[Rewrite], Rewrite]:
    """Registers what maps addresses that the service answers, but discovery does not list, to those that it does."""

    def register(function: Rewrite) -> Rewrite:
        _rewrites[service] = function
        return function

    return register


def rewrite_of(service: str) -> Rewrite | None:
    """The rewriting of a service, or None."""
    return _rewrites.get(service)


def seed(function: Callable[["Sandbox"], None]) -> Callable[["Sandbox"], None]:
    """Registers what a new or reset sandbox has before anyone comes. It must not depend on other seeds."""
    _seeds.append(function)
    return function


def seeds() -> list[Callable[["Sandbox"], None]]:
    """All registered seeds."""
    return list(_seeds)


def state_view(*kinds: str) -> Callable[[StateView], StateView]:
    """Registers how these kinds look in /_sandbox/state: (name, value, seeded value) -> what is shown, or None.

    Without a view a resource is shown unless it is as it was seeded. Logs and finished operations return None.
    """

    def register(view: StateView) -> StateView:
        for kind in kinds:
            _state_views[kind] = view
        return view

    return register


def state_view_of(kind: str) -> StateView | None:
    """The view of a kind, or None."""
    return _state_views.get(kind)


def enablement(function: Callable[["Sandbox", str, str], bool]) -> Callable[["Sandbox", str, str], bool]:
    """Registers the one function (sandbox, project id, "aiplatform.googleapis.com") -> whether the API is enabled."""
    _enablement.append(function)
    return function


def enablement_of() -> Callable[["Sandbox", str, str], bool] | None:
    """The registered enablement function, or None where every API counts as enabled."""
    return _enablement[-1] if _enablement else None


def needs_enabling(*services: str) -> None:
    """Calls to these services ("aiplatform") are refused while their API is not enabled in the project they name."""
    _gated.update(services)


def is_gated(service: str) -> bool:
    """Whether `needs_enabling` was said of the service."""
    return service in _gated


def gate(function: Gate) -> Gate:
    """Registers what every call passes before its method runs; it refuses by raising GoogleError."""
    _gates.append(function)
    return function


def gates() -> list[Gate]:
    """All registered gates."""
    return list(_gates)


def observer(function: Observer) -> Observer:
    """Registers what is told of calls: (call, HTTP status, seconds until the answer's end).

    It is told of every call that reached its method, or that an ordered fault answered before, once it has been
    answered; of none that got no answer.
    """
    _observers.append(function)
    return function


def observe(call: Call, status: int, seconds: float) -> None:
    """Tells the observers of a call that has been answered or refused."""
    for function in _observers:
        function(call, status, seconds)


def known() -> dict[str, Any]:
    """What is registered, for tests and for the generated table of methods."""
    return {"methods": sorted(_methods), "mounts": sorted(_mounts), "gated": sorted(_gated)}


def not_imitated(call: Call, what: str) -> GoogleError:
    """The 501 for a part of a method that the sandbox does not imitate."""
    return GoogleError(
        501, "UNIMPLEMENTED", f"The sandbox does not imitate {what} of {call.method_id} ({call.version})."
    )
