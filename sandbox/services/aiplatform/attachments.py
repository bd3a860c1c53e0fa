"""The service attachments of endpoints with Private Service Connect: whose they are, and who may connect to them."""

from typing import TYPE_CHECKING

from sandbox.errors import Json
from sandbox.services.aiplatform.names import ENDPOINT

if TYPE_CHECKING:
    from sandbox.core import Sandbox


def endpoint_of(sandbox: "Sandbox", attachment: str) -> Json | None:
    """The endpoint that a service attachment exposes, while a model is deployed on it."""
    for endpoint in sandbox.store.list(ENDPOINT).values():
        if attachment and of(endpoint) == attachment:
            return endpoint
    return None


def of(endpoint: Json) -> str:
    """The endpoint's service attachment, or ""."""
    return str((endpoint.get("privateServiceConnectConfig") or {}).get("serviceAttachment", ""))


def allowlist(endpoint: Json) -> list[str]:
    """The projects whose forwarding rules the attachment accepts."""
    return list((endpoint.get("privateServiceConnectConfig") or {}).get("projectAllowlist", []))
