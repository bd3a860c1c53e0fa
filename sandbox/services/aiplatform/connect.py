"""What an endpoint's connectivity gives a deployed model: addresses and service attachments.

Google's automation makes an address and a forwarding rule in the consumer's network only where a service connection
policy of that network lets it; where none does the model is deployed all the same, and the automation has failed. What
it made goes with the last model (docs.cloud.google.com/vertex-ai/docs/predictions/private-service-connect).
"""

import hashlib
from typing import TYPE_CHECKING

from sandbox.errors import GoogleError, Json
from sandbox.services.aiplatform import attachments
from sandbox.services.aiplatform.names import Name
from sandbox.services.compute import addresses, common, forwarding_rules
from sandbox.services.compute.common import ADDRESS, BASE, FORWARDING_RULE

if TYPE_CHECKING:
    from sandbox.core import Sandbox

SERVICE_CLASS = "gcp-vertexai"
POLICY = "serviceConnectionPolicy"
_MADE = ("forwardingRule", "ipAddress", "state", "errorMessage")


def attach(sandbox: "Sandbox", endpoint: Json, deployed: Json, name: Name) -> None:
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
        if "state" not in automation:
            automation |= _connect(sandbox, automation, attachment, name)


def detach(sandbox: "Sandbox", endpoint: Json) -> None:
    """Takes back what `attach` gave the endpoint, once its last model is gone."""
    config = endpoint.get("privateServiceConnectConfig") or {}
    config.pop("serviceAttachment", None)
    for automation in config.get("pscAutomationConfigs", []):
        _disconnect(sandbox, automation)


def patched(sandbox: "Sandbox", before: Json, endpoint: Json, name: Name) -> None:
    """After a patch: what only Google sets is as it was; new automations begin to work, and those left out end."""
    old = before.get("privateServiceConnectConfig") or {}
    config = endpoint.get("privateServiceConnectConfig") or {}
    if "serviceAttachment" not in old:
        return
    if config:
        config["serviceAttachment"] = old["serviceAttachment"]
    there = {(each.get("projectId"), each.get("network")): each for each in old.get("pscAutomationConfigs", [])}
    for automation in config.get("pscAutomationConfigs", []):
        made = there.pop((automation.get("projectId"), automation.get("network")), None)
        automation |= {k: v for k, v in (made or {}).items() if k in _MADE} or _connect(
            sandbox, automation, old["serviceAttachment"], name
        )
    for gone in there.values():
        _disconnect(sandbox, gone)


def addresses_of(sandbox: "Sandbox", endpoint: Json) -> set[str]:
    """The addresses that answer this endpoint's predictions through Private Service Connect."""
    attachment = attachments.of(endpoint)
    return {
        rule["IPAddress"]
        for rule in sandbox.store.list(FORWARDING_RULE).values()
        if attachment and rule["target"] == BASE + attachment and forwarding_rules.status(sandbox, rule) == "ACCEPTED"
    }


def _disconnect(sandbox: "Sandbox", automation: Json) -> None:
    rule = automation.get("forwardingRule", "").removeprefix(BASE)
    reserved = (sandbox.store.get(FORWARDING_RULE, rule) or {}).get("addressPath", "")
    sandbox.store.delete(FORWARDING_RULE, rule)
    sandbox.store.delete(ADDRESS, reserved)
    for field in _MADE:
        automation.pop(field, None)


def _connect(sandbox: "Sandbox", automation: Json, attachment: str, name: Name) -> Json:
    """What becomes of an automation: an address and a rule to the attachment, or why there is none."""
    project = sandbox.project(automation.get("projectId", "")) or {"projectId": automation.get("projectId", "")}
    network = automation.get("network", "")
    policies = [
        policy
        for key, policy in sandbox.store.list(POLICY).items()
        if key.split("/")[3] == name.location
        and policy["network"] == network
        and policy["serviceClass"] == SERVICE_CLASS
    ]
    if not policies:
        missing = f"no service connection policy for {SERVICE_CLASS} on {network} in {name.location}"
        return _failed(f"CONNECTION_POLICY_MISSING: {missing}.")
    subnetwork = policies[0]["pscConfig"]["subnetworks"][0]
    try:
        number = addresses.free(sandbox, subnetwork)
    except GoogleError as error:
        return _failed(f"{error.message}")
    region = f"projects/{project['projectId']}/regions/{name.location}"
    suffix = _digest(str(name) + network)[:16]
    reserved, rule = f"{region}/addresses/sca-auto-addr-{suffix}", f"{region}/forwardingRules/sca-auto-fr-{suffix}"
    now = sandbox.clock.now()
    kept = {"addressType": "INTERNAL", "purpose": "GCE_ENDPOINT", "subnetwork": BASE + subnetwork, "address": number}
    sandbox.store.put(ADDRESS, reserved, {**common.made(ADDRESS, reserved, now), **kept})
    leads = {"IPAddress": number, "addressPath": reserved, "network": BASE + network, "target": BASE + attachment}
    sandbox.store.put(FORWARDING_RULE, rule, {**common.made(FORWARDING_RULE, rule, now), **leads})
    return {"forwardingRule": BASE + rule, "ipAddress": number, "state": "PSC_AUTOMATION_STATE_SUCCESSFUL"}


def _failed(message: str) -> Json:
    return {"state": "PSC_AUTOMATION_STATE_FAILED", "errorMessage": message}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
