"""Reading the engine's event log."""

import json
from pathlib import Path
from typing import Any

from scripts.engine_events import HIDDEN, UNKNOWN, UNKNOWNS, Difference, Report, read

URN = "urn:pulumi:prod::p::a$gcp:vertex/aiEndpoint:AiEndpoint::e"


def state(outputs: Any = None, **inputs: Any) -> dict[str, Any]:
    return {"custom": True, "inputs": inputs, "outputs": outputs or {}}


def step(op: str, old: Any, new: Any, **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"op": op, "urn": URN, "type": "gcp:vertex/aiEndpoint:AiEndpoint", "old": old, "new": new, **more}
    }


def report(folder: Path, *events: dict[str, Any]) -> Report:
    log = folder / "events.jsonl"
    log.write_text("".join(json.dumps(event) + "\n" for event in events))
    return read(log)


def test_a_replacement_is_one_change(tmp_path: Path) -> None:
    """The engine tells it in three steps, in either order."""
    old, new = state(machine="a", labels={"x": "1", "y": "2"}), state(machine="b", labels={"x": "1", "z": "3"})
    steps = [step(op, old, new, keys=["machine"]) for op in ("create-replacement", "replace")]
    steps.append(step("delete-replaced", old, None))
    for order in (steps, steps[::-1]):
        [change] = report(tmp_path, *[{"resourcePreEvent": each} for each in order]).changes
        assert change.operation == "replace"
        assert change.differences == (
            Difference("machine", "a", "b", replaces=True),
            Difference("labels.y", "2", None),
            Difference("labels.z", None, "3"),
        )


def test_lists_and_unknown_values(tmp_path: Path) -> None:
    """An index in the path; a sentinel becomes a value of its own."""
    old, new = state(hosts=["a", "b"], ip="1"), state(hosts=["a", "c", "d"], ip=UNKNOWNS[2])
    [change] = report(tmp_path, {"resourcePreEvent": step("update", old, new)}).changes
    assert change.differences == (
        Difference("hosts[1]", "b", "c"),
        Difference("hosts[2]", None, "d"),
        Difference("ip", "1", UNKNOWN),
    )


def test_a_changed_secret_is_a_change_without_its_value(tmp_path: Path) -> None:
    """Both sides are the engine's mark for a secret."""
    old = state(key=HIDDEN)
    [change] = report(tmp_path, {"resourcePreEvent": step("update", old, old, diffs=["key"])}).changes
    assert change.differences == (Difference("key", HIDDEN, HIDDEN),)


def test_lifted_protection_is_a_change(tmp_path: Path) -> None:
    """Though the engine calls the resource the same."""
    old, new = {**state(a="b"), "protect": True}, state(a="b")
    [change] = report(tmp_path, {"resourcePreEvent": step("same", old, new)}).changes
    assert (change.operation, change.differences) == ("update", (Difference("protect", True, False),))
    assert report(tmp_path, {"resourcePreEvent": step("same", old, old)}).changes == []


def test_a_refresh_tells_what_it_found_only_afterwards(tmp_path: Path) -> None:
    """Changed and gone are drift; the same, and a new etag, are not."""
    before, after = state(label="prod"), state(label="test")
    begin = {"resourcePreEvent": step("refresh", before, before)}
    changed = step("update", before, after, detailedDiff={"label": {"diffKind": "update"}})
    assert [c.operation for c in report(tmp_path, begin, {"resOutputsEvent": changed}).changes] == ["update"]
    gone = step("delete", before, None)
    assert [c.operation for c in report(tmp_path, begin, {"resOutputsEvent": gone}).changes] == ["delete"]
    etag = step("update", state({"etag": "1"}), state({"etag": "2"}), detailedDiff={})
    assert report(tmp_path, begin, {"resOutputsEvent": etag}).changes == []
    assert report(tmp_path, begin, {"resOutputsEvent": step("same", before, before)}).changes == []


def test_components_and_providers_are_left_out(tmp_path: Path) -> None:
    """They change with what they hold."""
    component = step("create", None, {"inputs": {}, "outputs": {}})
    assert report(tmp_path, {"resourcePreEvent": component}).changes == []


def test_an_empty_or_missing_log_is_a_preview_that_did_not_finish(tmp_path: Path) -> None:
    """Nothing is made up."""
    assert not read(tmp_path / "none").finished
    assert not report(tmp_path).finished
