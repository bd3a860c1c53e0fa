"""The policy pack on the real engine: this program's stacks pass, one that does what is forbidden does not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from policy.pack import RULES
from scripts import engine_events
from scripts.workspace import ROOT
from tests.engine.conftest import FLASH, Stack
from tests.engine.policies import pack, program

# One resource for each thing that must not be.
BAD = """
import pulumi
import pulumi_gcp as gcp
import pulumi_kubernetes as k8s

def other(kind, name, **properties):
    return pulumi.CustomResource(kind, name, properties)

account = gcp.serviceaccount.Account("account", account_id="gemini-inference-sa", project="p")
gcp.serviceaccount.Key("key", service_account_id=account.name)
gcp.projects.IAMBinding("binding", project="p", role="roles/aiplatform.user", members=["user:a@example.com"])
gcp.projects.IAMMember("owner", project="p", role="roles/owner", member="user:a@example.com")
endpoint = gcp.vertex.AiEndpoint("endpoint", display_name="e", location="us-central1", dedicated_endpoint_enabled=True)
first = other("vertex-serving:index:DeployedModel", "first", endpoint="e", displayName="first", deployedModelId="1",
              minReplicaCount=1, model="publishers/google/models/gemini-2.0-flash-001")
second = other("vertex-serving:index:DeployedModel", "second", endpoint="e", displayName="second", deployedModelId="2",
               minReplicaCount=1, model="publishers/google/models/gemini-live-2.5-flash-native-audio")
other("vertex-serving:index:TrafficSplit", "traffic", endpoint="e", targets={
    "first": {"deployedModelId": "1", "percent": 95}, "second": {"deployedModelId": "2", "percent": 5}})
pulumi.export("routes", {"version": 1, "routes": [
    {"name": "old", "serving": "managed", "model": "gemini-2.5-flash", "weight": 0}]})
dataset = gcp.bigquery.Dataset("dataset", dataset_id="d", labels={"environment": "prod"})
gcp.bigquery.DatasetIamMember("public", dataset_id=dataset.dataset_id, role="roles/x", member="allAuthenticatedUsers")
gcp.secretmanager.SecretVersion("kept", secret="s", secret_data=pulumi.Output.secret(
    '{"type": "service_account", "private_key": "x"}'))
k8s.core.v1.Secret("key-file", metadata={"name": "k"}, string_data={
    "key.json": '{"type": "service_account", "private_key": "x"}'})
