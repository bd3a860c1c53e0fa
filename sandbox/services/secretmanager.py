"""secretmanager: secrets of a project, their versions and their payloads. Regional secrets are not imitated.

Rules: the discovery document's descriptions of secretmanager v1; cloud.google.com/secret-manager/docs/{etags,
data-integrity, access-control, managing-versions}. A payload is in no list, log or state; only `access` gives it.
"""

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING

import google_crc32c

from sandbox import listing, registry
from sandbox.errors import (
    GoogleError,
    Json,
    already_exists,
    error_info,
    failed_precondition,
    invalid_argument,
    not_found,
)
from sandbox.registry import Call, method
from sandbox.services import iam_policies
from sandbox.services.paging import page

if TYPE_CHECKING:
    from sandbox.core import Sandbox

KIND, VERSIONS = "secretmanager.secret", "secretmanager.version"
_METHODS = "secretmanager.projects.secrets."
_ID = r"[A-Za-z0-9_-]{1,255}"
_MOST_BYTES = 64 * 1024
_SETTABLE = ("annotations", "labels", "expireTime", "rotation", "topics", "versionAliases", "versionDestroyTtl")
# cloud.google.com/secret-manager/docs/filtering
_FILTERS = {"name": "= != :", "labels": "= != :"}
_VERSION_FILTERS = {"name": "= != :", "state": "= != :"}
_STATES = {"enable": "ENABLED", "disable": "DISABLED", "destroy": "DESTROYED"}

registry.needs_enabling("secretmanager")


@method(_METHODS + "create")
def create(call: Call) -> Json:
    """A new secret, without a version. Its replication must be said, and never changes."""
    project = call.params["parent"]
    _require(call, project, "secretmanager.secrets.create")
    secret_id = call.query.get("secretId", "")
    if not re.fullmatch(_ID, secret_id):
        raise invalid_argument(
            f"The provided Secret ID [{secret_id}] does not match the expected format [[a-zA-Z_0-9]+]."
        )
    kinds = [kind for kind in ("automatic", "userManaged") if kind in (call.body.get("replication") or {})]
    if len(kinds) != 1:
        raise invalid_argument("Secret.replication must be either automatic or user_managed.")
    name = f"{_parent(call.sandbox, project)}/secrets/{secret_id}"
    if call.sandbox.store.get(KIND, name) is not None:
        raise already_exists(f"Secret [{name}] already exists.")
    settable = {key: call.body[key] for key in _SETTABLE if key in call.body}
    now = call.sandbox.clock.stamp()
    secret = {"name": name, "replication": call.body["replication"], "createTime": now, **settable}
    return _put(call.sandbox, KIND, name, secret)


@method(_METHODS + "get")
def get(call: Call) -> Json:
    """A secret, without any payload."""
    return _secret(call, call.params["name"], "secretmanager.secrets.get")


@method(_METHODS + "list")
def list_secrets(call: Call) -> Json:
    """The secrets of a project."""
    _require(call, call.params["parent"], "secretmanager.secrets.list")
    prefix = f"{_parent(call.sandbox, call.params['parent'])}/secrets/"
    asked = call.query.get("filter", "")
    found = listing.filtered(list(call.sandbox.store.list(KIND, prefix).values()), asked, _FILTERS)
    return {**page(call, "secrets", found, 25000, 25000), "totalSize": len(found)}


@method(_METHODS + "patch")
def patch(call: Call) -> Json:
    """Changes what the mask names; the replication cannot change."""
    secret = _secret(call, call.params["name"], "secretmanager.secrets.update")
    _check_etag(secret, call.body.get("etag", ""))
    paths = listing.mask_paths(call.query.get("updateMask", ""))
    if not paths or any(path.partition(".")[0] not in _SETTABLE for path in paths):
        raise invalid_argument(f"The update mask {','.join(paths)!r} must name fields of a secret that can change.")
    for path in paths:
        listing.apply_mask(secret, call.body, path)
    return _put(call.sandbox, KIND, secret["name"], secret)


