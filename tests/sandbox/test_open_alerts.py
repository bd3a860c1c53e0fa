"""Which alerts are open: conditions of every kind over what the sandbox has served."""

from components.observability.signals import violations
from tests.sandbox.alerting import RATIO, ask, fail, make, mend, monitoring, objective, opened, serving
from tests.sandbox.clock import Stepped, clock
from tests.sandbox.google import Google, refusal
from tests.sandbox.test_perimeters import FENCE, Organization
from tests.sandbox.vertex import Json, Vertex

__all__ = ["clock", "monitoring", "serving"]


def test_503s_open_the_error_ratio_alert_and_its_end_closes_it(
    vertex: Vertex, serving: str, clock: Stepped, monitoring: Google
) -> None:
    """monitoring/alerts/concepts-indepth: open once the ratio has been above for the whole duration."""
    make(monitoring, {"conditionThreshold": RATIO})
    ask(vertex, serving, 20)
    assert opened(monitoring) == []
    fail(vertex)
    for _ in range(4):
        ask(vertex, serving, 5, 503)
        clock.forward(60)
    assert opened(monitoring) == ["errors"]
    mend(vertex)
    clock.forward(360)
    ask(vertex, serving, 20)
    assert opened(monitoring) == []


def test_a_few_minutes_of_503s_burn_the_budget_fast(
    vertex: Vertex, serving: str, clock: Stepped, monitoring: Google
) -> None:
    """select_slo_burn_rate: half of all responses bad is 50 times what 99 % allow; a disabled policy stays quiet."""
    made = objective(monitoring)
    conditions: list[Json] = [
        {
            "displayName": window,
            "conditionThreshold": {
                "filter": f'select_slo_burn_rate("{made["name"]}", "{window}")',
                "comparison": "COMPARISON_GT",
                "thresholdValue": limit,
                "duration": "0s",
            },
        }
        for window, limit in (("3600s", 49), ("300s", 49))
    ]
    burning = make(monitoring, {}, conditions=conditions, combiner="AND")
    ask(vertex, serving, 10)
    assert opened(monitoring) == []
    fail(vertex)
    ask(vertex, serving, 10, 503)
    assert opened(monitoring) == ["errors"]
    conditions[0]["conditionThreshold"]["thresholdValue"] = 51
    monitoring("PATCH", burning["name"], {"conditions": conditions}, updateMask="conditions")
    assert opened(monitoring) == [], "both windows must agree"
    conditions[0]["conditionThreshold"]["filter"] = 'select_slo_burn_rate("projects/p/services/s/x/y", "60m")'
    error = refusal(monitoring, "PATCH", burning["name"], {"conditions": conditions}, updateMask="conditions")
    assert error.code == 404


def test_a_split_that_was_changed_by_hand_opens_the_drift_alert(
    vertex: Vertex, serving: str, clock: Stepped, monitoring: Google
) -> None:
    """PromQL: a model's share of the predictions is off its 95 percent."""
    counted = 'aiplatform_googleapis_com:prediction_online_prediction_count{endpoint_id="77"'
    total = f"sum(increase({counted}}}[30m]))"
    query = (
        f'abs(100 * sum by (deployed_model_id) (increase({counted},deployed_model_id="1"}}[30m]))'
        f" / on () group_left () {total} - 95) > 10 and on () {total} > 50"
    )
    make(monitoring, {"conditionPrometheusQueryLanguage": {"query": query, "duration": "0s"}}, displayName="drift")
    ask(vertex, serving, 200)
    assert opened(monitoring) == []
    vertex.split(serving, m1=10, m2=90)
    ask(vertex, serving, 200)
    assert opened(monitoring) == ["drift"]


def test_a_used_up_request_quota_opens_the_quota_alert(vertex: Vertex, clock: Stepped, monitoring: Google) -> None:
    """serviceruntime quota/rate/net_usage and quota/limit of the resource consumer_quota."""
    vertex.sandbox.set(requestQuota={"us-central1": {"resource_management_requests": 20}})
    used = 'serviceruntime_googleapis_com:quota_rate_net_usage{monitored_resource="consumer_quota"}'
    limit = 'serviceruntime_googleapis_com:quota_limit{monitored_resource="consumer_quota",limit_name=~".*PerMinute.*"}'
    by = "(quota_metric, location)"
    query = f"sum by {by} (increase({used}[1m])) / on {by} min by {by} ({limit} > 0) > 0.8"
    make(monitoring, {"conditionPrometheusQueryLanguage": {"query": query}}, displayName="quota")
    for _ in range(10):
        vertex.get(f"{vertex.parent}/endpoints")
    assert opened(monitoring) == []
    for _ in range(8):
        vertex.get(f"{vertex.parent}/endpoints")
    (alert,) = monitoring("GET", f"{monitoring.project}/alerts")["alerts"]
    assert alert["metric"]["labels"]["quota_metric"] == "aiplatform.googleapis.com/resource_management_requests"
    assert monitoring("GET", alert["name"])["state"] == "OPEN"


def test_a_violation_of_the_perimeter_opens_its_alert_for_an_hour(
    vertex: Vertex, serving: str, clock: Stepped, monitoring: Google
) -> None:
    """conditionMatchedLog, with the filter of the component, on the entry that a dry run writes."""
    limit = {"notificationRateLimit": {"period": "3600s"}}
    log = {"conditionMatchedLog": {"filter": violations("sandbox-project")}}
    make(monitoring, log, displayName="perimeter", alertStrategy=limit)
    vertex.get(serving)
    assert opened(monitoring) == []
    Organization(vertex.sandbox).fence(spec=FENCE)
    vertex.get(serving)
    assert opened(monitoring) == ["perimeter"]
    quoted = violations("sandbox-project").replace("@type", '"@type"')
    logged = {"resourceNames": ["projects/sandbox-project"], "filter": quoted}
    assert Google(vertex.sandbox, "logging", "v2")("POST", "entries:list", logged)["entries"]
    clock.forward(3700)
    assert opened(monitoring) == []


def test_an_ordered_fault_on_the_managed_route_is_measured_too(
    vertex: Vertex, clock: Stepped, monitoring: Google
) -> None:
    """model_invocation_count with response_code 503 and error_category system_error."""
    model = f"{vertex.parent}/publishers/google/models/gemini-3.8-flash"
    fail(vertex, method="*.publishers.models.generateContent")
    body = {"contents": [{"role": "user", "parts": [{"text": "1 + 1"}]}]}
    assert vertex.send("POST", f"{model}:generateContent", body).status_code == 503
    mend(vertex)
    vertex.call("POST", f"{model}:generateContent", body)
    span = {"interval.startTime": clock.stamp(clock.now() - 60), "interval.endTime": clock.stamp()}
    prefix = "aiplatform.googleapis.com/publisher/online_serving/"
    found = {}
    for metric in ("model_invocation_count", "token_count"):
        query = {"filter": f'metric.type="{prefix}{metric}"', **span}
        for one in monitoring("GET", f"{monitoring.project}/timeSeries", **query)["timeSeries"]:
            labels = one["metric"]["labels"]
            found[labels.get("response_code") or labels["type"]] = int(one["points"][0]["value"]["int64Value"])
    assert (found["200"], found["503"]) == (1, 1)
    assert found["input"] > 0
    assert found["output"] > 0
