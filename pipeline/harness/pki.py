"""Certificates of one run: a CA that clients trust alone, serving and client certificates, the service-account key."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME: Final = datetime.timedelta(days=1)
# A clock that is a little behind must not refuse a fresh certificate.
_BACKDATE: Final = datetime.timedelta(minutes=5)
_CA_USAGE: Final = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)
ADMIN_GROUP: Final = "system:masters"  # bypasses authorization; Source: Kubernetes RBAC documentation


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The files of a certificate and its key (mode 0600)."""

    certificate: Path
    key: Path


class Authority:
    """A certificate authority that lives for one run, at most a day."""

    def __init__(self, folder: Path) -> None:
        """Make the authority's key, kept in memory only, and write its certificate to `folder`."""
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kms-e2e")])
        builder = (
            _builder(self._name, self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_CA_USAGE, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
        )
        self.certificate = folder / "ca.crt"
        self.certificate.write_bytes(_pem(builder.sign(self._key, hashes.SHA256())))

    def serving(self, name: str, *, hosts: tuple[str, ...], addresses: tuple[str, ...]) -> KeyPair:
        """Issue a serving certificate for host names and IP addresses."""
        names: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
        names += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return self._issue(name, subject, ExtendedKeyUsageOID.SERVER_AUTH, x509.SubjectAlternativeName(names))

    def client(self, name: str, *, group: str = "") -> KeyPair:
        """Issue a client certificate: user `name` (CN) in `group` (O; by default none) as kube-apiserver reads it."""
        names = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
        if group:
            names.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
        return self._issue(name, x509.Name(names), ExtendedKeyUsageOID.CLIENT_AUTH, None)

    def service_account_key(self) -> Path:
        """Write a fresh private key that signs service-account tokens."""
        return _write_key(self.folder / "service-account.key", ec.generate_private_key(ec.SECP256R1()))

    def _issue(
        self, name: str, subject: x509.Name, usage: x509.ObjectIdentifier, names: x509.SubjectAlternativeName | None
    ) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        # Python 3.13 verifies strictly by RFC 5280: without the authority's identifier it refuses a certificate.
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            _builder(subject, self._name, key)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(authority, critical=False)
        )
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        path = self.folder / f"{name}.crt"
        path.write_bytes(_pem(builder.sign(self._key, hashes.SHA256())))
        return KeyPair(path, _write_key(self.folder / f"{name}.key", key))


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + LIFETIME)
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> Path:
    # kube-apiserver reads the public half of a service-account key from SEC 1 (`EC PRIVATE KEY`), not from PKCS 8.
    form = serialization.PrivateFormat.TraditionalOpenSSL
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return path
