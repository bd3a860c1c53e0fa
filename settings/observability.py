"""Reads `gemini-vertex:observability`: thresholds, whom to tell, and whether requests are logged."""

import re
from dataclasses import dataclass
from typing import Any, Final

from settings.section import Rule, Section, shown

KEYS: Final = ("notify", "errorRatioPercent", "latencySeconds", "sloPercent", "requestLogging", "dashboard")
_NOTIFY = Rule(
    r"[^@\s]+@[^@\s]+\.[^@\s]+|projects/[^/\s]+/notificationChannels/[0-9]+",
    "an e-mail address, or projects/PROJECT/notificationChannels/NUMBER as `gcloud beta monitoring channels list` "
    "shows it (make channels that need a token, such as webhooks, by hand: a token does not belong here)",
)
_DATASET = Rule(r"[A-Za-z0-9_]{1,1024}", "1 to 1024 letters, digits or underscores")


@dataclass(frozen=True)
class RequestLoggingSettings:
    """`gemini-vertex:observability.requestLogging`. `sampling_rate` is a fraction, above 0 and at most 1."""

    dataset: str
    sampling_rate: float
    expiration_days: int


@dataclass(frozen=True)
class ObservabilitySettings:
    """`gemini-vertex:observability`; the fields of the component's arguments, and `request_logging`."""

    notify: tuple[str, ...]
    error_ratio_percent: float
    latency_seconds: float
    slo_percent: float
    dashboard: bool
    request_logging: RequestLoggingSettings | None

    @property
    def component(self) -> dict[str, Any]:
        """What the component takes of it."""
        return {name: value for name, value in vars(self).items() if name != "request_logging"}


def read_observability(
    config: Section, connectivity: str | None, managed: bool, warnings: list[str]
) -> ObservabilitySettings | None:
    """The settings, or None where the key is absent: then nothing is made and nobody pays for it.

    `connectivity` of the endpoint is None where every model is managed; `managed`: whether any is. Mistakes are noted
    in `config`, sentences that need no action now in `warnings`.
    """
    entry = config.section("observability", KEYS)
    if not config.given("observability"):
        return None
    notify = entry.texts("notify", _NOTIFY)
    if not notify and entry.sound("notify"):
        warnings.append(
            f"{entry.key('notify')}: nobody is told when an alert fires; name e-mail addresses or notification channels"
        )
    for index, target in enumerate(notify):
        if target in notify[:index]:
            entry.wrong(f"notify[{index}]", f"is {shown(target)} again; name each once")
    if entry.given("requestLogging") and connectivity == "peered-network":
        if managed:
            key = entry.key("requestLogging")
            warnings.append(f"{key}: holds for the managed models alone: a peered endpoint logs no requests")
        else:
            entry.wrong("requestLogging", "is set, but a peered endpoint logs no requests; remove it")
    return ObservabilitySettings(
        notify=notify,
        error_ratio_percent=_number(entry, "errorRatioPercent", 5, 0, 100, "percent of all responses"),
        latency_seconds=_number(entry, "latencySeconds", 10, 0, 3600, "seconds"),
        # monitoring v3, ServiceLevelObjective.goal: 0 < goal <= 0.9999
        slo_percent=_number(entry, "sloPercent", 99.5, 0, 99.99, "percent; Google takes no objective above 99.99"),
        dashboard=entry.flag("dashboard", True),
        request_logging=_read_request_logging(entry),
    )


def _read_request_logging(config: Section) -> RequestLoggingSettings | None:
    entry = config.section("requestLogging", ("samplingRate", "dataset", "expirationDays"))
    if not config.given("requestLogging"):
        return None
    entry.required("dataset", "gemini_requests")
    return RequestLoggingSettings(
        dataset=entry.text("dataset", rule=_DATASET),
        sampling_rate=_number(entry, "samplingRate", 0.01, 0, 1, "the fraction of requests that is logged"),
        expiration_days=entry.integer("expirationDays", 30, 1, 3650, "days"),
    )


def _number(entry: Section, name: str, default: float, above: float, most: float, why: str) -> float:
    """The number at `name`, above `above` and at most `most`."""
    value = entry.values.get(name, default)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}\.[0-9]{1,9}", value):
        value = float(value)  # `pulumi config set --path` knows whole numbers alone, and writes a fraction as text
    if isinstance(value, bool) or not isinstance(value, int | float) or not above < value <= most:
        entry.wrong(name, f"is {shown(value)}; it must be a number above {above:g} and at most {most:g} ({why})")
        return default
    return value
