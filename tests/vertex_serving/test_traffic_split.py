"""A TrafficSplit's life against the sandbox: one call, consistent, in the order that loses no request."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vertex_serving.harness import (
    DEPLOYED_MODEL,
    ENDPOINT,
    TRAFFIC_SPLIT,
    Engine,
    Failed,
    World,
    model_inputs,
)
from vertex_serving.provider.wire import UNKNOWN

ID = f"{ENDPOINT}/trafficSplit"


@pytest.fixture
def ids(here: World) -> dict[str, str]:
    """Two deployed models: their ids by name."""
    engine = here.engine()
    return {
        name: engine.create(DEPLOYED_MODEL, name, model_inputs(displayName=name))[1]["deployedModelId"]
        for name in ("flash", "pro")
    }


def split(ids: dict[str, str], **percents: int) -> dict[str, Any]:
    targets = {name: {"deployedModelId": ids[name], "percent": percent} for name, percent in percents.items()}
    return {"endpoint": ENDPOINT, "targets": targets}


def patches(here: World) -> int:
    return here.called().count("endpoints.patch")


def by_hand(here: World, ids: dict[str, str], **percents: int) -> None:
    body = {"trafficSplit": {ids[name]: percent for name, percent in percents.items()}}
    here.post("aiplatform", f"v1/{ENDPOINT}?updateMask=trafficSplit", body, method="PATCH")


def test_create_sets_the_split_in_one_call(here: World, ids: dict[str, str]) -> None:
    """The map that preview showed is Google's after one patch."""
    engine = here.engine()
    _, previewed = engine.create(TRAFFIC_SPLIT, "traffic", split(ids, flash=95, pro=5), preview=True)
    id_, outputs = engine.create(TRAFFIC_SPLIT, "traffic", split(ids, flash=95, pro=5))
    assert id_ == ID
    assert outputs["trafficSplit"] == {ids["flash"]: 95, ids["pro"]: 5} == previewed["trafficSplit"]
    assert here.endpoint()["trafficSplit"] == outputs["trafficSplit"]
    assert patches(here) == 1


def test_update_shifts_traffic_in_one_call_and_no_deployment(here: World, ids: dict[str, str]) -> None:
    """A change of percentages is one mutating call."""
    engine = here.engine()
    _, outputs = engine.create(TRAFFIC_SPLIT, "traffic", split(ids, flash=95, pro=5))
    before = here.sandbox.last_call()
    updated = engine.update(TRAFFIC_SPLIT, "traffic", ID, outputs, split(ids, flash=80, pro=20))
    assert updated["trafficSplit"] == {ids["flash"]: 80, ids["pro"]: 20}
    assert here.called(since=before) == ["endpoints.patch"]


def test_a_split_that_is_so_already_is_not_sent(here: World, ids: dict[str, str]) -> None:
    """Adopting an endpoint's split changes nothing."""
    by_hand(here, ids, flash=60, pro=40)
    engine = here.engine()
    _, outputs = engine.create(TRAFFIC_SPLIT, "traffic", split(ids, flash=60, pro=40))
    assert outputs["trafficSplit"] == {ids["flash"]: 60, ids["pro"]: 40}
    assert patches(here) == 1


def test_a_target_without_traffic_is_not_in_google_s_map(here: World, ids: dict[str, str]) -> None:
    """Zero percent is deployed and idle; reading it back gives zero again."""
    engine, news = here.engine(), split(ids, flash=100, pro=0)
    _, outputs = engine.create(TRAFFIC_SPLIT, "traffic", news)
    assert here.endpoint()["trafficSplit"] == {ids["flash"]: 100}
    assert engine.read(TRAFFIC_SPLIT, "traffic", ID, news, outputs) == (ID, news, outputs)


def test_a_model_that_is_not_deployed_is_named(here: World, ids: dict[str, str]) -> None:
    """The sentence has the missing id and those that there are, and nothing is sent."""
    with pytest.raises(Failed, match=rf"the id 123 is deployed on .* there are: .*{ids['flash']} \(flash\)"):
        here.engine().create(TRAFFIC_SPLIT, "traffic", split({"flash": "123"}, flash=100))
    assert patches(here) == 0


