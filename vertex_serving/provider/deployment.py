"""Bringing one deployed model up, to its settings, and down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from vertex_serving.provider import deployed_model_inputs as inputs_of
from vertex_serving.provider.failures import (
    ApiError,
    Cancelled,
    Failure,
    Refused,
    TimedOut,
    Uncertain,
    Unfinished,
    Unreachable,
)
from vertex_serving.provider.google_errors import SHARED, Context, explain
from vertex_serving.provider.live import find, outputs_of, replicas_in_words
from vertex_serving.provider.operations import Patience, finish, join, left_by_others
from vertex_serving.provider.session import Session
from vertex_serving.provider.task import Task, in_words
from vertex_serving.provider.vertex import Json
from vertex_serving.provider.wire import Properties

_LOST_ANSWERS: Final = 4


class Deployment:
    """One deployed model, during one call of the engine.

    Args:
        session: This run of Pulumi.
        task: The call.
        endpoint: Full name of the endpoint.
        id_: The deployedModelId.
    """

    def __init__(self, session: Session, task: Task, endpoint: str, id_: str) -> None:
        self._session = session
        self._task = task
        self._endpoint = endpoint
        self._id = id_
        self._begun = False
        self._joining = False
        self._exists = False
        self._method = "endpoints.get"
        self.name = f"{endpoint}/deployedModels/{id_}"

    def bring_up(self, inputs: Properties, resuming: bool, creating: bool) -> Properties:
        """Make the deployment be there and be as wanted; return its outputs.

        Args:
            inputs: Checked inputs.
            resuming: Whether an earlier run may have left an operation that is making it.
            creating: Whether the state does not have the resource yet.

        Raises:
            Failure: It could not be done, and the state is right as it is.
            Unfinished: It was begun, or is there though not yet as wanted.
        """
        try:
            return self._bring_up(inputs, resuming)
        except Failure as error:
            failure = explain(error, self._context(inputs)) if isinstance(error, ApiError) else error
            if self._begun or (self._joining and creating):
                raise self._unfinished(self._cut_off(failure, inputs), inputs, failure) from None
            if self._exists and creating:
                raise self._unfinished(str(failure), inputs, failure) from None
            raise failure from None

    def take_down(self, display_name: str, unfinished: bool) -> None:
        """Undeploy the model and wait until it is gone.

        Args:
            display_name: Its name, for messages.
            unfinished: Whether the state has it as unfinished, so that a deployment of it may be under way.

        Raises:
            Failure: It is still there, or going.
        """
        called = f"{display_name} ({self._id})" if display_name else self._id
        try:
            operation = self._undeploy(called, unfinished)
            if operation:
                finish(self._session, self._task, operation, f"undeploying {called}")
                self._task.status(f"undeployed after {in_words(self._task.elapsed)}")
        except ApiError as error:
            raise explain(error, Context(self._method, self._endpoint)) from None
        except (Cancelled, TimedOut, Unreachable, Uncertain) as end:
            if not self._begun:
                raise
            failure = Refused(
                f"{called} is still being undeployed ({_why(end)}). Google goes on with it; run the same command again "
                "to wait for it."
            )
            failure.grpc_status = end.grpc_status
            raise failure from None

    def _bring_up(self, inputs: Properties, resuming: bool) -> Properties:
        called = f"{inputs['displayName']} ({self._id})"
        operation, deployed = self._deploy(inputs, resuming)
        if operation:
            try:
                self._finish(operation, f"deploying {called}")
            except ApiError as error:
                if error.http:
                    raise
                raise self._failed_after_all(error, inputs) from None
            self._exists = True
            deployed = find(self._look(), self._id)
            if deployed is None:
                raise Refused(f"Google says that {called} is deployed, and does not list it on {self._endpoint}.")
        assert deployed is not None  # noqa: S101 - _deploy returns one of the two
        self._exists = True
        self._adjust(deployed, inputs, called)
        live = self._look()
        deployed = find(live, self._id) or deployed
        up = replicas_in_words(deployed)
        self._task.status(f"deployed as {self._id}{', ' + up if up else ''}, after {in_words(self._task.elapsed)}")
        return outputs_of(live, deployed, inputs)

    def _deploy(self, inputs: Properties, resuming: bool) -> tuple[Json | None, Json | None]:
        """Return the operation that was started, or the deployed model that is there already."""
        patience, lost, joined = Patience(self._session, self._task, self._endpoint), 0, False
        with self._task.turn(self._session.turn(self._endpoint)):
            while True:
                deployed = find(self._look(), self._id)
                if (resuming or deployed is None) and not joined:
                    self._exists = deployed is not None
                    self._join()
                    joined = True
                    continue
                if deployed is not None:
                    self._must_match(deployed, inputs)
                    return None, deployed
                body = inputs_of.to_google(inputs, self._id)
                try:
                    return self._send("endpoints.deployModel", self._session.vertex.deploy_model, body), None
                except Uncertain:
                    lost += 1
                    if lost == _LOST_ANSWERS:
                        raise
                    joined = False
                    self._task.pause(lost)
                except ApiError as error:
                    patience.wait(error)

    def _join(self, kind: str = "") -> None:
        """Wait for what others have under way on the endpoint: it may be this deployment."""
        operations = left_by_others(self._session, self._task, self._endpoint, kind)
        self._joining = bool(operations)
        join(self._session, self._task, operations)
        self._joining = False

    def _send(self, method: str, call: Callable[..., Json], *arguments: Any) -> Json:
        """Ask for a change and return its operation; until Google surely refused it, it counts as begun."""
        self._method, self._begun = method, True
        try:
            operation = call(self._task, self._endpoint, *arguments)
        except (ApiError, Unreachable):
            self._begun = False
            raise
        self._session.started.add(operation["name"])
        return operation

    def _adjust(self, deployed: Json, inputs: Properties, called: str) -> None:
        """Bring what can change in place to the wanted settings."""
        patience, lost, operation = Patience(self._session, self._task, self._endpoint), 0, None
        with self._task.turn(self._session.turn(self._endpoint)):
            while operation is None:
                body, mask = inputs_of.in_place_changes(deployed, inputs)
                if not mask:
                    return
                mutate = self._session.vertex.mutate_deployed_model
                try:
                    operation = self._send("endpoints.mutateDeployedModel", mutate, body, mask)
                except Uncertain:
                    lost += 1
                    if lost == _LOST_ANSWERS:
                        raise
                    self._task.pause(lost)
                    deployed = find(self._look(), self._id) or deployed
                except ApiError as error:
                    patience.wait(error)
                    deployed = find(self._look(), self._id) or deployed
        self._finish(operation, f"changing {called} in place")

    def _finish(self, operation: Json, doing: str) -> None:
        """Wait for an operation that this call started; once it is over, well or not, nothing is begun any more."""
        method = self._method
        try:
            finish(self._session, self._task, operation, doing, self._replicas)
        except ApiError as error:
            self._begun = bool(error.http)
            self._method = method
            raise
        self._begun = False

    def _undeploy(self, called: str, unfinished: bool) -> Json | None:
        """Start the undeployment; return None when there is nothing to undeploy."""
        patience, lost, joined = Patience(self._session, self._task, self._endpoint), 0, False
        with self._task.turn(self._session.turn(self._endpoint)):
            while True:
                try:
                    self._method = "endpoints.get"
                    live = self._session.vertex.endpoint(self._task, self._endpoint)
                except ApiError as error:
                    if error.gone:
                        return None
                    raise
                if find(live, self._id) is None:
                    if joined:
                        return None
                    self._join("" if unfinished or lost else "UndeployModel")
                    joined = True
                    continue
                share = live.get("trafficSplit", {}).get(self._id, 0)
                if share:
                    raise Refused(
                        f"{called} still gets {share} % of the traffic of {self._endpoint}, and Google undeploys only "
                        "a model without traffic. Move the traffic to another model first (`percent` in the "
                        "TrafficSplit), or delete the TrafficSplit."
                    )
                try:
                    return self._send("endpoints.undeployModel", self._session.vertex.undeploy_model, self._id)
                except Uncertain:
                    lost += 1
                    if lost == _LOST_ANSWERS:
                        raise
                    joined = False
                    self._task.pause(lost)
                except ApiError as error:
                    if error.gone:
                        return None
                    patience.wait(error)

    def _look(self) -> Json:
        self._method = "endpoints.get"
        return self._session.vertex.endpoint(self._task, self._endpoint)

    def _replicas(self) -> str:
        return replicas_in_words(find(self._session.vertex.endpoint(self._task, self._endpoint), self._id) or {})

    def _must_match(self, deployed: Json, inputs: Properties) -> None:
        machine = deployed.get("dedicatedResources", {}).get("machineSpec", {}).get("machineType", "")
        runs_on = deployed.get("sharedResources") or machine
        same_machine = runs_on == inputs.get("machineType", "")
        if same_machine and inputs_of.same_model(deployed.get("model", ""), inputs["model"]):
            return
        raise Refused(
            f"The id {self._id} on {self._endpoint} belongs to another deployment ({deployed.get('model')} on "
            f"{runs_on or SHARED}), which this program did not make. Undeploy that one, or change displayName for "
            "another id."
        )

    def _failed_after_all(self, error: ApiError, inputs: Properties) -> Failure:
        """Return the failure for a deployment that Google accepted and then gave up, with what it left behind."""
        explained = explain(error, self._context(inputs))
        try:
            live = self._session.vertex.endpoint(self._task, self._endpoint)
            self._exists = find(live, self._id) is not None
            left = f"left the deployed model {self._id} on the endpoint" if self._exists else ""
        except Failure:
            self._exists = True
            left = "may have left something on the endpoint"
        if left:
            left = f" and {left}: `pulumi up` goes on with it, `pulumi destroy` takes it away."
        else:
            left = "; nothing of it is left on the endpoint."
        failure = Refused(f"{str(explained).rstrip('.')}. Google had accepted the deployment{left}")
        failure.grpc_status = explained.grpc_status
        return failure

    def _unfinished(self, reason: str, inputs: Properties, end: Failure) -> Unfinished:
        return Unfinished(reason, self.name, outputs_of({}, {"id": self._id}, inputs), grpc_status=end.grpc_status)

    def _cut_off(self, end: Failure, inputs: Properties) -> str:
        doing = "is still being deployed"
        if self._joining:
            doing = "may still be under way in an operation that an earlier run left"
        elif self._method == "endpoints.mutateDeployedModel":
            doing = "is still being changed in place"
        return (
            f"{inputs['displayName']} ({self._id}) {doing} ({_why(end)}). Google goes on with it; "
            "run `pulumi up` again to wait for the same operation."
        )

    def _context(self, inputs: Properties) -> Context:
        if "machineType" not in inputs:
            return Context(self._method, self._endpoint, inputs["model"], SHARED)
        low, high = inputs["minReplicaCount"], inputs["maxReplicaCount"]
        count = f"{low} to {high} replicas" if low != high else f"{low} replica{'s' if low > 1 else ''}"
        return Context(self._method, self._endpoint, inputs["model"], f"{count} of {inputs['machineType']}")


def _why(end: Failure) -> str:
    if isinstance(end, Cancelled):
        return "Pulumi was cancelled"
    if isinstance(end, TimedOut):
        return f"{in_words(end.timeout)} were allowed; `customTimeouts` allows more"
    return str(end).rstrip(".")
