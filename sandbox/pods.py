"""`sandbox run --as-pod NAMESPACE/ACCOUNT`: a command with the identity of a pod, and no other.

The command gets what such a pod would have: a metadata server of its own, on an address of its own, from which Google's
libraries take default credentials. No token, no kubeconfig and no Pulumi login of the deployer reaches it.
"""

import contextlib
import re
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from sandbox.environment import CLEARED

_NAME = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
# What a deployer has and a pod has not.
_OF_THE_DEPLOYER = (
    *CLEARED,
    "GOOGLE_OAUTH_ACCESS_TOKEN",
    "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE",
    "KUBECONFIG",
    "GOOGLE_API_KEY",
    "GEMINI_API_KEY",
)
_METADATA = ("GCE_METADATA_HOST", "GCE_METADATA_IP", "GCE_METADATA_ROOT")


class PodError(Exception):
    """A sentence for whoever wanted to run a command as a pod."""


@contextlib.contextmanager
def variables_of(variables: dict[str, str], pod: str) -> Iterator[dict[str, str]]:
    """The variables of a pod, while its metadata server runs; `variables` are the deployer's, of the same sandbox.

    Raises:
        PodError: `pod` is no NAMESPACE/ACCOUNT, or no such pod could run.
    """
    if not re.fullmatch(f"{_NAME}/{_NAME}", pod):
        raise PodError(f"--as-pod {pod}: expected NAMESPACE/ACCOUNT, e.g. production/gemini-app.")
    url = f"{variables['SANDBOX_URL']}/pods/{pod}"
    _check_runs(url, pod)
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(_metadata_server(url))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-pod-")))
        yield {**without_deployer(variables), **dict.fromkeys(_METADATA, address), "CLOUDSDK_CONFIG": str(folder)}


def without_deployer(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables but those that make somebody the deployer."""
    kept = {name: value for name, value in variables.items() if not name.startswith("PULUMI_")}
    return {name: value for name, value in kept.items() if name not in _OF_THE_DEPLOYER}


def _check_runs(url: str, pod: str) -> None:
    """Refuses, in the API server's words, a pod whose service account is not there."""
    status, _, body = _ask(f"{url}/computeMetadata/v1/instance/service-accounts/default/email")
    if status != 200:
        raise PodError(f"A pod that runs as {pod} cannot start: pods is forbidden: {body.decode().strip()}")


@contextlib.contextmanager
def _metadata_server(url: str) -> Iterator[str]:
    """Serves what is below `url` on an address of its own: clients look at http://ADDRESS/computeMetadata/v1/."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Passes the question on."""
            status, headers, body = _ask(url + self.path, self.headers.get("Metadata-Flavor", ""))
            self.send_response(status)
            for name in ("Content-Type", "Metadata-Flavor"):
                self.send_header(name, headers.get(name, ""))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Says nothing: the command's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="pod-metadata", daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _ask(url: str, flavor: str = "Google") -> tuple[int, Message, bytes]:
    request = urllib.request.Request(url, headers={"Metadata-Flavor": flavor} if flavor else {})  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()
    except OSError as error:
        raise PodError(f"No sandbox answers at {url.partition('/pods/')[0]}: {error}.") from None
