"""Cloud Audit Logs: entries as Cloud Logging keeps them (cloud.google.com/logging/docs/audit/understanding-audit-logs).

Written here are policy-denied entries alone, of which a perimeter's violations are the ones that the sandbox knows.
"""

import secrets
from typing import TYPE_CHECKING

from sandbox import registry
from sandbox.errors import GoogleError, Json
from sandbox.registry import Call
from sandbox.services.aiplatform import permissions

if TYPE_CHECKING:
    from sandbox.core import Sandbox

ENTRY = "logEntry"
POLICY_LOG = "cloudaudit.googleapis.com%2Fpolicy"
_MOST_KEPT = 10_000
_TRIMMED_AFTER = 1_000


@registry.state_view(ENTRY)
def _hidden(_name: str, _value: Json, _seeded: Json | None) -> None:
    """A log is history, no resource."""


def method_name(call: Call) -> str:
    """The method as audit logs name it: the gRPC name for Vertex AI, else the discovery id."""
    if call.service == "aiplatform":
        return permissions.rpc_of(call.method_id, call.version)
    return call.method_id


def resource_names(call: Call) -> list[str]:
    """The resources that the call names."""
    return [value for value in call.params.values() if "/" in value] or sorted(call.params.values())


def write_refusal(call: Call, project: Json, error: GoogleError, metadata: Json) -> None:
    """Writes the policy-denied entry of a call: of one that was refused, or of one that a dry run would refuse."""
    service = f"{call.service}.googleapis.com"
    payload: Json = {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "serviceName": service,
        "methodName": method_name(call),
        "resourceName": f"projects/{project['projectNumber']}",
        "authenticationInfo": _authentication(call),
        "requestMetadata": {
            "callerIp": "private" if call.principal.network else call.address,
            "callerSuppliedUserAgent": call.headers.get("user-agent", ""),
            "requestAttributes": {},
            "destinationAttributes": {},
        },
        "status": error.rpc_status(),
        "metadata": metadata,
    }
    labels = {"project_id": project["projectId"], "service": service, "method": method_name(call)}
    _write(
        call.sandbox,
        project,
        POLICY_LOG,
        {
            "protoPayload": payload,
            "resource": {"type": "audited_resource", "labels": labels},
            "severity": "ERROR",
        },
    )


def _authentication(call: Call) -> Json:
    member = call.principal.member
    return {"principalSubject": member} if member.startswith("principal:") else {"principalEmail": call.principal.email}


def _write(sandbox: "Sandbox", project: Json, log: str, entry: Json) -> None:
    now = sandbox.clock.stamp()
    insert_id = secrets.token_hex(8)
    full = {
        "insertId": insert_id,
        "logName": f"projects/{project['projectId']}/logs/{log}",
        "timestamp": now,
        "receiveTimestamp": now,
        **entry,
    }
    sandbox.store.put(ENTRY, f"{now} {insert_id}", full)
    written = sandbox.memory["logEntries"] = sandbox.memory.get("logEntries", 0) + 1
    if written % _TRIMMED_AFTER == 0:  # to look through the log is dear
        for name in list(sandbox.store.list(ENTRY))[:-_MOST_KEPT]:
            sandbox.store.delete(ENTRY, name)