def test_an_endpoint_that_is_gone_is_named(here: World, ids: dict[str, str]) -> None:
    """Create says which endpoint is missing and how to list those there are."""
    news = split(ids, flash=100) | {"endpoint": ENDPOINT + "9"}
    with pytest.raises(Failed, match=rf"Endpoint {ENDPOINT}9 does not exist .*gcloud ai endpoints list"):
        here.engine().create(TRAFFIC_SPLIT, "traffic", news)


def test_a_peered_endpoint_has_no_split(here: World) -> None:
    """It holds one model with all the traffic: the sentence says so at once, and names the way out."""
    endpoint = here.make_endpoint("87654321", network="projects/123456789012/global/networks/default")
    engine = here.engine()
    _, outputs = engine.create(DEPLOYED_MODEL, "flash", model_inputs(endpoint=endpoint))
    news = split({"flash": outputs["deployedModelId"]}, flash=100) | {"endpoint": endpoint}
    with pytest.raises(Failed, match=r"peered network.*Leave the TrafficSplit out, or use Private Service Connect"):
        engine.create(TRAFFIC_SPLIT, "traffic", news)
    assert patches(here) == 0


def test_delete_empties_the_split(here: World, ids: dict[str, str]) -> None:
    """Afterwards no model has traffic, so all can be undeployed; a second delete, or one without endpoint, is fine."""
    _, outputs = here.engine().create(TRAFFIC_SPLIT, "traffic", split(ids, flash=95, pro=5))
    engine = here.engine()
    engine.delete(TRAFFIC_SPLIT, "traffic", ID, outputs)
    assert "trafficSplit" not in here.endpoint()
    engine.delete(TRAFFIC_SPLIT, "traffic", ID, outputs)
    assert patches(here) == 2
    engine.delete(TRAFFIC_SPLIT, "traffic", f"{ENDPOINT}9/trafficSplit", outputs)


def test_a_replacement_on_the_same_endpoint_does_not_empty_it(here: World, ids: dict[str, str]) -> None:
    """A forced replacement sets the same split; the delete that follows leaves it, and says so."""
    _, outputs = here.engine().create(TRAFFIC_SPLIT, "traffic", split(ids, flash=100))
    engine = here.engine()
    engine.create(TRAFFIC_SPLIT, "renamed", split(ids, flash=100))
    engine.delete(TRAFFIC_SPLIT, "traffic", ID, outputs)
    assert here.endpoint()["trafficSplit"] == {ids["flash"]: 100}
    assert len(engine.log.texts(ephemeral=False)) == 1


def test_an_upgrade_moves_traffic_between_deploying_and_undeploying(here: World, ids: dict[str, str]) -> None:
    """In Pulumi's order a new machine type is: deploy, one patch, undeploy; the old model has traffic until then."""
    engine = here.engine()
    _, olds = engine.create(TRAFFIC_SPLIT, "traffic", split(ids, flash=95, pro=5))
    before = here.sandbox.last_call()
    bigger = model_inputs(displayName="flash", machineType="n1-standard-16")
    _, new = engine.create(DEPLOYED_MODEL, "flash", bigger)
    assert here.endpoint()["trafficSplit"] == {ids["flash"]: 95, ids["pro"]: 5}
    moved = ids | {"flash": new["deployedModelId"]}
    engine.update(TRAFFIC_SPLIT, "traffic", ID, olds, split(moved, flash=95, pro=5))
    old_name = f"{ENDPOINT}/deployedModels/{ids['flash']}"
    here.engine().delete(DEPLOYED_MODEL, "flash", old_name, {"displayName": "flash"})
    assert here.called(since=before) == ["endpoints.deployModel", "endpoints.patch", "endpoints.undeployModel"]
    assert set(here.deployed()) == {new["deployedModelId"], ids["pro"]}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"flash": ("1", 95), "pro": ("2", 5)}, {"flash": ("1", 95), "pro": ("2", 5)}, {}),
        (
            {"flash": ("1", 95), "pro": ("2", 5)},
            {"flash": ("1", 80), "pro": ("2", 20)},
            {"targets.flash.percent": "UPDATE", "targets.pro.percent": "UPDATE"},
        ),
        ({"flash": ("1", 100)}, {"flash": ("3", 100)}, {"targets.flash.deployedModelId": "UPDATE"}),
        (
            {"flash": ("1", 100)},
            {"flash": ("1", 90), "a.b": ("2", 10)},
            {"targets.flash.percent": "UPDATE", 'targets["a.b"]': "ADD"},
        ),
        (
            {"flash": ("1", 90), "pro": ("2", 10)},
            {"flash": ("1", 100)},
            {"targets.flash.percent": "UPDATE", "targets.pro": "DELETE"},
        ),
        ({"flash": ("1", 100)}, {"flash": (UNKNOWN, 100)}, {"targets.flash.deployedModelId": "UPDATE"}),
    ],
    ids=str,
)
def test_diff_names_the_target_and_its_part(
    here: World, before: dict[str, Any], after: dict[str, Any], expected: dict[str, str]
) -> None:
    """A traffic change reads as targets.NAME.percent."""
    engine = here.engine()
    olds, news = (
        {
            "endpoint": ENDPOINT,
            "targets": {name: {"deployedModelId": id_, "percent": share} for name, (id_, share) in given.items()},
        }
        for given in (before, after)
    )
    answer = engine.diff(TRAFFIC_SPLIT, "traffic", olds, news)
    assert {path: type(one).Kind.Name(one.kind) for path, one in answer.detailedDiff.items()} == expected
    assert list(answer.replaces) == []


