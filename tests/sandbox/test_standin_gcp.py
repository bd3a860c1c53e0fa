"""Every gcp resource through its life: preview, create, no difference, update, drift, import, delete."""

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from sandbox.testing import SandboxHandle
from tests.sandbox import private_cases
from tests.sandbox.alerting import BAD, RATIO, RESPONSES
from tests.sandbox.google import ORGANIZATION, PROJECT_NUMBER, Google, make_account
from tests.sandbox.plugin import UNKNOWN, Made, Plugin, Props, running_plugins
from tests.sandbox.test_dashboards import board, tile

PROJECT = "projects/sandbox-project"
EMAIL = "gemini-inference-sa@sandbox-project.iam.gserviceaccount.com"
ACCOUNT = f"{PROJECT}/serviceAccounts/{EMAIL}"
WORKLOAD = "serviceAccount:sandbox-project.svc.id.goog[production/gemini-app]"
CONFIG = {"resources": [f"projects/{PROJECT_NUMBER}"], "restrictedServices": ["aiplatform.googleapis.com"]}
CONDITION = {"displayName": "too many", "conditionThreshold": RATIO}
PSC = {
    "enablePrivateServiceConnect": True,
    "projectAllowlists": ["sandbox-project"],
    "pscAutomationConfigs": [{"projectId": "sandbox-project", "network": f"{PROJECT}/global/networks/default"}],
}


@dataclass
class Case:
    """A resource; POLICY in its inputs becomes the number of an access policy.

    `known` and `unknown` are properties at preview; `changed` inputs update in place by `call`, a discovery method;
    `replaced` force a replacement; `imports` are ids that lead to it, RESOURCE standing for its id; `virtual`
    inputs no import can know; what is `required` can be made up by nobody.
    """

    token: str
    inputs: Props
    known: Props = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    changed: Props = field(default_factory=dict)
    call: str = ""
    replaced: Props = field(default_factory=dict)
    imports: tuple[str, ...] = ("RESOURCE",)
    virtual: tuple[str, ...] = ()
    required: str = ""


