"""Stand-ins for the pulumi-gcp and pulumi-kubernetes plugins, for where Pulumi cannot download those.

Each is a gRPC service that the engine attaches to through PULUMI_DEBUG_PROVIDERS. It takes the inputs that the plugin's
SDK sends and makes the REST calls that the plugin makes, over HTTP, as any client outside the sandbox. Behaviour was
learnt from terraform-provider-google (which pulumi-gcp bridges) and pulumi-kubernetes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent import futures

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from sandbox.standin import gcp, kubernetes

_CALLS_AT_ONCE = 64
_GRACE_SECONDS = 1.0
_LARGEST_MESSAGE = 400 * 1024 * 1024
_OPTIONS = (
    ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
    ("grpc.max_send_message_length", _LARGEST_MESSAGE),
    ("grpc.so_reuseport", 0),  # a free port must be ours alone
)


def serve(sandbox_url: str, environ: Mapping[str, str] | None = None) -> tuple[dict[str, int], Callable[[], None]]:
    """Starts both on free ports of 127.0.0.1.

    Args:
        sandbox_url: the sandbox, e.g. "http://127.0.0.1:8080"; nothing else is ever called.
        environ: the plugins' environment: GOOGLE_PROJECT, GOOGLE_REGION, GOOGLE_OAUTH_ACCESS_TOKEN, KUBECONFIG. What
            it lacks comes from the sandbox's metadata server, and a kubeconfig whose only context is "sandbox".

    Returns:
        the ports by package name, as PULUMI_DEBUG_PROVIDERS takes them, and a function that stops the servers.
    """
    servers, ports = [], {}
    for name, provider in (("gcp", gcp.provider), ("kubernetes", kubernetes.provider)):
        executor = futures.ThreadPoolExecutor(_CALLS_AT_ONCE, thread_name_prefix=f"standin-{name}")
        server = grpc.server(executor, options=_OPTIONS)
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider(sandbox_url, environ or {}), server)
        ports[name] = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)

    def stop() -> None:
        for stopped in [server.stop(_GRACE_SECONDS) for server in servers]:
            stopped.wait()

    return ports, stop
