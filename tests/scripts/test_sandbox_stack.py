"""Stack files as a sandbox can take them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from sandbox.testing import SandboxHandle, running_sandbox
from scripts import sandbox_stack
from scripts.workspace import ROOT

REAL = {
    "secretsprovider": "gcpkms://projects/p/locations/global/keyRings/r/cryptoKeys/k",
    "encryptedkey": "abc",
    "config": {
        "gcp:project": "acme-prod",
        "gemini-vertex:models": [
            {"name": "a", "model": "1234567890", "machineType": "n1-standard-4"},
            {
                "name": "b",
                "model": "projects/acme-prod/locations/us-central1/models/mine@2",
                "machineType": "g2-standard-8",
            },
            {"name": "c", "model": "tuned-one"},
            {"name": "d", "model": "gemini-3.8-flash", "machineType": "n1-standard-4"},
            {"name": "e", "model": "publishers/google/models/gemini-4-argon", "machineType": "n1-standard-4"},
        ],
        "gemini-vertex:kubernetes": {"context": "gke_acme", "kubeconfig": "/home/me/config"},
        "gemini-vertex:perimeter": {"mode": "dry-run", "accessPolicy": 42},
        "gemini-vertex:labels": {"environment": "prod", "token": {"secure": "v1:abc:def"}},
        "vertex-serving:customEndpoint": "https://elsewhere.example/v1/",
    },
}


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxHandle]:
    with running_sandbox(project="acme-prod", deploy_seconds=0) as running:
        for name in ("SANDBOX_URL", "GOOGLE_OAUTH_ACCESS_TOKEN"):
            monkeypatch.setenv(name, running.env[name])
        yield running


def test_what_exists_only_at_google_is_replaced() -> None:
    """No secret, no key of a secrets provider, no real cluster, no policy number, no other address."""
    made = sandbox_stack.for_sandbox(REAL)
    assert set(made) == {"config"}
    config = made["config"]
    assert config["gemini-vertex:labels"]["token"] == sandbox_stack.PLACEHOLDER
    assert config["gemini-vertex:kubernetes"] == {"context": "sandbox", "createNamespace": True}
    assert config["gemini-vertex:perimeter"] == {"mode": "dry-run"}
    assert config["vertex-serving:allowBaseGemini"] == "true"
    assert "vertex-serving:customEndpoint" not in config
    assert config["gemini-vertex:models"] == REAL["config"]["gemini-vertex:models"]  # type: ignore[index]


def test_own_models_are_found_by_number_id_or_name() -> None:
    """Google's own are not; one without a machine is a tuned one."""
    assert sandbox_stack.own_models(REAL) == {"1234567890": False, "mine": False, "tuned-one": True}
    assert sandbox_stack.own_models({}) == {}


def test_own_models_are_there_once_seeded(cloud: SandboxHandle) -> None:
    """Also those that Google numbered, and again without harm."""
    for _ in range(2):
        sandbox_stack.seed_models(sandbox_stack.own_models(REAL), "acme-prod", "us-central1")
    parent = cloud.api("aiplatform", "v1/projects/acme-prod/locations/us-central1/models")
    for model, kinds in (("1234567890", ["DEDICATED_RESOURCES"]), ("tuned-one", [])):
        found = requests.get(f"{parent}/{model}", headers=cloud.headers, timeout=30).json()
        assert found["displayName"] == model
        assert found.get("supportedDeploymentResourcesTypes") == kinds


def test_a_stack_file_is_written_over_a_link_and_not_through_it(tmp_path: Path) -> None:
    """A workspace links the repository's files."""
    original = tmp_path / "original.yaml"
    original.write_text("config: {}\n")
    (tmp_path / "Pulumi.other.yaml").symlink_to(original)
    sandbox_stack.write({"config": {"a:b": "c"}}, tmp_path, "other")
    assert original.read_text() == "config: {}\n"
    assert sandbox_stack.read(tmp_path / "Pulumi.other.yaml") == {"config": {"a:b": "c"}}
    assert sandbox_stack.read(tmp_path / "Pulumi.none.yaml") == {}


def test_the_project_is_the_stacks_own() -> None:
    """Else the sandbox's."""
    assert sandbox_stack.project(REAL) == "acme-prod"
    assert sandbox_stack.project(sandbox_stack.read(ROOT / "Pulumi.prod.yaml")) == "sandbox-project"
