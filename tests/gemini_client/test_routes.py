"""The routes file: what is in it, what is wrong with it, how it is picked from and read again."""

import contextlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_client import ConfigurationError, DeveloperApi, Route
from gemini_client.picking import pick
from gemini_client.route_source import RoutesFile
from gemini_client.routes import parse, read
from tests.gemini_client.harness import FakeTiming, Json, managed

ENDPOINT = "projects/p/locations/europe-west4/endpoints/7"
OWN: Json = {"name": "own", "serving": "endpoint", "endpoint": ENDPOINT, "location": "europe-west4", "weight": 5}


def file_of(*routes: Json, **more: Any) -> Json:
    return {"version": 1, "project": "p", "routes": list(routes), **more}


def test_the_stacks_file_is_read() -> None:
    own = {**OWN, "host": "7.europe-west4-1.prediction.vertexai.goog", "api": "predict", "models": {"1": "gemma"}}
    own["firstChunkSeconds"] = 7.5
    found = read(file_of(managed(weight=95), {**own, "fallbackOrder": 2}, developerApi={"model": "m"}), "f")
    flash, other = found.routes
    assert (flash.location, flash.weight, flash.api) == ("global", 95, "generateContent")
    assert (other.project, other.location, other.api, other.scheme) == ("p", "europe-west4", "predict", "https")
    assert (flash.first_chunk_seconds, other.first_chunk_seconds) == (None, 7.5)
    assert other.deployed_name("1") == "gemma"
    assert other.deployed_name("2") == "2"
    assert found.developer_api == DeveloperApi("m")
    assert found.fallbacks(flash) == [other]


MISTAKES: dict[str, tuple[Any, str]] = {
    "no object": ([], 'expected {"version": 1'),
    "another version": ({"version": 2, "project": "p", "routes": []}, 'expected {"version": 1'),
    "no route": (file_of(), "routes: there is none"),
    "no project": ({"version": 1, "routes": [managed()]}, "project: the id"),
    "no percentage": (file_of(managed(weight=101)), "routes[0].weight: 101 is no percentage"),
    "weights": (file_of(managed(weight=90)), "the weights add up to 90, not to 100"),
    "a name twice": (file_of(managed(weight=50), managed(weight=50)), "the name flash is there twice"),
    "serving": (file_of({**managed(), "serving": "magic"}), '\'magic\' is neither "managed" nor "endpoint"'),
    "no model": (file_of({**managed(), "model": ""}), "routes[0].model: a text is needed"),
    "an unknown field": (file_of({**managed(), "machineType": "n1"}), "machineType is unknown for serving: managed"),
    "throughput": (file_of(managed(throughput="huge")), "'huge' is none of dedicated, shared"),
    "order": (file_of({**managed(), "fallbackOrder": "1"}), "fallbackOrder: '1' is no whole number"),
    "an endpoint's name": (file_of({**OWN, "weight": 100, "endpoint": "7"}), "'7' is no projects/P/locations/R"),
    "a host": (file_of({**OWN, "weight": 100, "host": "https://x/"}), "'https://x/' is no host name"),
    "an API": (file_of({**OWN, "weight": 100, "api": "guess"}), "'guess' is none of generateContent, predict"),
    "models": (file_of({**OWN, "weight": 100, "models": ["a"]}), "names by deployed model id"),
    "a wait": (file_of(managed(firstChunkSeconds=0)), "routes[0].firstChunkSeconds: 0 is no number of seconds"),
    "a wait without end": (file_of(managed(firstChunkSeconds=10**400)), "is no number of seconds, above 0 and up to"),
    "a wait in words": (file_of(managed(firstChunkSeconds="15 s")), "'15 s' is no number of seconds"),
    "no fallback model": (file_of(managed(), developerApi={}), "developerApi.model"),
    "a bound": (file_of(managed(), developerApi={"model": "m", "concurrency": 0}), "developerApi.concurrency: 0"),
}


@pytest.mark.parametrize(("found", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_its_place(found: Any, says: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        read(found, "routes.json")
    assert str(error.value).startswith("routes.json: ")
    assert says in str(error.value)


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as error:
        read(file_of({**managed(), "model": "", "weight": -1}, {**OWN, "scheme": "ftp"}), "f")
    assert [each in str(error.value) for each in ("routes[0].model", "routes[0].weight", "routes[1].scheme")] == [
        True
    ] * 3


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c)
    )
)
def test_no_json_breaks_the_reader(value: Any) -> None:
    """It is good, or told as a mistake."""
    for found in (value, file_of(value), {**file_of(managed()), "developerApi": value}):
        with contextlib.suppress(ConfigurationError):
            parse(json.dumps(found), "f")


