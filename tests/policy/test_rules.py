"""Each rule of the pack, on resources that keep it and resources that do not."""

import base64
import datetime as dt
import json
from typing import Any

import pytest

from policy.pack import RULES
from policy.rule import (
    ALERT_POLICY,
    CONFIG_MAP,
    DATASET,
    DEPLOYED_MODEL,
    ENDPOINT,
    PERIMETER,
    SECRET,
    SECRET_VERSION,
    STACK,
    TRAFFIC_SPLIT,
    UNKNOWN,
    Context,
    Environment,
    Resource,
)

TODAY = dt.date(2026, 11, 24)
RULE = {rule.name: rule for rule in RULES}
MEMBER, BINDING = "gcp:projects/iAMMember:IAMMember", "gcp:projects/iAMBinding:IAMBinding"
KEY_FILE = json.dumps({"type": "service_account", "private_key": "…"})
PRIVATE = {"enablePrivateServiceConnect": True}
RESTRICTED = {"restrictedServices": ["aiplatform.googleapis.com"]}


def resource(type_: str, protected: bool = False, name: str = "it", **properties: Any) -> Resource:
    return Resource(type_, name, f"urn::{name}", properties, protected)


def model(name: str, replicas: Any, model_id: str = "my-model") -> Resource:
    return resource(
        DEPLOYED_MODEL,
        name=name,
        displayName=name,
        deployedModelId=f"1{name}",
        minReplicaCount=replicas,
        model=model_id,
    )


def split(**percents: int) -> Resource:
    targets = {name: {"deployedModelId": f"1{name}", "percent": percent} for name, percent in percents.items()}
    return resource(TRAFFIC_SPLIT, name="traffic", targets=targets)


def routes(*entries: dict[str, Any], **others: Any) -> Resource:
    return resource(CONFIG_MAP, data={"routes.json": json.dumps({"version": 1, "routes": entries, **others})})


def said(rule: str, *resources: Resource, environment: Environment = "prod", today: dt.date = TODAY) -> list[str]:
    """What the rule says of these resources."""
    return [violation.message for violation in RULE[rule].check(resources, Context(environment, today))]


