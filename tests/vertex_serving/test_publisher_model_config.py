"""A PublisherModelConfig's life against the sandbox: set, adopted only where it is nobody else's, changed, ended."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
import requests

from tests.vertex_serving.faults import Faults, Hanging, answering, losing_the_answer
from tests.vertex_serving.harness import (
    PROJECT,
    PUBLISHER_MODEL_CONFIG,
    REGION,
    TABLE,
    Failed,
    World,
    config_inputs,
    eventually,
)
from vertex_serving.provider.settings import Settings
from vertex_serving.provider.wire import UNKNOWN

ID = f"projects/{PROJECT}/locations/{REGION}/publishers/google/models/gemini-3.5-flash"
SET = ":setPublisherModelConfig"
ELSEWHERE = f"bq://{PROJECT}.requests.theirs"


@pytest.fixture(autouse=True)
def _dataset(here: World) -> None:
    """The dataset that every log of these tests goes to."""
    here.sandbox.enable("bigquery")
    path = f"bigquery/v2/projects/{PROJECT}/datasets"
    here.post("bigquery", path, {"datasetReference": {"datasetId": "requests"}})


def by_hand(here: World, **logging: Any) -> None:
    """Set the log as somebody else would."""
    path = f"v1beta1/{ID}:setPublisherModelConfig"
    here.post("aiplatform", path, {"publisherModelConfig": {"loggingConfig": logging}})


def live(here: World, id_: str = ID) -> Any:
    """Return the log as Google has it."""
    url = here.sandbox.api("aiplatform", f"v1beta1/{id_}:fetchPublisherModelConfig")
    answer = requests.get(url, headers=here.sandbox.headers, timeout=30)
    answer.raise_for_status()
    return answer.json()["loggingConfig"]


def sets(here: World, since: int = 0) -> int:
    return here.called(since=since).count("models.setPublisherModelConfig")


LOGGED = {"enabled": True, "samplingRate": 0.1, "bigqueryDestination": {"outputUri": TABLE}}


@pytest.mark.parametrize("region", [REGION, "global", "eu"])
def test_create_sets_the_log(here: World, region: str) -> None:
    """What preview shows is set by one call, in a region, globally and in a multi-region."""
    engine, news = here.engine(), config_inputs(region=region)
    _, previewed = engine.create(PUBLISHER_MODEL_CONFIG, "log", news, preview=True)
    id_, outputs = engine.create(PUBLISHER_MODEL_CONFIG, "log", news)
    assert id_ == ID.replace(REGION, region)
    assert outputs == previewed == news
    assert live(here, id_) == LOGGED
    assert sets(here) == 1


def test_what_is_so_already_is_adopted(here: World) -> None:
    """Nothing is sent, and what else is set there stays."""
    by_hand(here, **LOGGED, enableOtelLogging=True)
    here.engine().create(PUBLISHER_MODEL_CONFIG, "log", config_inputs())
    assert sets(here) == 1
    assert live(here) == {**LOGGED, "enableOtelLogging": True}


def test_a_log_that_was_ended_is_nobody_s(here: World) -> None:
    """A disabled log, with a table or without, is taken."""
    by_hand(here, enabled=False, bigqueryDestination={"outputUri": ELSEWHERE})
    here.engine().create(PUBLISHER_MODEL_CONFIG, "log", config_inputs())
    assert live(here) == LOGGED


def test_somebody_else_s_log_is_left_alone(here: World) -> None:
    """The sentence says where it goes and what to do, and nothing is sent."""
    by_hand(here, enabled=True, samplingRate=1, bigqueryDestination={"outputUri": ELSEWHERE})
    with pytest.raises(Failed, match=rf"logged already, to {ELSEWHERE} \(sampling rate 1\).*pulumi import .* {ID}"):
        here.engine().create(PUBLISHER_MODEL_CONFIG, "log", config_inputs())
    assert sets(here) == 1


def test_update_changes_the_log_in_place_and_nothing_beside_it(here: World) -> None:
    """One call; what the inputs do not name stays."""
    by_hand(here, **LOGGED, enableOtelLogging=True)
    engine = here.engine()
    id_, outputs = engine.create(PUBLISHER_MODEL_CONFIG, "log", config_inputs())
    since = here.sandbox.last_call()
    news = config_inputs(samplingRate=0.5)
    assert engine.update(PUBLISHER_MODEL_CONFIG, "log", id_, outputs, news) == news
    assert live(here) == {**LOGGED, "samplingRate": 0.5, "enableOtelLogging": True}
    assert here.called(since=since) == ["models.setPublisherModelConfig"]


def test_delete_ends_the_log(here: World) -> None:
    """Twice is fine, and so is a model that Google no longer serves."""
    _, outputs = here.engine().create(PUBLISHER_MODEL_CONFIG, "log", config_inputs())
    engine = here.engine()
    engine.delete(PUBLISHER_MODEL_CONFIG, "log", ID, outputs)
    assert "enabled" not in live(here)
    engine.delete(PUBLISHER_MODEL_CONFIG, "log", ID, outputs)
    assert sets(here) == 2
    engine.delete(PUBLISHER_MODEL_CONFIG, "log", ID.replace("3.5", "1.5"), outputs)


def test_a_replacement_of_the_same_log_does_not_end_it(here: World) -> None:
    """A forced replacement adopts the log; the delete that follows leaves it, and says so."""
    _, outputs = here.engine().create(PUBLISHER_MODEL_CONFIG, "log", config_inputs())
    engine = here.engine()
    engine.create(PUBLISHER_MODEL_CONFIG, "renamed", config_inputs())
    engine.delete(PUBLISHER_MODEL_CONFIG, "log", ID, outputs)
    assert live(here) == LOGGED
    assert len(engine.log.texts(ephemeral=False)) == 1


def test_read_shows_drift_and_imports(here: World) -> None:
    """A rate changed by hand and a log ended by hand are seen; what logs nothing is nothing to import."""
    engine, news = here.engine(), config_inputs()
    assert engine.read(PUBLISHER_MODEL_CONFIG, "log", ID)[0] == ""
    engine.create(PUBLISHER_MODEL_CONFIG, "log", news)
    assert engine.read(PUBLISHER_MODEL_CONFIG, "log", ID) == (ID, news, news)
    by_hand(here, **LOGGED | {"samplingRate": 1})
    drifted = config_inputs(samplingRate=1)
    assert engine.read(PUBLISHER_MODEL_CONFIG, "log", ID, news, news) == (ID, drifted, drifted)
    by_hand(here, enabled=False)
    assert engine.read(PUBLISHER_MODEL_CONFIG, "log", ID, news, news)[1]["logging"] == {"enabled": False}
    assert engine.read(PUBLISHER_MODEL_CONFIG, "log", ID)[0] == ""
    with pytest.raises(Failed, match="the form is projects/PROJECT/locations/REGION/publishers/google/models/MODEL"):
        engine.read(PUBLISHER_MODEL_CONFIG, "log", f"{ID}/config")


def test_a_model_has_one_config_in_a_location(here: World) -> None:
    """A second one fails at preview and names the first; in another location it is another one."""
    engine = here.engine()
    engine.checked(PUBLISHER_MODEL_CONFIG, "log", config_inputs())
    engine.checked(PUBLISHER_MODEL_CONFIG, "global", config_inputs(region="global"))
    _, failures = engine.check(PUBLISHER_MODEL_CONFIG, "more", config_inputs())
    assert "which log already configures in us-central1" in failures["model"]


@pytest.mark.parametrize(
    ("changes", "path", "says"),
    [
        ({"project": "My Project"}, "project", "the form is a project's id"),
        ({"region": "us-central"}, "region", "or global, us or eu"),
        ({"model": "publishers/google/models/gemini-3.5-flash"}, "model", "the id of a Gemini model"),
        ({"logging": True}, "logging", "give {enabled, samplingRate, bigqueryDestination}"),
        ({"logging": {}}, "logging.enabled", "is missing"),
        ({"logging": {"enabled": True, "samplingRate": 1}}, "logging.bigqueryDestination", "is missing"),
        ({"logging": {"enabled": True, "bigqueryDestination": TABLE}}, "logging.samplingRate", "is missing"),
        ({"samplingRate": 0}, "logging.samplingRate", "above 0 and at most 1"),
        ({"samplingRate": 1.1}, "logging.samplingRate", "above 0 and at most 1"),
        ({"samplingRate": True}, "logging.samplingRate", "above 0 and at most 1"),
        ({"bigqueryDestination": "p.d.t"}, "logging.bigqueryDestination", "the form is bq://PROJECT.DATASET.TABLE"),
        ({"logging": {"enabled": False, "table": "t"}}, "logging.table", "is not a property here"),
        ({"location": "global"}, "location", "is not a property here"),
    ],
    ids=str,
)
def test_a_mistake_is_told_on_its_property(here: World, changes: dict[str, Any], path: str, says: str) -> None:
    """At preview, before anything is called."""
    _, failures = here.engine().check(PUBLISHER_MODEL_CONFIG, "log", config_inputs(**changes))
    assert says in failures[path]


@pytest.mark.parametrize(
    ("before", "after", "expected", "replaces"),
    [
        ({}, {}, {}, []),
        ({}, {"samplingRate": 0.5}, {"logging.samplingRate": "UPDATE"}, []),
        ({}, {"bigqueryDestination": UNKNOWN}, {"logging.bigqueryDestination": "UPDATE"}, []),
        ({}, {"logging": UNKNOWN}, {"logging": "UPDATE"}, []),
        (
            {},
            {"logging": {"enabled": False}},
            {f"logging.{key}": kind for key, kind in (("enabled", "UPDATE"), ("samplingRate", "DELETE"))}
            | {"logging.bigqueryDestination": "DELETE"},
            [],
        ),
        ({}, {"region": "global"}, {"region": "UPDATE_REPLACE"}, ["region"]),
        ({}, {"model": "gemini-3.8-flash"}, {"model": "UPDATE_REPLACE"}, ["model"]),
    ],
    ids=str,
)
def test_diff_names_what_changes(
    here: World, before: dict[str, Any], after: dict[str, Any], expected: dict[str, str], replaces: list[str]
) -> None:
    """The log changes in place, what it is of takes another configuration."""
    olds, news = config_inputs(**before), config_inputs(**after)
    answer = here.engine().diff(PUBLISHER_MODEL_CONFIG, "log", olds, news)
    assert {path: type(one).Kind.Name(one.kind) for path, one in answer.detailedDiff.items()} == expected
    assert list(answer.replaces) == replaces


def test_a_dataset_that_is_not_there_is_google_s_sentence(here: World) -> None:
    """The operation fails, nothing is set, and no state is left behind."""
    with pytest.raises(
        Failed, match=r"Google refused publishers.models.setPublisherModelConfig .*none is not found"
    ) as no:
        here.engine().create(PUBLISHER_MODEL_CONFIG, "log", config_inputs(bigqueryDestination=f"bq://{PROJECT}.none.t"))
    assert no.value.partial is None


def test_a_model_that_google_does_not_serve_is_named(here: World) -> None:
    with pytest.raises(Failed, match=f"Google serves no gemini-1.5-pro to project {PROJECT} in {REGION}") as caught:
        here.engine().create(PUBLISHER_MODEL_CONFIG, "log", config_inputs(model="gemini-1.5-pro"))
    assert caught.value.code == grpc.StatusCode.NOT_FOUND


def test_a_missing_permission_is_named_with_the_role_that_has_it(here: World) -> None:
    """roles/aiplatform.user is not enough."""
    faults = Faults(here)
    faults.on(SET, answering(403, "PERMISSION_DENIED", "denied"))
    with pytest.raises(
        Failed, match=r"aiplatform.endpoints.setPublisherModelConfig is missing .*roles/aiplatform.admin"
    ):
        here.engine(faults).create(PUBLISHER_MODEL_CONFIG, "log", config_inputs())


def test_a_lost_answer_is_looked_up(here: World) -> None:
    """The log is set once, although its first answer never came."""
    faults = Faults(here)
    faults.on(SET, losing_the_answer)
    here.engine(faults).create(PUBLISHER_MODEL_CONFIG, "log", config_inputs())
    assert live(here) == LOGGED
    assert sets(here) == 1


def test_a_call_that_ends_early_is_gone_on_with(here: World) -> None:
    """Out of time: the state has the resource as unfinished, and the next run's update finds it set."""
    faults, slow = Faults(here), Hanging()
    faults.on(SET, slow)
    with pytest.raises(Failed, match=r"gemini-3.5-flash's requests is set is not known.*`pulumi up`") as caught:
        here.engine(faults).create(PUBLISHER_MODEL_CONFIG, "log", config_inputs(), timeout=0.5)
    assert caught.value.partial.id == ID
    slow.release.set()
    eventually(lambda: sets(here) == 1)
    here.engine().update(PUBLISHER_MODEL_CONFIG, "log", ID, config_inputs(), config_inputs())
    assert live(here) == LOGGED
    assert sets(here) == 1


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-central1", "us-central1-aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_each_location_has_its_host(region: str, host: str) -> None:
    """docs.cloud.google.com/vertex-ai/generative-ai/docs/learn/locations."""
    assert Settings().address(region) == f"https://{host}/v1/"
