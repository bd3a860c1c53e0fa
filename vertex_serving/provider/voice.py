"""Pulumi's display: messages go to the engine's log service, on the line of their resource."""

from __future__ import annotations

import contextlib
import threading
from typing import Final

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

_PATIENCE: Final = 5.0


class EngineVoice:
    """Sends messages to the engine once its address is known; a message that cannot be sent is let go."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._address = ""
        self._engine: engine_pb2_grpc.EngineStub | None = None

    def connect(self, address: str) -> None:
        """Talk to the engine at `host:port` from now on."""
        with self._lock:
            if address and address != self._address:
                self._address = address
                self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))

    def status(self, urn: str, message: str) -> None:
        """Show a line that the next one replaces."""
        self._log(engine_pb2.INFO, urn, message, ephemeral=True)

    def warn(self, urn: str, message: str) -> None:
        """Show a warning that stays."""
        self._log(engine_pb2.WARNING, urn, message, ephemeral=False)

    def _log(self, severity: engine_pb2.LogSeverity.ValueType, urn: str, message: str, ephemeral: bool) -> None:
        if self._engine is None:
            return
        request = engine_pb2.LogRequest(severity=severity, urn=urn, message=message, ephemeral=ephemeral)
        with contextlib.suppress(grpc.RpcError):
            self._engine.Log(request, timeout=_PATIENCE)
