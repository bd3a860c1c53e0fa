"""`gemini-vertex:fallback`: what is read, what is refused, and that its key is never shown."""

from typing import Any

import pytest

from settings import SettingsError
from tests.unit.configurations import managed, one_model, read

KEY = "AIza-never-to-be-shown"
SECRET = ("gemini-vertex:fallback",)
CLUSTER = {"gemini-vertex:kubernetes": {"context": "mine"}}


def with_fallback(**changes: Any) -> dict[str, Any]:
    """A managed stack with a fallback changed by `changes`; None removes a key."""
    section = {"model": "gemini-3.8-flash", "apiKey": KEY, **changes}
    return managed() | {"gemini-vertex:fallback": {key: value for key, value in section.items() if value is not None}}


def problem(config: dict[str, Any], key: str, secrets: tuple[str, ...] = SECRET) -> str:
    """The text of the only problem, which must be at `key`; it shows no value of the section."""
    with pytest.raises(SettingsError) as caught:
        read(config, secrets=secrets)
    assert [found.key for found in caught.value.problems] == [f"gemini-vertex:{key}"]
    assert KEY not in str(caught.value)
    return caught.value.problems[0].text


def test_it_is_off_unless_it_is_given() -> None:
    """And then needs a model and a key alone."""
    assert read(managed()).fallback is None
    found = read(with_fallback(), secrets=SECRET).fallback
    assert found is not None
    assert found.model == "gemini-3.8-flash"
    assert (found.kept.store, found.kept.name) == ("secret-manager", "gemini-developer-api-key")
    assert (found.bounds.requests_per_minute, found.bounds.concurrency) == (None, None)


def test_its_calls_can_be_bounded() -> None:
    """For each process of the application; whole numbers from 1."""
    found = read(with_fallback(requestsPerMinute=6000, concurrency=200), secrets=SECRET).fallback
    assert found is not None
    assert (found.bounds.requests_per_minute, found.bounds.concurrency) == (6000, 200)


def test_it_is_for_endpoints_too() -> None:
    """The article's, which serves on an endpoint."""
    fallback = with_fallback()["gemini-vertex:fallback"]
    assert read(one_model() | {"gemini-vertex:fallback": fallback}, secrets=SECRET).fallback


def test_the_settings_hold_no_key() -> None:
    """Nowhere in them."""
    assert KEY not in repr(read(with_fallback(), secrets=SECRET))


@pytest.mark.parametrize(
    ("changes", "key", "says"),
    [
        ({"apiKey": None}, "fallback.apiKey", "is missing; say `pulumi config set --secret --path"),
        ({"apiKey": ""}, "fallback.apiKey", "is no key"),
        ({"apiKey": f" {KEY}"}, "fallback.apiKey", "is no key: it must be text without blanks"),
        ({"apiKey": [KEY]}, "fallback.apiKey", "is no key"),
        ({"model": None}, "fallback.model", "is missing"),
        ({"model": KEY}, "fallback.model", "must be the id of a Gemini model"),
        ({"model": {"x": KEY}}, "fallback.model", "is a value that is not shown here; it must be text"),
        ({"model": "gemini-2.0-flash"}, "fallback.model", "was retired on 2026-06-01"),
        (
            {"store": KEY},
            "fallback.store",
            "is a value that is not shown here; it must be kubernetes or secret-manager",
        ),
        ({"store": "kubernetes"}, "fallback.store", "needs a cluster, because the key is never written to a file"),
        ({"secretName": f"{KEY}_"}, "fallback.secretName", "is a value that is not shown here; it must be 1 to 253"),
        ({"requestsPerMinute": 0}, "fallback.requestsPerMinute", "it must be a whole number from 1 to 1000000"),
        ({"concurrency": KEY}, "fallback.concurrency", "is a value that is not shown here; it must be a whole number"),
        ({"apikey": KEY, "apiKey": None}, "fallback.apikey", "is not a known key; did you mean apiKey?"),
    ],
)
def test_a_mistake_is_named_without_the_value(changes: dict[str, Any], key: str, says: str) -> None:
    """Whatever was typed in the wrong place."""
    assert says in problem(with_fallback(**changes), key)


@pytest.mark.parametrize("value", [KEY, [KEY], 7])
def test_a_section_that_is_no_mapping_shows_nothing(value: Any) -> None:
    """A person may have set the key where the section belongs."""
    says = problem(managed() | {"gemini-vertex:fallback": value}, "fallback")
    assert "is a value that is not shown here; it must be a mapping with the keys model, apiKey" in says


def test_a_key_in_plain_text_is_refused_with_the_command() -> None:
    """The engine tells which config keys hold a secret."""
    says = problem(with_fallback(), "fallback.apiKey", secrets=())
    assert "plain text" in says
    assert "`pulumi config set --secret --path gemini-vertex:fallback.apiKey`" in says


def test_a_cluster_keeps_the_key_where_that_is_asked_for() -> None:
    """Under a name of one's own."""
    found = read(with_fallback(store="kubernetes", secretName="key-1") | CLUSTER, secrets=SECRET).fallback
    assert found is not None
    assert (found.kept.store, found.kept.name) == ("kubernetes", "key-1")


def test_a_perimeter_and_a_fallback_are_warned_of() -> None:
    """The Developer API is outside of every perimeter."""
    config = with_fallback() | {"gemini-vertex:perimeter": {"mode": "dry-run"}}
    (warning,) = read(config, secrets=SECRET).warnings
    assert "outside the perimeter" in warning


def test_only_secret_manager_needs_its_api() -> None:
    """The Developer API belongs to the key's own project."""
    secretmanager = "secretmanager.googleapis.com"
    assert secretmanager in read(with_fallback(), secrets=SECRET).apis
    assert secretmanager not in read(with_fallback(store="kubernetes") | CLUSTER, secrets=SECRET).apis
    assert secretmanager not in read(managed()).apis
