"""Managed models in `gemini-vertex:models`, the shares of a mixed stack, and the order in which routes fall back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings import SettingsError
from settings.managed import scaled
from tests.unit.configurations import OWN_MODEL, managed, mixed, prod, read
from tests.unit.test_models import problem

MANAGED = {"serving": "managed"}


def test_a_managed_model_is_a_route_and_needs_no_endpoint() -> None:
    """Its location is the stack's region, its throughput Google's own way, all traffic is its own."""
    settings = read(managed() | {"gcp:region": "europe-west4"})
    (model,) = settings.managed
    assert (model.name, model.model, model.location) == ("gemini", "gemini-3.8-flash", "europe-west4")
    assert (model.weight, model.throughput, model.fallback_order) == (100, None, 1)
    assert settings.endpoint is None
    assert settings.endpoint_route is None
    assert (settings.models, settings.endpoint_split, settings.warnings) == ((), {}, ())


def test_the_whole_stack_may_be_managed_but_for_one_model() -> None:
    """The model's own word goes before the stack's."""
    config = mixed(
        {"traffic": 60, "model": "gemini-4-argon", "machineType": None}, {"serving": "endpoint", "traffic": 40}
    )
    config |= {"gemini-vertex:serving": "managed"}
    settings = read(config)
    assert [model.model for model in settings.managed] == ["gemini-4-argon"]
    assert [model.model for model in settings.models] == [OWN_MODEL]


@pytest.mark.parametrize("model", ["publishers/google/models/gemini-3.8-flash", "gemini-3.8-flash"])
def test_a_managed_model_is_named_with_or_without_its_publisher(model: str) -> None:
    """The route has Google's id."""
    assert read(managed(model=model)).managed[0].model == "gemini-3.8-flash"


@pytest.mark.parametrize("location", ["global", "us", "eu", "asia-northeast1"])
@pytest.mark.parametrize("throughput", ["dedicated", "shared"])
def test_a_location_and_a_kind_of_throughput_can_be_chosen(location: str, throughput: str) -> None:
    """Multi-regions are for managed models alone."""
    model = read(managed(location=location, throughput=throughput)).managed[0]
    assert (model.location, model.throughput) == (location, throughput)


MISTAKES: list[tuple[str, dict[str, Any], str, str]] = [
    ("serving", managed(serving="manged"), "models[0].serving", "must be endpoint or managed (did you mean managed?)"),
    ("location", managed(location="us-centrall1"), "models[0].location", "(did you mean us-central1?)"),
    ("location of no text", managed(location=["us"]), "models[0].location", "must be text"),
    ("throughput", managed(throughput="reserved"), "models[0].throughput", "must be dedicated or shared"),
    ("order", managed(fallbackOrder=0), "models[0].fallbackOrder", "a whole number from 1 to 1000"),
    ("own model", managed(model=OWN_MODEL), "models[0].model", "or deploy this one with serving: endpoint"),
    ("another publisher", managed(model="publishers/meta/models/llama-4"), "models[0].model", "only its own models"),
    ("retired", managed(model="gemini-2.5-pro"), "models[0].model", "was retired on 2026-10-20; use gemini-3.8-flash"),
    ("preview", managed(model="gemini-3.1-pro-preview"), "models[0].model", "prod takes stable models only"),
    ("no model", managed(model=None), "models[0].model", "is missing; set it, for example model: gemini-3.8-flash"),
    ("traffic", managed(traffic=90), "models", "have a traffic of 90 = 90"),
    *(
        (key, managed(**{key: value}), f"models[0].{key}", "has no meaning on a managed model, which Google runs")
        for key, value in {
            "machineType": "n1-standard-4",
            "minReplicaCount": 1,
            "maxReplicaCount": 2,
            "acceleratorType": "NVIDIA_L4",
            "acceleratorCount": 1,
            "autoscalingMetrics": [],
        }.items()
    ),
    *(
        (f"{key} on an endpoint", mixed({key: value}), f"models[0].{key}", "serving: managed for one of Google's own")
        for key, value in {"location": "global", "throughput": "shared"}.items()
    ),
    (
        "order given twice",
        mixed(MANAGED | {"traffic": 50, "fallbackOrder": 2}, MANAGED | {"traffic": 50, "fallbackOrder": 2}),
        "models[1].fallbackOrder",
        "is 2, as that of gemini-vertex:models[0] is already",
    ),
    (
        "a sum over both kinds",
        mixed({"traffic": 50}, MANAGED | {"traffic": 40}),
        "models",
        "have a traffic of 50 + 40 = 90; the percentages must add up to 100",
    ),
    (
        "the endpoint's name",
        mixed({"traffic": 50}, MANAGED | {"traffic": 50, "name": "gemini-prod-endpoint"}),
        "endpoint.name",
        "give each its own",
    ),
    ("the stack's serving", prod(serving="cloud"), "serving", "must be endpoint or managed"),
    (
        "how the endpoint is called",
        prod(endpoint={"name": "e", "connectivity": "private-service-connect", "api": "generate"}),
        "endpoint.api",
        "must be generateContent, predict, rawPredict or chatCompletions",
    ),
    (
        "scheme of a public endpoint",
        prod(environment="dev", endpoint={"name": "e", "connectivity": "public", "scheme": "http"}),
        "endpoint.scheme",
        "a public endpoint has no such choice; remove it",
    ),
]