@method(_METHODS + "delete")
def delete(call: Call) -> Json:
    """Removes a secret with all of its versions and its policy."""
    secret = _secret(call, call.params["name"], "secretmanager.secrets.delete")
    _check_etag(secret, call.query.get("etag", ""))
    for name in call.sandbox.store.list(VERSIONS, f"{secret['name']}/versions/"):
        call.sandbox.store.delete(VERSIONS, name)
    iam_policies.drop_policy(call.sandbox, secret["name"])
    call.sandbox.store.delete(KIND, secret["name"])
    return {}


@method(_METHODS + "addVersion")
def add_version(call: Call) -> Json:
    """A new version with its payload, whose checksum is held to where one is given."""
    secret = _secret(call, call.params["parent"], "secretmanager.versions.add")
    payload = call.body.get("payload") or {}
    try:
        data = base64.b64decode(payload.get("data", ""), validate=True)
    except binascii.Error:
        raise invalid_argument("The secret payload is no base64.") from None
    if not data or len(data) > _MOST_BYTES:
        raise invalid_argument(f"The secret payload must have 1 to {_MOST_BYTES} bytes.")
    checksum = google_crc32c.value(data)
    given = payload.get("dataCrc32c")
    if given is not None and int(given) != checksum:
        raise invalid_argument("The data_crc32c checksum does not match the payload: it was corrupted on its way.")
    number = 1 + len(call.sandbox.store.list(VERSIONS, f"{secret['name']}/versions/"))
    name = f"{secret['name']}/versions/{number}"
    version = {
        "name": name,
        "createTime": call.sandbox.clock.stamp(),
        "state": "ENABLED",
        "replicationStatus": _replication_status(secret),
        "payload": {"data": base64.b64encode(data).decode(), "dataCrc32c": str(checksum)},
        **({"clientSpecifiedPayloadChecksum": True} if given is not None else {}),
    }
    return _shown(_put(call.sandbox, VERSIONS, name, version))


@method(_METHODS + "versions.access")
def access(call: Call) -> Json:
    """The payload of a version that is enabled."""
    version = _version(call, "secretmanager.versions.access")
    if version["state"] != "ENABLED":
        raise failed_precondition(f"Secret Version [{version['name']}] is in {version['state']} state.")
    return {"name": version["name"], "payload": version["payload"]}


@method(_METHODS + "versions.get")
def get_version(call: Call) -> Json:
    """A version, without its payload."""
    return _shown(_version(call, "secretmanager.versions.get"))


@method(_METHODS + "versions.list")
def list_versions(call: Call) -> Json:
    """The versions of a secret, the newest first."""
    secret = _secret(call, call.params["parent"], "secretmanager.versions.list")
    found = list(call.sandbox.store.list(VERSIONS, f"{secret['name']}/versions/").values())
    asked = call.query.get("filter", "")
    shown = [_shown(one) for one in listing.filtered(found[::-1], asked, _VERSION_FILTERS)]
    return {**page(call, "versions", shown, 25000, 25000), "totalSize": len(shown)}


@method(*(f"{_METHODS}versions.{verb}" for verb in _STATES))
def change_version(call: Call) -> Json:
    """Enables, disables or, for good and with its payload, destroys a version."""
    verb = call.method.name
    version = _version(call, f"secretmanager.versions.{verb}")
    _check_etag(version, call.body.get("etag", ""))
    if version["state"] == "DESTROYED":
        raise failed_precondition(f"Secret Version [{version['name']}] is in DESTROYED state.")
    version["state"] = _STATES[verb]
    if verb == "destroy":
        del version["payload"]
        version["destroyTime"] = call.sandbox.clock.stamp()
    return _shown(_put(call.sandbox, VERSIONS, version["name"], version))


