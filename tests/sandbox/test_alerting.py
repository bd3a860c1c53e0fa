"""Alert policies, notification channels, objectives and open alerts of Cloud Monitoring."""

from typing import Any

import pytest
import requests

from tests.sandbox.clock import Stepped, clock
from tests.sandbox.google import Google, grant, refusal
from tests.sandbox.vertex import Json, RefusedError, Vertex, machine

__all__ = ["clock"]

ONLINE = "aiplatform.googleapis.com/prediction/online/"
RESOURCE = 'resource.type="aiplatform.googleapis.com/Endpoint"'
RESPONSES = f'{RESOURCE} AND metric.type="{ONLINE}response_count"'
BAD = f'{RESPONSES} AND metric.labels.response_code=monitoring.regex.full_match("5..|429")'
SUM = [{"alignmentPeriod": "300s", "perSeriesAligner": "ALIGN_DELTA", "crossSeriesReducer": "REDUCE_SUM"}]
RATIO = {
    "filter": BAD,
    "denominatorFilter": RESPONSES,
    "aggregations": SUM,
    "denominatorAggregations": SUM,
    "comparison": "COMPARISON_GT",
    "thresholdValue": 0.05,
    "duration": "120s",
}


@pytest.fixture
def monitoring(vertex: Vertex) -> Google:
    return Google(vertex.sandbox, "monitoring", "v3")


def policy(condition: Json, **changes: Any) -> Json:
    """A policy of one condition."""
    return {
        "displayName": "errors",
        "combiner": "OR",
        "conditions": [{"displayName": "too many", **condition}],
        **changes,
    }


def make(monitoring: Google, condition: Json, **changes: Any) -> Json:
    """The policy as it was made."""
    return monitoring("POST", f"{monitoring.project}/alertPolicies", policy(condition, **changes))


def refused(monitoring: Google, condition: Json, **changes: Any) -> RefusedError:
    """Why a policy was not made."""
    return refusal(monitoring, "POST", f"{monitoring.project}/alertPolicies", policy(condition, **changes))


def opened(monitoring: Google) -> list[str]:
    """The policies with an open alert."""
    found = monitoring("GET", f"{monitoring.project}/alerts").get("alerts", [])
    return [alert["policy"]["displayName"] for alert in found]


def fail(vertex: Vertex, **fault: Any) -> None:
    """Orders a fault for predictions."""
    fault = {"method": "*.endpoints.predict", "status": 503, **fault}
    requests.post(f"{vertex.sandbox.url}/_sandbox/faults", json=[fault], timeout=30).raise_for_status()


def mend(vertex: Vertex) -> None:
    """Takes all faults back."""
    requests.delete(f"{vertex.sandbox.url}/_sandbox/faults", timeout=30).raise_for_status()


def ask(vertex: Vertex, name: str, times: int, status: int = 200) -> None:
    """So many predictions, all answered like this."""
    for _ in range(times):
        body = {"instances": [{"content": "1"}]}
        assert vertex.send("POST", f"{name}:predict", body).status_code == status


@pytest.fixture
def serving(vertex: Vertex, clock: Stepped) -> str:
    """An endpoint with two models, 95 to 5."""
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100}, dedicatedResources=machine(1, 4))
    vertex.deploy(name, "2", {"1": 95, "0": 5}, dedicatedResources=machine(1, 4))
    return name


def test_a_policy_lives_from_create_to_delete(monitoring: Google) -> None:
    """discovery, AlertPolicy: names come from Google, enabled by default, a mask changes what it names alone."""
    made = make(monitoring, {"conditionThreshold": RATIO}, severity="CRITICAL", documentation={"content": "Roll back."})
    assert made["name"].startswith("projects/sandbox-project/alertPolicies/")
    assert made["conditions"][0]["name"].startswith(f"{made['name']}/conditions/")
    assert (made["enabled"], made["creationRecord"]["mutatedBy"]) == (True, "deployer@sandbox.example")
    changed = monitoring("PATCH", made["name"], {"displayName": "renamed"}, updateMask="displayName")
    assert changed == {**made, "displayName": "renamed", "mutationRecord": changed["mutationRecord"]}
    assert monitoring("GET", made["name"]) == changed
    assert monitoring("GET", f"{monitoring.project}/alertPolicies")["alertPolicies"] == [changed]
    off = monitoring("PATCH", made["name"], {"enabled": False}, updateMask="enabled")
    assert off["enabled"] is False
    monitoring("DELETE", made["name"])
    assert refusal(monitoring, "GET", made["name"]).code == 404


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"filter": f'metric.type="{ONLINE}response_count"'}, 'must specify a restriction on "resource.type"'),
        ({"filter": RESOURCE}, 'must specify a restriction on "metric.type"'),
        ({"filter": f"{RESPONSES} AND ("}, "Unparseable filter"),
        ({"filter": f'{RESPONSES} AND metric.labels.nothing="x"'}, "does not specify a valid combination"),
        ({"filter": RESPONSES.replace("/Endpoint", "/PublisherModel")}, "does not specify a valid combination"),
        ({"filter": RESPONSES + " " * 2048}, "must not exceed 2048"),
        ({"comparison": "COMPARISON_GE"}, "Only COMPARISON_LT and COMPARISON_GT"),
        ({"duration": "90s"}, "multiple of a minute"),
        ({"duration": "0s", "evaluationMissingData": "EVALUATION_MISSING_DATA_INACTIVE"}, "non-zero duration"),
        ({"aggregations": [{**SUM[0], "alignmentPeriod": "60s"}]}, "same alignment period"),
        ({"aggregations": [{**SUM[0], "alignmentPeriod": "5s"}]}, "at least 60 seconds"),
        ({"aggregations": [{**SUM[0], "groupByFields": ["metric.labels.none"]}]}, "no label of the metric"),
    ],
)
def test_a_threshold_that_google_would_not_take_is_refused(monitoring: Google, changes: Json, says: str) -> None:
    """400 in the words that users of terraform-provider-google quote; see conditions.py."""
    error = refused(monitoring, {"conditionThreshold": {**RATIO, **changes}})
    assert (error.code, error.status) == (400, "INVALID_ARGUMENT")
    assert says in error.message


