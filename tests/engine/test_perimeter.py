"""An enforced perimeter lets a deployer work on from outside by the access levels of the configuration alone."""

import pytest
import requests

from sandbox.identity import DEPLOYER
from tests.engine.conftest import Stack
from tests.sandbox.google import ORGANIZATION, Google

PERIMETER = "gemini-vertex:perimeter"


def test_a_deployer_outside_needs_an_access_level(prod: Stack) -> None:
    """As the README advises: the level in the dry run already, then enforce; without it all that follows is refused."""
    access = Google(prod.cloud, "accesscontextmanager")
    body = {"parent": f"organizations/{ORGANIZATION}", "title": "prod"}
    policy = access("POST", "accessPolicies", body)["response"]["name"]
    basic = {"conditions": [{"members": [f"user:{DEPLOYER}"]}]}
    level = f"{policy}/accessLevels/deployers"
    access("POST", f"{policy}/accessLevels", {"name": level, "title": "deployers", "basic": basic})
    prod.workspace.set(f"{PERIMETER}.accessPolicy", policy.removeprefix("accessPolicies/"))
    prod.workspace.set(f"{PERIMETER}.accessLevels[0]", level)
    prod.up()
    prod.workspace.set(f"{PERIMETER}.mode", "enforced")
    prod.up()

    prod.workspace.pulumi("refresh", "--yes", "--expect-no-changes")
    assert prod.deployed()

    prod.workspace.pulumi("config", "rm", "--path", f"{PERIMETER}.accessLevels")
    prod.up()
    with pytest.raises(requests.HTTPError, match="403"):
        prod.deployed()
