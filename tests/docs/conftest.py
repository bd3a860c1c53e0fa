"""A prod stack in a sandbox, for whoever follows a page."""

from tests.engine.conftest import make_stack

__all__ = ["make_stack"]
