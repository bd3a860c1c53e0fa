"""2,000 requests: an outage that the fallback rides out, and a split that is kept to."""

import asyncio
import json
import math
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gemini_client import Breaker, DeveloperApiBounds, GeminiClientError, Options
from tests.gemini_client.harness import FALLBACK, MODEL, Json, World, managed

REQUESTS = 2_000
# The sync client runs the async one: fewer show that its threads keep to the same.
BY_KIND = {"async": REQUESTS, "sync": 500}
AT_ONCE = 16
OPEN_SECONDS = 30.0
SECONDS = 200.0


def storm(world: World, client: Any, after_each: Callable[[], None], count: int = REQUESTS) -> Counter[str]:
    """Streams so many answers, AT_ONCE at a time; how many came from which route, "" for errors."""

    def noted(route: str) -> str:
        after_each()
        return route

    async def one() -> str:
        stream = client.client.stream("2 + 2")
        try:
            texts = [text async for text in stream]
        except GeminiClientError:
            return noted("")
        return noted(stream.reply.route if texts == ["4"] else "")

    async def all_of_them() -> list[str]:
        gate = asyncio.Semaphore(AT_ONCE)

        async def admitted() -> str:
            async with gate:
                return await one()

        return await asyncio.gather(*(admitted() for _ in range(count)))

    def one_by_thread(_: int) -> str:
        try:
            texts, reply = client.stream("2 + 2")
        except GeminiClientError:
            return noted("")
        return noted(reply.route if texts == ["4"] else "")

    if world.kind == "async":
        return Counter(client.run(all_of_them()))
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return Counter(threads.map(one_by_thread, range(count)))


def test_an_outage_of_vertex_is_ridden_out(world: World) -> None:
    """Every Vertex call answers 503. The clock goes on by 200 s in all, so that the breaker half opens six times."""
    requests = BY_KIND[world.kind]
    world.order({"method": "aiplatform.*", "status": 503})
    options = Options(
        breaker=Breaker(5, OPEN_SECONDS),
        developer_api=DeveloperApiBounds(requests_per_minute=100_000, concurrency=AT_ONCE),
    )
    client = world.client(developer={"model": FALLBACK}, options=options)
    answered = storm(world, client, lambda: world.timing.advance(SECONDS / requests), requests)
    assert answered["developer-api"] >= 0.999 * requests

    states = [event.state for event in world.seen("breaker")]
    probes = states.count("half-opened")
    assert states == ["opened"] + ["half-opened", "opened"] * probes
    assert probes >= 5
    vertex = len(world.calls("aiplatform"))
    # Until it opened: five failures, and the calls that were under way by then.
    before = vertex - probes
    assert 5 <= before <= 5 + AT_ONCE
    assert probes <= 1.1 * requests
    assert probes <= (world.timing.at - 1_000) / OPEN_SECONDS


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


@pytest.mark.parametrize("world", ["async"], indirect=True)  # the pick is one code; the next test reloads in both
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
