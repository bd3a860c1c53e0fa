"""models.yaml: dated, sourced, and consistent."""

import datetime as dt
from pathlib import Path

import pytest

import model_catalogue
from model_catalogue import Catalogue, Model, gemini_id, looks_experimental, looks_preview, today

CATALOGUE = Catalogue.load()
MODELS = list(CATALOGUE.models.values())


@pytest.mark.parametrize("model", MODELS, ids=[model.id for model in MODELS])
def test_every_entry_is_consistent(model: Model) -> None:
    """What is on its way out names a stable successor; dates are in order; ids are Google's."""
    assert gemini_id(model.id) == model.id
    if model.lifecycle != "stable" or (model.retirement and not model.retirement_is_earliest):
        assert model.successor is not None
        assert CATALOGUE.models[model.successor].lifecycle_on(CATALOGUE.as_of) == "stable"
    if model.lifecycle == "retired":
        assert model.retirement is not None
        assert model.retirement < CATALOGUE.as_of
    if model.release and model.retirement:
        assert model.release < model.retirement


def test_stable_models_come_newest_first() -> None:
    """The first is what a person is offered first."""
    stable = CATALOGUE.stable(CATALOGUE.as_of)
    assert stable[0] == "gemini-4-argon"
    assert stable.index("gemini-3.8-flash") < stable.index("gemini-3.5-flash")
    assert "gemini-2.5-pro" not in stable


def test_a_models_life_ends_with_its_last_day() -> None:
    """Without anybody editing the list; an earliest day ends nothing."""
    last = dt.date(2027, 1, 1)
    firm = Model(id="gemini-x", lifecycle="stable", source="page", retirement=last)
    open_ended = Model(id="gemini-y", lifecycle="stable", source="page", retirement=last, retirement_is_earliest=True)
    assert firm.lifecycle_on(last) == "stable"
    assert firm.lifecycle_on(last + dt.timedelta(days=1)) == "retired"
    assert open_ended.lifecycle_on(last + dt.timedelta(days=1)) == "stable"


def test_a_warning_names_the_day_and_the_successor() -> None:
    """From 90 days before."""
    model = Model(id="gemini-x", lifecycle="stable", source="p", retirement=dt.date(2027, 4, 1), successor="gemini-y")
    assert model.warning_on(dt.date(2026, 12, 31)) is None
    assert model.warning_on(dt.date(2027, 1, 1)) == "gemini-x retires on 2027-04-01; move to gemini-y"
    assert model.warning_on(dt.date(2027, 4, 2)) is None


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ("gemini-3.8-flash", "gemini-3.8-flash"),
        ("publishers/google/models/gemini-3.8-flash", "gemini-3.8-flash"),
        ("projects/p/locations/us-central1/publishers/google/models/gemini-3.8-flash", "gemini-3.8-flash"),
        ("publishers/google/models/gemma-4", None),
        ("projects/p/locations/us-central1/models/gemini-3", None),
        ("my-gemini-3", None),
        ("1234", None),
    ],
)
def test_gemini_is_told_from_other_models(model: str, found: str | None) -> None:
    """A model of the project's own is not Google's Gemini, whatever it is called."""
    assert gemini_id(model) == found


@pytest.mark.parametrize(
    ("model_id", "experimental", "preview"),
    [
        ("gemini-2.0-flash-exp", True, False),
        ("gemini-2.0-pro-exp-02-05", True, False),
        ("gemini-5-experimental", True, False),
        ("gemini-3-pro-preview-11-2026", False, True),
        ("gemini-3.8-flash", False, False),
        ("gemini-expert", False, False),
    ],
)
def test_ids_say_of_themselves_what_they_are(model_id: str, experimental: bool, preview: bool) -> None:
    """So that an unknown experimental id is refused as one."""
    assert (looks_experimental(model_id), looks_preview(model_id)) == (experimental, preview)


@pytest.mark.parametrize(
    "text",
    [
        "{asOf: 2026-11-23, sources: {a: x}, models: {gemini-x: {lifecycle: stabel, source: a}}}",
        "{asOf: 2026-11-23, sources: {a: x}, models: {gemini-x: {lifecycle: stable, source: b}}}",
        "{asOf: 2026-11-23, sources: {a: x}, models: {gemini-x: {lifecycle: retired, source: a, successor: gemini-x}}}",
    ],
)
def test_a_wrong_entry_is_named(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip in models.yaml is found when it is read, not when a model is refused by mistake."""
    file = tmp_path / "models.yaml"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setattr(model_catalogue, "_FILE", file)
    with pytest.raises(ValueError, match=r"^models\.yaml: gemini-x: "):
        Catalogue.load.__wrapped__(Catalogue)


def test_the_day_is_told_by_a_variable_and_is_todays_else() -> None:
    """So that a preview can be repeated, and a test does not fail once a model retires."""
    assert today({"GEMINI_TODAY": "2027-03-16"}) == dt.date(2027, 3, 16)
    before = dt.datetime.now(dt.UTC).date()
    assert before <= today({}) <= dt.datetime.now(dt.UTC).date()
    assert today({"GEMINI_TODAY": ""}) >= before


@pytest.mark.parametrize("given", ["tomorrow", "2026-13-01", "16.03.2027", "20270316"])
def test_a_day_that_is_none_is_named(given: str) -> None:
    """With the form that it must have."""
    with pytest.raises(ValueError, match=f'^GEMINI_TODAY is "{given}"; it must be a day such as 2026-11-24'):
        today({"GEMINI_TODAY": given})
