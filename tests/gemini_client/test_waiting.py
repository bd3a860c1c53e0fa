"""What a call needs before it asks a model, when that hangs: a token, the API key, an endpoint's address."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.auth.credentials import Credentials

from gemini_client import Breaker, CredentialsError, DeadlineExceeded, Options, Refused, Retry, Unavailable
from gemini_client.credentials import Tokens
from gemini_client.shared import Kept
from sandbox.api_keys import key_for
from tests.gemini_client.harness import FALLBACK, AsyncCaller, World, raised
from tests.gemini_client.test_secrecy import SECRET, keep_in_secret_manager
from tests.gemini_client.test_servings import endpoint_route
from tests.sandbox.vertex import Vertex

DOWN = {"method": "aiplatform.*", "status": 503}
HANGING_SECRETS = {"method": "secretmanager.*", "hang": True}
OPTIONS = Options(retry=Retry(attempts=1), breaker=Breaker(2, 30))


def at_once(client: Any, times: int) -> list[Any]:
    """So many replies to calls that are made together."""
    if isinstance(client, AsyncCaller):

        async def together() -> list[Any]:
            return list(await asyncio.gather(*(client.client.generate("2 + 2") for _ in range(times))))

        return client.run(together())
    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(lambda _: client.ask(), range(times)))


class Hanging(Credentials):
    """Credentials whose renewal hangs until it is let go."""

    def __init__(self, token: str = "") -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.given, self.renewals, self.hanging = token, 0, 0
        self.go = threading.Event()

    def refresh(self, request: Any) -> None:
        self.renewals += 1
        self.hanging += 1
        self.go.wait(60)
        self.hanging -= 1
        self.token = self.given


@pytest.fixture
def hanging(world: World) -> Iterator[Hanging]:
    made = Hanging(world.sandbox.env["GOOGLE_OAUTH_ACCESS_TOKEN"])
    yield made
    made.go.set()


def test_a_token_that_hangs_is_asked_for_once_and_is_no_failure_of_the_route(world: World, hanging: Hanging) -> None:
    client = world.client(credentials=hanging, developer={"model": FALLBACK}, options=OPTIONS)
    for _ in range(3):
        error = raised(lambda: client.ask(deadline=0.3))
        assert isinstance(error, CredentialsError)
        assert "The credentials gave no token in 0.27 s" in str(error)
    assert client.state()["routes"][0]["breaker"] == {"state": "closed", "failures": 0}
    assert (hanging.renewals, world.calls()) == (1, [])
    hanging.go.set()
    assert client.ask().text == "4"
    assert hanging.renewals == 1


def test_a_token_is_not_waited_for_as_long_as_a_call_may_take(
    world: World, hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tokens, "longest_wait", 0.05)
    client = world.client(credentials=hanging)
    assert "no token in 0.05 s" in str(raised(client.ask))
    assert "no token in 0.05 s" in str(raised(client.check))


def test_a_check_has_a_deadline(world: World, hanging: Hanging) -> None:
    client = world.client(credentials=hanging, options=Options(deadline=0.05))
    assert isinstance(raised(client.check), DeadlineExceeded)


def test_closing_does_not_wait_for_a_token(world: World, hanging: Hanging) -> None:
    client = world.client(credentials=hanging, options=OPTIONS)
    raised(lambda: client.ask(deadline=0.05))
    world.close()
    assert hanging.hanging == 1


def test_a_secret_is_read_once_for_calls_that_come_together(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_in_secret_manager(world, key_for("sandbox-project"))
    monkeypatch.setenv("GEMINI_API_KEY_SECRET", SECRET)
    world.order(DOWN)
    client = world.client(developer={"model": FALLBACK}, options=OPTIONS)
    assert [reply.route for reply in at_once(client, 10)] == ["developer-api"] * 10
    assert len(world.calls("versions.access")) == 1


def test_a_key_that_is_known_goes_on_while_secret_manager_hangs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kept, "again_seconds", 0.05)
    keep_in_secret_manager(world, key_for("sandbox-project"))
    monkeypatch.setenv("GEMINI_API_KEY_SECRET", SECRET)
    world.order(DOWN)
    client = world.client(developer={"model": FALLBACK}, options=OPTIONS)
    assert client.ask().route == "developer-api"
    world.order(DOWN, HANGING_SECRETS)
    world.timing.advance(301)
    assert [client.ask().route for _ in range(3)] == ["developer-api"] * 3
    assert world.counts()[1] == (1, 1)


def test_a_key_that_nobody_knows_yet_is_not_waited_for_without_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Kept, "first_seconds", 0.05)
    world.sandbox.enable("secretmanager")
    monkeypatch.setenv("GEMINI_API_KEY_SECRET", SECRET)
    world.order(DOWN, HANGING_SECRETS)
    client = world.client(developer={"model": FALLBACK}, options=OPTIONS)
    error = raised(client.ask)
    assert isinstance(error, Unavailable)
    assert f"{SECRET} cannot be read: no answer in time" in str(error)


def looked_up(world: World, since: int) -> list[str]:
    """The methods of the look-ups since then."""
    methods = [call["method"].rpartition("locations.")[2] for call in world.sandbox.calls(since)]
    return [method for method in methods if method in ("endpoints.get", "models.get")]


def test_an_endpoint_is_looked_up_once_for_calls_that_come_together(world: World, vertex: Vertex) -> None:
    endpoint = vertex.create()
    vertex.deploy(endpoint, "5", {"0": 100})
    before = world.sandbox.last_call()
    client = world.client(endpoint_route(endpoint, api=""))
    assert [reply.text for reply in at_once(client, 10)] == ["4"] * 10
    assert looked_up(world, before) == ["endpoints.get", "models.get"]


def test_an_endpoint_is_looked_up_again_after_five_minutes_and_when_it_refuses(world: World, vertex: Vertex) -> None:
    endpoint = vertex.create()
    vertex.deploy(endpoint, "5", {"0": 100})
    client = world.client(endpoint_route(endpoint, api=""))
    assert client.ask().deployed_model == "model-5"
    vertex.deploy(endpoint, "6", {"0": 100})
    vertex.undeploy(endpoint, "5")
    assert client.ask().deployed_model == "6"
    world.timing.advance(301)
    assert client.ask().deployed_model == "model-6"
    # What is known goes on where it cannot be read again.
    world.order({"method": "*.endpoints.get", "status": 503})
    world.timing.advance(301)
    assert client.ask().deployed_model == "model-6"
    for status in (404, "FAILED_PRECONDITION"):
        world.order({"method": "*.endpoints.predict", "status": status})
        assert isinstance(raised(client.ask), Refused)
        world.order()
        before = world.sandbox.last_call()
        assert [client.ask().text, client.ask().text] == ["4", "4"]
        assert looked_up(world, before).count("endpoints.get") == 1
