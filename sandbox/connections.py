"""The TCP connections of the sandbox's clients, so that faults can break them."""

import asyncio
import socket
import struct
from typing import Any

from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

_PAUSE = 0.001


class Connections:
    """The open connections, by the addresses of both ends: a client may use one port of its own for two of ours."""

    def __init__(self) -> None:
        self._open: dict[Any, asyncio.Transport] = {}

    def protocol(self) -> type[H11Protocol]:
        """uvicorn's protocol class for a server whose connections are to be kept here."""
        opened = self._open

        class Watched(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                self.ends = (transport.get_extra_info("peername"), transport.get_extra_info("sockname"))
                opened[self.ends] = transport
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                opened.pop(self.ends, None)
                super().connection_lost(exc)

        return Watched

    async def reset(self, request: Request) -> None:
        """Ends the request's connection with a TCP reset, and returns when it is gone."""
        transport = self._of(request)
        if transport is not None:
            # Closing a socket that lingers for no time sends RST in place of FIN.
            linger = struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            transport.abort()
        await self._gone(request)

    async def close(self, request: Request) -> None:
        """Ends the request's connection once all that was written has been sent, and returns when it is gone."""
        transport = self._of(request)
        if transport is not None:
            transport.close()
        await self._gone(request)

    def _of(self, request: Request) -> asyncio.Transport | None:
        return self._open.get((tuple(request.client), tuple(request.scope["server"]))) if request.client else None

    async def _gone(self, request: Request) -> None:
        while self._of(request) is not None:
            await asyncio.sleep(_PAUSE)
