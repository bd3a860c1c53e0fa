"""What a stack costs, as Pulumi itself shows it."""

from tests.engine.conftest import FLASH, Stack

TABLE = "all 0.88 639 6.57 4,796"


def test_preview_shows_the_cost_and_what_the_change_makes_of_it(prod: Stack) -> None:
    """Each model by hour and month; after an update the next preview says by how much a change moves it."""
    first = prod.workspace.pulumi("preview")
    assert TABLE in [" ".join(line.split()) for line in first.splitlines()]
    assert "this change:" not in first
    prod.up()
    assert prod.workspace.outputs()["cost"]["idlePerHour"] == 0.876
    prod.workspace.set(f"{FLASH}.minReplicaCount", "3")
    changed = prod.workspace.pulumi("preview")
    assert "this change: idle +0.22 USD an hour (+160 a month)" in changed
    prod.workspace.set("gcp:region", "europe-west4")
    assert "this change: idle not known, at full load not known" in prod.workspace.pulumi("preview")
