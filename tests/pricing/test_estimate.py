"""Idle and full-load cost by hand-worked numbers, and what is not known said in sentences."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pricing
from pricing.table import read
from tests.unit.configurations import one_model, prod, tuned
from tests.unit.configurations import read as settings_of

NUMBERS = ("idlePerHour", "fullPerHour", "idlePerMonth", "fullPerMonth")
DAY = dt.date(2026, 11, 24)
TABLE = read(
    {
        "asOf": DAY,
        "currency": "USD",
        "sources": {"here": "made up for this test"},
        "nodes": {
            "us-central1": {
                "n1-standard": {"perVcpu": 0.05, "source": "here"},
                "g2-standard-12": {"perNode": 1.5, "source": "here"},
            }
        },
        "accelerators": {"us-central1": {"NVIDIA_TESLA_T4": {"perHour": 0.4, "source": "here"}}},
        "tokens": {
            "gemini-4-argon": [
                {"input": 4.0, "output": 20.0, "source": "here"},
                {"input": 2.0, "output": 10.0, "until": dt.date(2026, 11, 30), "source": "here"},
            ]
        },
    }
)


@dataclass(frozen=True)
class Managed:
    name: str
    model: str


def cost_of(config: dict[str, Any], **how: Any) -> pricing.Cost:
    settings = settings_of(config)
    return pricing.estimate(how.pop("region", settings.region), settings.models, table=TABLE, day=DAY, **how)


def test_idle_is_the_fewest_replicas_and_full_the_most() -> None:
    """Node price times replicas, by model, and a month of 730 hours."""
    config = prod()
    config["gemini-vertex:models"][0] |= {"minReplicaCount": 2, "maxReplicaCount": 20}
    cost = cost_of(config)
    assert cost.as_json() == {
        "currency": "USD",
        "asOf": "2026-11-24",
        "idlePerHour": 0.8,
        "fullPerHour": 4.4,
        "idlePerMonth": 584.0,
        "fullPerMonth": 3212.0,
        "models": {
            "first": {"idlePerHour": 0.4, "fullPerHour": 4.0, "idlePerMonth": 292.0, "fullPerMonth": 2920.0},
            "second": {"idlePerHour": 0.4, "fullPerHour": 0.4, "idlePerMonth": 292.0, "fullPerMonth": 292.0},
        },
        "unknown": [],
    }


def test_an_attached_accelerator_is_added_and_a_built_in_one_is_in_the_node() -> None:
    """Two T4 on an N1 node cost on top; the L4 of a G2 node does not."""
    attached = cost_of(one_model(acceleratorType="NVIDIA_TESLA_T4", acceleratorCount=2))
    assert attached.idle_per_hour == 4 * 0.05 + 2 * 0.4
    built_in = cost_of(one_model(machineType="g2-standard-12", acceleratorType="NVIDIA_L4", acceleratorCount=1))
    assert built_in.idle_per_hour == 1.5


def test_what_is_not_known_is_said_and_makes_the_sums_unknown() -> None:
    """Another region, a machine or an accelerator without a price: null, never 0, and a sentence that names it."""
    elsewhere = cost_of(prod(), region="europe-west4")
    shown = elsewhere.as_json()
    for costs in (shown, shown["models"]["first"]):
        assert [costs[key] for key in NUMBERS] == [None, None, None, None]
    assert elsewhere.unknown == (
        "first: no price of a n1-standard-4 node in europe-west4 is known",
        "second: no price of a n1-standard-8 node in europe-west4 is known",
    )
    assert elsewhere.idle_per_hour is None
    other = cost_of(one_model(acceleratorType="NVIDIA_TESLA_V100"))
    assert other.unknown == ("only: no price of an NVIDIA_TESLA_V100 on a n1-standard-4 node in us-central1 is known",)


def test_a_tuned_gemini_costs_nothing_idle_and_by_token_else() -> None:
    """No machines of its own: the base model's token price applies, which the configuration does not tell."""
    cost = cost_of(tuned())
    assert [cost.as_json()["models"]["only"][key] for key in NUMBERS] == [0.0, None, 0.0, None]
    assert "billed by token" in cost.unknown[0]


def test_a_managed_model_has_no_idle_cost_and_a_price_by_token() -> None:
    """The price of the day, in the output and in a sentence; Provisioned Throughput is named as not known."""
    models = [Managed("pro", "publishers/google/models/gemini-4-argon"), Managed("odd", "gemini-9")]
    cost = pricing.estimate("us-central1", (), models, table=TABLE, day=DAY)
    assert cost.as_json()["models"]["pro"] == {
        "idlePerHour": 0.0,
        "fullPerHour": None,
        "idlePerMonth": 0.0,
        "fullPerMonth": None,
        "perMillionTokens": {"input": 2.0, "output": 10.0},
    }
    assert "2.00 USD the million input tokens and 10.00" in cost.unknown[0]
    assert "Provisioned Throughput" in cost.unknown[0]
    assert "a price that is not known here" in cost.unknown[1]
    december = pricing.estimate("us-central1", (), models, table=TABLE, day=dt.date(2026, 12, 1))
    assert december.models["pro"].tokens == pricing.TokenPrice(4.0, 20.0)
