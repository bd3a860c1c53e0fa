"""How calls end that nobody planned for: a split cut off, a mistake in the provider, an address that is none."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from tests.vertex_serving.faults import Faults, Hanging, losing_the_answer, losing_the_request
from tests.vertex_serving.harness import (
    DEPLOYED_MODEL,
    ENDPOINT,
    TRAFFIC_SPLIT,
    Failed,
    World,
    eventually,
    log_service,
    model_inputs,
    serving,
)
from vertex_serving.provider import wire
from vertex_serving.provider.deployed_model import DeployedModel
from vertex_serving.provider.transport import GoogleTransport


def split(here: World) -> dict[str, Any]:
    _, outputs = here.engine().create(DEPLOYED_MODEL, "flash", model_inputs())
    target = {"deployedModelId": outputs["deployedModelId"], "percent": 100}
    return {"endpoint": ENDPOINT, "targets": {"flash": target}}


@pytest.mark.parametrize("fault", [losing_the_answer, losing_the_request], ids=["answer", "request"])
def test_a_lost_split_change_is_made_once(here: World, fault: Any) -> None:
    """Whether Google got it or not: the endpoint is read, and the change sent again only if it is not there."""
    news, faults = split(here), Faults(here)
    faults.on("PATCH", fault)
    here.engine(faults).create(TRAFFIC_SPLIT, "traffic", news)
    assert here.called().count("endpoints.patch") == 1


def test_a_split_that_is_cut_off_in_its_change_is_in_the_state(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled while the request was out: the split may be set, so destroy must know it."""
    monkeypatch.setattr("vertex_serving.provider.task._CANCEL_GRACE", 0.1)
    news, faults, hanging = split(here), Faults(here), Hanging()
    faults.on("PATCH", hanging)
    engine = here.engine(faults)
    create = engine.background(engine.create, TRAFFIC_SPLIT, "traffic", news)
    assert hanging.reached.wait(10)
    engine.cancel()
    with pytest.raises(Failed, match=r"Whether the traffic is changed is not known.*pulumi up") as end:
        create.result(timeout=30)
    assert end.value.code == grpc.StatusCode.CANCELLED
    assert end.value.partial.id == f"{ENDPOINT}/trafficSplit"
    hanging.release.set()


def test_a_mistake_in_the_provider_is_a_sentence(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is raised inside, a person reads one sentence, and no traceback."""

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(DeployedModel, "check", broken)
    with pytest.raises(
        Failed, match=r"mistake inside the vertex-serving provider \(ZeroDivisionError in Check\)"
    ) as end:
        here.engine().check(DEPLOYED_MODEL, "flash", model_inputs())
    assert end.value.code == grpc.StatusCode.INTERNAL
    assert "Traceback" not in end.value.message


def test_a_wrong_address_in_the_environment_is_named() -> None:
    """The variable, its value and the form; the engine learns it when it configures the provider."""
    environment = {"GOOGLE_VERTEX_AI_CUSTOM_ENDPOINT": "http://127.0.0.1:8080/"}
    with (
        pytest.raises(Failed, match=r"GOOGLE_VERTEX_AI_CUSTOM_ENDPOINT is 'http://127.0.0.1:8080/'; it must end in"),
        serving(GoogleTransport({}), environment),
    ):
        pass


def test_a_cancelled_provider_works_again_in_the_next_run(here: World) -> None:
    """A provider that stays up between runs forgets the cancellation when it is configured anew."""
    engine = here.engine()
    engine.cancel()
    with pytest.raises(Failed, match="Cancelled before anything was changed"):
        engine.create(DEPLOYED_MODEL, "flash", model_inputs())
    engine.configure()
    engine.create(DEPLOYED_MODEL, "flash", model_inputs())
    assert len(here.deployed()) == 1


def test_every_page_of_operations_is_read(here: World) -> None:
    """An operation that is under way is found behind newer ones that are done."""
    here.sandbox.set(deploySeconds=600)
    engine = here.engine()
    with pytest.raises(Failed, match="is still being deployed"):
        engine.create(DEPLOYED_MODEL, "flash", model_inputs(), timeout=0.5)
    here.sandbox.set(deploySeconds=0)
    for name in ("newer", "newest"):
        engine.create(DEPLOYED_MODEL, name, model_inputs(displayName=name))
    google = GoogleTransport(here.sandbox.env)

    def one_a_page(method: str, url: str, query: Any, body: Any) -> Any:
        return google(method, url, query | {"pageSize": "1"} if "pageSize" in query else query, body)

    later = here.engine(one_a_page)
    create = later.background(later.create, DEPLOYED_MODEL, "flash", model_inputs())
    eventually(lambda: any("already under way" in text for text in later.log.texts(ephemeral=True)))
    here.skip(600)
    create.result()
    assert here.called().count("endpoints.deployModel") == 3


def test_messages_that_nobody_hears_do_not_matter(here: World) -> None:
    """An engine whose log service is gone does not fail a deployment."""
    with log_service() as (_, address):
        gone = address
    engine = here.engine()
    engine.attach(gone)
    here.sandbox.set(deploySeconds=0.3)
    engine.create(DEPLOYED_MODEL, "flash", model_inputs())
    assert len(here.deployed()) == 1


def test_secrets_and_outputs_on_the_wire_are_opened() -> None:
    """Pulumi may wrap a value as a secret or as an output; one without a value is unknown."""
    mark = "4dabf18193072939515e22adb298388d"
    secret = {mark: "1b47061264138c4ac30d75fd1eb44270", "value": "s"}
    output = {mark: "d0e6a833031e9bbcd3f4e8bde6ca49a4", "value": {"a": 1}, "secret": True}
    unknown = {mark: "d0e6a833031e9bbcd3f4e8bde6ca49a4"}
    struct = wire.write({"secret": secret, "output": output, "unknown": unknown})
    assert wire.read(struct) == {"secret": "s", "output": {"a": 1}, "unknown": wire.UNKNOWN}
