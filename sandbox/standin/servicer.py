"""Pulumi's ResourceProvider service over a table of resources.

One servicer answers every provider instance of a program, and of several programs at once. The engine opens a
connection of its own for each instance, so the peer's address tells whose configuration a request belongs to.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from typing import Any, Generic, NamedTuple

import grpc
from google.protobuf import any_pb2, empty_pb2
from google.rpc import status_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc
from typing_extensions import override

from sandbox.standin import fields
from sandbox.standin.resource import Cloud, Resource
from sandbox.standin.rest import RestError
from sandbox.standin.values import UNKNOWN, Props, from_struct, has_unknown, to_struct

_KIND = provider_pb2.PropertyDiff
_DEFAULT_TIMEOUT = 20 * 60.0
_REMEMBERED_INSTANCES = 256

Failure = tuple[str, str]


class Connected(NamedTuple, Generic[Cloud]):
    """A configured provider instance: its cloud, and the event that tells its operations to stop."""

    cloud: Cloud
    cancelled: threading.Event


class Provider(provider_pb2_grpc.ResourceProviderServicer, Generic[Cloud]):
    """A provider.

    Args:
        package: Pulumi's name of the package; the Python package ``pulumi-NAME`` gives the version.
        resources: type token -> resource.
        connect: makes the cloud from the provider's checked configuration.
        invokes: function token -> function.
        replaces_provider: the configuration keys whose change, from old to new, replaces all that the provider made.
    """

    def __init__(
        self,
        package: str,
        resources: Mapping[str, Resource[Cloud]],
        connect: Callable[[Props, threading.Event], Cloud],
        invokes: Mapping[str, Callable[[Cloud, Props], Props]] | None = None,
        replaces_provider: Callable[[Props, Props], list[str]] = lambda _old, _new: [],
    ) -> None:
        self._package = package
        self._version = metadata.version(f"pulumi-{package}")
        self._resources = resources
        self._connect = connect
        self._invokes = invokes or {}
        self._replaces_provider = replaces_provider
        self._instances: OrderedDict[str, Connected[Cloud]] = OrderedDict()
        self._lock = threading.Lock()

    # The connection.

    @override
    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse()

    @override
    def Attach(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    @override
    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=self._version)

    @override
    def GetSchema(self, request: Any, context: Any) -> Any:
        schema = {"name": self._package, "version": self._version, "resources": {t: {} for t in self._resources}}
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema))

    @override
    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    @override
    def DiffConfig(self, request: Any, context: Any) -> Any:
        old, new = from_struct(request.old_inputs or request.olds), from_struct(request.news)
        changed = sorted(k for k in old.keys() | new.keys() if k != "version" and old.get(k) != new.get(k))
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        replaces = self._replaces_provider(old, new) if changed else []
        return provider_pb2.DiffResponse(changes=some, diffs=changed, replaces=replaces)

    @override
    def Configure(self, request: Any, context: Any) -> Any:
        config = {k: v for k, v in from_struct(request.args).items() if not has_unknown(v)}
        cancelled = threading.Event()
        with _explained(context, f"Could not configure the {self._package} provider"):
            instance = Connected(self._connect(config, cancelled), cancelled)
        with self._lock:
            self._instances[context.peer()] = instance
            while len(self._instances) > _REMEMBERED_INSTANCES:
                self._instances.popitem(last=False)
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    @override
    def Cancel(self, request: Any, context: Any) -> Any:
        with self._lock:
            instance = self._instances.get(context.peer())
        if instance is not None:
            instance.cancelled.set()
        return empty_pb2.Empty()

    # Resources.

    @override
    def Check(self, request: Any, context: Any) -> Any:
        resource, cloud = self._of(request, context)
        proposed = f"{request.name}-{request.randomSeed.hex()[:7] or uuid.uuid4().hex[:7]}"
        inputs = resource.with_name(from_struct(request.news), from_struct(request.olds), proposed)
        strange = inputs.keys() - resource.fields.keys()
        failures = [(name, f"The sandbox's stand-in does not have the property '{name}'.") for name in sorted(strange)]
        failures += [(name, f"Missing required property '{name}'.") for name in fields.missing(resource.fields, inputs)]
        failures += resource.check(cloud, inputs)
        return provider_pb2.CheckResponse(
            inputs=to_struct(inputs),
            failures=[provider_pb2.CheckFailure(property=p, reason=r) for p, r in failures],
        )

    @override
    def Diff(self, request: Any, context: Any) -> Any:
        resource, cloud = self._of(request, context)
        old, new = from_struct(request.olds), from_struct(request.news)
        found = resource.diff(old, new, from_struct(request.old_inputs))
        for path in [p for p, kind in found.items() if not kind.endswith("_REPLACE")]:
            found[path] += "_REPLACE" if _top(path) in resource.replacing(cloud) else ""
        replaces = [p for p, kind in found.items() if kind.endswith("_REPLACE")]
        keeps_its_name = bool(resource.named_by) and not any(_top(p) == resource.named_by for p in replaces)
        some = provider_pb2.DiffResponse.DIFF_SOME if found else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(
            changes=some,
            replaces=replaces,
            diffs=sorted({_top(p) for p in found}),
            detailedDiff={p: _KIND(kind=_KIND.Kind.Value(kind)) for p, kind in found.items()},
            hasDetailedDiff=True,
            deleteBeforeReplace=bool(replaces) and (keeps_its_name or resource.delete_before_replace),
        )

    @override
    def Create(self, request: Any, context: Any) -> Any:
        resource, cloud = self._of(request, context)
        inputs = from_struct(request.properties)
        if request.preview:
            known = {**dict.fromkeys(resource.outputs, UNKNOWN), **inputs, **resource.planned(cloud, inputs)}
            return provider_pb2.CreateResponse(properties=to_struct(known))
        with _explained(context, f"Could not create {request.name}"):
            resource_id = resource.create(cloud, inputs, request.timeout or _DEFAULT_TIMEOUT)
        state = self._read_back(resource, cloud, resource_id, inputs, inputs, context)
        return provider_pb2.CreateResponse(id=resource_id, properties=to_struct(state))

    @override
    def Update(self, request: Any, context: Any) -> Any:
        resource, cloud = self._of(request, context)
        old, new = from_struct(request.olds), from_struct(request.news)
        changed = {_top(p) for p in resource.diff(old, new, from_struct(request.old_inputs))}
        dropped = {k for k, f in resource.fields.items() if k not in new and not f.computed}
        kept = {k: v for k, v in old.items() if k not in dropped}
        if request.preview:
            known = {**kept, **new, **resource.planned(cloud, new)}
            return provider_pb2.UpdateResponse(properties=to_struct(known))
        with _explained(context, f"Could not update {request.name}"):
            resource.update(cloud, request.id, old, new, changed)
        state = self._read_back(resource, cloud, request.id, {**kept, **new}, new, context)
        return provider_pb2.UpdateResponse(properties=to_struct(state))

    @override
    def Read(self, request: Any, context: Any) -> Any:
        resource, cloud = self._of(request, context)
        resource_id, state = request.id, from_struct(request.properties)
        inputs = from_struct(request.inputs) if request.HasField("inputs") and request.inputs.fields else None
        with _explained(context, f"Could not read {request.name} ({request.id})"):
            if not state:
                resource_id, state = resource.locate(cloud, request.id)
            live = resource.read(cloud, resource_id, state)
        if live is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=resource_id, properties=to_struct(live), inputs=to_struct(resource.inputs_of(live, inputs))
        )

    @override
    def Delete(self, request: Any, context: Any) -> Any:
        resource, cloud = self._of(request, context)
        with _explained(context, f"Could not delete {request.name}"):
            resource.delete(cloud, request.id, from_struct(request.properties), request.timeout or _DEFAULT_TIMEOUT)
        return empty_pb2.Empty()

    @override
    def Invoke(self, request: Any, context: Any) -> Any:
        if request.tok not in self._invokes:
            raise _abort(context, grpc.StatusCode.UNIMPLEMENTED, self._unknown("function", request.tok, self._invokes))
        function = self._invokes[request.tok]
        with _explained(context, request.tok):
            result = function(self._cloud(context), from_struct(request.args))
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(to_struct(result))
        return response

    # Helpers.

    def _of(self, request: Any, context: Any) -> tuple[Resource[Cloud], Cloud]:
        token = request.type or request.urn.split("::")[2].split("$")[-1]
        if token not in self._resources:
            raise _abort(context, grpc.StatusCode.UNIMPLEMENTED, self._unknown("resource", token, self._resources))
        return self._resources[token], self._cloud(context)

    def _cloud(self, context: Any) -> Cloud:
        with self._lock:
            instance = self._instances.get(context.peer()) or next(reversed(self._instances.values()), None)
        if instance is None:
            raise _abort(
                context, grpc.StatusCode.FAILED_PRECONDITION, f"The {self._package} provider is not configured."
            )
        return instance.cloud

    def _unknown(self, what: str, token: str, table: Mapping[str, object]) -> str:
        return (
            f"The sandbox's stand-in for the {self._package} plugin does not have the {what} {token}. "
            f"It has: {', '.join(sorted(table))}."
        )

    def _read_back(
        self, resource: Resource[Cloud], cloud: Cloud, resource_id: str, state: Props, inputs: Props, context: Any
    ) -> Props:
        """The live state after a change; when it cannot be had, the engine still learns that the resource exists."""
        try:
            live = resource.read(cloud, resource_id, state)
            reason = f"{resource_id} was changed, but reading it back found nothing."
        except RestError as error:
            live, reason = None, f"{resource_id} was changed, but could not be read back: {error}"
        if live is None:
            raise _abort_half_done(context, resource_id, state, inputs, reason)
        return live


def _top(path: str) -> str:
    return path.split(".")[0].split("[")[0]


@contextmanager
def _explained(context: Any, what: str) -> Iterator[None]:
    try:
        yield
    except RestError as error:
        raise _abort(context, grpc.StatusCode.UNKNOWN, f"{what}: {error}") from error


def _abort(context: Any, code: grpc.StatusCode, message: str) -> Exception:
    """Ends the call; what it returns is never reached, and lets callers say ``raise``."""
    context.abort(code, message)
    return AssertionError("abort raises")


class _Status(NamedTuple):
    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, bytes], ...]


class _RichStatus(_Status, grpc.Status):
    """A status with protobuf details, as grpc carries them: in a trailer of the response."""


def _abort_half_done(context: Any, resource_id: str, state: Props, inputs: Props, reason: str) -> Exception:
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=resource_id, properties=to_struct(state), inputs=to_struct(inputs), reasons=[reason]
        )
    )
    rich = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=reason, details=[detail])
    trailer = (("grpc-status-details-bin", rich.SerializeToString()),)
    context.abort_with_status(_RichStatus(grpc.StatusCode.UNKNOWN, reason, trailer))
    return AssertionError("abort raises")
