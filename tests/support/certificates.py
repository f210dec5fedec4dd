"""Certificates for tests: a certificate authority, and certificates signed by it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate with its key, which can sign others."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def made(
    name: str, by: Authority | None, days: tuple[float, float] = (-100, 100), *, authority: bool = False
) -> Authority:
    """A certificate for `name`, good from and to so many days from now; signed by itself without `by`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    return Authority(key, builder.sign(by.key if by else key, hashes.SHA256()))


def served(folder: Path, *chain: Authority) -> ssl.SSLContext:
    """What a server shows that has the first of `chain` and sends all of it."""
    own = chain[0]
    format_ = serialization.PrivateFormat.PKCS8
    key = own.key.private_bytes(serialization.Encoding.PEM, format_, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key)
    (folder / "chain.pem").write_bytes(b"".join(one.pem() for one in chain))
    here = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    here.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    return here
