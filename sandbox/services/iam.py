"""iam: service accounts, their policies and their keys.

Rules: the discovery document's descriptions of iam v1 projects.serviceAccounts, cloud.google.com/iam/docs.
"""

import base64
import hashlib
import re
import secrets
from typing import TYPE_CHECKING

from sandbox import registry
from sandbox.errors import (
    RPC,
    GoogleError,
    Json,
    aborted,
    already_exists,
    invalid_argument,
    not_found,
    permission_denied,
)
from sandbox.registry import Call, method
from sandbox.services import iam_policies
from sandbox.services.paging import page

if TYPE_CHECKING:
    from sandbox.core import Sandbox

KIND = "serviceAccount"
_DELETED = "deletedServiceAccount"
# After 30 days a deleted account is gone for good (discovery, projects.serviceAccounts.undelete).
_KEPT_SECONDS = 30 * 24 * 3600
_ACCOUNT_ID = r"[a-z](?:[-a-z0-9]{4,28}[a-z0-9])"
_GET = "iam.serviceAccounts.get"
_LONGEST = {"displayName": 100, "description": 256}


@method("iam.projects.serviceAccounts.create")
def create(call: Call) -> Json:
    """A new account; its e-mail follows from its id and the project."""
    project = _project(call, call.params["name"])
    iam_policies.require(call, f"projects/{project['projectId']}", "iam.serviceAccounts.create")
    account_id = call.body.get("accountId", "")
    if not re.fullmatch(_ACCOUNT_ID, account_id):
        raise invalid_argument(
            f'The account ID "{account_id}" does not have a length between 6 and 30, or is not lowercase letters,'
            f" digits and dashes as in {_ACCOUNT_ID}."
        )
    wanted = {k: v for k, v in call.body.get("serviceAccount", {}).items() if k in _LONGEST}
    _check_lengths(wanted)
    email = f"{account_id}@{project['projectId']}.iam.gserviceaccount.com"
    if call.sandbox.store.get(KIND, email) is not None:
        raise already_exists(
            f"Service account {account_id} already exists within project projects/{project['projectId']}."
        )
    account = {**_new(project, email, secrets.token_hex(8)), **wanted}
    call.sandbox.store.put(KIND, email, account)
    return _shown(account)


@method("iam.projects.serviceAccounts.get")
def get(call: Call) -> Json:
    """An account by its e-mail or its unique id."""
    return _shown(_find(call, call.params["name"], "iam.serviceAccounts.get"))


@method("iam.projects.serviceAccounts.list")
def list_accounts(call: Call) -> Json:
    """The accounts of a project."""
    project = _project(call, call.params["name"])
    iam_policies.require(call, f"projects/{project['projectId']}", "iam.serviceAccounts.list")
    own = [a for a in call.sandbox.store.list(KIND).values() if a["projectId"] == project["projectId"]]
    return page(call, "accounts", [_shown(a) for a in own], default=20, most=100)


@method("iam.projects.serviceAccounts.patch")
def patch(call: Call) -> Json:
    """Changes the display name or the description, whichever the mask names."""
    account = _find(call, call.params["name"], "iam.serviceAccounts.update")
    wanted = call.body.get("serviceAccount", {})
    mask = [field.strip() for field in call.body.get("updateMask", "").split(",") if field.strip()]
    names = {"display_name": "displayName", "displayName": "displayName", "description": "description"}
    strange = [field for field in mask if field not in names]
    if not mask or strange:
        raise invalid_argument(f"The update mask {','.join(mask)!r} must name display_name, description, or both.")
    if wanted.get("etag") and wanted["etag"] != _etag(account):
        raise aborted("There were concurrent changes to the service account. Please retry the whole read-modify-write.")
    changes = {names[field]: wanted.get(names[field], "") for field in mask}
    _check_lengths(changes)
    account.update(changes)
    call.sandbox.store.put(KIND, account["email"], account)
    return _shown(account)


@method("iam.projects.serviceAccounts.enable")
def enable(call: Call) -> Json:
    """Lets the account be used again."""
    return _switch(call, "iam.serviceAccounts.enable", disabled=False)


@method("iam.projects.serviceAccounts.disable")
def disable(call: Call) -> Json:
    """Stops the account from being used."""
    return _switch(call, "iam.serviceAccounts.disable", disabled=True)


@method("iam.projects.serviceAccounts.delete")
def delete(call: Call) -> Json:
    """Deletes the account. Policies keep it as a deleted member, and it can be brought back by its unique id."""
    account = _find(call, call.params["name"], "iam.serviceAccounts.delete")
    email, unique_id = account["email"], account["uniqueId"]
    call.sandbox.store.delete(KIND, email)
    call.sandbox.store.put(_DELETED, unique_id, {**account, "deleted": call.sandbox.clock.now()})
    iam_policies.drop_policy(call.sandbox, _resource(account))
    iam_policies.rename_member(call.sandbox, *_members(account))
    return {}


