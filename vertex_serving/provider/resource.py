"""What every resource of this provider can do. The servicer knows resources only by this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vertex_serving.provider.diffs import Change
from vertex_serving.provider.fields import Problem
from vertex_serving.provider.session import Session
from vertex_serving.provider.task import Task
from vertex_serving.provider.wire import Properties


@dataclass(frozen=True)
class State:
    """A resource as it is: its Pulumi id, the inputs that would make it so, and its outputs."""

    id: str
    inputs: Properties
    outputs: Properties


class Resource(Protocol):
    """One kind of resource. Inputs are checked ones everywhere but in `check`."""

    token: str

    def check(self, session: Session, urn: str, news: Properties) -> tuple[Properties, list[Problem]]:
        """Return the inputs with their defaults, and every mistake in them. Calls nobody."""

    def diff(self, olds: Properties, news: Properties) -> list[Change]:
        """Return what differs between the inputs of the state and those of the program. Calls nobody."""

    def preview(self, news: Properties, old_outputs: Properties | None) -> Properties:
        """Return the outputs as far as they are known before anything is done. Calls nobody."""

    def create(self, session: Session, task: Task, inputs: Properties) -> State:
        """Make the resource, or adopt what is already there.

        Raises:
            Failure: It was not made.
            Unfinished: It was, or may have been, begun; `update` goes on from there.
        """

    def update(self, session: Session, task: Task, id_: str, old_outputs: Properties, inputs: Properties) -> Properties:
        """Bring the resource to its inputs, whatever state it is in, and return its outputs; raises like `create`."""

    def read(self, session: Session, task: Task, id_: str, olds: Properties, old_outputs: Properties) -> State | None:
        """Return the resource as it is, or None where Google says that it does not exist.

        Raises:
            Failure: It could not be seen: that says nothing about whether it exists.
            Unfinished: It is still on its way.
        """

    def delete(self, session: Session, task: Task, id_: str, outputs: Properties) -> None:
        """Take the resource away; one that is gone already is fine.

        Raises:
            Failure: It is still there, or going; the next run of Pulumi tries again.
        """
