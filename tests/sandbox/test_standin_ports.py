"""The addresses of the stand-ins."""

import socket

import pytest

from sandbox.testing import SandboxHandle
from tests.sandbox.plugin import running_plugins


def test_each_port_is_its_stand_ins_alone(sandbox: SandboxHandle) -> None:
    """gRPC shares its ports by default: two sandboxes on one machine could be given the same free one."""
    with running_plugins(sandbox) as ports:
        for port in ports.values():
            with socket.socket() as other:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                with pytest.raises(OSError, match="in use"):
                    other.bind(("127.0.0.1", port))
