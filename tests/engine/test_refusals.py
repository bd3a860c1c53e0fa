"""What must not happen is refused at preview, in sentences."""

import pytest

from scripts.workspace import PulumiError
from tests.engine.conftest import FLASH, PRO, Stack


def refused_preview(stack: Stack) -> str:
    """What a preview that must fail prints."""
    with pytest.raises(PulumiError) as refused:
        stack.workspace.pulumi("preview")
    assert "Traceback" not in refused.value.output
    return refused.value.output


def test_every_mistake_has_its_line(prod: Stack) -> None:
    """Five mistakes in the config give five lines with their keys, and nothing is asked of Google."""
    prod.workspace.set(f"{FLASH}.traffic", "90")
    prod.workspace.set(f"{FLASH}.minReplicaCount", "0")
    prod.workspace.set(f"{PRO}.machineType", "n1-standard")
    prod.workspace.set("gemini-vertex:endpoint.connectivity", "public")
    prod.workspace.set("gemini-vertex:modles", "x")
    since = prod.mark()

    said = refused_preview(prod)

    for key in (
        "gemini-vertex:models",
        "gemini-vertex:models[0].minReplicaCount",
        "gemini-vertex:models[1].machineType",
        "gemini-vertex:endpoint.connectivity",
        "gemini-vertex:modles",
    ):
        assert any(key in line for line in said.splitlines()), key
    assert prod.calls(since) == []


def test_base_gemini_needs_its_word(prod: Stack) -> None:
    """Without allowBaseGemini a preview refuses base Gemini on an endpoint and names the ways out."""
    prod.workspace.pulumi("config", "rm", "vertex-serving:allowBaseGemini")

    said = refused_preview(prod)

    assert "serving: managed" in said
    assert "Model Garden" in said


def test_enforcing_needs_a_dry_run_first(prod: Stack) -> None:
    """A perimeter is enforced only after a dry-run of the same is in the state."""
    prod.workspace.set("gemini-vertex:perimeter.mode", "enforced")
    assert "dry-run" in refused_preview(prod)

    prod.workspace.set("gemini-vertex:perimeter.mode", "dry-run")
    prod.up()
    prod.workspace.set("gemini-vertex:perimeter.mode", "enforced")
    prod.up()

    assert prod.workspace.outputs()["perimeterMode"] == "enforced"
    prod.preview_is_empty()
