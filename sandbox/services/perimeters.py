"""Service perimeters at work: who is inside, what is refused, and what a dry run only writes down.

Inside is what comes from a project of the perimeter: the sandbox takes a call to come from a project when its token was
given by the metadata server of a machine or pod of that project (`sandbox run --as-pod`, or default credentials under
`sandbox run`), or when it was sent to an address that only the project's network has (Private Service Connect, a peered
endpoint). Everybody else is outside: the deployer at a keyboard or in a pipeline, whatever roles they have, and so is a
person who got a service account's token by impersonation, and whoever calls with an API key alone, which stands for its
project. They get in where they meet one of the perimeter's access levels, or where an ingress rule lets them.

What a perimeter says is enforced at once; at Google that takes up to 30 minutes. There is one project, so nothing here
can break an egress rule. Sources: cloud.google.com/vpc-service-controls/docs/{overview, ingress-egress-rules,
dry-run-mode, troubleshooting, use-access-levels, vpc-accessible-services}.
"""

import re
import secrets
from typing import TYPE_CHECKING

from sandbox import api_keys
from sandbox.errors import RPC, GoogleError, Json, error_info
from sandbox.registry import Call
from sandbox.services import audit, level_conditions, private_path
from sandbox.services.aiplatform import hosts
from sandbox.services.aiplatform.names import ENDPOINT
from sandbox.services.policy_parts import LEVELS

if TYPE_CHECKING:
    from sandbox.core import Sandbox

PERIMETER = "servicePerimeter"
_UNREACHABLE = "SERVICE_NOT_ALLOWED_FROM_VPC"
_GOOGLE_HOST = re.compile(r"(?:.*\.)?googleapis\.com|.*\.vertexai\.goog")


def check(call: Call) -> None:
    """Refuses what an enforced perimeter forbids, and writes an audit entry for every violation, a dry run's too."""
    perimeters = call.sandbox.store.list(PERIMETER)
    project = project_of(call) if perimeters else None
    if project is None:
        return
    origin = origin_of(call)
    refused = None
    for name, perimeter in perimeters.items():
        enforced = _violation(call, perimeter.get("status", {}), project, origin)
        if enforced:
            refused = _write(call, name, project, enforced, dry_run=False)
        elif perimeter.get("useExplicitDryRunSpec"):
            would_be = _violation(call, perimeter.get("spec", {}), project, origin)
            if would_be:
                _write(call, name, project, would_be, dry_run=True)
    # The entries must outlive the refusal, with which all that the call itself wrote is taken back.
    call.sandbox.store.commit()
    if refused:
        raise refusal(call, project, refused)


def project_of(call: Call) -> Json | None:
    """The project whose resource the call is about, or that its API key stands for, or None."""
    for value in call.params.values():
        named = re.match(r"projects/([^/]+)", value)
        project = call.sandbox.project(named.group(1)) if named else None
        owner = re.search(r"@([^.@]+)\.iam\.gserviceaccount\.com", value)
        project = project or (call.sandbox.project(owner.group(1)) if owner else None)
        if project:
            return project
    given = call.params.get("project") or call.params.get("projectId")
    key = "" if call.principal.email else api_keys.given(call.headers, call.query)
    given = given or (api_keys.project_of(key, call.service) if key else "")
    return call.sandbox.project(given) if given else None


def origin_of(call: Call) -> str:
    """The number of the project in whose network the call began, "" outside of all."""
    if call.principal.network or not call.host:
        return call.principal.network
    private = (
        private_path.is_private(call.host)
        or not _GOOGLE_HOST.fullmatch(call.host)
        or _is_peered(call.sandbox, call.host)
    )
    project = project_of(call) if private else None
    return str(project["projectNumber"]) if project else ""


def refusal(call: Call, project: Json, unique_id: str) -> GoogleError:
    """Google's 403, with the identifier by which its audit entry is found."""
    metadata = {
        "uid": unique_id,
        "service": f"{call.service}.googleapis.com",
        "consumer": f"projects/{project['projectNumber']}",
    }
    violation = {"type": "VPC_SERVICE_CONTROLS", "description": unique_id}
    return GoogleError(
        403,
        "PERMISSION_DENIED",
        f"Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: {unique_id}",
        [
            {"@type": RPC + "PreconditionFailure", "violations": [violation]},
            error_info("SECURITY_POLICY_VIOLATED", metadata),
        ],
    )


