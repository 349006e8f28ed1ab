"""The certificate of a place's broker: made on the spot, trusted by the bridges and boards that get a copy of it."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from maillage.field.files import CERTIFICATE, KEY, write_if_changed

_YEARS: Final = 10
"""Nobody comes by to change it in boards; it proves the broker to the place's own devices, and nothing else."""
_EARLY: Final = timedelta(days=90)


def ensure_certificate(directory: Path, address: str | None, *, give: Callable[[Path], None]) -> bool:
    """Make a key and a certificate for this machine, unless those in ``directory`` name it and are valid.

    Returns:
        Whether they were made: the bridges then need the new one.
    """
    names = [socket.gethostname(), f"{socket.gethostname()}.local", "localhost"]
    addresses = ["127.0.0.1", *([address] if address else [])]
    if _serves(directory, addresses):
        return False
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"field broker of {names[0]}"[:64])])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * _YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    *(x509.DNSName(one) for one in names),
                    *(x509.IPAddress(ipaddress.ip_address(one)) for one in addresses),
                ]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_if_changed(directory / KEY, private.decode(), give=give)
    write_if_changed(directory / CERTIFICATE, made.public_bytes(serialization.Encoding.PEM).decode(), give=give)
    return True


def _serves(directory: Path, addresses: list[str]) -> bool:
    try:
        held = x509.load_pem_x509_certificate((directory / CERTIFICATE).read_bytes())
        san = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    named = {str(one) for one in san.get_values_for_type(x509.IPAddress)}
    return (
        (directory / KEY).exists() and set(addresses) <= named and held.not_valid_after_utc - datetime.now(UTC) > _EARLY
    )
