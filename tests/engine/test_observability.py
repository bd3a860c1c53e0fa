"""A watched prod stack on the real engine: up, nothing more to do, an alert that opens, destroy."""

import json

import requests

from tests.engine.conftest import FLASH, PRO, Stack

SECTION = "gemini-vertex:observability"
BURNS = {f"{rate} burn of the endpoint route's error budget" for rate in ("fast", "slow")}
ASK = {"contents": [{"role": "user", "parts": [{"text": "2 + 2"}]}]}


def google(stack: Stack, path: str) -> dict[str, object]:
    """GET from Cloud Monitoring."""
    headers = {"Authorization": f"Bearer {stack.cloud.env['GOOGLE_OAUTH_ACCESS_TOKEN']}"}
    answer = requests.get(f"{stack.url}/monitoring/{path}", headers=headers, timeout=30)
    answer.raise_for_status()
    found: dict[str, object] = answer.json()
    return found


def open_alerts(stack: Stack) -> set[str]:
    """The titles of the policies that have an open alert."""
    alerts = google(stack, "v3/projects/sandbox-project/alerts").get("alerts", [])
    assert isinstance(alerts, list)
    return {alert["policy"]["displayName"].partition(": ")[2] for alert in alerts}


def test_a_watched_stack_comes_up_alerts_and_goes(prod: Stack) -> None:
    """Second preview empty; a change of the split changes its alert in place; 503s open the alerts; nothing is left."""
    prod.workspace.set(f"{SECTION}.notify[0]", "oncall@example.com")
    prod.workspace.set(f"{SECTION}.requestLogging.dataset", "gemini_requests")
    prod.up()
    prod.preview_is_empty()

    kinds = prod.state()
    assert len(kinds["alertPolicy"]) == 8
    assert {
        kind for kind in kinds if kind in ("dashboard", "dataset", "notificationChannel", "serviceLevelObjective")
    } == {
        "dashboard",
        "dataset",
        "notificationChannel",
        "serviceLevelObjective",
    }
    [dataset] = kinds["dataset"].values()
    assert dataset["access"] == [{"role": "OWNER", "specialGroup": "projectOwners"}]
    assert dataset["labels"]["environment"] == "prod"
    assert prod.endpoint()["predictRequestResponseLoggingConfig"]["enabled"] is True

    since = prod.mark()
    prod.workspace.set(f"{FLASH}.traffic", "80")
    prod.workspace.set(f"{PRO}.traffic", "20")
    prod.up()
    assert set(prod.changes(since)) == {
        "aiplatform.projects.locations.endpoints.patch",
        "monitoring.projects.alertPolicies.patch",
        "monitoring.projects.dashboards.patch",
    }
    assert "- 80) > 10" in json.dumps(google(prod, "v3/projects/sandbox-project/alertPolicies"))
    prod.preview_is_empty()

    assert open_alerts(prod) == {"perimeter violation"}, (
        "the deployment itself comes from outside the dry-run perimeter"
    )
    outputs = prod.workspace.outputs()
    url = f"{prod.url}/hosts/{outputs['endpointHost']}/v1/{outputs['endpointName']}:generateContent"
    headers = {"Authorization": f"Bearer {prod.cloud.env['GOOGLE_OAUTH_ACCESS_TOKEN']}"}
    fault = {"method": "*.endpoints.generateContent", "status": 503}
    requests.post(f"{prod.url}/_sandbox/faults", json=[fault], timeout=30).raise_for_status()
    for _ in range(20):
        assert requests.post(url, json=ASK, headers=headers, timeout=30).status_code == 503
    assert open_alerts(prod) == {"perimeter violation", *BURNS}

    prod.destroy()
    assert prod.state() == {}
