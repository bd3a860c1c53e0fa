"""endpoints.deployModel, undeployModel and mutateDeployedModel."""

import re

from sandbox import listing
from sandbox.core import Sandbox
from sandbox.errors import Json, aborted, already_exists, failed_precondition, invalid_argument, not_found
from sandbox.operations import completion, progress
from sandbox.registry import Call, method
from sandbox.services.aiplatform import connect, endpoints, metrics, models, replicas, rules
from sandbox.services.aiplatform.names import (
    ENDPOINT,
    TYPES,
    Name,
    check_required,
    generic_metadata,
    new_id,
    required,
    started,
    wrong_field,
)

_METHODS = "aiplatform.projects.locations.endpoints."
_MUTATE = "aiplatform.endpoints.mutateDeployedModel"
_STAGES = [
    "STARTING_DEPLOYMENT",
    "PREPARING_MODEL",
    "CREATING_SERVING_CLUSTER",
    "ADDING_NODES_TO_CLUSTER",
    "GETTING_CONTAINER_IMAGE",
    "STARTING_MODEL_SERVER",
    "FINISHING_UP",
]
_ENDED = {"done": "SUCCESSFULLY_DEPLOYED", "failed": "FAILED_TO_DEPLOY", "cancelled": "DEPLOYMENT_TERMINATED"}
_MUTABLE = {
    "dedicatedResources.minReplicaCount",
    "dedicatedResources.maxReplicaCount",
    "dedicatedResources.requiredReplicaCount",
    "dedicatedResources.autoscalingMetricSpecs",
    "automaticResources.minReplicaCount",
    "automaticResources.maxReplicaCount",
}
_MUTABLE_V1 = {"disableContainerLogging"}
_MUTABLE_V1BETA1 = {
    "enableContainerLogging",
    "dedicatedResources.scaleToZeroSpec",
    "dedicatedResources.initialReplicaCount",
}


@method(_METHODS + "deployModel")
def deploy(call: Call) -> Json:
    """Starts a deployment; what Google refuses at once is refused here."""
    sandbox = call.sandbox
    name, endpoint = endpoints.find(sandbox, call.params["endpoint"])
    deployed, split = call.body.get("deployedModel"), call.body.get("trafficSplit", {})
    if not deployed:
        raise required("deployed_model")
    if not deployed.get("model"):
        raise required("deployed_model.model")
    check_required(call, "DeployModelRequest", call.body)
    running = sandbox.operations.running(rules.DEPLOY, f"{name}/")
    limit = sandbox.settings.deploy_concurrency
    if limit and len(running) >= limit:
        raise aborted(
            f"Endpoint {name} is being changed by operation {running[0]['name']}. Wait until it is done and try again."
        )
    model = models.deployable(sandbox, deployed["model"], name)
    rules.check_serving(sandbox, endpoint, deployed, model)
    rules.check_resources(deployed, model, call.version)
    rules.check_peered(endpoint, split, len(running))
    deployed["id"] = _checked_id(name, deployed, endpoint, [r["args"]["deployedModel"]["id"] for r in running])
    rules.check_split(split, {"0", *_ids(endpoint)}, "traffic_split")
    rules.check_quota(sandbox, name, [deployed])
    deployed["model"] = model["name"]
    deployed.setdefault("displayName", model["displayName"])
    if model.get("versionId"):
        deployed["modelVersionId"] = model["versionId"]
    return started(
        call,
        rules.DEPLOY,
        f"{name}/operations/{new_id()}",
        sandbox.settings.deploy_seconds,
        {"endpoint": str(name), "deployedModel": deployed, "trafficSplit": split},
    )


def _ids(endpoint: Json) -> set[str]:
    return {model["id"] for model in endpoint.get("deployedModels", [])}


