"""Observability alone: what is made for which route, and that every alert says what to do."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pulumi
import pulumi_gcp as gcp
import pytest

import components as parts
from tests.unit.recorder import Recorder, record

MODELS = {
    "flash": parts.WatchedModel(deployed_model_id="11", percent=95, min_replica_count=2, max_replica_count=20),
    "pro": parts.WatchedModel(deployed_model_id="12", percent=5, min_replica_count=1, max_replica_count=5),
}
ENDPOINT = parts.WatchedEndpoint(endpoint_id="77", models=MODELS)


def watch(preview: bool = False, **changes: Any) -> Recorder:
    """An Observability of an endpoint with two models, changed by `changes`."""

    def program() -> dict[str, Any]:
        args = {"project": "my-project", "region": "us-central1", "title": "gemini", "endpoint": ENDPOINT, **changes}
        made = parts.Observability("gemini", parts.ObservabilityArgs(**args))
        return {"policies": pulumi.Output.all(**made.policies), "dashboard": made.dashboard_name}

    return record(program, preview=preview)


def policies(done: Recorder) -> dict[str, Any]:
    """The alert policies' inputs by what they watch."""
    return {policy.name.removeprefix("gemini-"): policy.inputs for policy in done.of(":AlertPolicy")}


def titles(done: Recorder) -> list[str]:
    """The titles of the dashboard's tiles."""
    board = json.loads(done.one(":Dashboard").inputs["dashboardJson"])
    return [tile["widget"]["title"] for tile in board["mosaicLayout"]["tiles"]]


def queries(value: Any) -> str:
    """Everything that a resource asks for, as text."""
    return json.dumps(value)


def test_an_endpoint_with_two_models_has_these_alerts_and_no_others() -> None:
    """Each of the alerts, by name; the perimeter's only where there is one."""
    named = {
        "error-ratio",
        "latency-p95",
        "saturation",
        "quota",
        "split-drift",
        "fast-burn-endpoint",
        "slow-burn-endpoint",
    }
    assert set(policies(watch())) == named
    assert set(policies(watch(perimeter=True))) == named | {"perimeter"}


def test_every_alert_tells_a_person_what_to_do() -> None:
    """Documentation, subject and severity of each; the runbook is more than a repetition of the title."""
    found = policies(watch(perimeter=True, managed_models=["gemini-3.8-flash"]))
    assert len(found) == 10
    runbooks = [policy["documentation"]["content"] for policy in found.values()]
    assert min(map(len, runbooks)) > 100
    assert all(policy["severity"] in ("CRITICAL", "ERROR", "WARNING") for policy in found.values())
    assert all(policy["documentation"]["subject"].startswith(policy["severity"]) for policy in found.values())
    verbs = (
        "roll back",
        "raise",
        "ask for more",
        "pulumi up",
        "open the log entry",
        "stop rollouts",
        "find the failing",
        "compare",
    )
    assert all(any(verb in runbook.lower() for verb in verbs) for runbook in runbooks)
    assert len({policy["displayName"] for policy in found.values()}) == len(found)


def test_the_error_ratio_is_of_bad_to_all_responses_of_this_endpoint() -> None:
    """Both filters name the endpoint; 5 % is 0.05."""
    (condition,) = policies(watch())["error-ratio"]["conditions"]
    threshold = condition["conditionThreshold"]
    assert threshold["thresholdValue"] == 0.05
    assert 'response_code=monitoring.regex.full_match("5.*|429")' in threshold["filter"]
    assert "response_code" not in threshold["denominatorFilter"]
    for expression in (threshold["filter"], threshold["denominatorFilter"]):
        assert 'resource.type="aiplatform.googleapis.com/Endpoint"' in expression
        assert 'resource.labels.endpoint_id="77"' in expression
    assert threshold["aggregations"] == threshold["denominatorAggregations"]


def test_thresholds_are_the_ones_asked_for() -> None:
    """Percent, seconds and objective come from the arguments."""
    done = watch(error_ratio_percent=1.5, latency_seconds=2.5, slo_percent=99.9)
    found = policies(done)
    assert found["error-ratio"]["conditions"][0]["conditionThreshold"]["thresholdValue"] == 0.015
    assert found["latency-p95"]["conditions"][0]["conditionThreshold"]["thresholdValue"] == 2500
    assert found["latency-p95"]["conditions"][0]["conditionThreshold"]["aggregations"][0]["perSeriesAligner"] == (
        "ALIGN_PERCENTILE_95"
    )
    assert done.one(":Slo").inputs["goal"] == 0.999


