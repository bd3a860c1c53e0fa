"""Waiting for long-running operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from vertex_serving.provider.failures import ApiError
from vertex_serving.provider.session import Session
from vertex_serving.provider.task import Task, in_words
from vertex_serving.provider.vertex import Json, operation_error

_STAGES: Final = {
    "STARTING_DEPLOYMENT": "starting the deployment",
    "PREPARING_MODEL": "preparing the model",
    "CREATING_SERVING_CLUSTER": "creating the serving cluster",
    "ADDING_NODES_TO_CLUSTER": "adding nodes",
    "GETTING_CONTAINER_IMAGE": "getting the container image",
    "STARTING_MODEL_SERVER": "starting the model server",
    "FINISHING_UP": "finishing up",
}

_SHORTEST_POLL: Final = 0.25
_LONGEST_POLL: Final = 10.0
_SHORTEST_PAUSE: Final = 0.1
_REFUSALS: Final = 6
"""How often a change may be refused as untimely with nothing under way on the endpoint, before that is an error."""


def finish(
    session: Session,
    task: Task,
    operation: Json,
    doing: str,
    detail: Callable[[], str] | None = None,
    *,
    beta: bool = False,
) -> Json:
    """Poll an operation until it is done and return it.

    Args:
        session: This run.
        task: The call that waits.
        operation: The Operation as it was answered.
        doing: What goes on, for the display: `deploying gemini-flash`.
        detail: Returns more to show, like the replicas that are up; asked seldom.
        beta: Whether a method of v1beta1 started it.

    Raises:
        ApiError: The operation failed.
        Cancelled, TimedOut: The wait ended first; the operation goes on.
    """
    began, asked, more = task.elapsed, task.elapsed, ""
    while not operation.get("done"):
        waited = task.elapsed - began
        if detail and task.elapsed - asked >= _LONGEST_POLL:
            asked, more = task.elapsed, detail()
        parts = [doing, stage(operation), more, f"{in_words(waited)} so far"]
        task.status(", ".join(part for part in parts if part))
        task.pause(min(max(waited / 10, _SHORTEST_POLL), _LONGEST_POLL))
        operation = session.vertex.operation(task, operation["name"], beta=beta)
    error = operation_error(operation)
    if error:
        raise error
    return operation


def running(session: Session, task: Task, endpoint: str) -> list[Json]:
    """Return the endpoint's operations that are not done."""
    try:
        return session.vertex.running_operations(task, endpoint)
    except ApiError as error:
        if error.gone or error.status == "UNIMPLEMENTED":
            return []
        raise


def left_by_others(session: Session, task: Task, endpoint: str, kind: str = "") -> list[Json]:
    """Return the endpoint's operations that are under way and that this run did not start.

    An earlier run that was killed leaves its operation behind, and nothing in it names the deployed model.

    Args:
        session: This run.
        task: The call that asks.
        endpoint: Full name of the endpoint.
        kind: Part of the type of the operation's metadata, like `UndeployModel`; "" for operations of any kind.
    """
    return [
        operation
        for operation in running(session, task, endpoint)
        if operation["name"] not in session.started and kind in operation.get("metadata", {}).get("@type", kind)
    ]


def join(session: Session, task: Task, operations: list[Json]) -> None:
    """Wait for operations that others started; how they end does not matter here."""
    for operation in operations:
        _wait_out(session, task, operation, "waiting for an operation that was already under way on the endpoint")


class Patience:
    """Decides whether a refused change is worth another try, and waits until then.

    Google refuses changes on an endpoint while others are under way there. It says no better than FAILED_PRECONDITION
    or ABORTED, words that also stand for refusals that last. So: while something is under way, wait for it; with
    nothing under way, try some more times and then believe it.
    """

    def __init__(self, session: Session, task: Task, endpoint: str) -> None:
        self._session = session
        self._task = task
        self._endpoint = endpoint
        self._refusals = 0

    def wait(self, error: ApiError) -> None:
        """Return when the change may be tried again.

        Raises:
            ApiError: The same error, when waiting cannot mend it.
        """
        if not error.busy:
            raise error
        under_way = running(self._session, self._task, self._endpoint)
        if under_way:
            _wait_out(self._session, self._task, under_way[0], "waiting until the endpoint takes changes again")
            return
        self._refusals += 1
        if self._refusals >= _REFUSALS:
            raise error
        self._task.pause(_SHORTEST_PAUSE * 2**self._refusals)


def stage(operation: dict[str, Any]) -> str:
    """Return how far an operation is, in words, or ""."""
    return _STAGES.get(operation.get("metadata", {}).get("deploymentStage", ""), "")


def _wait_out(session: Session, task: Task, operation: Json, doing: str) -> None:
    try:
        finish(session, task, operation, doing)
    except ApiError as error:
        if error.http and not error.gone:
            raise
