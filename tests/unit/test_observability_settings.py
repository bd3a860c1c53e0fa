"""`gemini-vertex:observability` as it is read, and what the program makes of it."""

from pathlib import Path
from typing import Any

import pytest

import permissions
from preflight.access import needed_permissions
from sandbox.services.iam_roles import ROLES
from settings import SettingsError
from settings.load import PROJECT_VARIABLES, REGION_VARIABLES
from tests.unit.configurations import prod, read
from tests.unit.programs import run_program, stack_file

KEY = "gemini-vertex:observability"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program writes a manifest where it runs, and looks at the environment for a project."""
    monkeypatch.chdir(tmp_path)
    for name in (*PROJECT_VARIABLES, *REGION_VARIABLES):
        monkeypatch.delenv(name, raising=False)


def problems(observability: Any) -> dict[str, str]:
    """The problems of a prod stack with this section, by key."""
    with pytest.raises(SettingsError) as caught:
        read(prod(observability=observability))
    return {problem.key.removeprefix(KEY): problem.text for problem in caught.value.problems}


def test_without_the_section_nothing_is_made() -> None:
    """Neither resources nor APIs; an endpoint logs no requests."""
    assert read(prod()).observability is None
    done = run_program(stack_file("prod"))
    assert [r.typ for r in done.resources if "monitoring" in r.typ or "bigquery" in r.typ] == []
    assert "predictRequestResponseLoggingConfig" not in done.one(":AiEndpoint").inputs


def test_an_empty_section_takes_the_defaults_and_warns_that_nobody_is_told() -> None:
    """`observability: {}` is a dashboard, alerts and an objective; request logging stays off."""
    settings = read(prod(observability={}))
    found = settings.observability
    assert found is not None
    assert (found.error_ratio_percent, found.latency_seconds, found.slo_percent) == (5, 10, 99.5)
    assert (found.notify, found.dashboard, found.request_logging) == ((), True, None)
    assert any("nobody is told" in warning for warning in settings.warnings)


def test_a_full_section_is_read() -> None:
    """Every key of Pulumi.yaml."""
    given = {
        "notify": ["oncall@example.com", "projects/my-project/notificationChannels/42"],
        "errorRatioPercent": 1.5,
        "latencySeconds": 2,
        "sloPercent": 99.9,
        "dashboard": False,
        "requestLogging": {"dataset": "gemini_requests", "samplingRate": 0.05, "expirationDays": 7},
    }
    settings = read(prod(observability=given))
    found = settings.observability
    assert found is not None
    assert found.notify == ("oncall@example.com", "projects/my-project/notificationChannels/42")
    assert (found.error_ratio_percent, found.latency_seconds, found.slo_percent) == (1.5, 2, 99.9)
    assert found.dashboard is False
    assert vars(found.request_logging) == {"dataset": "gemini_requests", "sampling_rate": 0.05, "expiration_days": 7}
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("given", "key", "says"),
    [
        ({"errorRatioPercent": 0}, ".errorRatioPercent", "above 0 and at most 100"),
        ({"errorRatioPercent": "5"}, ".errorRatioPercent", "must be a number"),
        ({"latencySeconds": True}, ".latencySeconds", "must be a number"),
        ({"sloPercent": 100}, ".sloPercent", "at most 99.99"),
        ({"notify": "oncall@example.com"}, ".notify", "must be a list"),
        ({"notify": ["oncall"]}, ".notify[0]", "an e-mail address, or projects/PROJECT/notificationChannels/NUMBER"),
        ({"notify": ["https://hooks.example.com/T0K3N"]}, ".notify[0]", "a token does not belong here"),
        ({"notify": ["a@b.example", "a@b.example"]}, ".notify[1]", "again"),
        ({"dashboard": "yes"}, ".dashboard", "true or false"),
        ({"requestLogging": {}}, ".requestLogging.dataset", "is missing"),
        ({"requestLogging": {"dataset": "a-b"}}, ".requestLogging.dataset", "letters, digits or underscores"),
        ({"requestLogging": {"dataset": "a", "samplingRate": 2}}, ".requestLogging.samplingRate", "at most 1"),
        ({"requestLogging": {"dataset": "a", "expirationDays": 0}}, ".requestLogging.expirationDays", "from 1"),
        ({"notifiy": []}, ".notifiy", "did you mean notify"),
        ([], "", "mapping"),
    ],
)
def test_a_mistake_is_reported_by_its_key(given: Any, key: str, says: str) -> None:
    """What is wrong, what is allowed, where."""
    found = problems(given)
    assert says in found[key]


def test_a_fraction_is_what_pulumi_config_set_writes_of_it() -> None:
    """`pulumi config set --path` makes numbers of whole numbers alone, and text of 0.5."""
    found = read(prod(observability={"notify": ["a@b.example"], "sloPercent": "99.9", "latencySeconds": "2.5"}))
    assert found.observability is not None
    assert (found.observability.slo_percent, found.observability.latency_seconds) == (99.9, 2.5)
    assert "at most 99.99" in problems({"sloPercent": "99.995"})[".sloPercent"]
    assert "must be a number" in problems({"sloPercent": "1e1"})[".sloPercent"]


def test_the_program_watches_what_it_deploys() -> None:
    """The endpoint's number and the deployed models' ids of the same program are in the policies, after their APIs."""
    section = {"notify": ["oncall@example.com"], "requestLogging": {"dataset": "gemini_requests"}}
    done = run_program({**stack_file("prod"), KEY: section})
    services = {service.inputs["service"] for service in done.of("projects/service:Service")}
    assert {"monitoring.googleapis.com", "logging.googleapis.com", "bigquery.googleapis.com"} <= services
    policies = {policy.name: policy.inputs for policy in done.of(":AlertPolicy")}
    assert len(policies) == 8
    drift = policies["gemini-prod-split-drift"]["conditions"][0]["conditionPrometheusQueryLanguage"]["query"]
    assert f'endpoint_id="{done.outputs["endpointId"]}"' in drift
    assert all(f'deployed_model_id="{number}"' in drift for number in done.outputs["deployedModels"].values())
    assert policies["gemini-prod-quota"]["userLabels"] == {"environment": "prod"}
    logged = done.one(":AiEndpoint").inputs["predictRequestResponseLoggingConfig"]
    assert logged["bigqueryDestination"] == {"outputUri": "bq://my-project.gemini_requests.request_response_logging"}
    assert done.one(":Dataset").inputs["location"] == "us-central1"


def test_bigquery_is_enabled_only_where_requests_are_logged() -> None:
    """An API that nothing calls is not enabled."""
    done = run_program({**stack_file("prod"), KEY: {}})
    services = {service.inputs["service"] for service in done.of("projects/service:Service")}
    assert "monitoring.googleapis.com" in services
    assert "bigquery.googleapis.com" not in services


def test_requests_are_logged_only_where_google_logs_them() -> None:
    """choose-endpoint-type: not on a peered endpoint; beside one, the managed models' requests are."""
    section = {"notify": ["a@b.example"], "requestLogging": {"dataset": "d"}}
    peered = {"name": "e", "connectivity": "peered-network"}
    own = {"name": "own", "model": "1", "machineType": "n1-standard-4", "traffic": 90}
    with pytest.raises(SettingsError) as caught:
        read(prod(observability=section, endpoint=peered, models=[{**own, "traffic": 100}]))
    (problem,) = caught.value.problems
    assert problem.key == f"{KEY}.requestLogging"
    assert "a peered endpoint logs no requests" in problem.text
    beside = [own, {"name": "m", "model": "gemini-3.8-flash", "serving": "managed", "traffic": 10}]
    found = read(prod(observability=section, endpoint=peered, models=beside))
    assert found.observability is not None
    assert found.observability.request_logging is not None
    (warning,) = [each for each in found.warnings if "requestLogging" in each]
    assert "holds for the managed models alone" in warning