VIOLATED = [
    (
        "no-service-account-keys",
        "serviceaccount/key",
        resource("gcp:serviceaccount/key:Key"),
        "is a service account key",
    ),
    ("no-service-account-keys", "HMAC", resource("gcp:storage/hmacKey:HmacKey"), "HMAC key"),
    ("no-service-account-keys", "plain", resource(SECRET, stringData={"k.json": KEY_FILE}), "stringData.k.json"),
    (
        "no-service-account-keys",
        "base64",
        resource(SECRET, data={"k": base64.b64encode(KEY_FILE.encode()).decode()}),
        "data.k",
    ),
    ("no-service-account-keys", "config map", resource(CONFIG_MAP, data={"k": KEY_FILE}), "Workload Identity"),
    (
        "no-service-account-keys",
        "Secret Manager",
        resource(SECRET_VERSION, secretData=KEY_FILE),
        "key file in Secret Manager",
    ),
    ("no-public-members", "everybody", resource(MEMBER, role="roles/x", member="allUsers"), "open to everybody"),
    (
        "no-public-members",
        "accounts",
        resource(BINDING, role="roles/x", members=["user:a@example.com", "allAuthenticatedUsers"]),
        "whoever has a Google account",
    ),
    (
        "no-public-members",
        "dataset",
        resource(DATASET, accesses=[{"role": "READER", "specialGroup": "allAuthenticatedUsers"}]),
        "name the accounts",
    ),
    ("no-authoritative-iam", "policy", resource("gcp:projects/iAMPolicy:IAMPolicy"), "every other grant"),
    ("no-authoritative-iam", "binding", resource(BINDING, role="roles/x"), "every other member"),
    (
        "no-authoritative-iam",
        "of an endpoint",
        resource("gcp:vertex/aiEndpointIamBinding:AiEndpointIamBinding"),
        "IAMMember",
    ),
    ("no-primitive-roles", "owner", resource(MEMBER, role="roles/owner"), "grants roles/owner"),
    ("no-primitive-roles", "editor", resource(MEMBER, role="roles/editor"), "narrowest"),
    ("no-primitive-roles", "viewer", resource(BINDING, role="roles/viewer"), "roles/viewer"),
    ("no-public-endpoint-in-prod", "dedicated", resource(ENDPOINT, dedicatedEndpointEnabled=True), "on the internet"),
    (
        "no-public-endpoint-in-prod",
        "switched off",
        resource(ENDPOINT, privateServiceConnectConfig={"enablePrivateServiceConnect": False}),
        "private-service-connect",
    ),
    (
        "stable-models",
        "retired",
        model("m", 2, "publishers/google/models/gemini-2.0-flash-001"),
        "retired on 2026-06-01",
    ),
    ("stable-models", "retired experiment", model("m", 2, "gemini-2.0-pro-exp-02-05"), "move to gemini-4-argon"),
    ("stable-models", "unknown experiment", model("m", 2, "gemini-9-exp-01"), "experimental"),
    ("stable-models", "preview in prod", model("m", 2, "gemini-3.1-pro-preview"), "a preview"),
    ("models-that-stay", "near", model("m", 2, "gemini-live-2.5-flash-native-audio"), "retires on 2026-12-13"),
    ("labels", "none", resource(ENDPOINT), "has no label environment"),
    ("labels", "dataset", resource(DATASET), "has no label environment"),
    (
        "labels",
        "alert",
        resource(ALERT_POLICY, labels={"environment": "prod"}),
        "gemini-vertex:labels.environment",
    ),
    ("labels", "another", resource(ENDPOINT, labels={"team": "x"}), "gemini-vertex:labels.environment"),
    ("protected-in-prod", "endpoint", resource(ENDPOINT), "The endpoint it can be deleted"),
    ("protected-in-prod", "split", split(a=100), "The traffic split traffic"),
    ("protected-in-prod", "perimeter", resource(PERIMETER), "gemini-vertex:protect"),
]
KEPT = [
    ("no-service-account-keys", "an API key of the Developer API", resource(SECRET, stringData={"key": "AIza…"})),
    ("no-service-account-keys", "unknown data", resource(SECRET, data=UNKNOWN)),
    ("no-service-account-keys", "a crypto key", resource("gcp:kms/cryptoKey:CryptoKey")),
    ("no-service-account-keys", "an API key in Secret Manager", resource(SECRET_VERSION, secretData="AIza…")),
    ("no-service-account-keys", "unknown secret", resource(SECRET_VERSION, secretData=UNKNOWN)),
    ("no-public-members", "a person", resource(MEMBER, role="roles/x", member="user:allUsers@example.com")),
    ("no-public-members", "unknown", resource(BINDING, role="roles/x", members=UNKNOWN)),
    ("no-public-members", "owners", resource(DATASET, accesses=[{"role": "OWNER", "specialGroup": "projectOwners"}])),
    ("no-authoritative-iam", "a member", resource(MEMBER, role="roles/aiplatform.user")),
    ("no-authoritative-iam", "a custom role", resource("gcp:projects/iAMCustomRole:IAMCustomRole")),
    ("no-primitive-roles", "a narrow role", resource(MEMBER, role="roles/aiplatform.viewer")),
    ("no-primitive-roles", "an unknown role", resource(MEMBER, role=UNKNOWN)),
    ("no-public-endpoint-in-prod", "private", resource(ENDPOINT, privateServiceConnectConfig=PRIVATE)),
    ("no-public-endpoint-in-prod", "peered", resource(ENDPOINT, network="projects/1/global/networks/default")),
    ("no-public-endpoint-in-prod", "a network not known yet", resource(ENDPOINT, network=UNKNOWN)),
    ("stable-models", "stable", model("m", 2, "publishers/google/models/gemini-3.8-flash")),
    ("stable-models", "one's own", model("m", 2, "projects/p/locations/l/models/exp")),
    ("stable-models", "unknown", resource(DEPLOYED_MODEL, model=UNKNOWN)),
    ("stable-routes", "stable", routes({"name": "m", "serving": "managed", "model": "gemini-3.8-flash"})),
    ("stable-routes", "on an endpoint", routes({"name": "m", "serving": "endpoint", "endpoint": "e"})),
    ("stable-routes", "another file", resource(CONFIG_MAP, data={"routes.json": "no JSON"})),
    ("stable-routes", "not known yet", resource(STACK, routes=UNKNOWN)),
    ("models-that-stay", "far", model("m", 2, "gemini-4-argon")),
    ("labels", "there", resource(ENDPOINT, labels={"environment": "prod"})),
    ("labels", "not known yet", resource(ENDPOINT, labels=UNKNOWN)),
    ("protected-in-prod", "protected", resource(ENDPOINT, protected=True)),
    ("protected-in-prod", "a deployed model", model("m", 2)),
]


