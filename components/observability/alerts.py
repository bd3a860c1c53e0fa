"""The alert policies as plain data: what each watches, from when on it is wrong, and what a person does then."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from components.observability import signals
from components.observability.signals import Model, Route

Severity = Literal["CRITICAL", "ERROR", "WARNING"]

# It must hold for longer than its window looks back, or every wanted change of the split would alarm.
DRIFT_POINTS, DRIFT_WINDOW, DRIFT_MINUTES, DRIFT_LEAST = 10, "10m", 15, 200
QUOTA_RATIO = 0.8


@dataclass(frozen=True)
class Threshold:
    """A condition on a metric, or on the ratio of two where `denominator` is given: it holds above `above`."""

    title: str
    filter: str
    above: float
    aligner: str = ""
    reducer: str = ""
    group_by: tuple[str, ...] = ()
    denominator: str = ""
    minutes: int = 5


@dataclass(frozen=True)
class Query:
    """A condition in PromQL: it holds while the query gives anything, for so many minutes."""

    title: str
    query: str
    minutes: int


@dataclass(frozen=True)
class LogMatch:
    """A condition on log entries: it holds for each that the filter lets through."""

    title: str
    filter: str


Condition = Threshold | Query | LogMatch


@dataclass(frozen=True)
class Alert:
    """One alert policy; its incident opens when any of its conditions holds, or only when all do."""

    name: str
    title: str
    severity: Severity
    conditions: tuple[Condition, ...]
    runbook: str
    together: bool = False


@dataclass(frozen=True)
class Watched:
    """What is watched, all known: `routes` as they serve, `models` those on the endpoint, by name."""

    project: str
    region: str
    routes: tuple[Route, ...]
    models: Mapping[str, Model]
    error_ratio_percent: float
    latency_seconds: float
    perimeter: bool

    @property
    def endpoint(self) -> Route | None:
        """The route through the endpoint, or None."""
        return next((route for route in self.routes if route.name == "endpoint"), None)


def error_ratio(watched: Watched) -> Alert:
    """Too many failed responses on a route."""
    percent = watched.error_ratio_percent
    return Alert(
        "error-ratio",
        "errors",
        "CRITICAL",
        tuple(
            Threshold(
                f"more than {percent:g} % of the {route.name} route's responses failed for 5 minutes",
                route.filter(route.responses, route.bad),
                percent / 100,
                "ALIGN_DELTA",
                "REDUCE_SUM",
                denominator=route.filter(route.responses),
            )
            for route in watched.routes
        ),
        "Clients get 5xx or 429. Look at the tile of errors by code on the dashboard. 503 or 500 since a deployment: "
        "roll back (set the old values, `pulumi up`), or move the traffic to the other model. 429: raise "
        "maxReplicaCount, or ask for more quota. All models at once: check Google's status page, and let the client's "
        "fallback take over.",
    )


def latency(watched: Watched) -> Alert:
    """A route whose slowest twentieth takes too long."""
    seconds = watched.latency_seconds
    return Alert(
        "latency-p95",
        "slow",
        "WARNING",
        tuple(
            Threshold(
                f"p95 of the {route.name} route above {seconds:g} s for 10 minutes",
                route.filter(route.latencies, route.latency_type),
                seconds * 1000,
                "ALIGN_PERCENTILE_95",
                "REDUCE_MAX",
                group_by=(route.by,),
                minutes=10,
            )
            for route in watched.routes
        ),
        "One answer in twenty takes too long. Compare with replicas and CPU on the dashboard: at their limit, raise "
        "maxReplicaCount or take a larger machine. Else look for longer prompts or outputs (token counts), and at what "
        "was deployed last; on the managed route consider provisioned throughput or another location.",
    )


def saturation(watched: Watched) -> Alert:
    """Models with no replica left to add."""
    return Alert(
        "saturation",
        "all replicas in use",
        "WARNING",
        tuple(
            Query(
                "a model has run on its maxReplicaCount for 15 minutes", signals.saturation(route, watched.models), 15
            )
            for route in watched.routes
            if route.name == "endpoint"
        ),
        "A model cannot scale further: the next rise in traffic becomes latency and 429. Raise its maxReplicaCount "
        "(changes in place, needs the machine quota), move traffic to another model, or find out who sends more.",
    )


def quota(watched: Watched) -> Alert:
    """Quotas of Vertex AI that are nearly used up."""
    percent = f"{QUOTA_RATIO * 100:g} %"
    return Alert(
        "quota",
        "quota nearly used up",
        "WARNING",
        (
            Query(
                f"a rate quota of Vertex AI more than {percent} used for 5 minutes",
                signals.quota_rate(watched.region, QUOTA_RATIO),
                5,
            ),
            Query(
                f"an allocation quota of Vertex AI more than {percent} used for 5 minutes",
                signals.quota_allocation(watched.region, QUOTA_RATIO),
                5,
            ),
        ),
        "Soon Google refuses with 429 (requests), or autoscaling stops (machines). The incident's labels name the "
        "quota and the region: ask for more in the console under IAM & Admin > Quotas, which takes hours to days, and "
        "until then lower what uses it (retries, batch jobs, other deployments in the region).",
    )


def split_drift(watched: Watched) -> Alert:
    """Models that serve another share than the configured one."""
    return Alert(
        "split-drift",
        "traffic split is not the configured one",
        "WARNING",
        tuple(
            Query(
                f"a model's share of {DRIFT_WINDOW} is off by over {DRIFT_POINTS} points for {DRIFT_MINUTES} minutes",
                signals.split_drift(route, watched.models, DRIFT_POINTS, DRIFT_WINDOW, DRIFT_LEAST),
                DRIFT_MINUTES,
            )
            for route in watched.routes
            if route.name == "endpoint"
        ),
        "Somebody changed the split by hand, or one model fails so often that the other serves its share. Run `pulumi "
        "refresh` to see a hand-made change and `pulumi up` to put it back; with no change there, look at the errors "
        "of the model whose share fell.",
    )


def perimeter(watched: Watched) -> Alert:
    """Calls that the perimeter refused, or would refuse."""
    return Alert(
        "perimeter",
        "perimeter violation",
        "WARNING",
        (LogMatch("a call to Vertex AI violated the perimeter", signals.violations(watched.project)),),
        "Somebody called Vertex AI from outside the perimeter. Open the log entry: authenticationInfo and callerIp say "
        "who, metadata.dryRun whether the call went through all the same. Expected callers get an access level "
        "(gemini-vertex:perimeter.accessLevels) before the mode is enforced; nobody's: treat it as a "
        "leaked credential.",
    )


def burn(route: str, slo: str, fast: bool) -> Alert:
    """The error budget goes too fast, over a long and a short window together.

    Windows and rates: sre.google/workbook/alerting-on-slos, table 5-8 ("multiwindow, multi-burn-rate").
    """
    rate, long, short = (14.4, "1h", "5m") if fast else (6, "6h", "30m")
    seconds = {"5m": 300, "30m": 1800, "1h": 3600, "6h": 21600}
    what = "fast" if fast else "slow"
    return Alert(
        f"{what}-burn-{route}",
        f"{what} burn of the {route} route's error budget",
        "CRITICAL" if fast else "ERROR",
        tuple(
            Threshold(
                f"{rate:g} times the rate that the budget allows, over {window}",
                f'select_slo_burn_rate("{slo}", "{seconds[window]}s")',
                rate,
                minutes=0,
            )
            for window in (long, short)
        ),
        (
            "At this rate 2 % of the month's error budget goes in an hour: stop rollouts, roll back what changed last, "
            "and work on it now."
            if fast
            else "At this rate 5 % of the month's error budget goes in six hours: it will not heal by itself. Find the "
            "failing model and code on the dashboard and mend it today; hold back risky changes until the rate is "
            "below 1."
        ),
        together=True,
    )


def alerts(watched: Watched) -> dict[str, Callable[[Watched], Alert]]:
    """The policies that make sense for what is watched, by name; their number depends on no output."""
    chosen: dict[str, Callable[[Watched], Alert]] = {"error-ratio": error_ratio, "latency-p95": latency, "quota": quota}
    if any(model.scales for model in watched.models.values()):
        chosen["saturation"] = saturation
    if len(watched.models) > 1:
        chosen["split-drift"] = split_drift
    if watched.perimeter:
        chosen["perimeter"] = perimeter
    return chosen