CASES = {
    "service": Case(
        "gcp:projects/service:Service",
        {"service": "aiplatform.googleapis.com", "disableOnDestroy": True},
        known={"project": "sandbox-project"},
        changed={"disableDependentServices": True},
        replaced={"service": "compute.googleapis.com"},
        virtual=("disableOnDestroy",),
        required="service",
    ),
    "account": Case(
        "gcp:serviceaccount/account:Account",
        {"accountId": "another-account", "displayName": "Another"},
        known={"email": "another-account@sandbox-project.iam.gserviceaccount.com"},
        unknown=("name", "uniqueId"),
        changed={"displayName": "Renamed", "description": "for Gemini"},
        call="iam.projects.serviceAccounts.patch",
        replaced={"accountId": "third-account"},
        imports=("RESOURCE", "another-account@sandbox-project.iam.gserviceaccount.com"),
    ),
    "account member": Case(
        "gcp:serviceaccount/iAMMember:IAMMember",
        {
            "serviceAccountId": ACCOUNT,
            "role": "roles/iam.workloadIdentityUser",
            "member": WORKLOAD,
        },
        unknown=("etag",),
        replaced={"role": "roles/iam.serviceAccountUser"},
        imports=(f"{ACCOUNT} roles/iam.workloadIdentityUser {WORKLOAD}",),
        required="role",
    ),
    "project member": Case(
        "gcp:projects/iAMMember:IAMMember",
        {
            "project": "sandbox-project",
            "role": "roles/aiplatform.user",
            "member": f"serviceAccount:{EMAIL}",
            "condition": {"title": "soon over", "expression": 'request.time < timestamp("2030-01-01T00:00:00Z")'},
        },
        unknown=("etag",),
        replaced={"member": "user:someone@example.com"},
        imports=(f"sandbox-project roles/aiplatform.user serviceAccount:{EMAIL} soon over",),
        required="role",
    ),
    "custom role": Case(
        "gcp:projects/iAMCustomRole:IAMCustomRole",
        {"roleId": "predictor", "title": "Predictor", "permissions": ["aiplatform.endpoints.predict"]},
        known={"stage": "GA", "project": "sandbox-project"},
        unknown=("name", "deleted"),
        changed={"permissions": ["aiplatform.endpoints.explain", "aiplatform.endpoints.predict"], "stage": "BETA"},
        call="iam.projects.roles.patch",
        replaced={"roleId": "other"},
        imports=("RESOURCE", "sandbox-project/predictor", "predictor"),
        required="title",
    ),
    "access policy": Case(
        "gcp:accesscontextmanager/accessPolicy:AccessPolicy",
        {"parent": f"organizations/{ORGANIZATION}", "title": "scoped", "scopes": f"projects/{PROJECT_NUMBER}"},
        unknown=("name",),
        changed={"title": "renamed"},
        call="accesscontextmanager.accessPolicies.patch",
        replaced={"scopes": "folders/1"},
        required="title",
    ),
    "perimeter": Case(
        "gcp:accesscontextmanager/servicePerimeter:ServicePerimeter",
        {
            "parent": "accessPolicies/POLICY",
            "name": "accessPolicies/POLICY/servicePerimeters/gemini_prod_perimeter",
            "title": "gemini-prod-perimeter",
            "spec": CONFIG,
            "useExplicitDryRunSpec": True,
        },
        known={"perimeterType": "PERIMETER_TYPE_REGULAR"},
        unknown=("etag",),
        changed={"status": CONFIG, "description": "enforced"},
        call="accesscontextmanager.accessPolicies.servicePerimeters.patch",
        replaced={"perimeterType": "PERIMETER_TYPE_BRIDGE"},
        required="title",
    ),
    "channel": Case(
        "gcp:monitoring/notificationChannel:NotificationChannel",
        {"type": "email", "displayName": "On call", "labels": {"email_address": "oncall@example.com"}},
        known={"project": "sandbox-project"},
        unknown=("name",),
        changed={"labels": {"email_address": "team@example.com"}, "enabled": False},
        call="monitoring.projects.notificationChannels.patch",
        replaced={"project": "other"},
        required="type",
    ),
    "alert policy": Case(
        "gcp:monitoring/alertPolicy:AlertPolicy",
        {"displayName": "errors", "combiner": "OR", "conditions": [CONDITION], "severity": "CRITICAL"},
        unknown=("name",),
        changed={
            "conditions": [{**CONDITION, "displayName": "far too many"}],
            "documentation": {"content": "Roll back."},
        },
        call="monitoring.projects.alertPolicies.patch",
        replaced={"project": "other"},
        required="combiner",
    ),
    "monitored service": Case(
        "gcp:monitoring/customService:CustomService",
        {"serviceId": "gemini", "displayName": "Gemini"},
        unknown=("name",),
        changed={"displayName": "Renamed", "userLabels": {"team": "genai"}},
        call="monitoring.services.patch",
        replaced={"serviceId": "other"},
    ),
    "objective": Case(
        "gcp:monitoring/slo:Slo",
        {
            "service": "served",
            "sloId": "good",
            "goal": 0.99,
            "rollingPeriodDays": 28,
            "requestBasedSli": {"goodTotalRatio": {"badServiceFilter": BAD, "totalServiceFilter": RESPONSES}},
        },
        unknown=("name",),
        changed={"goal": 0.995, "rollingPeriodDays": 7},
        call="monitoring.services.serviceLevelObjectives.patch",
        replaced={"sloId": "other"},
        required="goal",
    ),
    "dashboard": Case(
        "gcp:monitoring/dashboard:Dashboard",
        {"dashboardJson": json.dumps(board(tile(24, 16)))},
        known={"project": "sandbox-project"},
        changed={"dashboardJson": json.dumps(board(tile(0, 16)))},
        call="monitoring.projects.dashboards.patch",
        replaced={"project": "other"},
        required="dashboardJson",
    ),
    "dataset": Case(
        "gcp:bigquery/dataset:Dataset",
        {
            "datasetId": "requests",
            "location": "us-central1",
            "defaultTableExpirationMs": 86_400_000,
            "labels": {"team": "genai"},
        },
        known={"effectiveLabels": {"goog-pulumi-provisioned": "true", "team": "genai"}},
        unknown=("etag", "selfLink"),
        changed={"defaultTableExpirationMs": 7_200_000, "description": "private", "labels": {"team": "search"}},
        call="bigquery.datasets.update",
        replaced={"location": "EU"},
        imports=("RESOURCE", "sandbox-project/requests", "requests"),
        virtual=("labels",),
        required="datasetId",
    ),
    "secret": Case(
        "gcp:secretmanager/secret:Secret",
        {"secretId": "developer-key", "replication": {"auto": {}}, "labels": {"team": "genai"}},
        known={"project": "sandbox-project", "effectiveLabels": {"goog-pulumi-provisioned": "true", "team": "genai"}},
        unknown=("name", "createTime"),
        changed={"labels": {"team": "search"}, "annotations": {"owner": "me"}},
        call="secretmanager.projects.secrets.patch",
        replaced={"secretId": "other-key"},
        imports=("RESOURCE", "sandbox-project/developer-key", "developer-key"),
        virtual=("labels", "replication"),
        required="secretId",
    ),
    "network": Case(
        "gcp:compute/network:Network",
        {"name": "vpc", "autoCreateSubnetworks": False},
        known={"project": "sandbox-project"},
        unknown=("selfLink", "networkId"),
        changed={"routingMode": "GLOBAL"},
        call="compute.networks.patch",
        replaced={"description": "other"},
        imports=("RESOURCE", "sandbox-project/vpc", "vpc"),
    ),
    "endpoint": Case(
        "gcp:vertex/aiEndpoint:AiEndpoint",
        {
            "name": "123456789",
            "displayName": "gemini-prod-endpoint",
            "location": "us-central1",
            "region": "us-central1",
            "labels": {"team": "genai"},
            "privateServiceConnectConfig": PSC,
        },
        known={"effectiveLabels": {"goog-pulumi-provisioned": "true", "team": "genai"}},
        unknown=("etag", "createTime", "deployedModels", "trafficSplit"),
        changed={"displayName": "renamed", "labels": {"team": "search"}, "description": "d"},
        call="aiplatform.projects.locations.endpoints.patch",
        replaced={"privateServiceConnectConfig": {**PSC, "enablePrivateServiceConnect": False}},
        imports=("RESOURCE", "sandbox-project/us-central1/123456789", "us-central1/123456789"),
        virtual=("labels", "region"),
        required="displayName",
    ),
}
CASES |= {name: Case(**fields) for name, fields in private_cases.CASES.items()}


