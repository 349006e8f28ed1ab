"""The authority: what it signs, what it refuses, how its folder is made and changed."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from maillage.authority import create, finish, issue_process, issue_server, renew
from maillage.broker import acl
from maillage.central.files import write_authorities
from maillage.complaint import Complaint
from rights.authority import (
    GATEWAY_LIFE,
    PROCESSES,
    AuthorityError,
    Revoked,
    certify_gateway,
    load,
    name_of,
    revocation_lists,
)

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("authority")
    create(made, NOW)
    return made


def _request(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, name: str = "ingest") -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()).public_bytes(
        Encoding.PEM
    ).decode()  # fmt: skip


def test_the_name_is_ours_whatever_the_request_says(directory: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    issued = certify_gateway(load(directory), _request(key), gateway="citels-1", now=NOW, life=GATEWAY_LIFE)
    one = x509.load_pem_x509_certificate(issued.pem.encode())
    assert name_of(one) == "citels-1"
    assert one.public_key() == key.public_key()
    assert one.not_valid_after_utc == NOW + GATEWAY_LIFE == issued.not_after
    one.verify_directly_issued_by(load(directory).present.certificate)


def test_requests_that_are_not_good_are_refused(directory: Path) -> None:
    good = _request(ec.generate_private_key(ec.SECP256R1()))
    other = x509.load_pem_x509_csr(_request(ec.generate_private_key(ec.SECP256R1()), "other").encode())
    der = bytearray(x509.load_pem_x509_csr(good.encode()).public_bytes(Encoding.DER))
    der[-1] ^= 1  # the signature
    forged = "".join(ssl.DER_cert_to_PEM_cert(bytes(der))).replace("CERTIFICATE", "CERTIFICATE REQUEST")
    assert other.is_signature_valid
    for bad in (
        "nonsense",
        forged,
        _request(ec.generate_private_key(ec.SECP384R1())),
        _request(ed25519.Ed25519PrivateKey.generate()),
    ):
        with pytest.raises(AuthorityError, match="the certificate request"):
            certify_gateway(load(directory), bad, gateway="citels-1", now=NOW, life=GATEWAY_LIFE)


@pytest.mark.parametrize("name", ["ingest", "rights", "watcher"])
def test_a_gateway_never_gets_a_process_s_name(directory: Path, name: str) -> None:
    request = _request(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(AuthorityError, match="reserved"):
        certify_gateway(load(directory), request, gateway=name, now=NOW, life=GATEWAY_LIFE)
    if name == "watcher":
        with pytest.raises(ValueError, match="address"):
            acl([name], {name: "07/citels"})


def test_revocation_lists_name_each_issuer_s_certificates_only(tmp_path: Path) -> None:
    create(tmp_path, NOW)
    before = name_of(load(tmp_path).present.certificate)
    renew(tmp_path, NOW)
    authority = load(tmp_path)
    revoked = [Revoked(serial="a1", issuer=before, at=NOW), Revoked(serial="b2", issuer="gone", at=NOW)]
    text = revocation_lists(authority, revoked, at=NOW, number=7)
    lists = [
        x509.load_pem_x509_crl((part + "-----END X509 CRL-----\n").encode())
        for part in text.split("-----END X509 CRL-----\n")[:-1]
    ]
    assert [[f"{one.serial_number:x}" for one in each] for each in lists] == [[], ["a1"]]
    for each, signer in zip(lists, authority.signers, strict=True):
        assert each.is_signature_valid(signer.certificate.public_key())  # type: ignore[arg-type]


def test_a_change_believes_two_and_then_one(tmp_path: Path) -> None:
    create(tmp_path, NOW)
    first = name_of(load(tmp_path).present.certificate)
    with pytest.raises(Complaint, match="no change"):
        finish(tmp_path)
    with pytest.raises(Complaint, match="authority already"):
        create(tmp_path, NOW)
    renew(tmp_path, NOW)
    for folder in (tmp_path, tmp_path / PROCESSES):
        assert len(load(folder).signers) == 2
    assert name_of(load(tmp_path).signers[1].certificate) == first != name_of(load(tmp_path).present.certificate)
    with pytest.raises(Complaint, match="being changed"):
        renew(tmp_path, NOW)
    finish(tmp_path)
    assert [name_of(one.certificate) for one in load(tmp_path).signers] != [first]
    assert len(load(tmp_path).signers) == 1


def test_an_authority_that_others_may_read_or_that_is_incomplete_is_refused(tmp_path: Path) -> None:
    create(tmp_path, NOW)
    for name in ("authority.key.pem", "processes/authority.key.pem"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    (tmp_path / "authority.key.pem").chmod(0o640)
    with pytest.raises(AuthorityError, match="others may read"):
        load(tmp_path)
    (tmp_path / "authority.key.pem").unlink()
    with pytest.raises(AuthorityError, match="keys don't belong"):
        load(tmp_path)
    with pytest.raises(AuthorityError, match="maillage authority create"):
        load(tmp_path / "nowhere")


def test_openssl_finds_the_authorities_that_the_broker_is_given(directory: Path, tmp_path: Path) -> None:
    """A handshake in memory: client and server look each other's authority up in a folder of hashed names."""
    issue_server(directory, ["broker.example.org", "192.0.2.7"], tmp_path / "server", now=NOW)
    issue_process(directory, "ingest", tmp_path / "ingest", now=NOW)
    write_authorities(
        tmp_path,
        certificates=load(directory).pem(),
        processes=load(directory / PROCESSES).pem(),
        revocations=revocation_lists(load(directory), (), at=NOW - timedelta(hours=1), number=1),
        give=lambda _path: None,
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "server/certificate.pem", tmp_path / "server/key.pem")
    server.load_verify_locations(capath=tmp_path / "processes")
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(capath=tmp_path / "authorities")
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python does from 3.13 on
    client.load_cert_chain(tmp_path / "ingest/certificate.pem", tmp_path / "ingest/key.pem")
    for name in ("broker.example.org", "192.0.2.7"):
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        ours = client.wrap_bio(to_client, to_server, server_hostname=name)
        theirs = server.wrap_bio(to_server, to_client, server_side=True)
        for _ in range(3):
            for side in (ours, theirs):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    continue
        subject = theirs.getpeercert()
        assert subject is not None
        assert subject["subject"] == ((("commonName", "ingest"),),)
        assert ours.version() == "TLSv1.3"
