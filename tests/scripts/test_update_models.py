"""models.yaml is kept current by what Google's API lists, and marked where that does not say enough."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_catalogue import Catalogue
from sandbox.testing import SandboxHandle, running_sandbox
from scripts import serving, update_models
from scripts.update_models import FILE, Difference

TODAY = dt.date(2026, 11, 24)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxHandle]:
    """A sandbox whose environment this process has."""
    with running_sandbox() as handle:
        for name, value in handle.env.items():
            monkeypatch.setenv(name, value)
        serving.credentials.cache_clear()
        yield handle
        serving.credentials.cache_clear()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A models.yaml to write to."""
    file = tmp_path / "models.yaml"
    file.write_text(FILE.read_text(encoding="utf-8"), encoding="utf-8")
    return file


def test_what_google_lists_is_what_models_yaml_says(cloud: SandboxHandle, capsys: pytest.CaptureFixture[str]) -> None:
    """Asked with the caller's credentials; nothing differs, and nothing is written."""
    before = FILE.read_bytes()
    assert update_models.main([]) == 0
    assert "models.yaml is what Google lists on" in capsys.readouterr().out
    assert FILE.read_bytes() == before
    assert [call["method"] for call in cloud.calls()] == ["aiplatform.publishers.models.list"]


def test_a_model_that_google_released_is_written_and_marked(
    cloud: SandboxHandle, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its lifecycle follows from the launch stage; dates and page are for a person to fill in."""
    cloud.set(publisherModels={"gemini-9-flash": "GA", "gemini-9-pro-preview": "PUBLIC_PREVIEW"})
    assert update_models.main(["--write", "--file", str(copy)]) == 1

    said = capsys.readouterr().out
    assert "new: gemini-9-flash is listed as stable, and not in models.yaml" in said
    assert "look up what is marked FILL" in said
    text = copy.read_text(encoding="utf-8")
    assert "  gemini-9-flash: {lifecycle: stable, source: listed} # FILL: release, retirement, source\n" in text
    found = Catalogue.read(copy).models
    assert (found["gemini-9-flash"].lifecycle, found["gemini-9-pro-preview"].lifecycle) == ("stable", "preview")
    assert "listedOn: " in text
    assert update_models.main(["--write", "--file", str(copy)]) == 0
    assert copy.read_text(encoding="utf-8") == text


def test_every_page_is_read(cloud: SandboxHandle) -> None:
    """More models than one answer holds."""
    many = {f"gemini-{number}-flash": "GA" for number in range(100, 250)}
    cloud.set(publisherModels=many)
    assert set(many) <= set(update_models.listed())
    assert "nextPageToken" not in str(cloud.calls()[-1])
    assert len(cloud.calls()) == 2


LISTED = {
    name: model.lifecycle for name, model in Catalogue.load().models.items() if model.lifecycle in ("stable", "preview")
}
LINES = [
    ("gone", {"gemini-3.5-flash": None}, "gemini-3.5-flash", "FILL: not listed on 2026-11-24: lifecycle, retirement"),
    ("stage", {"gemini-3-flash-preview": "stable"}, "gemini-3-flash-preview", "{lifecycle: stable, "),
    ("still listed", {"gemini-2.5-pro": "stable"}, "gemini-2.5-pro", "FILL: still listed on 2026-11-24"),
]


@pytest.mark.parametrize(("kind", "change", "model", "line"), LINES, ids=[case[0] for case in LINES])
def test_what_differs_is_told_and_marked_beside_its_entry(
    kind: str, change: dict[str, str | None], model: str, line: str
) -> None:
    """One line changes, and the day; comments and order stay."""
    google = {name: stage for name, stage in {**LISTED, **change}.items() if stage}
    (found,) = update_models.compare(Catalogue.load(), google, TODAY)  # type: ignore[arg-type]
    assert (found.kind, found.model) == (kind, model)
    before = FILE.read_text(encoding="utf-8")
    after = update_models.rewritten(before, [found], TODAY)
    (changed,) = set(after.splitlines()) - set(before.splitlines()) - {"listedOn: 2026-11-24"}
    assert changed.startswith(f"  {model}: ")
    assert line in changed
    assert len(after.splitlines()) == len(before.splitlines()) + ("\nlistedOn: " not in before)
    assert update_models.rewritten(after, [found], TODAY) == after


def test_a_last_day_that_has_passed_retires_a_model(copy: Path) -> None:
    """The date was known: nothing is left to fill in."""
    model, day = "gemini-live-2.5-flash-native-audio", dt.date(2026, 12, 14)
    google = {name: stage for name, stage in LISTED.items() if name != model}
    (found,) = update_models.compare(Catalogue.load(), google, day)
    assert (found.kind, found.text) == ("retired", "is retired since 2026-12-13")
    copy.write_text(update_models.rewritten(copy.read_text(encoding="utf-8"), [found], day), encoding="utf-8")
    assert Catalogue.read(copy).models[model].lifecycle == "retired"
    assert "FILL" not in next(line for line in copy.read_text(encoding="utf-8").splitlines() if model in line)


def test_no_answer_is_a_sentence(
    cloud: SandboxHandle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2, and nothing is taken for gone."""
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "not-a-token")
    assert update_models.main([]) == 2
    said = capsys.readouterr()
    assert "gcloud auth application-default login" in said.err
    assert said.out == ""


def test_embeddings_are_no_models_to_ask(cloud: SandboxHandle) -> None:
    """They are called by another API, and are not for models.yaml."""
    cloud.set(publisherModels={"gemini-embedding-9-large": "GA"})
    assert not any("embedding" in model for model in update_models.listed())
    assert update_models.compare(Catalogue.load(), update_models.listed(), TODAY) == []


def test_a_difference_of_an_unknown_model_changes_no_line() -> None:
    """A file that has not the entry stays as it is, but for the day."""
    text = "asOf: 2026-11-23\nmodels:\n"
    gone = Difference("gone", "gemini-1-x", "is gone")
    assert update_models.rewritten(text, [gone], TODAY) == "asOf: 2026-11-23\nlistedOn: 2026-11-24\nmodels:\n"
