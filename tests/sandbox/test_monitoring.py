"""Cloud Monitoring follows what was served."""

from typing import Any

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from googleapiclient.discovery import build

from sandbox.clock import Clock
from sandbox.core import PROJECT_NUMBER
from tests.sandbox.clock import Stepped, clock
from tests.sandbox.google import Google, grant, refusal
from tests.sandbox.vertex import Json, RefusedError, Vertex, machine

__all__ = ["clock"]

ONLINE = "aiplatform.googleapis.com/prediction/online/"
PUBLISHER = "aiplatform.googleapis.com/publisher/online_serving/"


class Monitoring:
    """timeSeries.list over the last hour of a sandbox's time."""

    def __init__(self, vertex: Vertex, clock: Stepped | Clock) -> None:
        self.api = Google(vertex.sandbox, "monitoring", "v3")
        self.clock = clock

    def series(self, metric: str, more: str = "", **query: Any) -> list[Json]:
        """The time series of a metric; query parameters with "." are written with "_"."""
        now = self.clock.now()
        asked = {
            "filter": f'metric.type="{metric}"{more}',
            "interval.startTime": self.clock.stamp(now - 3600),
            "interval.endTime": self.clock.stamp(now),
            **{name.replace("_", "."): value for name, value in query.items()},
        }
        found: list[Json] = self.api("GET", f"{self.api.project}/timeSeries", **asked).get("timeSeries", [])
        return found

    def values(self, metric: str, more: str = "", **query: Any) -> list[Any]:
        """The values of the one series that there is, newest first."""
        (one,) = self.series(metric, more, **query)
        return [next(iter(point["value"].values())) for point in one["points"]]


@pytest.fixture
def monitoring(vertex: Vertex, clock: Stepped) -> Monitoring:
    return Monitoring(vertex, clock)


@pytest.fixture
def serving(vertex: Vertex, clock: Stepped) -> str:
    """An endpoint with a model that has all the traffic, on 1 to 4 replicas."""
    vertex.sandbox.set(requestsPerReplica=5)
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100}, dedicatedResources=machine(1, 4))
    return name


def ask(vertex: Vertex, name: str, times: int) -> None:
    """So many good predictions."""
    for _ in range(times):
        vertex.ask(name, "1")


def test_counts_follow_what_was_served_minute_by_minute(
    vertex: Vertex, serving: str, clock: Stepped, monitoring: Monitoring
) -> None:
    """docs: monitoring/api/metrics_gcp_a_b#gcp-aiplatform: DELTA counts with deployed_model_id, newest point first."""
    ask(vertex, serving, 3)
    clock.forward(60)
    ask(vertex, serving, 2)
    (one,) = monitoring.series(ONLINE + "prediction_count")
    assert one["metric"] == {"type": ONLINE + "prediction_count", "labels": {"deployed_model_id": "1"}}
    assert one["resource"] == {
        "type": "aiplatform.googleapis.com/Endpoint",
        "labels": {"endpoint_id": "77", "location": "us-central1", "resource_container": PROJECT_NUMBER},
    }
    assert (one["metricKind"], one["valueType"]) == ("DELTA", "INT64")
    assert [point["value"]["int64Value"] for point in one["points"]] == ["2", "3"]
    assert one["points"][1]["interval"]["endTime"] == "2026-11-24T10:01:00.000000Z"


def test_a_prediction_is_counted_by_instance(vertex: Vertex, serving: str, monitoring: Monitoring) -> None:
    """prediction_count is of predictions, response_count of responses."""
    vertex.call("POST", f"{serving}:predict", {"instances": [{"content": "1"}, {"content": "2"}]})
    assert monitoring.values(ONLINE + "prediction_count") == ["2"]
    assert monitoring.values(ONLINE + "response_count") == ["1"]


def test_errors_are_counted_with_their_response_code(vertex: Vertex, serving: str, monitoring: Monitoring) -> None:
    """error_count and response_count with response_code, for what a chosen model refused."""
    ask(vertex, serving, 2)
    with pytest.raises(RefusedError):
        vertex.call("POST", f"{serving}:predict", {})
    assert monitoring.values(ONLINE + "error_count") == ["1"]
    codes = {
        one["metric"]["labels"]["response_code"]: one["points"][0]["value"]["int64Value"]
        for one in monitoring.series(ONLINE + "response_count")
    }
    assert codes == {"200": "2", "400": "1"}
    assert monitoring.values(ONLINE + "response_count", ' AND metric.labels.response_code = "400"') == ["1"]
    only = ' AND metric.label.response_code = monitoring.regex.full_match("4..")'
    assert monitoring.values(ONLINE + "response_count", only) == ["1"]


