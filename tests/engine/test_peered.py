"""The article's own way to be private, a peered network: one model, which gets all the traffic."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from google.oauth2.credentials import Credentials

from gemini_client import GeminiClient
from gemini_client.routes import read
from sandbox.identity import token_for
from scripts.workspace import ROOT
from tests.engine.conftest import DEPLOY, FLASH, PATCH, PRO, UNDEPLOY, Stack


def test_a_peered_endpoint_holds_one_model_and_no_split(
    make_stack: Callable[..., Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes up, passes the smoke test, answers an application, changes its machine by going first, and goes."""
    prod = make_stack("prod")
    prod.workspace.set("gemini-vertex:endpoint.connectivity", "peered-network")
    prod.workspace.set(f"{FLASH}.traffic", "100")
    prod.workspace.set(f"{FLASH}.model", "gemma-3-4b")
    prod.workspace.pulumi("config", "rm", "--path", PRO)

    prod.up()

    assert prod.endpoint()["network"] == "projects/123456789012/global/networks/default"
    assert "trafficSplit" not in prod.endpoint()
    assert prod.workspace.outputs()["trafficSplit"] == {"gemini-flash-primary": 100}
    smoke = subprocess.run(
        [sys.executable, str(ROOT / "scripts/smoke_test.py"), "--stack", "prod", "--json"],
        check=False,
        cwd=prod.workspace.folder,
        env=prod.cloud.environ(),
        capture_output=True,
        text=True,
    )
    assert json.loads(smoke.stdout)["ok"], smoke.stdout
    outputs = prod.workspace.outputs()
    monkeypatch.setenv("SANDBOX_URL", prod.url)
    credentials = Credentials(token=token_for(outputs["serviceAccountEmail"]))
    with GeminiClient(read(outputs["routes"], "the routes"), credentials=credentials) as application:
        assert application.generate("2 + 2").deployed_model == "gemini-flash-primary"
    prod.preview_is_empty()

    since = prod.mark()
    prod.workspace.set(f"{FLASH}.machineType", "n1-standard-8")
    prod.up()
    assert [method for method in prod.changes(since) if method in (DEPLOY, PATCH, UNDEPLOY)] == [UNDEPLOY, DEPLOY]

    prod.destroy()
    assert prod.state() == {}
