"""Every mistake in a stack's configuration is reported, with its key, what is allowed and what to do."""

from typing import Any

import pytest

from settings import SettingsError
from tests.unit.configurations import OWN_MODEL, one_model, prod, read


def problems(config: dict[str, Any], stack: str = "prod", environ: dict[str, str] | None = None) -> dict[str, str]:
    """The problems of `config` by key."""
    with pytest.raises(SettingsError) as caught:
        read(config, stack, environ)
    return {problem.key: problem.text for problem in caught.value.problems}


def test_a_config_without_a_mistake_is_read_with_its_defaults() -> None:
    """What is left out has the default that Pulumi.yaml documents."""
    settings = read(prod())
    assert (settings.project, settings.region, settings.environment) == ("my-project", "us-central1", "prod")
    assert settings.endpoint is not None
    assert settings.endpoint.network == "default"
    assert [(m.min_replica_count, m.max_replica_count) for m in settings.models] == [(1, 1), (1, 1)]
    assert settings.workload_identity.service_account_id == "gemini-inference-sa"
    assert settings.workload_identity.role == "predict-only"
    assert settings.workload_identity.grant == "impersonation"
    assert settings.kubernetes is None
    assert settings.perimeter.mode == "off"
    assert settings.labels == {}


def test_a_single_model_takes_all_traffic_by_default() -> None:
    """One model needs no percentage."""
    assert read(one_model()).traffic == {"only": 100}


def test_the_maximum_follows_the_minimum_by_default() -> None:
    """As in the API, where maxReplicaCount defaults to minReplicaCount."""
    assert read(one_model(minReplicaCount=3)).models[0].max_replica_count == 3


@pytest.mark.parametrize(("stack", "environment"), [("dev", "dev"), ("prod", "prod"), ("team-a", "prod")])
def test_the_environment_defaults_to_prod_unless_the_stack_is_called_dev(stack: str, environment: str) -> None:
    """The strict rules hold unless someone says dev."""
    assert read(prod(), stack).environment == environment


def test_prod_is_protected_unless_it_is_lifted_and_dev_is_not() -> None:
    """As the environment has it, whatever the stack is called."""
    assert read(prod()).protect
    assert not read(prod(protect=False)).protect
    assert not read(prod(environment="dev")).protect
    assert read(prod(environment="dev", protect=True)).protect


def test_digits_are_read_as_text_where_ids_are_meant() -> None:
    """YAML reads an unquoted id of digits as a number; that is no mistake."""
    settings = read({**one_model(model=1234567890), "gemini-vertex:perimeter": {"mode": "dry-run", "organization": 42}})
    assert settings.models[0].model == "1234567890"
    assert settings.perimeter.organization == "42"


@pytest.mark.parametrize("given", ["123", "accessPolicies/123"])
def test_an_access_policy_is_taken_with_or_without_its_collection(given: str) -> None:
    """gcloud shows it either way."""
    assert read(prod(perimeter={"mode": "dry-run", "accessPolicy": given})).perimeter.access_policy == "123"


