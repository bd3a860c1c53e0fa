"""Prices out of SKUs of the form that cloudbilling v1 answers with."""

import datetime as dt
from typing import Any

import pytest

from pricing import PriceTable, with_catalogue

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