@pytest.mark.parametrize(("config", "key", "says"), [case[1:] for case in MISTAKES], ids=[case[0] for case in MISTAKES])
def test_a_mistake_is_named_by_its_key(config: dict[str, Any], key: str, says: str) -> None:
    """One mistake gives one problem, at its key, saying what is allowed."""
    assert says in problem(config, key)


def test_an_endpoint_that_no_model_is_on_is_said_to_be_unused() -> None:
    """A word and no mistake, whatever it holds: prod refuses nothing about it."""
    config = managed() | {"gemini-vertex:endpoint": {"name": "e", "connectivity": "public"}}
    assert read(config).warnings == ("gemini-vertex:endpoint: is not used, since every model is managed; remove it",)


def test_an_endpoint_is_missed_as_soon_as_one_model_is_on_it() -> None:
    """A mixed stack needs one."""
    config = mixed({"traffic": 50}, MANAGED | {"traffic": 50})
    del config["gemini-vertex:endpoint"]
    with pytest.raises(SettingsError, match=r"gemini-vertex:endpoint: is missing"):
        read(config)


@pytest.mark.parametrize("mode", ["dry-run", "enforced"])
def test_a_perimeter_covers_the_managed_route(mode: str) -> None:
    """VPC Service Controls restrict aiplatform.googleapis.com, which serves it."""
    assert read(managed() | {"gemini-vertex:perimeter": {"mode": mode}}).perimeter.mode == mode


def test_all_models_on_the_endpoint_are_one_route_with_their_shares_scaled() -> None:
    """15 and 5 of 20 are 75 and 25 of 100 behind it."""
    settings = read(mixed({"traffic": 15}, MANAGED | {"traffic": 80}, {"traffic": 5}))
    assert settings.endpoint_split == {"m0": 75, "m2": 25}
    route = settings.endpoint_route
    assert route is not None
    assert (route.name, route.weight, route.fallback_order) == ("gemini-prod-endpoint", 20, 1)
    assert (route.api, route.scheme) == ("predict", "http")
    assert [(model.weight, model.fallback_order) for model in settings.managed] == [(80, 2)]
    assert settings.traffic == {"m0": 15, "m1": 80, "m2": 5}


def test_an_endpoint_without_traffic_is_ready_to_be_fallen_back_to() -> None:
    """Its own split must add up to 100 all the same."""
    settings = read(mixed(MANAGED | {"traffic": 100}, {"traffic": 0}, {"traffic": 0}, {"traffic": 0}))
    assert settings.endpoint_split == {"m1": 34, "m2": 33, "m3": 33}
    assert settings.endpoint_route is not None
    assert settings.endpoint_route.weight == 0


@pytest.mark.parametrize(
    ("orders", "expected"),
    [
        ((None, None, None), {"m0": 1, "endpoint": 2, "m2": 3}),
        ((None, None, 1), {"m2": 1, "m0": 2, "endpoint": 3}),
        ((3, 1, None), {"endpoint": 1, "m0": 2, "m2": 3}),
        ((900, None, 20), {"endpoint": 1, "m2": 2, "m0": 3}),
    ],
)
def test_routes_fall_back_in_the_order_given_else_in_that_of_the_list(
    orders: tuple[int | None, ...], expected: dict[str, int]
) -> None:
    """A given place goes before the same one by default; the places are counted from 1 without gaps."""
    given: list[dict[str, Any]] = [{} if order is None else {"fallbackOrder": order} for order in orders]
    models: list[dict[str, Any]] = [MANAGED | {"traffic": 50}, {"traffic": 0}, MANAGED | {"traffic": 50}]
    settings = read(mixed(*({**model, **place} for model, place in zip(models, given, strict=True))))
    assert settings.endpoint_route is not None
    found: dict[str, int] = {model.name: model.fallback_order for model in settings.managed}
    assert found | {"endpoint": settings.endpoint_route.fallback_order} == expected


@pytest.mark.parametrize(
    ("changes", "api"),
    [
        ({}, "predict"),
        ({"model": "gemini-3.8-flash"}, "generateContent"),
        ({"model": "publishers/meta/models/x"}, "predict"),
    ],
)
def test_an_endpoint_is_called_as_its_models_take_it(changes: dict[str, Any], api: str) -> None:
    """Gemini takes generateContent, all others predict, unless the configuration says otherwise."""
    config = mixed({"traffic": 100, **changes}) | {"vertex-serving:allowBaseGemini": "true"}
    route = read(config).endpoint_route
    assert route is not None
    assert route.api == api
    config["gemini-vertex:endpoint"] = config["gemini-vertex:endpoint"] | {"api": "chatCompletions", "scheme": "https"}
    route = read(config).endpoint_route
    assert route is not None
    assert (route.api, route.scheme) == ("chatCompletions", "https")


@given(st.lists(st.integers(0, 100), min_size=1, max_size=8))
def test_scaled_shares_add_up_and_keep_their_proportions(shares: list[int]) -> None:
    """By largest remainder: 100 together, none more than 1 from its exact part, and what fits stays as it is."""
    named = {f"m{place}": share for place, share in enumerate(shares)}
    split = scaled(named)
    assert sum(split.values()) == 100
    weights = named if any(shares) else dict.fromkeys(named, 1)
    whole = sum(weights.values())
    assert all(abs(split[name] - weight * 100 / whole) < 1 for name, weight in weights.items())
    if sum(shares) == 100:
        assert split == named