@pytest.mark.parametrize(("rule", "which", "given", "words"), VIOLATED, ids=[f"{v[0]}: {v[1]}" for v in VIOLATED])
def test_a_violation_names_the_resource_and_the_way_out(rule: str, which: str, given: Resource, words: str) -> None:
    """One sentence a violation, with the resource's name."""
    [message] = said(rule, given)
    assert words in message
    assert given.name in message
    assert message.endswith(".")


@pytest.mark.parametrize(("rule", "which", "given"), KEPT, ids=[f"{k[0]}: {k[1]}" for k in KEPT])
def test_what_keeps_a_rule_is_left_alone(rule: str, which: str, given: Resource) -> None:
    """No rule speaks of what is in order, or of what a preview does not know yet."""
    assert said(rule, given) == []


@pytest.mark.parametrize("rule", ["no-public-endpoint-in-prod", "protected-in-prod"])
def test_dev_may_be_public_and_may_go(rule: str) -> None:
    """Rules for prod are silent in dev."""
    assert said(rule, resource(ENDPOINT, dedicatedEndpointEnabled=True), environment="dev") == []


def test_dev_may_try_a_preview_but_nothing_retired() -> None:
    """A preview model is for dev; a retired one answers nowhere."""
    assert said("stable-models", model("m", 1, "gemini-3.1-pro-preview"), environment="dev") == []
    assert said("stable-models", model("m", 1, "gemini-2.5-flash"), environment="dev")


def test_a_model_is_retired_from_its_last_day_on() -> None:
    """The catalogue's dates decide, not the day on which it was written."""
    given = model("m", 2, "gemini-live-2.5-flash-native-audio")
    assert said("stable-models", given, today=dt.date(2026, 12, 13)) == []
    [message] = said("stable-models", given, today=dt.date(2026, 12, 14))
    assert "move to gemini-3.8-live" in message


def test_a_route_leads_to_no_retired_model() -> None:
    """In the ConfigMap of the client, or in the output where there is no cluster; each route once."""
    managed = {"name": "old", "serving": "managed", "model": "gemini-1.5-pro-002", "weight": 100}
    document = {"version": 1, "routes": [managed], "developerApi": {"model": "gemini-2.5-pro"}}
    for given in ([routes(managed, developerApi=document["developerApi"])], [resource(STACK, routes=document)]):
        for resources in (given, given * 2):
            developer_api, old = sorted(said("stable-routes", *resources))
            assert developer_api.startswith(
                "The route developerApi leads to gemini-2.5-pro, retired on 2026-10-20: move to "
            )
            assert old.startswith("The route old leads to gemini-1.5-pro-002, retired on 2025-09-24")


def test_the_primary_needs_two_replicas_and_the_fallback_is_only_named() -> None:
    """Half of the traffic makes a primary: mandatory there, advisory below."""
    stack = [model("first", 1), model("second", 1), split(first=95, second=5)]
    [primary] = said("two-replicas-of-the-primary-in-prod", *stack)
    [other] = said("two-replicas-of-the-others-in-prod", *stack)
    assert primary.startswith("first has 95 % of the traffic and keeps 1 replica")
    assert other.startswith("second has 5 %")
    assert RULE["two-replicas-of-the-primary-in-prod"].level == "mandatory"
    assert RULE["two-replicas-of-the-others-in-prod"].level == "advisory"


def test_the_largest_share_is_primary_however_small() -> None:
    """Of three models with a third each none has half, and yet one machine less is a third of all answers."""
    stack = [model("a", 1), model("b", 1), model("c", 1), split(a=34, b=33, c=33)]
    [primary] = said("two-replicas-of-the-primary-in-prod", *stack)
    assert primary.startswith("a has 34 %")
    assert len(said("two-replicas-of-the-others-in-prod", *stack)) == 2
    even = [model("a", 1), model("b", 2), split(a=50, b=50)]
    assert said("two-replicas-of-the-primary-in-prod", *even)
    listed = [{"serving": "managed", "weight": 30}, {"serving": "endpoint", "weight": 70}]
    routed = resource(STACK, name="stack", routes={"version": 1, "routes": listed})
    assert len(said("two-replicas-of-the-primary-in-prod", routed, *stack)) == 0
    assert len(said("two-replicas-of-the-primary-in-prod", routed, model("a", 1), split(a=100))) == 1


