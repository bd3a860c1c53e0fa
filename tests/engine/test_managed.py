"""Gemini itself by the managed route: nothing is deployed, and the application is told its routes."""

import base64
import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from google.oauth2.credentials import Credentials

from gemini_client import GeminiClient, SystemTiming
from gemini_client.routes import read
from sandbox.identity import token_for
from tests.engine.arguments import arguments_seen
from tests.engine.conftest import FLASH, PRO, Stack
from tests.engine.test_refusals import refused_preview
from tests.engine.test_tuned import smoke_test

CONFIG_MAP = "api/v1/namespaces/production/configmaps/gemini-routes"
SECRET = "api/v1/namespaces/production/secrets/gemini-developer-api-key"
KEY = "AIza-a-key-that-no-file-may-show"
PATCHED = "io.k8s.core.v1.configmaps.patch"
SET_LOG = "aiplatform.projects.locations.publishers.models.setPublisherModelConfig"


@pytest.fixture
def managed(make_stack: Callable[..., Stack]) -> Stack:
    """The managed stack under Google's own rules, nothing made yet."""
    stack = make_stack("managed", profile="google")
    stack.workspace.pulumi("config", "rm", "vertex-serving:allowBaseGemini")
    return stack


def kubernetes(stack: Stack, path: str) -> Any:
    """An object of the sandbox's cluster."""
    token = stack.cloud.env["GOOGLE_OAUTH_ACCESS_TOKEN"]
    answer = requests.get(f"{stack.url}/kubernetes/{path}", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    answer.raise_for_status()
    return answer.json()


def routes(stack: Stack) -> Any:
    """What the application reads."""
    return json.loads(kubernetes(stack, CONFIG_MAP)["data"]["routes.json"])


def test_the_article_s_shares_go_to_gemini_itself(managed: Stack) -> None:
    """One `pulumi up` on Google's own rules: 95/5 as routes, no endpoint, a perimeter, and a clean end."""
    managed.up()

    outputs = managed.workspace.outputs()
    assert routes(managed) == outputs["routes"]
    shares = {route["name"]: (route["model"], route["weight"]) for route in outputs["routes"]["routes"]}
    assert shares == {"gemini-flash-primary": ("gemini-3.8-flash", 95), "gemini-pro-fallback": ("gemini-4-argon", 5)}
    assert {route["serving"] for route in outputs["routes"]["routes"]} == {"managed"}
    assert "endpointId" not in outputs
    assert outputs["clientEnvironment"]["GEMINI_ROUTES_FILE"] == "/etc/gemini/routes.json"
    state = managed.state()
    assert "aiplatform.endpoint" not in state
    assert "gemini_prod_perimeter" in json.dumps(state)
    managed.preview_is_empty()

    managed.destroy()
    assert managed.state() == {}


def test_a_shift_of_traffic_is_one_call_to_the_cluster(managed: Stack) -> None:
    """50/50 changes the ConfigMap, in place, and the output; Google hears nothing."""
    managed.up()
    before, since = kubernetes(managed, CONFIG_MAP), managed.mark()
    managed.workspace.set(f"{FLASH}.traffic", "50")
    managed.workspace.set(f"{PRO}.traffic", "50")

    managed.up()

    assert managed.changes(since) == [PATCHED]
    after = kubernetes(managed, CONFIG_MAP)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert [route["weight"] for route in routes(managed)["routes"]] == [50, 50]
    assert [route["weight"] for route in managed.workspace.outputs()["routes"]["routes"]] == [50, 50]
    managed.preview_is_empty()


def test_a_sample_of_the_requests_is_logged(managed: Stack) -> None:
    """One call a model sets its log, a changed rate is a call in place, and what ends the log leaves the dataset."""
    managed.workspace.set("gemini-vertex:observability.requestLogging.dataset", "requests")
    managed.workspace.set("gemini-vertex:observability.notify[0]", "oncall@example.com")
    managed.up()
    table = "bq://sandbox-project.requests.gemini_{}_global"
    assert logs(managed) == {
        "gemini-3.8-flash": {
            "enabled": True,
            "samplingRate": 0.01,
            "bigqueryDestination": {"outputUri": table.format("3_8_flash")},
        },
        "gemini-4-argon": {
            "enabled": True,
            "samplingRate": 0.01,
            "bigqueryDestination": {"outputUri": table.format("4_argon")},
        },
    }
    managed.preview_is_empty()

    since = managed.mark()
    managed.workspace.set("gemini-vertex:observability.requestLogging.samplingRate", "0.5")
    managed.up()
    assert {log["samplingRate"] for log in logs(managed).values()} == {0.5}
    assert managed.changes(since) == [SET_LOG, SET_LOG]

    managed.destroy()
    assert set(managed.state()) == {"aiplatform.publisherModelConfig"}, "Google has no call that removes one"
    assert not any(log.get("enabled") for log in logs(managed).values())


def logs(stack: Stack) -> Any:
    """The log of each model that has a configuration, by its id."""
    found = stack.state()["aiplatform.publisherModelConfig"]
    return {name.rpartition("/")[2]: config["loggingConfig"] for name, config in found.items()}


class Drawn(SystemTiming):
    """Chance that is the same in every run."""

    def __init__(self) -> None:
        self._random = random.Random(20261124)

    def random(self) -> float:
        """The next number."""
        return self._random.random()


def test_an_application_splits_2000_requests_as_the_stack_says(managed: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """95/5 within the 99.9 % confidence interval, by what the sandbox served; and the smoke test finds nothing."""
    managed.up()
    assert list(smoke_test(managed)) == ["answer", "stream", "routes"]
    outputs = managed.workspace.outputs()
    monkeypatch.setenv("SANDBOX_URL", managed.url)
    since = managed.mark()
    credentials = Credentials(token=token_for(outputs["serviceAccountEmail"]))
    with GeminiClient(read(outputs["routes"], "the routes"), credentials=credentials, timing=Drawn()) as application:
        for _ in range(2000):
            application.generate("2 + 2")

    served = Counter(
        "pro" if "gemini-4-argon" in call["path"] else "flash"
        for call in managed.calls(since)
        if call["method"].endswith("publishers.models.generateContent") and call["status"] == 200
    )
    assert sum(served.values()) == 2000
    assert abs(served["pro"] - 100) <= 3.29 * (2000 * 0.05 * 0.95) ** 0.5


def assert_hidden(stack: Stack, said: str) -> None:
    """The key is in no file of the stack, its state, its outputs or what Pulumi printed, in no encoding of it."""
    state_folder = Path(stack.cloud.env["PULUMI_BACKEND_URL"].removeprefix("file://"))
    files = [
        *state_folder.rglob("*"),
        *stack.workspace.folder.glob("Pulumi*.yaml"),
        *stack.workspace.folder.glob("k8s/*"),
    ]
    texts = {str(file): file.read_text(errors="replace") for file in files if file.is_file()}
    texts["exported"] = stack.workspace.pulumi("stack", "export")
    texts["outputs"] = json.dumps(stack.workspace.outputs())
    texts |= {"printed": said, "sandbox": json.dumps(stack.state()), "calls": json.dumps(stack.calls())}
    assert any("secretsprovider" in text.replace("_", "") for text in texts.values()), "the state was not looked at"
    for spelling in (KEY, base64.b64encode(KEY.encode()).decode()):
        assert [name for name, text in texts.items() if spelling in text] == []


@pytest.mark.parametrize("store", ["kubernetes", "secret-manager"])
def test_the_fallbacks_key_reaches_the_application_and_no_file(managed: Stack, store: str) -> None:
    """A Kubernetes Secret, or a secret that the application's account alone may read; encrypted in the state."""
    with arguments_seen() as arguments:
        managed.fall_back(store, KEY)
        said = managed.up()
    assert any("pulumi\0up" in line for line in arguments), "the update was not looked at"
    said += "\n".join(arguments)

    outputs = managed.workspace.outputs()
    if store == "kubernetes":
        assert outputs["routes"]["developerApi"] == {"model": "gemini-3.8-flash"}
        assert base64.b64decode(kubernetes(managed, SECRET)["data"]["apiKey"]).decode() == KEY
    else:
        name = outputs["routes"]["developerApi"]["keySecret"]
        assert payload(managed, name, outputs["serviceAccountEmail"]) == KEY
        assert payload(managed, name, "stranger@sandbox.example") == 403
    managed.preview_is_empty()
    assert "unchanged" in managed.workspace.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    said += managed.workspace.pulumi("preview", "--diff")
    assert_hidden(managed, said)

    managed.destroy()
    assert managed.state() == {}


def payload(stack: Stack, name: str, email: str) -> Any:
    """The secret as this service account reads it, or the status that it is refused with."""
    url = f"{stack.url}/hosts/secretmanager.googleapis.com/v1/{name}:access"
    answer = requests.get(url, headers={"Authorization": f"Bearer {token_for(email)}"}, timeout=30)
    return base64.b64decode(answer.json()["payload"]["data"]).decode() if answer.ok else answer.status_code


def test_a_key_in_plain_text_is_refused_without_showing_it(managed: Stack) -> None:
    """Preview says the command that encrypts it, and asks nothing of Google."""
    managed.workspace.set("gemini-vertex:fallback.model", "gemini-3.8-flash")
    managed.workspace.set("gemini-vertex:fallback.apiKey", KEY)
    since = managed.mark()

    said = refused_preview(managed)

    assert "gemini-vertex:fallback.apiKey: stands in the stack's file as plain text" in said
    assert "pulumi config set --secret --path gemini-vertex:fallback.apiKey" in said
    assert KEY not in said
    assert managed.calls(since) == []


def test_another_key_needs_no_new_pod(managed: Stack) -> None:
    """Secret Manager gets another version, the old one is destroyed, and the application's routes stay."""
    managed.fall_back("secret-manager", KEY)
    managed.up()
    before = managed.workspace.outputs()
    managed.set_secret("gemini-vertex:fallback.apiKey", "AIza-other")
    since = managed.mark()

    managed.up()

    versions = "secretmanager.projects.secrets."
    made, gone = (f"{versions}addVersion", f"{versions}versions.enable"), f"{versions}versions.destroy"
    assert managed.changes(since) == [*made, gone]
    after = managed.workspace.outputs()
    assert after["routes"] == before["routes"]
    name = after["routes"]["developerApi"]["keySecret"]
    assert payload(managed, name, after["serviceAccountEmail"]) == "AIza-other"


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        (f"{FLASH}.minReplicaCount", "2", "has no meaning on a managed model"),
        (f"{FLASH}.machineType", "n1-standard-4", "has no meaning on a managed model"),
        (f"{PRO}.model", "own-assistant", "serves only its own models without an endpoint"),
        (f"{PRO}.traffic", "6", "the percentages must add up to 100"),
    ],
)
def test_mistakes_are_named_at_preview(managed: Stack, key: str, value: str, says: str) -> None:
    """With the key, and before anything is asked of Google."""
    managed.workspace.set(key, value)
    said = refused_preview(managed)
    assert any(key.partition("[")[0] in line and says in line for line in said.splitlines())


