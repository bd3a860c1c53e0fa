"""Which filters, queries and conditions Cloud Monitoring takes.

Sources: the discovery document's descriptions of monitoring v3 (Condition and below);
cloud.google.com/monitoring/api/v3/filters; and refusals as users of terraform-provider-google quote them: #16892 for
missing data, chainguard-dev/terraform-infra-common#384 for log matches,
google/exposure-notifications-verification-server#659 for aligners.
"""

import re
from typing import TYPE_CHECKING

from sandbox.errors import GoogleError, Json, invalid_argument, not_found
from sandbox.services import filters
from sandbox.services.monitoring import promql, promql_values
from sandbox.services.monitoring.descriptors import METRICS, RESOURCES, resource_of

if TYPE_CHECKING:
    from sandbox.core import Sandbox

SLO = "serviceLevelObjective"
BURN_RATE = re.compile(r'select_slo_burn_rate\(\s*"([^"]+)"\s*,\s*"?(\d+(?:ms|[smhd]))"?\s*\)')
_MOST_FILTER, _MOST_CONDITIONS = 2048, 6
_COMBINATION = (
    "The supplied filter does not specify a valid combination of metric and monitored resource descriptors. The query"
    " will not return any time series."
)
_KINDS = (
    "conditionThreshold",
    "conditionAbsent",
    "conditionMatchedLog",
    "conditionMonitoringQueryLanguage",
    "conditionPrometheusQueryLanguage",
    "conditionSql",
)


def check_conditions(sandbox: "Sandbox", policy: Json) -> None:
    """Raises GoogleError (400, 404) for conditions that Google does not take."""
    conditions = policy.get("conditions", [])
    if not 1 <= len(conditions) <= _MOST_CONDITIONS:
        raise _invalid("alert_policy.conditions", str(len(conditions)), "A policy can have from one to six conditions.")
    if len(conditions) > 1 and any("conditionMatchedLog" in each for each in conditions):
        raise invalid_argument("Alert policies with a log matching condition can only have a single condition.")
    for index, condition in enumerate(conditions):
        _check_condition(sandbox, condition, f"alert_policy.conditions[{index}]")


def _check_condition(sandbox: "Sandbox", condition: Json, field: str) -> None:
    given = [kind for kind in _KINDS if kind in condition]
    if not given:
        why = 'Condition subtype (e.g. "condition_absent","condition_threshold", etc.) is absent or unknown.'
        raise _invalid(f"{field}.condition_case", "0", why)
    if len(given) > 1:
        raise invalid_argument(
            f"Invalid value at '{field}' (oneof), oneof field 'condition' is already set. Cannot set '{given[1]}'"
        )
    if "conditionMatchedLog" in condition:
        parse_filter(condition["conditionMatchedLog"].get("filter", ""), f"{field}.filter")
    elif "conditionPrometheusQueryLanguage" in condition:
        check_promql(condition["conditionPrometheusQueryLanguage"], f"{field}.condition_prometheus_query_language")
    elif "conditionThreshold" in condition:
        _check_threshold(sandbox, condition["conditionThreshold"], f"{field}.condition_threshold")
    else:
        raise GoogleError(501, "UNIMPLEMENTED", f"The sandbox does not imitate {given[0]} of alert policies.")


def _check_threshold(sandbox: "Sandbox", threshold: Json, field: str) -> None:
    comparison = threshold.get("comparison", "COMPARISON_UNSPECIFIED")
    if comparison not in ("COMPARISON_GT", "COMPARISON_LT"):
        raise _invalid(
            f"{field}.comparison", comparison, "Only COMPARISON_LT and COMPARISON_GT are supported currently."
        )
    seconds = float(threshold.get("duration", "0s").removesuffix("s"))
    if seconds % 60:
        raise _invalid(f"{field}.duration", threshold["duration"], "The duration must be a multiple of a minute.")
    missing = threshold.get("evaluationMissingData", "")
    if missing and not seconds:
        why = "Conditions setting evaluation_missing_data must have a non-zero duration."
        raise _invalid(f"{field}.evaluation_missing_data", missing, why)
    if burns := BURN_RATE.fullmatch(threshold.get("filter", "").strip()):
        if slo_of(sandbox, burns.group(1)) is None:
            raise not_found(f"Requested entity was not found: {burns.group(1)}.")
        return
    check_filter(threshold.get("filter", ""), threshold.get("aggregations", []), f"{field}.filter", needs_resource=True)
    if threshold.get("denominatorFilter"):
        aggregations = threshold.get("denominatorAggregations", [])
        check_filter(threshold["denominatorFilter"], aggregations, f"{field}.denominator_filter", needs_resource=False)
        periods = {a.get("alignmentPeriod") for a in [*threshold.get("aggregations", []), *aggregations]}
        if len(periods) > 1:
            why = "The aggregations of a ratio must use the same alignment period."
            raise _invalid(f"{field}.denominator_aggregations", str(sorted(map(str, periods))), why)


def slo_of(sandbox: "Sandbox", name: str) -> Json | None:
    """The objective of this name, whose project may be its id or its number."""
    parts = name.split("/")
    project = sandbox.project(parts[1]) if len(parts) > 2 else None
    return sandbox.store.get(SLO, "/".join(["projects", project["projectId"], *parts[2:]])) if project else None


