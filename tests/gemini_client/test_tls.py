"""TLS to an endpoint's own host, as behind Private Service Connect, where the certificate is nobody's that is known."""

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gemini_client import ConfigurationError, Options, Retry, Routes, Tls, Unavailable
from gemini_client.routes import read
from tests.gemini_client.answering import Answering, answering
from tests.gemini_client.harness import KINDS, FakeTiming, managed, raised

ENDPOINT = "projects/p/locations/us-central1/endpoints/7"
ONCE = Retry(attempts=1)


def certificate(folder: Path, *addresses: str) -> Path:
    """A self-signed certificate for these addresses, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an endpoint")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(each)) for each in addresses]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.fixture
def address() -> str:
    """What the certificate is for."""
    return "127.0.0.1"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> Iterator[Answering]:
    """An endpoint's host with TLS, which the environment names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path, address))
    with answering(context) as running:
        running.answer = 200, "application/json", b'{"predictions": ["4"]}'
        environment = {
            "GCP_PROJECT_ID": "p",
            "VERTEX_ENDPOINT_ID": "7",
            "VERTEX_ENDPOINT_HOST": running.host,
            "VERTEX_ENDPOINT_API": "predict",
            "GOOGLE_OAUTH_ACCESS_TOKEN": "a-token",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture(params=["sync", "async"])
def asks(request: pytest.FixtureRequest) -> Any:
    """One call of a client that is made for it."""

    def ask(routes: Routes | None = None, **arguments: Any) -> Any:
        client = KINDS[request.param](routes, timing=FakeTiming(), **arguments)
        try:
            return client.ask()
        finally:
            client.close()

    return ask


def refused(asks: Any, *arguments: Any, **named: Any) -> str:
    error = raised(lambda: asks(*arguments, **{"options": Options(retry=ONCE), **named}))
    assert isinstance(error, Unavailable)
    return str(error)


def test_a_certificate_that_nobody_knows_is_refused(server: Answering, asks: Any) -> None:
    assert "CERTIFICATE_VERIFY_FAILED" in refused(asks)
    assert server.headers == []


def test_a_ca_file_makes_it_known(
    server: Answering, asks: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERTEX_ENDPOINT_CA_FILE", str(tmp_path / "certificate.pem"))
    assert asks().text == "4"
    assert asks(options=Options(retry=ONCE)).text == "4"
    assert server.headers[0]["authorization"] == "Bearer a-token"


@pytest.mark.parametrize("address", ["10.0.0.5"])
def test_a_certificate_for_another_address_is_refused(
    server: Answering, asks: Any, tmp_path: Path, address: str
) -> None:
    tls = Tls(ca_file=tmp_path / "certificate.pem")
    assert "IP address mismatch" in refused(asks, options=Options(retry=ONCE, tls=tls))


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5"])
def test_self_signed_takes_any_certificate(
    server: Answering, asks: Any, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("VERTEX_ENDPOINT_TLS", "self-signed")
    assert asks().text == "4"


def test_googles_own_hosts_are_verified_whatever_an_endpoint_shows(
    server: Answering, asks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gemini_client.transports.vertex_host", lambda location: server.host)
    shared = read({"version": 1, "project": "p", "routes": [managed()]}, "the test")
    tls = Tls(self_signed=True)
    assert "CERTIFICATE_VERIFY_FAILED" in refused(asks, shared, options=Options(retry=ONCE, tls=tls))


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_ca_file_that_cannot_be_read_is_named(
    server: Answering, asks: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content)
    monkeypatch.setenv("VERTEX_ENDPOINT_CA_FILE", str(path))
    error = raised(asks)
    assert isinstance(error, ConfigurationError)
    assert f"VERTEX_ENDPOINT_CA_FILE (Tls.ca_file): {path} cannot be read" in str(error)


def test_a_private_address_without_tls_is_called_by_http(asks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering() as plain:
        plain.answer = 200, "application/json", b'{"predictions": ["4"]}'
        route = {"name": "own", "serving": "endpoint", "endpoint": ENDPOINT, "weight": 100, "api": "predict"}
        monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "a-token")
        found = read({"version": 1, "project": "p", "routes": [{**route, "host": plain.host, "scheme": "http"}]}, "it")
        assert asks(found).text == "4"
