"""When the certificates of a connection with mutual TLS end."""

from __future__ import annotations

import math
import ssl
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509

from gateway.mqtt.address import Broker
from gateway.mqtt.session import connect

SOON: Final = timedelta(days=30)
"""So long before its end a certificate is worth an alarm; it should have been made again earlier."""


def own_until(broker: Broker) -> datetime | None:
    """Return when our certificate for ``broker`` ends, as its file says now; None: there is none that can be read."""
    if broker.login is None:
        return None
    try:
        return x509.load_pem_x509_certificate(broker.login.certificate.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None


def shown_until(broker: Broker) -> datetime | None:
    """Return when the certificate ends that ``broker`` shows to a new connection; None: it shows none, or is away.

    A connection that is up may have begun before the broker was given another one.
    """
    try:
        with connect(broker) as sock:
            return peer_until(sock)
    except OSError:
        return None


def peer_until(connection: object) -> datetime | None:
    """Return when the certificate ends that the other side has shown; None: it has shown none."""
    shown = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC) if shown else None


def unix_time(at: datetime | None) -> float:
    """Return ``at`` for a metric; not a number where it isn't known."""
    return math.nan if at is None else at.timestamp()
