"""What the program sets up for the application is what a pod needs, and no more."""

import os
import subprocess
import sys

from sandbox import pods
from tests.engine.conftest import Stack

CALLS = """
import sys, google.auth, google.auth.transport.requests
session = google.auth.transport.requests.AuthorizedSession(google.auth.default()[0])
body = {"instances": [{"content": "2 + 2"}]}
print(session.post(sys.argv[1], json=body).status_code, session.get(sys.argv[2]).status_code)
"""


def test_the_stacks_pod_predicts_and_does_nothing_else(prod: Stack) -> None:
    """Account, custom role, binding and annotation as the program makes them; predictions at the private address."""
    prod.up()
    outputs = prod.workspace.outputs()
    predict = f"{prod.url}/hosts/{outputs['endpointHost']}/v1/{outputs['endpointName']}:predict"
    endpoint = f"{prod.url}/aiplatform/v1/{outputs['endpointName']}"
    with pods.variables_of(prod.cloud.env, "production/gemini-app") as variables:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        command = [sys.executable, "-c", CALLS, predict, endpoint]
        done = subprocess.run(command, env={**kept, **variables}, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["200", "403"]
