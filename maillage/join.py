"""A new machine becomes a gateway: it makes its keys, asks for a certificate with a code, writes its identity."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import ipaddress
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pydantic import ValidationError

from gateway.identity import DESCRIPTION, KEY, SEALING_KEY, Identity, replace_files, write_identity
from maillage.complaint import Complaint

REQUEST: Final = "request.pem"
"""The request while it has no answer: the code may be sent again with this one, not with another."""
_TIMEOUT_S: Final = 30.0
_PATIENCE_S: Final = 90.0
_LARGEST_ANSWER: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """How the API's server is recognised, where its certificate isn't a public one."""

    ca_file: Path | None = None
    fingerprint: str | None = None
    """SHA-256 of the server's certificate, in hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keys:
    tls: bytes
    """PEM."""
    sealing: bytes
    request: str
    """PEM."""


def join(url: str, code: str, directory: Path, trust: Trust) -> Identity:
    """Join the network whose API is at ``url``, and write the identity into ``directory``.

    Raises:
        Complaint: this machine has an identity already, the server isn't the right one or refuses, its answer is wrong.
        IdentityError: the folder can't be written.
    """
    if (directory / DESCRIPTION).exists():
        raise Complaint(
            f"{directory} holds an identity already. To join again, move it away first; or name another: --identity."
        )
    address = _checked(url)
    keys = _keys(directory)
    answer = _ask(
        address,
        {
            "code": code,
            "request": keys.request,
            "sealing_key": base64.b64encode(
                X25519PrivateKey.from_private_bytes(keys.sealing).public_key().public_bytes_raw()
            ).decode(),
        },
        trust,
    )
    try:
        identity = Identity.model_validate({**answer, "api": url.rstrip("/"), "directory": directory})
        certificate, authority = answer["certificate"].encode(), answer["authority"].encode()
        _check_certificate(certificate, authority, keys.tls)
    except (ValidationError, KeyError, AttributeError, ValueError, InvalidSignature) as error:
        raise Complaint(f"the answer of {url} can't be used: {' '.join(str(error).split())[:200]}") from error
    write_identity(identity, key=keys.tls, certificate=certificate, authority=authority, sealing_key=keys.sealing)
    (directory / REQUEST).unlink(missing_ok=True)
    return identity


def _checked(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise Complaint(f"{url!r} is no address of an API: it is like https://maillage.example.org")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise Complaint(f"{url} isn't encrypted: a code and an identity travel over https:// only.")
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _keys(directory: Path) -> _Keys:
    """Return the keys of an attempt that had no answer, or make new ones: they are on the disk before they are used."""
    paths = [directory / name for name in (KEY, SEALING_KEY, REQUEST)]
    if not all(path.exists() for path in paths):
        key = ec.generate_private_key(ec.SECP256R1())
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
        replace_files(
            directory,
            {
                KEY: key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                ),
                SEALING_KEY: base64.b64encode(X25519PrivateKey.generate().private_bytes_raw()) + b"\n",
                REQUEST: request.public_bytes(serialization.Encoding.PEM),
            },
        )
    tls, sealing, made = (path.read_bytes() for path in paths)
    return _Keys(tls=tls, sealing=base64.b64decode(sealing), request=made.decode())


def _ask(address: SplitResult, body: Mapping[str, str], trust: Trust) -> dict[str, Any]:
    """Send the request until there is an answer, or patience is over."""
    end = time.monotonic() + _PATIENCE_S
    while True:
        status, retry_s, answer = _post(address, body, trust)
        if status == 201:
            return answer
        if status != 503 or time.monotonic() + retry_s > end:
            raise Complaint(f"{address.netloc} refuses ({status}): {answer.get('detail', 'no reason given')}")
        print(f"{answer.get('detail', '')} Asking again in {retry_s:.0f} s …")
        time.sleep(retry_s)


def _post(address: SplitResult, body: Mapping[str, str], trust: Trust) -> tuple[int, float, dict[str, Any]]:
    """Return the status, when to try again, and the answer."""
    connection = _connection(address, trust)
    try:
        connection.request(
            "POST",
            f"{address.path.rstrip('/')}/v1/enrolment",
            body=json.dumps(body),
            headers={"Content-Type": "application/json"},
        )
        response = connection.getresponse()
        answer = json.loads(response.read(_LARGEST_ANSWER))
        retry_s = float(response.headers.get("Retry-After") or 5)
        return response.status, retry_s, answer if isinstance(answer, dict) else {}
    except ValueError as error:
        raise Complaint(
            f"{address.netloc} doesn't answer as Maillage's API does. Is it the API's address, as the server's web "
            "server publishes it? /healthz there says ok."
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise _unreached(address, error) from error
    finally:
        connection.close()


def _connection(address: SplitResult, trust: Trust) -> http.client.HTTPConnection:
    """Open a connection to the API, whose server has been recognised."""
    assert address.hostname is not None
    if address.scheme == "http":
        return http.client.HTTPConnection(address.hostname, address.port, timeout=_TIMEOUT_S)
    try:
        context = ssl.create_default_context(cafile=str(trust.ca_file) if trust.ca_file else None)
    except OSError as error:
        raise Complaint(f"{trust.ca_file} can't be read as certificates: {error}") from error
    wanted = (trust.fingerprint or "").replace(":", "").strip().lower()
    if wanted:  # this certificate and no other, whoever signed it
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(address.hostname, address.port, timeout=_TIMEOUT_S, context=context)
    try:
        connection.connect()
    except ssl.SSLCertVerificationError as error:
        raise Complaint(
            f"the certificate of {address.netloc} isn't believed ({error.verify_message}). For a private one: "
            "--ca-file, or --fingerprint."
        ) from error
    except OSError as error:
        raise _unreached(address, error) from error
    if wanted:
        found = hashlib.sha256(connection.sock.getpeercert(binary_form=True) or b"").hexdigest()
        if not hmac.compare_digest(found, wanted):
            connection.close()
            raise Complaint(f"{address.netloc} shows another certificate than the one with this fingerprint: {found}")
    return connection


def _unreached(address: SplitResult, error: Exception) -> Complaint:
    port = address.port or (443 if address.scheme == "https" else 80)
    return Complaint(
        f"{address.netloc} doesn't answer: {error}. Is the address right, and does this machine reach port {port} of "
        "the server (network, firewall)? There, `maillage doctor` says whether the API runs. Then type the same again: "
        "the code is good for an hour from when it was made."
    )


def _check_certificate(certificate: bytes, authority: bytes, key: bytes) -> None:
    """Check that the certificate is for our key, and signed by the authority that came with it.

    Raises:
        ValueError, InvalidSignature: it isn't.
    """
    one = x509.load_pem_x509_certificate(certificate)
    ours = serialization.load_pem_private_key(key, password=None)
    if one.public_key() != ours.public_key():
        raise ValueError("the certificate is for another key")
    issuers = [each for each in x509.load_pem_x509_certificates(authority) if each.subject == one.issuer]
    if not issuers:
        raise ValueError("the certificate is signed by another authority")
    one.verify_directly_issued_by(issuers[0])
