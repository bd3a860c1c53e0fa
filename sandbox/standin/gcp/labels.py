"""A resource's labels: the program's own, the provider's besides, and all that Google has."""

from __future__ import annotations

from typing import Any

from sandbox.standin.gcp.cloud import Cloud
from sandbox.standin.rest import Json
from sandbox.standin.values import UNKNOWN, Props


def wanted(cloud: Cloud, props: Props) -> Any:
    """The program's labels and the provider's; unknown as long as the program's are."""
    given = props.get("labels", {})
    return UNKNOWN if given == UNKNOWN else {**cloud.default_labels(), **given}


def planned(cloud: Cloud, inputs: Props) -> Props:
    """The labels that the provider will set."""
    labels = wanted(cloud, inputs)
    return {"pulumiLabels": labels, "effectiveLabels": labels}


def shown(cloud: Cloud, state: Props, live: Json) -> Props:
    """The labels that are there, told apart as the provider does."""
    there = live.get("labels", {})
    return {
        "labels": {k: there[k] for k in state.get("labels", {}) if k in there},
        "pulumiLabels": {k: v for k, v in wanted(cloud, state).items() if k in there},
        "effectiveLabels": there,
    }