def _checked_id(name: Name, deployed: Json, endpoint: Json, deploying: list[str]) -> str:
    chosen: str = deployed.get("id") or new_id()
    if deployed.get("id") and (not re.fullmatch(r"[0-9]{1,10}", chosen) or chosen == "0"):
        raise wrong_field("deployed_model.id", "The DeployedModel ID must be 1-10 digits, and not 0.")
    if chosen in _ids(endpoint) or chosen in deploying:
        raise already_exists(f"DeployedModel with ID {chosen} already exists on Endpoint {name}.")
    return chosen


@progress(rules.DEPLOY, _STAGES)
def _deploying(sandbox: Sandbox, operation: Json, done: float) -> Json:
    stage = _ENDED.get(operation["state"]) or _STAGES[min(int(done * len(_STAGES)), len(_STAGES) - 1)]
    updated = operation.get("ended", sandbox.clock.now())
    times = {
        "createTime": sandbox.clock.stamp(operation["started"]),
        "updateTime": sandbox.clock.stamp(updated),
    }
    return {"@type": TYPES + "DeployModelOperationMetadata", "genericMetadata": times, "deploymentStage": stage}


@completion(rules.DEPLOY)
def _deployed(sandbox: Sandbox, operation: Json) -> Json:
    args = operation["args"]
    name, endpoint = endpoints.find(sandbox, args["endpoint"])
    models.deployable(sandbox, args["deployedModel"]["model"], name)  # it may have been deleted meanwhile
    deployed = {**args["deployedModel"], "createTime": sandbox.clock.stamp(operation["due"])}
    split = {deployed["id"] if key == "0" else key: percent for key, percent in args["trafficSplit"].items()}
    rules.check_split(split, {deployed["id"], *_ids(endpoint)}, "traffic_split")
    connect.attach(sandbox, endpoint, deployed, name)
    endpoint.setdefault("deployedModels", []).append(deployed)
    if split and not endpoint.get("network"):
        endpoint["trafficSplit"] = split
    endpoints.save(sandbox, endpoint, at=operation["due"])
    return {"@type": TYPES + "DeployModelResponse", "deployedModel": deployed}


@method(_METHODS + "undeployModel")
def undeploy(call: Call) -> Json:
    """Takes the model's traffic away at once where the request's split says so, and starts its removal."""
    sandbox, body = call.sandbox, call.body
    name, endpoint = endpoints.find(sandbox, call.params["endpoint"])
    wanted = body.get("deployedModelId", "")
    if not wanted:
        raise required("deployed_model_id")
    if wanted not in _ids(endpoint):
        raise not_found(f"DeployedModel with ID {wanted} is not found on Endpoint {name}.")
    leaving = {r["args"]["deployedModelId"] for r in sandbox.operations.running(rules.UNDEPLOY, f"{name}/")}
    if wanted in leaving:
        raise failed_precondition(f"DeployedModel {wanted} on Endpoint {name} is already being undeployed.")
    rules.check_split(body.get("trafficSplit", {}), _ids(endpoint) - leaving, "traffic_split")
    split = body.get("trafficSplit") or endpoint.get("trafficSplit", {})
    if _ids(endpoint) - leaving == {wanted}:
        split = {}
    elif split.get(wanted):
        raise failed_precondition(
            f"DeployedModel {wanted} on Endpoint {name} has {split[wanted]}% of the traffic. Take it away first, or"
            " give a traffic_split that does."
        )
    endpoint["trafficSplit"] = {key: percent for key, percent in split.items() if key != wanted}
    if not endpoint["trafficSplit"]:
        del endpoint["trafficSplit"]
    endpoints.save(sandbox, endpoint)
    return started(
        call,
        rules.UNDEPLOY,
        f"{name}/operations/{new_id()}",
        sandbox.settings.operation_seconds,
        {"endpoint": str(name), "deployedModelId": wanted},
        generic_metadata(sandbox, "UndeployModelOperationMetadata"),
    )


