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
    "gemini-vertex:repositoryId": "260064828",
    "gemini-vertex:ownerId": "1342004",
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
    """GitHub's issuer serves the whole world; the numbers stay with the repository, the names do not."""
    provider = made.one(":WorkloadIdentityPoolProvider").inputs
    assert provider["attributeCondition"] == (
        "assertion.repository_id == '260064828' && assertion.repository_owner_id == '1342004'"
    )
    assert provider["oidc"] == {"issuerUri": "https://token.actions.githubusercontent.com"}
    assert provider["attributeMapping"]["google.subject"] == "assertion.sub"


def test_the_deployer_is_for_approved_jobs_and_the_reader_for_all(made: Recorder) -> None:
    """A pull request's job cannot become the deployer."""
    members = sorted(each["member"] for each in grants(made, "serviceaccount/iAMMember:IAMMember"))
    assert [member.split("://")[0] for member in members] == ["principal", "principal", "principalSet"]
    assert members[2].endswith("/attribute.repository_id/260064828")
    assert [member.rpartition("/subject/")[2] for member in members[:2]] == [
        "repo:acme/serving:environment:dev",
        "repo:acme/serving:environment:prod",
    ]
    assert all(
        "iam.workloadIdentityUser" in each["role"] for each in grants(made, "serviceaccount/iAMMember:IAMMember")
    )


def test_the_reader_changes_nothing_but_the_states_lock(made: Recorder) -> None:
    """One role of one's own for each account in each project; of the bucket the reader writes the locks alone."""
    roles = {
        (each.name, each.inputs["project"]): each.inputs["role"] for each in made.of("projects/iAMMember:IAMMember")
    }
    assert roles == {
        (f"github-{account}-{target}", target): f"projects/{target}/roles/github{account.title()}"
        for account in ("reader", "deployer")
        for target in ("acme-dev", "acme-prod")
    }
    of_bucket = {each.name: dict(each.inputs) for each in made.of(":BucketIAMMember")}
    assert {name: each["role"].rpartition(".")[2] for name, each in of_bucket.items()} == {
        "github-reader-state": "objectViewer",
        "github-reader-locks": "objectUser",
        "github-deployer-state": "objectUser",
    }
    conditions = {name: each["condition"]["expression"] for name, each in of_bucket.items() if "condition" in each}
    locks = 'resource.name.startsWith("projects/_/buckets/acme-pulumi-state/objects/.pulumi/locks/")'
    assert conditions == {"github-reader-locks": locks}
    assert {each["role"] for each in grants(made, "organizations/iAMMember:IAMMember")} == {
        "roles/accesscontextmanager.policyReader",
        "organizations/987654321098/roles/githubPerimeterDeployer",
    }


def test_the_roles_are_those_of_the_table(made: Recorder) -> None:
    """In each project, all of them and those that read; and above them."""
    deploying = list(permissions.PROJECT)
    reading = [name for name in deploying if permissions.reads(name) and name not in permissions.PREFLIGHT]
    roles = {each.name: each.inputs for each in made.of("projects/iAMCustomRole:IAMCustomRole")}
    assert {name: (each["project"], each["permissions"]) for name, each in roles.items()} == {
        f"github-{account}-{target}": (target, held)
        for account, held in (("reader", reading), ("deployer", deploying))
        for target in ("acme-dev", "acme-prod")
    }
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
