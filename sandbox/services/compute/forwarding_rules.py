"""compute forwardingRules and globalForwardingRules, as far as they are endpoints of Private Service Connect.

A regional one leads to a service attachment, a global one to a bundle of Google's APIs. Sources: the discovery document
(ForwardingRule.target, IPAddress, pscConnectionStatus) and, of cloud.google.com/vpc/docs,
configure-private-service-connect-services and configure-private-service-connect-apis.
"""

import ipaddress
import re
import secrets
from typing import TYPE_CHECKING

from sandbox.errors import GoogleError, Json, invalid_argument, not_found
from sandbox.registry import Call, method, not_imitated
from sandbox.services.aiplatform import attachments
from sandbox.services.compute import common
from sandbox.services.compute.common import ADDRESS, BASE, FORWARDING_RULE, NETWORK

if TYPE_CHECKING:
    from sandbox.core import Sandbox

BUNDLES = ("all-apis", "vpc-sc")
# An endpoint for Google's APIs takes no hyphen, since its name becomes part of DNS names.
_API_ENDPOINT_NAME = r"[a-z][a-z0-9]{0,19}"
_CHANGEABLE = ("allowPscGlobalAccess",)


@method("compute.forwardingRules.list", "compute.globalForwardingRules.list")
def list_rules(call: Call) -> Json:
    """The forwarding rules of a region, or the global ones."""
    parent = common.scope(call, common.project_of(call, f"{_permissions(call)}.list"))
    rules = [_shown(call.sandbox, rule) for rule in call.sandbox.store.list(FORWARDING_RULE, f"{parent}/").values()]
    return common.listed(call, FORWARDING_RULE, parent, "forwardingRules", rules)


@method("compute.forwardingRules.get", "compute.globalForwardingRules.get")
def get_rule(call: Call) -> Json:
    """One forwarding rule, with how its connection stands now."""
    return _shown(call.sandbox, _find(call, "get"))


@method("compute.forwardingRules.insert")
def insert_regional(call: Call) -> Json:
    """An endpoint for a published service: an address of the network that leads to a service attachment."""
    project = common.project_of(
        call,
        "compute.forwardingRules.create",
        "compute.forwardingRules.pscCreate",
        "compute.networks.use",
        *_registering(call),
    )
    parent = common.scope(call, project)
    made = common.new(call, FORWARDING_RULE, parent, "forwardingRules")
    target = call.body.get("target", "")
    if call.body.get("loadBalancingScheme") or "/serviceAttachments/" not in target:
        raise not_imitated(call, "forwarding rules of load balancers")
    attachment = target[target.find("projects/") :]
    if attachment.split("/")[3] != call.params["region"]:
        raise invalid_argument("Invalid value for field 'resource.target': it must be in the forwarding rule's region.")
    if attachments.endpoint_of(call.sandbox, attachment) is None:
        raise not_found(f"The resource '{attachment}' was not found")
    rule = _rule(call, project, parent, made)
    return common.start(call, "insert", FORWARDING_RULE, {**rule, "target": BASE + attachment})


@method("compute.globalForwardingRules.insert")
def insert_global(call: Call) -> Json:
    """An endpoint for Google's APIs: all of them, or those that VPC Service Controls support."""
    project = common.project_of(
        call,
        "compute.globalForwardingRules.create",
        "compute.globalForwardingRules.pscCreate",
        "compute.networks.use",
        *_registering(call),
    )
    parent = common.scope(call, project)
    target = call.body.get("target", "").rpartition("/")[2]
    if call.body.get("loadBalancingScheme") or target not in BUNDLES:
        raise not_imitated(call, "global forwarding rules but those to all-apis and vpc-sc")
    made = common.new(call, FORWARDING_RULE, parent, "forwardingRules", _API_ENDPOINT_NAME)
    rule = _rule(call, project, parent, made)
    reserved = common.find(call.sandbox, ADDRESS, rule["addressPath"]) if rule.get("addressPath") else {}
    if reserved.get("purpose") != "PRIVATE_SERVICE_CONNECT":
        raise invalid_argument(
            "Invalid value for field 'resource.IPAddress': a global address reserved for PRIVATE_SERVICE_CONNECT is"
            " required."
        )
    return common.start(call, "insert", FORWARDING_RULE, {**rule, "target": target})


@method("compute.forwardingRules.patch", "compute.globalForwardingRules.patch")
def patch_rule(call: Call) -> Json:
    """Changes whether the rule answers clients of other regions; a fingerprint, where one is given, must be current."""
    rule = _find(call, "update")
    current = common.fingerprint(rule)
    common.check_fingerprint(call.body.get("fingerprint", current), current)
    changes = {k: call.body[k] for k in _CHANGEABLE if k in call.body}
    return common.start(call, "patch", FORWARDING_RULE, {**rule, **changes})