def test_saturation_and_drift_follow_each_models_own_numbers() -> None:
    """20 and 5 replicas, 95 and 5 percent; drift in PromQL, as Google's own query language is deprecated."""
    found = policies(watch())
    saturated = found["saturation"]["conditions"][0]["conditionPrometheusQueryLanguage"]
    assert 'deployed_model_id="11"}) >= 20\nor\n' in saturated["query"]
    assert 'deployed_model_id="12"}) >= 5' in saturated["query"]
    drift = found["split-drift"]["conditions"][0]["conditionPrometheusQueryLanguage"]["query"]
    assert "prediction_online_prediction_count" in drift
    assert "- 95) > 10" in drift
    assert "- 5) > 10" in drift
    assert "conditionMonitoringQueryLanguage" not in queries(found)


def test_a_wanted_change_of_the_split_does_not_alarm() -> None:
    """Predictions from before the change leave the window before the condition has held for long enough."""
    (condition,) = policies(watch())["split-drift"]["conditions"]
    drift = condition["conditionPrometheusQueryLanguage"]
    windows = {int(minutes) for minutes in re.findall(r"\[(\d+)m\]", drift["query"])}
    assert windows == {10}
    assert int(drift["duration"].removesuffix("s")) > 10 * 60


def test_what_cannot_go_wrong_is_not_watched() -> None:
    """One model has no split to drift, a fixed number of replicas no ceiling to reach."""
    fixed = {"only": parts.WatchedModel(deployed_model_id="11", percent=100, min_replica_count=2, max_replica_count=2)}
    found = policies(watch(endpoint=parts.WatchedEndpoint(endpoint_id="77", models=fixed)))
    assert not {"saturation", "split-drift"} & set(found)


def test_a_peered_endpoint_is_watched_by_its_own_metrics() -> None:
    """prediction/online/private/: its response code is a number."""
    models = {"only": MODELS["flash"]}
    done = watch(endpoint=parts.WatchedEndpoint(endpoint_id="77", models=models, peered=True))
    threshold = policies(done)["error-ratio"]["conditions"][0]["conditionThreshold"]
    assert "prediction/online/private/response_count" in threshold["filter"]
    assert "response_code>=500" in threshold["filter"]


def test_the_managed_route_is_watched_by_the_publishers_metrics() -> None:
    """No endpoint: no replicas, no split; invocations, errors and latencies of the models that are called."""
    done = watch(endpoint=None, managed_models=["gemini-3.8-flash", "gemini-4-argon"])
    found = policies(done)
    assert set(found) == {"error-ratio", "latency-p95", "quota", "fast-burn-managed", "slow-burn-managed"}
    threshold = found["error-ratio"]["conditions"][0]["conditionThreshold"]
    assert 'model_user_id=one_of("gemini-3.8-flash","gemini-4-argon")' in threshold["filter"]
    assert "publisher/online_serving/model_invocation_count" in threshold["filter"]
    assert titles(done) == [
        "Managed: invocations by model",
        "Managed: errors by code, of all responses",
        "Managed: latency, p50 and p95",
        "Managed: first token latency",
        "Managed: tokens in and out",
        "Managed: consumed token throughput, dedicated and shared",
    ]


def test_both_routes_have_their_own_conditions_and_objectives() -> None:
    """One policy, a condition a route; one objective a route."""
    done = watch(managed_models=["gemini-3.8-flash"])
    assert len(policies(done)["error-ratio"]["conditions"]) == 2
    assert [slo.inputs["sloId"] for slo in done.of(":Slo")] == ["good-responses-endpoint", "good-responses-managed"]


