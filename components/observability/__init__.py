"""What tells how the models serve: a dashboard, alert policies, a service level objective, and who is told."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_gcp as gcp

from components.advice import advise
from components.observability.alerts import Alert, LogMatch, Query, Threshold, Watched, alerts, burn
from components.observability.dashboard import dashboard
from components.observability.request_logging import LoggedModel, RequestLog, RequestLogArgs
from components.observability.signals import Model, endpoint_route, managed_route

if TYPE_CHECKING:  # which themselves need what is here
    from components.gemini_deployment import GeminiDeployment
    from components.vertex_endpoint import VertexEndpoint

__all__ = [
    "LoggedModel",
    "Observability",
    "ObservabilityArgs",
    "RequestLog",
    "RequestLogArgs",
    "WatchedEndpoint",
    "WatchedModel",
]
_DAYS = 28
_ADVICE = {
    "[Nn]otification channel.*not found|Cannot find channel": (
        "a notification channel that is named does not exist: `gcloud beta monitoring channels list` shows those that "
        "do"
    ),
}
_NOT_MORE_OFTEN = "3600s"


@dataclass(frozen=True, kw_only=True)
class WatchedModel:
    """A model on the endpoint: `percent` is its configured share of the endpoint's traffic.

    `max_replica_count` and `min_replica_count` are None for one on Google's shared machines; where they are known only
    after the deployment, its saturation is not watched.
    """

    deployed_model_id: pulumi.Input[str]
    percent: int
    min_replica_count: pulumi.Input[int] | None = None
    max_replica_count: pulumi.Input[int] | None = None
    accelerated: bool = False


@dataclass(frozen=True, kw_only=True)
class WatchedEndpoint:
    """An endpoint by its number, and its models by name. `peered`: it is on a peered network."""

    endpoint_id: pulumi.Input[str]
    models: Mapping[str, WatchedModel]
    peered: bool = False

    @classmethod
    def of(
        cls, endpoint: "VertexEndpoint", deployments: "Mapping[str, GeminiDeployment]", traffic: Mapping[str, int]
    ) -> "WatchedEndpoint":
        """The endpoint with its deployments by name, and the percent of its traffic that each shall have."""
        return cls(
            endpoint_id=endpoint.id,
            peered=endpoint.connectivity == "peered-network",
            models={
                name: WatchedModel(
                    deployed_model_id=deployment.deployed_model_id,
                    percent=traffic[name],
                    min_replica_count=deployment.args.min_replica_count,
                    max_replica_count=deployment.args.max_replica_count,
                    accelerated=deployment.args.accelerator_type is not None,
                )
                for name, deployment in deployments.items()
            },
        )


@dataclass(frozen=True, kw_only=True)
class ObservabilityArgs:
    """What is watched, and from when on it is wrong (monitoring v1 and v3).

    - `project`: the project's id; `region`: whose quotas are watched.
    - `title`: what the dashboard, the service and the policies are called by; default: the component's name.
    - `endpoint`, `managed_models`: the routes that serve; at least one. Managed models by their publisher ids.
    - `notify`: e-mail addresses, for each of which a channel is made, and names of channels that exist
      (projects/PROJECT/notificationChannels/NUMBER; a channel with a token is made by hand, so that no token comes
      here). By default nobody: incidents open in the console alone.
    - `error_ratio_percent`: 5xx and 429 of all responses, over 5 minutes; default 5.
    - `latency_seconds`: p95 of a whole answer; default 10.
    - `slo_percent`: responses that must be good over 28 days; default 99.5, at most 99.99.
    - `perimeter`: whether violations of the project's perimeter alert; default False.
    - `dashboard`: whether there is one; default True.
    """

    project: pulumi.Input[str]
    region: pulumi.Input[str]
    title: str = ""
    endpoint: WatchedEndpoint | None = None
    managed_models: Sequence[str] = ()
    notify: Sequence[pulumi.Input[str]] = ()
    error_ratio_percent: float = 5
    latency_seconds: float = 10
    slo_percent: float = 99.5
    perimeter: bool = False
    dashboard: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)


class Observability(pulumi.ComponentResource):
    """A dashboard, alert policies that each say what to do, and an objective for each route with burn-rate alerts.

    Outputs: `policies` (alert policies' names by what they watch), `dashboard_name` ("" where there is none).
    """

    def __init__(self, name: str, args: ObservabilityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gemini-vertex:components:Observability", name, None, opts)
        if args.endpoint is None and not args.managed_models:
            raise ValueError(f"{name} watches nothing: give it an endpoint, managed_models, or both")
        self._name, self._args, self._title = name, args, args.title or name
        self._child = pulumi.ResourceOptions(parent=self, hooks=advise(f"{name}-watch-advice", self, _ADVICE))
        self._channels = [self._channel(target) for target in args.notify]
        # The resources follow from what is known; only the ids in their queries may have to wait for Google.
        sketch, watched = _watched(args, "", {}, "", ""), _resolved(args)
        self.policies: dict[str, pulumi.Output[str]] = {}
        for key, build in alerts(sketch).items():
            self.policies[key] = self._alert(build(sketch), watched.apply(build))
        self._objectives(sketch, watched)
        self.dashboard_name: pulumi.Output[str] = pulumi.Output.from_input("")
        if args.dashboard:
            made = gcp.monitoring.Dashboard(
                name,
                project=args.project,
                dashboard_json=watched.apply(lambda known: json.dumps(dashboard(self._title, known))),
                opts=self._child,
            )
            self.dashboard_name = made.id
        self.register_outputs({"policies": self.policies, "dashboardName": self.dashboard_name})

    def _channel(self, target: pulumi.Input[str]) -> pulumi.Input[str]:
        if not isinstance(target, str) or "@" not in target:
            return target
        slug = re.sub(r"[^a-z0-9]+", "-", target.lower()).strip("-")
        return gcp.monitoring.NotificationChannel(
            f"{self._name}-{slug}",
            project=self._args.project,
            type="email",
            display_name=f"{self._title}: {target}",
            labels={"email_address": target},
            user_labels=dict(self._args.labels) or None,
            opts=self._child,
        ).name

    def _objectives(self, sketch: Watched, watched: pulumi.Output[Watched]) -> None:
        service = gcp.monitoring.CustomService(
            self._name,
            project=self._args.project,
            service_id=self._name,
            display_name=self._title,
            user_labels=dict(self._args.labels) or None,
            opts=self._child,
        )
        for index, route in enumerate(sketch.routes):
            objective = gcp.monitoring.Slo(
                f"{self._name}-{route.name}",
                project=self._args.project,
                service=service.service_id,
                slo_id=f"good-responses-{route.name}",
                display_name=f"{self._args.slo_percent:g} % good responses on the {route.name} route in {_DAYS} days",
                goal=round(self._args.slo_percent / 100, 6),
                rolling_period_days=_DAYS,
                user_labels=dict(self._args.labels) or None,
                request_based_sli=gcp.monitoring.SloRequestBasedSliArgs(
                    good_total_ratio=gcp.monitoring.SloRequestBasedSliGoodTotalRatioArgs(
                        bad_service_filter=watched.apply(_filter_of(index, bad=True)),
                        total_service_filter=watched.apply(_filter_of(index, bad=False)),
                    )
                ),
                opts=self._child,
            )
            for fast in (True, False):
                plan = burn(route.name, "", fast)
                self.policies[plan.name] = self._alert(plan, objective.name.apply(_burn_of(route.name, fast)))

    def _alert(self, plan: Alert, known: pulumi.Output[Alert]) -> pulumi.Output[str]:
        logged = any(isinstance(condition, LogMatch) for condition in plan.conditions)
        limit = gcp.monitoring.AlertPolicyAlertStrategyNotificationRateLimitArgs(period=_NOT_MORE_OFTEN)
        return gcp.monitoring.AlertPolicy(
            f"{self._name}-{plan.name}",
            project=self._args.project,
            display_name=f"{self._title}: {plan.title}",
            severity=plan.severity,
            combiner="AND" if plan.together else "OR",
            conditions=[_condition(condition, known, index) for index, condition in enumerate(plan.conditions)],
            documentation=gcp.monitoring.AlertPolicyDocumentationArgs(
                content=plan.runbook,
                mime_type="text/markdown",
                subject=f"{plan.severity}: {self._title}: {plan.title}",
            ),
            alert_strategy=gcp.monitoring.AlertPolicyAlertStrategyArgs(
                auto_close="86400s" if logged else "3600s", notification_rate_limit=limit if logged else None
            ),
            notification_channels=self._channels or None,
            user_labels=dict(self._args.labels) or None,
            opts=self._child,
        ).name


def _watched(args: ObservabilityArgs, endpoint_id: str, ids: Mapping[str, str], project: str, region: str) -> Watched:
    models = args.endpoint.models if args.endpoint else {}
    routes = [endpoint_route(endpoint_id, args.endpoint.peered)] if args.endpoint else []
    if args.managed_models:
        routes.append(managed_route(args.managed_models))
    return Watched(
        project=project,
        region=region,
        routes=tuple(routes),
        models={
            name: Model(
                ids.get(name, ""),
                model.percent,
                _known(model.max_replica_count),
                (_known(model.max_replica_count) or 0) > (_known(model.min_replica_count) or 1),
                model.accelerated,
            )
            for name, model in models.items()
        },
        error_ratio_percent=args.error_ratio_percent,
        latency_seconds=args.latency_seconds,
        perimeter=args.perimeter,
    )


def _resolved(args: ObservabilityArgs) -> pulumi.Output[Watched]:
    models = args.endpoint.models if args.endpoint else {}
    ids: Any = pulumi.Output.all(**{name: model.deployed_model_id for name, model in models.items()}) if models else {}
    endpoint_id = args.endpoint.endpoint_id if args.endpoint else ""
    known = pulumi.Output.all(endpoint_id, ids, args.project, args.region)
    return known.apply(lambda parts: _watched(args, *parts))


def _known(count: pulumi.Input[int] | None) -> int | None:
    return count if isinstance(count, int) else None


def _filter_of(index: int, *, bad: bool) -> Callable[[Watched], str]:
    def of(watched: Watched) -> str:
        route = watched.routes[index]
        return route.filter(route.responses, route.bad if bad else "")

    return of


def _burn_of(route: str, fast: bool) -> Callable[[str], Alert]:
    return lambda slo: burn(route, slo, fast)


def _condition(plan: Any, known: pulumi.Output[Alert], index: int) -> gcp.monitoring.AlertPolicyConditionArgs:
    """The condition as the API takes it: shape and numbers from `plan`, text with ids in it from `known`."""

    def text(name: str) -> pulumi.Output[str]:
        return known.apply(lambda alert: str(getattr(alert.conditions[index], name)))

    if isinstance(plan, Query):
        return gcp.monitoring.AlertPolicyConditionArgs(
            display_name=plan.title,
            condition_prometheus_query_language=gcp.monitoring.AlertPolicyConditionConditionPrometheusQueryLanguageArgs(
                query=text("query"),
                duration=f"{plan.minutes * 60}s",
                evaluation_interval="60s",
                # A metric that has not been written yet, as before the first request, is no mistake.
                disable_metric_validation=True,
            ),
        )
    if isinstance(plan, LogMatch):
        return gcp.monitoring.AlertPolicyConditionArgs(
            display_name=plan.title,
            condition_matched_log=gcp.monitoring.AlertPolicyConditionConditionMatchedLogArgs(filter=text("filter")),
        )
    return gcp.monitoring.AlertPolicyConditionArgs(display_name=plan.title, condition_threshold=_threshold(plan, text))


def _threshold(
    plan: Threshold, text: Callable[[str], pulumi.Output[str]]
) -> gcp.monitoring.AlertPolicyConditionConditionThresholdArgs:
    shape: dict[str, Any] = {
        "alignment_period": "300s",
        "per_series_aligner": plan.aligner,
        "cross_series_reducer": plan.reducer,
        "group_by_fields": list(plan.group_by) or None,
    }
    above = gcp.monitoring
    return above.AlertPolicyConditionConditionThresholdArgs(
        filter=text("filter"),
        aggregations=[above.AlertPolicyConditionConditionThresholdAggregationArgs(**shape)] if plan.aligner else None,
        denominator_filter=text("denominator") if plan.denominator else None,
        denominator_aggregations=[above.AlertPolicyConditionConditionThresholdDenominatorAggregationArgs(**shape)]
        if plan.denominator
        else None,
        comparison="COMPARISON_GT",
        threshold_value=plan.above,
        duration=f"{plan.minutes * 60}s",
    )
