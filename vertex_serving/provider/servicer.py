"""The gRPC surface: Pulumi's requests in, calls on the resources, answers or sentences out.

Source: proto/pulumi/provider.proto of pulumi/pulumi.
"""

from __future__ import annotations

import functools
import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import grpc
from google.protobuf import empty_pb2

# Pulumi has a copy of this message, which cannot be loaded beside Google's own in one process.
from google.rpc import status_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from vertex_serving.provider import wire
from vertex_serving.provider.deployed_model import DeployedModel
from vertex_serving.provider.diffs import Change
from vertex_serving.provider.failures import Failure, Refused, Unfinished
from vertex_serving.provider.fields import Problem, nearest
from vertex_serving.provider.publisher_model_config import PublisherModelConfig
from vertex_serving.provider.resource import Resource
from vertex_serving.provider.session import Session
from vertex_serving.provider.settings import Settings, check_config
from vertex_serving.provider.task import Task
from vertex_serving.provider.traffic_split import TrafficSplit
from vertex_serving.provider.vertex import Transport, Vertex
from vertex_serving.provider.voice import EngineVoice

SCHEMA: Final = Path(__file__).parent.parent / "schema.json"

_log = logging.getLogger("vertex-serving")

Rpc = TypeVar("Rpc", bound=Callable[..., Any])

