"""What the stand-ins of compute's resources share, and those of an endpoint of Private Service Connect."""

from __future__ import annotations

import re

from typing_extensions import override

from sandbox.standin.fields import Field, is_empty
from sandbox.standin.gcp import labels
from sandbox.standin.gcp.cloud import DELETION_POLICY, Cloud, GcpResource
from sandbox.standin.rest import Json, RestError
from sandbox.standin.values import Props, has_unknown

BASE = "compute/compute/v1/"
_NAME = "[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?"


class ComputeResource(GcpResource):
    """A resource of compute, whose operations have a status, and errors in a list.

    Attributes:
        links: the inputs that name other resources; a name and a link to the same one are no difference.
        sent: the inputs that the request to make it has, by the API's name.
    """

    base = BASE
    named_by = "name"
    links: tuple[str, ...] = ()
    sent: dict[str, str] = {}

    @override
    def check(self, cloud: Cloud, inputs: Props) -> list[tuple[str, str]]:
        name = inputs.get("name", "")
        if name and not has_unknown(name) and not re.fullmatch(_NAME, name):
            return [("name", f"{name!r} is not 1 to 63 lowercase letters, digits and dashes (RFC 1035).")]
        return []

    @override
    def finish(self, cloud: Cloud, path: str, answer: Json, timeout: float) -> Json:
        where = BASE + str(answer["selfLink"]).partition("/compute/v1/")[2]

        def look() -> Json | None:
            current = answer if answer.get("status") == "DONE" else cloud.rest.call("GET", where)
            return current if current.get("status") == "DONE" else None

        done = cloud.rest.poll(look, timeout, f"Operation {answer.get('name')}")
        if errors := done.get("error", {}).get("errors"):
            raise RestError(f"Operation {answer.get('name')} failed: {'; '.join(e['message'] for e in errors)}")
        return done

    @override
    def diff(self, old: Props, new: Props, old_inputs: Props) -> dict[str, str]:
        return super().diff(self._with_paths(old), self._with_paths(new), old_inputs)

    def _with_paths(self, props: Props) -> Props:
        return {**props, **{k: path_of(props[k]) for k in self.links if isinstance(props.get(k), str)}}

    def body(self, inputs: Props) -> Json:
        """The request that makes it."""
        return {theirs: inputs[ours] for ours, theirs in self.sent.items() if not is_empty(inputs.get(ours))}

    def as_given(self, state: Props, live: Json) -> Props:
        """What ``sent`` and ``links`` are now; a link in the form that the program gave it."""
        found: Props = {}
        for ours, theirs in self.sent.items():
            found[ours] = live.get(theirs)
        for link in self.links:
            given, now = str(state.get(link) or ""), str(live.get(self.sent[link]) or "")
            same = given and f"/{now}".endswith("/" + path_of(given))
            found[link] = given if same else path_of(now) or None
        return found


def path_of(link: str) -> str:
    """projects/… of a link; what is no link stays."""
    return link[link.find("projects/") :] if "projects/" in link else link


class _Regional(ComputeResource):
    collection = ""

    @override
    def planned(self, cloud: Cloud, inputs: Props) -> Props:
        known = super().planned(cloud, inputs)
        return {**known, "region": inputs.get("region") or cloud.region} if "region" in self.fields else known

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        scope = f"regions/{inputs.get('region') or cloud.region}" if "region" in self.fields else "global"
        parent = f"projects/{cloud.project_of(inputs)}/{scope}/{self.collection}"
        self.send(cloud, "POST", BASE + parent, self.body(inputs), timeout=timeout)
        return f"{parent}/{inputs['name']}"

    def place(self, resource_id: str) -> Props:
        """Project, and region where it has one, of an id."""
        parts = resource_id.split("/")
        return {"project": parts[1], **({"region": parts[3]} if parts[2] == "regions" else {})}


class Subnetwork(_Regional):
    """A range of a network in one region."""

    collection = "subnetworks"
    import_ids: tuple[str, ...] = (
        "projects/{project}/regions/{region}/subnetworks/{name}",
        "{project}/{region}/{name}",
    )
    sent = {n: n for n in ("name", "network", "ipCidrRange", "description", "privateIpGoogleAccess", "purpose")}
    links: tuple[str, ...] = ("network",)
    fields = {
        "name": Field(replace=True),
        "network": Field(required=True, replace=True),
        "ipCidrRange": Field(replace=True),
        "region": Field(replace=True, computed=True),
        "project": Field(replace=True, computed=True),
        "description": Field(replace=True),
        "privateIpGoogleAccess": Field(computed=True),
        "purpose": Field(replace=True, computed=True),
        "deletionPolicy": DELETION_POLICY,
    }
    outputs: tuple[str, ...] = ("creationTimestamp", "gatewayAddress", "selfLink", "stackType", "subnetworkId")

    @override
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        return {
            **self.as_given(state, live),
            **self.place(resource_id),
            **{k: live.get(k) for k in ("creationTimestamp", "gatewayAddress", "selfLink", "stackType")},
            "subnetworkId": int(live["id"]),
            "privateIpGoogleAccess": live.get("privateIpGoogleAccess", False),
        }

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        if "privateIpGoogleAccess" in changed:
            wanted = {"privateIpGoogleAccess": bool(inputs.get("privateIpGoogleAccess"))}
            self.send(cloud, "POST", f"{BASE}{resource_id}/setPrivateIpGoogleAccess", wanted)


