"""The deployer's role: what it has suffices and is needed, and without any of it the error says what is missing."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import permissions
from sandbox.testing import running_sandbox
from tests.engine.deployer import DESTROY, UP, Deployer

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
KEY = "gemini-vertex:"
CLUSTER = {f"{KEY}kubernetes": {"context": "sandbox", "createNamespace": True}}
# The models of these stacks are Google's, and their kubeconfig is the sandbox's.
ELSEWHERE = {"aiplatform.models.get", *permissions.CREDENTIALS}
IDENTITY = {"namespace": "production", "kubernetesServiceAccount": "gemini-app"}
# The least of a stack: nothing but a grant.
LEAST = {
    f"{KEY}serving": "managed",
    f"{KEY}endpoint": None,
    f"{KEY}models": [{"name": "gemini", "model": "gemini-3.8-flash", "traffic": 100, "location": "global"}],
    f"{KEY}workloadIdentity": {**IDENTITY, "role": "roles/aiplatform.user", "grant": "direct"},
    f"{KEY}perimeter": None,
}
# Observability with a log of both routes' requests, an address of its own on a network of its own, a key in Secret
# Manager.
EVERYTHING_ELSE = {
    f"{KEY}endpoint": {"name": "e", "connectivity": "private-service-connect", "address": "forwarding-rule"},
    f"{KEY}network": {"name": "serving", "create": True},
    f"{KEY}models": [
        {"name": "m", "model": "gemini-3.8-flash", "machineType": "n1-standard-4", "traffic": 90},
        {"name": "g", "model": "gemini-3.8-flash", "serving": "managed", "traffic": 10},
    ],
    f"{KEY}observability": {"notify": ["oncall@example.com"], "requestLogging": {"dataset": "requests"}},
    f"{KEY}fallback": {"model": "gemini-3.8-flash"},
}
OWN_NETWORK = {f"{KEY}network": {"name": "serving", "create": True}, f"{KEY}perimeter": None}
# The other ways to be private and to keep the key: what a stack of each has, and which permissions are for that.
OTHER_WAYS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "automatic address, Google's APIs, key in the cluster": (
        {
            **CLUSTER,
            **OWN_NETWORK,
            f"{KEY}endpoint": {"name": "e", "connectivity": "private-service-connect"},
            f"{KEY}models": [{"name": "m", "model": "gemini-3.8-flash", "machineType": "n1-standard-4"}],
            f"{KEY}privateApis": {"mode": "restricted"},
            f"{KEY}fallback": {"model": "gemini-3.8-flash", "store": "kubernetes"},
        },
        {**permissions.CONNECTION_POLICY, **permissions.PRIVATE_APIS, **permissions.KUBERNETES_SECRET},
    ),
    "peered network": (
        {
            **OWN_NETWORK,
            f"{KEY}endpoint": {"name": "e", "connectivity": "peered-network"},
            f"{KEY}models": [{"name": "m", "model": "gemma-3-4b", "machineType": "n1-standard-4"}],
        },
        {**permissions.NETWORK, **permissions.PRIVATE_SERVICES_ACCESS},
    ),
}
PLAIN = ("refresh", "destroy")
# Each stack goes through its steps, one permission of a chain at a time, as a second refusal in it would never come: a
# command without the permissions that follow it is refused for each of them, a command alone passes. A destroy is tried
# without the program first, by scripts/explain.py, and a refresh runs without it.
STACKS: dict[str, tuple[dict[str, Any], tuple[tuple[str, ...], ...]]] = {
    "identity": (
        {**LEAST, f"{KEY}workloadIdentity": {**IDENTITY, "serviceAccount": "gemini-inference-sa"}},
        (
            ("up", "serviceusage.services.list"),
            ("up", "serviceusage.services.enable"),
            ("up", "iam.roles.create", "iam.serviceAccounts.create"),
            ("up", "iam.roles.get", "iam.serviceAccounts.get"),
            ("up", "iam.serviceAccounts.getIamPolicy", "resourcemanager.projects.getIamPolicy"),
            ("up", "iam.serviceAccounts.setIamPolicy", "resourcemanager.projects.setIamPolicy"),
            ("up",),
            ("refresh", "serviceusage.services.list", "resourcemanager.projects.getIamPolicy", "iam.roles.get")
            + ("iam.serviceAccounts.get", "iam.serviceAccounts.getIamPolicy"),
            ("destroy", "resourcemanager.projects.setIamPolicy", "iam.serviceAccounts.setIamPolicy"),
            ("destroy", "iam.roles.delete", "iam.serviceAccounts.delete"),
            ("destroy",),
            # A role that was deleted a moment ago is brought back, and stays half brought back where it cannot change.
            ("up", "iam.roles.undelete"),
            ("up", "iam.roles.update"),
        ),
    ),
    "endpoint": (
        {**LEAST, f"{KEY}serving": None, f"{KEY}endpoint": {"name": "e", "connectivity": "private-service-connect"}}
        | {f"{KEY}models": [{"name": "m", "model": "gemini-3.8-flash", "machineType": "n1-standard-4"}]},
        (
            ("up", "aiplatform.endpoints.create"),
            ("up", "aiplatform.endpoints.get"),
            ("up", "aiplatform.operations.list"),
            ("up", "aiplatform.endpoints.deploy"),
            ("up", "aiplatform.endpoints.update"),
            ("up",),
            ("refresh", "aiplatform.endpoints.get"),
            ("destroy", "aiplatform.endpoints.undeploy"),
            ("destroy", "aiplatform.endpoints.delete"),
            ("destroy",),
        ),
    ),
    "perimeter": (
        {**LEAST, f"{KEY}perimeter": {"mode": "dry-run"}},
        (
            ("up", "resourcemanager.projects.get"),
            ("up", "accesscontextmanager.policies.create"),
            ("up", "accesscontextmanager.policies.get"),
            ("up", "accesscontextmanager.servicePerimeters.create"),
            ("up", "accesscontextmanager.servicePerimeters.get"),
            ("up",),
            ("refresh", "accesscontextmanager.policies.get", "accesscontextmanager.servicePerimeters.get"),
            ("set", "perimeter.title", "another"),
            ("up", "accesscontextmanager.servicePerimeters.update"),
            ("up",),
            ("destroy", "accesscontextmanager.servicePerimeters.delete"),
            ("destroy", "accesscontextmanager.policies.delete"),
            ("destroy",),
        ),
    ),
    "cluster": (
        {**LEAST, **CLUSTER, f"{KEY}workloadIdentity": {**IDENTITY, "role": "roles/aiplatform.user"}},
        (
            ("up", "container.namespaces.create"),
            ("up", "container.serviceAccounts.create"),
            ("up", "container.configMaps.create"),
            ("up",),
            ("refresh", "container.namespaces.get", "container.serviceAccounts.get", "container.configMaps.get"),
            ("set", "workloadIdentity.serviceAccount", "gemini-other-sa"),
            ("up", "container.serviceAccounts.update"),
            ("set", "models[0].location", "us"),
            ("up", "container.configMaps.update"),
            ("up",),
            ("destroy", "container.configMaps.delete"),
            ("destroy", "container.serviceAccounts.delete"),
            ("destroy", "container.namespaces.delete"),
        ),
    ),
    # What was made and could not be read is destroyed: to go on with it would be to change it.
    "cluster, unread": (
        {**LEAST, **CLUSTER},
        (
            ("up", "container.namespaces.get"),
            ("destroy",),
            ("up", "container.serviceAccounts.get"),
            ("destroy",),
            ("up", "container.configMaps.get"),
            ("destroy",),
        ),
    ),
}


@pytest.fixture
def deploying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Deployer]]:
    """Makes a deployer, of a stack with these settings, with the roles of the stack."""
    with running_sandbox(profile="article", deploy_seconds=0, operation_seconds=0.05) as cloud:
        made: list[Deployer] = []

        def make(settings: dict[str, Any]) -> Deployer:
            made.append(Deployer(cloud, tmp_path, settings, monkeypatch))
            return made[0]

        yield make
        for each in made:
            each.stop()


def test_every_permission_is_taken_away_once() -> None:
    """But for those that preflight reads, which tests/preflight/test_checks.py takes away, and a kubeconfig's."""
    taken = {name for _, steps in STACKS.values() for step in steps if step[0] != "set" for name in step[1:]}
    elsewhere = {*permissions.PREFLIGHT, *permissions.PREFLIGHT_ORGANIZATION, *permissions.CREDENTIALS}
    assert taken == {*permissions.PROJECT, *permissions.ORGANIZATION} - elsewhere