def test_the_program_watches_managed_models_without_an_endpoint() -> None:
    """Every model managed: the alerts of that route alone, and its log."""
    config = stack_file("prod")
    del config["gemini-vertex:endpoint"]
    config["gemini-vertex:models"] = [{"name": "m", "model": "gemini-3.8-flash", "serving": "managed"}]
    done = run_program({**config, KEY: {"notify": ["a@b.example"], "requestLogging": {"dataset": "d"}}})
    logged = done.one(":PublisherModelConfig").inputs
    assert (logged["model"], logged["region"]) == ("gemini-3.8-flash", "us-central1")
    assert logged["logging"]["bigqueryDestination"] == "bq://my-project.d.gemini_3_8_flash_us_central1"
    names = {policy.name.removeprefix("gemini-prod-") for policy in done.of(":AlertPolicy")}
    assert names == {"error-ratio", "latency-p95", "quota", "perimeter", "fast-burn-managed", "slow-burn-managed"}
    assert [slo.inputs["sloId"] for slo in done.of(":Slo")] == ["good-responses-managed"]


def test_the_program_watches_both_routes_at_once() -> None:
    """One model on the endpoint, one managed; the split of the endpoint alone would be 100."""
    config = stack_file("prod")
    config["gemini-vertex:models"][1] = {
        "name": "managed",
        "model": "gemini-3.8-flash",
        "serving": "managed",
        "traffic": 5,
    }
    done = run_program({**config, KEY: {"notify": ["a@b.example"]}})
    policies = {policy.name.removeprefix("gemini-prod-"): policy.inputs for policy in done.of(":AlertPolicy")}
    assert len(policies["error-ratio"]["conditions"]) == 2
    assert "split-drift" not in policies, "one model on the endpoint has no split"
    assert {"fast-burn-endpoint", "fast-burn-managed", "saturation"} <= set(policies)


def test_preflight_asks_for_what_watching_takes() -> None:
    """Nothing without the section; datasets only where requests are logged; each with a role that has it."""

    def needed(observability: Any) -> set[str]:
        found = needed_permissions(read(prod(observability=observability)))
        return {name for name in found if name.startswith(("monitoring.", "bigquery."))}

    assert needed(None) == set()
    assert needed({}) == set(permissions.MONITORING)
    assert needed({"requestLogging": {"dataset": "d"}}) == {*permissions.MONITORING, *permissions.REQUEST_LOG}
    managed = [{"name": "m", "model": "gemini-3.8-flash", "serving": "managed"}]
    for log, takes in (({}, set()), ({"requestLogging": {"dataset": "d"}}, set(permissions.MANAGED_LOG))):
        found = needed_permissions(read(prod(observability=log, endpoint=None, models=managed)))
        assert {name for name in found if name.startswith("aiplatform.") and name != "aiplatform.models.get"} == takes
    watching = {**permissions.MONITORING, **permissions.REQUEST_LOG, **permissions.MANAGED_LOG}
    for permission, role in watching.items():
        assert permission in ROLES[role][1]