class Address(_Regional):
    """An internal address of a subnetwork."""

    collection = "addresses"
    import_ids: tuple[str, ...] = ("projects/{project}/regions/{region}/addresses/{name}", "{project}/{region}/{name}")
    sent = {n: n for n in ("name", "address", "addressType", "description", "purpose", "subnetwork")}
    links: tuple[str, ...] = ("subnetwork",)
    fields = {
        "name": Field(replace=True),
        "address": Field(replace=True, computed=True),
        "addressType": Field(replace=True, default="EXTERNAL"),
        "purpose": Field(replace=True, computed=True),
        "subnetwork": Field(replace=True, computed=True),
        "region": Field(replace=True, computed=True),
        "project": Field(replace=True, computed=True),
        "description": Field(replace=True),
        "labels": Field(),
        "deletionPolicy": DELETION_POLICY,
    }
    outputs: tuple[str, ...] = ("address", "creationTimestamp", "effectiveLabels", "pulumiLabels", "selfLink", "users")

    @override
    def planned(self, cloud: Cloud, inputs: Props) -> Props:
        return {**super().planned(cloud, inputs), **labels.planned(cloud, inputs)}

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        made = super().create(cloud, inputs, timeout)
        self._label(cloud, made, inputs)
        return made

    @override
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        return {
            **self.as_given(state, live),
            **self.place(resource_id),
            **labels.shown(cloud, state, live),
            **{k: live.get(k) for k in ("creationTimestamp", "selfLink", "users")},
        }

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        if "labels" in changed:
            self._label(cloud, resource_id, inputs)

    def _label(self, cloud: Cloud, resource_id: str, inputs: Props) -> None:
        wanted = labels.planned(cloud, inputs)["effectiveLabels"]
        if wanted:
            body = {
                "labels": wanted,
                "labelFingerprint": cloud.rest.call("GET", BASE + resource_id)["labelFingerprint"],
            }
            self.send(cloud, "POST", f"{BASE}{resource_id}/setLabels", body)


class GlobalAddress(Address):
    """A range for peered services, or an address for Google's APIs."""

    import_ids: tuple[str, ...] = ("projects/{project}/global/addresses/{name}", "{project}/{name}", "{name}")
    sent = {n: n for n in ("name", "address", "addressType", "description", "network", "prefixLength", "purpose")}
    links: tuple[str, ...] = ("network",)
    fields = {
        **{k: v for k, v in Address.fields.items() if k not in ("region", "subnetwork")},
        "network": Field(replace=True),
        "prefixLength": Field(replace=True, computed=True),
        "purpose": Field(replace=True),
    }


class ForwardingRule(Address):
    """An address of a network that leads to a service attachment."""

    collection = "forwardingRules"
    import_ids: tuple[str, ...] = (
        "projects/{project}/regions/{region}/forwardingRules/{name}",
        "{project}/{region}/{name}",
    )
    sent = {
        "ipAddress": "IPAddress",
        **{n: n for n in ("name", "target", "network", "description", "loadBalancingScheme", "allowPscGlobalAccess")},
        "noAutomateDnsZone": "noAutomateDnsZone",
    }
    links: tuple[str, ...] = ("network", "target")
    fields = {
        "name": Field(replace=True),
        "ipAddress": Field(replace=True, computed=True),
        "target": Field(),
        "network": Field(replace=True, computed=True),
        "loadBalancingScheme": Field(replace=True, default="EXTERNAL"),
        "region": Field(replace=True, computed=True),
        "project": Field(replace=True, computed=True),
        "description": Field(replace=True),
        "labels": Field(),
        "allowPscGlobalAccess": Field(),
        "noAutomateDnsZone": Field(replace=True),
        "deletionPolicy": DELETION_POLICY,
    }
    outputs: tuple[str, ...] = (
        *("creationTimestamp", "effectiveLabels", "forwardingRuleId", "labelFingerprint", "pscConnectionId"),
        *("pscConnectionStatus", "pulumiLabels", "selfLink"),
    )

    @override
    def diff(self, old: Props, new: Props, old_inputs: Props) -> dict[str, str]:
        """A rule to a service attachment cannot be led elsewhere ("not mutable once set as a service attachment")."""
        found = super().diff(old, new, old_inputs)
        return {k: f"{v}_REPLACE" if k == "target" and not v.endswith("_REPLACE") else v for k, v in found.items()}

    @override
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        given = str(state.get("ipAddress") or "")
        return {
            **super().shown(cloud, resource_id, state, live),
            # A reserved address may be given by its link; the API always answers its number.
            "ipAddress": given if "addresses/" in given else live.get("IPAddress"),
            "loadBalancingScheme": live.get("loadBalancingScheme", ""),
            "forwardingRuleId": int(live["id"]),
            **{k: live.get(k) for k in ("labelFingerprint", "pscConnectionId", "pscConnectionStatus")},
        }

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        super().update(cloud, resource_id, state, inputs, changed)
        if "allowPscGlobalAccess" in changed:
            fingerprint = cloud.rest.call("GET", BASE + resource_id)["fingerprint"]
            wanted = bool(inputs.get("allowPscGlobalAccess"))
            self.patch(cloud, resource_id, {"fingerprint": fingerprint, "allowPscGlobalAccess": wanted})


class GlobalForwardingRule(ForwardingRule):
    """An address of a network that leads to a bundle of Google's APIs; such a rule takes no labels."""

    import_ids: tuple[str, ...] = ("projects/{project}/global/forwardingRules/{name}", "{project}/{name}", "{name}")
    fields = {k: v for k, v in ForwardingRule.fields.items() if k != "region"}

    @override
    def planned(self, cloud: Cloud, inputs: Props) -> Props:
        return ComputeResource.planned(self, cloud, inputs)

    def _label(self, cloud: Cloud, resource_id: str, inputs: Props) -> None:
        """None are sent."""
