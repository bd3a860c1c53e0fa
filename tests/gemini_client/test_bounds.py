"""The client's own bounds for the Gemini Developer API: a rate that refills, and slots that only requests hold."""

import json
from pathlib import Path

import pytest

from gemini_client import Breaker, DeveloperApiBounds, LimitReached, Options, Retry
from tests.gemini_client.harness import FALLBACK, World, managed, raised

DOWN = {"method": "aiplatform.*", "status": 503}
DEVELOPER = "generativelanguage.*"
ONCE = Retry(attempts=1)


def test_the_rate_refills_evenly(world: World) -> None:
    world.order(DOWN)
    bounds = DeveloperApiBounds(requests_per_minute=3)
    client = world.client(developer={"model": FALLBACK}, options=Options(retry=ONCE, developer_api=bounds))
    for _ in range(3):
        client.ask()
    for seconds, answers in ((0, 0), (19, 0), (1, 1), (39, 1), (60, 3)):
        world.timing.advance(seconds)
        assert [client.ask().route for _ in range(answers)] == ["developer-api"] * answers
        assert isinstance(raised(client.ask), LimitReached)


def test_a_change_of_the_routes_file_does_not_begin_a_new_minute(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.order(DOWN)
    path = tmp_path / "routes.json"

    def write(**bounds: int) -> None:
        found = {"version": 1, "project": world.sandbox.project, "routes": [managed()]}
        path.write_text(json.dumps(found | {"developerApi": {"model": FALLBACK, **bounds}}))
        world.timing.advance(1)

    write(requestsPerMinute=1)
    monkeypatch.setenv("GEMINI_ROUTES_FILE", str(path))
    client = world.from_env(options=Options(retry=ONCE, breaker=Breaker(100, 30)))
    client.ask()
    write(requestsPerMinute=1, concurrency=63)
    assert isinstance(raised(client.ask), LimitReached)
    assert client.state()["developerApi"]["concurrency"] == 63
    write(requestsPerMinute=2)
    assert client.ask().route == "developer-api"


def test_a_call_that_waits_for_its_next_attempt_holds_no_slot(world: World) -> None:
    world.order(DOWN, {"method": DEVELOPER, "nth": 1, "status": 429, "retryAfter": 20})
    bounds = DeveloperApiBounds(concurrency=1)
    client = world.client(developer={"model": FALLBACK}, options=Options(breaker=Breaker(1, 30), developer_api=bounds))
    held: list[int] = []
    sleep = world.timing.sleep

    async def asleep(seconds: float) -> None:
        core = (client.client if world.kind == "async" else client.client._client)._core
        held.append(core.state()["developerApi"]["inFlight"])
        await sleep(seconds)

    world.timing.sleep = asleep  # type: ignore[method-assign]
    assert client.ask().route == "developer-api"
    assert (held, world.timing.waits) == ([0], [20])
