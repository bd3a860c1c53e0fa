"""What a stand-in knows of one resource type; everything else about a provider is in servicer.py."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

from sandbox.standin import fields
from sandbox.standin.fields import is_empty
from sandbox.standin.values import Props

Cloud = TypeVar("Cloud")


class Resource(ABC, Generic[Cloud]):
    """One resource type. Its methods raise RestError, in words for a person, when the service refuses.

    Attributes:
        fields: the inputs.
        outputs: properties that only the service knows: unknown while a creation is previewed.
        named_by: the input that the provider would have made a name up for. A replacement that keeps a name which the
            program chose must delete first, since two things cannot share it.
        delete_before_replace: always delete first.
    """

    fields: fields.Fields = {}
    outputs: tuple[str, ...] = ()
    named_by: str = ""
    delete_before_replace: bool = False

    def check(self, cloud: Cloud, inputs: Props) -> list[tuple[str, str]]:
        """Mistakes in inputs, as (property, reason); unknowns are given the benefit of the doubt."""
        return []

    def with_name(self, inputs: Props, old: Props, proposed: str) -> Props:
        """The inputs with the old or the proposed name where the program chose none."""
        if not self.named_by or inputs.get(self.named_by):
            return inputs
        return {**inputs, self.named_by: old.get(self.named_by) or proposed}

    def diff(self, old: Props, new: Props, old_inputs: Props) -> dict[str, str]:
        """Property path -> name of the PropertyDiff kind, from the state to the new inputs."""
        return fields.diff(self.fields, old, new)

    def replacing(self, cloud: Cloud) -> tuple[str, ...]:
        """Inputs (top-level names) that cannot change in place because of how the provider is configured."""
        return ()

    def planned(self, cloud: Cloud, inputs: Props) -> Props:
        """Properties beyond the inputs that are known before anything exists."""
        return {}

    @abstractmethod
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        """Makes it, waits for it (at most ``timeout`` seconds) and returns its id."""

    @abstractmethod
    def read(self, cloud: Cloud, resource_id: str, state: Props) -> Props | None:
        """The live properties, or None when it is gone. ``state`` has what only the provider remembers."""

    @abstractmethod
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        """Brings the ``changed`` inputs (top-level names) to the service."""

    @abstractmethod
    def delete(self, cloud: Cloud, resource_id: str, state: Props, timeout: float) -> None:
        """Removes it and waits; that it is already gone is no error."""

    def locate(self, cloud: Cloud, import_id: str) -> tuple[str, Props]:
        """The id, and the properties that can be read off it, of what a person imports."""
        return import_id, {}

    def inputs_of(self, state: Props, old_inputs: Props | None) -> Props:
        """The inputs that would give ``state``: those in ``old_inputs`` at a refresh, all that are set at an import."""
        if old_inputs is None:
            told = {k for k, f in self.fields.items() if not (is_empty(state.get(k)) and is_empty(f.default))}
            return {k: state[k] for k in self.fields if k in told and k != "deletionPolicy"}
        return {k: _shaped(v, state.get(k)) for k, v in old_inputs.items()}


def _shaped(old: Any, live: Any) -> Any:
    if isinstance(old, dict) and isinstance(live, dict):
        return {k: _shaped(v, live.get(k)) for k, v in old.items()}
    if isinstance(old, list) and isinstance(live, list):
        return [_shaped(old[i], v) if i < len(old) else v for i, v in enumerate(live)]
    return old if is_empty(old) and is_empty(live) else live
