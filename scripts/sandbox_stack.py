"""A stack's settings as they can be tried in a sandbox: no secrets, no real cluster, its own models at hand."""

import copy
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import requests
import yaml

Json = dict[str, Any]

PROJECT: Final = "sandbox-project"
_START: Final = ("--profile", "article", "--plugins", "stand-in", "--deploy-seconds", "0")
PLACEHOLDER: Final = "a-secret"
"""Stands for every encrypted value: who previews has no key, and a value that is the same does not show as a change."""

_MODELS, _PERIMETER, _CLUSTER = "gemini-vertex:models", "gemini-vertex:perimeter", "gemini-vertex:kubernetes"
_OWN_MODEL = re.compile(r"(?:projects/[^/]+/locations/[^/]+/models/)?(?!gemini-)([A-Za-z0-9_-]+)(?:@[^/@]+)?")
_KIND = "aiplatform.model"


def read(file: Path) -> Json:
    """A stack file's content, {} where there is none."""
    found = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else None
    return found if isinstance(found, dict) else {}


def project(document: Mapping[str, Any]) -> str:
    """The project that the stack file names, else the sandbox's own."""
    found = (document.get("config") or {}).get("gcp:project")
    return found if isinstance(found, str) else PROJECT


def in_sandbox(document: Mapping[str, Any], *command: str) -> list[str]:
    """The command line that runs another in a new sandbox whose project is the stack's."""
    return [sys.executable, "-m", "sandbox", "run", *_START, "--project", project(document), "--", *command]


def for_sandbox(document: Mapping[str, Any]) -> Json:
    """The same stack with what only exists at Google or in a cluster replaced by what the sandbox has."""
    config = _without_secrets(copy.deepcopy(dict(document.get("config") or {})))
    config["vertex-serving:allowBaseGemini"] = "true"
    config.pop("vertex-serving:customEndpoint", None)
    if isinstance(config.get(_CLUSTER), dict):
        config[_CLUSTER] = {**config[_CLUSTER], "context": "sandbox", "createNamespace": True}
        config[_CLUSTER].pop("kubeconfig", None)
    if isinstance(config.get(_PERIMETER), dict):
        # the sandbox has one organization, and the stack makes the policy in it
        for key in ("accessPolicy", "organization"):
            config[_PERIMETER].pop(key, None)
    return {"config": config}


def write(document: Mapping[str, Any], folder: Path, stack: str) -> None:
    """Put a stack file into a workspace, in place of the one that is there."""
    file = folder / f"Pulumi.{stack}.yaml"
    file.unlink(missing_ok=True)  # it may be a link into the repository
    file.write_text(yaml.safe_dump(dict(document), sort_keys=False), encoding="utf-8")


def own_models(document: Mapping[str, Any]) -> dict[str, bool]:
    """The ids of the project's own models that the stack deploys; True where no machine is set, as a tuned Gemini's."""
    entries = (document.get("config") or {}).get(_MODELS)
    found = {}
    for entry in entries if isinstance(entries, list) else []:
        own = _OWN_MODEL.fullmatch(str(entry.get("model", ""))) if isinstance(entry, dict) else None
        if own:
            found[own[1]] = not entry.get("machineType")
    return found


def seed_models(models: Mapping[str, bool], project_id: str, region: str) -> None:
    """Give the sandbox of this process's environment a model for each id that it has none for.

    Google numbers uploaded models itself, so they are put into a snapshot, made like the sandbox's own models.
    """
    url, token = os.environ["SANDBOX_URL"], os.environ["GOOGLE_OAUTH_ACCESS_TOKEN"]
    http = requests.Session()
    http.headers["Authorization"] = f"Bearer {token}"
    enable = {"serviceIds": ["aiplatform.googleapis.com"]}
    operation = _answer(
        http.post(f"{url}/serviceusage/v1/projects/{project_id}/services:batchEnable", json=enable, timeout=30)
    )
    while not operation.get("done"):
        operation = _answer(http.get(f"{url}/serviceusage/v1/{operation['name']}", timeout=30))
    parent = f"{url}/aiplatform/v1/projects/{project_id}/locations/{region}/models"
    rows = []
    for model, tuned in models.items():
        if http.get(f"{parent}/{model}", timeout=30).status_code == 404:
            like = _answer(http.get(f"{parent}/{'tuned-gemini' if tuned else 'own-assistant'}", timeout=30))
            name = like["name"].rpartition("/")[0] + f"/{model}"
            rows.append({"kind": _KIND, "name": name, "value": {**like, "name": name, "displayName": model}})
    if rows:
        snapshot = _answer(http.get(f"{url}/_sandbox/snapshot", timeout=30))
        snapshot["resources"] += rows
        _answer(http.post(f"{url}/_sandbox/restore", json=snapshot, timeout=30))


def _answer(response: requests.Response) -> Json:
    response.raise_for_status()
    found: Json = response.json()
    return found


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            return PLACEHOLDER
        return {key: _without_secrets(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_secrets(each) for each in value]
    return value