def test_enough_replicas_and_shared_machines_are_in_order() -> None:
    """Two are enough; a tuned Gemini has no machines of its own; what is not known yet is left to the update."""
    stack = [model("a", 2), model("b", UNKNOWN), resource(DEPLOYED_MODEL, name="c", displayName="c"), split(a=50, b=50)]
    for rule in ("two-replicas-of-the-primary-in-prod", "two-replicas-of-the-others-in-prod"):
        assert said(rule, *stack) == []
        assert said(rule, model("a", 1), split(a=100), environment="dev") == []


def test_one_model_without_a_split_has_all_the_traffic() -> None:
    """As on a peered endpoint."""
    assert said("two-replicas-of-the-primary-in-prod", model("only", 1))


def test_traffic_of_the_managed_route_does_not_count() -> None:
    """All of an endpoint's split is little where most requests go to Google's managed API."""
    listed = [{"serving": "managed", "weight": 90}, {"serving": "endpoint", "weight": 10}]
    stack = resource(STACK, name="stack", routes={"version": 1, "routes": listed})
    resources = [stack, model("own", 1), split(own=100)]
    assert said("two-replicas-of-the-primary-in-prod", *resources) == []
    [message] = said("two-replicas-of-the-others-in-prod", *resources)
    assert "10 % of the traffic" in message


def test_prod_has_a_perimeter_around_vertex_ai() -> None:
    """In dry-run or enforced, and with the right service; dev needs none."""
    others = [resource(STACK), resource(ENDPOINT)]
    rule = "perimeter-in-prod"
    assert said(rule, *others) == [
        "The stack has no VPC Service Controls perimeter: "
        "`pulumi config set --path gemini-vertex:perimeter.mode dry-run`."
    ]
    assert said(rule, *others, resource(PERIMETER, spec=RESTRICTED)) == []
    assert said(rule, *others, resource(PERIMETER, status=RESTRICTED)) == []
    assert said(rule, *others, resource(PERIMETER, spec={"restrictedServices": UNKNOWN})) == []
    assert said(rule, *others, resource(PERIMETER, status={"restrictedServices": ["storage.googleapis.com"]}))
    assert said(rule, *others, environment="dev") == []


def test_prod_tells_somebody_when_it_goes_wrong() -> None:
    """An endpoint or a managed route without an alert policy, or with none that names a channel; dev needs none."""
    rule, endpoint = "observed-in-prod", resource(ENDPOINT)
    managed = routes({"name": "m", "serving": "managed", "model": "gemini-3.8-flash"})
    silent, told = resource(ALERT_POLICY), resource(ALERT_POLICY, notificationChannels=UNKNOWN)
    for serving in (endpoint, managed):
        [message] = said(rule, serving)
        assert message.startswith(
            "The stack has no alert policy: `pulumi config set --path 'gemini-vertex:observability"
        )
        assert said(rule, serving, silent)[0].startswith("The stack's alert policies tell nobody")
        assert said(rule, serving, silent, told) == []
        assert said(rule, serving, resource(ALERT_POLICY, enabled=False, notificationChannels=["c"]))
        assert said(rule, serving, environment="dev") == []
    assert said(rule, resource(STACK)) == [], "nothing serves"


def test_every_rule_has_one_check_and_a_sentence() -> None:
    """The pack's own shape."""
    assert len(RULE) == len(RULES)
    for rule in RULES:
        assert (rule.of_resource is None) != (rule.of_stack is None), rule.name
        assert rule.why.endswith("."), rule.name
        assert rule.level in ("mandatory", "advisory")
    assert {v[0] for v in VIOLATED} | {
        "two-replicas-of-the-primary-in-prod",
        "two-replicas-of-the-others-in-prod",
        "perimeter-in-prod",
        "observed-in-prod",
        "stable-routes",
    } == set(RULE)