def test_the_dashboard_of_an_endpoint_has_these_tiles() -> None:
    """Requests, errors, latency, replicas, CPU, split and violations; an accelerator's only where one is."""
    expected = [
        "As configured",
        "Requests by model",
        "Errors by code, of all responses",
        "Latency, p50 and p95",
        "Replicas and their target",
        "CPU utilisation",
        "Traffic split, live and configured",
    ]
    assert titles(watch()) == expected
    assert titles(watch(perimeter=True)) == [*expected, "Perimeter violations"]
    fast = {"only": parts.WatchedModel(deployed_model_id="11", percent=100, accelerated=True)}
    assert "Accelerator duty cycle" in titles(watch(endpoint=parts.WatchedEndpoint(endpoint_id="77", models=fast)))
    assert watch(dashboard=False).of(":Dashboard") == []


def test_the_dashboards_charts_show_where_the_alerts_begin() -> None:
    """Error ratio, p95, each model's maximum and configured share are lines in the charts."""
    board = json.loads(watch(error_ratio_percent=2, latency_seconds=3).one(":Dashboard").inputs["dashboardJson"])
    thresholds = {
        tile["widget"]["title"]: [limit["value"] for limit in tile["widget"]["xyChart"]["thresholds"]]
        for tile in board["mosaicLayout"]["tiles"]
        if "thresholds" in tile["widget"].get("xyChart", {})
    }
    assert thresholds == {
        "Errors by code, of all responses": [2],
        "Latency, p50 and p95": [3000],
        "Replicas and their target": [20, 5],
        "Traffic split, live and configured": [95, 5],
    }


def test_the_budget_burns_over_two_windows_at_once() -> None:
    """SRE workbook: 14.4 over 1 h and 5 min, 6 over 6 h and 30 min; both windows must agree."""
    found = policies(watch())
    rates = {}
    for name in ("fast-burn-endpoint", "slow-burn-endpoint"):
        assert found[name]["combiner"] == "AND"
        conditions = [condition["conditionThreshold"] for condition in found[name]["conditions"]]
        rates[name] = [(c["thresholdValue"], c["filter"].rpartition('"')[0].rpartition('"')[2]) for c in conditions]
    assert rates == {
        "fast-burn-endpoint": [(14.4, "3600s"), (14.4, "300s")],
        "slow-burn-endpoint": [(6, "21600s"), (6, "1800s")],
    }


def test_a_perimeter_violation_is_matched_in_the_log_and_told_once_an_hour() -> None:
    """A log match needs a rate limit; the other policies may not have one."""
    found = policies(watch(perimeter=True))
    (condition,) = found["perimeter"]["conditions"]
    assert "VpcServiceControlAuditMetadata" in condition["conditionMatchedLog"]["filter"]
    assert (
        'logName="projects/my-project/logs/cloudaudit.googleapis.com%2Fpolicy"'
        in (condition["conditionMatchedLog"]["filter"])
    )
    limited = [name for name, policy in found.items() if "notificationRateLimit" in policy["alertStrategy"]]
    assert limited == ["perimeter"]


def test_a_channel_is_made_for_an_address_and_an_existing_one_is_named() -> None:
    """Every policy notifies all; nobody is notified unless somebody is named."""
    existing = "projects/my-project/notificationChannels/42"
    done = watch(notify=["oncall@example.com", existing])
    channel = done.one(":NotificationChannel").inputs
    assert (channel["type"], channel["labels"]) == ("email", {"email_address": "oncall@example.com"})
    assert all(policy["notificationChannels"][1] == existing for policy in policies(done).values())
    assert all(len(policy["notificationChannels"]) == 2 for policy in policies(done).values())
    assert all("notificationChannels" not in policy for policy in policies(watch()).values())


def test_a_preview_with_unknown_ids_still_shows_every_policy() -> None:
    """Their number follows from the arguments; only what holds an id waits."""

    def program() -> dict[str, Any]:
        unknown = gcp.serviceaccount.Account("other", account_id="other-account", project="my-project").name
        models = {
            name: parts.WatchedModel(deployed_model_id=unknown, percent=50, max_replica_count=4) for name in ("a", "b")
        }
        endpoint = parts.WatchedEndpoint(endpoint_id=unknown, models=models)
        args = parts.ObservabilityArgs(project=unknown, region="us-central1", title="gemini", endpoint=endpoint)
        parts.Observability("gemini", args)
        return {}

    done = record(program, preview=True)
    found = policies(done)
    assert len(found) == 7
    query = found["split-drift"]["conditions"][0]["conditionPrometheusQueryLanguage"]["query"]
    assert isinstance(query, pulumi.output.Unknown)
    assert found["error-ratio"]["conditions"][0]["conditionThreshold"]["thresholdValue"] == 0.05
    assert isinstance(done.one(":Dashboard").inputs["dashboardJson"], pulumi.output.Unknown)


