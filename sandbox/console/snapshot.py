"""What the console shows at one moment, as JSON."""

from itertools import islice
from typing import Any

from sandbox import operations
from sandbox.console import history
from sandbox.core import Sandbox
from sandbox.errors import Json
from sandbox.services.aiplatform import connect, hosts, models, replicas
from sandbox.services.aiplatform.names import ENDPOINT, MODEL, Name, parse

_CALLS = 500
_OPERATIONS = 100
_SOURCES = {"MODEL_GARDEN": "Model Garden", "CUSTOM": "own", "GENIE": "tuned Gemini"}


def take(sandbox: Sandbox, since: int, window: int) -> Json:
    """Everything that the page shows.

    Args:
        sandbox: the sandbox, its operations advanced.
        since: calls after this sequence number are given, at most the 500 newest.
        window: how many seconds the charts go back.
    """
    now, past = sandbox.clock.now(), history.of(sandbox)
    past.sample(sandbox)
    endpoints = [_endpoint(sandbox, past, each) for each in sandbox.store.list(ENDPOINT).values()]
    newest = [call for call in islice(reversed(sandbox.calls), _CALLS) if call["seq"] > since]
    return {
        "epoch": past.id,
        "now": now,
        "url": sandbox.url,
        "projects": [project["projectId"] for project in sandbox.store.list("project").values()],
        "profile": sandbox.settings.profile,
        "endpoints": endpoints,
        "models": [*_registry(sandbox, endpoints), *_managed(past)],
        "operations": [_operation(sandbox, record, now) for record in _records(sandbox)],
        "calls": newest[::-1],
        "callsKept": len(sandbox.calls),
        "history": past.shown(now, window),
    }


def _endpoint(sandbox: Sandbox, past: history.History, endpoint: Json) -> Json:
    key, split = history.key_of(endpoint["name"]), endpoint.get("trafficSplit", {})
    private = (endpoint.get("privateServiceConnectConfig") or {}).get("enablePrivateServiceConnect")
    connectivity, address = "shared public", ""
    if endpoint.get("dedicatedEndpointEnabled"):
        connectivity, address = "dedicated public", endpoint.get("dedicatedEndpointDns", "")
    elif private:
        connectivity, address = "Private Service Connect", ", ".join(sorted(connect.addresses_of(sandbox, endpoint)))
    elif endpoint.get("network"):
        connectivity, address = "peered network", hosts.peered_host(endpoint)
    deployed = replicas.with_status(sandbox, endpoint).get("deployedModels", [])
    return {
        "key": key,
        "name": endpoint["name"],
        "displayName": endpoint.get("displayName", ""),
        "connectivity": connectivity,
        "address": address,
        "refused": past.total.refused[key],
        "deployedModels": [_deployed(past, key, each, split) for each in deployed],
    }


def _deployed(past: history.History, endpoint: str, deployed: Json, split: dict[str, int]) -> Json:
    key = f"{endpoint}/{deployed['id']}"
    dedicated = deployed.get("dedicatedResources")
    bounds = dedicated or deployed.get("automaticResources") or {}
    machine = (dedicated or {}).get("machineSpec", {})
    accelerator = f" + {machine.get('acceleratorCount', 1)} × {machine.get('acceleratorType')}"
    return {
        "key": key,
        "id": deployed["id"],
        "displayName": deployed.get("displayName", ""),
        "model": deployed["model"],
        "machine": machine.get("machineType", "") + (accelerator if "acceleratorType" in machine else ""),
        "replicas": history.replicas_of(deployed) if dedicated else None,
        "minReplicaCount": bounds.get("minReplicaCount"),
        "maxReplicaCount": bounds.get("maxReplicaCount", bounds.get("minReplicaCount")),
        "percent": split.get(deployed["id"], 0),
        "served": past.total.served[key],
    }


def _registry(sandbox: Sandbox, endpoints: list[Json]) -> list[Json]:
    """The models of the locations that are in use, where there is none of the default one."""
    used = [parse(sandbox, name) for name in (*sandbox.store.list(ENDPOINT), *sandbox.store.list(MODEL))]
    number = next(iter(sandbox.store.list("project").values()))["projectNumber"]
    places = {str(name.parent): Name(name.project, name.location) for name in used} or {"": Name(number, "us-central1")}
    found = []
    for place in places.values():
        for model in models.registered(sandbox, place):
            where = [e["displayName"] for e in endpoints for d in e["deployedModels"] if d["model"] == model["name"]]
            source = model.get("modelSourceInfo", {}).get("sourceType", "")
            found.append(
                _model(model["name"], model["displayName"], place.location, _SOURCES.get(source, source), where)
            )
    return found


def _managed(past: history.History) -> list[Json]:
    asked = [key for key in (past.total.served | past.total.refused) if key.startswith("publishers/")]
    return [
        _model(key, key.rpartition("/")[2], "managed", "Google", [])
        | {"served": past.total.served[key], "refused": past.total.refused[key]}
        for key in asked
    ]


def _model(name: str, display_name: str, location: str, source: str, endpoints: list[str]) -> Json:
    return {
        "name": name,
        "displayName": display_name,
        "location": location,
        "source": source,
        "endpoints": sorted(set(endpoints)),
    }


def _records(sandbox: Sandbox) -> list[Json]:
    return list(reversed(sandbox.store.list(operations.KIND).values()))[:_OPERATIONS]


def _operation(sandbox: Sandbox, record: Json, now: float) -> Json:
    shown: dict[str, Any] = sandbox.operations.show(record)
    span = record["due"] - record["started"]
    running = record["state"] == "running"
    return {
        "name": record["name"],
        "what": record["handler"],
        "on": record["name"].partition("/operations/")[0] if "/operations/" in record["name"] else "",
        "state": record["state"],
        "stage": (shown.get("metadata") or {}).get("deploymentStage", ""),
        "started": record["started"],
        "ended": record.get("ended"),
        "progress": max(0.0, min(1.0, (now - record["started"]) / span)) if running and span > 0 else 1.0,
        "error": record.get("error", {}).get("message", ""),
    }
