"""dns: private managed zones, and the records in them. Rules: the discovery document's descriptions (v1) and
cloud.google.com/dns/docs/{zones, records, set-up-dns-records-domain-name}.

A zone has its NS and SOA records from the beginning, and is deleted only when it has no others. Two private zones of
one name cannot be attached to one network.
"""

import re

from sandbox import registry
from sandbox.errors import GoogleError, Json, already_exists, invalid_argument, not_found
from sandbox.registry import Call, method, not_imitated
from sandbox.services import iam_policies
from sandbox.services.compute import common
from sandbox.services.compute.common import NETWORK
from sandbox.services.paging import page
from sandbox.services.private_path import RECORDS, ZONE

CHANGE = "dns.change"
_NAME = r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(r"(\*\.)?([a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9])?\.)+")
_OWN = ("NS", "SOA")
_CHANGEABLE = ("description", "labels")
_SERVER = "ns-gcp-private.googledomains.com."

registry.needs_enabling("dns")


@method("dns.managedZones.create")
def create_zone(call: Call) -> Json:
    """A new private zone, attached to networks."""
    project = _project(call, "dns.managedZones.create")
    name, domain = call.body.get("name", ""), call.body.get("dnsName", "")
    if not re.fullmatch(_NAME, name):
        raise _invalid("entity.managedZone.name", name)
    if not _DOMAIN.fullmatch(domain):
        raise _invalid("entity.managedZone.dnsName", domain)
    if call.body.get("visibility", "public") != "private":
        raise not_imitated(call, "public zones")
    path = f"projects/{project}/managedZones/{name}"
    if call.sandbox.store.get(ZONE, path) is not None:
        raise already_exists(f"The resource 'entity.managedZone' named '{name}' already exists")
    zone: Json = {
        **{k: call.body[k] for k in ("name", "dnsName", "description", "labels", "visibility") if k in call.body},
        "privateVisibilityConfig": _attached(call, project, path, domain),
        "kind": "dns#managedZone",
        "id": common.number(),
        "creationTime": common.stamp(call.sandbox.clock.now()),
        "nameServers": [_SERVER],
    }
    call.sandbox.store.put(ZONE, path, zone)
    soa = f"{_SERVER} cloud-dns-hostmaster.google.com. 1 21600 3600 259200 300"
    for kind, data in (("NS", _SERVER), ("SOA", soa)):
        records = {"kind": "dns#resourceRecordSet", "name": domain, "type": kind, "ttl": 21600, "rrdatas": [data]}
        call.sandbox.store.put(RECORDS, f"{path}/rrsets/{domain}/{kind}", records)
    return zone


@method("dns.managedZones.get")
def get_zone(call: Call) -> Json:
    """One zone."""
    return _zone(call, "dns.managedZones.get")[1]


@method("dns.managedZones.list")
def list_zones(call: Call) -> Json:
    """The zones of a project, or those of one `dnsName`."""
    project = _project(call, "dns.managedZones.list")
    zones = call.sandbox.store.list(ZONE, f"projects/{project}/").values()
    wanted = call.query.get("dnsName", "")
    found = [zone for zone in zones if wanted in ("", zone["dnsName"])]
    return {"kind": "dns#managedZonesListResponse", **page(call, "managedZones", found)}


@method("dns.managedZones.patch")
def patch_zone(call: Call) -> Json:
    """Changes the description, the labels, or the networks that a zone is attached to."""
    return _rewrite(call, *_zone(call, "dns.managedZones.update"))


@method("dns.managedZones.update")
def update_zone(call: Call) -> Json:
    """Changes the same as patch does, and empties what the whole new zone has not."""
    path, zone = _zone(call, "dns.managedZones.update")
    for field in ("name", "dnsName", "visibility"):
        if call.body.get(field, "") != zone[field]:
            raise _invalid(f"entity.managedZone.{field}", call.body.get(field, ""))
    call.body.setdefault("privateVisibilityConfig", {})
    return _rewrite(call, path, {k: v for k, v in zone.items() if k not in _CHANGEABLE})


def _rewrite(call: Call, path: str, zone: Json) -> Json:
    """Puts what the request changes of the zone; the operation is done at once."""
    old = call.sandbox.store.get(ZONE, path)
    changes: Json = {k: call.body[k] for k in _CHANGEABLE if k in call.body}
    if "privateVisibilityConfig" in call.body:
        changes["privateVisibilityConfig"] = _attached(call, path.split("/")[1], path, zone["dnsName"])
    changed = {**zone, **changes}
    call.sandbox.store.put(ZONE, path, changed)
    return {
        "kind": "dns#operation",
        "id": common.number(),
        "startTime": common.stamp(call.sandbox.clock.now()),
        "status": "done",
        "type": "update",
        "user": call.principal.email,
        "zoneContext": {"oldValue": old, "newValue": changed},
    }


