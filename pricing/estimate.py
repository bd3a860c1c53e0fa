"""Idle and full-load cost of a stack's models."""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from pricing.table import PriceTable, TokenPrice

# As Google's pricing pages count a month.
HOURS_PER_MONTH: Final = 730
_ATTACHABLE_TO = "n1-"


class Deployment(Protocol):
    """A model on the endpoint, as `settings.DeploymentSettings` describes it."""

    @property
    def display_name(self) -> str: ...  # noqa: D102
    @property
    def model(self) -> str: ...  # noqa: D102
    @property
    def machine_type(self) -> str | None: ...  # noqa: D102
    @property
    def accelerator_type(self) -> str | None: ...  # noqa: D102
    @property
    def accelerator_count(self) -> int | None: ...  # noqa: D102
    @property
    def min_replica_count(self) -> int | None: ...  # noqa: D102
    @property
    def max_replica_count(self) -> int | None: ...  # noqa: D102


class Managed(Protocol):
    """A model that Google runs and bills by token: nothing is deployed."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def model(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class ModelCost:
    """One model: USD an hour with its fewest and its most replicas, None where not known; tokens where billed so."""

    idle_per_hour: float | None
    full_per_hour: float | None
    tokens: TokenPrice | None = None

    def as_json(self) -> dict[str, Any]:
        """The form of the stack's output `cost`."""
        shown: dict[str, Any] = _numbers(self.idle_per_hour, self.full_per_hour)
        if self.tokens:
            shown["perMillionTokens"] = {"input": self.tokens.input, "output": self.tokens.output}
        return shown


@dataclass(frozen=True)
class Cost:
    """A stack: the sums, each model, and a sentence for everything that is not known. A sum of it is not known either.

    Hours are billed whether a request comes or not, so idle is the least that a running stack costs.
    """

    as_of: dt.date
    origin: str
    models: Mapping[str, ModelCost]
    unknown: tuple[str, ...]

    @property
    def idle_per_hour(self) -> float | None:
        """USD an hour with every model at its fewest replicas, None where one's price is not known."""
        return _sum(model.idle_per_hour for model in self.models.values())

    @property
    def full_per_hour(self) -> float | None:
        """USD an hour with every model at its most replicas, None where one's price is not known or is by token."""
        return _sum(model.full_per_hour for model in self.models.values())

    def as_json(self) -> dict[str, Any]:
        """The stack's output `cost`; null stands for what is not known."""
        return {
            "currency": "USD",
            "asOf": self.as_of.isoformat(),
            **_numbers(self.idle_per_hour, self.full_per_hour),
            "models": {name: model.as_json() for name, model in self.models.items()},
            "unknown": list(self.unknown),
        }


def estimate(
    region: str,
    deployments: Iterable[Deployment],
    managed: Iterable[Managed] = (),
    *,
    day: dt.date,
    table: PriceTable | None = None,
) -> Cost:
    """What these models cost in `region`.

    `day` picks among prices that change on a date; `table` is prices.yaml by default.
    """
    table = table or PriceTable.load()
    unknown: list[str] = []
    models: dict[str, ModelCost] = {}
    for deployment in deployments:
        models[deployment.display_name] = _deployed(region, deployment, table, unknown)
    for model in managed:
        models[model.name] = _managed(model, day, table, unknown)
    return Cost(table.as_of, table.origin, models, tuple(unknown))


def _deployed(region: str, model: Deployment, table: PriceTable, unknown: list[str]) -> ModelCost:
    name = model.display_name
    if model.machine_type is None:
        unknown.append(f"{name} runs on Google's shared machines and is billed by token, at its base model's price")
        return ModelCost(0.0, None)
    replica = table.node_hour(region, model.machine_type)
    what = f"a {model.machine_type} node"
    attached = model.accelerator_type if model.machine_type.startswith(_ATTACHABLE_TO) else None
    if replica is not None and attached:
        one = table.accelerator_hour(region, attached)
        replica = None if one is None else replica + one * (model.accelerator_count or 1)
        what = f"an {attached} on {what}"
    if replica is None:
        unknown.append(f"{name}: no price of {what} in {region} is known")
        return ModelCost(None, None)
    least = model.min_replica_count or 1
    return ModelCost(replica * least, replica * (model.max_replica_count or least))


def _managed(model: Managed, day: dt.date, table: PriceTable, unknown: list[str]) -> ModelCost:
    gemini = model.model.rpartition("/")[2]
    price = table.token_price(re.sub(r"@.*", "", gemini), day)
    priced = (
        f"{price.input:.2f} USD the million input tokens and {price.output:.2f} the million output tokens"
        if price
        else "a price that is not known here"
    )
    unknown.append(f"{model.name} ({gemini}) costs by token, at {priced}; Provisioned Throughput is billed apart")
    return ModelCost(0.0, None, price)


def _sum(values: Iterable[float | None]) -> float | None:
    total = 0.0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _numbers(idle: float | None, full: float | None) -> dict[str, float | None]:
    hourly = {"idlePer": idle, "fullPer": full}
    months = {
        f"{key}Month": None if value is None else round(value * HOURS_PER_MONTH, 2) for key, value in hourly.items()
    }
    return {f"{key}Hour": None if value is None else round(value, 4) for key, value in hourly.items()} | months
