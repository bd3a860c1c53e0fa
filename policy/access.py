"""Rules on keys, grants and labels."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Final

from policy.rule import CONFIG_MAP, DATASET, ENDPOINT, SECRET, SECRET_VERSION, Context, Resource

KEYS: Final = {
    "gcp:serviceaccount/key:Key": "a service account key",
    "gcp:serviceAccount/key:Key": "a service account key",
    "gcp:storage/hmacKey:HmacKey": "an HMAC key of a service account",
}
LABELLED: Final = {
    ENDPOINT: "labels",
    DATASET: "labels",
    "gcp:compute/address:Address": "labels",
    "gcp:compute/forwardingRule:ForwardingRule": "labels",
    "gcp:compute/globalAddress:GlobalAddress": "labels",
    "gcp:dns/managedZone:ManagedZone": "labels",
    "gcp:monitoring/alertPolicy:AlertPolicy": "userLabels",
    "gcp:monitoring/customService:CustomService": "userLabels",
    "gcp:monitoring/notificationChannel:NotificationChannel": "userLabels",
    "gcp:monitoring/slo:Slo": "userLabels",
    "gcp:networkconnectivity/serviceConnectionPolicy:ServiceConnectionPolicy": "labels",
    "gcp:secretmanager/secret:Secret": "labels",
}
"""What takes labels, and in which field."""
PUBLIC: Final = ("allUsers", "allAuthenticatedUsers")
REQUIRED_LABELS: Final = ("environment",)
PRIMITIVE_ROLES: Final = ("roles/owner", "roles/editor", "roles/viewer")

# pulumi-gcp writes both iAMPolicy:IAMPolicy and aiEndpointIamPolicy:AiEndpointIamPolicy.
_IAM: Final = re.compile(r"gcp:[^:]+:\w*I(?:AM|am)(Policy|Binding|Member)")


def no_service_account_keys(resource: Resource, _context: Context) -> Iterator[str]:
    """Neither made by the stack, nor carried into the cluster by it."""
    if resource.type in KEYS:
        yield (
            f"{resource.name} is {KEYS[resource.type]}: remove it, and let the Kubernetes service account act as the "
            "Google one (gemini-vertex:workloadIdentity)."
        )
    if resource.type == SECRET_VERSION and _is_key_file(resource.text("secretData")):
        yield (
            f"{resource.name} keeps a service account's key file in Secret Manager: remove it, disable that key "
            "(`gcloud iam service-accounts keys disable`), and use Workload Identity."
        )
    if resource.type in (CONFIG_MAP, SECRET):
        for field in ("data", "stringData", "binaryData"):
            entries = resource.properties.get(field)
            for key, value in entries.items() if isinstance(entries, Mapping) else ():
                if isinstance(value, str) and _is_key_file(value):
                    yield (
                        f"{resource.name} holds a service account's key file in {field}.{key}: remove it, disable that "
                        "key (`gcloud iam service-accounts keys disable`), and use Workload Identity."
                    )


def no_public_members(resource: Resource, _context: Context) -> Iterator[str]:
    """Whoever has, or makes, a Google account is allAuthenticatedUsers."""
    given = [resource.properties.get("member"), resource.properties.get("members")]
    accesses = resource.properties.get("accesses") if resource.type == DATASET else None
    for access in (resource.properties, *(accesses if isinstance(accesses, list) else ())):
        if isinstance(access, Mapping):
            given += [access.get("specialGroup"), access.get("iamMember")]
    named = [each for value in given for each in (value if isinstance(value, list) else [value])]
    for who in PUBLIC:
        if resource.type.startswith("gcp:") and who in named:
            everybody = "everybody" if who == "allUsers" else "whoever has a Google account"
            yield f"{resource.name} is open to {everybody} ({who}): name the accounts or groups that need it."


def no_authoritative_iam(resource: Resource, _context: Context) -> Iterator[str]:
    """IAMPolicy and IAMBinding replace what they do not know of."""
    found = _IAM.fullmatch(resource.type)
    if found and found[1] != "Member":
        what = "every other grant on it" if found[1] == "Policy" else "every other member of the role"
        yield (
            f"{resource.name} ({resource.type.rpartition(':')[2]}) removes {what}, whoever made it: use the IAMMember "
            "resource of the same kind, one for each member."
        )


def no_primitive_roles(resource: Resource, _context: Context) -> Iterator[str]:
    """Owner, editor and viewer reach far beyond Vertex AI."""
    role = resource.text("role")
    if resource.type.startswith("gcp:") and role in PRIMITIVE_ROLES:
        yield (
            f"{resource.name} grants {role}: grant the narrowest role that does the job; to predict, that is the "
            "custom role of gemini-vertex:workloadIdentity.role predict-only."
        )


def labels(resource: Resource, _context: Context) -> Iterator[str]:
    """Bills and audits are split by labels."""
    if resource.type not in LABELLED:
        return
    found = resource.properties.get(LABELLED[resource.type]) or {}
    missing = [label for label in REQUIRED_LABELS if isinstance(found, Mapping) and label not in found]
    if missing:
        yield (
            f"{resource.name} has no label {', '.join(missing)}: "
            f"`pulumi config set --path gemini-vertex:labels.{missing[0]} VALUE`."
        )


def _is_key_file(text: str) -> bool:
    """Whether this is a service account's JSON key, as it is or in base64 as Kubernetes keeps it."""
    try:
        plain = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        plain = ""
    return any("private_key" in form and "service_account" in form for form in (text, plain))
