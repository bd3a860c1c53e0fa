"""Alert policies, notification channels and objectives of Cloud Monitoring."""

import pytest

from tests.sandbox.alerting import ONLINE, RATIO, RESOURCE, RESPONSES, SUM, make, monitoring, objective, refused
from tests.sandbox.google import Google, grant, refusal
from tests.sandbox.vertex import Json, RefusedError, Vertex

__all__ = ["monitoring"]


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


def test_a_policy_on_the_log_takes_a_permission_of_cloud_logging_too(vertex: Vertex) -> None:
    """To make, change and delete it: roles/logging.configWriter beside the policy editor's role."""
    editor = Google(vertex.sandbox, "monitoring", "v3", caller="editor@example.com")
    grant(vertex.sandbox, "roles/monitoring.alertPolicyEditor", "user:editor@example.com")
    owner = Google(vertex.sandbox, "monitoring", "v3")
    log, limit = {"conditionMatchedLog": {"filter": "severity>=ERROR"}}, {"notificationRateLimit": {"period": "300s"}}
    made = make(owner, log, alertStrategy=limit)
    for call in (
        ("POST", f"{editor.project}/alertPolicies", {**made, "name": ""}),
        ("PATCH", made["name"], {**made, "displayName": "another"}),
        ("DELETE", made["name"], None),
    ):
        refused_ = refusal(editor, *call)
        assert (refused_.code, "logging.notificationRules." in refused_.message) == (403, True)
    grant(vertex.sandbox, "roles/logging.configWriter", "user:editor@example.com")
    editor("DELETE", make(editor, log, alertStrategy=limit)["name"])