PROGRAM = [
    ("missing endpoint", prod(endpoint=None), "endpoint", "is missing; set it, for example endpoint: {name:"),
    ("missing models", prod(models=None), "models", "is missing"),
    ("no models", prod(models=[]), "models", "is empty; name at least one model"),
    ("missing identity", prod(workloadIdentity=None), "workloadIdentity", "is missing"),
    ("endpoint is text", prod(endpoint="x"), "endpoint", 'is "x"; it must be a mapping with the keys name'),
    ("models is a mapping", prod(models={"name": "x"}), "models", "it must be a list, each entry with the keys name"),
    ("a model is text", prod(models=["x"]), "models[0]", "it must be a mapping with the keys name, model"),
    ("unknown environment", prod(environment="production"), "environment", "must be dev or prod (did you mean prod?)"),
    ("unknown top-level key", prod(modells=1), "modells", "is not a known key; did you mean models?"),
    ("nothing near", prod(zzz=1), "zzz", "the keys here are environment, endpoint, models"),
    (
        "public prod",
        prod(endpoint={"name": "e", "connectivity": "public"}),
        "endpoint.connectivity",
        "off the internet",
    ),
    ("no such connectivity", prod(endpoint={"name": "e", "connectivity": "psc"}), "endpoint.connectivity", '"psc"'),
    ("no connectivity", prod(endpoint={"name": "e"}), "endpoint.connectivity", "is missing"),
    ("no endpoint name", prod(endpoint={"connectivity": "private-service-connect"}), "endpoint.name", "is missing"),
    (
        "peered with two models",
        prod(endpoint={"name": "e", "connectivity": "peered-network"}),
        "endpoint.connectivity",
        "Google allows one model and no split",
    ),
    (
        "dedicated without a choice",
        prod(endpoint={"name": "e", "connectivity": "private-service-connect", "dedicated": True}),
        "endpoint.dedicated",
        "has no such choice; remove it",
    ),
    (
        "dedicated as text",
        prod(environment="dev", endpoint={"name": "e", "connectivity": "public", "dedicated": "yes"}),
        "endpoint.dedicated",
        "true or false, without quotes",
    ),
    (
        "network of a public endpoint",
        prod(environment="dev", endpoint={"name": "e", "connectivity": "public", "network": "default"}),
        "endpoint.network",
        "has no such choice; remove it",
    ),
    (
        "network's name",
        prod(endpoint={"name": "e", "connectivity": "private-service-connect", "network": "My Net"}),
        "endpoint.network",
        "a network's name, or projects/PROJECT/global/networks/NAME",
    ),
    (
        "service account's e-mail",
        prod(workloadIdentity={"namespace": "n", "kubernetesServiceAccount": "k", "serviceAccount": "a@b.com"}),
        "workloadIdentity.serviceAccount",
        "not the e-mail address",
    ),
    (
        "namespace",
        prod(workloadIdentity={"namespace": "Prod", "kubernetesServiceAccount": "k"}),
        "workloadIdentity.namespace",
        "a DNS-1123 label",
    ),
    (
        "kubernetes service account",
        prod(workloadIdentity={"namespace": "n", "kubernetesServiceAccount": "gemini_app"}),
        "workloadIdentity.kubernetesServiceAccount",
        "a DNS-1123 subdomain",
    ),
    (
        "role",
        prod(workloadIdentity={"namespace": "n", "kubernetesServiceAccount": "k", "role": "roles/owner"}),
        "workloadIdentity.role",
        "must be predict-only or roles/aiplatform.user",
    ),
    (
        "grant",
        prod(workloadIdentity={"namespace": "n", "kubernetesServiceAccount": "k", "grant": "keys"}),
        "workloadIdentity.grant",
        "must be impersonation or direct",
    ),
    (
        "an account with a direct grant",
        prod(
            workloadIdentity={"namespace": "n", "kubernetesServiceAccount": "k", "grant": "direct"}
            | {"serviceAccount": "gemini-inference-sa"}
        ),
        "workloadIdentity.serviceAccount",
        "there is no Google service account; remove it",
    ),
    ("protect", prod(protect="yes"), "protect", "must be true or false"),
    ("no context", prod(kubernetes={"createNamespace": True}), "kubernetes.context", "is missing"),
    ("perimeter mode", prod(perimeter={"mode": "dryrun"}), "perimeter.mode", "(did you mean dry-run?)"),
    (
        "perimeter id",
        prod(perimeter={"mode": "dry-run", "name": "a-b"}),
        "perimeter.name",
        "letters, digits or undersc",
    ),
    (
        "organization",
        prod(perimeter={"organization": "example.com"}),
        "perimeter.organization",
        "organization's number",
    ),
    (
        "two owners of the policy",
        prod(perimeter={"organization": 1, "accessPolicy": 2}),
        "perimeter.organization",
        "is set beside accessPolicy",
    ),
    (
        "perimeter around a dedicated public endpoint",
        prod(environment="dev", endpoint={"name": "e", "connectivity": "public"}, perimeter={"mode": "dry-run"}),
        "perimeter.mode",
        "do not cover a dedicated public endpoint",
    ),
    (
        "access level's name",
        prod(perimeter={"mode": "dry-run", "accessLevels": ["ci"]}),
        "perimeter.accessLevels[0]",
        "must be accessPolicies/NUMBER/accessLevels/NAME",
    ),
    ("access levels are text", prod(perimeter={"accessLevels": "ci"}), "perimeter.accessLevels", "must be a list"),
    ("labels are text", prod(labels="a=b"), "labels", "must be a mapping of label to text"),
    ("label's key", prod(labels={"Team": "a"}), "labels.Team", "lower-case letters"),
    ("label's value", prod(labels={"team": "A B"}), "labels.team", 'is "A B"; it must be at most 63'),
    ("too many labels", prod(labels={f"l{n}": "x" for n in range(65)}), "labels", "takes 64 at most"),
    ("label of a list", prod(labels={"team": ["a"]}), "labels.team", "must be text"),
]


@pytest.mark.parametrize(("config", "key", "says"), [case[1:] for case in PROGRAM], ids=[case[0] for case in PROGRAM])
def test_a_mistake_is_named_by_its_key(config: dict[str, Any], key: str, says: str) -> None:
    """One mistake gives one problem, at its key, saying what is allowed."""
    found = problems(config)
    assert list(found) == [f"gemini-vertex:{key}"]
    assert says in found[f"gemini-vertex:{key}"]


def test_unknown_keys_deep_down_are_named_with_the_nearest() -> None:
    """A misspelt key is one mistake, not also a missing one."""
    config = one_model(machineType=None, machinetype="n1-standard-4")
    assert problems(config) == {"gemini-vertex:models[0].machinetype": "is not a known key; did you mean machineType?"}