@pytest.fixture
def gcp(sandbox: SandboxHandle) -> Iterator[Plugin]:
    with running_plugins(sandbox) as ports:
        yield Plugin(ports["gcp"])


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest, sandbox: SandboxHandle) -> Case:
    """A resource whose surroundings are there: APIs, a service account, an access policy."""
    Google(sandbox, "monitoring", "v3")("POST", f"{PROJECT}/services", {"custom": {}}, serviceId="served")
    sandbox.enable("compute", "secretmanager", *(["aiplatform"] if request.param != "service" else []))
    make_account(sandbox)
    access = Google(sandbox, "accesscontextmanager")
    body = {"parent": f"organizations/{ORGANIZATION}", "title": "prod"}
    number = access("POST", "accessPolicies", body)["response"]["name"].rpartition("/")[2]
    wanted = CASES[request.param]
    attachment = private_cases.prepare(sandbox) if request.param in private_cases.CASES else ""
    texts = {"POLICY": number, "ATTACHMENT": attachment}
    inputs = {k: functools.reduce(_filled, texts.items(), v) for k, v in wanted.inputs.items()}
    return Case(**{**vars(wanted), "inputs": inputs})


def _filled(value: Any, text: tuple[str, str]) -> Any:
    return value.replace(*text) if isinstance(value, str) else value


def test_a_preview_shows_what_is_known_and_touches_nothing(sandbox: SandboxHandle, gcp: Plugin, case: Case) -> None:
    before = sandbox.last_call()
    shown = gcp.preview(case.token, case.inputs)
    assert {k: shown.get(k) for k in case.inputs} == case.inputs
    assert {k: shown.get(k) for k in case.known} == case.known
    assert [shown.get(k) for k in case.unknown] == [UNKNOWN] * len(case.unknown)
    assert sandbox.calls(before, mutating=True) == []


