"""What all of compute's resources share: their links, names and permissions, and operations with a status."""

import base64
import hashlib
import json
import re
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sandbox import registry
from sandbox.errors import GoogleError, Json, already_exists, invalid_argument, not_found
from sandbox.operations import KIND as OPERATION
from sandbox.operations import completion
from sandbox.registry import Call, method, not_imitated
from sandbox.services import iam_policies
from sandbox.services.paging import page

if TYPE_CHECKING:
    from sandbox.core import Sandbox

NETWORK, SUBNETWORK, ADDRESS, FORWARDING_RULE = "network", "subnetwork", "address", "forwardingRule"
BASE = "https://www.googleapis.com/compute/v1/"
_NAME = r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?"
_CHANGE = "compute.change"

registry.needs_enabling("compute")


def project_of(call: Call, *permissions: str) -> str:
    """The id of the call's project; 403 for the first of the permissions that the caller has not there."""
    project: str = call.sandbox.require_project(call.params["project"], "compute")["projectId"]
    for permission in permissions:
        if not iam_policies.allowed(call.sandbox, call.principal.member, f"projects/{project}", permission):
            raise GoogleError(403, "PERMISSION_DENIED", f"Required '{permission}' permission for 'projects/{project}'")
    return project


def scope(call: Call, project: str) -> str:
    """projects/P/regions/R or projects/P/global, as the call's path says."""
    return (
        f"projects/{project}/regions/{call.params['region']}"
        if "region" in call.params
        else f"projects/{project}/global"
    )


def find(sandbox: "Sandbox", kind: str, path: str) -> Json:
    """The resource; compute's 404 where there is none."""
    found = sandbox.store.get(kind, path)
    if found is None:
        raise not_found(f"The resource '{path}' was not found")
    return found


def path_of(reference: str, project: str, parent: str, collection: str) -> str:
    """projects/… of a reference: a full or partial link, or a bare name in `parent` (projects/P/regions/R)."""
    reference = reference[reference.find("projects/") :] if "projects/" in reference else reference
    if reference.startswith("projects/"):
        return reference
    if "/" in reference:
        return f"projects/{project}/{reference}"
    return f"{parent}/{collection}/{reference}"


def new(call: Call, kind: str, parent: str, collection: str, name_rule: str = _NAME) -> Json:
    """The common fields of a resource that is to be made below `parent`; 400 for its name, 409 where it is taken."""
    name = call.body.get("name", "")
    if not re.fullmatch(name_rule, name):
        raise invalid_argument(
            f"Invalid value for field 'resource.name': '{name}'. Must be a match of regex '{name_rule}'"
        )
    path = f"{parent}/{collection}/{name}"
    if call.sandbox.store.get(kind, path) is not None:
        raise already_exists(f"The resource '{path}' already exists")
    described = {"description": call.body["description"]} if "description" in call.body else {}
    return {**made(kind, path, call.sandbox.clock.now()), **described}


def made(kind: str, path: str, when: float) -> Json:
    """What compute itself gives a resource that is made at `when`."""
    region = {"region": BASE + path.rsplit("/", 2)[0]} if "/regions/" in path else {}
    return {
        "kind": f"compute#{kind}",
        "id": number(),
        "creationTimestamp": stamp(when),
        "name": path.rpartition("/")[2],
        "selfLink": BASE + path,
        **region,
    }


def in_use(path: str, by: str) -> GoogleError:
    """The 400 of a resource that another one stands on."""
    message = f"The {path.split('/')[-2][:-1]} resource '{path}' is already being used by '{by}'"
    return GoogleError(400, "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", message)


def listed(call: Call, kind: str, parent: str, collection: str, items: list[Json]) -> Json:
    """A page of a list, in compute's shape."""
    if call.query.get("filter") and kind != NETWORK:
        raise not_imitated(call, "the filter")
    answer = page(call, "items", items, 500, 500)
    path = f"{parent}/{collection}"
    return {"kind": f"compute#{kind}List", "id": path, "selfLink": BASE + path, **answer}


def start(call: Call, verb: str, kind: str, resource: Json) -> Json:
    """Starts the operation that puts (or deletes, as `verb` says) the resource; answers as compute shows it."""
    name = f"operation-{int(call.sandbox.clock.now() * 1000)}-{secrets.token_hex(8)}"
    where = resource["selfLink"].removeprefix(BASE).rsplit("/", 2)[0]
    key = f"compute/{where}/{name}"
    args = {"verb": verb, "kind": kind, "resource": resource, "user": call.principal.email, "id": number()}
    call.sandbox.operations.start(_CHANGE, key, call.sandbox.settings.operation_seconds, args)
    return _shown(where, find(call.sandbox, OPERATION, key))


@completion(_CHANGE)
def _change(sandbox: "Sandbox", operation: Json) -> Json:
    args = operation["args"]
    path = args["resource"]["selfLink"].removeprefix(BASE)
    if args["verb"] == "delete":
        sandbox.store.delete(args["kind"], path)
    else:
        sandbox.store.put(args["kind"], path, args["resource"])
    return {}


@method(
    *("compute.globalOperations.get", "compute.globalOperations.wait"),
    *("compute.regionOperations.get", "compute.regionOperations.wait"),
)
def get_operation(call: Call) -> Json:
    """An operation; `wait` answers at once here, which Google allows it to."""
    where = "region" if "region" in call.params else "global"
    parent = scope(call, project_of(call, f"compute.{where}Operations.get"))
    record = call.sandbox.store.get(OPERATION, f"compute/{parent}/{call.params['operation']}")
    if record is None:
        raise not_found(f"The resource '{parent}/operations/{call.params['operation']}' was not found")
    return _shown(parent, record)


def _shown(where: str, record: Json) -> Json:
    """The operation in compute's own shape: a status, not `done`."""
    name = record["name"].rpartition("/")[2]
    done = record["state"] != "running"
    args = record["args"]
    shown = {
        "kind": "compute#operation",
        "id": args["id"],
        "name": name,
        "operationType": args["verb"],
        "targetLink": args["resource"]["selfLink"],
        "targetId": args["resource"]["id"],
        "status": "DONE" if done else "RUNNING",
        "user": args["user"],
        "progress": 100 if done else 0,
        "insertTime": stamp(record["started"]),
        "startTime": stamp(record["started"]),
        "selfLink": f"{BASE}{where}/operations/{name}",
        **({"region": BASE + where} if "/regions/" in where else {}),
    }
    if record.get("error"):
        error = record["error"]
        shown |= {"error": {"errors": [{"code": str(error["code"]), "message": error["message"]}]}}
    return {**shown, "endTime": stamp(record["ended"])} if done else shown


def fingerprint(value: Json) -> str:
    """A hash as compute gives of what a change must know the present state of."""
    known = json.dumps(value, sort_keys=True).encode()
    return base64.b64encode(hashlib.blake2b(known, digest_size=8).digest()).decode()


def label_fingerprint(resource: Json) -> str:
    """The fingerprint of a resource's labels; that of none is Google's own."""
    labels = resource.get("labels")
    return fingerprint(labels) if labels else "42WmSpB8rSM="


def check_fingerprint(given: str, current: str) -> None:
    """Compute's 412 unless the caller knows the present state (discovery: `fingerprint`, `labelFingerprint`)."""
    if given != current:
        raise GoogleError(412, "CONDITION_NOT_MET", "Supplied fingerprint does not match current metadata fingerprint.")


def number() -> str:
    """An id as compute gives them."""
    return str(10**18 + secrets.randbelow(8 * 10**18))


def stamp(seconds: float) -> str:
    """A time as compute writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
