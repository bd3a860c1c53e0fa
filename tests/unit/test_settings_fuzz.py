"""Whatever a configuration holds, reading it gives settings or sentences, never a traceback."""

import datetime as dt
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from settings import Settings, SettingsError, load
from tests.unit.configurations import TODAY, engine_form, prod

KEYS = [
    *("serving", "fallback", "apiKey", "store", "location", "throughput", "fallbackOrder", "api", "scheme"),
    *("environment", "endpoint", "models", "workloadIdentity", "kubernetes", "perimeter", "protect", "labels"),
    *("name", "connectivity", "network", "dedicated", "model", "traffic", "minReplicaCount", "maxReplicaCount"),
    *("machineType", "acceleratorType", "acceleratorCount", "autoscalingMetrics", "metricName", "target"),
    *("serviceAccount", "namespace", "kubernetesServiceAccount", "role", "context", "kubeconfig", "createNamespace"),
    *("mode", "title", "organization", "accessPolicy", "policyTitle"),
]
WORDS = [
    "dev",
    "prod",
    "public",
    "peered-network",
    "n1-standard-4",
    "NVIDIA_L4",
    "enforced",
    "gemini-3.8-flash",
    "true",
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**4400, 10**4400 + 5)
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=20)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), inner),
    max_leaves=12,
)
NAMESPACES = st.sampled_from(["gemini-vertex", "gemini-vertx", "vertex-serving", "gcp", "other"])
TOP = st.tuples(NAMESPACES, st.sampled_from([*KEYS, "project", "region", "allowBaseGemini"]) | st.text(max_size=8))


def outcome(config: dict[str, str], stack: str = "prod") -> Settings | SettingsError:
    """What reading `config` gives."""
    try:
        return load(config, stack, {}, TODAY)
    except SettingsError as error:
        return error


def assert_sentences(found: Settings | SettingsError) -> None:
    """Problems are printable lines that begin with a full key."""
    if isinstance(found, Settings):
        return
    lines = str(found).split("\n")
    assert len(lines) == 1 + len(found.problems)
    for line in lines:
        assert line.isprintable()
        line.encode()
    for problem in found.problems:
        assert ":" in problem.key
        assert len(problem.text) > 10


def encoded(value: Any) -> str:
    """`value` as the engine would hand it over; a number too long for Python to print stays a text of digits."""
    try:
        return value if isinstance(value, str) else json.dumps(value)
    except ValueError:
        return "9" * 5000


@given(st.dictionaries(TOP, JSON, max_size=6), st.sampled_from(["dev", "prod", "x"]))
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_any_configuration_gives_settings_or_sentences(values: dict[tuple[str, str], Any], stack: str) -> None:
    """Top-level keys of every kind, with values of every type."""
    config = {f"{namespace}:{key}": encoded(value) for (namespace, key), value in values.items()}
    assert_sentences(outcome(config, stack))


@given(st.data())
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_one_value_changed_in_a_good_configuration_is_the_only_one_named(data: st.DataObject) -> None:
    """A wrong value is reported at its own key, or at one that it contradicts, and nowhere else."""
    config = prod()
    section = data.draw(st.sampled_from(["endpoint", "workloadIdentity", "models"]))
    target: Any = config[f"gemini-vertex:{section}"]
    if isinstance(target, list):
        target = target[0]
    name = data.draw(st.sampled_from(sorted(target)))
    target[name] = data.draw(JSON)
    found = outcome({key: encoded(value) for key, value in config.items()})
    assert_sentences(found)
    if isinstance(found, SettingsError):
        assert all(problem.key.startswith(f"gemini-vertex:{section}") for problem in found.problems)


@given(st.text(), st.text())
@settings(deadline=None)
def test_text_that_is_not_json_is_a_wrong_value(endpoint: str, models: str) -> None:
    """What the engine would never hand over, a person can: `pulumi config set gemini-vertex:models x`."""
    config = engine_form(prod()) | {"gemini-vertex:endpoint": endpoint, "gemini-vertex:models": models}
    found = outcome(config)
    assert isinstance(found, SettingsError)
    assert_sentences(found)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=6))
@settings(deadline=None)
def test_only_a_split_of_100_is_taken(shares: list[int]) -> None:
    """For any number of models."""
    models = [
        {"name": f"m{number}", "model": "my-model", "traffic": share, "machineType": "n1-standard-4"}
        for number, share in enumerate(shares)
    ]
    found = outcome(engine_form(prod(models=models)))
    assert isinstance(found, Settings) is (sum(shares) == 100)


def test_nesting_without_end_is_a_wrong_value() -> None:
    """Deeper than Python's own JSON reader goes."""
    found = outcome(engine_form(prod()) | {"gemini-vertex:endpoint": '{"a":' * 100_000})
    assert isinstance(found, SettingsError)
    assert [problem.key for problem in found.problems] == ["gemini-vertex:endpoint"]


def test_the_day_is_the_callers() -> None:
    """Reading the same configuration on the same day gives the same, whenever it runs."""
    assert load(engine_form(prod()), "prod", {}, dt.date(2030, 1, 1)).warnings == ()
