"""What every call goes through: who asks, whether the API is enabled, what is imitated, what is recorded."""

import requests

from sandbox.testing import SandboxHandle
from tests.sandbox.vertex import Vertex


def error(response: requests.Response) -> tuple[int, str, str]:
    """Code, status and message of an error answer, which must agree with the HTTP status."""
    found = response.json()["error"]
    assert found["code"] == response.status_code
    return found["code"], found["status"], found["message"]


def test_a_call_without_a_token_gets_googles_401(sandbox: SandboxHandle) -> None:
    url = sandbox.api("aiplatform", "v1/projects/p/locations/us-central1/endpoints")
    response = requests.get(url, timeout=30)
    code, status, message = error(response)
    assert (code, status) == (401, "UNAUTHENTICATED")
    assert message.startswith("Request is missing required authentication credential. Expected OAuth 2 access token")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    info = response.json()["error"]["details"][0]
    assert info["reason"] == "CREDENTIALS_MISSING"
    assert info["metadata"]["service"] == "aiplatform.googleapis.com"


def test_a_token_of_someone_else_gets_googles_401(sandbox: SandboxHandle) -> None:
    url = sandbox.api("aiplatform", "v1/projects/p/locations/us-central1/endpoints")
    response = requests.get(url, headers={"Authorization": "Bearer ya29.real"}, timeout=30)
    assert error(response)[2].startswith("Request had invalid authentication credentials.")


def test_a_project_that_does_not_exist_is_refused_as_google_refuses_it(vertex: Vertex) -> None:
    response = vertex.send("GET", "projects/nobodys/locations/us-central1/endpoints")
    code, status, message = error(response)
    assert (code, status, message) == (403, "PERMISSION_DENIED", "Permission denied on resource project nobodys.")
    assert response.json()["error"]["details"][0]["reason"] == "CONSUMER_INVALID"


def test_an_api_that_is_not_enabled_says_where_to_enable_it(sandbox: SandboxHandle) -> None:
    vertex = Vertex(sandbox)
    response = vertex.send("GET", f"{vertex.parent}/endpoints")
    code, status, message = error(response)
    assert (code, status) == (403, "PERMISSION_DENIED")
    assert "has not been used in project 123456789012 before or it is disabled" in message
    info = response.json()["error"]["details"][0]
    assert info["reason"] == "SERVICE_DISABLED"
    assert info["metadata"]["service"] == "aiplatform.googleapis.com"
    sandbox.enable("aiplatform")
    assert vertex.send("GET", f"{vertex.parent}/endpoints").status_code == 200


def test_what_is_not_imitated_answers_501_with_the_methods_name(vertex: Vertex) -> None:
    code, status, message = error(vertex.send("GET", f"{vertex.parent}/customJobs"))
    assert (code, status) == (501, "UNIMPLEMENTED")
    assert "aiplatform.projects.locations.customJobs.list" in message
    elsewhere = requests.get(vertex.sandbox.api("nothing", "v1/x"), headers=vertex.sandbox.headers, timeout=30)
    assert error(elsewhere)[2] == "The sandbox does not imitate nothing.googleapis.com."


def test_an_address_that_no_method_has_is_googles_404_page(vertex: Vertex) -> None:
    response = vertex.send("GET", "nothing/here")
    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")


def test_a_body_that_is_no_json_is_refused(vertex: Vertex) -> None:
    url = vertex.sandbox.api("aiplatform", f"v1/{vertex.parent}/endpoints")
    response = requests.post(url, data=b"{nope", headers=vertex.sandbox.headers, timeout=30)
    code, status, message = error(response)
    assert (code, status) == (400, "INVALID_ARGUMENT")
    assert message.startswith("Invalid JSON payload received.")


def test_calls_are_recorded_with_method_and_whether_they_change_something(vertex: Vertex) -> None:
    since = vertex.sandbox.last_call()
    name = vertex.create()
    vertex.get(name)
    vertex.send("DELETE", f"{vertex.parent}/endpoints/1")
    calls = vertex.sandbox.calls(since)
    short = [(call["method"].rpartition(".")[2], call["status"], call["mutating"]) for call in calls]
    assert short == [("create", 200, True), ("get", 200, False), ("delete", 404, True)]
    assert calls[0]["path"] == f"/aiplatform/v1/{vertex.parent}/endpoints"
    assert calls[0]["seq"] == since + 1
    assert [call["method"].rpartition(".")[2] for call in vertex.sandbox.calls(since, mutating=True)] == [
        "create",
        "delete",
    ]


def test_a_prediction_or_a_wait_changes_nothing(vertex: Vertex) -> None:
    name = vertex.create()
    operation = vertex.deploy(name, "1", {"0": 100})
    since = vertex.sandbox.last_call()
    vertex.ask(name, "1 + 1")
    vertex.call("POST", f"{operation['name']}:wait", {})
    vertex.call("POST", f"{name}:rawPredict", {"prompt": "1 + 1"})
    assert vertex.sandbox.calls(since, mutating=True) == []


def test_a_refused_call_leaves_nothing_behind(vertex: Vertex) -> None:
    name = vertex.create()
    vertex.deploy(name, "1", {"0": 100})
    before = vertex.get(name)["etag"]
    vertex.send("POST", f"{name}:undeployModel", {"deployedModelId": "1", "trafficSplit": {"1": 60, "2": 40}})
    after = vertex.get(name)
    assert after["trafficSplit"] == {"1": 100}
    assert after["etag"] == before


def test_a_path_may_be_percent_encoded(vertex: Vertex) -> None:
    vertex.create("5")
    url = f"{vertex.sandbox.url}/aiplatform/v1/projects/sandbox%2Dproject/locations/us%2Dcentral1/endpoints/5"
    assert requests.get(url, headers=vertex.sandbox.headers, timeout=30).status_code == 200
