"""The stack's labels are on all that takes labels."""

import inspect
from pathlib import Path
from typing import Any

import pulumi_gcp
import pytest

from policy.access import LABELLED
from tests.unit.configurations import prod
from tests.unit.programs import run_program

LABELS = {"environment": "prod", "team": "a"}
# Google refuses labels on a global forwarding rule for its APIs.
WITHOUT = {"gcp:compute/globalForwardingRule:GlobalForwardingRule"}
STACKS: dict[str, dict[str, Any]] = {
    "private": {
        "endpoint": {"name": "e", "connectivity": "private-service-connect", "address": "forwarding-rule"},
        "privateApis": {"mode": "restricted"},
    },
    "automatic": {"network": {"name": "serving", "create": True}},
    "peered": {
        "endpoint": {"name": "e", "connectivity": "peered-network", "privateServicesAccess": "create"},
        "models": [{"name": "a", "model": "my-model", "machineType": "n1-standard-4"}],
    },
}


def test_every_resource_that_takes_labels_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the constructors of Pulumi's own classes; the policy `labels` looks at just those."""
    monkeypatch.chdir(tmp_path)
    labelled = set()
    for changes in STACKS.values():
        watched: dict[str, Any] = {"notify": ["a@example.com"]}
        if changes.get("endpoint", {}).get("connectivity") != "peered-network":
            watched |= {"requestLogging": {"dataset": "requests"}}
        config = prod(
            **changes,
            labels=LABELS,
            observability=watched,
            fallback={"model": "gemini-3.8-flash", "apiKey": "a-key"},
        )
        for made in run_program(config, secrets=("gemini-vertex:fallback",)).resources:
            if (field := label_field(made.typ)) and made.typ not in WITHOUT:
                assert made.inputs.get(field) == LABELS, made.typ
                labelled.add((made.typ, field))
    assert labelled == set(LABELLED.items())


def label_field(token: str) -> str | None:
    """The field for labels of a resource of pulumi-gcp, where it has one."""
    package, _, rest = token.partition(":")
    if package != "gcp" or "/" not in rest:
        return None
    module, _, name = rest.partition("/")
    takes = inspect.signature(getattr(getattr(pulumi_gcp, module), name.partition(":")[2])._internal_init).parameters
    # A notification channel's `labels` are its address.
    return "userLabels" if "user_labels" in takes else "labels" if "labels" in takes else None
