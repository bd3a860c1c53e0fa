"""gemini_client/README.md: its programs run as they stand, in the environment that it asks for."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.testing import SandboxHandle, running_sandbox
from scripts.workspace import ROOT
from tests.docs.blocks import blocks
from tests.sandbox.vertex import Vertex


@pytest.fixture
def cloud() -> Iterator[SandboxHandle]:
    """A sandbox with an endpoint that a model answers on."""
    with running_sandbox() as running:
        running.enable("aiplatform")
        vertex = Vertex(running)
        vertex.deploy(vertex.create("77"), "5", {"0": 100})
        yield running


def runs(program: str, cloud: SandboxHandle, folder: Path) -> str:
    """What a program prints that knows only the variables of the article."""
    article = {"GCP_PROJECT_ID": cloud.project, "GCP_REGION": "us-central1", "VERTEX_ENDPOINT_ID": "77"}
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = {**kept, **cloud.env, **article, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_programs_run(cloud: SandboxHandle, tmp_path: Path) -> None:
    """The first prints an answer; the second checks, and has the options that it sets."""
    stream, tuned = blocks("README.md", "python", "gemini_client")
    assert runs(stream, cloud, tmp_path).strip()
    shown = "print(client.state()['routes'][0]['name'], options.retry.attempts); client.close()"
    assert runs(f"{tuned}\n{shown}", cloud, tmp_path) == "vertex-endpoint 3\n"