"""

UNOBSERVED = ("observed-in-prod", "advisory", "")

FROM_A_KEY = """
import pulumi_gcp as gcp
gcp.serviceaccount.Key("key", service_account_id="a")
"""


def said(log: Path) -> set[tuple[str, str, str]]:
    return {(each.policy, each.level, each.resource) for each in engine_events.read(log).violations}


def test_a_stack_that_does_what_is_forbidden_is_refused_at_preview(tmp_path: Path) -> None:
    """Every rule speaks, of the resource that it is about, with its level; a stack not called dev counts as prod."""
    with program(tmp_path / "bad", BAD, "anything") as bad:
        status, report = bad.checked("preview")
    found = {(each.policy, each.level, each.resource) for each in report.violations}
    assert status != 0
    assert not report.finished
    assert found == {
        ("no-service-account-keys", "mandatory", "key"),
        ("no-service-account-keys", "mandatory", "key-file"),
        ("no-service-account-keys", "mandatory", "kept"),
        ("no-public-members", "mandatory", "public"),
        ("no-authoritative-iam", "mandatory", "binding"),
        ("no-primitive-roles", "mandatory", "owner"),
        ("no-public-endpoint-in-prod", "mandatory", "endpoint"),
        ("stable-models", "mandatory", "first"),
        ("stable-routes", "mandatory", ""),
        ("models-that-stay", "advisory", "second"),
        ("two-replicas-of-the-primary-in-prod", "mandatory", "first"),
        ("two-replicas-of-the-others-in-prod", "advisory", "second"),
        ("perimeter-in-prod", "mandatory", ""),
        ("observed-in-prod", "advisory", ""),
        ("labels", "advisory", "endpoint"),
        ("protected-in-prod", "advisory", "endpoint"),
        ("protected-in-prod", "advisory", "traffic"),
    }
    assert {each.policy for each in report.violations} == {rule.name for rule in RULES}


def test_an_update_without_a_preview_makes_nothing_that_is_forbidden(tmp_path: Path) -> None:
    """A mandatory rule about one resource stops that resource itself."""
    with program(tmp_path / "key", FROM_A_KEY, "prod") as key:
        status, report = key.checked("up", "--yes", "--skip-preview")
        assert key.provider.created == []
    assert status != 0
    assert ("no-service-account-keys", "mandatory") in {(each.policy, each.level) for each in report.violations}


def test_a_rule_is_excepted_by_a_file(tmp_path: Path) -> None:
    """As docs/policy.md says: another level, or none."""
    exceptions = tmp_path / "exceptions.json"
    exceptions.write_text('{"no-service-account-keys": "advisory", "perimeter-in-prod": "disabled"}')
    with program(tmp_path / "key", FROM_A_KEY, "prod") as key:
        status, report = key.checked("preview", "--policy-pack-config", str(exceptions))
    assert status == 0
    assert [(each.policy, each.level) for each in report.violations] == [("no-service-account-keys", "advisory")]


def test_the_environment_is_the_programs_own_setting(tmp_path: Path) -> None:
    """`gemini-vertex:environment` decides, whatever the stack is called."""
    source = "import pulumi_gcp as gcp\ngcp.vertex.AiEndpoint('e', display_name='e', location='us-central1')\n"
    with program(tmp_path / "called-prod", source, "prod", environment="dev") as dev:
        _, report = dev.checked("preview")
        assert {each.policy for each in report.violations} == {"labels"}
    with program(tmp_path / "called-dev", source, "dev", environment="prod") as prod:
        _, report = prod.checked("preview")
        assert {"no-public-endpoint-in-prod", "perimeter-in-prod"} <= {each.policy for each in report.violations}


@pytest.mark.parametrize(
    ("name", "notify", "wanted"),
    [
        ("prod", "", {UNOBSERVED, ("two-replicas-of-the-others-in-prod", "advisory", "gemini-pro-fallback")}),
        ("managed", "oncall@example.com", set()),
        ("dev", "", set()),
    ],
)
def test_this_programs_stacks_pass(
    make_stack: Callable[..., Stack], name: str, notify: str, wanted: set[tuple[str, str, str]]
) -> None:
    """The article's fallback may have one replica, and is named, as is that nobody is told; nothing else is said."""
    pack()
    stack = make_stack(name, protected=True)
    if notify:
        stack.workspace.set("gemini-vertex:observability.notify[0]", notify)
    stack.workspace.environment = {**stack.cloud.environ(), **engine_events.ASK_FOR_LOG}
    for command in (["preview"], ["up", "--yes", "--skip-preview"]):
        log = stack.workspace.folder / f"{command[0]}.jsonl"
        stack.workspace.pulumi(*command, "--policy-pack", "policy", "--event-log", str(log))
        assert said(log) == wanted
        assert engine_events.read(log).passed == {rule.name for rule in RULES} - {each[0] for each in wanted}


def test_one_replica_of_the_primary_is_refused(prod: Stack) -> None:
    """A change that leaves one machine for 95 % of the traffic does not get past the preview."""
    pack()
    prod.workspace.set(f"{FLASH}.minReplicaCount", "1")
    said = prod.workspace.pulumi("preview", "--policy-pack", "policy", check=False)
    assert "[mandatory]  two-replicas-of-the-primary-in-prod" in said
    assert "error: preview failed" in said


def test_the_day_is_the_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What retires within 90 days on one day is retired on another; what is no day stops the pack, in a sentence."""
    monkeypatch.setenv("GEMINI_TODAY", "2026-12-14")
    with program(tmp_path / "bad", BAD, "anything") as bad:
        _, report = bad.checked("preview")
        of_second = {each.policy for each in report.violations if each.resource == "second"}
        assert of_second == {"stable-models", "two-replicas-of-the-others-in-prod"}
        bad.environment["GEMINI_TODAY"] = "soon"
        done = bad.pulumi("preview", "--policy-pack", str(ROOT / "policy"))
    assert done.returncode != 0
    assert 'GEMINI_TODAY is "soon"' in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
