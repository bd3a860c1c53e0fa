"""scripts/deployer_role.py: the role of a stack is what its configuration takes, and nothing else."""

from typing import Any

import pytest
import yaml

import permissions
from preflight.access import needed_permissions
from scripts import deployer_role
from scripts.workspace import ROOT
from tests.unit.configurations import managed, prod, read

READING = [name for name in permissions.PROJECT if permissions.reads(name) and name not in permissions.PREFLIGHT]
CLUSTER = {"context": "c", "createNamespace": True}
DRY_RUN = {"mode": "dry-run"}


def role_of(text: str) -> dict[str, Any]:
    """The role as gcloud reads it."""
    read_back: dict[str, Any] = yaml.safe_load(text)
    assert set(read_back) == {"title", "description", "stage", "includedPermissions"}
    return read_back


def test_the_examples_are_the_table_and_what_the_script_prints() -> None:
    """What is granted, what preflight asks for and what errors advise is one list."""
    settings = read(prod(kubernetes=CLUSTER, perimeter=DRY_RUN))
    for file, printed, table in (
        ("deployer-role.yaml", deployer_role.project_role(settings, "prod"), permissions.PROJECT),
        (
            "reader-role.yaml",
            deployer_role.reader_role(settings, "prod"),
            READING,
        ),
        ("deployer-organization-role.yaml", deployer_role.perimeter_role(settings, "prod"), permissions.ORGANIZATION),
    ):
        assert (ROOT / "examples" / file).read_text(encoding="utf-8") == printed
        assert role_of(printed)["includedPermissions"] == list(table)


@pytest.mark.parametrize(
    ("config", "has", "has_not"),
    [
        (prod(), permissions.ENDPOINT, permissions.KUBERNETES),
        (managed(), permissions.CUSTOM_ROLE, permissions.ENDPOINT),
        (prod(kubernetes={"context": "c"}), permissions.KUBERNETES, permissions.NAMESPACE),
        (prod(observability={}), permissions.MONITORING, permissions.REQUEST_LOG),
        (prod(observability={}, perimeter=DRY_RUN), permissions.LOG_ALERT, permissions.REQUEST_LOG),
        (prod(observability={}, perimeter=None), permissions.MONITORING, permissions.LOG_ALERT),
        (prod(network={"name": "n", "create": True}), permissions.NETWORK, permissions.FORWARDING_RULE),
    ],
)
def test_a_role_has_what_its_stack_takes(config: dict[str, Any], has: dict[str, str], has_not: dict[str, str]) -> None:
    """The permissions of preflight, each once, and none of another option's own."""
    settings = read(config)
    held = role_of(deployer_role.project_role(settings, "prod"))["includedPermissions"]
    assert sorted(held) == sorted(needed_permissions(settings))
    assert set(has) <= set(held)
    assert not (set(has_not) - set(has) - set(permissions.PREFLIGHT)) & set(held)


def test_a_reader_has_what_reads_of_its_stack_and_nothing_that_changes() -> None:
    """Of every option that is configured."""
    settings = read(prod(kubernetes=CLUSTER, observability={"requestLogging": {"dataset": "requests"}}))
    held = set(role_of(deployer_role.reader_role(settings, "prod"))["includedPermissions"])
    assert held == {name for name in needed_permissions(settings) if permissions.reads(name)} - {*permissions.PREFLIGHT}
    assert {"monitoring.slos.get", "bigquery.datasets.get", "container.clusters.get"} <= held
    assert not [name for name in held if name.rpartition(".")[2] not in ("get", "getIamPolicy", "list")]


def test_what_only_preflight_reads_of_a_subnetwork_is_the_deployers_alone() -> None:
    """An address in a network that is there: preflight looks at its subnetwork, a preview does not."""
    ruled = {"name": "e", "connectivity": "private-service-connect", "address": "forwarding-rule"}
    settings = read(prod(endpoint=ruled, network={"name": "n"}))
    deployer = role_of(deployer_role.project_role(settings, "prod"))["includedPermissions"]
    reader = role_of(deployer_role.reader_role(settings, "prod"))["includedPermissions"]
    only_preflight = {*permissions.PREFLIGHT_SUBNETWORK}
    assert only_preflight <= set(deployer)
    assert not only_preflight & set(reader)


def test_a_named_access_policy_takes_less_and_no_perimeter_nothing() -> None:
    """A stack without a perimeter has no role above its project."""
    named = read(prod(perimeter={**DRY_RUN, "accessPolicy": "77"}))
    held = role_of(deployer_role.perimeter_role(named, "prod"))["includedPermissions"]
    assert held == list(permissions.PERIMETER)
    with pytest.raises(ValueError, match="has no perimeter"):
        deployer_role.perimeter_role(read(prod(perimeter=None)), "prod")