def check_filter(expression: str, aggregations: list[Json], field: str, *, needs_resource: bool) -> str:
    """The one metric type that a filter names, after all its terms and aggregations were found to fit it.

    Raises:
        GoogleError: 400 for a filter that is too long, cannot be parsed, or restricts no metric or resource; 404 for
            a metric that there is not.
    """
    if len(expression) > _MOST_FILTER:
        raise _invalid(field, f"{expression[:40]}...", f"The filter must not exceed {_MOST_FILTER} characters.")
    parse_filter(expression, field)
    named = re.findall(r'metric\.type\s*=\s*"([^"]+)"', expression)
    if len(set(named)) != 1:
        raise _invalid(field, expression, 'must specify a restriction on "metric.type" in the filter')
    if named[0] not in METRICS:
        raise not_found(
            f'Cannot find metric that matches type = "{named[0]}". If a metric was created recently, it could take up'
            " to 10 minutes to become available. Please try again soon."
        )
    resources = re.findall(r'resource\.type\s*=\s*"([^"]+)"', expression)
    if needs_resource and not resources:
        raise _invalid(
            field,
            expression,
            'must specify a restriction on "resource.type" in the filter; see'
            ' "https://cloud.google.com/monitoring/api/resources" for a list of available resource types.',
        )
    metric, resource = METRICS[named[0]], resource_of(named[0])
    known = {"metric": metric.labels, "resource": RESOURCES[resource]}
    labels = re.findall(r"\b(metric|resource)\.labels?\.(\w+)", _unquoted(expression))
    if any(each != resource for each in resources) or any(label not in known[part] for part, label in labels):
        raise invalid_argument(_COMBINATION)
    for aggregation in aggregations:
        _check_aggregation(aggregation, metric.kind, metric.value, known)
    return str(named[0])


def _check_aggregation(aggregation: Json, kind: str, value: str, known: dict[str, tuple[str, ...]]) -> None:
    aligner = aggregation.get("perSeriesAligner", "ALIGN_NONE")
    period = float(aggregation.get("alignmentPeriod", "0s").removesuffix("s"))
    if aligner != "ALIGN_NONE" and period < 60:
        raise _invalid("aggregation.alignmentPeriod", f"{period:g}s", "The value must be at least 60 seconds.")
    if aligner == "ALIGN_NONE" and aggregation.get("crossSeriesReducer", "REDUCE_NONE") != "REDUCE_NONE":
        raise _invalid("aggregation.perSeriesAligner", aligner, "A reducer needs an aligner other than ALIGN_NONE.")
    spread = value == "DISTRIBUTION"
    of_spreads = aligner.startswith("ALIGN_PERCENTILE_")
    of_numbers = aligner in ("ALIGN_RATE", "ALIGN_MIN", "ALIGN_MAX")
    of_deltas = aligner in ("ALIGN_RATE", "ALIGN_DELTA")
    # ALIGN_PERCENTILE_* also of GAUGE numbers: discovery, Aggregation.perSeriesAligner.
    fits = not (spread and of_numbers) and not (of_spreads and not spread and kind != "GAUGE")
    if not fits or (of_deltas and kind == "GAUGE"):
        why = f"The aligner cannot be applied to metrics with kind {kind} and value type {value}."
        raise _invalid("aggregation.perSeriesAligner", aligner, why)
    for path in aggregation.get("groupByFields", []):
        part, _, label = path.replace('"', "").replace(".labels.", ".label.").partition(".label.")
        if label not in known.get(part, ()):
            raise _invalid("aggregation.groupByFields", path, "The field is no label of the metric or its resource.")


def check_promql(condition: Json, field: str) -> None:
    """Raises GoogleError (400) for a query that cannot be parsed, or names what there is not."""
    interval = float(condition.get("evaluationInterval", "30s").removesuffix("s"))
    if interval <= 0 or interval % 30:
        why = "Must be a positive multiple of 30 seconds."
        raise _invalid(f"{field}.evaluation_interval", condition["evaluationInterval"], why)
    query = condition.get("query", "")
    if not query:
        raise _invalid(f"{field}.query", query, "This field must not be empty.")
    try:
        tree = promql.parse(query)
        if not condition.get("disableMetricValidation"):
            promql_values.check(tree)
    except promql.PromqlError as error:
        if error.unimplemented:
            raise GoogleError(501, "UNIMPLEMENTED", str(error)) from None
        raise _invalid(f"{field}.query", query, str(error)) from None


def parse_filter(expression: str, field: str) -> None:
    """Raises GoogleError (400), naming the field, for a filter that cannot be parsed or is empty."""
    if not expression.strip():
        raise _invalid(field, expression, "The filter must not be empty.")
    try:
        filters.compiled(expression)
    except GoogleError as error:
        raise _invalid(field, expression, error.message) from None


def _unquoted(expression: str) -> str:
    """The filter without what stands in quotes."""
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)


def _invalid(field: str, value: str, why: str) -> GoogleError:
    return invalid_argument(f'Field {field} had an invalid value of "{value}": {why}')
