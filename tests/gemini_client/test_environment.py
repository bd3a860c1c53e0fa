"""Every variable that the client reads does what its README says."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gemini_client import ConfigurationError, DeveloperApiBounds, Options, Retry, Routes, Tls, environment
from tests.gemini_client.harness import FALLBACK, FakeTiming, World

ONE = {"GCP_PROJECT_ID": "p", "VERTEX_ENDPOINT_ID": "7"}
RATE, CALLS = "GEMINI_DEVELOPER_API_REQUESTS_PER_MINUTE", "GEMINI_DEVELOPER_API_CONCURRENCY"


def routes(**variables: str) -> Routes:
    return environment.source(variables.get, Options(), FakeTiming(), lambda *_: None).current()


@pytest.mark.parametrize(
    ("variables", "field", "value"),
    [
        ({}, "endpoint", "projects/p/locations/us-central1/endpoints/7"),
        ({"GCP_REGION": "europe-west4"}, "endpoint", "projects/p/locations/europe-west4/endpoints/7"),
        ({"GCP_REGION": " "}, "location", "us-central1"),
        (
            {"VERTEX_ENDPOINT_ID": "projects/q/locations/eu/endpoints/8"},
            "endpoint",
            "projects/q/locations/eu/endpoints/8",
        ),
        ({}, "host", ""),
        ({"VERTEX_ENDPOINT_HOST": "10.0.0.5"}, "host", "10.0.0.5"),
        ({}, "api", ""),
        ({"VERTEX_ENDPOINT_API": "predict"}, "api", "predict"),
        ({}, "scheme", "https"),
        ({"VERTEX_ENDPOINT_SCHEME": "http"}, "scheme", "http"),
    ],
)
def test_the_article_s_variables_make_one_route(variables: dict[str, str], field: str, value: str) -> None:
    (route,) = routes(**{**ONE, **variables}).routes
    assert getattr(route, field) == value


def test_a_fallback_model_turns_the_developer_api_on() -> None:
    assert routes(**ONE).developer_api is None
    found = routes(**ONE, GEMINI_FALLBACK_MODEL=FALLBACK).developer_api
    assert found
    assert found.model == FALLBACK


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({}, "GCP_PROJECT_ID and VERTEX_ENDPOINT_ID are not set"),
        ({"GCP_PROJECT_ID": "p"}, "VERTEX_ENDPOINT_ID is not set"),
        ({**ONE, "VERTEX_ENDPOINT_SCHEME": "ftp"}, "scheme: 'ftp' is none of https, http"),
        ({**ONE, "VERTEX_ENDPOINT_API": "chat"}, "api: 'chat' is none of generateContent"),
        ({"GEMINI_ROUTES_FILE": "/nowhere/routes.json"}, "Is the ConfigMap mounted?"),
    ],
)
def test_what_is_missing_or_wrong_is_named(variables: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says.replace("?", "[?]")):
        routes(**variables)


def bounds(**fields: Any) -> DeveloperApiBounds:
    return DeveloperApiBounds(**fields)


@pytest.mark.parametrize(
    ("variables", "given", "made"),
    [
        ({}, None, Options()),
        ({"GEMINI_DEADLINE_SECONDS": "7.5"}, None, Options(deadline=7.5)),
        ({"GEMINI_FIRST_CHUNK_SECONDS": "12.5"}, None, Options(first_chunk_seconds=12.5)),
        ({RATE: "90"}, None, Options(developer_api=bounds(requests_per_minute=90))),
        ({CALLS: "3"}, None, Options(developer_api=bounds(concurrency=3))),
        ({CALLS: "0.5"}, None, Options(developer_api=bounds(concurrency=1))),
        ({"VERTEX_ENDPOINT_CA_FILE": "/ca.pem"}, None, Options(tls=Tls(Path("/ca.pem")))),
        ({"VERTEX_ENDPOINT_TLS": "self-signed"}, None, Options(tls=Tls(self_signed=True))),
        ({"VERTEX_ENDPOINT_TLS": ""}, None, Options()),
        # What the code says goes before, field by field.
        ({"GEMINI_DEADLINE_SECONDS": "7"}, Options(retry=Retry(3)), Options(deadline=7, retry=Retry(3))),
        ({"GEMINI_DEADLINE_SECONDS": "7"}, Options(deadline=30), Options(deadline=30)),
        ({"GEMINI_FIRST_CHUNK_SECONDS": "7"}, Options(first_chunk_seconds=9), Options(first_chunk_seconds=9)),
        # Also where it says what the default is.
        ({"GEMINI_DEADLINE_SECONDS": "7"}, Options(deadline=120), Options(deadline=120)),
        ({"GEMINI_FIRST_CHUNK_SECONDS": "7"}, Options(first_chunk_seconds=60.0), Options(first_chunk_seconds=60)),
        (
            {RATE: "90", CALLS: "3"},
            Options(developer_api=bounds(requests_per_minute=600, concurrency=64)),
            Options(developer_api=bounds(requests_per_minute=600, concurrency=64)),
        ),
        (
            {"VERTEX_ENDPOINT_TLS": "self-signed"},
            Options(tls=Tls(self_signed=False)),
            Options(tls=Tls(self_signed=False)),
        ),
        # A copy says no more than what it was made from.
        ({"GEMINI_DEADLINE_SECONDS": "7"}, replace(Options(), connect_seconds=3), Options(7, connect_seconds=3)),
        (
            {RATE: "90", CALLS: "3"},
            Options(developer_api=bounds(concurrency=20)),
            Options(developer_api=bounds(requests_per_minute=90, concurrency=20)),
        ),
        (
            {"VERTEX_ENDPOINT_CA_FILE": "/ca.pem", "VERTEX_ENDPOINT_TLS": "self-signed"},
            Options(tls=Tls(Path("/mine.pem"))),
            Options(tls=Tls(Path("/mine.pem"), self_signed=True)),
        ),
    ],
)
def test_options_are_the_codes_then_the_environments(
    variables: dict[str, str], given: Options | None, made: Options
) -> None:
    assert environment.options(variables.get, given) == made


@pytest.mark.parametrize("name", ["GEMINI_DEADLINE_SECONDS", "GEMINI_FIRST_CHUNK_SECONDS", RATE, CALLS])
@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", "inf"])
def test_a_number_that_is_none_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name}: '{value}' is no positive number"):
        environment.options({name: value}.get, None)


def test_an_unknown_word_for_tls_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="VERTEX_ENDPOINT_TLS: 'off' is not known"):
        environment.options({"VERTEX_ENDPOINT_TLS": "off"}.get, Options())


def test_a_client_takes_all_of_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The endpoint is down: the fallback model answers, within bounds that the environment sets."""
    for name, value in {**ONE, "GEMINI_FALLBACK_MODEL": FALLBACK, RATE: "1", "GEMINI_DEADLINE_SECONDS": "9"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("VERTEX_ENDPOINT_HOST", "us-central1-aiplatform.googleapis.com")
    monkeypatch.setenv("VERTEX_ENDPOINT_API", "predict")
    world.order({"method": "aiplatform.*", "status": 503})
    client = world.from_env(options=Options(retry=Retry(attempts=1)))
    reply = client.ask()
    assert (reply.route, reply.model) == ("developer-api", FALLBACK)
    shown = client.state()["developerApi"]
    assert (shown["model"], shown["requestsPerMinute"], shown["concurrency"]) == (FALLBACK, 1, 64)
    world.order({"method": "aiplatform.*", "hang": True})
    monkeypatch.setenv("GEMINI_FIRST_CHUNK_SECONDS", "0.1")
    assert world.from_env().ask().route == "developer-api"
    monkeypatch.setenv("GEMINI_DEADLINE_SECONDS", "0.05")
    with pytest.raises(Exception, match=r"deadline of the whole call, 0\.05 s"):
        world.from_env().ask()
