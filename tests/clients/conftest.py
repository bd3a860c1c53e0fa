"""The fixtures that lead real clients to a sandbox: one for all tests of a worker, new again for each of them."""

from tests.sandbox.conftest import sandbox, shared_sandbox, vertex

__all__ = ["sandbox", "shared_sandbox", "vertex"]
