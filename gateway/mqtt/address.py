"""The address of an MQTT broker, as settings write it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gateway.errors import GatewayError

_PORTS = {"mqtt": 1883, "mqtts": 8883}


class MqttUrlError(GatewayError):
    """A broker's address that cannot be read; the text never holds the password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What mutual TLS needs: files in PEM, read at every connection, so that new ones are taken at the next."""

    authority: Path
    """Whom to believe: the broker's certificate must be signed by one of these."""
    certificate: Path
    key: Path

    @classmethod
    def in_folder(cls, folder: Path) -> Certificate:
        """Return the files of ``folder`` by their usual names."""
        return cls(authority=folder / "authority.pem", certificate=folder / "certificate.pem", key=folder / "key.pem")


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """A broker's address and login."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    login: Certificate | None = None
    """With TLS: the client's certificate, and whom to believe instead of the system's authorities."""

    def as_user(self, username: str | None, password: str | None) -> Broker:
        """Return the same broker for another user."""
        return replace(self, username=username, password=password)

    def with_certificate(self, login: Certificate) -> Broker:
        """Return the same broker, to log in with a certificate.

        Raises:
            MqttUrlError: the address isn't one of TLS.
        """
        if not self.tls:
            raise MqttUrlError("not an MQTT address with TLS: with a certificate it must start with mqtts://")
        return replace(self, username=None, password=None, login=login)


def parse_mqtt_url(url: str, *, tls: Path | None = None) -> Broker:
    """Read ``mqtt://user:password@host:port`` (or ``mqtts://``, TLS with the system's authorities).

    Ports default to 1883 and 8883; user and password are optional and percent-decoded.

    Args:
        url: the address.
        tls: folder of the client's certificate and of whom to believe (``Certificate.in_folder``), for mutual TLS.

    Raises:
        MqttUrlError: another scheme, no host, a port that is none, a path; a certificate and no ``mqtts://``.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise MqttUrlError("not an MQTT address: its port or host can't be read") from error
    if parts.scheme not in _PORTS:
        raise MqttUrlError(f"not an MQTT address: it must start with mqtt:// or mqtts://, not {parts.scheme!r}")
    if not parts.hostname:
        raise MqttUrlError("not an MQTT address: it has no host")
    if parts.path not in ("", "/") or parts.query:
        raise MqttUrlError("not an MQTT address: nothing may follow the port")
    broker = Broker(
        host=parts.hostname,
        port=_PORTS[parts.scheme] if port is None else port,
        tls=parts.scheme == "mqtts",
        username=unquote(parts.username) if parts.username is not None else None,
        password=unquote(parts.password) if parts.password is not None else None,
    )
    return broker if tls is None else broker.with_certificate(Certificate.in_folder(tls))