_KINDS: Final = {
    ("add", False): provider_pb2.PropertyDiff.ADD,
    ("add", True): provider_pb2.PropertyDiff.ADD_REPLACE,
    ("delete", False): provider_pb2.PropertyDiff.DELETE,
    ("delete", True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    ("update", False): provider_pb2.PropertyDiff.UPDATE,
    ("update", True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}


def spoken(rpc: Rpc) -> Rpc:
    """Make a method end with a sentence, or with partial state, whatever is raised in it; never with a traceback."""

    @functools.wraps(rpc)
    def guarded(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return rpc(self, request, context)
        except Failure as failure:
            context.abort(failure.grpc_status, str(failure))
        except Unfinished as unfinished:
            _abort_unfinished(context, unfinished)
        except Exception as error:  # noqa: BLE001 - the last line of defence: a person gets a sentence
            _log.exception("%s failed", rpc.__name__)
            context.abort(
                grpc.StatusCode.INTERNAL,
                f"A mistake inside the vertex-serving provider ({type(error).__name__} in {rpc.__name__}): {error}. "
                "Please report it; `pulumi up --logtostderr -v=9` shows where it is.",
            )

    return guarded  # type: ignore[return-value]


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """The provider.

    Args:
        transport: Sends the requests to Google.
        engine: Address of the engine, "" until `Attach` or `Handshake` tells it.
        environment: Where settings that the configuration lacks are looked for.
    """

    def __init__(self, transport: Transport, engine: str = "", environment: Mapping[str, str] = os.environ) -> None:
        self._transport = transport
        self._environment = environment
        self._voice = EngineVoice()
        self._voice.connect(engine)
        resources: tuple[Resource, ...] = (DeployedModel(), TrafficSplit(), PublisherModelConfig())
        self._resources = {one.token: one for one in resources}
        self._session = self._new_session(Settings())

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Say which kinds of values this provider takes: plain ones, secrets already opened by the engine."""
        self._voice.connect(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse()

    def Attach(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Learn the address of the engine."""
        self._voice.connect(request.address)
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Return the version."""
        return plugin_pb2.PluginInfo(version=json.loads(SCHEMA.read_text())["version"])

    @spoken
    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Return the package's schema, from which Pulumi's other languages know it."""
        if request.version not in (0, 1):
            raise Refused(f"There is no version {request.version} of the schema's format here; ask for 0 or 1.")
        return provider_pb2.GetSchemaResponse(schema=SCHEMA.read_text())

    @spoken
    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Check the provider's own configuration."""
        inputs, problems = check_config(wire.read(request.news))
        return _checked(inputs, problems)

    @spoken
    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Compare provider configuration: no change of it makes the resources unmanageable."""
        olds, news = wire.read(request.olds), wire.read(request.news)
        changed = [key for key in {**olds, **news} if olds.get(key) != news.get(key)]
        return _diff([Change(key, "update") for key in sorted(changed)], [])

    @spoken
    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Begin a run of Pulumi."""
        self._session = self._new_session(Settings.load(wire.read(request.args), self._environment))
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    @spoken
    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Check a resource's inputs."""
        resource = self._resource(request.urn)
        return _checked(*resource.check(self._session, request.urn, wire.read(request.news)))

    @spoken
    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Compare a resource's inputs with those in the state."""
        olds = wire.read(request.old_inputs) or wire.read(request.olds)
        changes = self._resource(request.urn).diff(olds, wire.read(request.news))
        stables = ["endpoint", "deployedModelId", "createTime"]
        return _diff(changes, stables)

    @spoken
    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Make a resource, or say at preview what it will be."""
        resource, inputs = self._resource(request.urn), wire.read(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=wire.write(resource.preview(inputs, None)))
        state = resource.create(self._session, self._task(request), inputs)
        return provider_pb2.CreateResponse(id=state.id, properties=wire.write(state.outputs))

    @spoken
    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Read a resource as it is; an empty answer says that it does not exist."""
        resource = self._resource(request.urn)
        olds, old_outputs = wire.read(request.inputs), wire.read(request.properties)
        state = resource.read(self._session, self._task(request), request.id, olds or old_outputs, old_outputs)
        if state is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=state.id, inputs=wire.write(state.inputs), properties=wire.write(state.outputs)
        )

    @spoken
    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Change a resource in place, or say at preview what it will be."""
        resource = self._resource(request.urn)
        old_outputs, inputs = wire.read(request.olds), wire.read(request.news)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=wire.write(resource.preview(inputs, old_outputs)))
        outputs = resource.update(self._session, self._task(request), request.id, old_outputs, inputs)
        return provider_pb2.UpdateResponse(properties=wire.write(outputs))

    @spoken
    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Take a resource away."""
        resource = self._resource(request.urn)
        resource.delete(self._session, self._task(request), request.id, wire.read(request.properties))
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        """End every call that is under way; what Google has begun goes on, and is joined by the next run."""
        self.cancel()
        return empty_pb2.Empty()

    def cancel(self) -> None:
        """End every call that is under way."""
        self._session.cancelled.set()

    def _new_session(self, settings: Settings) -> Session:
        return Session(settings, Vertex(settings.address, self._transport))

    def _task(self, request: Any) -> Task:
        return Task(request.urn, request.timeout, self._session.cancelled, self._voice)

    def _resource(self, urn: str) -> Resource:
        token = urn.split("::")[2].rpartition("$")[2] if urn.count("::") >= 3 else ""
        resource = self._resources.get(token)
        if resource is None:
            raise Refused(f"{token or urn!r} is not a resource of vertex-serving; {nearest(token, self._resources)}.")
        return resource


def _checked(inputs: wire.Properties, problems: list[Problem]) -> Any:
    failures = [provider_pb2.CheckFailure(property=one.path, reason=one.reason) for one in problems]
    return provider_pb2.CheckResponse(inputs=wire.write(inputs), failures=failures)


def _diff(changes: list[Change], stables: list[str]) -> Any:
    replaces = sorted({one.key for one in changes if one.replace})
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if changes else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=sorted({one.key for one in changes}),
        replaces=replaces,
        stables=[] if replaces else stables,
        detailedDiff={
            one.path: provider_pb2.PropertyDiff(kind=_KINDS[one.kind, one.replace], inputDiff=True) for one in changes
        },
        hasDetailedDiff=True,
    )


def _abort_unfinished(context: grpc.ServicerContext, unfinished: Unfinished) -> NoReturn:
    """End a call with ErrorResourceInitFailed: the engine keeps the state, and its next update resumes."""
    detail = provider_pb2.ErrorResourceInitFailed(
        id=unfinished.id,
        properties=wire.write(unfinished.properties),
        inputs=wire.write(unfinished.inputs or {}),
        reasons=[str(unfinished)],
    )
    status = status_pb2.Status(code=unfinished.grpc_status.value[0], message=str(unfinished))
    status.details.add().Pack(detail)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(unfinished.grpc_status, str(unfinished))
    raise AssertionError("abort always raises")
