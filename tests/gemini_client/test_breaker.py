"""Circuit breakers: what counts, one probe at a time, and by whose clock."""

import asyncio
from typing import Any

import pytest

from gemini_client import (
    Breaker,
    DeadlineExceeded,
    Event,
    Options,
    Refused,
    Retry,
    StreamInterrupted,
    Unavailable,
)
from gemini_client.breaker import Breaker as Guard
from gemini_client.breaker import Breakers, RouteClosedOff
from gemini_client.events import Events
from tests.gemini_client.harness import FALLBACK, STREAM, TALK, FakeTiming, World, managed, raised

VERTEX = "aiplatform.projects.*"
DOWN = {"method": VERTEX, "status": 503}
DEVELOPER_API = {"model": FALLBACK}
ONCE = Retry(attempts=1)


def breaker_of(client: Any, place: int = 0) -> Any:
    return client.state()["routes"][place]["breaker"]


def test_a_breaker_opens_after_its_failures_and_then_spares_the_route(world: World) -> None:
    world.order(DOWN)
    client = world.client(developer=DEVELOPER_API, options=Options(retry=ONCE, breaker=Breaker(3, 30)))
    for _ in range(6):
        assert client.ask().route == "developer-api"
    assert len(world.calls("aiplatform")) == 3
    assert breaker_of(client) == {"state": "opened", "failures": 0, "probeIn": 30}
    assert [event.state for event in world.seen("breaker")] == ["opened"]


def test_retries_end_when_the_breaker_opens(world: World) -> None:
    world.order(DOWN)
    client = world.client(developer=DEVELOPER_API, options=Options(breaker=Breaker(2, 30)))
    assert client.ask().route == "developer-api"
    assert world.timing.waits == [2]


def test_one_probe_closes_the_breaker_or_opens_it_for_another_period(world: World) -> None:
    world.order({**DOWN, "nth": [1, 2, 3]})
    client = world.client(developer=DEVELOPER_API, options=Options(retry=ONCE, breaker=Breaker(2, 30)))
    routes = [client.ask().route for _ in range(3)]
    world.timing.advance(31)
    routes += [client.ask().route for _ in range(3)]
    assert routes == ["developer-api"] * 6
    assert len(world.calls("aiplatform")) == 3
    world.timing.advance(31)
    assert [client.ask().route for _ in range(2)] == ["flash", "flash"]
    assert breaker_of(client) == {"state": "closed", "failures": 0}
    states = [event.state for event in world.seen("breaker")]
    assert states == ["opened", "half-opened", "opened", "half-opened", "closed"]


def test_a_probe_is_not_asked_again(world: World) -> None:
    world.order(DOWN)
    client = world.client(developer=DEVELOPER_API, options=Options(breaker=Breaker(2, 30)))
    client.ask()
    world.timing.advance(31)
    client.ask()
    assert len(world.calls("aiplatform")) == 3


def test_an_answer_of_any_kind_closes_the_breaker(world: World) -> None:
    """A 400 or 429 is no outage: the service is there."""
    world.order({**DOWN, "nth": [1, 2]}, {"method": VERTEX, "status": 400, "nth": 3})
    client = world.client(developer=DEVELOPER_API, options=Options(retry=ONCE, breaker=Breaker(2, 30)))
    client.ask()
    client.ask()
    world.timing.advance(31)
    assert isinstance(raised(client.ask), Refused)
    assert breaker_of(client)["state"] == "closed"


def test_a_refusal_does_not_count_as_a_failure(world: World) -> None:
    world.order({"method": VERTEX, "status": 400})
    client = world.client(options=Options(retry=ONCE, breaker=Breaker(2, 30)))
    for _ in range(4):
        raised(client.ask)
    assert breaker_of(client) == {"state": "closed", "failures": 0}


def test_with_every_breaker_open_a_call_is_refused_at_once(world: World) -> None:
    world.order(DOWN)
    client = world.client(options=Options(retry=ONCE, breaker=Breaker(1, 30)))
    raised(client.ask)
    error = raised(client.ask)
    assert isinstance(error, Unavailable)
    assert "flash is left alone: its circuit breaker is open; a probe is let through in 30 s." in str(error)
    assert len(world.calls("aiplatform")) == 1


