"""Where the routes come from: fixed ones, or a file that is read again when it changes."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from gemini_client import routes
from gemini_client.errors import ConfigurationError
from gemini_client.routes import Routes
from gemini_client.timing import Timing

log = logging.getLogger("gemini_client")


class RouteSource(Protocol):
    """Knows the routes of now."""

    def current(self) -> Routes:
        """The routes.

        Raises:
            ConfigurationError: there never were good ones.
        """


class FixedRoutes:
    """Routes that never change."""

    def __init__(self, fixed: Routes) -> None:
        self._fixed = fixed

    def current(self) -> Routes:
        """Always the same."""
        return self._fixed


class RoutesFile:
    """Routes of a file, as Kubernetes mounts it from a ConfigMap: a symbolic link that is swapped on every change.

    It is looked at when a call comes and the last look is `every` seconds ago, by one `stat`; no thread watches it. A
    file that became bad is logged once, and the last good routes stay.

    Args:
        path: of the file.
        timing: the clock.
        every: seconds between two looks, at least.
        changed: told of new routes and of files that are bad, with a sentence.
    """

    def __init__(self, path: Path, timing: Timing, every: float, changed: Callable[[str, bool], None]) -> None:
        self.path, self._timing, self._every, self._changed = path, timing, every, changed
        self._known: Routes | None = None
        self._seen: tuple[int, ...] | None = None
        self._looked = -float("inf")
        self.mistake = ""

    def current(self) -> Routes:
        """The routes of the file as it is, or was when it was last good."""
        now = self._timing.now()
        if self._known is None or now - self._looked >= self._every:
            self._looked = now
            self._look()
        if self._known is None:
            raise ConfigurationError(self.mistake)
        return self._known

    def _look(self) -> None:
        try:
            stat = self.path.stat()
            seen = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
            if seen == self._seen:
                return
            found = routes.parse(self.path.read_text(encoding="utf-8"), str(self.path))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror or str(error) if isinstance(error, OSError) else "not UTF-8"
            self._bad(f"The routes file {self.path} cannot be read: {reason}. Is the ConfigMap mounted?", None)
        except ConfigurationError as error:
            self._bad(str(error), seen)
        else:
            first, self._seen, self.mistake = self._known is None, seen, ""
            if found != self._known:
                self._known = found
                if not first:
                    weights = ", ".join(f"{route.name} {route.weight:g} %" for route in found.routes)
                    self._changed(f"The routes of {self.path} changed: {weights}.", True)

    def _bad(self, sentence: str, seen: tuple[int, ...] | None) -> None:
        self._seen = seen
        if self._known is not None and sentence != self.mistake:
            self._changed(f"{sentence} The routes of before stay in use.", False)
        self.mistake = sentence
