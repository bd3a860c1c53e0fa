"""The engine's side of the provider: a gRPC client that asks as the engine asks, and the engine's log service."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
import requests
from google.protobuf import empty_pb2
from google.rpc import status_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import (
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
)

from sandbox.testing import SandboxHandle, running_sandbox
from vertex_serving.provider import wire
from vertex_serving.provider.servicer import Servicer
from vertex_serving.provider.transport import GoogleTransport

PROJECT = "sandbox-project"
REGION = "us-central1"
ENDPOINT = f"projects/{PROJECT}/locations/{REGION}/endpoints/12345678"
MODEL = f"projects/{PROJECT}/locations/{REGION}/models/own-assistant"
TUNED = MODEL.replace("own-assistant", "tuned-gemini")
DEPLOYED_MODEL = "vertex-serving:index:DeployedModel"
TRAFFIC_SPLIT = "vertex-serving:index:TrafficSplit"
PUBLISHER_MODEL_CONFIG = "vertex-serving:index:PublisherModelConfig"
TABLE = f"bq://{PROJECT}.requests.flash"


def urn(token: str, name: str) -> str:
    """Return the URN of a resource in the tests' stack."""
    return f"urn:pulumi:test::gemini-vertex::{token}::{name}"


def model_inputs(**changes: Any) -> dict[str, Any]:
    """Return the inputs of a small deployment, with changes; a change to None takes the key away."""
    inputs = {
        "endpoint": ENDPOINT,
        "model": MODEL,
        "displayName": "flash",
        "machineType": "n1-standard-4",
        "minReplicaCount": 1,
        "maxReplicaCount": 2,
    } | changes
    return {key: value for key, value in inputs.items() if value is not None}


def tuned_inputs(**changes: Any) -> dict[str, Any]:
    """Return the inputs of a tuned Gemini, which has no machines of its own, with changes."""
    return {"endpoint": ENDPOINT, "model": TUNED, "displayName": "tuned"} | changes


def config_inputs(**changes: Any) -> dict[str, Any]:
    """Return the inputs of the log of a Gemini model's requests, with changes of `logging` or beside it."""
    logging = {"enabled": True, "samplingRate": 0.1, "bigqueryDestination": TABLE}
    beside = {key: value for key, value in changes.items() if key not in logging}
    logging |= {key: value for key, value in changes.items() if key in logging}
    return {"project": PROJECT, "region": REGION, "model": "gemini-3.5-flash", "logging": logging} | beside


class Failed(Exception):  # noqa: N818 - what the engine would see
    """A call that the provider ended with an error."""

    def __init__(self, error: Any) -> None:
        super().__init__(error.details())
        self.code: grpc.StatusCode = error.code()
        self.message: str = error.details()
        self.partial: Any = None
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                for detail in status_pb2.Status.FromString(value).details:
                    partial = provider_pb2.ErrorResourceInitFailed()
                    if detail.Unpack(partial):
                        self.partial = partial


@dataclass
class Log(engine_pb2_grpc.EngineServicer):
    """The engine's log service: keeps every message."""

    messages: list[Any] = field(default_factory=list)

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC names it
        self.messages.append(request)
        return empty_pb2.Empty()

    def texts(self, ephemeral: bool) -> list[str]:
        return [one.message for one in self.messages if one.ephemeral == ephemeral]


