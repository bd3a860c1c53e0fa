"""A resource's labels: the program's own, the provider's besides, and all that Google has."""

from __future__ import annotations

from sandbox.standin.gcp.cloud import Cloud
from sandbox.standin.rest import Json
from sandbox.standin.values import UNKNOWN, Props


def planned(cloud: Cloud, inputs: Props) -> Props:
    """The labels that the provider will set."""
    given = inputs.get("labels", {})
    wanted = UNKNOWN if given == UNKNOWN else {**cloud.default_labels(), **given}
    return {"pulumiLabels": wanted, "effectiveLabels": wanted}


def shown(cloud: Cloud, state: Props, live: Json) -> Props:
    """The labels that are there, told apart as the provider does."""
    there = live.get("labels", {})
    wanted = {**cloud.default_labels(), **state.get("labels", {})}
    return {
        "labels": {k: there[k] for k in state.get("labels", {}) if k in there},
        "pulumiLabels": {k: v for k, v in wanted.items() if k in there},
        "effectiveLabels": there,
    }
