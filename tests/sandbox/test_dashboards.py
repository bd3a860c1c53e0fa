"""Dashboards of Cloud Monitoring, and datasets of BigQuery."""

from typing import Any

import pytest
import requests

from tests.sandbox.google import Google, grant, refusal
from tests.sandbox.vertex import Json, Vertex

FILTER = (
    'resource.type="aiplatform.googleapis.com/Endpoint" AND '
    'metric.type="aiplatform.googleapis.com/prediction/online/replicas"'
)


def tile(x: int = 0, y: int = 0, query: Json | None = None, **changes: Any) -> Json:
    """A tile with a chart of one query."""
    data = {"timeSeriesQuery": query or {"timeSeriesFilter": {"filter": FILTER}}}
    widget = {"title": "Replicas", "xyChart": {"dataSets": [data]}}
    return {"xPos": x, "yPos": y, "width": 24, "height": 16, "widget": widget, **changes}


def board(*tiles: Json, **changes: Any) -> Json:
    """A dashboard of these tiles."""
    return {"displayName": "Gemini", "mosaicLayout": {"columns": 48, "tiles": list(tiles)}, **changes}


@pytest.fixture
def dashboards(vertex: Vertex) -> Google:
    return Google(vertex.sandbox, "monitoring", "v1")


def test_a_dashboard_lives_from_create_to_delete(dashboards: Google) -> None:
    """discovery, projects.dashboards: etag guards a change; the name has the project's number."""
    path = f"{dashboards.project}/dashboards"
    made = dashboards("POST", path, board(tile()))
    assert made["name"].startswith("projects/123456789012/dashboards/")
    changed = dashboards("PATCH", made["name"], {**board(tile()), "displayName": "Renamed", "etag": made["etag"]})
    assert (changed["displayName"], changed["name"]) == ("Renamed", made["name"])
    error = refusal(dashboards, "PATCH", made["name"], {**board(tile()), "etag": made["etag"] + "old"})
    assert (error.code, error.status) == (409, "ABORTED")
    assert dashboards("GET", path)["dashboards"] == [dashboards("GET", made["name"])]
    dashboards("DELETE", made["name"])
    assert refusal(dashboards, "GET", made["name"]).code == 404
    dashboards("POST", path, board(tile()), validateOnly="true")
    assert dashboards("GET", path) == {}


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        (board(tile(), displayName=""), 400, "displayName"),
        ({"displayName": "x"}, 400, "exactly one layout"),
        (board(mosaicLayout={"columns": 49}), 400, "between 1 and 48"),
        (board(tile(30)), 400, "within the 48 columns"),
        (board(tile(), tile(10, 10)), 400, "overlaps tiles[0]"),
        (board(tile(query={"timeSeriesFilter": {"filter": 'metric.type="x'}})), 400, "Unparseable filter"),
        (board(tile(query={"timeSeriesFilter": {"filter": 'metric.type="none.com/x"'}})), 404, "Cannot find metric"),
        (board(tile(query={"prometheusQuery": "sum("})), 400, "parse error"),
        (board(tile(colour="red")), 400, 'Unknown name "colour"'),
    ],
)
def test_a_dashboard_that_google_would_not_take_is_refused(
    dashboards: Google, body: Json, code: int, says: str
) -> None:
    """discovery, Dashboard, MosaicLayout and Tile; filters and PromQL as everywhere."""
    error = refusal(dashboards, "POST", f"{dashboards.project}/dashboards", body)
    assert (error.code, says in error.message) == (code, True), error.message


def test_dashboards_need_their_own_permission(vertex: Vertex) -> None:
    """monitoring.dashboards.create is in roles/monitoring.dashboardEditor."""
    editor = Google(vertex.sandbox, "monitoring", "v1", caller="editor@example.com")
    assert refusal(editor, "POST", f"{editor.project}/dashboards", board(tile())).code == 403
    grant(vertex.sandbox, "roles/monitoring.dashboardEditor", "user:editor@example.com")
    editor("POST", f"{editor.project}/dashboards", board(tile()))