class Engine:
    """Asks a provider as the engine does.

    Args:
        address: Where the provider listens.
        log: The log service that the provider talks to.
    """

    def __init__(self, address: str, log: Log, log_address: str) -> None:
        self.log = log
        self._channel = grpc.insecure_channel(address)
        self._stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        self._threads = ThreadPoolExecutor(max_workers=8)
        self.call("Handshake", provider_pb2.ProviderHandshakeRequest(engine_address=log_address))
        self.configure()

    def close(self) -> None:
        self._threads.shutdown(wait=False)
        self._channel.close()

    def call(self, method: str, request: Any) -> Any:
        """Call a method; an error is raised as Failed."""
        try:
            return getattr(self._stub, method)(request, timeout=60)
        except grpc.RpcError as error:
            raise Failed(error) from None

    def background(self, method: Any, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call one of the methods below without waiting for it."""
        return self._threads.submit(method, *args, **kwargs)

    def configure(self, **config: Any) -> None:
        """Begin a new run."""
        self.call("Configure", provider_pb2.ConfigureRequest(args=wire.write(config)))

    def attach(self, address: str) -> None:
        self.call("Attach", plugin_pb2.PluginAttach(address=address))

    def check(self, token: str, name: str, news: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the checked inputs, and the reason by property of what is wrong."""
        answer = self.call("Check", provider_pb2.CheckRequest(urn=urn(token, name), news=wire.write(news)))
        return wire.read(answer.inputs), {one.property: one.reason for one in answer.failures}

    def checked(self, token: str, name: str, news: Mapping[str, Any]) -> dict[str, Any]:
        """Return the checked inputs of what must be right."""
        inputs, failures = self.check(token, name, news)
        assert failures == {}
        return inputs

    def diff(self, token: str, name: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> Any:
        """Return the DiffResponse for two sets of inputs."""
        request = provider_pb2.DiffRequest(
            id="id", urn=urn(token, name), old_inputs=wire.write(olds), olds=wire.write(olds), news=wire.write(news)
        )
        return self.call("Diff", request)

    def create(
        self, token: str, name: str, news: Mapping[str, Any], timeout: float = 0, preview: bool = False
    ) -> tuple[str, dict[str, Any]]:
        """Check and create; return the id and the outputs."""
        inputs = self.checked(token, name, news)
        request = provider_pb2.CreateRequest(
            urn=urn(token, name), properties=wire.write(inputs), timeout=timeout, preview=preview
        )
        answer = self.call("Create", request)
        return answer.id, wire.read(answer.properties)

    def update(
        self,
        token: str,
        name: str,
        id_: str,
        olds: Mapping[str, Any],
        news: Mapping[str, Any],
        timeout: float = 0,
        preview: bool = False,
    ) -> dict[str, Any]:
        """Check and update; return the outputs."""
        request = provider_pb2.UpdateRequest(
            id=id_,
            urn=urn(token, name),
            olds=wire.write(olds),
            news=wire.write(self.checked(token, name, news)),
            timeout=timeout,
            preview=preview,
        )
        return wire.read(self.call("Update", request).properties)

    def read(
        self, token: str, name: str, id_: str, inputs: Mapping[str, Any] = {}, outputs: Mapping[str, Any] = {}
    ) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """Return the id ("" for gone), the inputs and the outputs of a resource as it is."""
        request = provider_pb2.ReadRequest(
            id=id_, urn=urn(token, name), inputs=wire.write(inputs), properties=wire.write(outputs)
        )
        answer = self.call("Read", request)
        return answer.id, wire.read(answer.inputs), wire.read(answer.properties)

    def delete(self, token: str, name: str, id_: str, outputs: Mapping[str, Any], timeout: float = 0) -> None:
        """Delete a resource."""
        request = provider_pb2.DeleteRequest(
            id=id_, urn=urn(token, name), properties=wire.write(outputs), timeout=timeout
        )
        self.call("Delete", request)

    def cancel(self) -> None:
        self.call("Cancel", empty_pb2.Empty())


@contextlib.contextmanager
def log_service() -> Iterator[tuple[Log, str]]:
    """The engine's log service on loopback, and its address."""
    log = Log()
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    engine_pb2_grpc.add_EngineServicer_to_server(log, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield log, f"127.0.0.1:{port}"
    finally:
        server.stop(None)


@contextlib.contextmanager
def serving(transport: Any, environment: Mapping[str, str]) -> Iterator[Engine]:
    """A provider on loopback, in this process, and an engine that is connected to it."""
    server = grpc.server(ThreadPoolExecutor(max_workers=16))
    servicer = Servicer(transport, environment=environment)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with log_service() as (log, address):
            engine = Engine(f"127.0.0.1:{port}", log, address)
            try:
                yield engine
            finally:
                servicer.cancel()
                engine.close()
    finally:
        server.stop(5).wait()


class World:
    """A sandbox with one endpoint, and providers that talk to it."""

    def __init__(self, sandbox: SandboxHandle) -> None:
        self.sandbox = sandbox
        self._stack = contextlib.ExitStack()
        sandbox.enable("aiplatform")
        self.make_endpoint()

    def make_endpoint(self, id_: str = "12345678", **fields: Any) -> str:
        parent = f"projects/{PROJECT}/locations/{REGION}"
        body = {"displayName": "prod"} | fields
        self.post("aiplatform", f"v1/{parent}/endpoints?endpointId={id_}", body)
        return f"{parent}/endpoints/{id_}"

    def post(self, service: str, path: str, body: Any, method: str = "POST") -> Any:
        """Call Google's API by hand."""
        answer = requests.request(
            method, self.sandbox.api(service, path), json=body, headers=self.sandbox.headers, timeout=30
        )
        answer.raise_for_status()
        return answer.json()

    def get(self, path: str) -> Any:
        answer = requests.get(self.sandbox.api("aiplatform", f"v1/{path}"), headers=self.sandbox.headers, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def endpoint(self) -> Any:
        return self.get(ENDPOINT)

    def deployed(self) -> dict[str, Any]:
        """Return the deployed models of the endpoint by id."""
        return {one["id"]: one for one in self.endpoint().get("deployedModels", [])}

    def called(self, since: int = 0) -> list[str]:
        """Return the methods that changed something, by their last two words, in their order."""
        calls = self.sandbox.calls(since=since, mutating=True)
        return [".".join(str(call["method"]).split(".")[-2:]) for call in calls]

    def engine(self, transport: Any = None) -> Engine:
        """Return an engine with a provider process' worth of memory of its own: a new run of Pulumi."""
        environment = self.sandbox.env
        return self._stack.enter_context(serving(transport or GoogleTransport(environment), environment))

    def skip(self, seconds: float) -> None:
        """Move the sandbox's clock on: what comes due in that time is done."""
        now = time.time
        setattr(self.sandbox.sandbox.clock, "now", lambda: now() + seconds)  # noqa: B010 - a method, to mypy

    def close(self) -> None:
        self._stack.close()


@contextlib.contextmanager
def world(**settings: Any) -> Iterator[World]:
    """A World for the length of a block."""
    with running_sandbox(**settings) as sandbox:
        made = World(sandbox)
        try:
            yield made
        finally:
            made.close()


def eventually(holds: Any, seconds: float = 20.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        pause.wait(0.02)