def test_a_metric_that_there_is_not_is_not_found(monitoring: Google) -> None:
    """404: Google says so of a metric that was never written, for up to ten minutes after it was."""
    error = refused(monitoring, {"conditionThreshold": {**RATIO, "filter": RESPONSES.replace("response_", "reply_")}})
    assert error.code == 404
    assert error.message.startswith('Cannot find metric that matches type = "aiplatform.googleapis.com/prediction')


def test_an_aligner_must_fit_the_metric(monitoring: Google) -> None:
    """google/exposure-notifications-verification-server#659: no rate of a distribution, no sum of a gauge."""
    latencies = f'{RESOURCE} AND metric.type="{ONLINE}prediction_latencies"'
    for expression, aligner, kind in (
        (latencies, "ALIGN_RATE", "kind DELTA and value type DISTRIBUTION"),
        (RESPONSES, "ALIGN_PERCENTILE_95", "kind DELTA and value type INT64"),
        (RESPONSES.replace("response_count", "replicas"), "ALIGN_DELTA", "kind GAUGE and value type INT64"),
    ):
        how = {"filter": expression, "aggregations": [{"alignmentPeriod": "60s", "perSeriesAligner": aligner}]}
        error = refused(monitoring, {"conditionThreshold": {"comparison": "COMPARISON_GT", "duration": "0s", **how}})
        assert f"The aligner cannot be applied to metrics with {kind}." in error.message


def test_other_conditions_have_rules_of_their_own(monitoring: Google) -> None:
    """One to six conditions, of one kind each; a log match alone and with a rate limit, which no other may have."""
    log, limit = {"conditionMatchedLog": {"filter": "severity>=ERROR"}}, {"notificationRateLimit": {"period": "300s"}}
    wrong = [
        (refused(monitoring, {}), "Condition subtype"),
        (refused(monitoring, {"conditionThreshold": RATIO, **log}), "oneof field 'condition' is already set"),
        (refused(monitoring, log), "must specify a notification rate limit"),
        (refused(monitoring, {"conditionThreshold": RATIO}, alertStrategy=limit), "only log-based alert policies"),
        (refused(monitoring, {"conditionMatchedLog": {"filter": "a=("}}, alertStrategy=limit), "Unparseable filter"),
        (refused(monitoring, {"conditionThreshold": RATIO}, conditions=[]), "from one to six conditions"),
        (refused(monitoring, {"conditionThreshold": RATIO}, combiner=None), "a combiner is required"),
        (refused(monitoring, {"conditionThreshold": RATIO}, displayName=""), "display_name"),
        (refused(monitoring, {"conditionThreshold": RATIO}, alertStrategy={"autoClose": "60s"}), "30 minutes"),
        (refused(monitoring, {"conditionThreshold": RATIO}, documentation={"content": "x" * 8193}), "8,192"),
    ]
    for error, says in wrong:
        assert error.code == 400
        assert says in error.message
    two = [{"displayName": "a", **log}, {"displayName": "b", "conditionThreshold": RATIO}]
    assert "single condition" in refused(monitoring, log, conditions=two).message
    assert (
        make(monitoring, log, alertStrategy=limit)["conditions"][0]["conditionMatchedLog"] == log["conditionMatchedLog"]
    )


def test_promql_is_parsed_and_its_metrics_known(monitoring: Google) -> None:
    """discovery, PrometheusQueryLanguageCondition: validation of metrics can be turned off, that of syntax cannot."""
    unknown = "sum(rate(aiplatform_googleapis_com:nothing[5m])) > 1"
    for how, says in (
        ({"query": "sum(rate("}, "unexpected end of input"),
        ({"query": unknown}, "Cannot find metric"),
        ({"query": ""}, "must not be empty"),
        ({"query": "1", "evaluationInterval": "45s"}, "multiple of 30 seconds"),
    ):
        error = refused(monitoring, {"conditionPrometheusQueryLanguage": how})
        assert error.code == 400
        assert says in error.message
    make(monitoring, {"conditionPrometheusQueryLanguage": {"query": unknown, "disableMetricValidation": True}})


