"""What every call passes: its account must be alive, the perimeters must let it through, and it must be permitted.

The order is Google's: an enforced perimeter refuses whoever has every permission. Vertex AI's permissions are asked for
here, by method; the functions of the other services ask for theirs themselves, as each words its refusal differently.
"""

import re

from sandbox import registry
from sandbox.errors import RPC, GoogleError, Json, error_info
from sandbox.identity import unauthenticated
from sandbox.registry import Call
from sandbox.services import iam_policies, iam_roles, perimeters, private_path, workload_identity
from sandbox.services.aiplatform.permissions import permission_of

_OWN_ACCOUNT = re.compile(r"[^@]+@([^.]+)\.iam\.gserviceaccount\.com")


@registry.gate
def check(call: Call) -> None:
    """Refuses a call as Google does: 401 for a dead account, 403 by a perimeter, 403 for want of a permission."""
    if call.host.endswith(".googleapis.com") and call.principal.network:
        project = call.sandbox.project(call.principal.network) or {}
        private_path.check_google_api(call.sandbox, call.host, call.service, project.get("projectId", ""))
    _check_account(call)
    perimeters.check(call)
    # Everybody may ask what they may do.
    if call.service == "aiplatform" and call.method.name != "testIamPermissions":
        _check_permission(call)


def _check_account(call: Call) -> None:
    """A token outlives a disabled or deleted service account, but is worth nothing (google.api.ErrorReason)."""
    email = call.principal.email
    owner = _OWN_ACCOUNT.fullmatch(email)
    if not owner or call.sandbox.project(owner.group(1)) is None:
        return
    account = call.sandbox.store.get("serviceAccount", email)
    if account is None or account.get("disabled"):
        raise unauthenticated(
            "Request had invalid authentication credentials.", "ACCOUNT_STATE_INVALID", call.service, call.method_id
        )


def _check_permission(call: Call) -> None:
    resource = next((value for value in call.params.values() if value.startswith("projects/")), "")
    if not resource:  # what belongs to no project, such as a publisher's model, has no policy
        return
    permission = permission_of(call.method_id)
    if iam_policies.allowed(call.sandbox, call.principal.member, resource, permission):
        return
    metadata = {"permission": permission, "resource": resource}
    raise GoogleError(
        403,
        "PERMISSION_DENIED",
        f"Permission '{permission}' denied on resource '//aiplatform.googleapis.com/{resource}' (or it may not exist).",
        [
            error_info("IAM_PERMISSION_DENIED", metadata, "aiplatform.googleapis.com"),
            _debug_info(call, resource, permission),
        ],
    )


def _debug_info(call: Call, resource: str, permission: str) -> Json:
    """The sandbox's own words on what is missing; Google leaves google.rpc.DebugInfo to whoever debugs."""
    sandbox, member = call.sandbox, call.principal.member
    roles = " or ".join(iam_roles.granting(permission)[:2]) or "a role"
    project = sandbox.project(resource.split("/")[1]) or {}
    missing = (
        f"No policy grants {permission} to {member}: give it {roles}, or a custom role with that permission, on"
        f" project {project.get('projectId', resource.split('/')[1])}."
    )
    why = workload_identity.unannotated(sandbox, member)
    return {"@type": RPC + "DebugInfo", "detail": f"{why} {missing}" if why else missing}
