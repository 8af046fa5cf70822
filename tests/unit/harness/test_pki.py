from __future__ import annotations

import ssl
from pathlib import Path

from cryptography import x509

from pipeline.harness.pki import Authority


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    """Shake hands in memory, no socket involved."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    for _ in range(4):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


def test_a_strict_client_trusts_the_serving_certificate_and_the_server_the_client(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    serving = authority.serving("serving", hosts=("localhost",), addresses=("127.0.0.1",))
    admin = authority.client("admin", group="system:masters")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(serving.certificate, serving.key)
    server.load_verify_locations(authority.certificate)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(cafile=str(authority.certificate))
    client.load_cert_chain(admin.certificate, admin.key)
    for context in (server, client):
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT  # the default of Python 3.13
    for name in ("localhost", "127.0.0.1"):
        handshake(server, client, name)


def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    paths = (authority.client("admin", group="g").key, authority.service_account_key())
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}


def test_a_client_certificate_names_user_and_group(tmp_path: Path) -> None:
    pair = Authority(tmp_path).client("admin", group="system:masters")
    certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    assert certificate.subject.rfc4514_string() == "O=system:masters,CN=admin"