def test_latencies_are_distributions_of_each_type(
    vertex: Vertex, serving: str, monitoring: Monitoring, clock: Stepped
) -> None:
    """prediction_latencies: DISTRIBUTION in ms by latency_type; percentiles by ALIGN_PERCENTILE_*."""
    ask(vertex, serving, 4)
    found = {one["metric"]["labels"]["latency_type"]: one for one in monitoring.series(ONLINE + "prediction_latencies")}
    assert set(found) == {"total", "model", "overhead"}
    value = found["total"]["points"][0]["value"]["distributionValue"]
    assert (found["total"]["valueType"], found["total"]["unit"], value["count"]) == ("DISTRIBUTION", "ms", "4")
    assert sum(map(int, value["bucketCounts"])) == 4
    (p95,) = monitoring.values(
        ONLINE + "prediction_latencies",
        ' AND metric.labels.latency_type="total"',
        aggregation_alignmentPeriod="60s",
        aggregation_perSeriesAligner="ALIGN_PERCENTILE_95",
    )
    assert 0 <= p95 <= 1


def test_replicas_and_their_target_follow_load_over_time(
    vertex: Vertex, serving: str, monitoring: Monitoring, clock: Stepped
) -> None:
    """GAUGE replicas and target_replicas: the target rises first, the replicas when they have started."""
    vertex.sandbox.set(replicaStartSeconds=60, scaleDownSeconds=120)
    ask(vertex, serving, 15)
    clock.forward(60)
    ask(vertex, serving, 1)
    for _ in range(6):
        clock.forward(60)
    assert monitoring.values(ONLINE + "target_replicas")[::-1][:2] == ["3", "3"]
    assert max(map(int, monitoring.values(ONLINE + "replicas"))) == 3
    assert monitoring.values(ONLINE + "replicas")[-1] == "1"
    assert monitoring.values(ONLINE + "replicas")[0] == "1"


def test_a_models_series_stay_after_it_is_undeployed(
    vertex: Vertex, serving: str, monitoring: Monitoring, clock: Stepped
) -> None:
    """What was measured is history: nothing is added, nothing is lost."""
    ask(vertex, serving, 2)
    clock.forward(120)
    vertex.undeploy(serving, "1")
    points = monitoring.values(ONLINE + "replicas")
    clock.forward(300)
    assert monitoring.values(ONLINE + "replicas") == points
    assert monitoring.values(ONLINE + "prediction_count") == ["2"]


def test_series_are_aligned_and_reduced_over_models(
    vertex: Vertex, serving: str, monitoring: Monitoring, clock: Stepped
) -> None:
    """discovery, Aggregation: per-series aligner, then a reducer over the series of a group."""
    vertex.deploy(serving, "2")
    ask(vertex, serving, 6)
    vertex.split(serving, m1=0, m2=100)
    clock.forward(60)
    ask(vertex, serving, 3)
    clock.forward(60)
    total = {
        "aggregation_alignmentPeriod": "300s",
        "aggregation_perSeriesAligner": "ALIGN_DELTA",
        "aggregation_crossSeriesReducer": "REDUCE_SUM",
    }
    (both,) = monitoring.series(ONLINE + "response_count", **total)
    assert "labels" not in both["metric"]
    assert sum(int(point["value"]["int64Value"]) for point in both["points"]) == 9
    grouped = monitoring.series(
        ONLINE + "response_count", **total, aggregation_groupByFields="metric.labels.deployed_model_id"
    )
    counts = {one["metric"]["labels"]["deployed_model_id"]: one["points"][0]["value"] for one in grouped}
    assert counts == {"1": {"int64Value": "6"}, "2": {"int64Value": "3"}}
    by = ["metric.labels.deployed_model_id", "resource.labels.location"]
    grouped = monitoring.series(ONLINE + "response_count", **total, aggregation_groupByFields=by)
    assert [one["resource"]["labels"] for one in grouped] == [{"location": "us-central1"}] * 2
    rate = {"aggregation_alignmentPeriod": "300s", "aggregation_perSeriesAligner": "ALIGN_RATE"}
    assert monitoring.values(ONLINE + "response_count", ' AND metric.labels.deployed_model_id="2"', **rate) == [0.01]


def test_metrics_may_come_late(vertex: Vertex, serving: str, monitoring: Monitoring, clock: Stepped) -> None:
    """Setting metricsDelaySeconds; at Google a point takes up to six minutes to be seen."""
    vertex.sandbox.set(metricsDelaySeconds=240)
    ask(vertex, serving, 2)
    clock.forward(120)
    assert monitoring.series(ONLINE + "prediction_count") == []
    clock.forward(240)
    assert monitoring.values(ONLINE + "prediction_count") == ["2"]


def test_the_managed_route_is_measured_too(vertex: Vertex, clock: Stepped, monitoring: Monitoring) -> None:
    """publisher/online_serving/model_invocation_count of resource aiplatform.googleapis.com/PublisherModel."""
    model = f"{vertex.parent}/publishers/google/models/gemini-3.8-flash"
    vertex.call("POST", f"{model}:generateContent", {"contents": [{"role": "user", "parts": [{"text": "1 + 1"}]}]})
    (one,) = monitoring.series(PUBLISHER + "model_invocation_count")
    assert one["resource"]["labels"]["model_user_id"] == "gemini-3.8-flash"
    assert one["metric"]["labels"]["response_code"] == "200"
    assert one["points"][0]["value"] == {"int64Value": "1"}


