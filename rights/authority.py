"""The network's certificate authority: a folder with its certificate and its key, kept by the rights process alone.

``authority.pem`` holds the certificates that are believed, the present one first; ``authority.key.pem`` the present
key. While the authority is changed, ``authority.before.key.pem`` holds the key of the one before, which still signs the
revocation list of the certificates that it issued. The subfolder ``processes`` is an authority of its own, for the
certificates of ingest and rights: the broker's listener for processes believes only that one, so that no gateway's
certificate is good there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CERTIFICATES: Final = "authority.pem"
KEY: Final = "authority.key.pem"
KEY_BEFORE: Final = "authority.before.key.pem"
PROCESSES: Final = "processes"
RESERVED: Final = frozenset(("ingest", "rights", "broker", "watcher"))
"""Users of the broker that are no gateways."""
AUTHORITY_LIFE: Final = timedelta(days=3650)
GATEWAY_LIFE: Final = timedelta(days=90)
PROCESS_LIFE: Final = timedelta(days=365)
_BACKDATED: Final = timedelta(minutes=5)
"""Certificates begin a little earlier: clocks differ."""
_CRL_LIFE: Final = timedelta(days=30)


class AuthorityError(Exception):
    """The authority can't be read, or a request can't be answered; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """One certificate of the authority and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Those that sign, the present one first; two while the authority is changed."""

    signers: tuple[Signer, ...]

    @property
    def present(self) -> Signer:
        """The one that issues certificates."""
        return self.signers[0]

    def pem(self) -> str:
        """Return the certificates that are believed, the present one first."""
        return "".join(as_pem(one.certificate) for one in self.signers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate as the database keeps it."""

    pem: str
    serial: str
    """Hexadecimal."""
    issuer: str
    """The name of the authority's certificate that signed it (``name_of``)."""
    not_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """A certificate that is no longer good."""

    serial: str
    issuer: str
    at: datetime


def as_pem(certificate: x509.Certificate) -> str:
    """Return ``certificate`` as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def name_of(certificate: x509.Certificate) -> str:
    """Return the common name of ``certificate``."""
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a new private key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return ``key`` as PEM, unencrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def new_signer(name: str, now: datetime) -> Signer:
    """Make a key and its self-signed certificate. The name ends in its serial: two authorities never share one."""
    key, serial = new_key(), x509.random_serial_number()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} {serial:x}"[:48])])
    public = key.public_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(serial)
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Signer(certificate=certificate, key=key)


def load(directory: Path) -> Authority:
    """Read the authority in ``directory``.

    Raises:
        AuthorityError: a file is missing or unreadable, others may read a key, or a key fits no certificate.
    """
    try:
        certificates = x509.load_pem_x509_certificates((directory / CERTIFICATES).read_bytes())
        keys = [_load_key(path) for name in (KEY, KEY_BEFORE) if (path := directory / name).exists()]
    except OSError as error:
        raise AuthorityError(
            f"{error.filename}: {error.strerror}. `maillage authority create` makes an authority."
        ) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise AuthorityError(f"the authority in {directory} can't be read: {error}") from error
    by_key = {_public_bytes(key.public_key()): key for key in keys}
    signers = tuple(
        Signer(certificate=one, key=key)
        for one in certificates
        if (key := by_key.get(_public_bytes(one.public_key()))) is not None
    )
    if len(signers) != len(certificates) or not signers:
        raise AuthorityError(f"{directory}: the keys don't belong to the certificates in {CERTIFICATES}.")
    return Authority(signers=signers)


def certify_gateway(authority: Authority, request: str, *, gateway: str, now: datetime, life: timedelta) -> Issued:
    """Answer a gateway's request (a PKCS #10 CSR as PEM): only its key counts, the name is ours.

    Raises:
        AuthorityError: it can't be read, isn't signed by its key, or the key isn't on P-256; the name is reserved.
    """
    if gateway in RESERVED:
        raise AuthorityError(f"{gateway!r} is reserved: no gateway may have the name of a process")
    try:
        csr = x509.load_pem_x509_csr(request.encode())
        valid = csr.is_signature_valid
        public = csr.public_key()
    except (ValueError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise AuthorityError("the certificate request can't be read") from error
    if not valid:
        raise AuthorityError("the certificate request isn't signed by its own key")
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise AuthorityError("the certificate request's key must be on the curve P-256")
    return _issue(authority, public, name=gateway, now=now, life=life, usage=ExtendedKeyUsageOID.CLIENT_AUTH)


def certify_process(authority: Authority, name: str, *, now: datetime, life: timedelta) -> tuple[Issued, bytes]:
    """Make a key and a client certificate for a process; return the certificate and the key (PEM)."""
    key = new_key()
    issued = _issue(authority, key.public_key(), name=name, now=now, life=life, usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    return issued, key_pem(key)


def certify_server(
    authority: Authority, names: Sequence[x509.GeneralName], *, now: datetime, life: timedelta
) -> tuple[Issued, bytes]:
    """Make a key and a server certificate for ``names`` (host names, IP addresses)."""
    key = new_key()
    issued = _issue(
        authority,
        key.public_key(),
        name="broker",
        now=now,
        life=life,
        usage=ExtendedKeyUsageOID.SERVER_AUTH,
        names=names,
    )
    return issued, key_pem(key)


def revocation_lists(authority: Authority, revoked: Iterable[Revoked], *, at: datetime, number: int) -> str:
    """Return the revocation list (PEM) of each who signs, one after the other.

    Args:
        authority: who signs.
        revoked: every certificate that was revoked and has not expired.
        at: when the list was made; OpenSSL believes the latest of several lists, so each must be later than the last.
        number: counts up.
    """
    known = list(revoked)
    found = []
    for signer in authority.signers:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(signer.certificate.subject)
            .last_update(at)
            .next_update(at + _CRL_LIFE)
            .add_extension(x509.CRLNumber(number), critical=False)
        )
        for one in known:
            if one.issuer == name_of(signer.certificate):
                builder = builder.add_revoked_certificate(
                    x509.RevokedCertificateBuilder()
                    .serial_number(int(one.serial, 16))
                    .revocation_date(min(one.at, at))
                    .build()
                )
        found.append(builder.sign(signer.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode())
    return "".join(found)


def _issue(
    authority: Authority,
    public: ec.EllipticCurvePublicKey,
    *,
    name: str,
    now: datetime,
    life: timedelta,
    usage: x509.ObjectIdentifier,
    names: Sequence[x509.GeneralName] = (),
) -> Issued:
    signer = authority.present
    until = min(now + life, signer.certificate.not_valid_after_utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(signer.certificate.subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()),
            critical=False,
        )
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    certificate = builder.sign(signer.key, hashes.SHA256())
    return Issued(
        pem=as_pem(certificate),
        serial=f"{certificate.serial_number:x}",
        issuer=name_of(signer.certificate),
        not_after=until,
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise AuthorityError(f"others may read {path} (mode {mode:o}): chmod 600 {path}")
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise AuthorityError(f"{path} is no key on an elliptic curve")
    return key


def _public_bytes(key: object) -> bytes:
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
