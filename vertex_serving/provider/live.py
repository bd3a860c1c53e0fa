"""What Google says of an endpoint and of the models on it."""

from __future__ import annotations

from typing import Any

from vertex_serving.provider.vertex import Json
from vertex_serving.provider.wire import Properties


def find(endpoint: Json, id_: str) -> Json | None:
    """Return the deployed model with an id from an Endpoint, or None."""
    found: list[Json] = [one for one in endpoint.get("deployedModels", []) if one.get("id") == id_]
    return found[0] if found else None


def replicas_in_words(deployed: Json) -> str:
    """Return how many replicas are up, in words, or "" where Google does not say."""
    available = deployed.get("status", {}).get("availableReplicaCount")
    return f"{available} replica{'' if available == 1 else 's'} up" if available is not None else ""


def outputs_of(endpoint: Json, deployed: Json, inputs: Properties) -> Properties:
    """Return the resource's outputs: its inputs, and what Google adds ("" where it has not said it yet)."""
    private: dict[str, Any] = deployed.get("privateEndpoints", {})
    connect: dict[str, Any] = endpoint.get("privateServiceConnectConfig", {})
    addresses = [one["ipAddress"] for one in connect.get("pscAutomationConfigs", []) if one.get("ipAddress")]
    return inputs | {
        "deployedModelId": deployed["id"],
        "createTime": deployed.get("createTime", ""),
        "serviceAttachment": private.get("serviceAttachment") or connect.get("serviceAttachment") or "",
        "privateServiceConnectAddress": addresses[0] if addresses else "",
        "predictHttpUri": private.get("predictHttpUri", ""),
    }