@pytest.mark.parametrize(
    "query",
    [
        {"filter": ""},
        {"filter": 'resource.type="x"'},
        {"filter": 'metric.type="x'},
        {"interval.endTime": ""},
        {"interval.startTime": "2030-01-01T00:00:00Z"},
        {"aggregation.crossSeriesReducer": "REDUCE_SUM"},
        {"aggregation.perSeriesAligner": "ALIGN_SUM", "aggregation.alignmentPeriod": "5s"},
    ],
)
def test_what_cannot_be_asked_is_refused(monitoring: Monitoring, query: Json) -> None:
    """discovery: a filter on one metric and an end are required; a reducer needs an aligner, of at least 60 s."""
    good = {
        "filter": f'metric.type="{ONLINE}replicas"',
        "interval.startTime": "2026-11-24T09:00:00Z",
        "interval.endTime": "2026-11-24T10:00:00Z",
    }
    error = refusal(monitoring.api, "GET", f"{monitoring.api.project}/timeSeries", **{**good, **query})
    assert (error.code, error.status) == (400, "INVALID_ARGUMENT")


def test_reading_metrics_needs_monitoring_viewer(vertex: Vertex, clock: Stepped) -> None:
    """monitoring.timeSeries.list is in roles/monitoring.viewer."""
    reader = Google(vertex.sandbox, "monitoring", "v3", caller="reader@example.com")
    query = {"filter": f'metric.type="{ONLINE}replicas"', "interval.endTime": clock.stamp()}
    assert refusal(reader, "GET", f"{reader.project}/timeSeries", **query).code == 403
    grant(vertex.sandbox, "roles/monitoring.viewer", "user:reader@example.com")
    assert reader("GET", f"{reader.project}/timeSeries", **query) == {}


def test_googles_own_client_reads_the_time_series(vertex: Vertex, serving: str, clock: Stepped) -> None:
    """google-api-python-client, unchanged, with a base URL."""
    ask(vertex, serving, 2)
    client = build(
        "monitoring",
        "v3",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": vertex.sandbox.api("monitoring", "")},
    )
    request = (
        client.projects()
        .timeSeries()
        .list(
            name="projects/sandbox-project",
            filter=f'metric.type="{ONLINE}prediction_count"',
            interval_startTime=clock.stamp(clock.now() - 600),
            interval_endTime=clock.stamp(),
        )
    )
    request.headers["Authorization"] = vertex.sandbox.headers["Authorization"]
    (one,) = request.execute()["timeSeries"]
    assert one["points"][0]["value"] == {"int64Value": "2"}


def test_metric_descriptors_say_what_there_is(monitoring: Monitoring) -> None:
    """metricDescriptors.list with a filter, and get."""
    path = f"{monitoring.api.project}/metricDescriptors"
    found = monitoring.api("GET", path, filter=f'metric.type = starts_with("{ONLINE}")')["metricDescriptors"]
    assert {d["type"].removeprefix(ONLINE) for d in found} >= {"prediction_count", "replicas", "prediction_latencies"}
    one = monitoring.api("GET", f"{path}/{ONLINE}prediction_latencies")
    assert (one["metricKind"], one["valueType"]) == ("DELTA", "DISTRIBUTION")
    assert refusal(monitoring.api, "GET", f"{path}/{ONLINE}nothing").code == 404


def test_a_reset_forgets_what_was_measured(vertex: Vertex, serving: str, monitoring: Monitoring) -> None:
    """A new sandbox has served nothing."""
    ask(vertex, serving, 1)
    assert monitoring.series(ONLINE + "prediction_count")
    requests.post(f"{vertex.sandbox.url}/_sandbox/reset", timeout=30)
    assert monitoring.series(ONLINE + "prediction_count") == []


def test_a_metric_that_there_is_not_is_not_found(vertex: Vertex) -> None:
    """timeSeries.list answers 404 for it, not an empty list; metricDescriptors.get as well."""
    api, at = Google(vertex.sandbox, "monitoring", "v3"), "2026-11-23T10:00:00Z"
    asked = {"filter": f'metric.type = "{ONLINE}prediction_cuont"', "interval.endTime": at}
    refused = refusal(api, "GET", f"{api.project}/timeSeries", **asked)
    assert (refused.code, refused.status) == (404, "NOT_FOUND")
    assert f'Cannot find metric(s) that match type = "{ONLINE}prediction_cuont".' in refused.message


def test_monitoring_must_be_enabled(vertex: Vertex) -> None:
    """Google's 403 SERVICE_DISABLED; a new project has the API."""
    usage, api = Google(vertex.sandbox, "serviceusage"), Google(vertex.sandbox, "monitoring", "v3")
    usage("POST", f"{usage.project}/services/monitoring.googleapis.com:disable", {})
    refused = refusal(api, "GET", f"{api.project}/metricDescriptors")
    assert (refused.code, refused.details[0]["reason"]) == (403, "SERVICE_DISABLED")