def test_another_endpoint_is_another_split(here: World) -> None:
    """Moving a split to another endpoint replaces it."""
    ids = {"flash": "1"}
    news = split(ids, flash=100) | {"endpoint": ENDPOINT + "9"}
    assert list(here.engine().diff(TRAFFIC_SPLIT, "traffic", split(ids, flash=100), news).replaces) == ["endpoint"]


def test_one_endpoint_has_one_split(here: World) -> None:
    """A second TrafficSplit of the same endpoint fails at preview and names the first."""
    engine, ids = here.engine(), {"flash": "1"}
    engine.checked(TRAFFIC_SPLIT, "traffic", split(ids, flash=100))
    _, failures = engine.check(TRAFFIC_SPLIT, "more", split(ids, flash=100))
    assert "whose traffic traffic already splits" in failures["endpoint"]


def refreshed(engine: Engine, news: dict[str, Any], outputs: dict[str, Any]) -> dict[str, Any]:
    _, inputs, _ = engine.read(TRAFFIC_SPLIT, "traffic", ID, news, outputs)
    targets: dict[str, Any] = inputs["targets"]
    return {name: target["percent"] for name, target in targets.items()}


def test_read_shows_drift_under_the_targets_names(here: World, ids: dict[str, str]) -> None:
    """Traffic moved by hand, to a model that the split does not name too, and a split emptied by hand, are seen."""
    engine, news = here.engine(), split(ids, flash=100)
    _, outputs = engine.create(TRAFFIC_SPLIT, "traffic", news)
    by_hand(here, ids, flash=70, pro=30)
    assert refreshed(engine, news, outputs) == {"flash": 70, "pro": 30}
    by_hand(here, ids)
    assert refreshed(engine, news, outputs) == {"flash": 0}


def test_import_names_targets_by_display_name(here: World, ids: dict[str, str]) -> None:
    """An import gives each model under the name that it is deployed with; a name that is there twice keeps both."""
    by_hand(here, ids, flash=70, pro=30)
    engine = here.engine()
    id_, inputs, outputs = engine.read(TRAFFIC_SPLIT, "traffic", ID)
    assert (id_, inputs) == (ID, split(ids, flash=70, pro=30))
    assert outputs["trafficSplit"] == {ids["flash"]: 70, ids["pro"]: 30}
    twin = engine.create(DEPLOYED_MODEL, "b", model_inputs(displayName="flash", machineType="n1-standard-8"))[1]
    by_hand(here, {"a": ids["flash"], "b": twin["deployedModelId"]}, a=50, b=50)
    assert len(engine.read(TRAFFIC_SPLIT, "traffic", ID)[1]["targets"]) == 2


def test_read_of_what_is_gone_says_so(here: World) -> None:
    """An endpoint without split has nothing to import, and one that is gone has none."""
    engine = here.engine()
    assert engine.read(TRAFFIC_SPLIT, "traffic", ID)[0] == ""
    assert engine.read(TRAFFIC_SPLIT, "traffic", f"{ENDPOINT}9/trafficSplit")[0] == ""
    with pytest.raises(Failed, match="the form is projects/PROJECT/locations/REGION/endpoints/ENDPOINT/trafficSplit"):
        engine.read(TRAFFIC_SPLIT, "traffic", ENDPOINT)
