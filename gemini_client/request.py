"""One call as the caller made it."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from google.genai import types

from gemini_client.config import Config, merged


@dataclass(slots=True)
class Request:
    """What to ask, the same for every route.

    Attributes:
        contents: as google-genai takes them; for own models a mapping is the body itself.
        config: the merged generation config.
        stream: whether the answer comes in pieces.
        functions_called: names of the caller's functions that google-genai has called for the model. After that
            the call is not repeated, since a function may have done something.
    """

    contents: Any = field(repr=False)
    config: types.GenerateContentConfig = field(repr=False)
    stream: bool
    functions_called: list[str] = field(default_factory=list)

    @property
    def runs_functions(self) -> bool:
        """Whether google-genai may call functions of the caller's, and the model several times, before it answers."""
        return any(_is_function(tool) for tool in self.config.tools or [])


def request(contents: Any, config: Config, *, stream: bool) -> Request:
    """A request with the defaults filled in.

    Raises:
        ConfigurationError: the config is none of google-genai's.
    """
    made = Request(contents, merged(config), stream)
    if made.config.tools:
        tools = [_watched(tool, made.functions_called) if _is_function(tool) else tool for tool in made.config.tools]
        made.config.tools = tools
    return made


def _is_function(tool: Any) -> TypeGuard[Callable[..., Any]]:
    return inspect.isfunction(tool) or inspect.ismethod(tool)


def _watched(function: Callable[..., Any], called: list[str]) -> Callable[..., Any]:
    """The function, noting that it was called; google-genai reads its signature through `__wrapped__`."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def noted(*args: Any, **kwargs: Any) -> Any:
            called.append(function.__name__)
            return await function(*args, **kwargs)

        return noted

    @functools.wraps(function)
    def noted_plainly(*args: Any, **kwargs: Any) -> Any:
        called.append(function.__name__)
        return function(*args, **kwargs)

    return noted_plainly