@method("dns.managedZones.delete")
def delete_zone(call: Call) -> Json:
    """Deletes a zone that has no records but its own."""
    path, zone = _zone(call, "dns.managedZones.delete")
    records = call.sandbox.store.list(RECORDS, f"{path}/rrsets/")
    if any(each["type"] not in _OWN or each["name"] != zone["dnsName"] for each in records.values()):
        raise GoogleError(
            400,
            "FAILED_PRECONDITION",
            f"The resource named '{zone['name']}' cannot be deleted because it contains one or more 'resource records'",
        )
    for name in records:
        call.sandbox.store.delete(RECORDS, name)
    for name in call.sandbox.store.list(CHANGE, f"{path}/"):
        call.sandbox.store.delete(CHANGE, name)
    call.sandbox.store.delete(ZONE, path)
    return {}


@method("dns.resourceRecordSets.list")
def list_records(call: Call) -> Json:
    """The record sets of a zone, or those of one `name` and `type`."""
    path, _ = _zone(call, "dns.resourceRecordSets.list")
    name, kind = call.query.get("name", ""), call.query.get("type", "")
    found = [
        each
        for each in call.sandbox.store.list(RECORDS, f"{path}/rrsets/").values()
        if name in ("", each["name"]) and kind in ("", each["type"])
    ]
    return {"kind": "dns#resourceRecordSetsListResponse", **page(call, "rrsets", found)}


@method("dns.resourceRecordSets.get")
def get_records(call: Call) -> Json:
    """One record set."""
    path, _ = _zone(call, "dns.resourceRecordSets.get")
    return _records(call, path)


@method("dns.resourceRecordSets.create")
def create_records(call: Call) -> Json:
    """One new record set."""
    path, zone = _zone(call, "dns.resourceRecordSets.create")
    added: Json = _change(call, path, zone, [call.body], [])["additions"][0]
    return added


@method("dns.resourceRecordSets.patch")
def patch_records(call: Call) -> Json:
    """Changes the data or the time to live of a record set."""
    path, zone = _zone(call, "dns.resourceRecordSets.update")
    old = _records(call, path)
    changes: Json = {k: call.body[k] for k in ("rrdatas", "ttl") if k in call.body}
    added: Json = _change(call, path, zone, [{**old, **changes}], [old])["additions"][0]
    return added


@method("dns.resourceRecordSets.delete")
def delete_records(call: Call) -> Json:
    """Deletes a record set."""
    path, zone = _zone(call, "dns.resourceRecordSets.delete")
    _change(call, path, zone, [], [_records(call, path)])
    return {}


@method("dns.changes.create")
def create_change(call: Call) -> Json:
    """Deletes and adds record sets as one; it is done at once here, where Google may say pending for some seconds."""
    path, zone = _zone(call, "dns.changes.create")
    additions, deletions = call.body.get("additions", []), call.body.get("deletions", [])
    for verb, sets in (("create", additions), ("delete", deletions)):
        if sets:
            _project(call, f"dns.resourceRecordSets.{verb}")
    if not additions and not deletions:
        raise GoogleError(400, "INVALID_ARGUMENT", "The 'entity.change' parameter is required but was missing.")
    return _change(call, path, zone, additions, deletions)


@method("dns.changes.get")
def get_change(call: Call) -> Json:
    """One change of the past."""
    path, _ = _zone(call, "dns.changes.get")
    found = call.sandbox.store.get(CHANGE, f"{path}/{call.params['changeId']}")
    if found is None:
        raise not_found(f"The 'parameters.changeId' resource named '{call.params['changeId']}' does not exist.")
    return found


@registry.state_view(CHANGE)
def _hide(_name: str, _value: Json, _seeded: Json | None) -> None:
    """Changes are history."""


@registry.state_view(RECORDS)
def _shown(_name: str, value: Json, _seeded: Json | None) -> Json | None:
    """A zone's own records come and go with it."""
    return None if value["type"] in _OWN else value


def _records(call: Call, path: str) -> Json:
    found = call.sandbox.store.get(RECORDS, f"{path}/rrsets/{call.params['name']}/{call.params['type']}")
    if found is None:
        raise _missing(call.params["name"], call.params["type"])
    return found


