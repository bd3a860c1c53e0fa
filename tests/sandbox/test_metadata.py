"""The metadata servers of a machine and of a pod: what they know, and that faults and the record know of them."""

import pytest
import requests

from sandbox.identity import DEPLOYER
from sandbox.testing import SandboxHandle
from tests.sandbox.kube import Kube

FLAVOR = {"Metadata-Flavor": "Google"}
TOKEN = "computeMetadata/v1/instance/service-accounts/default/token"
MACHINE = "123456789012-compute@developer.gserviceaccount.com"
POD = "pods/default/default/"


def ask(sandbox: SandboxHandle, path: str) -> requests.Response:
    return requests.get(f"{sandbox.url}/{path}", headers=FLAVOR, timeout=30)


def test_a_fault_strikes_the_metadata_server(sandbox: SandboxHandle) -> None:
    """By its path or by its name, as text like all that it says."""
    for number, chosen in enumerate(({"path": "*computeMetadata*"}, {"method": "computeMetadata"}), 1):
        fault = {**chosen, "status": 503, "times": 1}
        requests.post(f"{sandbox.url}/_sandbox/faults", json=fault, timeout=30).raise_for_status()
        struck = ask(sandbox, TOKEN)
        assert (struck.status_code, struck.headers["Metadata-Flavor"]) == (503, "Google")
        assert "unavailable" in struck.text
        assert ask(sandbox, TOKEN).status_code == 200
        assert [call["status"] for call in sandbox.calls()] == [503, 200] * number


def test_the_record_has_every_call_of_it_and_no_token(sandbox: SandboxHandle) -> None:
    token = ask(sandbox, TOKEN).json()["access_token"]
    ask(sandbox, f"{POD}computeMetadata/v1/project/project-id")
    ask(sandbox, "")
    one, two, three = sandbox.calls()
    assert (one["method"], one["path"], one["mutating"]) == ("computeMetadata", f"/{TOKEN}", False)
    assert one["principal"] == MACHINE
    assert two["principal"].endswith("/subject/ns/default/sa/default")
    assert (three["path"], three["status"]) == ("/", 200)
    assert not any(token in str(call) for call in (one, two, three))


def test_a_browser_looking_at_the_console_is_not_recorded(sandbox: SandboxHandle) -> None:
    assert requests.get(sandbox.url, headers={"Accept": "text/html"}, timeout=30).status_code == 200
    assert sandbox.calls() == []


def test_every_entry_says_who_called(sandbox: SandboxHandle) -> None:
    """An account, a key's project, or nobody."""
    key = sandbox.env["GEMINI_API_KEY"]
    keyed = sandbox.api("aiplatform", "v1/publishers/google/models/gemini-3.5-flash:countTokens")
    url = sandbox.api("cloudresourcemanager", f"v1/projects/{sandbox.project}")
    requests.get(url, headers=sandbox.headers, timeout=30)
    requests.get(url, headers={"Authorization": "Bearer bad"}, timeout=30)
    requests.get(url, timeout=30)
    requests.post(keyed, json={"contents": []}, params={"key": key}, timeout=30)
    requests.post(f"{sandbox.url}/_sandbox/faults", json={"status": 503}, timeout=30).raise_for_status()
    requests.get(url, headers=sandbox.headers, timeout=30)
    requests.get(f"{sandbox.url}/kubernetes/api", headers=sandbox.headers, timeout=30)
    calls = sandbox.calls()
    assert [call["principal"] for call in calls] == [DEPLOYER, "", "", "api-key:sandbox-project", DEPLOYER, DEPLOYER]
    assert calls[-1]["status"] == 503
    assert key not in str(calls)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("instance/zone", "projects/123456789012/zones/us-central1-a"),
        ("instance/attributes/cluster-name", "sandbox"),
        ("instance/attributes/cluster-location", "us-central1"),
        ("instance/attributes/", "cluster-location\ncluster-name\ncluster-uid\n"),
        ("instance", "attributes/\nhostname\nid\nservice-accounts/\nzone\n"),
        ("project/", "numeric-project-id\nproject-id\n"),
        ("instance/service-accounts/default/", "aliases\nemail\nidentity\nscopes\ntoken\n"),
        ("instance/service-accounts/default/aliases", "default\n"),
    ],
)
def test_a_pod_learns_what_gkes_metadata_server_says(sandbox: SandboxHandle, path: str, answer: str) -> None:
    assert ask(sandbox, f"{POD}computeMetadata/v1/{path}").text == answer


def test_machines_and_pods_have_numbers_and_names(sandbox: SandboxHandle) -> None:
    """The same at each look; a pod knows its node's."""
    for base in ("", POD):
        number, name, host = (
            ask(sandbox, f"{base}computeMetadata/v1/instance/{what}") for what in ("id", "name", "hostname")
        )
        assert number.text.isdigit()
        assert number.text == ask(sandbox, f"{base}computeMetadata/v1/instance/id").text
        assert host.text.endswith(".us-central1-a.c.sandbox-project.internal")
        assert name.status_code == (404 if base else 200)
    assert len(ask(sandbox, f"{POD}computeMetadata/v1/instance/attributes/cluster-uid").text) == 64


def test_an_identity_token_is_refused_in_words(sandbox: SandboxHandle) -> None:
    """Google signs those; a token that nobody can verify would be none."""
    path = "computeMetadata/v1/instance/service-accounts/default/identity"
    refused = ask(sandbox, f"{path}?audience=https://example.com")
    assert (refused.status_code, "no identity tokens" in refused.text) == (501, True)
    assert ask(sandbox, path).text == "non-empty audience parameter required"


def test_the_metadata_server_is_only_read(sandbox: SandboxHandle) -> None:
    assert requests.post(f"{sandbox.url}/{TOKEN}", headers=FLAVOR, timeout=30).status_code == 405


def test_no_pod_runs_as_an_account_that_is_not_there(sandbox: SandboxHandle) -> None:
    path = "pods/default/app/computeMetadata/v1/instance/service-accounts/default/email"
    assert ask(sandbox, path).status_code == 404
    Kube(sandbox).account("app", "default")
    assert ask(sandbox, path).text == "sandbox-project.svc.id.goog"