def test_channels_are_named_by_policies_and_stay_until_they_are_not(monitoring: Google) -> None:
    """discovery, notificationChannels: an address is required; one that is in use is deleted by force alone."""
    path = f"{monitoring.project}/notificationChannels"
    assert refusal(monitoring, "POST", path, {"type": "email", "labels": {}}).code == 400
    assert refusal(monitoring, "POST", path, {"type": "pigeon"}).code == 404
    channel = monitoring("POST", path, {"type": "email", "labels": {"email_address": "oncall@example.com"}})
    assert monitoring("GET", path)["notificationChannels"] == [channel]
    error = refused(monitoring, {"conditionThreshold": RATIO}, notificationChannels=[f"{path}/1"])
    assert error.code == 404
    made = make(monitoring, {"conditionThreshold": RATIO}, notificationChannels=[channel["name"]])
    assert refusal(monitoring, "DELETE", channel["name"]).status == "FAILED_PRECONDITION"
    monitoring("PATCH", channel["name"], {"displayName": "On call"}, updateMask="displayName")
    monitoring("DELETE", channel["name"], force="true")
    assert monitoring("GET", made["name"])["notificationChannels"] == []


def objective(monitoring: Google, **changes: Any) -> Json:
    """An objective of 99 % good responses over 28 days."""
    parent = f"{monitoring.project}/services"
    monitoring("POST", parent, {"custom": {}, "displayName": "Gemini"}, serviceId="gemini")
    ratio = {"badServiceFilter": BAD, "totalServiceFilter": RESPONSES}
    body = {
        "goal": 0.99,
        "rollingPeriod": "2419200s",
        "serviceLevelIndicator": {"requestBased": {"goodTotalRatio": ratio}},
        **changes,
    }
    path = f"{parent}/gemini/serviceLevelObjectives"
    return monitoring("POST", path, body, serviceLevelObjectiveId="good")


def test_an_objective_belongs_to_a_service_that_outlives_it(monitoring: Google) -> None:
    """discovery, services and serviceLevelObjectives; names come back with the project's number."""
    made = objective(monitoring)
    assert made["name"] == "projects/123456789012/services/gemini/serviceLevelObjectives/good"
    service = "projects/sandbox-project/services/gemini"
    assert refusal(monitoring, "DELETE", service).status == "FAILED_PRECONDITION"
    changed = monitoring("PATCH", made["name"], {"goal": 0.995}, updateMask="goal")
    assert changed == {**made, "goal": 0.995}
    assert monitoring("GET", f"{service}/serviceLevelObjectives")["serviceLevelObjectives"] == [changed]
    monitoring("DELETE", made["name"])
    monitoring("DELETE", service)
    assert monitoring("GET", f"{monitoring.project}/services") == {}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"goal": 1}, "0 < goal <= 0.9999"),
        ({"rollingPeriod": "3600s"}, "integer multiple of 1 day"),
        ({"rollingPeriod": "3456000s"}, "no larger than 30 days"),
        ({"calendarPeriod": "DAY"}, "either a rolling_period or a calendar_period"),
        (
            {
                "serviceLevelIndicator": {
                    "requestBased": {
                        "goodTotalRatio": {
                            "badServiceFilter": RESPONSES.replace("response_count", "replicas"),
                            "totalServiceFilter": RESPONSES,
                        }
                    }
                }
            },
            "MetricKind = DELTA",
        ),
    ],
)
def test_an_objective_that_google_would_not_take_is_refused(monitoring: Google, changes: Json, says: str) -> None:
    """discovery, ServiceLevelObjective and TimeSeriesRatio."""
    with pytest.raises(RefusedError) as refused_:
        objective(monitoring, **changes)
    assert (refused_.value.code, says in refused_.value.message) == (400, True)


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
    conditions = [
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


def test_each_kind_of_resource_needs_its_own_permission(vertex: Vertex) -> None:
    """monitoring.alertPolicies.*, .notificationChannels.*, .services.*, .slos.*, .alerts.*: viewers only read."""
    reader = Google(vertex.sandbox, "monitoring", "v3", caller="reader@example.com")
    for path in ("alertPolicies", "notificationChannels", "services", "alerts"):
        assert refusal(reader, "GET", f"{reader.project}/{path}").code == 403
    grant(vertex.sandbox, "roles/monitoring.viewer", "user:reader@example.com")
    for path in ("alertPolicies", "notificationChannels", "services", "alerts"):
        assert reader("GET", f"{reader.project}/{path}") == {}
    assert refused(reader, {"conditionThreshold": RATIO}).code == 403
    grant(vertex.sandbox, "roles/monitoring.alertPolicyEditor", "user:reader@example.com")
    make(reader, {"conditionThreshold": RATIO})