def _change(call: Call, path: str, zone: Json, additions: list[Json], deletions: list[Json]) -> Json:
    store = call.sandbox.store
    for gone in deletions:
        key = f"{path}/rrsets/{gone.get('name')}/{gone.get('type')}"
        there = store.get(RECORDS, key)
        if there is None:
            raise _missing(str(gone.get("name")), str(gone.get("type")))
        if sorted(there["rrdatas"]) != sorted(gone.get("rrdatas", [])) or there["ttl"] != gone.get("ttl", 0):
            raise GoogleError(
                412, "FAILED_PRECONDITION", f"Precondition not met for 'entity.change.deletions[{gone.get('name')}]'"
            )
        store.delete(RECORDS, key)
    added = []
    for new in additions:
        name, kind = str(new.get("name", "")), str(new.get("type", ""))
        if not _DOMAIN.fullmatch(name) or not f".{name}".endswith(f".{zone['dnsName']}"):
            raise _invalid("entity.change.additions[0].name", name)
        if not new.get("rrdatas") or kind not in ("A", "AAAA", "CNAME", "TXT", *_OWN):
            raise _invalid("entity.change.additions[0].rrdata", ", ".join(new.get("rrdatas", [])))
        others = [each["type"] for each in store.list(RECORDS, f"{path}/rrsets/{name}/").values()]
        if kind in others:
            raise already_exists(f"The resource 'entity.change.additions[0]' named '{name} ({kind})' already exists")
        if "CNAME" in (kind, *others) and others:
            raise invalid_argument(f"The resource record set '{name} (CNAME)' is only permitted alone at its name.")
        kept = {"kind": "dns#resourceRecordSet", "name": name, "type": kind, "ttl": int(new.get("ttl", 0))}
        store.put(RECORDS, f"{path}/rrsets/{name}/{kind}", {**kept, "rrdatas": new["rrdatas"]})
        added.append({**kept, "rrdatas": new["rrdatas"]})
    number = str(len(store.list(CHANGE, f"{path}/")) + 1)
    change = {
        "kind": "dns#change",
        "id": number,
        "startTime": common.stamp(call.sandbox.clock.now()),
        "status": "done",
        **({"additions": added} if added else {}),
        **({"deletions": deletions} if deletions else {}),
    }
    store.put(CHANGE, f"{path}/{number}", change)
    return change


def _attached(call: Call, project: str, path: str, domain: str) -> Json:
    """The networks that a private zone is to be attached to, each there, and none with another zone of this name."""
    networks = call.body.get("privateVisibilityConfig", {}).get("networks", [])
    found = []
    for network in networks:
        name = common.path_of(network.get("networkUrl", ""), project, f"projects/{project}/global", "networks")
        common.find(call.sandbox, NETWORK, name)
        owner = name.split("/")[1]
        if not iam_policies.allowed(
            call.sandbox, call.principal.member, f"projects/{owner}", "dns.networks.bindPrivateDNSZone"
        ):
            raise GoogleError(
                403, "PERMISSION_DENIED", f"Permission 'dns.networks.bindPrivateDNSZone' denied on {name}"
            )
        found.append({"kind": "dns#managedZonePrivateVisibilityConfigNetwork", "networkUrl": common.BASE + name})
    for key, other in call.sandbox.store.list(ZONE).items():
        shared = [n for n in found if n in other["privateVisibilityConfig"]["networks"]]
        if key != path and other["dnsName"] == domain and shared:
            raise invalid_argument(
                f"Network '{shared[0]['networkUrl']}' cannot be bound to this zone because it is already bound to"
                f" another zone of the same DNS name: {key}."
            )
    return {"kind": "dns#managedZonePrivateVisibilityConfig", "networks": found}


def _zone(call: Call, permission: str) -> tuple[str, Json]:
    path = f"projects/{_project(call, permission)}/managedZones/{call.params['managedZone']}"
    found = call.sandbox.store.get(ZONE, path)
    if found is None:
        by_number = [(k, z) for k, z in call.sandbox.store.list(ZONE).items() if z["id"] == call.params["managedZone"]]
        if by_number:
            return by_number[0]
        raise not_found(f"The 'parameters.managedZone' resource named '{call.params['managedZone']}' does not exist.")
    return path, found


def _project(call: Call, permission: str) -> str:
    project: str = call.sandbox.require_project(call.params["project"], "dns")["projectId"]
    iam_policies.require(call, f"projects/{project}", permission)
    return project


def _missing(name: str, kind: str) -> GoogleError:
    return not_found(f"The 'entity.change.deletions[0]' resource named '{name} ({kind})' does not exist.")


def _invalid(field: str, value: str) -> GoogleError:
    return GoogleError(400, "INVALID_ARGUMENT", f"Invalid value for '{field}': '{value}'")