def _violation(call: Call, config: Json, project: Json, origin: str) -> str:
    """Why the call breaks this side of a perimeter, in the audit log's word; "" where it does not."""
    service, inside = f"{call.service}.googleapis.com", f"projects/{project['projectNumber']}"
    if inside not in config.get("resources", []):
        return ""
    if origin and f"projects/{origin}" in config["resources"]:
        accessible = config.get("vpcAccessibleServices", {})
        if accessible.get("enableRestriction") and not _accessible(service, accessible, config):
            return _UNREACHABLE
        return ""
    if not _restricted(service, config):
        return ""
    if any(_meets(call, level, origin) for level in config.get("accessLevels", [])):
        return ""
    if any(_lets_in(rule, call, project, origin) for rule in config.get("ingressPolicies", [])):
        return ""
    return "NETWORK_NOT_IN_SAME_SERVICE_PERIMETER" if origin else "NO_MATCHING_ACCESS_LEVEL"


def _restricted(service: str, config: Json) -> bool:
    return service in config.get("restrictedServices", [])


def _accessible(service: str, accessible: Json, config: Json) -> bool:
    allowed = accessible.get("allowedServices", [])
    return service in allowed or ("RESTRICTED-SERVICES" in allowed and _restricted(service, config))


def _lets_in(rule: Json, call: Call, project: Json, origin: str) -> bool:
    """Whether an ingress rule lets the call in: by who calls, from where, what is called, and how."""
    coming, going = rule.get("ingressFrom", {}), rule.get("ingressTo", {})
    return (
        _is_one_of(call, coming)
        and any(_is_from(call, source, origin) for source in coming.get("sources", []))
        and any(r in ("*", f"projects/{project['projectNumber']}") for r in going.get("resources", []))
        and any(_covers(operation, call) for operation in going.get("operations", []))
    )


def _is_one_of(call: Call, coming: Json) -> bool:
    member = call.principal.member
    kinds = {"user": "ANY_USER_ACCOUNT", "serviceAccount": "ANY_SERVICE_ACCOUNT"}
    # An API key alone is nobody's.
    kind = kinds.get(member.partition(":")[0], "none") if call.principal.email else "none"
    return member in coming.get("identities", []) or coming.get("identityType") in ("ANY_IDENTITY", kind)


def _is_from(call: Call, source: Json, origin: str) -> bool:
    """ "*" is anywhere, an access level the internet from where it is met, a resource a project's network."""
    level = source.get("accessLevel", "")
    if level:
        return level == "*" or _meets(call, level, origin)
    return bool(origin) and source.get("resource") == f"projects/{origin}"


def _meets(call: Call, level: str, origin: str) -> bool:
    """Access levels are for calls from the internet; those from a network need an ingress rule that names it."""
    policy = level.partition("/accessLevels/")[0]
    return not origin and level_conditions.met(call, level, call.sandbox.store.list(LEVELS.kind, f"{policy}/"))


def _covers(operation: Json, call: Call) -> bool:
    if operation.get("serviceName") == "*":
        return True
    if operation.get("serviceName") != f"{call.service}.googleapis.com":
        return False
    names = {"*", audit.method_name(call), audit.method_name(call).partition(f".{call.version}.")[2]}
    return any(selector.get("method") in names for selector in operation.get("methodSelectors", []))


def _write(call: Call, perimeter: str, project: Json, reason: str, *, dry_run: bool) -> str:
    """Writes the audit entry of a violation and returns its unique identifier."""
    unique_id = secrets.token_urlsafe(40)
    number = project["projectNumber"]
    metadata: Json = {
        "@type": "type.googleapis.com/google.cloud.audit.VpcServiceControlAuditMetadata",
        "vpcServiceControlsUniqueId": unique_id,
        "violationReason": reason,
        "resourceNames": audit.resource_names(call),
        "securityPolicyInfo": {
            "organizationId": project["organization"],
            "servicePerimeterName": perimeter,
        },
        "deviceState": "Unknown",
    }
    if reason != _UNREACHABLE:
        metadata["ingressViolations"] = [{"targetResource": f"projects/{number}", "servicePerimeter": perimeter}]
    if dry_run:
        metadata["dryRun"] = True
    audit.write_refusal(call, project, refusal(call, project, unique_id), metadata)
    return unique_id


def _is_peered(sandbox: "Sandbox", host: str) -> bool:
    return any(host == hosts.peered_host(endpoint) for endpoint in sandbox.store.list(ENDPOINT).values())
