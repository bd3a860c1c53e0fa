"""What the provider remembers between two calls of `Configure`, that is during one run of Pulumi."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from vertex_serving.provider.settings import Settings
from vertex_serving.provider.vertex import Vertex


@dataclass
class Session:
    """One run of Pulumi.

    Attributes:
        settings: The provider's configuration.
        vertex: The API.
        cancelled: Set when the engine asks for an end.
        started: Names of the operations that this run started; any other one is an earlier run's, or someone else's.
    """

    settings: Settings
    vertex: Vertex
    cancelled: threading.Event = field(default_factory=threading.Event)
    started: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turns: dict[str, threading.Lock] = field(default_factory=dict)
    _declared: dict[str, str] = field(default_factory=dict)
    _made: dict[str, str] = field(default_factory=dict)

    def turn(self, endpoint: str) -> threading.Lock:
        """Return the lock under which this run asks an endpoint for changes: one at a time until it is accepted."""
        with self._lock:
            return self._turns.setdefault(endpoint, threading.Lock())

    def declare(self, id_: str, urn: str) -> str:
        """Note that a resource of the program has this id; return the URN of another one that has it too, or ""."""
        with self._lock:
            other = self._declared.setdefault(id_, urn)
            return "" if other == urn else other

    def make(self, id_: str, urn: str) -> None:
        """Note that this run made, or adopted, what the id names."""
        with self._lock:
            self._made[id_] = urn

    def made(self, id_: str) -> bool:
        """Say whether this run made or adopted what the id names, so that deleting it would take away the new one."""
        with self._lock:
            return id_ in self._made
