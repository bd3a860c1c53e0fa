"""What a stack costs and what a change makes of it, in the words of the preview."""

from typing import Any

import pytest

import pricing
from pricing import words
from tests.pricing.test_estimate import DAY, TABLE, Managed, cost_of
from tests.unit.configurations import one_model, prod, tuned

PRO = Managed("pro", "gemini-4-argon")


def of_managed(*models: Managed) -> pricing.Cost:
    return pricing.estimate("us-central1", (), models, table=TABLE, day=DAY)


def test_a_table_has_each_model_by_hour_and_month() -> None:
    """Aligned, the sum last; what is not known and what the sums leave out is said."""
    config = prod()
    config["gemini-vertex:models"][0] |= {"minReplicaCount": 2, "maxReplicaCount": 20}
    assert (
        words.told(cost_of(config))
        == """\
cost in USD (list prices, prices.yaml of 2026-11-24):
model   idle an hour  a month  full load an hour  a month
first           0.40      292               4.00    2,920
second          0.40      292               0.40      292
all             0.80      584               4.40    3,212"""
    )
    config["gemini-vertex:models"][1]["machineType"] = "n2-standard-4"
    assert (
        words.told(cost_of(config))
        == """\
cost in USD (list prices, prices.yaml of 2026-11-24):
model   idle an hour    a month  full load an hour    a month
first           0.40        292               4.00      2,920
second     not known  not known          not known  not known
all        not known  not known          not known  not known
not in it: second: no price of a n2-standard-4 node in us-central1 is known"""
    )


def test_one_model_has_no_sum_and_tokens_are_named() -> None:
    """What is billed by token costs nothing idle, and has no hourly cost under load."""
    lines = words.told(of_managed(PRO)).splitlines()
    assert lines[2].split() == ["pro", "0.00", "0", "by", "token", "by", "token"]
    assert lines[3].startswith("not in it: pro (gemini-4-argon) costs by token, at 2.00 USD")
    assert len(lines) == 4


def test_a_change_is_told_by_the_hour_and_the_month() -> None:
    """Against the last output; nothing where nothing differs or there was no output."""
    cost = cost_of(prod())
    assert words.change(cost, cost.as_json()) == ""
    assert words.change(cost, None) == ""
    less = prod()
    less["gemini-vertex:models"][1]["machineType"] = "n1-standard-4"
    before = cost_of(less).as_json()
    assert words.change(cost, before) == (
        "idle +0.20 USD an hour (+146 a month), at full load +0.20 USD an hour (+146 a month)"
    )
    more = cost_of(one_model(machineType="n1-standard-32", maxReplicaCount=1)).as_json()
    assert words.change(cost, more).startswith("idle -1.00 USD an hour (-730 a month)")


@pytest.mark.parametrize("known_first", [True, False])
def test_a_move_to_or_from_a_region_without_prices_is_no_saving(known_first: bool) -> None:
    """Not known is not 0: neither on the side of now nor before."""
    known, unknown = cost_of(prod()), cost_of(prod(), region="europe-west4")
    now, before = (unknown, known) if known_first else (known, unknown)
    assert words.change(now, before.as_json()) == "idle not known, at full load not known"


def test_a_total_of_before_that_counted_the_unknown_as_0_is_not_believed() -> None:
    """Outputs of an earlier version had such sums; their models tell."""
    before: dict[str, Any] = {"idlePerHour": 0, "fullPerHour": 0, "models": {"first": {"idlePerHour": None}}}
    assert words.change(cost_of(prod()), before) == "idle not known, at full load not known"


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (
            (PRO,),
            (Managed("pro", "gemini-x"),),
            "pro: not known before, 2.00 and 10.00 USD the million tokens in and out now",
        ),
        (
            (Managed("pro", "gemini-x"),),
            (PRO,),
            "pro: 2.00 and 10.00 USD the million tokens in and out before, not known now",
        ),
        ((PRO, Managed("b", "gemini-4-argon")), (PRO,), "b: 2.00 and 10.00 USD the million tokens in and out now"),
        ((PRO,), (PRO, Managed("b", "gemini-4-argon")), "b: 2.00 and 10.00 USD the million tokens in and out before"),
        ((PRO,), (PRO,), ""),
    ],
)
def test_a_change_of_a_price_by_token_is_told(now: tuple[Managed, ...], before: tuple[Managed, ...], said: str) -> None:
    """A managed model costs no hours: its tokens' price is what changes."""
    assert words.change(of_managed(*now), of_managed(*before).as_json()) == said


def test_a_model_that_leaves_the_endpoint_for_tokens_is_both() -> None:
    """Hours fall away, and full load is not known any more."""
    said = words.change(cost_of(tuned()), cost_of(one_model()).as_json())
    assert said == "idle -0.20 USD an hour (-146 a month), at full load not known"
