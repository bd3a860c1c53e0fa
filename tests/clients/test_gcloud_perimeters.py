"""gcloud's `access-context-manager`, the real program: policies, perimeters, dry runs and their enforcement."""

import pytest

from sandbox.core import ORGANIZATION, PROJECT_NUMBER
from sandbox.testing import SandboxHandle
from tests.clients.tools import Tool

NAME = "gemini_prod_perimeter"
PERIMETERS = "access-context-manager perimeters"
CONFIG = {"resources": [f"projects/{PROJECT_NUMBER}"], "restrictedServices": ["aiplatform.googleapis.com"]}


@pytest.fixture
def gcloud(slow: SandboxHandle) -> Tool:
    return Tool("gcloud", slow)


@pytest.fixture
def policy(gcloud: Tool) -> str:
    """The number of a new access policy, found as the article finds it."""
    gcloud(f"access-context-manager policies create --organization={ORGANIZATION} --title=prod-access-policy")
    return gcloud(f"access-context-manager policies list --organization={ORGANIZATION} --format=value(name)").strip()


def dry_run(gcloud: Tool, policy: str) -> None:
    """The article's perimeter as a dry run."""
    gcloud(
        f"{PERIMETERS} dry-run create {NAME} --policy={policy} --perimeter-title=Gemini --perimeter-type=regular"
        f" --perimeter-resources=projects/{PROJECT_NUMBER}"
        " --perimeter-restricted-services=aiplatform.googleapis.com"
    )


def test_a_dry_run_is_made_changed_and_enforced(gcloud: Tool, policy: str) -> None:
    dry_run(gcloud, policy)
    made = gcloud.json(f"{PERIMETERS} describe {NAME} --policy={policy}")
    assert (made["spec"], made["useExplicitDryRunSpec"], made.get("status")) == (CONFIG, True, None)
    gcloud(f"{PERIMETERS} dry-run update {NAME} --policy={policy} --add-restricted-services=storage.googleapis.com")
    shown = gcloud(f"{PERIMETERS} dry-run describe {NAME} --policy={policy}")
    assert "storage.googleapis.com" in shown
    gcloud(f"{PERIMETERS} dry-run enforce {NAME} --policy={policy}")
    enforced = gcloud.json(f"{PERIMETERS} describe {NAME} --policy={policy}")
    assert sorted(enforced["status"]["restrictedServices"]) == ["aiplatform.googleapis.com", "storage.googleapis.com"]
    assert not enforced.get("useExplicitDryRunSpec")


def test_all_dry_runs_of_a_policy_are_enforced_at_once(gcloud: Tool, policy: str) -> None:
    dry_run(gcloud, policy)
    gcloud(f"{PERIMETERS} dry-run enforce-all --policy={policy}")
    assert gcloud.json(f"{PERIMETERS} describe {NAME} --policy={policy}")["status"] == CONFIG


def test_a_dry_run_is_dropped(gcloud: Tool, policy: str) -> None:
    dry_run(gcloud, policy)
    assert gcloud(f"{PERIMETERS} dry-run list --policy={policy} --format=value(name)").strip().endswith(NAME)
    gcloud(f"{PERIMETERS} dry-run drop {NAME} --policy={policy}")
    assert "spec" not in gcloud.json(f"{PERIMETERS} describe {NAME} --policy={policy}")


def test_an_enforced_perimeter_is_made_changed_and_deleted(gcloud: Tool, policy: str) -> None:
    gcloud(
        f"{PERIMETERS} create {NAME} --policy={policy} --title=Gemini --resources=projects/{PROJECT_NUMBER}"
        " --restricted-services=aiplatform.googleapis.com --access-levels="
    )
    gcloud(f"{PERIMETERS} update {NAME} --policy={policy} --title=Renamed")
    (listed,) = gcloud.json(f"{PERIMETERS} list --policy={policy}")
    assert (listed["title"], listed["status"]) == ("Renamed", CONFIG)
    gcloud(f"{PERIMETERS} delete {NAME} --policy={policy}")
    assert gcloud.json(f"{PERIMETERS} list --policy={policy}") == []


def test_a_policy_is_described_renamed_and_deleted(gcloud: Tool, policy: str) -> None:
    gcloud(f"access-context-manager policies update {policy} --title=renamed")
    assert gcloud.json(f"access-context-manager policies describe {policy}")["title"] == "renamed"
    gcloud(f"access-context-manager policies delete {policy}")
    assert gcloud.json(f"access-context-manager policies list --organization={ORGANIZATION}") == []
