"""A Pulumi provider that takes any resource as it is given, for programs that are only looked at."""

from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc


class Anything(provider_pb2_grpc.ResourceProviderServicer):
    """Remembers what was created, by type."""

    def __init__(self) -> None:
        self.created: list[str] = []

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.ProviderHandshakeResponse()

    def Attach(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        return plugin_pb2.PluginInfo(version="1.0.0")

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.DiffResponse()

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.ConfigureResponse(supportsPreview=True, acceptSecrets=True)

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        changed = request.old_inputs != request.news
        some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=some if changed else none)

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        if not request.preview:
            self.created.append(request.urn.split("::")[2].rpartition("$")[2])
        return provider_pb2.CreateResponse(id="" if request.preview else "made", properties=request.properties)

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.UpdateResponse(properties=request.news)


@contextmanager
def served(*packages: str) -> Iterator[tuple[Anything, dict[str, str]]]:
    """The provider for these packages, and the variable that attaches it."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    provider = Anything()
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield provider, {"PULUMI_DEBUG_PROVIDERS": ",".join(f"{package}:{port}" for package in packages)}
    finally:
        server.stop(0)
