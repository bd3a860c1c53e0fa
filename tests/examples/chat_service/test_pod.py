"""The service as a pod, on a stack that the real Pulumi engine brings up in a sandbox."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from sandbox.api_keys import key_for
from scripts.chat_pod import ChatPod, chat_pod
from tests.engine.conftest import FLASH, PRO, Stack, make_stack  # noqa: F401 - a fixture
from tests.examples.chat_service.test_service import DOWN
from tests.sandbox.google import Google

ROLE = "roles/iam.workloadIdentityUser"


@pytest.fixture
def managed(make_stack: Callable[..., Stack]) -> Stack:  # noqa: F811
    """The managed stack under Google's own rules, its tokens renewed every few seconds; nothing made yet."""
    stack = make_stack("managed", profile="google", token_seconds=227)
    stack.workspace.pulumi("config", "rm", "vertex-serving:allowBaseGemini")
    return stack


def weights(pod: ChatPod) -> list[float]:
    """Those that the running service knows."""
    return [route["weight"] for route in pod.get("/state")["routes"]]


def test_a_running_pod_follows_pulumi_up_and_says_which_binding_it_lacks(managed: Stack, tmp_path: Path) -> None:
    """95/5, then 50/50 in the same process; then the next token fails, and the message names the binding."""
    managed.up()
    email = managed.workspace.outputs()["serviceAccountEmail"]
    with chat_pod(tmp_path, managed.cloud.environ()) as pod:
        process = pod.get("/state")["process"]
        assert weights(pod) == [95, 5]
        before = pod.shares(100)
        assert before["gemini-flash-primary"] >= 85
        assert before.total() == before["gemini-flash-primary"] + before["gemini-pro-fallback"]

        managed.workspace.set(f"{FLASH}.traffic", "50")
        managed.workspace.set(f"{PRO}.traffic", "50")
        managed.up()
        pod.wait_for(lambda: weights(pod) == [50, 50], "did not follow the ConfigMap")

        after = pod.shares(100)
        assert 30 <= after["gemini-flash-primary"] <= 70
        assert after["gemini-flash-primary"] + after["gemini-pro-fallback"] == 100
        assert pod.get("/state")["process"] == process

        iam = Google(managed.cloud, "iam")
        iam("POST", f"{iam.project}/serviceAccounts/{email}:setIamPolicy", {"policy": {"bindings": []}})
        pod.wait_for(lambda: pod.status("/readyz") == 503, "stays ready without its binding")

        name, problem = pod.ask("2 + 2")
        assert name == "problem"
        for sentence in (problem["detail"], pod.get("/readyz")["detail"]):
            for part in (ROLE, email, "sandbox-project.svc.id.goog[production/gemini-app]"):
                assert part in sentence
        assert pod.status("/healthz") == 200
        assert pod.get("/state")["process"] == process
    assert pod.process.returncode == 128 + 15


@pytest.mark.parametrize("store", ["kubernetes", "secret-manager"])
def test_a_running_pod_takes_a_fallback_and_shows_no_key(managed: Stack, tmp_path: Path, store: str) -> None:
    """Configured after the pod has started, the fallback needs no restart and leaves the pod ready. The key is in no
    log, state, answer, argument or variable of the service."""
    key = key_for(managed.cloud.project)
    managed.cloud.enable("generativelanguage")
    managed.up()
    with chat_pod(tmp_path, managed.cloud.environ()) as pod:
        assert "developerApi" not in pod.get("/state")
        managed.fall_back(store, key)
        managed.up()
        pod.wait_for(lambda: "developerApi" in pod.get("/state"), "did not follow the ConfigMap")
        if store == "kubernetes":
            pod.wait_for((tmp_path / "root/etc/gemini-key/apiKey").exists, "has no key mounted")
        assert pod.status("/readyz") == 200
        assert "keyMistake" not in pod.get("/state")["developerApi"]

        requests.put(f"{managed.url}/_sandbox/faults", json=[DOWN], timeout=30).raise_for_status()
        answers = [event for _ in range(5) for event in pod.stream("What is 2 + 2?")]
        assert [data["route"] for name, data in answers if name == "done"] == ["developer-api"] * 5
        seen = {
            "answers": json.dumps(answers),
            "state": json.dumps(pod.get("/state")),
            "log": pod.log.read_text(),
        }
        own = Path("/proc", str(pod.get("/state")["process"]))
        files = [own / "cmdline", own / "environ", Path("/proc", str(pod.process.pid), "cmdline")]
        seen |= {str(file): file.read_text(errors="replace") for file in files}
        kept = "/etc/gemini-key/apiKey" if store == "kubernetes" else "secrets/gemini-developer-api-key/versions/latest"
        assert kept in seen["state"]
    seen["calls"] = json.dumps(managed.calls())
    for spelling in (key, base64.b64encode(key.encode()).decode()):
        assert [place for place, text in seen.items() if spelling in text] == []
    assert not (tmp_path / "root/etc/gemini-key").exists()


def test_a_fallback_whose_key_cannot_be_read_takes_no_pod_out_of_service(managed: Stack, tmp_path: Path) -> None:
    """Vertex AI answers, so the pod is ready; its log and /state say what lacks."""
    managed.fall_back("secret-manager", key_for(managed.cloud.project))
    managed.up()
    requests.put(
        f"{managed.url}/_sandbox/faults", json=[{"method": "secretmanager.*.access", "status": 403}], timeout=30
    ).raise_for_status()
    with chat_pod(tmp_path, managed.cloud.environ()) as pod:
        assert pod.status("/readyz") == 200
        assert "cannot be read" in pod.get("/state")["developerApi"]["keyMistake"]
        assert [line["severity"] for line in pod.lines() if line.get("gemini_event") == "key"] == ["ERROR"]
        assert pod.ask("2 + 2")[0] == "done"


def test_a_pod_calls_a_private_endpoint_by_its_routes(make_stack: Callable[..., Stack], tmp_path: Path) -> None:  # noqa: F811
    """Its account may predict and look at nothing, so host, API and scheme of the endpoint come from the ConfigMap."""
    prod = make_stack("prod", profile="google")
    prod.workspace.pulumi("config", "rm", "vertex-serving:allowBaseGemini")
    for model, name in ((FLASH, "gemma-3-4b"), (PRO, "gemma-3-12b")):
        prod.workspace.set(f"{model}.model", name)
    prod.up()
    (route,) = prod.workspace.outputs()["routes"]["routes"]
    assert route["scheme"] == "http"
    since = prod.mark()
    with chat_pod(tmp_path, prod.cloud.environ()) as pod:
        name, data = pod.ask("2 + 2")
        assert (name, data["route"]) == ("done", "gemini-prod-endpoint"), data
        assert data["deployedModel"] in ("gemini-flash-primary", "gemini-pro-fallback")
    (call,) = [call for call in prod.calls(since) if call["method"].startswith("aiplatform.")]
    assert call["method"].rpartition(".")[2] in ("predict", "rawPredict", "streamRawPredict")
