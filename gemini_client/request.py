"""One call as the caller made it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from google.genai import types

from gemini_client.config import Config, merged


@dataclass(slots=True)
class Request:
    """What to ask, the same for every route.

    Attributes:
        contents: as google-genai takes them; for own models a mapping is the body itself.
        config: the merged generation config.
        stream: whether the answer comes in pieces.
        functions_called: whether google-genai has called functions, or tools of an MCP server, for the model. After
            that the call is not repeated, since they may have done something.
        left: seconds until the deadline of the call.
    """

    contents: Any = field(repr=False)
    config: types.GenerateContentConfig = field(repr=False)
    stream: bool
    functions_called: bool = False
    left: Callable[[], float] = field(default=lambda: math.inf, repr=False)

    @property
    def runs_functions(self) -> bool:
        """Whether google-genai may call functions or MCP tools, and the model several times, before it answers."""
        return any(not isinstance(tool, types.Tool) for tool in self.config.tools or [])


def request(contents: Any, config: Config, *, stream: bool) -> Request:
    """A request with the defaults filled in.

    Raises:
        ConfigurationError: the config is none of google-genai's.
    """
    return Request(contents, merged(config), stream)
