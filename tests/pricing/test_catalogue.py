"""Prices out of SKUs of the form that cloudbilling v1 answers with."""

import datetime as dt
from typing import Any

import pytest

from pricing import PriceTable, with_catalogue
from pricing.catalogue import BUILT_IN
from settings.machines import Machine, machine

DAY = dt.date(2026, 11, 25)


def sku(description: str, nanos: int, regions: tuple[str, ...] = ("europe-west4",), **more: Any) -> dict[str, Any]:
    price = {"currencyCode": "USD", "units": "0", "nanos": nanos, **more.pop("price", {})}
    tiers = [{"startUsageAmount": 0, "unitPrice": price}]
    return {
        "description": description,
        "serviceRegions": list(regions),
        "category": {"usageType": more.pop("usage", "OnDemand")},
        "pricingInfo": [{"pricingExpression": {"usageUnit": "h", "tieredRates": tiers}}],
    }


CORE = sku("Vertex AI: Online/Batch Prediction N1 Predefined Instance Core running in Netherlands", 40_000_000)
RAM = sku("Vertex AI: Online/Batch Prediction N1 Predefined Instance Ram running in Netherlands", 5_000_000)


def read(*skus: dict[str, Any], region: str = "europe-west4") -> PriceTable:
    return with_catalogue(PriceTable.load(), skus, region, DAY)


def test_a_node_costs_its_cores_and_its_memory() -> None:
    """4 cores and 15 GiB of n1-standard-4, 26 of highmem; the date and origin are the catalogue's."""
    table = read(CORE, RAM)
    assert table.node_hour("europe-west4", "n1-standard-4") == pytest.approx(4 * 0.04 + 15 * 0.005)
    assert table.node_hour("europe-west4", "n1-highmem-4") == pytest.approx(4 * 0.04 + 26 * 0.005)
    assert table.as_of == DAY
    assert table.origin.startswith("Cloud Billing catalogue of 2026-11-25, and prices.yaml")


def gpu(name: str, nanos: int, **more: Any) -> dict[str, Any]:
    return sku(f"Vertex AI: Online/Batch Prediction Nvidia {name} GPU running in Netherlands", nanos, **more)


def test_an_accelerator_is_priced_under_the_apis_name() -> None:
    """As billing reports write it: `Nvidia H100 80gb GPU`."""
    table = read(gpu("Tesla T4", 400_000_000), gpu("L4", 600_000_000), gpu("Tomorrow", 900_000_000))
    assert table.accelerators["europe-west4"] == {"NVIDIA_TESLA_T4": 0.4, "NVIDIA_L4": 0.6}
    assert table.origin.startswith("Cloud Billing catalogue of 2026-11-25")


def test_a_node_that_has_its_accelerators_costs_them_too() -> None:
    """By the prices of a bill of 2025-08: 26 cores, 234 GB and an H100 in an a3-highgpu-1g; a 2g has twice that."""
    part = "Vertex AI: Online/Batch Prediction A3 Predefined Instance {} running in Iowa"
    table = read(
        sku(part.format("Core"), 29_322_700),
        sku(part.format("Ram"), 2_553_400),
        gpu("H100 80gb", 266_033_200, price={"units": "11"}),
    )
    assert table.node_hour("europe-west4", "a3-highgpu-1g") == pytest.approx(12.625919, abs=1e-5)
    assert table.node_hour("europe-west4", "a3-highgpu-2g") == pytest.approx(2 * 12.625919, abs=1e-5)
    without = read(sku(part.format("Core"), 29_322_700), sku(part.format("Ram"), 2_553_400))
    assert without.node_hour("europe-west4", "a3-highgpu-1g") is None


def test_every_node_with_accelerators_is_one_of_the_settings() -> None:
    """Their names, kinds and counts are those of settings/machines.py."""
    for name, node in BUILT_IN.items():
        found = machine(name)
        assert isinstance(found, Machine)
        assert (found.built_in, found.built_in_count) == (node.accelerator, node.count)


def test_tokens_are_priced_by_the_million() -> None:
    """1500 nanos a token are 1.50 USD the million."""
    table = read(
        sku("Gemini 3.8 Flash Global Text Input", 1_500, ()), sku("Gemini 3.8 Flash Global Text Output", 7_500, ())
    )
    price = table.token_price("gemini-3.8-flash", DAY)
    assert price
    assert [price.input, price.output] == pytest.approx([1.5, 7.5])


@pytest.mark.parametrize(
    "skus",
    [
        (CORE,),
        (CORE, {**RAM, "serviceRegions": ["us-central1"]}),
        (CORE, {**RAM, "category": {"usageType": "Preemptible"}}),
        (CORE, {**RAM, "pricingInfo": []}),
        (CORE, sku(RAM["description"], 5, price={"currencyCode": "EUR"})),
        (sku("Vertex AI: Training/Pipelines on N1 Predefined Instance Core running in Netherlands", 1), RAM),
    ],
)
def test_half_a_price_is_none(skus: tuple[dict[str, Any], ...]) -> None:
    """Memory missing, elsewhere, spot, unpriced, in another currency, or of training: the dated table stays."""
    assert read(*skus) is PriceTable.load()