@pytest.mark.parametrize("name", STACKS)
def test_without_any_one_the_error_names_it_and_a_role_that_has_it(
    name: str, deploying: Callable[..., Deployer]
) -> None:
    """From nothing to a stack, through changes, and back to nothing."""
    settings, steps = STACKS[name]
    deployer = deploying(settings)
    deployer.take_roles(perimeter=f"{KEY}perimeter" in settings and settings[f"{KEY}perimeter"] is not None)
    for command, *names in steps:
        if command == "set":
            deployer.workspace.set(f"{KEY}{names[0]}", names[1])
            continue
        if names and command in PLAIN:
            deployer.refused_and_explained(tuple(names), command)
        if command == "refresh":
            continue
        if names:
            deployer.refused(tuple(names), UP if command == "up" else DESTROY)
        else:
            deployer.workspace.pulumi(*(UP if command == "up" else DESTROY))


def test_the_examples_suffice_for_the_prod_stack_and_nothing_in_them_is_idle(
    deploying: Callable[..., Deployer],
) -> None:
    """up, changes, refresh, preflight, destroy and up again pass, and ask for all of the two roles and nothing else."""
    deployer = deploying({**CLUSTER})
    for file, arguments in (
        ("deployer-role.yaml", ()),
        ("reader-role.yaml", ("--reader",)),
        ("deployer-organization-role.yaml", ("--perimeter",)),
    ):
        assert deployer.printed("deployer_role.py", *arguments) == (EXAMPLES / file).read_text(encoding="utf-8")
    deployer.cloud.enable("networkconnectivity")  # of the network's administrator, whose policy it is
    deployer.take_roles(perimeter=True)
    workspace = deployer.workspace
    workspace.pulumi(*UP)
    workspace.set(f"{KEY}perimeter.title", "another")
    workspace.pulumi(*UP)
    assert "accesscontextmanager.servicePerimeters.update" in deployer.asked
    workspace.set(f"{KEY}models[0].maxReplicaCount", "30")
    workspace.set(f"{KEY}models[1].machineType", "n1-standard-4")
    workspace.pulumi("config", "rm", "--path", f"{KEY}workloadIdentity.serviceAccount")
    workspace.set(f"{KEY}workloadIdentity.grant", "direct")
    workspace.pulumi(*UP)
    workspace.pulumi("refresh", "--yes", "--skip-preview")
    workspace.pulumi("destroy", "--yes", "--skip-preview")
    workspace.pulumi(*UP)
    deployer.printed("preflight.py")
    workspace.pulumi(*DESTROY)
    assert deployer.asked == {*deployer.role, *deployer.above} - ELSEWHERE


