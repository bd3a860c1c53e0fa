"""The smoke test fails when something does not hold, and says what."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sandbox.testing import SandboxHandle, running_sandbox
from scripts import serving, smoke_target, smoke_test
from scripts.serving import Answer

REGION = "us-central1"
MACHINES = {"machineSpec": {"machineType": "n1-standard-4"}, "minReplicaCount": 1, "maxReplicaCount": 3}


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxHandle]:
    """A sandbox with Vertex AI enabled, whose environment this process has."""
    with running_sandbox(enabled=("aiplatform",), deploy_seconds=0) as handle:
        for name, value in handle.env.items():
            monkeypatch.setenv(name, value)
        serving.credentials.cache_clear()
        yield handle
        serving.credentials.cache_clear()


def ask(cloud: SandboxHandle, path: str, body: dict[str, Any], **query: str) -> None:
    """POST to Vertex AI in the sandbox."""
    url = cloud.api("aiplatform", f"v1/projects/{cloud.project}/locations/{REGION}/{path}")
    requests.post(url, json=body, params=query, headers=cloud.headers, timeout=30).raise_for_status()


@pytest.fixture
def endpoint(cloud: SandboxHandle) -> str:
    """A shared endpoint with two open models, 90/10."""
    ask(cloud, "endpoints", {"displayName": "tested"}, endpointId="77")
    for id_, name, split in (("1", "big", {"0": 100}), ("2", "small", {"1": 90, "0": 10})):
        model = f"projects/{cloud.project}/locations/{REGION}/models/gemma-3-4b"
        deployed = {"id": id_, "model": model, "displayName": name, "dedicatedResources": MACHINES}
        ask(cloud, "endpoints/77:deployModel", {"deployedModel": deployed, "trafficSplit": split})
    return "77"


def run(capsys: pytest.CaptureFixture[str], cloud: SandboxHandle, *flags: str, endpoint_id: str = "77") -> Any:
    """The status and the JSON of a run on the sandbox's endpoint."""
    status = smoke_test.main(["--json", "--project", cloud.project, "--endpoint-id", endpoint_id, *flags])
    return status, json.loads(capsys.readouterr().out)


def sentences(report: Any) -> dict[str, str]:
    """What to do, by the name of each check that does not hold."""
    return {check["name"]: check["todo"] for check in report["checks"] if not check["ok"]}


def test_a_healthy_endpoint_passes(cloud: SandboxHandle, endpoint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every check holds: answer, stream, split, replicas and operations."""
    status, report = run(capsys, cloud, "--expect", "big=90", "--expect", "small=10")

    assert status == 0
    assert [check["name"] for check in report["checks"]] == [
        "answer",
        "stream",
        "traffic split",
        "replicas",
        "operations",
    ]


def test_another_split_fails(cloud: SandboxHandle, endpoint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence has the configured split and how to put it back."""
    status, report = run(capsys, cloud, "--expect", "big=50", "--expect", "small=50")

    assert status == 1
    assert list(sentences(report)) == ["traffic split"]
    assert "big 50 %, small 50 %" in sentences(report)["traffic split"]


def test_a_missing_endpoint_is_one_sentence(cloud: SandboxHandle, capsys: pytest.CaptureFixture[str]) -> None:
    """Google's 404, and the question that usually answers it."""
    status, report = run(capsys, cloud, endpoint_id="404")

    assert status == 1
    assert "404" in sentences(report)["endpoint"]
    assert "project and region" in sentences(report)["endpoint"]


def test_an_endpoint_without_models_fails(cloud: SandboxHandle, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to ask."""
    ask(cloud, "endpoints", {"displayName": "empty"}, endpointId="78")
    status, report = run(capsys, cloud, endpoint_id="78")

    assert status == 1
    assert "No model is deployed" in sentences(report)["endpoint"]


def test_bad_credentials_say_how_to_sign_in(
    cloud: SandboxHandle, endpoint: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 401 names the command, and never shows the token."""
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "not-a-token")
    status, report = run(capsys, cloud)

    assert status == 1
    assert "gcloud auth application-default login" in json.dumps(report)
    assert "not-a-token" not in json.dumps(report)


def test_a_sandbox_that_is_gone_is_one_sentence(
    cloud: SandboxHandle, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused connection is no traceback."""
    monkeypatch.setenv("SANDBOX_URL", "http://127.0.0.1:1")
    status, report = run(capsys, cloud)

    assert status == 1
    assert "cannot be reached" in sentences(report)["endpoint"]


@pytest.mark.parametrize(
    "flags",
    [["--project", "p"], ["--endpoint-id", "1"], ["--expect", "big"], ["--expect", "=3"], ["--expect", "big=x"]],
)
def test_wrong_flags_end_with_two(flags: list[str]) -> None:
    """Half an endpoint, or a split that is none."""
    with pytest.raises(SystemExit) as ended:
        smoke_test.main(flags)
    assert ended.value.code == 2


def test_a_stack_that_is_half_up_says_so() -> None:
    """Outputs that are missing mean an `up` that did not end."""
    with pytest.raises(serving.SmokeError, match=r"Run `pulumi up` again"):
        smoke_target.from_outputs({"endpointId": "77"})


class Says:
    """A caller that gives prepared answers."""

    def __init__(self, text: str = "4", seconds: float = 0.1, chunks: tuple[str, ...] = ("a", "b")) -> None:
        self.answer, self.chunks = Answer(text, seconds, "model"), chunks

    def ask(self, prompt: str) -> Answer:
        """The prepared answer."""
        return self.answer

    def stream(self, prompt: str) -> Iterator[str]:
        """The prepared chunks."""
        yield from self.chunks


@pytest.mark.parametrize(
    ("text", "seconds", "holds"),
    [("4", 0.1, True), (" 4.\n", 0.1, True), ("5", 0.1, False), ("It is 4", 0.1, False), ("4", 2.5, False)],
)
def test_the_answer_must_be_4_and_in_time(text: str, seconds: float, holds: bool) -> None:
    """Wrong words fail, and so does more than two seconds."""
    check = smoke_test.check_answer(Says(text, seconds))
    assert check.ok is holds
    assert bool(check.todo) is not holds


def test_one_chunk_is_no_stream() -> None:
    """Something between buffers."""
    assert not smoke_test.check_stream(Says(chunks=("all at once",))).ok
    assert smoke_test.check_stream(Says()).ok


@pytest.mark.parametrize(("now", "holds"), [(0, False), (1, False), (2, True), (9, True)])
def test_replicas_must_reach_their_minimum(now: int, holds: bool) -> None:
    """Fewer than the minimum is not served as configured."""
    bounds = {"minReplicaCount": 2, "maxReplicaCount": 20}
    model = {"id": "1", "displayName": "big", "dedicatedResources": bounds, "status": {"availableReplicaCount": now}}
    check = smoke_test.check_replicas({"deployedModels": [model]})
    assert check.ok is holds
    assert f"big {now} of 2–20" in check.seen


def test_a_running_operation_is_not_settled() -> None:
    """A deployment that still runs is named with its stage."""
    metadata = {"@type": "x/google.cloud.aiplatform.v1.DeployModelOperationMetadata", "deploymentStage": "FINISHING_UP"}
    check = smoke_test.check_operations([{"name": "1", "metadata": metadata}, {"name": "2", "done": True}])
    assert not check.ok
    assert "DeployModel running (finishing up)" in check.seen