@completion(rules.UNDEPLOY)
def _undeployed(sandbox: Sandbox, operation: Json) -> Json:
    endpoint = sandbox.store.get(ENDPOINT, operation["args"]["endpoint"])
    if endpoint is not None:
        gone = operation["args"]["deployedModelId"]
        metrics.sample_all(sandbox, endpoint)
        left = [model for model in endpoint.get("deployedModels", []) if model["id"] != gone]
        endpoint["deployedModels"] = left
        if not left:
            del endpoint["deployedModels"]
            connect.detach(sandbox, endpoint)
        endpoints.save(sandbox, endpoint, at=operation["due"])
    return {"@type": TYPES + "UndeployModelResponse"}


@method(_METHODS + "mutateDeployedModel")
def mutate(call: Call) -> Json:
    """Starts an in-place change of replica bounds, autoscaling or container logging."""
    sandbox, wanted = call.sandbox, call.body.get("deployedModel") or {}
    name, endpoint = endpoints.find(sandbox, call.params["endpoint"])
    paths = listing.mask_paths(call.body.get("updateMask", ""))
    missing = [field for field, value in (("deployed_model.id", wanted.get("id")), ("update_mask", paths)) if not value]
    if missing:
        raise required(*missing)
    current = next((m for m in endpoint.get("deployedModels", []) if m["id"] == wanted["id"]), None)
    if current is None:
        raise not_found(f"DeployedModel with ID {wanted['id']} is not found on Endpoint {name}.")
    mutable = _MUTABLE | (_MUTABLE_V1 if call.version == "v1" else _MUTABLE_V1BETA1)
    for path in paths:
        if path not in mutable:
            raise invalid_argument(
                f"Field `{path}` of a DeployedModel cannot be mutated; deploy the model anew to change it.",
                [("update_mask", path)],
            )
    changed = _changed(current, wanted, paths, call.version)
    rules.check_quota(sandbox, name, [changed], replacing=f"{name}/{wanted['id']}")
    return started(
        call,
        _MUTATE,
        f"{name}/operations/{new_id()}",
        sandbox.settings.operation_seconds,
        {"endpoint": str(name), "deployedModel": wanted, "paths": paths},
        generic_metadata(sandbox, "MutateDeployedModelOperationMetadata"),
    )


def _changed(current: Json, wanted: Json, paths: list[str], version: str) -> Json:
    result: Json = {**current}
    for kind in ("dedicatedResources", "automaticResources"):
        if kind in result:
            result[kind] = dict(result[kind])
    for path in paths:
        if path.partition(".")[2] and path.partition(".")[0] not in current:
            raise invalid_argument(f"DeployedModel {current['id']} has no {path.partition('.')[0]}.")
        if path == "enableContainerLogging":  # v1beta1's opposite of v1's disableContainerLogging
            result["disableContainerLogging"] = not wanted.get(path, False)
        else:
            listing.apply_mask(result, wanted, path)
    if "dedicatedResources" in result:
        rules.check_dedicated(result["dedicatedResources"], version)
    elif "automaticResources" in result:
        rules.check_replicas(result["automaticResources"], "automatic_resources", minimum=0)
    return result


@completion(_MUTATE)
def _mutated(sandbox: Sandbox, operation: Json) -> Json:
    args = operation["args"]
    name, endpoint = endpoints.find(sandbox, args["endpoint"])
    deployed = endpoint.get("deployedModels", [])
    metrics.sample_all(sandbox, endpoint)
    for index, current in enumerate(deployed):
        if current["id"] == args["deployedModel"]["id"]:
            deployed[index] = _changed(current, args["deployedModel"], args["paths"], args["version"])
            endpoints.save(sandbox, endpoint, at=operation["due"])
            shown = replicas.with_status(sandbox, endpoint)["deployedModels"][index]
            return {"@type": TYPES + "MutateDeployedModelResponse", "deployedModel": shown}
    raise not_found(f"DeployedModel with ID {args['deployedModel']['id']} is no longer on Endpoint {name}.")