def test_a_stream_that_breaks_off_counts_as_a_failure(world: World) -> None:
    world.order({"method": VERTEX, "cutAfter": 2})
    client = world.client(options=Options(breaker=Breaker(2, 30)))
    raised(client.stream)
    raised(client.stream)
    assert breaker_of(client)["state"] == "opened"


def test_a_call_that_hangs_ends_at_its_deadline_and_falls_back_no_more(world: World) -> None:
    """The one real wait: nothing else can show that a hanging answer is given up."""
    world.order({"method": VERTEX, "hang": True})
    client = world.client(developer=DEVELOPER_API, options=Options(breaker=Breaker(1, 30)))
    error = raised(lambda: client.ask(deadline=0.2))
    assert isinstance(error, DeadlineExceeded)
    assert "flash had not answered when the deadline of the whole call, 0.2 s, was over." in str(error)
    assert breaker_of(client)["state"] == "opened"
    assert client.ask().route == "developer-api"


BROKEN = Unavailable("503", code=503)


@pytest.fixture
def seen() -> list[Event]:
    return []


@pytest.fixture
def guard(seen: list[Event]) -> Guard:
    """A breaker that two failures open for 30 s, by a clock that stands still: purgatory's own is never asked."""
    return Breakers(Breaker(2, 30), FakeTiming(), Events(seen.append)).of("flash", "global/gemini")


def timing_of(guard: Guard) -> FakeTiming:
    assert isinstance(guard._timing, FakeTiming)
    return guard._timing


async def fail(guard: Guard, times: int = 1) -> None:
    for _ in range(times):
        await (await guard.admit()).settle(BROKEN)


async def refused(guard: Guard) -> RouteClosedOff:
    with pytest.raises(RouteClosedOff) as error:
        await guard.admit()
    return error.value


async def test_attempts_of_before_it_opened_say_nothing_after_a_probe_has_closed_it(
    guard: Guard, seen: list[Event]
) -> None:
    late = [await guard.admit() for _ in range(4)]
    await fail(guard, 2)
    timing_of(guard).advance(30)
    probe = await guard.admit()
    await late[0].settle(BROKEN)
    await late[1].settle(None)
    assert guard.state == "half-opened"
    await probe.settle(None)
    await late[2].settle(BROKEN)
    await late[3].settle(BROKEN)
    assert (guard.state, guard.failures) == ("closed", 0)
    assert [event.state for event in seen] == ["opened", "half-opened", "closed"]


async def test_it_lets_a_probe_through_at_the_very_second_that_it_names(guard: Guard) -> None:
    await fail(guard, 2)
    timing_of(guard).advance(10)
    error = await refused(guard)
    assert str(error) == "flash is left alone: its circuit breaker is open; a probe is let through in 20 s."
    assert error.retry_after == 20
    timing_of(guard).advance(20)
    probe = await guard.admit()
    error = await refused(guard)
    assert "another call is probing it" in str(error)
    assert error.retry_after == 1
    await probe.settle(asyncio.CancelledError())
    await (await guard.admit()).settle(None)
    assert guard.state == "closed"


async def test_an_answer_that_begins_ends_the_row_of_failures(guard: Guard) -> None:
    """A long stream need not come to its end first."""
    long = await guard.admit()
    await fail(guard)
    await long.begun()
    assert guard.failures == 0
    await fail(guard)
    assert guard.state == "closed"


async def test_but_not_where_streams_break_off_until_one_is_whole(guard: Guard) -> None:
    first = await guard.admit()
    await first.begun()
    await first.settle(BROKEN)
    second = await guard.admit()
    await second.begun()
    assert guard.failures == 1
    await second.settle(None)
    assert guard.failures == 0
    for _ in range(2):
        third = await guard.admit()
        await third.begun()
        await third.settle(BROKEN)
    assert guard.state == "opened"