def test_the_role_of_a_stack_with_everything_else_suffices(deploying: Callable[..., Deployer]) -> None:
    """And nothing in it is idle."""
    deployer = deploying(EVERYTHING_ELSE)
    workspace = deployer.workspace
    key = f"{KEY}fallback.apiKey"
    workspace.pulumi("config", "set", "--secret", "--path", key, "first")
    deployer.take_roles(perimeter=True)
    workspace.pulumi(*UP)
    deployer.printed("preflight.py")
    workspace.pulumi("config", "set", "--secret", "--path", key, "second")
    workspace.set(f"{KEY}observability.notify[1]", "others@example.com")
    workspace.set(f"{KEY}observability.latencySeconds", "20")
    workspace.set(f"{KEY}perimeter.title", "another")
    workspace.set(f"{KEY}observability.sloPercent", "99")
    workspace.set(f"{KEY}observability.requestLogging.expirationDays", "10")
    workspace.pulumi(*UP)
    workspace.pulumi("refresh", "--yes", "--skip-preview")
    workspace.pulumi("destroy", "--yes", "--skip-preview")
    # The predict-only role was deleted a moment ago, and is brought back.
    workspace.pulumi(*UP)
    workspace.pulumi(*DESTROY)
    assert deployer.asked == {*deployer.role, *deployer.above} - ELSEWHERE


@pytest.mark.parametrize("way", OTHER_WAYS)
def test_the_role_of_every_other_way_suffices(way: str, deploying: Callable[..., Deployer]) -> None:
    """Up, another key, refresh and destroy; all that the table has for the way is asked for."""
    settings, own = OTHER_WAYS[way]
    deployer = deploying(settings)
    workspace, key = deployer.workspace, ("config", "set", "--secret", "--path", f"{KEY}fallback.apiKey")
    if f"{KEY}fallback" in settings:
        workspace.pulumi(*key, "first")
    deployer.take_roles(perimeter=False)
    workspace.pulumi(*UP)
    if f"{KEY}fallback" in settings:
        workspace.pulumi(*key, "second")
        workspace.pulumi(*UP)
    workspace.pulumi("refresh", "--yes", "--skip-preview")
    workspace.pulumi(*DESTROY)
    assert {*own} <= deployer.asked <= {*deployer.role}


@pytest.mark.parametrize("settings", [{**CLUSTER}, EVERYTHING_ELSE], ids=["prod", "everything else"])
def test_a_reader_finds_drift_and_previews_with_its_role_alone(
    settings: dict[str, Any], deploying: Callable[..., Deployer]
) -> None:
    """What drift.yml and deploy.yml's previews run as; the perimeter's half is what Google's policyReader has."""
    deployer = deploying(settings)
    if f"{KEY}fallback" in settings:
        deployer.workspace.pulumi("config", "set", "--secret", "--path", f"{KEY}fallback.apiKey", "a-key")
    deployer.take_roles(perimeter=True)
    deployer.workspace.pulumi(*UP)
    deployer.looks()
