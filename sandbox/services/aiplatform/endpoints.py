"""projects.locations.endpoints: create, get, list, patch, delete."""

import copy
import re

from sandbox import listing
from sandbox.core import Sandbox
from sandbox.errors import Json, aborted, already_exists, failed_precondition, invalid_argument, not_found
from sandbox.operations import completion
from sandbox.registry import Call, method
from sandbox.services import iam_policies, servicenetworking
from sandbox.services.aiplatform import connect, replicas, rules
from sandbox.services.aiplatform.names import (
    ENDPOINT,
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

_METHODS = "aiplatform.projects.locations.endpoints."
_IDS = re.compile(r"[1-9][0-9]{0,8}|[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_CREATE, _DELETE = "aiplatform.endpoints.create", "aiplatform.endpoints.delete"
_LOGGING = "endpoint.predict_request_response_logging_config"
_FILTERS = {"endpoint": "= !=", "displayName": "= !=", "labels": "= != :", "baseModelName": "="}
_MUTABLE = {
    "displayName",
    "description",
    "labels",
    "trafficSplit",
    "predictRequestResponseLoggingConfig",
    "clientConnectionConfig",
    "privateServiceConnectConfig",
    "genAiAdvancedFeaturesConfig",
}


def find(sandbox: Sandbox, name: str) -> tuple[Name, Json]:
    """The endpoint that a name (project by id or number) means; Google's 404 where there is none."""
    parsed = parse(sandbox, name)
    found = sandbox.store.get(ENDPOINT, str(parsed))
    if found is None:
        raise not_found(f"Endpoint `{parsed}` is not found.")
    return parsed, found


def save(sandbox: Sandbox, endpoint: Json, *, at: float | None = None) -> None:
    """Keeps a changed endpoint, with a new etag and update time."""
    endpoint["updateTime"] = sandbox.clock.stamp(at)
    endpoint["etag"] = etag(endpoint)
    sandbox.store.put(ENDPOINT, endpoint["name"], endpoint)


@method(_METHODS + "create")
def create(call: Call) -> Json:
    """Starts the creation; the endpoint is there when the operation is done."""
    sandbox, body = call.sandbox, call.body
    parent = parse(sandbox, call.params["parent"])
    chosen = call.query.get("endpointId", "")
    if not body.get("displayName"):
        raise required("endpoint.display_name")
    if len(body["displayName"]) > 128:
        raise wrong_field("endpoint.display_name", "The display name must be at most 128 characters long.")
    if chosen and not _IDS.fullmatch(chosen):
        raise wrong_field(
            "endpoint_id",
            "Endpoint ID must be up to 9 digits without a leading zero, or up to 63 of [a-z0-9-] from a letter on.",
        )
    if parent.location == "global":
        raise not_found("Location global is not found or access is unauthorized.")
    check_required(call, "Endpoint", body, "endpoint")
    rules.check_labels(body, "endpoint")
    rules.check_logging(body.get("predictRequestResponseLoggingConfig", {}), _LOGGING)
    rules.check_connectivity(body)
    if body.get("network") and not servicenetworking.connected(sandbox, body["network"]):
        raise failed_precondition(
            f"Private services access is not configured for network {body['network']}: create a private connection of"
            " it with servicenetworking.googleapis.com first."
        )
    rules.check_split(body.get("trafficSplit", {}), set(), "endpoint.traffic_split")
    name = Name(parent.project, parent.location, "endpoints", chosen or new_id())
    running = sandbox.operations.running(_CREATE, f"{name}/")
    if running or sandbox.store.get(ENDPOINT, str(name)):
        raise already_exists(f"Endpoint `{name}` already exists.")
    return started(
        call,
        _CREATE,
        f"{name}/operations/{new_id()}",
        sandbox.settings.operation_seconds,
        {"name": str(name), "endpoint": body},
        generic_metadata(sandbox, "CreateEndpointOperationMetadata"),
    )


@completion(_CREATE)
def _created(sandbox: Sandbox, operation: Json) -> Json:
    name, endpoint = operation["args"]["name"], dict(operation["args"]["endpoint"])
    endpoint.pop("trafficSplit", None)
    endpoint |= {"name": name, "createTime": sandbox.clock.stamp(operation["due"])}
    if endpoint.get("dedicatedEndpointEnabled"):
        parsed = parse(sandbox, name)
        host = f"{parsed.id}.{parsed.location}-{parsed.project}.prediction.vertexai.goog"
        endpoint["dedicatedEndpointDns"] = host
    save(sandbox, endpoint, at=operation["due"])
    return {"@type": TYPES + "Endpoint", **endpoint}


@method(_METHODS + "get")
def get(call: Call) -> Json:
    """The endpoint, its deployed models with their replicas as they are now."""
    _, endpoint = find(call.sandbox, call.params["name"])
    return shown(call, "Endpoint", replicas.with_status(call.sandbox, endpoint))


@method(_METHODS + "list")
def list_endpoints(call: Call) -> Json:
    """The endpoints of a location."""
    parent = parse(call.sandbox, call.params["parent"])
    every = call.sandbox.store.list(ENDPOINT, f"{parent}/endpoints/").values()
    named = [{**endpoint, "endpoint": endpoint["name"].rpartition("/")[2]} for endpoint in every]
    found = listing.filtered(named, call.query.get("filter", ""), _FILTERS)
    found = listing.ordered(found, call.query.get("orderBy", ""), ("displayName", "createTime", "updateTime"))
    chosen, token = listing.page(found, call.query, of=str(parent))
    read = listing.mask_paths(call.query.get("readMask", ""))
    answer: Json = {}
    if chosen:
        full = [shown(call, "Endpoint", replicas.with_status(call.sandbox, endpoint)) for endpoint in chosen]
        answer["endpoints"] = [_masked(endpoint, read) for endpoint in full]
    return {**answer, "nextPageToken": token} if token else answer


def _masked(endpoint: Json, paths: list[str]) -> Json:
    if not paths or "*" in paths:
        return endpoint
    result: Json = {}
    for path in paths:
        listing.apply_mask(result, endpoint, path)
    return result


@method(_METHODS + "patch")
def patch(call: Call) -> Json:
    """Changes the masked fields at once. An etag that is no longer current is 409 ABORTED."""
    sandbox, body = call.sandbox, call.body
    name, endpoint = find(sandbox, call.params["name"])
    before = copy.deepcopy(endpoint)
    paths = listing.mask_paths(call.query.get("updateMask", ""))
    if not paths:
        raise required("update_mask")
    if "*" in paths:
        paths = sorted(_MUTABLE & (body.keys() | endpoint.keys()))
    if body.get("etag") and body["etag"] != endpoint["etag"]:
        raise aborted(
            f"The etag of Endpoint `{endpoint['name']}` is {endpoint['etag']}, not {body['etag']}: it has been changed"
            " since it was read. Read it again and repeat the change."
        )
    for path in paths:
        if path == "etag":
            continue
        if path.partition(".")[0] not in _MUTABLE:
            raise invalid_argument(f"Field `{path}` of an Endpoint cannot be updated.", [("update_mask", path)])
        listing.apply_mask(endpoint, body, path)
    if not endpoint.get("displayName"):
        raise required("endpoint.display_name")
    deployed = {model["id"] for model in endpoint.get("deployedModels", [])}
    if any(path.partition(".")[0] == "trafficSplit" for path in paths):
        if endpoint.get("network") and endpoint.get("trafficSplit"):
            raise failed_precondition("Traffic split is not supported for Endpoints with network peering.")
        rules.check_split(endpoint.get("trafficSplit", {}), deployed, "endpoint.traffic_split")
    if not endpoint.get("trafficSplit"):
        endpoint.pop("trafficSplit", None)
    masked = {path.partition(".")[0] for path in paths}
    check_required(call, "Endpoint", {k: v for k, v in endpoint.items() if k in masked}, "endpoint")
    rules.check_labels(endpoint, "endpoint")
    rules.check_logging(endpoint.get("predictRequestResponseLoggingConfig", {}), _LOGGING)
    rules.check_connectivity(endpoint)
    connect.patched(sandbox, before, endpoint, name)
    save(sandbox, endpoint)
    return shown(call, "Endpoint", replicas.with_status(sandbox, endpoint))


@method(_METHODS + "delete")
def delete(call: Call) -> Json:
    """Starts the deletion; refused while a model is deployed or being deployed."""
    sandbox = call.sandbox
    name, endpoint = find(sandbox, call.params["name"])
    if endpoint.get("deployedModels") or sandbox.operations.running(rules.DEPLOY, f"{name}/"):
        raise failed_precondition(
            f"Endpoint {name} has deployed or being-deployed DeployedModel(s). Please undeploy them before deleting it."
        )
    return started(
        call,
        _DELETE,
        f"{name.parent}/operations/{new_id()}",
        sandbox.settings.operation_seconds,
        {"name": str(name)},
        generic_metadata(sandbox, "DeleteOperationMetadata"),
    )


@completion(_DELETE)
def _deleted(sandbox: Sandbox, operation: Json) -> Json:
    sandbox.store.delete(ENDPOINT, operation["args"]["name"])
    iam_policies.drop_policy(sandbox, operation["args"]["name"])
    return {"@type": "type.googleapis.com/google.protobuf.Empty"}
