"""Stack configurations that tests start from, in the form that the engine hands them over."""

import datetime as dt
import json
from typing import Any

from settings import Settings, load

TODAY = dt.date(2026, 11, 23)
OWN_MODEL = "projects/my-project/locations/us-central1/models/1234567890"


def prod(**changes: Any) -> dict[str, Any]:
    """A prod stack without a mistake; `changes` replace top-level keys of the program, None removes one."""
    values: dict[str, Any] = {
        "endpoint": {"name": "gemini-prod-endpoint", "connectivity": "private-service-connect"},
        "models": [
            {"name": "first", "model": OWN_MODEL, "traffic": 95, "machineType": "n1-standard-4"},
            {"name": "second", "model": "my-model@2", "traffic": 5, "machineType": "n1-standard-8"},
        ],
        "workloadIdentity": {"namespace": "production", "kubernetesServiceAccount": "gemini-app"},
    }
    values.update(changes)
    config: dict[str, Any] = {f"gemini-vertex:{key}": value for key, value in values.items() if value is not None}
    return {"gcp:project": "my-project", **config}


def one_model(**changes: Any) -> dict[str, Any]:
    """A prod stack with one model, changed by `changes`; None removes a key."""
    model: dict[str, Any] = {"name": "only", "model": OWN_MODEL, "machineType": "n1-standard-4", **changes}
    return prod(models=[{key: value for key, value in model.items() if value is not None}])


def tuned(**changes: Any) -> dict[str, Any]:
    """A dev stack with one tuned Gemini on a shared public endpoint, the model changed by `changes`."""
    endpoint = {"name": "e", "connectivity": "public", "dedicated": False}
    return prod(environment="dev", endpoint=endpoint, models=[{"name": "only", "model": "my-tuned", **changes}])


def managed(**changes: Any) -> dict[str, Any]:
    """A prod stack of one managed model, changed by `changes`; None removes a key."""
    model: dict[str, Any] = {"name": "gemini", "model": "gemini-3.8-flash", "serving": "managed", **changes}
    return prod(endpoint=None, models=[{key: value for key, value in model.items() if value is not None}])


def mixed(*models: dict[str, Any]) -> dict[str, Any]:
    """A prod stack with these models: each gets a name and what its serving needs."""
    own = {"model": OWN_MODEL, "machineType": "n1-standard-4"}
    base = {"model": "gemini-3.8-flash"}
    named = [
        {"name": f"m{place}", **(base if model.get("serving") == "managed" else own), **model}
        for place, model in enumerate(models)
    ]
    return prod(models=named)


def engine_form(config: dict[str, Any]) -> dict[str, str]:
    """Text as it is, all else as JSON: what Pulumi gives a program."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}


def read(
    config: dict[str, Any],
    stack: str = "prod",
    environ: dict[str, str] | None = None,
    secrets: tuple[str, ...] = (),
) -> Settings:
    """The settings of `config` on a fixed day, with nothing but `environ` in the environment."""
    return load(engine_form(config), stack, environ or {}, TODAY, secrets)
