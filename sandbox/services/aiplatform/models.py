"""projects.locations.models: the registry's models, the ones every project has from the start, and publisher models."""

import re

from sandbox import listing, registry
from sandbox.core import Sandbox
from sandbox.errors import Json, already_exists, failed_precondition, not_found
from sandbox.operations import completion
from sandbox.registry import Call, method
from sandbox.services.aiplatform import publishers, rules
from sandbox.services.aiplatform.names import (
    ENDPOINT,
    MODEL,
    TYPES,
    Name,
    check_required,
    etag,
    generic_metadata,
    new_id,
    parse,
    required,
    shown,
    started,
    wrong_field,
)

_METHODS = "aiplatform.projects.locations.models."
_UPLOAD, _DELETE = "aiplatform.models.upload", "aiplatform.models.delete"
_REMOVED = "aiplatform.model.removed"
_FILTERS = {"model": "= !=", "displayName": "= !=", "labels": "= != :", "baseModelName": "="}
_CREATED = "2026-01-05T09:00:00.000000Z"
_DEDICATED = ["DEDICATED_RESOURCES"]
_GEMMA = {"modelSourceInfo": {"sourceType": "MODEL_GARDEN"}}
_OWN = {"modelSourceInfo": {"sourceType": "CUSTOM"}}
_TUNED = {
    "modelSourceInfo": {"sourceType": "GENIE"},
    "baseModelSource": {"genieSource": {"baseModelUri": "publishers/google/models/gemini-3.8-flash"}},
}
# Every project has these in every region, so that there is something to deploy; they are made when asked for.
SEEDED: dict[str, Json] = {
    "gemma-3-4b": {"displayName": "gemma-3-4b", "supportedDeploymentResourcesTypes": _DEDICATED, **_GEMMA},
    "gemma-3-12b": {"displayName": "gemma-3-12b", "supportedDeploymentResourcesTypes": _DEDICATED, **_GEMMA},
    "own-assistant": {"displayName": "own-assistant", "supportedDeploymentResourcesTypes": _DEDICATED, **_OWN},
    "tuned-gemini": {"displayName": "tuned-gemini", "supportedDeploymentResourcesTypes": [], **_TUNED},
}
_IMAGES = {"MODEL_GARDEN": "vllm-serve", "CUSTOM": "own-serve"}


def deployable(sandbox: Sandbox, given: str, endpoint: Name) -> Json:
    """The model that `deployedModel.model` means; Google's 404 where there is none.

    Publisher models are given as publishers/google/models/X, or below a project and location as gcloud sends them.
    """
    base = publishers.base_name(given)
    if base:
        publishers.require(sandbox, base, endpoint)
        return {
            "name": f"publishers/google/models/{base}",
            "displayName": base,
            "supportedDeploymentResourcesTypes": [*_DEDICATED, "AUTOMATIC_RESOURCES"],
        }
    found = find(sandbox, given)
    if parse(sandbox, found["name"]).location != endpoint.location:
        raise failed_precondition(
            f"Model {found['name']} is not in {endpoint.location}, the location of Endpoint {endpoint}."
        )
    return found


def find(sandbox: Sandbox, given: str) -> Json:
    """A model by its name, with or without "@version"; Google's 404 where there is none."""
    plain, _, version = given.partition("@")
    if not re.fullmatch(r"projects/[^/]+/locations/[^/]+/models/[^/]+", plain):
        raise not_found(f"The Model does not exist: {given}")
    name = parse(sandbox, plain)
    found = sandbox.store.get(MODEL, str(name)) or _seeded(sandbox, name)
    if found is None or version not in ("", "default", found["versionId"], *found["versionAliases"]):
        raise not_found(f"The Model does not exist: {name}{'@' + version if version else ''}")
    return found


def display_name(sandbox: Sandbox, deployed: Json) -> str:
    """The display name of a deployed model's Model, which is there as long as it is deployed."""
    given: str = deployed["model"]
    return publishers.base_name(given) or str(find(sandbox, given)["displayName"])


def _seeded(sandbox: Sandbox, name: Name) -> Json | None:
    if name.id not in SEEDED or name.location == "global" or sandbox.store.get(_REMOVED, str(name)):
        return None
    source = SEEDED[name.id]["modelSourceInfo"]["sourceType"]
    container = {}
    if source in _IMAGES:
        image = f"us-docker.pkg.dev/vertex-ai/sandbox/{_IMAGES[source]}:1"
        container = {"containerSpec": {"imageUri": image, "predictRoute": "/generate", "healthRoute": "/ping"}}
    model = {"name": str(name), **SEEDED[name.id], **container, **_version(_CREATED)}
    return {**model, "etag": etag(model)}


def _version(at: str) -> Json:
    return {
        "createTime": at,
        "updateTime": at,
        "versionCreateTime": at,
        "versionUpdateTime": at,
        "versionId": "1",
        "versionAliases": ["default"],
    }


def _deployments(sandbox: Sandbox, model: str) -> list[Json]:
    found = []
    for name, endpoint in sandbox.store.list(ENDPOINT).items():
        for deployed in endpoint.get("deployedModels", []):
            if deployed["model"] == model:
                found.append({"endpoint": name, "deployedModelId": deployed["id"]})
    return found


