"""docs/preflight.md, typed from top to bottom."""

import json
import shutil
from collections.abc import Callable

import pytest

from tests.docs.blocks import Reader, blocks
from tests.engine.conftest import Stack
from tests.preflight.conftest import APIS

TABLE = {"YOUR_PROJECT_ID": "sandbox-project"}


def test_every_command_does_what_the_page_says(make_stack: Callable[..., Stack]) -> None:
    """Looking, for people and for machines; saying what is expected; asking for quota, twice."""
    if not shutil.which("gcloud"):
        pytest.skip("gcloud is not installed")
    prod = make_stack("prod")
    prod.cloud.enable(*APIS)
    reader = Reader(prod.workspace.folder, prod.cloud.environ(COLUMNS="200"), TABLE)

    look, expected, ask = blocks("preflight.md")
    table, document = reader.types(look).rsplit("\n{", 1)
    assert "Preflight of stack prod" in table
    assert json.loads("{" + document)["ok"]
    reader.types(expected)
    prod.cloud.set(servingQuota={"us-central1": {"custom_model_serving_cpus": 42}}, operationSeconds=0)
    enable, first, again = ask.splitlines()
    reader.types(enable)
    # the quota is too small, so preflight itself says no until it is granted
    said = reader.types(f"{first.partition('#')[0]}|| test $? = 1", "y\n")
    assert "CustomModelServingCPUsPerProjectPerRegion in us-central1: 42 -> 120" in said
    assert "CustomModelServingCPUsPerProjectPerRegion: granted: 120" in said
    assert "No quota that could be compared is too small." in reader.types(again)
