"""Lists copied from Google's documents still say what the documents shipped with Google's client say."""

import json
import re
from importlib import resources
from typing import Any

import pytest

from settings.machines import ACCELERATOR_TYPES, ATTACHABLE, BUILT_IN, MACHINE_TYPES, METRICS, Machine, machine
from settings.regions import REGIONS


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The aiplatform v1 discovery document."""
    documents = resources.files("googleapiclient.discovery_cache") / "documents"
    found: dict[str, Any] = json.loads((documents / "aiplatform.v1.json").read_text(encoding="utf-8"))
    return found


def test_regions_are_those_with_an_address_of_their_own(document: dict[str, Any]) -> None:
    """Every location with an address in the discovery document, but for the multi-regions."""
    assert set(REGIONS) == {place["location"] for place in document["endpoints"]} - {"us", "eu"}
    assert list(REGIONS) == sorted(REGIONS)


def test_accelerator_types_are_the_apis(document: dict[str, Any]) -> None:
    """Every type that a machine takes is in the API's enum, and none that the API deprecates."""
    field = document["schemas"]["GoogleCloudAiplatformV1MachineSpec"]["properties"]["acceleratorType"]
    living = {name for name, gone in zip(field["enum"], field["enumDeprecated"], strict=True) if not gone}
    assert set(ACCELERATOR_TYPES) <= living
    assert {name for name in living if name.startswith("NVIDIA_")} == set(ACCELERATOR_TYPES)


def test_metrics_are_those_that_the_api_lists(document: dict[str, Any]) -> None:
    """The description of the field lists them all."""
    field = document["schemas"]["GoogleCloudAiplatformV1AutoscalingMetricSpec"]["properties"]["metricName"]
    assert set(METRICS) == set(re.findall(r"`([a-z.]+/[^`]+)`", field["description"]))


@pytest.mark.parametrize("name", [f"{family}-{size}" for family, sizes in MACHINE_TYPES.items() for size in sizes])
def test_every_machine_can_be_asked_for_as_google_wants_it(name: str) -> None:
    """With the accelerators that it comes with, or none: no entry of the table contradicts another."""
    found = machine(name)
    assert isinstance(found, Machine)
    assert found.accelerator_problem(found.built_in or "", found.built_in_count) is None


def test_tables_of_accelerators_name_machines_that_exist() -> None:
    """No family is misspelt, and none both comes with an accelerator and takes another."""
    assert set(BUILT_IN) <= set(MACHINE_TYPES)
    assert not set(ATTACHABLE) & set(BUILT_IN.values())