@method("compute.forwardingRules.setLabels", "compute.globalForwardingRules.setLabels")
def set_labels(call: Call) -> Json:
    """Replaces the labels."""
    parent = common.scope(call, common.project_of(call, f"{_permissions(call)}.setLabels"))
    rule = common.find(call.sandbox, FORWARDING_RULE, f"{parent}/forwardingRules/{call.params['resource']}")
    common.check_fingerprint(call.body.get("labelFingerprint", ""), common.label_fingerprint(rule))
    return common.start(call, "setLabels", FORWARDING_RULE, {**rule, "labels": call.body.get("labels", {})})


@method("compute.forwardingRules.delete", "compute.globalForwardingRules.delete")
def delete_rule(call: Call) -> Json:
    """Closes the endpoint; its address stays reserved."""
    rule = _find(call, "delete")
    registered = ("servicedirectory.services.delete", "servicedirectory.namespaces.delete")
    common.project_of(call, f"{_permissions(call)}.pscDelete", *registered)
    return common.start(call, "delete", FORWARDING_RULE, rule)


def status(sandbox: "Sandbox", rule: Json) -> str:
    """How the connection stands: accepted where the producer lists the rule's project, closed where it is gone."""
    if rule["target"] in BUNDLES:
        return "ACCEPTED"
    endpoint = attachments.endpoint_of(sandbox, rule["target"].removeprefix(BASE))
    if endpoint is None:
        return "CLOSED"
    project = sandbox.project(rule["selfLink"].removeprefix(BASE).split("/")[1]) or {}
    allowed = {str(each).removeprefix("projects/") for each in attachments.allowlist(endpoint)}
    return "ACCEPTED" if allowed & {project.get("projectId"), project.get("projectNumber")} else "PENDING"


def _rule(call: Call, project: str, parent: str, made: Json) -> Json:
    """The fields that both kinds have; the address may be given by its number, its link or its name."""
    network = common.path_of(call.body.get("network", ""), project, f"projects/{project}/global", "networks")
    common.find(call.sandbox, NETWORK, network)
    given = call.body.get("IPAddress", "")
    if not given:
        raise not_imitated(call, "ephemeral addresses: an IPAddress that is reserved is needed")
    addresses = call.sandbox.store.list(ADDRESS, f"{parent}/addresses/")
    if re.fullmatch(r"[0-9.]+", given):
        path = next((name for name, each in addresses.items() if each["address"] == given), "")
        number = str(ipaddress.IPv4Address(given))
    else:
        path = common.path_of(given, project, parent, "addresses")
        number = common.find(call.sandbox, ADDRESS, path)["address"]
    for name, other in call.sandbox.store.list(FORWARDING_RULE).items():
        if other["IPAddress"] == number and other["network"] == BASE + network:
            raise GoogleError(400, "IP_IN_USE_BY_ANOTHER_RESOURCE", f"IP '{number}' is already being used by '{name}'")
    return {
        **made,
        "IPAddress": number,
        "addressPath": path,
        "network": BASE + network,
        "networkTier": "PREMIUM",
        "pscConnectionId": str(secrets.randbelow(10**17)),
        **{k: call.body[k] for k in ("labels", "noAutomateDnsZone", *_CHANGEABLE) if k in call.body},
    }


def _shown(sandbox: "Sandbox", rule: Json) -> Json:
    kept = {k: v for k, v in rule.items() if k != "addressPath"}
    prints = {"fingerprint": common.fingerprint(rule), "labelFingerprint": common.label_fingerprint(rule)}
    return {**kept, **prints, "pscConnectionStatus": status(sandbox, rule)}


def _registering(call: Call) -> list[str]:
    """What it takes that Google registers the endpoint in Service Directory, and makes DNS names unless told not to."""
    named = [] if call.body.get("noAutomateDnsZone") else ["servicedirectory.namespaces.associatePrivateZone"]
    return ["servicedirectory.namespaces.create", "servicedirectory.services.create", *named]


def _permissions(call: Call) -> str:
    return call.method_id.rpartition(".")[0]


def _find(call: Call, verb: str) -> Json:
    parent = common.scope(call, common.project_of(call, f"{_permissions(call)}.{verb}"))
    return common.find(call.sandbox, FORWARDING_RULE, f"{parent}/forwardingRules/{call.params['forwardingRule']}")
