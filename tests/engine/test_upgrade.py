"""A model upgrade is one `pulumi up` with no request lost."""

import threading

import requests

from tests.engine.conftest import DEPLOY, FLASH, PATCH, UNDEPLOY, Stack


class Visitors(threading.Thread):
    """Asks the endpoint again and again until told to stop, and counts what it got."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        outputs = stack.workspace.outputs()
        self._url = f"{stack.url}/hosts/{outputs['endpointHost']}/v1/{outputs['endpointName']}:generateContent"
        self._token = stack.cloud.env["GOOGLE_OAUTH_ACCESS_TOKEN"]
        self._enough = threading.Event()
        self.statuses: list[int] = []

    def run(self) -> None:
        """Ask, at most 20,000 times."""
        body = {"contents": [{"role": "user", "parts": [{"text": "What is 2 + 2?"}]}]}
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {self._token}"
            for _ in range(20_000):
                if self._enough.wait(0.02):
                    return
                self.statuses.append(session.post(self._url, json=body, timeout=30).status_code)

    def stop(self) -> list[int]:
        """End and give the statuses seen."""
        self._enough.set()
        self.join(timeout=60)
        return self.statuses


def test_another_machine_type_loses_no_request(prod: Stack) -> None:
    """The new deployment comes up, the split moves, and only then the old one goes."""
    prod.up()
    old, since = prod.deployed()["gemini-flash-primary"]["id"], prod.mark()
    prod.workspace.set(f"{FLASH}.machineType", "n1-standard-8")
    visitors = Visitors(prod)
    visitors.start()

    prod.up()

    statuses = visitors.stop()
    assert set(statuses) == {200}
    changing = [method for method in prod.changes(since) if method in (DEPLOY, PATCH, UNDEPLOY)]
    assert changing == [DEPLOY, PATCH, UNDEPLOY]
    now = prod.deployed()["gemini-flash-primary"]
    assert now["id"] != old
    assert now["dedicatedResources"]["machineSpec"]["machineType"] == "n1-standard-8"
    assert old not in prod.endpoint()["trafficSplit"]
    prod.preview_is_empty()