def test_a_mixed_stack_has_one_route_to_its_endpoint(make_stack: Callable[..., Stack]) -> None:
    """Two own models share 20 % as they did, scaled to 100 behind the endpoint; Gemini itself takes 80 %."""
    mixed = make_stack("prod", profile="google")
    mixed.workspace.pulumi("config", "rm", "vertex-serving:allowBaseGemini")
    for model, name, share in ((FLASH, "gemma-3-4b", "15"), (PRO, "gemma-3-12b", "5")):
        mixed.workspace.set(f"{model}.model", name)
        mixed.workspace.set(f"{model}.traffic", share)
    for key, value in (("name", "gemini"), ("model", "gemini-3.8-flash"), ("traffic", "80"), ("serving", "managed")):
        mixed.workspace.set(f"gemini-vertex:models[2].{key}", value)
    mixed.up()

    outputs = mixed.workspace.outputs()
    endpoint, gemini = outputs["routes"]["routes"]
    assert (endpoint["weight"], gemini["weight"]) == (20, 80)
    assert (endpoint["fallbackOrder"], gemini["fallbackOrder"]) == (1, 2)
    assert (endpoint["host"], endpoint["api"]) == (outputs["endpointHost"], "predict")
    assert sorted(endpoint["models"].values()) == ["gemini-flash-primary", "gemini-pro-fallback"]
    assert outputs["trafficSplit"] == {"gemini-flash-primary": 75, "gemini-pro-fallback": 25}
    checks = smoke_test(mixed)
    assert {"answer", "stream", "routes", "traffic split", "replicas", "operations"} <= set(checks)
    assert "gemini: 4 in" in checks["answer"]["seen"]
    assert routes(mixed) == outputs["routes"]
    mixed.preview_is_empty()

    mixed.destroy()
    assert mixed.state() == {}
