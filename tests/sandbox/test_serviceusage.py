"""serviceusage: what a new project has enabled, enabling and disabling, and who may."""

import pytest

from sandbox.testing import SandboxHandle
from tests.sandbox.google import PROJECT_NUMBER, Google, grant, refusal


@pytest.fixture
def usage(sandbox: SandboxHandle) -> Google:
    return Google(sandbox, "serviceusage")


def enabled(usage: Google) -> set[str]:
    answer = usage("GET", f"{usage.project}/services", filter="state:ENABLED", pageSize=200)
    return {service["name"].rpartition("/")[2] for service in answer["services"]}


def test_a_new_project_has_the_usual_apis_but_not_vertex_ai(usage: Google) -> None:
    assert {"serviceusage.googleapis.com", "cloudresourcemanager.googleapis.com"} <= enabled(usage)
    assert not {"aiplatform.googleapis.com", "compute.googleapis.com"} & enabled(usage)


def test_a_service_is_shown_under_the_projects_number(usage: Google) -> None:
    shown = usage("GET", f"{usage.project}/services/aiplatform.googleapis.com")
    assert shown["name"] == f"projects/{PROJECT_NUMBER}/services/aiplatform.googleapis.com"
    assert shown["state"] == "DISABLED"


def test_enable_is_an_operation_that_says_what_it_enabled(sandbox: SandboxHandle, usage: Google) -> None:
    sandbox.set(operationSeconds=0.1)
    started = usage("POST", f"{usage.project}/services/aiplatform.googleapis.com:enable", {})
    assert "done" not in started
    while not (ended := usage("GET", started["name"])).get("done"):
        pass
    assert ended["response"]["service"]["state"] == "ENABLED"
    assert "aiplatform.googleapis.com" in enabled(usage)


def test_an_api_is_enabled_only_when_its_operation_is_done(sandbox: SandboxHandle, usage: Google) -> None:
    sandbox.set(operationSeconds=600)
    started = usage("POST", f"{usage.project}/services/aiplatform.googleapis.com:enable", {})
    assert "done" not in usage("GET", started["name"])
    assert "aiplatform.googleapis.com" not in enabled(usage)


def test_enabling_what_is_enabled_is_done_at_once_and_changes_nothing(usage: Google) -> None:
    again = usage("POST", f"{usage.project}/services/serviceusage.googleapis.com:enable", {})
    assert again["name"] == "operations/noop.DONE_OPERATION"
    assert again["done"] is True


def test_a_batch_enables_all_or_nothing(usage: Google) -> None:
    wanted = ["aiplatform.googleapis.com", "container.googleapis.com"]
    refused = refusal(
        usage, "POST", f"{usage.project}/services:batchEnable", {"serviceIds": [*wanted, "x.googleapis.com"]}
    )
    assert (refused.code, refused.status) == (403, "PERMISSION_DENIED")
    assert refused.message == "Not found or permission denied for service(s): x.googleapis.com."
    assert refused.details[0]["reason"] == "SERVICE_CONFIG_NOT_FOUND_OR_PERMISSION_DENIED"
    assert not set(wanted) & enabled(usage)
    usage("POST", f"{usage.project}/services:batchEnable", {"serviceIds": wanted})
    assert {*wanted, "compute.googleapis.com"} <= enabled(usage), "container brings compute"


@pytest.mark.parametrize("services", [[], [f"s{i}.googleapis.com" for i in range(21)]])
def test_a_batch_has_one_to_twenty_services(usage: Google, services: list[str]) -> None:
    refused = refusal(usage, "POST", f"{usage.project}/services:batchEnable", {"serviceIds": services})
    assert (refused.code, refused.status) == (400, "INVALID_ARGUMENT")


def test_a_service_that_others_need_is_disabled_only_with_them(usage: Google) -> None:
    usage("POST", f"{usage.project}/services/container.googleapis.com:enable", {})
    path = f"{usage.project}/services/compute.googleapis.com:disable"
    refused = refusal(usage, "POST", path, {})
    assert refused.status == "FAILED_PRECONDITION"
    assert "container.googleapis.com" in refused.message
    usage("POST", path, {"disableDependentServices": True})
    assert not {"compute.googleapis.com", "container.googleapis.com"} & enabled(usage)


def test_the_list_comes_in_pages_that_together_are_all(usage: Google) -> None:
    seen: list[str] = []
    query = {"filter": "state:ENABLED", "pageSize": 4}
    while True:
        page = usage("GET", f"{usage.project}/services", **query)
        assert len(page["services"]) <= 4
        seen += [s["name"].rpartition("/")[2] for s in page["services"]]
        if "nextPageToken" not in page:
            break
        query["pageToken"] = page["nextPageToken"]
    assert sorted(seen) == sorted(enabled(usage))


@pytest.mark.parametrize("query", [{"filter": "name:x"}, {"pageToken": "mine"}, {"pageSize": -1}])
def test_a_bad_list_request_is_an_invalid_argument(usage: Google, query: dict[str, object]) -> None:
    assert refusal(usage, "GET", f"{usage.project}/services", **query).status == "INVALID_ARGUMENT"


def test_only_who_has_the_permission_enables(sandbox: SandboxHandle) -> None:
    stranger = Google(sandbox, "serviceusage", caller="someone@example.com")
    path = f"{stranger.project}/services/aiplatform.googleapis.com:enable"
    refused = refusal(stranger, "POST", path, {})
    assert (refused.code, refused.status) == (403, "PERMISSION_DENIED")
    assert refused.details[0]["reason"] == "AUTH_PERMISSION_DENIED"
    grant(sandbox, "roles/serviceusage.serviceUsageAdmin", "user:someone@example.com")
    assert stranger("POST", path, {})["done"] is True


def test_a_project_that_is_not_there_cannot_be_told_from_one_that_is_hidden(usage: Google) -> None:
    assert refusal(usage, "GET", "projects/no-such-project/services").code == 403


def test_enabled_apis_are_no_resources_of_a_stack(sandbox: SandboxHandle) -> None:
    sandbox.enable("aiplatform", "compute")
    assert sandbox.state() == {}


def test_an_unknown_operation_is_not_found(usage: Google) -> None:
    assert refusal(usage, "GET", "operations/acf.p2-1-2").code == 404
