"""Which metrics tell of a route, and how to ask for them: Monitoring filters, and PromQL for what a filter cannot say.

Names and labels: cloud.google.com/monitoring/api/metrics_gcp_a_b#gcp-aiplatform. Names in PromQL:
cloud.google.com/monitoring/promql/promql-mapping. The query language MQL is deprecated and not used.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ONLINE = "aiplatform.googleapis.com/prediction/online/"
PUBLISHER = "aiplatform.googleapis.com/publisher/online_serving/"
QUOTA = "serviceruntime.googleapis.com/quota/"


@dataclass(frozen=True)
class Model:
    """One model on the endpoint: its id there, its share in percent, its replicas at most where it has its own."""

    id: str
    percent: int
    max_replicas: int | None = None
    scales: bool = False
    accelerated: bool = False


@dataclass(frozen=True)
class Route:
    """The metrics of one way to the models.

    `resource` and `where` choose the time series of this stack alone; `by` is the label that tells models apart,
    `model` the same in PromQL; `bad` the filter term of a failed response (5xx, and 429 where a label can say so).
    """

    name: str
    resource: str
    where: tuple[tuple[str, tuple[str, ...]], ...]
    by: str
    model: str
    responses: str
    latencies: str
    latency_type: str
    bad: str

    def filter(self, metric: str, *terms: str) -> str:
        """A Monitoring filter for a metric of this route, with more terms."""
        chosen = [f"resource.labels.{label}{_one_of(values)}" for label, values in self.where]
        start = [f'resource.type="{self.resource}"', f'metric.type="{metric}"']
        return " AND ".join([*start, *chosen, *(term for term in terms if term)])

    def promql(self, metric: str, *matchers: str) -> str:
        """A PromQL selector for a metric of this route, with more matchers."""
        chosen = [f"{label}{_matches(values)}" for label, values in self.where]
        start = [f'monitored_resource="{self.resource}"']
        return f"{promql_name(metric)}{{{','.join([*start, *chosen, *matchers])}}}"


def endpoint_route(endpoint_id: str, peered: bool = False) -> Route:
    """The route through one endpoint. A peered endpoint has metrics of its own for responses and latencies."""
    private = "private/" if peered else ""
    return Route(
        name="endpoint",
        resource="aiplatform.googleapis.com/Endpoint",
        where=(("endpoint_id", (endpoint_id,)),),
        by="metric.labels.deployed_model_id",
        model="deployed_model_id",
        responses=f"{ONLINE}{private}response_count",
        latencies=f"{ONLINE}{private}prediction_latencies",
        latency_type="" if peered else 'metric.labels.latency_type="total"',
        bad="metric.labels.response_code>=500"
        if peered
        else 'metric.labels.response_code=monitoring.regex.full_match("5.*|429")',
    )


def managed_route(models: Sequence[str]) -> Route:
    """The route through Google's managed API to these publisher models."""
    return Route(
        name="managed",
        resource="aiplatform.googleapis.com/PublisherModel",
        where=(("model_user_id", tuple(models)),),
        by="resource.labels.model_user_id",
        model="model_user_id",
        responses=f"{PUBLISHER}model_invocation_count",
        latencies=f"{PUBLISHER}model_invocation_latencies",
        latency_type="",
        bad='metric.labels.response_code=monitoring.regex.full_match("5.*|429")',
    )


def saturation(route: Route, models: Mapping[str, Model]) -> str:
    """PromQL: the models that scale and have all the replicas that they may have."""
    replicas = ONLINE + "replicas"
    parts = [
        f"max by (deployed_model_id) ({route.promql(replicas, _is(model))}) >= {model.max_replicas}"
        for model in models.values()
        if model.scales
    ]
    return "\nor\n".join(parts)


def split_drift(route: Route, models: Mapping[str, Model], points: int, window: str, least: int) -> str:
    """PromQL: the models whose share of the predictions is off the configured one by more than so many points.

    Over `window`, and only once that had more than `least` predictions: a few requests prove nothing.
    """
    counted = ONLINE + "prediction_count"
    total = f"sum(increase({route.promql(counted)}[{window}]))"
    parts = [
        f"abs(100 * sum by (deployed_model_id) (increase({route.promql(counted, _is(model))}[{window}]))"
        f" / on () group_left () {total} - {model.percent}) > {points} and on () {total} > {least}"
        for model in models.values()
    ]
    return "\nor\n".join(parts)


def live_split(route: Route) -> str:
    """PromQL: each model's share of the predictions, in percent."""
    counted = f"increase({route.promql(ONLINE + 'prediction_count')}[10m])"
    return f"100 * sum by (deployed_model_id) ({counted}) / on () group_left () sum({counted})"


def error_ratio_by_code(route: Route) -> str:
    """PromQL: responses of each code from 400 up, in percent of all."""
    failed = route.promql(route.responses, 'response_code=~"[45].*"')
    bad = f"increase({failed}[5m])"
    every = f"increase({route.promql(route.responses)}[5m])"
    return f"100 * sum by (response_code) ({bad}) / on () group_left () sum({every})"


def quota_rate(region: str, ratio: float) -> str:
    """PromQL: Vertex AI's quotas of requests a minute of which more than `ratio` is used."""
    used = f"60 * sum by (quota_metric, location) (rate({_quota('rate/net_usage', region)}[5m]))"
    limit = _quota("limit", region, 'limit_name=~".*[Pp]er_?[Mm]inute.*"')
    return f"{used} / on (quota_metric, location) min by (quota_metric, location) ({limit} > 0) > {ratio:g}"


def quota_allocation(region: str, ratio: float) -> str:
    """PromQL: Vertex AI's quotas of things held, such as machines for serving, of which more than `ratio` is used."""
    used = f"max by (quota_metric, location) ({_quota('allocation/usage', region)})"
    limit = _quota("limit", region, 'limit_name!~".*[Pp]er_?[Mm]inute.*"')
    return f"{used} / on (quota_metric, location) min by (quota_metric, location) ({limit} > 0) > {ratio:g}"


def violations(project: str) -> str:
    """A log filter: calls that the project's perimeter refused, or would refuse if it were enforced."""
    return (
        f'logName="projects/{project}/logs/cloudaudit.googleapis.com%2Fpolicy" AND '
        'protoPayload.metadata."@type"="type.googleapis.com/google.cloud.audit.VpcServiceControlAuditMetadata" AND '
        'protoPayload.serviceName="aiplatform.googleapis.com"'
    )


def promql_name(metric: str) -> str:
    """A metric's name in PromQL: the first slash a colon, every other special character an underscore."""
    domain, _, path = metric.partition("/")
    return f"{re.sub(r'[^A-Za-z0-9]', '_', domain)}:{re.sub(r'[^A-Za-z0-9]', '_', path)}"


def _quota(metric: str, region: str, *matchers: str) -> str:
    chosen = [
        'monitored_resource="consumer_quota"',
        'service="aiplatform.googleapis.com"',
        f'location=~"{region}|global"',
    ]
    return f"{promql_name(QUOTA + metric)}{{{','.join([*chosen, *matchers])}}}"


def _is(model: Model) -> str:
    return f'deployed_model_id="{model.id}"'


def _matches(values: Sequence[str]) -> str:
    return f'="{values[0]}"' if len(values) == 1 else f'=~"{"|".join(values).replace(".", "[.]")}"'


def _one_of(values: Sequence[str]) -> str:
    quoted = [f'"{value}"' for value in values]
    return f"={quoted[0]}" if len(quoted) == 1 else f"=one_of({','.join(quoted)})"
