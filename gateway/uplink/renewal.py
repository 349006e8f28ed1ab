"""Gets a gateway's next certificate in time: at two thirds of its life, or when the authority is being changed.

The new key and the new certificate take their places one after the other; a start in between puts that right
(``settle``). A connection takes the files when it is made, so that nothing is interrupted.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import ValidationError

from gateway.contract.renewal import CertificateAnswer, CertificateBody, CertificateRequest
from gateway.contract.signing import SignatureError, verify
from gateway.errors import GatewayError
from gateway.identity import AUTHORITY, CERTIFICATE, DESCRIPTION, KEY, Identity, IdentityError, replace_files

log = logging.getLogger(__name__)

NEXT_KEY: Final = "key.next.pem"
_ASK_EVERY_S: Final = 120.0
"""Without an answer."""


class RenewalRefused(GatewayError):
    """A certificate that must not be taken; the text says why."""


@dataclass(slots=True, kw_only=True)
class _Renewal:
    identity: Identity
    renewed_at: int
    """When the last answer that was taken was signed, µs."""
    due_at: float
    """Seconds since 1970."""
    request: str | None = None
    asked_at: float = float("-inf")
    """Monotonic."""


class Renewals:
    """The certificates of one process's gateways."""

    def __init__(self, identities: Iterable[Identity], *, keys: Callable[[str], Sequence[str]]) -> None:
        """Put right what a crash has left.

        Args:
            identities: those with certificates.
            keys: returns the public keys that a gateway believes the centre by.

        Raises:
            IdentityError: a certificate can't be read.
        """
        self._keys = keys
        self._renewals = {one.gateway: _begin(one) for one in identities}

    def look(self, ask: Callable[[str, bytes], bool]) -> None:
        """Ask for what is due; to be called about once a second.

        ``ask`` sends a gateway's request; False: there is no connection.
        """
        now = time.monotonic()
        for gateway, renewal in self._renewals.items():
            if time.time() < renewal.due_at or now - renewal.asked_at < _ASK_EVERY_S:
                continue
            try:
                if renewal.request is None:
                    renewal.request = _new_request(renewal.identity)
                message = CertificateRequest(request=renewal.request).model_dump_json().encode()
                if ask(gateway, message):
                    renewal.asked_at = now
                    log.info("certificate_asked", extra={"gateway": gateway})
            except IdentityError as error:
                renewal.asked_at = now
                log.error("certificate_not_asked", extra={"gateway": gateway, "reason": str(error)})

    def take(self, gateway: str, payload: bytes) -> None:
        """Take the centre's answer.

        Raises:
            RenewalRefused: it isn't signed by the centre, is for another gateway or key, or older than the last.
            IdentityError: it can't be written.
        """
        renewal = self._renewals.get(gateway)
        if renewal is None:
            raise RenewalRefused("this gateway has no identity with a certificate")
        body = self._verified(gateway, payload)
        if body.at == renewal.renewed_at:
            return  # delivered twice
        if body.gateway != gateway or body.at < renewal.renewed_at:
            raise RenewalRefused("it is for another gateway, or older than the last")
        directory, authority = renewal.identity.directory, body.authority.encode()
        try:
            believed = x509.load_pem_x509_certificates(authority)
        except ValueError as error:
            raise RenewalRefused("its authority can't be read") from error
        if body.certificate is None:
            replace_files(directory, {AUTHORITY: authority})
            renewal.due_at = 0.0
            log.info("authority_changes", extra={"gateway": gateway})
        else:
            certificate = body.certificate.encode()
            _check(renewal.identity, certificate, believed)
            replace_files(directory, {AUTHORITY: authority, CERTIFICATE: certificate})
            settle(renewal.identity)
            renewal.due_at, renewal.request = _due_at(renewal.identity), None
            log.info("certificate_renewed", extra={"gateway": gateway})
        renewal.renewed_at = body.at
        described = {**json.loads(renewal.identity.model_dump_json()), "renewed_at": body.at}
        replace_files(directory, {DESCRIPTION: json.dumps(described, indent=1).encode() + b"\n"})

    def _verified(self, gateway: str, payload: bytes) -> CertificateBody:
        try:
            answer = CertificateAnswer.model_validate_json(payload)
            verify(self._keys(gateway), "certificate", answer.body, answer.signature)
            return CertificateBody.model_validate_json(answer.body)
        except ValidationError as error:
            raise RenewalRefused("it can't be read") from error
        except SignatureError as error:
            raise RenewalRefused(str(error)) from error


def settle(identity: Identity) -> None:
    """Let the next key take its place where the certificate is for it already.

    Raises:
        IdentityError: a file can't be read or written.
    """
    following = identity.directory / NEXT_KEY
    if not following.exists():
        return
    key = following.read_bytes()
    if _public_of(key) == _certificate(identity).public_key():
        replace_files(identity.directory, {KEY: key})
        following.unlink()


def _begin(identity: Identity) -> _Renewal:
    settle(identity)
    if _certificate(identity).not_valid_after_utc < datetime.now(UTC):
        log.error("certificate_expired", extra={"gateway": identity.gateway, "remedy": "maillage gateway join"})
    return _Renewal(identity=identity, renewed_at=identity.renewed_at, due_at=_due_at(identity))


def _due_at(identity: Identity) -> float:
    one = _certificate(identity)
    begin, end = one.not_valid_before_utc, one.not_valid_after_utc
    return (begin + (end - begin) * 2 / 3).timestamp()


def _certificate(identity: Identity) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(identity.certificate.read_bytes())
    except (OSError, ValueError) as error:
        raise IdentityError(f"{identity.certificate} can't be read: {error}. Join again.") from error


def _new_request(identity: Identity) -> str:
    """Make the next key, or take the one that has no answer yet, and return the request for its certificate (PEM)."""
    path = identity.directory / NEXT_KEY
    if not path.exists():
        fresh = ec.generate_private_key(ec.SECP256R1())
        pem = fresh.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        replace_files(identity.directory, {NEXT_KEY: pem})
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def _public_of(key: bytes) -> object:
    try:
        return serialization.load_pem_private_key(key, password=None).public_key()
    except ValueError:
        return None


def _check(identity: Identity, certificate: bytes, believed: Sequence[x509.Certificate]) -> None:
    """Check that a certificate is for the next key, is good now, and is signed by whom we are to believe.

    Raises:
        RenewalRefused: it isn't.
    """
    try:
        one = x509.load_pem_x509_certificate(certificate)
        issuer = next(each for each in believed if each.subject == one.issuer)
        one.verify_directly_issued_by(issuer)
        key = (identity.directory / NEXT_KEY).read_bytes()
    except (OSError, ValueError, TypeError, StopIteration, InvalidSignature) as error:
        raise RenewalRefused("the certificate can't be used") from error
    if one.public_key() != _public_of(key):
        raise RenewalRefused("the certificate is for another key")
    if one.not_valid_after_utc <= datetime.now(UTC):
        raise RenewalRefused("the certificate has expired already")
