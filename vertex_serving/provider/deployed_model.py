"""DeployedModel: one model on one endpoint, without any say in the endpoint's traffic.

**The id is a function of the inputs.** `deployedModelId` is a hash of everything that forces a replacement, so the same
inputs always name the same deployment. Create is therefore idempotent: it looks, adopts what is there or waits for the
operation that an earlier, killed run left, and deploys only what is missing. A replacement has another id, so both
deployments are up at once.

**Order.** Pulumi creates a replacement before it deletes the original, and updates what depends on it in between: the
TrafficSplit moves to the new deployment, and only then is the old one undeployed. With `deleteBeforeReplace` that order
is lost, and Google refuses to undeploy a model that has traffic.

**Interruptions.** After a cancellation, a time-out or a lost connection the resource is in the state as unfinished
(its `createTime` is ""), and the next `pulumi up` is an Update that goes on with the same deployment.

**Machines.** With a `machineType` the deployment has machines of its own (`dedicatedResources`); without one Google
decides (none or `automaticResources`), which is how a tuned Gemini is served, on a shared public endpoint only.

**Known limits.** No deployment resource pools (`sharedResources`). An operation does not name the deployed model: to
join one, all that are under way on the endpoint are waited for, another person's too.

API: endpoints.deployModel, mutateDeployedModel, undeployModel (aiplatform v1).
"""

from __future__ import annotations

from typing import Any

from vertex_serving.provider import deployed_model_inputs as inputs_of
from vertex_serving.provider.deployment import Deployment
from vertex_serving.provider.diffs import Change
from vertex_serving.provider.failures import ApiError, Refused, Unfinished
from vertex_serving.provider.fields import Problem
from vertex_serving.provider.google_errors import Context, explain
from vertex_serving.provider.live import find, outputs_of
from vertex_serving.provider.operations import running
from vertex_serving.provider.resource import State
from vertex_serving.provider.session import Session
from vertex_serving.provider.task import Task
from vertex_serving.provider.wire import UNKNOWN, Properties


class DeployedModel:
    """The resource `vertex-serving:index:DeployedModel`; its Pulumi id is `ENDPOINT/deployedModels/ID`."""

    token = "vertex-serving:index:DeployedModel"  # noqa: S105 - a type token

    def check(self, session: Session, urn: str, news: Properties) -> tuple[Properties, list[Problem]]:
        """Check the inputs; two resources of one program must not describe the same deployment."""
        inputs, problems = inputs_of.check(news, session.settings.allow_base_gemini)
        id_ = None if problems else inputs_of.deployed_model_id(inputs)
        if id_ and (other := session.declare(f"{inputs['endpoint']}/deployedModels/{id_}", urn)):
            problems.append(
                Problem(
                    "displayName",
                    f"is {inputs['displayName']!r}, and {other.rpartition('::')[2]} describes the same deployment: "
                    "give them different display names",
                )
            )
        return inputs, problems

    def diff(self, olds: Properties, news: Properties) -> list[Change]:
        """Compare inputs."""
        return inputs_of.compare(olds, news)

    def preview(self, news: Properties, old_outputs: Properties | None) -> Properties:
        """Return the inputs, the id where it follows from them, and what an update keeps."""
        if old_outputs is None:
            id_ = inputs_of.deployed_model_id(news)
            return news | {"deployedModelId": id_ or UNKNOWN} | dict.fromkeys(inputs_of.OUTPUTS, UNKNOWN)
        kept = {key: old_outputs.get(key, UNKNOWN) for key in ("deployedModelId", *inputs_of.OUTPUTS)}
        if kept["createTime"] == "":
            kept |= dict.fromkeys(inputs_of.OUTPUTS, UNKNOWN)
        return news | kept

    def create(self, session: Session, task: Task, inputs: Properties) -> State:
        """Deploy the model, or adopt the deployment that these inputs name."""
        id_ = inputs_of.deployed_model_id(inputs)
        if id_ is None:
            raise Refused("The inputs of a deployment must be known before it is created.")
        deployment = Deployment(session, task, inputs["endpoint"], id_)
        session.make(deployment.name, task.urn)
        return State(deployment.name, inputs, deployment.bring_up(inputs, resuming=True, creating=True))

    def update(self, session: Session, task: Task, id_: str, old_outputs: Properties, inputs: Properties) -> Properties:
        """Change replicas, autoscaling and logging in place; finish a deployment that was cut off."""
        deployment = Deployment(session, task, *parse(id_))
        session.make(deployment.name, task.urn)
        return deployment.bring_up(inputs, resuming=not old_outputs.get("createTime"), creating=False)

    def read(self, session: Session, task: Task, id_: str, olds: Properties, old_outputs: Properties) -> State | None:
        """Read the deployment; one that is still on its way is not taken for gone."""
        endpoint, deployed_model_id = parse(id_)
        try:
            live = session.vertex.endpoint(task, endpoint)
            deployed = find(live, deployed_model_id)
            unfinished = bool(old_outputs) and not old_outputs.get("createTime")
            if deployed is None and unfinished and running(session, task, endpoint):
                raise Unfinished(
                    f"{old_outputs.get('displayName', id_)} is still being deployed; `pulumi up` waits for it.",
                    id_,
                    old_outputs,
                    inputs=olds,
                )
        except ApiError as error:
            if error.gone:
                return None
            raise explain(error, Context("endpoints.get", endpoint)) from None
        if deployed is None:
            return None
        _not_in_a_pool(deployed, id_)
        inputs = inputs_of.from_google(endpoint, live.get("name", endpoint), deployed, olds)
        return State(id_, inputs, outputs_of(live, deployed, inputs))

    def delete(self, session: Session, task: Task, id_: str, outputs: Properties) -> None:
        """Undeploy the model, unless this run has just made or adopted the same deployment."""
        if session.made(id_):
            task.warn(
                f"{outputs.get('displayName', id_)} stays deployed: its replacement has the same inputs, so it is the "
                "same deployment. To deploy it anew, change its displayName."
            )
            return
        deployment = Deployment(session, task, *parse(id_))
        deployment.take_down(str(outputs.get("displayName", "")), unfinished=not outputs.get("createTime"))


def parse(id_: str) -> tuple[str, str]:
    """Return the endpoint's name and the deployed model's id in a Pulumi id.

    Raises:
        Refused: It has not the form of one.
    """
    endpoint, mark, deployed_model_id = id_.partition("/deployedModels/")
    if not mark or not deployed_model_id.isdigit() or endpoint.count("/") != 5:
        raise Refused(
            f"{id_!r} is not the id of a deployed model; the form is {inputs_of.ENDPOINT_FORM}/deployedModels/ID "
            "(`gcloud ai endpoints describe` lists the ids under deployedModels)."
        )
    return endpoint, deployed_model_id


def _not_in_a_pool(deployed: dict[str, Any], id_: str) -> None:
    if deployed.get("sharedResources"):
        raise Refused(
            f"{id_} is in the deployment resource pool {deployed['sharedResources']}, and DeployedModel does not "
            "manage models in pools."
        )
