"""Reads the models that Google serves without an endpoint: `serving: managed`."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final, cast

from model_catalogue import gemini_id
from settings.lifecycle import check_lifecycle
from settings.regions import REGIONS
from settings.section import Section, meant, shown
from settings.values import Environment, ManagedModelSettings, Serving, Throughput

SERVINGS: Final = ("endpoint", "managed")
# Beside the regions: aiplatform.googleapis.com and the multi-regions' hosts (google-genai 2.34.0, `_api_client`).
_WIDE: Final = ("global", "us", "eu")
_MOST_ROUTES: Final = 1000


def read_managed(
    entry: Section,
    name: str,
    weight: int,
    order: int,
    region: str,
    environment: Environment,
    today: dt.date,
    warnings: list[str],
) -> ManagedModelSettings:
    """One managed model. `region` is its location where the configuration names none."""
    entry.required("model", "gemini-3.8-flash")
    given = entry.text("model")
    model = gemini_id(given) or ""
    if entry.given("model") and entry.sound("model"):
        if not model:
            entry.wrong(
                "model",
                f"is {shown(given)}, but Google serves only its own models without an endpoint: set a Gemini id, such "
                "as gemini-3.8-flash, or deploy this one with serving: endpoint",
            )
        else:
            check_lifecycle(entry, model, environment, today, warnings)
    location = entry.text("location", region)
    if entry.given("location") and entry.sound("location") and location not in (*_WIDE, *REGIONS):
        entry.wrong(
            "location",
            f"is {shown(location)}; it must be {', '.join(_WIDE)} or a region of Vertex AI"
            f"{meant(location, REGIONS)}, such as {REGIONS[0]} (gcp:region says which there are)",
        )
    throughput = entry.choice("throughput", ("dedicated", "shared"), "dedicated")
    return ManagedModelSettings(
        name=name,
        model=model,
        location=location,
        weight=weight,
        throughput=cast(Throughput, throughput) if entry.given("throughput") else None,
        fallback_order=order,
    )


def refuse_keys(entry: Section, keys: Sequence[str], serving: Serving) -> None:
    """Note each of `keys` that `entry` gives though its models are served as `serving`."""
    for key in keys:
        if not entry.given(key):
            continue
        if serving == "managed":
            entry.wrong(
                key,
                "has no meaning on a managed model, which Google runs and scales; remove it, or set serving: endpoint "
                "for a model of your own",
            )
        else:
            entry.wrong(
                key,
                "has no meaning on an endpoint, which is in gcp:region and has machines of its own; remove it, or set "
                "serving: managed for one of Google's own Gemini models",
            )


def read_orders(entries: Sequence[Section]) -> list[int]:
    """The entries' places when a route fails, 1 first: by `fallbackOrder`, where absent by the place in the list.

    A given order goes before the same one by place; two given ones must differ.
    """
    keys = []
    taken: dict[int, str] = {}
    for place, entry in enumerate(entries, start=1):
        order = entry.integer("fallbackOrder", place, 1, _MOST_ROUTES)
        given = entry.given("fallbackOrder") and entry.sound("fallbackOrder")
        if given and (first := taken.setdefault(order, entry.path)) != entry.path:
            entry.wrong("fallbackOrder", f"is {order}, as that of {first} is already; give each its own")
        keys.append((order, not given, place))
    ranked = sorted(keys)
    return [ranked.index(key) + 1 for key in keys]


def scaled(shares: Mapping[str, int], total: int = 100) -> dict[str, int]:
    """`shares` scaled to `total` by largest remainder; equal parts where all are 0. Ties go to the first.

    What adds up to `total` already stays as it is.
    """
    weights = dict(shares) if any(shares.values()) else dict.fromkeys(shares, 1)
    whole = sum(weights.values())
    parts = {name: divmod(weight * total, whole) for name, weight in weights.items()}
    split = {name: part for name, (part, _) in parts.items()}
    by_remainder = sorted(parts, key=lambda name: -parts[name][1])
    for name in by_remainder[: total - sum(split.values())]:
        split[name] += 1
    return split