@method("iam.projects.serviceAccounts.undelete")
def undelete(call: Call) -> Json:
    """Brings a deleted account back, by its unique id, unless another has taken its name."""
    unique_id = call.params["name"].rpartition("/")[2]
    account = call.sandbox.store.get(_DELETED, unique_id)
    if account is None or call.sandbox.clock.now() > account.pop("deleted") + _KEPT_SECONDS:
        raise not_found(f"Unknown service account: there is no deleted one with the unique id {unique_id}.")
    iam_policies.require(call, f"projects/{account['projectId']}", "iam.serviceAccounts.undelete")
    email = account["email"]
    if call.sandbox.store.get(KIND, email) is not None:
        raise already_exists(f"Service account {email} was created anew, so the deleted one cannot come back.")
    call.sandbox.store.delete(_DELETED, unique_id)
    call.sandbox.store.put(KIND, email, account)
    alive, deleted = _members(account)
    iam_policies.rename_member(call.sandbox, deleted, alive)
    return {"restoredAccount": _shown(account)}


@method("iam.projects.serviceAccounts.getIamPolicy")
def get_policy(call: Call) -> Json:
    """Who may use the account."""
    account = _find(call, call.params["resource"], "iam.serviceAccounts.getIamPolicy")
    version = int(call.query.get("options.requestedPolicyVersion", 0))
    return iam_policies.get_policy(call.sandbox, _resource(account), version)


@method("iam.projects.serviceAccounts.setIamPolicy")
def set_policy(call: Call) -> Json:
    """Says who may use the account."""
    account = _find(call, call.params["resource"], "iam.serviceAccounts.setIamPolicy")
    return iam_policies.set_policy(call.sandbox, _resource(account), call.body.get("policy", {}))


@method("iam.projects.serviceAccounts.testIamPermissions")
def test_permissions(call: Call) -> Json:
    """Which permissions the caller has on the account."""
    return iam_policies.held(call, _resource(_find(call, call.params["resource"], "")))


@method("iam.projects.serviceAccounts.keys.list")
def list_keys(call: Call) -> Json:
    """No account has a key: none can be made."""
    _find(call, call.params["name"], "iam.serviceAccountKeys.list")
    return {}


@method("iam.projects.serviceAccounts.keys.create")
def create_key(call: Call) -> Json:
    """Refused, as in every organization made since 2024: its policy forbids keys."""
    account = _find(call, call.params["name"], "iam.serviceAccountKeys.create")
    violation = {
        "type": "constraints/iam.disableServiceAccountKeyCreation",
        "subject": f"{_resource(account)}?configvalue={account['email']}",
        "description": "Service account key creation is disabled by the organization policy.",
    }
    detail = {"@type": RPC + "PreconditionFailure", "violations": [violation]}
    raise GoogleError(400, "FAILED_PRECONDITION", "Key creation is not allowed on this service account.", [detail])


@registry.seed
def _seed(sandbox: "Sandbox") -> None:
    """The default compute account."""
    for project in sandbox.store.list("project").values():
        email = f"{project['projectNumber']}-compute@developer.gserviceaccount.com"
        account = _new(project, email, "")
        sandbox.store.put(KIND, email, {**account, "displayName": "Compute Engine default service account"})


@registry.state_view(_DELETED)
def _hidden(_name: str, _value: Json, _seeded: Json | None) -> None:
    """A deleted account is gone, though it could be brought back."""


def _switch(call: Call, permission: str, *, disabled: bool) -> Json:
    account = _find(call, call.params["name"], permission)
    account["disabled"] = disabled
    call.sandbox.store.put(KIND, account["email"], account)
    return {}


def _new(project: Json, email: str, salt: str) -> Json:
    digest = hashlib.sha256(f"{email} {salt}".encode()).hexdigest()
    return {"projectId": project["projectId"], "email": email, "uniqueId": str(10**20 + int(digest, 16) % 10**20)}


def _project(call: Call, name: str) -> Json:
    return call.sandbox.require_project(name.split("/")[1], "iam")


def _resource(account: Json) -> str:
    return f"projects/{account['projectId']}/serviceAccounts/{account['email']}"


def _members(account: Json) -> tuple[str, str]:
    """The account as a member of policies: alive, and deleted."""
    alive = f"serviceAccount:{account['email']}"
    return alive, f"deleted:{alive}?uid={account['uniqueId']}"


def _find(call: Call, name: str, permission: str) -> Json:
    """The account of a name: e-mail or unique id, in its project or in "-"."""
    _, project, _, account_id = name.split("/")
    store = call.sandbox.store
    found = store.get(KIND, account_id)
    if found is None and account_id.isdigit():
        found = next((a for a in store.list(KIND).values() if a["uniqueId"] == account_id), None)
    if found is None or (project != "-" and project != found["projectId"] and not _is_number_of(call, project, found)):
        if project == "-":
            # As discovery warns of the wildcard: a 403, though there is no such account.
            raise permission_denied(f"Permission '{permission or _GET}' denied on resource (or it may not exist).")
        raise not_found("Unknown service account")
    if permission:
        iam_policies.require(call, _resource(found), permission)
    return found


def _is_number_of(call: Call, project: str, account: Json) -> bool:
    owner = call.sandbox.project(project)
    return owner is not None and owner["projectId"] == account["projectId"]


def _check_lengths(fields: Json) -> None:
    for name, most in _LONGEST.items():
        length = len(fields.get(name, "").encode())
        if length > most:
            raise invalid_argument(f"{name} has {length} UTF-8 bytes; {most} is the most.")


def _etag(account: Json) -> str:
    digest = hashlib.sha256(repr(sorted(account.items())).encode()).digest()
    return base64.b64encode(digest[:8]).decode()


def _shown(account: Json) -> Json:
    return {
        "name": _resource(account),
        "etag": _etag(account),
        "oauth2ClientId": account["uniqueId"],
        **{k: v for k, v in account.items() if v not in ("", False)},
    }