def _shown(call: Call, model: Json) -> Json:
    refs = _deployments(call.sandbox, model["name"])
    return shown(call, "Model", {**model, "deployedModels": refs} if refs else model)


@method(_METHODS + "upload")
def upload(call: Call) -> Json:
    """Starts the upload of a new model. Versions of an existing one are not imitated."""
    sandbox, model = call.sandbox, call.body.get("model") or {}
    parent = parse(sandbox, call.params["parent"])
    if call.body.get("parentModel"):
        raise registry.not_imitated(call, "upload of a new version (parentModel)")
    if not model.get("displayName"):
        raise required("model.display_name")
    check_required(call, "UploadModelRequest", call.body)
    rules.check_labels(model, "model")
    chosen = call.body.get("modelId", "")
    if chosen and not re.fullmatch(r"[a-z_][a-z0-9_-]{0,62}", chosen):
        raise wrong_field("model_id", "must be up to 63 of [a-z0-9_-], and begin with neither a number nor a hyphen.")
    name = Name(parent.project, parent.location, "models", chosen or new_id())
    taken = sandbox.store.get(MODEL, str(name)) or _seeded(sandbox, name)
    if taken or sandbox.operations.running(_UPLOAD, f"{name}/"):
        raise already_exists(f"Model `{name}` already exists.")
    return started(
        call,
        _UPLOAD,
        f"{name}/operations/{new_id()}",
        sandbox.settings.operation_seconds,
        {"name": str(name), "model": model},
        generic_metadata(sandbox, "UploadModelOperationMetadata"),
    )


@completion(_UPLOAD)
def _uploaded(sandbox: Sandbox, operation: Json) -> Json:
    name, model = operation["args"]["name"], operation["args"]["model"]
    garden = "modelGardenSource" in model.get("baseModelSource", {})
    model |= {
        "name": name,
        "supportedDeploymentResourcesTypes": _DEDICATED,
        **(_GEMMA if garden else _OWN),
        **_version(sandbox.clock.stamp(operation["due"])),
    }
    model["etag"] = etag(model)
    sandbox.store.put(MODEL, name, model)
    return {"@type": TYPES + "UploadModelResponse", "model": name, "modelVersionId": "1"}


@method(_METHODS + "get")
def get(call: Call) -> Json:
    """A model of the registry, or a publisher's by the path that gcloud makes of its name."""
    base = publishers.base_name(call.params["name"])
    if base:
        parent = parse(call.sandbox, call.params["name"])
        publishers.require(call.sandbox, base, parent)
        found = deployable(call.sandbox, call.params["name"], parent)
        return shown(call, "Model", {**found, "name": f"{parent.parent}/models/{found['name']}"})
    return _shown(call, find(call.sandbox, call.params["name"]))


def registered(sandbox: Sandbox, parent: Name) -> list[Json]:
    """The models of a location's registry, the seeded ones first."""
    seeded = [_seeded(sandbox, Name(parent.project, parent.location, "models", each)) for each in SEEDED]
    return [model for model in seeded if model] + list(sandbox.store.list(MODEL, f"{parent}/models/").values())


@method(_METHODS + "list")
def list_models(call: Call) -> Json:
    """The models of a location, the seeded ones too."""
    sandbox, parent = call.sandbox, parse(call.sandbox, call.params["parent"])
    named = [{**model, "model": model["name"].rpartition("/")[2]} for model in registered(sandbox, parent)]
    found = listing.filtered(named, call.query.get("filter", ""), _FILTERS)
    found = listing.ordered(found, call.query.get("orderBy", ""), ("displayName", "createTime", "updateTime"))
    chosen, token = listing.page(found, call.query, of=str(parent))
    answer: Json = {"models": [_shown(call, model) for model in chosen]} if chosen else {}
    return {**answer, "nextPageToken": token} if token else answer


@method(_METHODS + "delete")
def delete(call: Call) -> Json:
    """Starts the deletion; refused while the model is deployed anywhere."""
    sandbox = call.sandbox
    model = find(sandbox, call.params["name"])
    _check_deployed_nowhere(sandbox, model["name"])
    parent = parse(sandbox, model["name"]).parent
    return started(
        call,
        _DELETE,
        f"{parent}/operations/{new_id()}",
        sandbox.settings.operation_seconds,
        {"name": model["name"]},
        generic_metadata(sandbox, "DeleteOperationMetadata"),
    )


def _check_deployed_nowhere(sandbox: Sandbox, name: str) -> None:
    deployed = _deployments(sandbox, name)
    if deployed:
        where = ", ".join(f"{d['endpoint']} (DeployedModel {d['deployedModelId']})" for d in deployed)
        raise failed_precondition(f"Model {name} is deployed and cannot be deleted. Undeploy it first: {where}")


@completion(_DELETE)
def _deleted(sandbox: Sandbox, operation: Json) -> Json:
    name = operation["args"]["name"]
    _check_deployed_nowhere(sandbox, name)  # a deployment may have ended meanwhile
    if not sandbox.store.delete(MODEL, name):
        sandbox.store.put(_REMOVED, name, {"removed": True})
    return {"@type": "type.googleapis.com/google.protobuf.Empty"}


@registry.state_view(_REMOVED)
def _hide(_name: str, _value: Json, _seeded_value: Json | None) -> None:
    """That a seeded model was deleted is no resource."""
