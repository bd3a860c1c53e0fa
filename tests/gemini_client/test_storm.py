"""2,000 requests: an outage that the fallback rides out, and a split that is kept to."""

import asyncio
import json
import math
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gemini_client import Breaker, DeveloperApiBounds, Event, GeminiClientError, Options
from tests.gemini_client.harness import FALLBACK, MODEL, Json, World, managed

REQUESTS = 2_000
AT_ONCE = 16
OPEN_SECONDS = 30.0
SECONDS = 200.0


def storm(world: World, client: Any, after_each: Callable[[], None], count: int = REQUESTS) -> Counter[str]:
    """Streams so many answers, AT_ONCE at a time; how many came from which route, or ended with which error."""

    def noted(ended: str) -> str:
        after_each()
        return ended

    async def one() -> str:
        stream = client.client.stream("2 + 2")
        try:
            texts = [text async for text in stream]
        except GeminiClientError as error:
            return noted(type(error).__name__)
        return noted(stream.reply.route if texts == ["4"] else "wrong")

    async def all_of_them() -> list[str]:
        gate = asyncio.Semaphore(AT_ONCE)

        async def admitted() -> str:
            async with gate:
                return await one()

        return await asyncio.gather(*(admitted() for _ in range(count)))

    def one_by_thread(_: int) -> str:
        try:
            texts, reply = client.stream("2 + 2")
        except GeminiClientError as error:
            return noted(type(error).__name__)
        return noted(reply.route if texts == ["4"] else "wrong")

    if world.kind == "async":
        return Counter(client.run(all_of_them()))
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return Counter(threads.map(one_by_thread, range(count)))


class Phases:
    """Where in the sandbox's record of calls the breaker first opened, and first half opened."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.states: list[str] = []
        self.at: dict[str, int] = {}

    def note(self, event: Event) -> None:
        if event.kind == "breaker":
            self.states.append(event.state)
            self.at.setdefault(event.state, self._world.sandbox.last_call())

    def vertex(self, since: str) -> int:
        """Calls to Vertex AI since then."""
        return sum("aiplatform" in call["method"] for call in self._world.sandbox.calls(self.at[since]))


def test_an_outage_of_vertex_is_ridden_out(world: World) -> None:
    """Every Vertex call answers 503. The clock goes on by 200 s in all, so that the breaker half opens six times.

    The bounds of the Developer API are wide here; the next test has the default ones.
    """
    world.order({"method": "aiplatform.*", "status": 503})
    options = Options(
        breaker=Breaker(5, OPEN_SECONDS),
        developer_api=DeveloperApiBounds(requests_per_minute=100_000, concurrency=AT_ONCE),
    )
    phases, done = Phases(world), Counter[bool]()
    client = world.client(developer={"model": FALLBACK}, options=options, on_event=phases.note)

    def after_each() -> None:
        world.timing.advance(SECONDS / REQUESTS)
        done["opened" in phases.at] += 1

    answered = storm(world, client, after_each)
    assert answered["developer-api"] >= 0.999 * REQUESTS

    probes = phases.states.count("half-opened")
    assert phases.states == ["opened"] + ["half-opened", "opened"] * probes
    assert 5 <= probes <= (world.timing.at - 1_000) / OPEN_SECONDS
    # At most 1.1 calls to Vertex a request once the breaker is open: the probes, and what was under way by then.
    assert done[True] > 0.9 * REQUESTS
    assert phases.vertex("opened") / done[True] <= 1.1
    assert phases.vertex("opened") <= probes + AT_ONCE
    assert phases.vertex("half-opened") == probes  # one a half-open period


def test_the_default_bounds_are_what_the_public_api_gets_in_an_outage(world: World) -> None:
    """600 calls at once and 10 a second: who comes above that is told so, at once. No call is lost."""
    world.order({"method": "aiplatform.*", "status": 503})
    client = world.client(developer={"model": FALLBACK}, options=Options(breaker=Breaker(5, OPEN_SECONDS)))
    began = time.monotonic()
    ended = storm(world, client, lambda: None)
    most = 600 + math.ceil((time.monotonic() - began) * 10)
    assert ended["developer-api"] + ended["LimitReached"] == REQUESTS
    assert 600 <= ended["developer-api"] == len(world.calls("generativelanguage")) <= most


def interval(share: float, count: int) -> tuple[float, float]:
    """The 99.9 % confidence interval of how many of so many requests take a route with this share."""
    spread = 3.2905 * math.sqrt(count * share * (1 - share))
    return count * share - spread, count * share + spread


def weights(primary: int) -> Json:
    routes = [
        managed("primary", primary, 1, location="us-central1"),
        managed("second", 100 - primary, 2, location="europe-west4"),
    ]
    return {"version": 1, "project": "sandbox-project", "routes": routes}


def test_a_split_of_95_to_5_is_kept_and_a_new_one_followed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is swapped as Kubernetes swaps a ConfigMap's: a symbolic link to another folder."""
    chance = random.Random(7)
    monkeypatch.setattr(world.timing, "random", chance.random)
    for name, primary in (("..before", 95), ("..after", 50)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "routes.json").write_text(json.dumps(weights(primary)))
    (tmp_path / "..data").symlink_to("..before")
    (tmp_path / "routes.json").symlink_to("..data/routes.json")
    monkeypatch.setenv("GEMINI_ROUTES_FILE", str(tmp_path / "routes.json"))
    client = world.from_env()

    first = storm(world, client, lambda: None)
    low, high = interval(0.95, REQUESTS)
    assert low <= first["primary"] <= high
    assert first["primary"] + first["second"] == REQUESTS

    (tmp_path / "..tmp").symlink_to("..after")
    (tmp_path / "..tmp").replace(tmp_path / "..data")
    world.timing.advance(1)
    second = storm(world, client, lambda: None, 500)
    low, high = interval(0.5, 500)
    assert low <= second["primary"] <= high
    paths = Counter("europe-west4" in call["path"] for call in world.calls())
    assert paths[True] == first["second"] + second["second"]
    assert [event.message for event in world.seen("routes")] == [
        f"The routes of {tmp_path / 'routes.json'} changed: primary 50 %, second 50 %."
    ]


def test_the_model_of_a_route_may_change_without_a_restart(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "routes.json"
    found: Json = {"version": 1, "project": "sandbox-project", "routes": [managed()]}
    path.write_text(json.dumps(found))
    monkeypatch.setenv("GEMINI_ROUTES_FILE", str(path))
    client = world.from_env()
    assert client.ask().model == MODEL
    found["routes"][0]["model"] = FALLBACK
    path.write_text(json.dumps(found))
    assert client.ask().model == MODEL  # not looked at again within a second
    world.timing.advance(1)
    assert client.ask().model == FALLBACK