def routes(**weights: float) -> list[Route]:
    return [Route(name, "managed", "p", "global", "m", weight=weight) for name, weight in weights.items()]


SESSIONS = [f"session-{number}" for number in range(4_000)]


def test_a_session_takes_the_same_route_every_time_and_sessions_spread_by_weight() -> None:
    chosen = Counter(pick(routes(a=95, b=5), session, 0).name for session in SESSIONS)
    # 5 % of 4,000 are 200, the standard deviation 13.8; 3.29 of them are the 99.9 % interval.
    assert 155 <= chosen["b"] <= 245
    again = Counter(pick(routes(b=5, a=95), session, 0.7).name for session in SESSIONS)
    assert again == chosen


def test_a_shift_moves_only_the_sessions_that_it_must() -> None:
    """From a to b and none back; a third route keeps what it has."""
    before = [pick(routes(a=60, b=10, c=30), session, 0).name for session in SESSIONS]
    after = [pick(routes(a=60, b=40, c=0), session, 0).name for session in SESSIONS]
    moved = Counter((old, new) for old, new in zip(before, after, strict=True) if old != new)
    assert set(moved) <= {("a", "b"), ("c", "a"), ("c", "b")}
    half = [pick(routes(a=50, b=50), session, 0).name for session in SESSIONS]
    most = [pick(routes(a=95, b=5), session, 0).name for session in SESSIONS]
    shifted = Counter((old, new) for old, new in zip(most, half, strict=True) if old != new)
    assert set(shifted) == {("a", "b")}


@pytest.mark.parametrize(("chance", "name"), [(0.0, "a"), (0.94, "a"), (0.96, "c"), (0.999999, "c")])
def test_without_a_session_chance_decides_by_weight(chance: float, name: str) -> None:
    assert pick(routes(a=95, b=0, c=5), None, chance).name == name


def test_a_route_without_weight_is_never_picked() -> None:
    assert {pick(routes(a=100, b=0), session, 0).name for session in SESSIONS} == {"a"}


class Told:
    def __init__(self) -> None:
        self.sentences: list[tuple[str, bool]] = []

    def __call__(self, sentence: str, good: bool) -> None:
        self.sentences.append((sentence, good))


def test_a_bad_file_keeps_the_last_good_routes_and_is_told_once(tmp_path: Path) -> None:
    path, timing, told = tmp_path / "routes.json", FakeTiming(), Told()
    path.write_text(json.dumps(file_of(managed())))
    source = RoutesFile(path, timing, 1, told)
    good = source.current()
    for text in ('{"version": 1', '{"version": 1', json.dumps(file_of(managed(weight=7)))):
        path.write_text(text)
        timing.advance(1)
        assert source.current() is good
    assert [good for _, good in told.sentences] == [False, False]
    assert told.sentences[0][0].endswith("The routes of before stay in use.")
    path.unlink()
    timing.advance(1)
    assert source.current() is good
    assert "cannot be read" in source.mistake
    path.write_text(json.dumps(file_of(managed("other"))))
    timing.advance(1)
    assert source.current().routes[0].name == "other"
    assert source.mistake == ""


def test_a_file_is_looked_at_no_more_than_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, timing = tmp_path / "routes.json", FakeTiming()
    path.write_text(json.dumps(file_of(managed())))
    looks: list[Path] = []
    stat = Path.stat

    def noted(self: Path, **how: Any) -> Any:
        looks.append(self)
        return stat(self, **how)

    monkeypatch.setattr(Path, "stat", noted)
    source = RoutesFile(path, timing, 1, Told())
    for _ in range(100):
        source.current()
    assert len(looks) == 1
    timing.advance(1)
    source.current()
    assert len(looks) == 2


@pytest.mark.parametrize("text", [None, "", "[]"])
def test_a_client_does_not_begin_without_good_routes(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "routes.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"routes file|expected|no JSON"):
        RoutesFile(path, FakeTiming(), 1, Told()).current()