@method(_METHODS + "getIamPolicy")
def get_policy(call: Call) -> Json:
    """Who may use the secret, beside those whom the project's policy lets."""
    secret = _secret(call, call.params["resource"], "secretmanager.secrets.getIamPolicy")
    version = int(call.query.get("options.requestedPolicyVersion", 0))
    return iam_policies.get_policy(call.sandbox, secret["name"], version)


@method(_METHODS + "setIamPolicy")
def set_policy(call: Call) -> Json:
    """Says who may use the secret."""
    secret = _secret(call, call.params["resource"], "secretmanager.secrets.setIamPolicy")
    return iam_policies.set_policy(call.sandbox, secret["name"], call.body.get("policy", {}))


@method(_METHODS + "testIamPermissions")
def test_permissions(call: Call) -> Json:
    """Which permissions the caller has on the secret."""
    return iam_policies.held(call, _canonical(call.sandbox, call.params["resource"]))


@registry.state_view(VERSIONS)
def _view(_name: str, value: Json, _seeded: Json | None) -> Json:
    return _shown(value)


def _parent(sandbox: "Sandbox", project: str) -> str:
    found = sandbox.project(project.split("/")[1]) or {}
    return f"projects/{found.get('projectNumber', '')}"


def _canonical(sandbox: "Sandbox", name: str) -> str:
    """The name with the project's number, as every answer has it."""
    return f"{_parent(sandbox, name)}/{name.split('/', 2)[2]}"


def _require(call: Call, resource: str, permission: str) -> None:
    """Secret Manager's 403, which does not say whether the resource exists."""
    if iam_policies.allowed(call.sandbox, call.principal.member, resource, permission):
        return
    named = next(iter(call.params.values()))
    raise GoogleError(
        403,
        "PERMISSION_DENIED",
        f"Permission '{permission}' denied for resource '{named}' (or it may not exist).",
        [error_info("IAM_PERMISSION_DENIED", {"permission": permission, "resource": named}, "iam.googleapis.com")],
    )


def _secret(call: Call, name: str, permission: str) -> Json:
    canonical = _canonical(call.sandbox, name)
    _require(call, canonical, permission)
    found = call.sandbox.store.get(KIND, canonical)
    if found is None:
        raise not_found(f"Secret [{canonical}] not found.")
    return found


def _version(call: Call, permission: str) -> Json:
    """The version by its number, an alias of the secret's, or "latest"."""
    parent, _, asked = call.params["name"].partition("/versions/")
    canonical = _canonical(call.sandbox, parent)
    _require(call, canonical, permission)
    secret = call.sandbox.store.get(KIND, canonical)
    versions = call.sandbox.store.list(VERSIONS, f"{canonical}/versions/")
    if secret is None or not versions:
        raise not_found(f"Secret [{canonical}] not found or has no versions.")
    number = str(len(versions)) if asked == "latest" else secret.get("versionAliases", {}).get(asked, asked)
    found = versions.get(f"{canonical}/versions/{number}")
    if found is None:
        raise not_found(f"Secret Version [{canonical}/versions/{asked}] not found.")
    return found


def _check_etag(resource: Json, given: str) -> None:
    if given and given != resource["etag"]:
        raise failed_precondition(
            f"The etag {given} is not that of [{resource['name']}], which has changed since: read it again."
        )


def _put(sandbox: "Sandbox", kind: str, name: str, value: Json) -> Json:
    """Writes it under a new etag, with quotes as part of it (aip/154), even where nothing changes."""
    before = sandbox.store.get(kind, name) or {}
    digest = hashlib.sha256(f"{name} {before.get('etag')} {sandbox.clock.stamp()}".encode()).hexdigest()
    kept = {**value, "etag": f'"{digest[:14]}"'}
    sandbox.store.put(kind, name, kept)
    return kept


def _shown(version: Json) -> Json:
    return {key: value for key, value in version.items() if key != "payload"}


def _replication_status(secret: Json) -> Json:
    managed = secret["replication"].get("userManaged")
    if managed is None:
        return {"automatic": {}}
    return {"userManaged": {"replicas": [{"location": one.get("location")} for one in managed.get("replicas", [])]}}
