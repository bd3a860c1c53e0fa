"""Which Gemini ids a stack may use, by what models.yaml knows of their lives."""

import datetime as dt

from model_catalogue import Catalogue, looks_experimental, looks_preview
from settings.section import Section, meant, shown
from settings.values import Environment


def check_lifecycle(
    entry: Section, gemini: str, environment: Environment, today: dt.date, warnings: list[str], key: str = "model"
) -> None:
    """Note in `entry`, at `key`, that the id `gemini` is retired, experimental, unknown or (in prod) a preview.

    What needs no action now goes to `warnings`.
    """
    catalogue = Catalogue.load()
    known = catalogue.models.get(gemini)
    stable = catalogue.stable(today)
    move = f"use {known.successor}" if known and known.successor else f"stable now: {', '.join(stable[:4])}"
    lifecycle = known.lifecycle_on(today) if known else None
    if lifecycle == "retired" and known:
        when = f" on {known.retirement.isoformat()}" if known.retirement else ""
        entry.wrong(key, f"{shown(gemini)} was retired{when}; {move}")
    elif lifecycle == "experimental" or looks_experimental(gemini):
        entry.wrong(key, f"{shown(gemini)} is experimental and can vanish without notice; {move}")
    elif lifecycle == "preview" or looks_preview(gemini):
        if environment == "prod":
            entry.wrong(key, f"{shown(gemini)} is a preview, and prod takes stable models only; {move}")
        else:
            warnings.append(f"{entry.key(key)}: {gemini} is a preview; {move} before production")
    elif known is None:
        entry.wrong(
            key,
            f"{shown(gemini)} is not in models.yaml as of {catalogue.as_of.isoformat()}"
            f"{meant(gemini, stable)}; stable now: {', '.join(stable[:4])}. If Google has released it since, add it to "
            "models.yaml with its dates and source",
        )
    elif warning := known.warning_on(today):
        warnings.append(f"{entry.key(key)}: {warning}")
