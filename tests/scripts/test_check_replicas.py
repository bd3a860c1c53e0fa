"""The smoke test's look at replicas."""

from typing import Any

import pytest

from scripts.smoke_test import check_replicas

OWN = {
    "id": "1",
    "displayName": "own",
    "dedicatedResources": {"minReplicaCount": 2, "maxReplicaCount": 5},
    "status": {"availableReplicaCount": 2},
}
TUNED = {"id": "2", "displayName": "tuned"}
AUTOMATIC = TUNED | {"automaticResources": {"minReplicaCount": 1, "maxReplicaCount": 1}}
STARTING = OWN | {"status": {"availableReplicaCount": 1}}


@pytest.mark.parametrize(
    ("models", "ok", "seen"),
    [
        ([OWN], True, "own 2 of 2–5"),
        ([TUNED], True, "tuned shared, no replicas of its own"),
        ([AUTOMATIC], True, "tuned shared, no replicas of its own"),
        ([TUNED, OWN], True, "tuned shared, no replicas of its own, own 2 of 2–5"),
        ([TUNED, STARTING], False, "tuned shared, no replicas of its own, own 1 of 2–5"),
        ([], False, "no model is deployed"),
    ],
)
def test_replicas_are_held_to_their_bounds_where_there_are_any(
    models: list[dict[str, Any]], ok: bool, seen: str
) -> None:
    """A model on Google's shared machines has no replicas, and hides no other model's."""
    check = check_replicas({"deployedModels": models})
    assert (check.ok, check.seen) == (ok, seen)
    assert check.ok or "tuned" not in check.todo
