"""The dated list of prices, prices.yaml, and how the price of a node follows from it."""

import datetime as dt
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("prices.yaml")


@dataclass(frozen=True)
class TokenPrice:
    """USD per million tokens of text, up to and including the day `until` (None: no end known)."""

    input: float
    output: float
    until: dt.date | None = None


@dataclass(frozen=True)
class PriceTable:
    """List prices in USD.

    - `as_of`: the day of the list; `origin`: where it comes from, in words.
    - `nodes`: by region, USD an hour by machine type; `vcpus`: by region, USD an hour and virtual CPU by machine class.
    - `accelerators`: by region, USD an hour of one accelerator by type, on top of an N1 node.
    - `tokens`: by Gemini id, the prices in the order of their end.
    """

    as_of: dt.date
    origin: str
    nodes: Mapping[str, Mapping[str, float]]
    vcpus: Mapping[str, Mapping[str, float]]
    accelerators: Mapping[str, Mapping[str, float]]
    tokens: Mapping[str, tuple[TokenPrice, ...]]

    @classmethod
    @functools.cache
    def load(cls) -> "PriceTable":
        """Read prices.yaml. Raises ValueError naming the entry that is not as the header of that file says."""
        import yaml

        return read(yaml.safe_load(_FILE.read_text(encoding="utf-8")))

    def node_hour(self, region: str, machine_type: str) -> float | None:
        """USD for one node of that type and hour, the accelerators built into it included; None where not known."""
        by_type = self.nodes.get(region, {}).get(machine_type)
        if by_type is not None:
            return by_type
        machine_class, _, size = machine_type.rpartition("-")
        by_vcpu = self.vcpus.get(region, {}).get(machine_class)
        return by_vcpu * int(size) if by_vcpu is not None and size.isdecimal() else None

    def accelerator_hour(self, region: str, accelerator_type: str) -> float | None:
        """USD for one accelerator attached to an N1 node and hour; None where not known."""
        return self.accelerators.get(region, {}).get(accelerator_type)

    def token_price(self, gemini_id: str, day: dt.date) -> TokenPrice | None:
        """The price on `day`; None where not known."""
        known = self.tokens.get(gemini_id, ())
        return next((price for price in known if price.until is None or day <= price.until), None)


def read(document: Mapping[str, Any]) -> PriceTable:
    """The table in a document of the form of prices.yaml. Raises ValueError naming an entry of another form."""
    nodes: dict[str, dict[str, float]] = {}
    vcpus: dict[str, dict[str, float]] = {}
    sources = document["sources"]
    if document["currency"] != "USD":
        raise ValueError(f"prices.yaml: currency is {document['currency']}; the list is in USD")
    for region, entries in document["nodes"].items():
        for name, entry in entries.items():
            where = f"prices.yaml: nodes.{region}.{name}"
            kind = "perVcpu" if "perVcpu" in entry else "perNode"
            _check(where, entry, (kind,), sources)
            (vcpus if kind == "perVcpu" else nodes).setdefault(region, {})[name] = float(entry[kind])
    accelerators: dict[str, dict[str, float]] = {}
    for region, entries in document["accelerators"].items():
        for name, entry in entries.items():
            _check(f"prices.yaml: accelerators.{region}.{name}", entry, ("perHour",), sources)
            accelerators.setdefault(region, {})[name] = float(entry["perHour"])
    tokens: dict[str, tuple[TokenPrice, ...]] = {}
    for name, entries in document["tokens"].items():
        for entry in entries:
            _check(f"prices.yaml: tokens.{name}", entry, ("input", "output"), sources)
        prices = [TokenPrice(float(entry["input"]), float(entry["output"]), entry.get("until")) for entry in entries]
        tokens[name] = tuple(sorted(prices, key=lambda price: price.until or dt.date.max))
    as_of = document["asOf"]
    return PriceTable(as_of, f"prices.yaml of {as_of.isoformat()}", nodes, vcpus, accelerators, tokens)


def _check(where: str, entry: Mapping[str, Any], numbers: tuple[str, ...], sources: Mapping[str, str]) -> None:
    if entry.get("source") not in sources:
        raise ValueError(f"{where}: source is not one of those that the file lists")
    for number in numbers:
        value = entry.get(number)
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise ValueError(f"{where}: {number} is {value!r}; it must be a price in USD above 0")
