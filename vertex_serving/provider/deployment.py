"""Bringing one deployed model up, to its settings, and down."""

from __future__ import annotations

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
from vertex_serving.provider.google_errors import Context, explain
from vertex_serving.provider.operations import Patience, finish, join
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
            if self._begun:
                raise self._unfinished(self._cut_off(failure, inputs), inputs, failure) from None
            if self._exists and creating:
                raise self._unfinished(str(failure), inputs, failure) from None
            raise failure from None

    def take_down(self, display_name: str) -> None:
        """Undeploy the model and wait until it is gone.

        Raises:
            Failure: It is still there, or going.
        """
        called = f"{display_name} ({self._id})" if display_name else self._id
        try:
            operation = self._undeploy(called)
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
                    join(self._session, self._task, self._endpoint)
                    joined = True
                    continue
                if deployed is not None:
                    self._must_match(deployed, inputs)
                    return None, deployed
                try:
                    self._method, self._begun = "endpoints.deployModel", True
                    body = inputs_of.to_google(inputs, self._id)
                    operation = self._session.vertex.deploy_model(self._task, self._endpoint, body)
                    self._session.started.add(operation["name"])
                    return operation, None
                except Uncertain:
                    lost += 1
                    if lost == _LOST_ANSWERS:
                        raise
                    joined = False
                    self._task.pause(lost)
                except ApiError as error:
                    self._begun = False
                    patience.wait(error)
                except Unreachable:
                    self._begun = False
                    raise

    def _adjust(self, deployed: Json, inputs: Properties, called: str) -> None:
        """Bring what can change in place to the wanted settings."""
        patience, lost, operation = Patience(self._session, self._task, self._endpoint), 0, None
        with self._task.turn(self._session.turn(self._endpoint)):
            while operation is None:
                body, mask = inputs_of.in_place_changes(deployed, inputs)
                if not mask:
                    return
                try:
                    self._method, self._begun = "endpoints.mutateDeployedModel", True
                    operation = self._session.vertex.mutate_deployed_model(self._task, self._endpoint, body, mask)
                    self._session.started.add(operation["name"])
                except Uncertain:
                    lost += 1
                    if lost == _LOST_ANSWERS:
                        raise
                    self._task.pause(lost)
                    deployed = find(self._look(), self._id) or deployed
                except ApiError as error:
                    self._begun = False
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

    def _undeploy(self, called: str) -> Json | None:
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
                    join(self._session, self._task, self._endpoint)
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
                    self._method, self._begun = "endpoints.undeployModel", True
                    operation = self._session.vertex.undeploy_model(self._task, self._endpoint, self._id)
                    self._session.started.add(operation["name"])
                    return operation
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
        machine = deployed.get("dedicatedResources", {}).get("machineSpec", {}).get("machineType")
        if machine == inputs["machineType"] and inputs_of.same_model(deployed.get("model", ""), inputs["model"]):
            return
        raise Refused(
            f"The id {self._id} on {self._endpoint} belongs to another deployment ({deployed.get('model')} on "
            f"{machine}), which this program did not make. Undeploy that one, or change displayName for another id."
        )

    def _failed_after_all(self, error: ApiError, inputs: Properties) -> Failure:
        """Return the failure for a deployment that Google accepted and then gave up, with what it left behind."""
        reason = str(explain(error, self._context(inputs))).rstrip(".")
        deployed = find(self._session.vertex.endpoint(self._task, self._endpoint), self._id)
        if deployed is None:
            failure = Refused(f"{reason}. Google had accepted the deployment; nothing of it is left on the endpoint.")
        else:
            self._exists = True
            failure = Refused(
                f"{reason}. Google had accepted the deployment and left the deployed model {self._id} on the "
                "endpoint: `pulumi up` goes on with it, `pulumi destroy` takes it away."
            )
        failure.grpc_status = explain(error, self._context(inputs)).grpc_status
        return failure

    def _unfinished(self, reason: str, inputs: Properties, end: Failure) -> Unfinished:
        return Unfinished(reason, self.name, outputs_of({}, {"id": self._id}, inputs), grpc_status=end.grpc_status)

    def _cut_off(self, end: Failure, inputs: Properties) -> str:
        doing = "being changed in place" if self._method == "endpoints.mutateDeployedModel" else "being deployed"
        return (
            f"{inputs['displayName']} ({self._id}) is still {doing} ({_why(end)}). Google goes on with it; "
            "run `pulumi up` again to wait for the same operation."
        )

    def _context(self, inputs: Properties) -> Context:
        low, high = inputs["minReplicaCount"], inputs["maxReplicaCount"]
        count = f"{low} to {high} replicas" if low != high else f"{low} replica{'s' if low > 1 else ''}"
        return Context(self._method, self._endpoint, inputs["model"], f"{count} of {inputs['machineType']}")


def find(endpoint: Json, id_: str) -> Json | None:
    """Return the deployed model with an id from an Endpoint, or None."""
    found: list[Json] = [one for one in endpoint.get("deployedModels", []) if one.get("id") == id_]
    return found[0] if found else None


def replicas_in_words(deployed: Json) -> str:
    """Return how many replicas are up, in words, or "" where Google does not say."""
    available = deployed.get("status", {}).get("availableReplicaCount")
    return f"{available} replica{'' if available == 1 else 's'} up" if available is not None else ""


def outputs_of(endpoint: Json, deployed: Json, inputs: Properties) -> Properties:
    """Return the resource's outputs: its inputs, and what Google adds ("" where it has not said it yet)."""
    private: dict[str, Any] = deployed.get("privateEndpoints", {})
    connect: dict[str, Any] = endpoint.get("privateServiceConnectConfig", {})
    addresses = [one["ipAddress"] for one in connect.get("pscAutomationConfigs", []) if one.get("ipAddress")]
    return inputs | {
        "deployedModelId": deployed["id"],
        "createTime": deployed.get("createTime", ""),
        "serviceAttachment": private.get("serviceAttachment") or connect.get("serviceAttachment") or "",
        "privateServiceConnectAddress": addresses[0] if addresses else "",
        "predictHttpUri": private.get("predictHttpUri", ""),
    }


def _why(end: Failure) -> str:
    if isinstance(end, Cancelled):
        return "Pulumi was cancelled"
    if isinstance(end, TimedOut):
        return f"{in_words(end.timeout)} were allowed; `customTimeouts` allows more"
    return str(end).rstrip(".")
