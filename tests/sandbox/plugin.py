"""A stand-in provider as the engine drives it, over gRPC, for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import grpc
from google.protobuf import struct_pb2
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import provider_pb2_grpc

from sandbox import standin
from sandbox.standin.values import UNKNOWN, from_struct, to_struct
from sandbox.testing import SandboxHandle

__all__ = ["UNKNOWN", "Made", "Plugin", "Props", "running_plugins"]

Props = dict[str, Any]


@dataclass
class Made:
    """A resource as the engine's state has it."""

    token: str
    id: str
    inputs: Props
    state: Props


class Plugin:
    """One provider instance: a connection of its own, configured."""

    def __init__(self, port: int, config: Props | None = None) -> None:
        # Python would share one connection between channels; the engine, in Go, does not.
        own = [("grpc.use_local_subchannel_pool", 1)]
        channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=own)
        self.stub: Any = provider_pb2_grpc.ResourceProviderStub(channel)
        self.stub.Configure(pb.ConfigureRequest(args=to_struct(config or {})))

    def check(self, token: str, inputs: Props, old: Props | None = None) -> tuple[Props, list[tuple[str, str]]]:
        """The checked inputs, and the failures as (property, reason)."""
        request = pb.CheckRequest(
            **_about(token), news=to_struct(inputs), olds=to_struct(old or {}), randomSeed=b"\x12\x34\x56\x78"
        )
        answer = self.stub.Check(request)
        return from_struct(answer.inputs), [(f.property, f.reason) for f in answer.failures]

    def preview(self, token: str, inputs: Props) -> Props:
        """The outputs that a preview of the creation shows."""
        request = pb.CreateRequest(**_about(token), properties=to_struct(inputs), preview=True)
        return from_struct(self.stub.Create(request).properties)

    def create(self, token: str, inputs: Props, timeout: float = 0) -> Made:
        """Checks and creates, as an update does. AssertionError when the check fails."""
        checked, failures = self.check(token, inputs)
        assert not failures
        answer = self.stub.Create(pb.CreateRequest(**_about(token), properties=to_struct(checked), timeout=timeout))
        return Made(token, answer.id, checked, from_struct(answer.properties))

    def diff(self, made: Made, inputs: Props) -> Any:
        """The DiffResponse."""
        return self.stub.Diff(
            pb.DiffRequest(
                **_about(made.token),
                id=made.id,
                olds=to_struct(made.state),
                old_inputs=to_struct(made.inputs),
                news=to_struct(inputs),
            )
        )

    def changes(self, made: Made, inputs: Props) -> dict[str, str]:
        """The detailed diff: path -> kind."""
        detailed = self.diff(made, inputs).detailedDiff
        return {path: pb.PropertyDiff.Kind.Name(change.kind) for path, change in detailed.items()}

    def update(self, made: Made, inputs: Props, *, preview: bool = False) -> Made:
        """The resource after the update."""
        request = pb.UpdateRequest(
            **_about(made.token),
            id=made.id,
            olds=to_struct(made.state),
            old_inputs=to_struct(made.inputs),
            news=to_struct(inputs),
            preview=preview,
        )
        return Made(made.token, made.id, inputs, from_struct(self.stub.Update(request).properties))

    def refresh(self, made: Made) -> Made | None:
        """The resource as it is now, or None when it is gone."""
        return self._read(made.token, made.id, to_struct(made.state), to_struct(made.inputs))

    def imported(self, token: str, import_id: str) -> Made | None:
        """The resource that an import id leads to, or None."""
        return self._read(token, import_id, None, None)

    def delete(self, made: Made) -> None:
        """Deletes it."""
        self.stub.Delete(pb.DeleteRequest(**_about(made.token), id=made.id, properties=to_struct(made.state)))

    def invoke(self, token: str, args: Props) -> Props:
        """A function's result."""
        answer = self.stub.Invoke(pb.InvokeRequest(tok=token, args=to_struct(args)))
        return from_struct(getattr(answer, "return"))

    def _read(
        self, token: str, resource_id: str, state: struct_pb2.Struct | None, inputs: struct_pb2.Struct | None
    ) -> Made | None:
        answer = self.stub.Read(pb.ReadRequest(**_about(token), id=resource_id, properties=state, inputs=inputs))
        if not answer.id:
            return None
        return Made(token, answer.id, from_struct(answer.inputs), from_struct(answer.properties))


@contextmanager
def running_plugins(sandbox: SandboxHandle) -> Iterator[dict[str, int]]:
    """Both stand-ins on ports of their own, as `sandbox run` starts them."""
    ports, stop = standin.serve(sandbox.url, sandbox.env)
    try:
        yield ports
    finally:
        stop()


def error_of(call: Any, *args: Any) -> str:
    """What a call says when it fails. AssertionError when it does not."""
    try:
        answer = call(*args)
    except grpc.RpcError as error:
        return cast(str, cast(Any, error).details())
    raise AssertionError(f"no error, but {answer}")


def _about(token: str) -> Any:
    return {"urn": f"urn:pulumi:dev::project::{token}::thing", "name": "thing", "type": token}
