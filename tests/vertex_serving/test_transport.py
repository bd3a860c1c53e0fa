"""HTTP as it is: credentials found late and never shown, connections that fail told apart by what they mean."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.vertex_serving.harness import World
from vertex_serving.provider.failures import NotCredentialed, Uncertain, Unreachable
from vertex_serving.provider.transport import GoogleTransport

TOKEN = {"GOOGLE_OAUTH_ACCESS_TOKEN": "ya29.not-to-be-seen"}


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket that takes connections and answers nothing by itself."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def address(server: socket.socket) -> str:
    return f"http://127.0.0.1:{server.getsockname()[1]}/v1/x"


def test_the_token_of_the_environment_is_sent(here: World) -> None:
    """GOOGLE_OAUTH_ACCESS_TOKEN is enough to call Google."""
    url = here.sandbox.api("aiplatform", "v1/projects/sandbox-project/locations/us-central1/endpoints")
    assert GoogleTransport(here.sandbox.env)("GET", url, {}, None).status == 200


def test_application_default_credentials_come_from_the_metadata_server(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a token google-auth finds credentials, here from the sandbox's metadata server."""
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in here.sandbox.env.items():
        if name.startswith(("GCE_METADATA", "CLOUDSDK_CONFIG", "GOOGLE_CLOUD_PROJECT")):
            monkeypatch.setenv(name, value)
    url = here.sandbox.api("aiplatform", "v1/projects/sandbox-project/locations/us-central1/endpoints")
    assert GoogleTransport({})("GET", url, {}, None).status == 200


def test_no_credentials_at_all_says_how_to_log_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence is the command to run."""
    import google.auth
    from google.auth import exceptions

    def nothing(**_: object) -> None:
        raise exceptions.DefaultCredentialsError("Your default credentials were not found.")

    monkeypatch.setattr(google.auth, "default", nothing)
    with pytest.raises(NotCredentialed, match="`gcloud auth application-default login`"):
        GoogleTransport({})("GET", "http://127.0.0.1:9/v1/x", {}, None)


def test_nobody_listening_means_that_nothing_was_sent(listener: socket.socket) -> None:
    """A refused connection is Unreachable, with the host and without the token."""
    url = address(listener)
    listener.close()
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:[0-9]+ cannot be reached: .*refused") as failed:
        GoogleTransport(TOKEN)("POST", url, {}, {})
    assert "ya29" not in str(failed.value)
    assert "object at" not in str(failed.value)


def test_a_host_that_does_not_resolve_means_that_nothing_was_sent() -> None:
    """A name that no server knows is Unreachable."""
    with pytest.raises(Unreachable, match=r"nowhere\.invalid cannot be reached"):
        GoogleTransport(TOKEN)("POST", "http://nowhere.invalid/v1/x", {}, {})


def test_a_connection_that_breaks_after_the_request_is_uncertain(listener: socket.socket) -> None:
    """The server got the request and closed: nobody can say whether it was done."""

    def take_and_close() -> None:
        connection, _ = listener.accept()
        connection.recv(65536)
        connection.close()

    thread = threading.Thread(target=take_and_close)
    thread.start()
    with pytest.raises(Uncertain, match=r"connection to 127\.0\.0\.1:[0-9]+ was lost") as failed:
        GoogleTransport(TOKEN)("POST", address(listener), {}, {})
    thread.join()
    assert "ya29" not in str(failed.value)


def test_a_token_that_cannot_be_renewed_says_how_to_log_in(listener: socket.socket) -> None:
    """A 401 makes google-auth renew the token, which a bare token cannot: that is a sentence, too."""

    def unauthorized() -> None:
        connection, _ = listener.accept()
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        connection.close()

    thread = threading.Thread(target=unauthorized)
    thread.start()
    with pytest.raises(NotCredentialed, match="does not take the credentials") as failed:
        GoogleTransport(TOKEN)("GET", address(listener), {}, None)
    thread.join()
    assert "ya29" not in str(failed.value)
