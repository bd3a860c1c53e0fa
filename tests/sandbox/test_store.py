"""The store: what is kept, in which order, and what is forgotten."""

from pathlib import Path

import pytest

from sandbox.core import Sandbox
from sandbox.errors import Json
from sandbox.operations import completion
from sandbox.store import Store


def test_what_was_rolled_back_is_forgotten(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db")
    store.put("kind", "kept", {"a": 1})
    store.commit()
    store.put("kind", "kept", {"a": 2})
    store.put("kind", "lost", {})
    store.rollback()
    assert store.list("kind") == {"kept": {"a": 1}}
    store.close()


def test_a_list_is_by_prefix_oldest_first_and_takes_the_prefix_literally() -> None:
    store = Store()
    for name in ("b/2", "b/1", "b%x", "c"):
        store.put("kind", name, {"name": name})
    assert list(store.list("kind", "b/")) == ["b/2", "b/1"]
    assert list(store.list("kind", "b%")) == ["b%x"]
    store.put("kind", "b/2", {"changed": True})
    assert store.get("kind", "b/2") == {"changed": True}
    assert store.delete("kind", "c")
    assert not store.delete("kind", "c")
    assert store.get("kind", "c") is None
    store.close()


def test_a_block_that_raises_takes_back_only_what_it_put() -> None:
    store = Store()
    store.put("kind", "before", {})

    def fails() -> None:
        with store.all_or_nothing():
            store.put("kind", "within", {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    store.commit()
    assert list(store.list("kind")) == ["before"]
    store.close()


@completion("tests.broken")
def _broken(sandbox: Sandbox, operation: Json) -> Json:
    sandbox.store.put("kind", "half", operation["args"])
    raise KeyError("missing")


def test_a_fault_in_an_operation_ends_that_operation_and_changes_nothing() -> None:
    sandbox = Sandbox()
    operation = sandbox.operations.start("tests.broken", "operations/1", 0)
    assert operation["error"] == {
        "code": 13,
        "message": "Fault of the sandbox in tests.broken: KeyError('missing')",
    }
    assert sandbox.store.list("kind") == {}
    sandbox.operations.advance()
    sandbox.store.close()


def test_the_journal_is_kept_in_its_order_and_shortened(tmp_path: Path) -> None:
    """It is no resource, and is gone with everything else."""
    store = Store(tmp_path / "state.db")
    store.append({"n": 1})
    store.append({"n": 2})
    store.commit()
    store.close()
    store = Store(tmp_path / "state.db")
    assert list(store.journal()) == [{"n": 1}, {"n": 2}]
    assert store.everything() == []
    store.shorten_journal({"n": 3})
    assert list(store.journal()) == [{"n": 3}]
    store.clear()
    assert list(store.journal()) == []