def test_all_mistakes_come_at_once_even_beside_a_broken_one() -> None:
    """A value of the wrong type hides no other mistake."""
    config = prod(environment="prd", labels=[])
    config["gcp:project"] = "X"
    config["gemini-vertex:models"][0] |= {"minReplicaCount": "2", "maxReplica": 3}
    config["gemini-vertex:models"][1] |= {"machineType": "n1-big", "traffic": 4}
    assert set(problems(config)) == {
        "gcp:project",
        "gemini-vertex:environment",
        "gemini-vertex:labels",
        "gemini-vertex:models",
        "gemini-vertex:models[0].minReplicaCount",
        "gemini-vertex:models[0].maxReplica",
        "gemini-vertex:models[1].machineType",
    }


def test_the_error_has_one_line_for_each_mistake() -> None:
    """The text is a heading and one line a problem, whatever the values hold."""
    config = prod(labels={"a\nb": "c\nd"}, environment="x\ny")
    with pytest.raises(SettingsError) as caught:
        read(config)
    assert len(str(caught.value).splitlines()) == 1 + len(caught.value.problems)
    assert str(caught.value).startswith("the configuration of stack prod has 2 mistakes:\n  gemini-vertex:")


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("gemini-vertx:models", "did you mean gemini-vertex:models?"),
        ("vertex_serving:allowBaseGemini", "did you mean vertex-serving:allowBaseGemini?"),
        ("vertex-serving:allowBaseGemni", "(did you mean allowBaseGemini?)"),
    ],
)
def test_keys_of_a_misspelt_package_are_named(key: str, says: str) -> None:
    """A whole section under a wrong name would otherwise be ignored in silence."""
    assert says in problems({**prod(), key: "true"})[key]


@pytest.mark.parametrize("key", ["gcp:zone", "kubernetes:context", "pulumi:tags", "random:seed", "vertex-ai:x"])
def test_keys_of_other_packages_are_left_alone(key: str) -> None:
    """They belong to their own providers."""
    assert read({**prod(), key: "x"}).project == "my-project"


def test_a_missing_project_is_named_with_the_command() -> None:
    """The first thing that a new user meets."""
    config = prod()
    del config["gcp:project"]
    assert problems(config) == {"gcp:project": "is missing; say `pulumi config set gcp:project PROJECT_ID`"}


@pytest.mark.parametrize(
    "variable", ["GOOGLE_PROJECT", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"]
)
def test_the_project_falls_back_to_the_environment(variable: str) -> None:
    """The same variables as pulumi-gcp's."""
    config = prod()
    del config["gcp:project"]
    assert read(config, environ={variable: "other-project"}).project == "other-project"


def test_a_bad_project_from_the_environment_names_the_variable() -> None:
    """Else a person looks for it in the wrong place."""
    config = prod()
    del config["gcp:project"]
    assert "gcp:project (from the variable GOOGLE_PROJECT)" in problems(config, environ={"GOOGLE_PROJECT": "Bad"})


@pytest.mark.parametrize(("value", "says"), [("123456789012", "project's number"), ("My-Project", "a project id:")])
def test_a_project_must_be_an_id(value: str, says: str) -> None:
    """Numbers and display names are not ids."""
    assert says in problems({**prod(), "gcp:project": value})["gcp:project"]


@pytest.mark.parametrize("region", ["us-central1", "europe-west4", "asia-northeast1", "me-central2"])
def test_any_region_of_vertex_ai_is_taken(region: str) -> None:
    """The article's three and the others."""
    assert read({**prod(), "gcp:region": region}).region == region


@pytest.mark.parametrize("region", ["us-centrall1", "us", "global", "us-central1-a"])
def test_what_is_no_region_is_refused_with_the_nearest(region: str) -> None:
    """Zones and multi-regions have no endpoints for deployed models."""
    assert "must be a region of Vertex AI" in problems({**prod(), "gcp:region": region})["gcp:region"]


def test_the_region_falls_back_to_the_environment() -> None:
    """The same variable as pulumi-gcp's."""
    assert read(prod(), environ={"GOOGLE_REGION": "europe-west4"}).region == "europe-west4"


def test_one_model_may_use_a_peered_network() -> None:
    """Peering is refused for its missing split only."""
    config = one_model() | {"gemini-vertex:endpoint": {"name": "e", "connectivity": "peered-network"}}
    endpoint = read(config).endpoint
    assert endpoint is not None
    assert endpoint.connectivity == "peered-network"


def test_dev_may_be_public_and_shared() -> None:
    """Tuned Gemini is served on shared public endpoints only."""
    config = one_model(model=OWN_MODEL) | {
        "gemini-vertex:endpoint": {"name": "e", "connectivity": "public", "dedicated": False},
        "gemini-vertex:perimeter": {"mode": "dry-run"},
    }
    settings = read(config, "dev")
    assert settings.endpoint is not None
    assert (settings.endpoint.connectivity, settings.endpoint.dedicated) == ("public", False)


def test_expected_requests_are_a_count_and_need_not_be_said() -> None:
    """A minute, for preflight alone."""
    assert read(prod()).expected_requests_per_minute is None
    assert read(prod(expectedRequestsPerMinute=600)).expected_requests_per_minute == 600
    for wrong in (0, -1, "many", 1.5, True):
        key = "gemini-vertex:expectedRequestsPerMinute"
        assert "it must be a whole number from 1 to" in problems(prod(expectedRequestsPerMinute=wrong))[key]
