"""What an endpoint's connectivity gives a deployed model: addresses and service attachments."""

import hashlib

from sandbox.errors import Json
from sandbox.services.aiplatform.names import Name


def attach(endpoint: Json, deployed: Json, name: Name) -> None:
    """Sets the private addresses that come with a deployed model, and with an endpoint's first one."""
    if endpoint.get("network"):
        base = f"http://{name.id}.aiplatform.googleapis.com/v1/models/{deployed['id']}"
        deployed["privateEndpoints"] = {
            "predictHttpUri": f"{base}:predict",
            "explainHttpUri": f"{base}:explain",
            "healthHttpUri": base,
        }
    config = endpoint.get("privateServiceConnectConfig")
    if not config or not config.get("enablePrivateServiceConnect"):
        return
    # Google runs the attachment in a project of its own, whose name ends in "-tp".
    digest = _digest(str(name))
    attachment = f"projects/{digest[:16]}-tp/regions/{name.location}/serviceAttachments/gkedpm-{digest[16:36]}"
    deployed["privateEndpoints"] = {"serviceAttachment": attachment}
    config["serviceAttachment"] = attachment
    for automation in config.get("pscAutomationConfigs", []):
        rule = f"sca-auto-fr-{_digest(str(name) + automation.get('network', ''))[:16]}"
        automation["forwardingRule"] = (
            f"projects/{automation.get('projectId', '')}/regions/{name.location}/forwardingRules/{rule}"
        )
        automation["ipAddress"] = _address(str(name) + automation.get("network", ""))
        automation["state"] = "PSC_AUTOMATION_STATE_SUCCESSFUL"


def detach(endpoint: Json) -> None:
    """Takes back what `attach` gave the endpoint, once its last model is gone."""
    config = endpoint.get("privateServiceConnectConfig") or {}
    config.pop("serviceAttachment", None)
    for automation in config.get("pscAutomationConfigs", []):
        for field in ("forwardingRule", "ipAddress", "state"):
            automation.pop(field, None)


def addresses(endpoint: Json) -> set[str]:
    """The addresses that answer this endpoint's predictions through Private Service Connect."""
    config = endpoint.get("privateServiceConnectConfig") or {}
    return {a["ipAddress"] for a in config.get("pscAutomationConfigs", []) if "ipAddress" in a}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _address(text: str) -> str:
    """A private address that stays the same for an endpoint and network."""
    number = int(_digest(text)[:6], 16)
    return f"10.{128 + number % 64}.{number // 64 % 256}.{2 + number // 16384 % 250}"