def test_what_was_created_differs_in_nothing_from_what_was_asked_for(gcp: Plugin, case: Case) -> None:
    made = gcp.create(case.token, case.inputs)
    assert gcp.changes(made, made.inputs) == {}
    assert UNKNOWN not in made.state.values()
    assert {k: made.state.get(k) for k in case.known} == case.known
    refreshed = gcp.refresh(made)
    assert refreshed is not None
    assert refreshed == made


def test_a_change_is_sent_in_one_call_and_lasts(sandbox: SandboxHandle, gcp: Plugin, case: Case) -> None:
    made = gcp.create(case.token, case.inputs)
    wanted = {**made.inputs, **case.changed}
    changes = gcp.changes(made, wanted)
    assert not any(kind.endswith("REPLACE") for kind in changes.values())
    assert {re.split(r"[.\[]", path)[0] for path in changes} == set(case.changed)
    before = sandbox.last_call()
    previewed = gcp.update(made, wanted, preview=True)
    assert {k: previewed.state[k] for k in case.changed} == case.changed
    assert sandbox.calls(before, mutating=True) == []
    updated = gcp.update(made, wanted)
    assert [c["method"] for c in sandbox.calls(before, mutating=True)] == ([case.call] if case.call else [])
    assert gcp.changes(updated, wanted) == {}
    assert gcp.refresh(updated) == updated


def test_what_cannot_change_in_place_replaces(gcp: Plugin, case: Case) -> None:
    made = gcp.create(case.token, case.inputs)
    for name, value in case.replaced.items():
        answer = gcp.diff(made, {**made.inputs, name: value})
        assert [path.partition(".")[0] for path in answer.replaces] == [name]
        unknown = gcp.changes(made, {**made.inputs, name: UNKNOWN})
        assert unknown == {name: "UPDATE_REPLACE" if made.state.get(name) else "ADD_REPLACE"}


def test_an_import_finds_the_same_and_gives_the_inputs_for_it(gcp: Plugin, case: Case) -> None:
    made = gcp.create(case.token, case.inputs)
    for import_id in case.imports:
        found = gcp.imported(case.token, import_id.replace("RESOURCE", made.id))
        assert found is not None
        assert found.id == made.id
        told = {k: v for k, v in case.inputs.items() if k not in case.virtual}
        assert {k: found.inputs.get(k) for k in told} == told
        assert gcp.changes(found, told) == {}


def test_what_is_deleted_is_gone_and_deleting_it_again_is_no_error(
    sandbox: SandboxHandle, gcp: Plugin, case: Case
) -> None:
    before = sandbox.state()
    made = gcp.create(case.token, case.inputs)
    gcp.delete(made)
    assert sandbox.state() == before
    assert _gone(gcp, made)
    if made.token not in (CASES["service"].token, CASES["custom role"].token):
        gcp.delete(made)


def _gone(gcp: Plugin, made: Made) -> bool:
    """A soft-deleted role can still be read, and says so."""
    found = gcp.refresh(made)
    return found is None or found.state.get("deleted") is True


def test_an_inputs_mistake_is_found_before_anything_is_sent(gcp: Plugin, case: Case) -> None:
    _, failures = gcp.check(case.token, {**case.inputs, "colour": "green"})
    assert failures == [("colour", "The sandbox's stand-in does not have the property 'colour'.")]
    if case.required:
        _, failures = gcp.check(case.token, {k: v for k, v in case.inputs.items() if k != case.required})
        assert (case.required, f"Missing required property '{case.required}'.") in failures


@pytest.mark.parametrize(("kind", "name"), [("account", "accountId"), ("custom role", "roleId"), ("network", "name")])
def test_a_name_that_the_program_does_not_choose_is_made_up_and_kept(gcp: Plugin, kind: str, name: str) -> None:
    token, inputs = CASES[kind].token, {k: v for k, v in CASES[kind].inputs.items() if k != name}
    checked, _ = gcp.check(token, inputs)
    assert checked[name] == "thing-1234567"
    again, _ = gcp.check(token, inputs, {**inputs, name: "thing-old"})
    assert again[name] == "thing-old"
