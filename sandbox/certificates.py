"""The certificate of the cluster's TLS port: clients of Kubernetes send their token over TLS only.

It is its own authority, for 127.0.0.1, made once for a user and kept beside the compiled discovery documents. Only
kubeconfigs of the sandbox trust it.
"""

import contextlib
import datetime
import ipaddress
import os
import ssl
import tempfile
import time
from pathlib import Path

from sandbox.discovery import cache_folder

_FILE = "kubernetes-1.pem"
_LIFE = datetime.timedelta(days=3650)
_RENEWED_AFTER = _LIFE.total_seconds() / 2
_BEGIN = "-----BEGIN CERTIFICATE-----"


def server_context() -> tuple[ssl.SSLContext, str]:
    """What a TLS port on 127.0.0.1 takes, and the certificate as PEM, by which clients trust it."""
    both = _kept() or _made()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w", encoding="ascii") as file:
        file.write(both)
        file.flush()
        context.load_cert_chain(file.name)
    return context, both[both.index(_BEGIN) :]


def _kept() -> str:
    """Key and certificate as an earlier sandbox left them, "" where there are none of use."""
    file = cache_folder() / _FILE
    try:
        fresh = time.time() - file.stat().st_mtime < _RENEWED_AFTER
        return file.read_text(encoding="ascii") if fresh else ""
    except OSError:
        return ""


def _made() -> str:
    """A new key and its certificate, kept where that can be."""
    # Heavy, and needed once for a user.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sandbox")])
    now = datetime.datetime.now(datetime.UTC)
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign"), False
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + _LIFE)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True, key_cert_sign=True, encipher_only=False, decipher_only=False, **usage
            ),
            critical=True,
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both = (private + certificate.public_bytes(serialization.Encoding.PEM)).decode("ascii")
    with contextlib.suppress(OSError):
        _keep(both)
    return both


def _keep(both: str) -> None:
    """Writes the file whole, as two sandboxes may start at once."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    # A temporary file is its owner's alone.
    descriptor, name = tempfile.mkstemp(dir=folder)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(both)
    Path(name).replace(folder / _FILE)
