"""Reads `gemini-vertex:models`: who is on the endpoint, who is managed, and who takes which share of the traffic."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from model_catalogue import gemini_id
from settings.managed import SERVINGS, read_managed, read_orders, refuse_keys, scaled
from settings.models import NAME, OF_MACHINES, read_deployment
from settings.section import Problem, Section, nearest, shown
from settings.values import (
    DeploymentSettings,
    EndpointRouteSettings,
    EndpointSettings,
    Environment,
    ManagedModelSettings,
    RouteApi,
    RouteScheme,
    Serving,
)

APIS: Final = ("generateContent", "predict", "rawPredict", "chatCompletions")
_OF_MANAGED: Final = ("location", "throughput")
MODEL_KEYS: Final = (
    *("name", "model", "traffic", "serving", "fallbackOrder", "machineType"),
    *OF_MACHINES,
    *_OF_MANAGED,
)


@dataclass(frozen=True)
class Calling:
    """How the endpoint is called; `api` is None for what its models take."""

    api: RouteApi | None
    scheme: RouteScheme


@dataclass(frozen=True)
class Entries:
    """The entries of `gemini-vertex:models`, each with how it is served."""

    all: tuple[tuple[Section, Serving], ...]
    default: Serving

    @property
    def any_on_endpoint(self) -> bool:
        """Whether the stack needs an endpoint."""
        return "endpoint" in ([serving for _, serving in self.all] or [self.default])


@dataclass(frozen=True)
class Models:
    """What `gemini-vertex:models` says; see the fields of the same names in `Settings`."""

    on_endpoint: tuple[DeploymentSettings, ...]
    managed: tuple[ManagedModelSettings, ...]
    traffic: dict[str, int]
    endpoint_split: dict[str, int]
    endpoint_route: EndpointRouteSettings | None


def model_entries(config: Section) -> Entries:
    """The entries, which must be a list of at least one."""
    default = cast(Serving, config.choice("serving", SERVINGS, "endpoint"))
    config.required("models", "[{name: gemini-flash-primary, model: ..., machineType: n1-standard-4}]")
    entries = config.sections("models", MODEL_KEYS)
    if config.given("models") and config.sound("models") and not entries:
        config.wrong("models", "is empty; name at least one model")
    return Entries(tuple((entry, _serving(entry, default)) for entry in entries), default)


def _serving(entry: Section, default: Serving) -> Serving:
    """How the entry is served; a slip is noted, and taken for what was most likely meant."""
    serving = entry.choice("serving", SERVINGS, default)
    if not entry.sound("serving"):
        serving = nearest(str(entry.values.get("serving")), SERVINGS) or default
    return cast(Serving, serving)


def read_models(
    config: Section,
    entries: Entries,
    environment: Environment,
    endpoint: EndpointSettings | None,
    how: Calling | None,
    region: str,
    allow_base_gemini: bool,
    today: dt.date,
    warnings: list[str],
) -> Models:
    """The models; `endpoint`, and how it is called, are there if any model is on one.

    Mistakes are noted in `config`, sentences that need no action now in `warnings`.
    """
    sections = [entry for entry, _ in entries.all]
    names = _read_names(sections)
    shares = [_read_traffic(entry, alone=len(sections) == 1) for entry in sections]
    orders = _route_orders(read_orders(sections), [serving for _, serving in entries.all])
    on_endpoint: list[DeploymentSettings] = []
    managed: list[ManagedModelSettings] = []
    endpoint_order = 1
    for (entry, serving), name, share, order in zip(entries.all, names, shares, orders, strict=True):
        if serving == "managed" or endpoint is None:
            refuse_keys(entry, ("machineType", *OF_MACHINES), "managed")
            managed.append(read_managed(entry, name, share, order, region, environment, today, warnings))
        else:
            refuse_keys(entry, _OF_MANAGED, "endpoint")
            endpoint_order = order
            on_endpoint.append(read_deployment(entry, name, endpoint, environment, allow_base_gemini, today, warnings))
    _check_endpoint(config, endpoint, on_endpoint, managed)
    if sections and sum(shares) != 100 and all(entry.sound("traffic") for entry in sections):
        listed = " + ".join(map(str, shares))
        config.wrong("models", f"have a traffic of {listed} = {sum(shares)}; the percentages must add up to 100")

    traffic = dict(zip(names, shares, strict=True))
    split = {model.display_name: traffic[model.display_name] for model in on_endpoint}
    route = None
    if endpoint and how:
        route = EndpointRouteSettings(
            name=endpoint.display_name,
            api=how.api or _api_of(on_endpoint),
            scheme=how.scheme,
            weight=sum(split.values()),
            fallback_order=endpoint_order,
        )
    return Models(tuple(on_endpoint), tuple(managed), traffic, scaled(split), route)


def _route_orders(orders: Sequence[int], servings: Sequence[Serving]) -> list[int]:
    """The routes' places, by model: all models on the endpoint are one route, in the place of their first."""
    first = min((order for order, serving in zip(orders, servings, strict=True) if serving == "endpoint"), default=1)
    places = [first if serving == "endpoint" else order for order, serving in zip(orders, servings, strict=True)]
    ranked = sorted(set(places))
    return [ranked.index(place) + 1 for place in places]


def _read_names(sections: Sequence[Section]) -> list[str]:
    names = []
    first_with: dict[str, str] = {}
    for entry in sections:
        entry.required("name", "gemini-flash-primary")
        name = entry.text("name", rule=NAME)
        names.append(name)
        if entry.given("name") and entry.sound("name"):
            first = first_with.setdefault(name, entry.path)
            if first != entry.path:
                entry.wrong("name", f"is {shown(name)}, as {first} is called already; give each its own")
    return names


def _read_traffic(entry: Section, alone: bool) -> int:
    if not alone:
        entry.required("traffic", "95")
    return entry.integer("traffic", 100 if alone else 0, 0, 100, "percent")


def _api_of(models: Sequence[DeploymentSettings]) -> RouteApi:
    """Gemini, base or tuned (which has no machines), takes generateContent, all others take predict."""
    gemini = all(gemini_id(model.model) or model.machine_type is None for model in models)
    return "generateContent" if gemini else "predict"


def _check_endpoint(
    config: Section,
    endpoint: EndpointSettings | None,
    on_endpoint: Sequence[DeploymentSettings],
    managed: Sequence[ManagedModelSettings],
) -> None:
    if endpoint is None:
        return
    if endpoint.connectivity == "peered-network" and len(on_endpoint) > 1:
        config.problems.append(
            Problem(
                config.key("endpoint.connectivity"),
                f'is "peered-network", but {len(on_endpoint)} models are configured: Google allows one model and no '
                'split on a peered endpoint; set "private-service-connect", or keep one model',
            )
        )
    if any(model.name == endpoint.display_name for model in managed):
        config.problems.append(
            Problem(
                config.key("endpoint.name"),
                f"is {shown(endpoint.display_name)}, as a managed model is called; the application tells its routes by "
                "these names: give each its own",
            )
        )
