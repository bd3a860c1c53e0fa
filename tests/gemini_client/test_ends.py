"""How calls end early: closed streams, cancelled tasks, Ctrl-C, forks, garbage; and what is free again afterwards."""

import asyncio
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gemini_client import (
    AsyncGeminiClient,
    Breaker,
    ConfigurationError,
    DeveloperApiBounds,
    LimitReached,
    Options,
    Retry,
    Unavailable,
)
from tests.gemini_client.harness import FALLBACK, STREAM, AsyncCaller, SyncCaller, World, raised

DOWN = {"method": "aiplatform.*", "status": 503}
ONE_AT_A_TIME = Options(
    retry=Retry(attempts=1), breaker=Breaker(1, 30), developer_api=DeveloperApiBounds(concurrency=1)
)
HANGS = {"method": "generativelanguage.*", "hang": True}


def in_flight(client: Any) -> int:
    return int(client.state()["developerApi"]["inFlight"])


def busy(client: Any) -> int:
    """Connections of the client that are in use."""
    core: Any = client.client._core if isinstance(client, AsyncCaller) else client.client._client._core
    clients: tuple[Any, ...] = (core._http.google, core._http.keyed)
    pools = [each._transport._pool.connections for each in clients]
    return sum(not (connection.is_idle() or connection.is_closed()) for pool in pools for connection in pool)


def test_a_stream_that_is_closed_early_ends_its_request_and_gives_its_slot_back(world: World) -> None:
    world.order(DOWN)
    client = world.client(developer={"model": FALLBACK}, options=ONE_AT_A_TIME)
    for _ in range(3):
        assert client.begin().startswith("This is")
        assert (in_flight(client), busy(client)) == (0, 0)
    assert client.ask().route == "developer-api"


def test_a_probe_that_is_closed_early_lets_the_next_call_in(world: World) -> None:
    world.order({**DOWN, "nth": 1})
    client = world.client(options=ONE_AT_A_TIME)
    raised(client.ask)
    world.timing.advance(31)
    assert client.begin().startswith("This is")
    assert client.ask().text == "4"


def test_calls_over_the_bound_of_the_developer_api_are_refused_at_once(world: World) -> None:
    world.order(DOWN, HANGS)
    client = world.client(developer={"model": FALLBACK}, options=ONE_AT_A_TIME)
    # Other faults in place of these reset what hangs.
    hung, (refused,) = client.beside(lambda: world.counts()[1] != (0, 0), 1, lambda: world.order(DOWN))
    assert isinstance(refused, LimitReached)
    assert "1 calls of this client are under way there" in str(refused)
    assert type(hung) is Unavailable
    assert "developer-api gave no answer" in str(hung)
    assert in_flight(client) == 0


@pytest.mark.parametrize("world", ["sync"], indirect=True)
@pytest.mark.parametrize("streamed", [False, True])
def test_ctrl_c_ends_the_request(world: World, streamed: bool) -> None:
    """The main thread waits for another one, and is free at once."""
    world.order(DOWN, HANGS)
    client: SyncCaller = world.client(developer={"model": FALLBACK}, options=ONE_AT_A_TIME)

    def interrupt() -> None:
        while world.counts()[1] == (0, 0):
            pass
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        client.stream() if streamed else client.ask()
    thread.join()
    while in_flight(client):
        pass  # the cancelled task ends in the other thread
    assert busy(client) == 0


@pytest.mark.parametrize("world", ["sync"], indirect=True)
def test_closing_the_client_ends_what_is_under_way(world: World) -> None:
    world.order({"method": STREAM, "hang": True})
    client: SyncCaller = world.client()
    with ThreadPoolExecutor(1) as threads:
        hanging = threads.submit(client.stream)
        while world.counts() == [(0, 0)]:
            pass
        client.client.close()
        assert isinstance(hanging.exception(30), ConfigurationError)
    world.order()
    assert client.ask().text == "4"  # it may be used again


@pytest.mark.parametrize("world", ["sync"], indirect=True)
def test_one_client_serves_many_threads(world: World) -> None:
    client: SyncCaller = world.client()
    with ThreadPoolExecutor(8) as threads:
        texts = list(threads.map(lambda number: client.ask(f"{number} + 1").text, range(40)))
    assert texts == [str(number + 1) for number in range(40)]


def test_a_stream_that_is_dropped_is_closed(world: World) -> None:
    world.order(DOWN)
    client = world.client(developer={"model": FALLBACK}, options=ONE_AT_A_TIME)
    client.drop()
    # The event loop closes it; each look gives it a turn.
    assert 0 in (in_flight(client) for _ in range(10_000))
    assert client.ask().route == "developer-api"


def test_one_call_at_a_time_probes_a_route(world: World) -> None:
    """purgatory alone would let all of them through."""
    world.order({**DOWN, "nth": 1}, {"method": "aiplatform.*", "hang": True, "times": 1})
    options = Options(retry=Retry(attempts=1), breaker=Breaker(1, 30))
    client = world.client(developer={"model": FALLBACK}, options=options)
    assert client.ask().route == "developer-api"
    world.timing.advance(31)
    probe, others = client.beside(lambda: world.counts()[1][1] == 1, 9, world.order)
    assert [each.route for each in others] == ["developer-api"] * 9
    assert probe.route == "developer-api"  # it was reset, which opened the breaker again
    assert [event.state for event in world.seen("breaker")] == ["opened", "half-opened", "opened"]
    world.timing.advance(31)
    assert [client.ask().route for _ in range(2)] == ["flash", "flash"]


@pytest.mark.parametrize("world", ["async"], indirect=True)
def test_an_async_client_in_a_second_event_loop_says_so(world: World) -> None:
    client: AsyncCaller = world.client()
    assert client.ask().text == "4"

    async def elsewhere(asked: AsyncGeminiClient) -> None:
        await asked.generate("2 + 2")

    with pytest.raises(ConfigurationError, match="belongs to another event loop"):
        asyncio.run(elsewhere(client.client))


FORKS = """
import os
from gemini_client import GeminiClient
with GeminiClient.from_env() as client:
    before = client.generate("1 + 1").text
    child = os.fork()
    if not child:
        print("child", client.generate("2 + 2").text, "".join(client.stream("3 + 4")), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    print("parent", before, client.generate("4 + 4").text)
"""


FORGETS = """
from gemini_client import GeminiClient
client = GeminiClient.from_env()
stream = client.stream("Why?")
print(next(stream))
dropped = GeminiClient.from_env()
print(dropped.generate("2 + 2").text)
del dropped
"""


@pytest.mark.parametrize("world", ["sync"], indirect=True)
@pytest.mark.parametrize(
    ("script", "says"),
    [(FORKS, "child 4 7\nparent 2 8\n"), (FORGETS, "This is gemini-3.5-flash, simulated \n4\n")],
    ids=[
        "a fork, as of gunicorn's workers, has an event loop of its own",
        "a process that does not close its client ends",
    ],
)
def test_processes(world: World, tmp_path: Path, script: str, says: str) -> None:
    """The parent's connections stay the parent's; nothing waits for a thread that is not there."""
    path = tmp_path / "routes.json"
    path.write_text(
        '{"version": 1, "project": "sandbox-project", "routes": [{"name": "flash", "serving": "managed",'
        ' "model": "gemini-3.5-flash", "location": "global", "weight": 100}]}'
    )
    environment = world.sandbox.environ(GEMINI_ROUTES_FILE=str(path), PYTHONWARNINGS="ignore")
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.stdout, done.returncode) == (says, 0), done.stderr
