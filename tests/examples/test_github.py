"""examples/github: the federation of one repository, under mocks, and by the rules of the policy pack."""

import datetime as dt
import json
import runpy
from typing import Any

import pulumi
import pytest

import permissions
from policy.pack import RULES
from policy.rule import Context, Resource
from scripts.workspace import ROOT
from tests.unit.recorder import Recorder, record

CONFIG = {
    "gcp:project": "acme",
    "gemini-vertex:repository": "acme/serving",
    "gemini-vertex:projects": json.dumps(["acme-dev", "acme-prod"]),
    "gemini-vertex:organization": "987654321098",
}


@pytest.fixture
def made() -> Recorder:
    """Everything that the program registers; the mocks' project name stands for its own."""

    def program() -> None:
        pulumi.runtime.set_all_config(CONFIG)
        runpy.run_path(str(ROOT / "examples/github/__main__.py"), run_name="__main__")

    return record(program)


def grants(made: Recorder, token: str) -> list[dict[str, Any]]:
    return [dict(each.inputs) for each in made.of(token)]


def test_only_this_repositorys_tokens_are_taken(made: Recorder) -> None:
    """GitHub's issuer serves the whole world."""
    provider = made.one(":WorkloadIdentityPoolProvider").inputs
    assert provider["attributeCondition"] == "assertion.repository == 'acme/serving'"
    assert provider["oidc"] == {"issuerUri": "https://token.actions.githubusercontent.com"}
    assert provider["attributeMapping"]["google.subject"] == "assertion.sub"


def test_the_deployer_is_for_approved_jobs_and_the_reader_for_all(made: Recorder) -> None:
    """A pull request's job cannot become the deployer."""
    members = sorted(each["member"] for each in grants(made, "serviceaccount/iAMMember:IAMMember"))
    assert [member.split("://")[0] for member in members] == ["principal", "principal", "principalSet"]
    assert members[2].endswith("/attribute.repository/acme/serving")
    assert [member.rpartition("/subject/")[2] for member in members[:2]] == [
        "repo:acme/serving:environment:dev",
        "repo:acme/serving:environment:prod",
    ]
    assert all(
        "iam.workloadIdentityUser" in each["role"] for each in grants(made, "serviceaccount/iAMMember:IAMMember")
    )


def test_the_reader_changes_nothing_but_the_states_lock(made: Recorder) -> None:
    """Viewers everywhere; both accounts in each project of the stacks."""
    roles: dict[str, set[str]] = {"reader": set(), "deployer": set()}
    for each in made.of("projects/iAMMember:IAMMember"):
        roles["reader" if "reader" in each.name else "deployer"].add(each.inputs["role"])
        assert each.inputs["project"] in ("acme-dev", "acme-prod")
    assert all(role.endswith(("iewer", "Reviewer")) for role in roles["reader"])
    assert len(roles["deployer"]) == 2, "its own role in each project, and no other"
    assert not any(role.startswith("roles/") for role in roles["deployer"])
    [state] = {each["role"] for each in grants(made, ":BucketIAMMember")}
    assert state == "roles/storage.objectUser"
    assert {each["role"] for each in grants(made, "organizations/iAMMember:IAMMember")} == {
        "roles/accesscontextmanager.policyReader",
        "organizations/987654321098/roles/githubPerimeterDeployer",
    }


def test_the_deployers_roles_are_those_of_the_table(made: Recorder) -> None:
    """In each project, and above them."""
    roles = made.of("projects/iAMCustomRole:IAMCustomRole")
    assert [role.inputs["project"] for role in roles] == ["acme-dev", "acme-prod"]
    assert all(role.inputs["permissions"] == list(permissions.PROJECT) for role in roles)
    above = made.one("organizations/iAMCustomRole:IAMCustomRole").inputs
    assert above["permissions"] == list(permissions.ORGANIZATION)


def test_it_keeps_the_policy_packs_rules(made: Recorder) -> None:
    """No key, no primitive role, nothing authoritative."""
    resources = [Resource(each.typ, each.name, each.name, each.inputs) for each in made.resources]
    context = Context("dev", dt.date(2026, 11, 24))
    assert [violation for rule in RULES for violation in rule.check(resources, context)] == []


def test_the_outputs_are_what_the_workflows_read(made: Recorder) -> None:
    """Four variables."""
    assert set(made.outputs) == {"WORKLOAD_IDENTITY_PROVIDER", "READER", "DEPLOYER", "PULUMI_BACKEND_URL"}
    assert made.outputs["PULUMI_BACKEND_URL"] == "gs://acme-pulumi-state"
