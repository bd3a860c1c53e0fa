"""Nothing a user has is lost: killed, interrupted and failed runs are picked up by the next `up`."""

import signal
from collections.abc import Callable

import pytest

from scripts.workspace import PulumiError
from tests.engine.conftest import DEPLOY, FLASH, Stack, end


def test_killed_while_deploying(make_stack: Callable[..., Stack]) -> None:
    """SIGKILL while both models deploy: the next `up` joins what runs, and no model is deployed twice."""
    prod = make_stack("prod", deploy_seconds=6)
    process = prod.start("up", "--yes", "--skip-preview")
    prod.when(lambda: prod.changes().count(DEPLOY) == 2, "both deployments starting")
    end(process, signal.SIGKILL)
    # the state file of a killed run stays locked until its owner says that it is dead
    prod.workspace.pulumi("cancel", "--yes")

    prod.up()

    assert sorted(prod.deployed()) == ["gemini-flash-primary", "gemini-pro-fallback"]
    assert prod.changes().count(DEPLOY) == 2
    prod.preview_is_empty()


def test_interrupted_while_deploying(make_stack: Callable[..., Stack]) -> None:
    """Ctrl-C while both models deploy ends soon with a sentence, and the next `up` goes on."""
    prod = make_stack("prod", deploy_seconds=20)
    process = prod.start("up", "--yes", "--skip-preview")
    prod.when(lambda: prod.changes().count(DEPLOY) == 2, "both deployments starting")
    said = end(process, signal.SIGINT)
    assert process.returncode != 0
    assert "Traceback" not in said
    prod.settings(deploySeconds=0.3)

    prod.up()

    assert sorted(prod.deployed()) == ["gemini-flash-primary", "gemini-pro-fallback"]
    assert prod.changes().count(DEPLOY) == 2
    prod.preview_is_empty()


def test_quota_refused_then_raised(make_stack: Callable[..., Stack]) -> None:
    """A refused quota says which and where; what is up stays, and `up` after the increase ends the work."""
    prod = make_stack("prod", deploy_seconds=0.3)
    prod.workspace.set(f"{FLASH}.minReplicaCount", "20")
    prod.settings(servingQuota={"us-central1": {"custom_model_serving_cpus": 40}})

    with pytest.raises(PulumiError) as refused:
        prod.up()
    assert "custom_model_serving" in refused.value.output
    assert "us-central1" in refused.value.output
    assert "Traceback" not in refused.value.output
    prod.settings(servingQuota={})

    prod.up()

    assert sorted(prod.deployed()) == ["gemini-flash-primary", "gemini-pro-fallback"]
    prod.preview_is_empty()
