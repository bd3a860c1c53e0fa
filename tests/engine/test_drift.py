"""What somebody changed by hand is found and put back; what somebody made by hand can be imported."""

import json

from tests.engine.conftest import DEPLOY, PATCH, Stack


def test_a_split_changed_by_hand(prod: Stack) -> None:
    """A refresh finds the other split, and `up` puts the configured one back with one call."""
    prod.up()
    ids = prod.workspace.outputs()["deployedModels"]
    by_hand = {ids["gemini-flash-primary"]: 50, ids["gemini-pro-fallback"]: 50}
    name = prod.workspace.outputs()["endpointName"]
    prod.google("PATCH", name, params={"updateMask": "trafficSplit"}, json={"trafficSplit": by_hand})

    refreshed = prod.workspace.pulumi("refresh", "--yes", "--skip-preview", "--diff")
    assert "percent" in refreshed
    since = prod.mark()
    prod.up()

    assert prod.changes(since) == [PATCH]
    assert prod.endpoint()["trafficSplit"][ids["gemini-flash-primary"]] == 95


def test_a_model_undeployed_by_hand(prod: Stack) -> None:
    """A refresh finds the missing model, and `up` deploys it again and gives it its traffic."""
    prod.up()
    ids, name = prod.workspace.outputs()["deployedModels"], prod.workspace.outputs()["endpointName"]
    prod.google(
        "POST",
        f"{name}:undeployModel",
        json={"deployedModelId": ids["gemini-pro-fallback"], "trafficSplit": {ids["gemini-flash-primary"]: 100}},
    )
    prod.when(lambda: "gemini-pro-fallback" not in prod.deployed(), "the undeployment")

    prod.workspace.pulumi("refresh", "--yes", "--skip-preview")
    since = prod.mark()
    prod.up()

    assert prod.changes(since).count(DEPLOY) == 1
    assert prod.workspace.outputs()["trafficSplit"] == {"gemini-flash-primary": 95, "gemini-pro-fallback": 5}
    prod.preview_is_empty()


def test_what_was_forgotten_can_be_imported(prod: Stack) -> None:
    """Deployed models and the split, dropped from the state, come back by import with nothing to change."""
    prod.up()
    exported = json.loads(prod.workspace.pulumi("stack", "export"))
    ours = [r for r in exported["deployment"]["resources"] if r["type"].startswith("vertex-serving:index:")]
    assert len(ours) == 3
    wanted = {
        "resources": [
            {
                "type": resource["type"],
                "name": "imported-" + resource["urn"].rpartition("::")[2],
                "id": resource["id"],
            }
            for resource in ours
        ]
    }
    listed = prod.workspace.folder / "import.json"
    listed.write_text(json.dumps(wanted))
    since = prod.mark()

    prod.workspace.pulumi(
        "import", "--file", str(listed), "--yes", "--skip-preview", "--generate-code=false", "--protect=false"
    )

    assert prod.changes(since) == []
    resources = json.loads(prod.workspace.pulumi("stack", "export"))["deployment"]["resources"]
    imported = {r["id"]: r["inputs"] for r in resources if r["urn"].rpartition("::")[2].startswith("imported-")}
    assert set(imported) == {resource["id"] for resource in ours}
    for resource in ours:
        assert imported[resource["id"]]["endpoint"] == resource["inputs"]["endpoint"]
