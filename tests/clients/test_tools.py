"""A tool that is not there is missed by its name."""

from pathlib import Path

import pytest

from sandbox.testing import SandboxHandle
from tests.clients.tools import Tool


def test_a_missing_tool_skips_the_test_by_its_name(
    sandbox: SandboxHandle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match="gcloud is not installed"):
        Tool("gcloud", sandbox)