def test_nothing_to_watch_is_a_mistake() -> None:
    """An Observability without a route would be silent for ever."""
    with pytest.raises(ValueError, match="watches nothing"):
        watch(endpoint=None)


def request_log(managed_models: Sequence[parts.LoggedModel] = ()) -> parts.RequestLog:
    """A tenth of the requests, for a week."""
    args = parts.RequestLogArgs(
        project="my-project",
        region="europe-west4",
        dataset="requests",
        expiration_days=7,
        sampling_rate=0.1,
        managed_models=managed_models,
    )
    return parts.RequestLog("log", args)


def test_logged_requests_expire_and_stay_with_the_stack() -> None:
    """A dataset in the log's region, a table's life in milliseconds; its content is not deleted in passing."""

    def program() -> dict[str, Any]:
        log = request_log()
        common: dict[str, Any] = {"project": "my-project", "region": "europe-west4", "request_log": log}
        for connectivity in ("public", "peered-network"):
            args = parts.VertexEndpointArgs(display_name="e", connectivity=connectivity, **common)
            parts.VertexEndpoint(connectivity, args)
        return {}

    done = record(program)
    dataset = done.one(":Dataset").inputs
    assert (dataset["location"], dataset["defaultTableExpirationMs"]) == ("europe-west4", 7 * 86_400_000)
    assert dataset["defaultPartitionExpirationMs"] == 7 * 86_400_000
    assert dataset["accesses"] == [{"role": "OWNER", "specialGroup": "projectOwners"}], "no viewer of the project"
    assert dataset["deleteContentsOnDestroy"] is False
    logged = {each.name: each.inputs.get("predictRequestResponseLoggingConfig") for each in done.of(":AiEndpoint")}
    assert logged == {
        "public": {
            "enabled": True,
            "samplingRate": 0.1,
            "bigqueryDestination": {"outputUri": "bq://my-project.requests.request_response_logging"},
        },
        "peered-network": None,
    }


def test_a_managed_model_logs_to_a_table_of_its_own() -> None:
    """One configuration a model and location, and a table each, so that none writes what another reads."""

    def program() -> dict[str, Any]:
        places = [("gemini-3.8-flash", "us-central1"), ("gemini-3.8-flash", "global"), ("gemini-4-argon", "us")]
        models = [parts.LoggedModel(model=model, location=location) for model, location in [*places, places[0]]]
        return {"tables": request_log(managed_models=models).tables}

    done = record(program)
    configured = {
        (each.inputs["model"], each.inputs["region"]): each.inputs for each in done.of("PublisherModelConfig")
    }
    tables = {place: found["logging"]["bigqueryDestination"] for place, found in configured.items()}
    assert tables == {
        ("gemini-3.8-flash", "us-central1"): "bq://my-project.requests.gemini_3_8_flash_us_central1",
        ("gemini-3.8-flash", "global"): "bq://my-project.requests.gemini_3_8_flash_global",
        ("gemini-4-argon", "us"): "bq://my-project.requests.gemini_4_argon_us",
    }
    assert done.outputs["tables"] == {"-".join(place): table for place, table in tables.items()}
    assert {found["project"] for found in configured.values()} == {"my-project"}
    assert {(found["logging"]["enabled"], found["logging"]["samplingRate"]) for found in configured.values()} == {
        (True, 0.1)
    }


def test_every_alert_stands_in_the_documentation() -> None:
    """docs/observability.md has a row for each policy, and none for what there is not."""
    page = (Path(__file__).parents[2] / "docs" / "observability.md").read_text()
    rows = set(re.findall(r"^\| `([a-zA-Z0-9-]+)` \|", page, re.MULTILINE))
    made = set(policies(watch(perimeter=True, managed_models=["gemini-3.8-flash"])))
    assert rows == {re.sub(r"-(endpoint|managed)$", "-ROUTE", name) for name in made}
