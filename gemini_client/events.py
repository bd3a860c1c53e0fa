"""What happens beside a call: told to logs, to metrics and to a hook of the application's."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

log = logging.getLogger("gemini_client")

Kind = Literal["retry", "breaker", "fallback", "routes", "key", "interrupted"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth counting. No event carries a prompt, an answer or a key, nor what a server said.

    Attributes:
        kind: "retry" (a route is asked again), "breaker" (changed its state), "fallback" (the next route is tried),
            "routes" (the file changed, or is bad), "key" (of the Developer API: it cannot be read), "interrupted"
            (a stream broke off after text had been given out).
        message: a sentence.
        route: name of the route, "" where none is meant.
        state: of a breaker: "closed", "opened" or "half-opened".
        to: of a fallback: the route that is tried next.
        code: HTTP status behind it, 0 where there is none.
        wait: of a retry: seconds until then.
        level: of the log record, as logging numbers it.
    """

    kind: Kind
    message: str
    route: str = ""
    state: str = ""
    to: str = ""
    code: int = 0
    wait: float = 0.0
    level: int = logging.INFO


Hook = Callable[[Event], None]


class Events:
    """Passes events on: a log record with `extra` fields, then each hook. A hook that fails is logged, no more."""

    def __init__(self, *hooks: Hook) -> None:
        self._hooks = list(hooks)

    def add(self, hook: Hook) -> None:
        """One more to tell."""
        self._hooks.append(hook)

    def emit(self, event: Event) -> None:
        """Tells everyone."""
        extra = {
            "gemini_event": event.kind,
            "gemini_route": event.route,
            "gemini_state": event.state,
            "gemini_to": event.to,
            "gemini_code": event.code,
            "gemini_wait": event.wait,
        }
        log.log(event.level, event.message, extra=extra)
        for hook in self._hooks:
            try:
                hook(event)
            except Exception:
                log.exception("A hook for events failed.")
