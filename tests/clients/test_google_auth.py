"""google-auth, unchanged: default credentials from the sandbox's metadata server, and its authorized sessions."""

import json
import subprocess
import sys

import google.auth
import google.auth.transport.requests
import requests
from google.oauth2.credentials import Credentials

from sandbox.identity import DEPLOYER, token_for
from sandbox.testing import SandboxHandle
from tests.sandbox.vertex import Vertex

CREDENTIALS = Credentials(token_for(DEPLOYER))


def test_default_credentials_come_from_the_metadata_server(vertex: Vertex) -> None:
    script = (
        "import google.auth, google.auth.transport.requests as t, json\n"
        "credentials, project = google.auth.default()\n"
        "session = t.AuthorizedSession(credentials)\n"
        "credentials.refresh(t.Request())\n"
        "import os; url = os.environ['GOOGLE_VERTEX_AI_CUSTOM_ENDPOINT']\n"
        "answer = session.get(url + f'projects/{project}/locations/us-central1/endpoints')\n"
        "print(json.dumps([project, credentials.service_account_email, answer.status_code]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=vertex.sandbox.environ(), capture_output=True, text=True, check=True
    )
    email = "123456789012-compute@developer.gserviceaccount.com"
    assert json.loads(done.stdout) == ["sandbox-project", email, 200]


def test_the_metadata_server_asks_for_its_header(sandbox: SandboxHandle) -> None:
    url = f"{sandbox.url}/computeMetadata/v1/project/project-id"
    assert requests.get(url, timeout=30).status_code == 403
    answer = requests.get(url, headers={"Metadata-Flavor": "Google"}, timeout=30)
    assert (answer.text, answer.headers["Metadata-Flavor"]) == ("sandbox-project", "Google")
    missing = f"{sandbox.url}/computeMetadata/v1/instance/service-accounts/nobody/token"
    assert requests.get(missing, headers={"Metadata-Flavor": "Google"}, timeout=30).status_code == 404


def test_an_authorized_session_reaches_the_api(vertex: Vertex) -> None:
    session = google.auth.transport.requests.AuthorizedSession(CREDENTIALS)
    assert session.get(vertex.sandbox.api("aiplatform", f"v1/{vertex.parent}/endpoints")).json() == {}
