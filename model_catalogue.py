"""What is known of Google's Gemini models: which are stable, which are retired, and what to move to.

The list is `models.yaml`, dated, with a source for each id. It says nothing of tuned, Model Garden or own models: those
are resources of a project, and Google tells whether they exist.
"""

import datetime as dt
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast, get_args

Lifecycle = Literal["stable", "preview", "experimental", "retired"]
LIFECYCLES: Final[tuple[str, ...]] = get_args(Lifecycle)
RETIRES_SOON_DAYS: Final = 90
TODAY_VARIABLE: Final = "GEMINI_TODAY"

_FILE = Path(__file__).with_name("models.yaml")
_GEMINI = re.compile(r"(?:(?:projects/[^/]+/locations/[^/]+/)?publishers/google/models/)?(gemini-[^/]*)")


@dataclass(frozen=True)
class Model:
    """One model id of Google's.

    `release` and `retirement` are days, None where not announced; `retirement_is_earliest` where Google only promises
    not to retire the model before that day. `successor` is the stable id to move to. `source` names an entry of
    `sources` in models.yaml.
    """

    id: str
    lifecycle: Lifecycle
    source: str
    publisher: str = "google"
    release: dt.date | None = None
    retirement: dt.date | None = None
    retirement_is_earliest: bool = False
    successor: str | None = None

    def lifecycle_on(self, day: dt.date) -> Lifecycle:
        """The lifecycle on `day`: a model whose last day has passed is retired, whatever the list still says."""
        over = self.retirement is not None and not self.retirement_is_earliest and day > self.retirement
        return "retired" if over else self.lifecycle

    def warning_on(self, day: dt.date) -> str | None:
        """A sentence where the model's retirement is near or, where only an earliest day is known, possible."""
        if self.retirement is None or self.lifecycle_on(day) == "retired":
            return None
        if (self.retirement - day).days > RETIRES_SOON_DAYS:
            return None
        verb = "may retire from" if self.retirement_is_earliest else "retires on"
        move = f"; move to {self.successor}" if self.successor else ""
        return f"{self.id} {verb} {self.retirement.isoformat()}{move}"


@dataclass(frozen=True)
class Catalogue:
    """The models that are known, and the day on which the list was last compared with its sources."""

    as_of: dt.date
    models: dict[str, Model]

    @classmethod
    @functools.cache
    def load(cls) -> "Catalogue":
        """Read models.yaml, once. Raises as `read`."""
        return cls.read(_FILE)

    @classmethod
    def read(cls, file: Path) -> "Catalogue":
        """Read a file like models.yaml. Raises ValueError naming the entry where one is not as its header says."""
        import yaml

        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        models = {name: _model(name, entry, document["sources"]) for name, entry in document["models"].items()}
        for model in models.values():
            if model.successor is not None and models[model.successor].lifecycle != "stable":
                raise ValueError(f"models.yaml: {model.id}: successor {model.successor} is not a stable model")
        return cls(as_of=document["asOf"], models=models)

    def stable(self, day: dt.date) -> list[str]:
        """Ids that are stable on `day`, the newest release first."""
        models = [model for model in self.models.values() if model.lifecycle_on(day) == "stable"]
        return [model.id for model in sorted(models, key=lambda model: model.release or dt.date.min, reverse=True)]


def _model(name: str, entry: dict[str, object], sources: dict[str, str]) -> Model:
    if entry["lifecycle"] not in LIFECYCLES or entry["source"] not in sources:
        raise ValueError(f"models.yaml: {name}: lifecycle or source is not one of those that the file's header lists")
    return Model(
        id=name,
        lifecycle=cast(Lifecycle, entry["lifecycle"]),
        source=str(entry["source"]),
        publisher=str(entry.get("publisher", "google")),
        release=cast("dt.date | None", entry.get("release")),
        retirement=cast("dt.date | None", entry.get("retirement")),
        retirement_is_earliest=bool(entry.get("retirementIsEarliest", False)),
        successor=cast("str | None", entry.get("successor")),
    )


def today(environ: Mapping[str, str]) -> dt.date:
    """The day that decides which models are retired and which price holds: today (UTC), or GEMINI_TODAY=YYYY-MM-DD.

    The variable is for tests and for previews that shall say the same on any day. Raises ValueError where it is no day.
    """
    given = environ.get(TODAY_VARIABLE)
    if not given:
        return dt.datetime.now(dt.UTC).date()
    try:
        return dt.datetime.strptime(given, "%Y-%m-%d").replace(tzinfo=dt.UTC).date()
    except ValueError:
        raise ValueError(
            f'{TODAY_VARIABLE} is "{given}"; it must be a day such as 2026-11-24, or not be set: then today decides '
            "which models are retired."
        ) from None


def gemini_id(model: str) -> str | None:
    """The Gemini id that `model` names, bare or as a publisher's model, or None where it names something else."""
    found = _GEMINI.fullmatch(model)
    return found.group(1) if found else None


def looks_experimental(model_id: str) -> bool:
    """Whether the id says of itself that it is experimental: Google marks those with `-exp`."""
    return re.search(r"-exp(erimental)?(-|$)", model_id) is not None


def looks_preview(model_id: str) -> bool:
    """Whether the id says of itself that it is a preview."""
    return "-preview" in model_id
