"""prices.yaml is dated, sourced and of its form, and knows what the bundled stacks deploy."""

import copy
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml

from model_catalogue import Catalogue
from pricing import PriceTable
from pricing.table import read
from settings.machines import Machine, machine
from settings.regions import REGIONS

DOCUMENT = yaml.safe_load((Path(__file__).resolve().parents[2] / "pricing/prices.yaml").read_text())


def test_every_entry_names_something_that_exists() -> None:
    """Regions, machines and Gemini ids are those of settings and models.yaml."""
    table = PriceTable.load()
    assert table.as_of == DOCUMENT["asOf"]
    assert {*table.nodes, *table.vcpus, *table.accelerators} <= set(REGIONS)
    for entries in table.nodes.values():
        assert all(isinstance(machine(name), Machine) for name in entries)
    for entries in table.vcpus.values():
        assert all(isinstance(machine(f"{name}-4"), Machine) for name in entries)
    assert set(table.tokens) <= set(Catalogue.load().models)


def test_the_articles_machines_have_their_prices() -> None:
    """The article's two replicas of n1-standard-4 cost 0.44 USD an hour, not its 0.35."""
    table = PriceTable.load()
    four, eight = table.node_hour("us-central1", "n1-standard-4"), table.node_hour("us-central1", "n1-standard-8")
    assert four == pytest.approx(0.219)
    assert eight == pytest.approx(0.438)


def test_a_price_that_ends_is_followed_by_the_next() -> None:
    """gemini-4-argon doubles on 2026-12-01."""
    table = PriceTable.load()
    before = table.token_price("gemini-4-argon", dt.date(2026, 11, 30))
    after = table.token_price("gemini-4-argon", dt.date(2026, 12, 1))
    assert (before and before.input, after and after.input) == (2.0, 4.0)
    assert table.token_price("gemini-0", dt.date(2026, 12, 1)) is None


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("nodes", "us-central1", "n1-standard", "source"), "hearsay", "nodes.us-central1.n1-standard: source"),
        (("nodes", "us-central1", "n1-standard", "perVcpu"), "0.05", "perVcpu is '0.05'"),
        (("nodes", "us-central1", "g2-standard-12", "perNode"), 0, "perNode is 0"),
        (("tokens", "gemini-3.8-flash", 0, "output"), None, "tokens.gemini-3.8-flash: output is None"),
        (("currency",), "EUR", "currency is EUR"),
    ],
)
def test_a_slip_in_the_file_is_named(path: tuple[Any, ...], value: Any, says: str) -> None:
    """No source, no price, or another currency: the entry stands in the error."""
    document = copy.deepcopy(DOCUMENT)
    entry = document
    for part in path[:-1]:
        entry = entry[part]
    entry[path[-1]] = value
    with pytest.raises(ValueError, match=r"^prices\.yaml") as caught:
        read(document)
    assert says in str(caught.value)
