"""Prices out of the Cloud Billing catalogue (cloudbilling v1 `services.skus.list`); who asks for it passes the SKUs.

A node has no SKU of its own: it is billed by core and by GiB. The descriptions that are read here were seen in public
scripts: `Vertex AI: Online/Batch Prediction N1 Predefined Instance Core running in Americas`, `… Ram running in …`,
`… Nvidia H100 80gb GPU running in Iowa`, and `Gemini 3.8 Flash Global Text Input`. Other GPUs are taken whose name is
an accelerator type of the API's. What is described otherwise is left to prices.yaml.
"""

import dataclasses
import datetime as dt
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pricing.table import PriceTable, TokenPrice

VERTEX_AI_SERVICE: Final = "services/C7E2-9256-1C43"
_INSTANCE = re.compile(
    r"Vertex AI: Online/Batch Prediction (\w+) (?:Predefined )?Instance (Core|Ram) running in .+", re.IGNORECASE
)
_GPU = re.compile(r"Vertex AI: Online/Batch Prediction (Nvidia [\w ]+) GPU running in .+", re.IGNORECASE)
_ACCELERATORS: Final = (
    "NVIDIA_A100_80GB",
    "NVIDIA_H100_80GB",
    "NVIDIA_L4",
    "NVIDIA_TESLA_A100",
    "NVIDIA_TESLA_P100",
    "NVIDIA_TESLA_P4",
    "NVIDIA_TESLA_T4",
    "NVIDIA_TESLA_V100",
)
_TOKENS = re.compile(r"(Gemini [\w. ]+?) Global Text (Input|Output)(?: - Predictions)?")
_MILLION = 1_000_000
# GiB of memory that a class has for each virtual CPU (Compute Engine's machine families).
_GIB: Final[dict[str, float]] = {
    "n1-standard": 3.75,
    "n1-highmem": 6.5,
    "n1-highcpu": 0.9,
    "e2-standard": 4,
    "e2-highmem": 8,
    "e2-highcpu": 1,
    "n2-standard": 4,
    "n2-highmem": 8,
    "n2-highcpu": 1,
    "n2d-standard": 4,
    "n2d-highmem": 8,
    "n2d-highcpu": 1,
    "c2-standard": 4,
    "c3-standard": 4,
    "c3-highmem": 8,
    "c3-highcpu": 2,
}


@dataclasses.dataclass(frozen=True)
class BuiltIn:
    """A node that comes with its accelerators: virtual CPUs, GiB of memory, accelerators."""

    cores: int
    gib: int
    accelerator: str
    count: int


# cloud.google.com/compute/docs/accelerator-optimized-machines
BUILT_IN: Final = {
    **{f"a2-highgpu-{n}g": BuiltIn(12 * n, 85 * n, "NVIDIA_TESLA_A100", n) for n in (1, 2, 4, 8)},
    **{f"a2-ultragpu-{n}g": BuiltIn(12 * n, 170 * n, "NVIDIA_A100_80GB", n) for n in (1, 2, 4, 8)},
    **{f"a3-highgpu-{n}g": BuiltIn(26 * n, 234 * n, "NVIDIA_H100_80GB", n) for n in (1, 2, 4, 8)},
    **{
        f"g2-standard-{n}": BuiltIn(n, 4 * n, "NVIDIA_L4", {24: 2, 48: 4, 96: 8}.get(n, 1))
        for n in (4, 8, 12, 16, 24, 32, 48, 96)
    },
}


def with_catalogue(table: PriceTable, skus: Iterable[Mapping[str, Any]], region: str, day: dt.date) -> PriceTable:
    """`table` with the catalogue's prices of `region` over it; the same table where no SKU is one of those above."""
    parts: dict[str, dict[str, float]] = {}
    tokens: dict[str, dict[str, float]] = {}
    accelerators: dict[str, float] = {}
    for sku in skus:
        if sku.get("category", {}).get("usageType", "OnDemand") != "OnDemand":
            continue
        price, description = _unit_price(sku), str(sku.get("description", ""))
        if price is None:
            continue
        if (found := _INSTANCE.fullmatch(description)) and region in sku.get("serviceRegions", []):
            parts.setdefault(found[1].lower(), {})[found[2].lower()] = price
        elif (found := _GPU.fullmatch(description)) and region in sku.get("serviceRegions", []):
            kind = found[1].upper().replace(" ", "_")
            if kind in _ACCELERATORS:
                accelerators[kind] = price
        elif found := _TOKENS.fullmatch(description):
            tokens.setdefault(found[1].lower().replace(" ", "-"), {})[found[2].lower()] = price * _MILLION
    whole = {family: (part["core"], part["ram"]) for family, part in parts.items() if part.keys() >= {"core", "ram"}}
    vcpus = {
        name: whole[family][0] + whole[family][1] * gib
        for name, gib in _GIB.items()
        if (family := name.partition("-")[0]) in whole
    }
    nodes = {
        name: whole[family][0] * node.cores + whole[family][1] * node.gib + accelerators[node.accelerator] * node.count
        for name, node in BUILT_IN.items()
        if (family := name.partition("-")[0]) in whole and node.accelerator in accelerators
    }
    by_token = {
        name: (TokenPrice(price["input"], price["output"]),)
        for name, price in tokens.items()
        if price.keys() >= {"input", "output"}
    }
    if not (vcpus or accelerators or by_token):
        return table
    return dataclasses.replace(
        table,
        as_of=day,
        origin=f"Cloud Billing catalogue of {day.isoformat()}, and {table.origin} for what it does not say",
        vcpus={**table.vcpus, region: {**table.vcpus.get(region, {}), **vcpus}},
        nodes={**table.nodes, region: {**table.nodes.get(region, {}), **nodes}},
        accelerators={**table.accelerators, region: {**table.accelerators.get(region, {}), **accelerators}},
        tokens={**table.tokens, **by_token},
    )


def _unit_price(sku: Mapping[str, Any]) -> float | None:
    """USD for one unit of usage at the highest tier, which is what a running stack pays; None where it is not given."""
    infos = sku.get("pricingInfo") or []
    rates = infos[-1].get("pricingExpression", {}).get("tieredRates", []) if infos else []
    if not rates:
        return None
    money = rates[-1].get("unitPrice", {})
    if money.get("currencyCode", "USD") != "USD":
        return None
    return int(money.get("units", 0)) + int(money.get("nanos", 0)) / 1e9 or None