@pytest.fixture
def bigquery(vertex: Vertex) -> Google:
    vertex.sandbox.enable("bigquery")
    return Google(vertex.sandbox, "bigquery", "v2")


def dataset(**changes: Any) -> Json:
    """A dataset whose tables live a day."""
    return {
        "datasetReference": {"projectId": "sandbox-project", "datasetId": "requests"},
        "location": "us-central1",
        "defaultTableExpirationMs": "86400000",
        **changes,
    }


def test_a_dataset_lives_from_insert_to_delete(bigquery: Google) -> None:
    """discovery, bigquery.datasets: patch changes what it names, update replaces, the location stays."""
    path = f"{bigquery.project}/datasets"
    made = bigquery("POST", path, dataset(description="private"))
    assert made["id"] == "sandbox-project:requests"
    assert made["defaultTableExpirationMs"] == "86400000"
    patched = bigquery("PATCH", f"{path}/requests", {"friendlyName": "Requests"})
    assert (patched["friendlyName"], patched["description"]) == ("Requests", "private")
    updated = bigquery("PUT", f"{path}/requests", dataset())
    assert "description" not in updated
    assert updated["access"] == made["access"]
    error = refusal(bigquery, "PATCH", f"{path}/requests", {"location": "EU"})
    assert "Cannot change location" in error.message
    assert [found["id"] for found in bigquery("GET", path)["datasets"]] == ["sandbox-project:requests"]
    assert refusal(bigquery, "POST", path, dataset()).code == 409
    bigquery("DELETE", f"{path}/requests")
    assert refusal(bigquery, "GET", f"{path}/requests").message == "Not found: Dataset sandbox-project:requests"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"datasetReference": {"datasetId": "a-b"}}, 'Invalid dataset ID "a-b"'),
        ({"defaultTableExpirationMs": "1000"}, "minimum value is 3600000"),
        ({"defaultTableExpirationMs": "soon"}, "Invalid value at"),
    ],
)
def test_a_dataset_that_google_would_not_take_is_refused(bigquery: Google, changes: Json, says: str) -> None:
    """discovery, Dataset.datasetReference and defaultTableExpirationMs."""
    error = refusal(bigquery, "POST", f"{bigquery.project}/datasets", dataset(**changes))
    assert (error.code, says in error.message) == (400, True), error.message


def test_datasets_need_the_api_and_a_permission(vertex: Vertex) -> None:
    """bigquery.datasets.create is in roles/bigquery.user; without the API nobody may."""
    user = Google(vertex.sandbox, "bigquery", "v2", caller="user@example.com")
    apis = Google(vertex.sandbox, "serviceusage")
    apis("POST", f"{apis.project}/services/bigquery.googleapis.com:disable", {"disableDependentServices": True})
    assert "has not been used" in refusal(user, "POST", f"{user.project}/datasets", dataset()).message
    vertex.sandbox.enable("bigquery")
    assert "bigquery.datasets.create" in refusal(user, "POST", f"{user.project}/datasets", dataset()).message
    grant(vertex.sandbox, "roles/bigquery.user", "user:user@example.com")
    user("POST", f"{user.project}/datasets", dataset())
    assert refusal(user, "DELETE", f"{user.project}/datasets/requests").code == 403


def test_the_plugins_variables_lead_to_the_services(vertex: Vertex) -> None:
    """Terraform's google provider appends v1/projects/… for dashboards, v3/projects/… for alerts, projects/… else."""
    env, headers = vertex.sandbox.env, vertex.sandbox.headers
    for name, path in (
        ("MONITORING", "v1/projects/sandbox-project/dashboards"),
        ("MONITORING", "v3/projects/sandbox-project/alertPolicies"),
        ("BIG_QUERY", "projects/sandbox-project/datasets"),
    ):
        answer = requests.get(env[f"GOOGLE_{name}_CUSTOM_ENDPOINT"] + path, headers=headers, timeout=30)
        assert answer.status_code == 200, (name, answer.text)
