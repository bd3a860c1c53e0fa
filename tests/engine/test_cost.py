"""What a stack costs, as Pulumi itself shows it."""

from tests.engine.conftest import FLASH, Stack


def test_preview_shows_the_cost_and_what_the_change_makes_of_it(prod: Stack) -> None:
    """One line with idle and full cost; after an update the next preview says by how much a change moves it."""
    first = prod.workspace.pulumi("preview")
    assert "cost in USD: idle 0.88 an hour (639 a month), at full load 6.57 an hour" in first
    assert "this change:" not in first
    prod.up()
    assert prod.workspace.outputs()["cost"]["idlePerHour"] == 0.876
    prod.workspace.set(f"{FLASH}.minReplicaCount", "3")
    changed = prod.workspace.pulumi("preview")
    assert "this change: idle +0.22 USD an hour (+160 a month)" in changed
