"""Closing a stream or a client while something waits for it, in whichever thread or event loop."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gemini_client import AsyncGeminiClient, ConfigurationError, Event, Options, Retry
from tests.gemini_client.harness import STREAM, TALK, VERTEX_CALLS, AsyncCaller, SyncCaller, World, managed, raised
from tests.gemini_client.test_ends import busy

HANGS = {"method": VERTEX_CALLS, "hang": True}
only = pytest.mark.parametrize


def hanging(world: World) -> bool:
    return world.counts()[0] != (0, 0)


@only("world", ["sync"], indirect=True)
@only("how", ["texts", "chunks", "responses"])
def test_a_stream_is_closed_from_another_thread_while_it_is_read(world: World, how: str) -> None:
    world.order(HANGS)
    client: SyncCaller = world.client()
    stream = client.client.stream(TALK)
    with ThreadPoolExecutor(1) as threads:
        read = threads.submit(lambda: list(stream if how == "texts" else getattr(stream, how)()))
        while not hanging(world):
            pass
        stream.close()
        assert read.result(30) == []
    assert busy(client) == 0
    assert list(stream) == []


@only("world", ["async"], indirect=True)
def test_a_stream_is_closed_by_another_task_while_it_is_read(world: World) -> None:
    """The reader's task is not cancelled; where its owner cancels it at the same time it is."""
    world.order(HANGS)
    client: AsyncCaller = world.client()

    async def read(stream: Any) -> list[str]:
        return [text async for text in stream]

    async def close(cancel: bool) -> Any:
        world.order(HANGS)
        stream = client.client.stream(TALK)
        reader = asyncio.create_task(read(stream))
        while not hanging(world):
            await asyncio.sleep(0)
        if cancel:
            reader.cancel()
        await stream.aclose()
        await asyncio.wait({reader})
        return "cancelled" if reader.cancelled() else reader.result()

    assert client.run(close(cancel=False)) == []
    assert client.run(close(cancel=True)) == "cancelled"
    assert busy(client) == 0


@only("world", ["async"], indirect=True)
def test_a_stream_is_read_by_one_at_a_time(world: World) -> None:
    world.order({"method": STREAM, "hang": True})
    client: AsyncCaller = world.client()

    async def twice() -> BaseException:
        async with client.client.stream(TALK) as stream:
            reader = asyncio.create_task(stream.__anext__())
            await asyncio.sleep(0)
            second = (await asyncio.gather(stream.__anext__(), return_exceptions=True))[0]
        await asyncio.gather(reader, return_exceptions=True)
        assert isinstance(second, BaseException)
        return second

    assert "one task or thread at a time reads it" in str(client.run(twice()))


@only("world", ["sync"], indirect=True)
def test_a_hook_that_calls_the_sync_client_is_told_why_it_cannot(world: World) -> None:
    said: list[str] = []

    def hook(event: Event) -> None:
        said.append(str(raised(client.state)))

    client = world.client(managed(), managed("other", 0, 2), on_event=hook, options=Options(retry=Retry(attempts=1)))
    world.order({"method": VERTEX_CALLS, "nth": 1, "status": 503})
    assert client.ask().route == "other"
    assert said
    assert all("from its own event loop's thread" in each for each in said)


def test_a_client_of_a_loop_that_is_over_is_closed_and_used_in_the_next(world: World) -> None:
    client = AsyncGeminiClient(world.routes(managed()))
    assert asyncio.run(client.generate("2 + 2")).text == "4"
    with pytest.raises(ConfigurationError, match="belongs to another event loop"):
        asyncio.run(client.generate("2 + 2"))
    asyncio.run(client.aclose())

    async def again() -> str:
        async with client:
            return (await client.generate("2 + 2")).text

    assert asyncio.run(again()) == "4"


@only("world", ["async"], indirect=True)
def test_a_client_is_closed_in_its_own_loop_while_that_runs(world: World) -> None:
    client: AsyncCaller = world.client()
    assert client.ask().text == "4"
    with pytest.raises(ConfigurationError, match="close it there"):
        asyncio.run(client.client.aclose())
    assert client.ask().text == "4"


@only("world", ["async"], indirect=True)
@only("stream", [False, True])
def test_closing_an_async_client_ends_what_is_under_way(world: World, stream: bool) -> None:
    world.order(HANGS)
    client: AsyncCaller = world.client(managed(), managed("other", 0, 2), developer={"model": "gemini-3.5-flash"})

    async def read() -> list[str]:
        return [text async for text in client.client.stream(TALK)]

    async def close() -> BaseException | None:
        call = asyncio.create_task(read() if stream else client.client.generate("2 + 2"))
        while not hanging(world):
            await asyncio.sleep(0)
        await client.client.aclose()
        await asyncio.wait({call})
        return call.exception()

    error = client.run(close())
    assert isinstance(error, ConfigurationError)
    assert str(error) == "The client was closed while this call was under way."
    assert (world.counts(), world.timing.waits) == ([(1, 1)], [])
    world.order()
    assert client.ask().text == "4"
