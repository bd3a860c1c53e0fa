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


def answers(stack: Stack) -> list[str]:
    """The statuses that the stack's pod gets for a prediction, and for a look at the endpoint."""
    outputs = stack.workspace.outputs()
    predict = f"{stack.url}/hosts/{outputs['endpointHost']}/v1/{outputs['endpointName']}:predict"
    endpoint = f"{stack.url}/aiplatform/v1/{outputs['endpointName']}"
    with pods.variables_of(stack.cloud.env, "production/gemini-app") as variables:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        command = [sys.executable, "-c", CALLS, predict, endpoint]
        done = subprocess.run(command, env={**kept, **variables}, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_the_stacks_pod_predicts_and_does_nothing_else(prod: Stack) -> None:
    """Account, custom role, binding and annotation as the program makes them; predictions at the private address."""
    prod.up()
    assert answers(prod) == ["200", "403"]


def test_with_a_direct_grant_the_pod_predicts_as_itself(prod: Stack) -> None:
    """No Google service account and no annotation; a stack that impersonated before changes over and back."""
    prod.up()
    prod.workspace.pulumi("config", "rm", "--path", "gemini-vertex:workloadIdentity.serviceAccount")
    prod.workspace.set("gemini-vertex:workloadIdentity.grant", "direct")
    prod.up()
    assert answers(prod) == ["200", "403"]
    state = prod.state()
    assert "serviceAccount" not in state
    members = [
        member
        for binding in state["iamPolicy"]["projects/sandbox-project"]["bindings"]
        for member in binding["members"]
    ]
    subject = "projects/123456789012/locations/global/workloadIdentityPools/sandbox-project.svc.id.goog/subject"
    assert f"principal://iam.googleapis.com/{subject}/ns/production/sa/gemini-app" in members
    outputs = prod.workspace.outputs()
    assert outputs["serviceAccountEmail"] == ""
    assert "annotations" not in outputs["kubernetesManifest"]
    prod.preview_is_empty()
    prod.workspace.set("gemini-vertex:workloadIdentity.grant", "impersonation")
    prod.up()
    assert answers(prod) == ["200", "403"]
    prod.destroy()
    assert prod.state() == {}