async def test_a_probes_stream_that_breaks_off_counts_in_the_breaker_that_it_closed(guard: Guard) -> None:
    await fail(guard, 2)
    timing_of(guard).advance(30)
    probe = await guard.admit()
    await probe.begun()
    await probe.settle(BROKEN)
    assert (guard.state, guard.failures) == ("closed", 1)


def test_a_reader_that_goes_away_says_nothing_of_the_route(world: World) -> None:
    """A stream that hangs after its first text must not count as an answer because its reader gave up."""
    world.order({"method": STREAM, "cutAfter": 2, "nth": 1})
    client = world.client()
    raised(client.stream)
    assert breaker_of(client)["failures"] == 1
    client.begin()
    assert breaker_of(client)["failures"] == 1
    client.stream()
    assert breaker_of(client)["failures"] == 0


def test_slow_readers_open_no_breaker(world: World) -> None:
    """The deadline is over, but the time went between the texts."""
    client = world.client(options=Options(deadline=10, breaker=Breaker(1, 30)))
    error = raised(lambda: client.read(TALK, lambda _: world.timing.advance(6)))
    assert isinstance(error, StreamInterrupted)
    assert isinstance(error.__cause__, DeadlineExceeded)
    assert "flash was not at the end of its answer when the deadline of the whole call, 10 s, was over" in str(error)
    assert "had not answered" not in str(error)
    assert breaker_of(client) == {"state": "closed", "failures": 0}


def test_an_answer_whose_end_has_come_is_whole_also_after_the_deadline(world: World) -> None:
    client = world.client(options=Options(deadline=10))
    texts, reply = client.read("2 + 2", lambda reply: world.timing.advance(11 if reply.finish_reason else 0))
    assert ("".join(texts), reply.finish_reason) == ("4", "STOP")


def test_a_route_that_does_not_begin_to_answer_is_left_for_the_next(world: World) -> None:
    """Long before the deadline; and not asked again, which would take as long. The last route has until then."""
    world.order({"method": VERTEX, "hang": True}, {"method": "generativelanguage.*", "delay": 0.4})
    options = Options(first_chunk_seconds=0.2, breaker=Breaker(2, 30))
    client = world.client(developer=DEVELOPER_API, options=options)
    assert [client.ask().route, client.stream()[1].route] == ["developer-api", "developer-api"]
    assert (world.timing.waits, world.seen("retry")) == ([], [])
    assert breaker_of(client)["state"] == "opened"
    told = "flash had not begun to answer after 0.2 s (Options.first_chunk_seconds)."
    assert world.seen("fallback")[0].message == f"developer-api is asked instead of flash: {told}"


def test_a_route_says_itself_how_soon_it_has_to_begin(world: World) -> None:
    """Of two slow routes the one that may take its time is not left; what the route says goes before the options."""
    world.order({"method": VERTEX, "delay": 0.4})
    options = Options(first_chunk_seconds=0.2)
    patient = world.client(managed(firstChunkSeconds=60), developer=DEVELOPER_API, options=options)
    assert patient.ask().route == "flash"
    assert patient.state()["routes"][0]["firstChunkSeconds"] == 60
    hasty = world.client(managed(firstChunkSeconds=0.1), developer=DEVELOPER_API, options=Options())
    assert hasty.ask().route == "developer-api"
    told = "flash had not begun to answer after 0.1 s (its firstChunkSeconds)."
    assert world.seen("fallback")[0].message == f"developer-api is asked instead of flash: {told}"


def test_a_call_with_functions_has_until_its_deadline(world: World) -> None:
    """google-genai asks the model several times before it gives the answer."""

    def add(left: int, right: int) -> int:
        """Adds."""
        return left + right

    world.order({"method": VERTEX, "delay": 0.4})
    client = world.client(developer=DEVELOPER_API, options=Options(first_chunk_seconds=0.2))
    assert client.ask(config={"tools": [add]}).route == "flash"


def test_the_time_of_a_stream_counts_from_its_first_use(world: World) -> None:
    assert world.client().later(5, deadline=3) == "4"
