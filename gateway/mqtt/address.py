"""The address of an MQTT broker, as settings write it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from gateway.errors import GatewayError

_PORTS = {"mqtt": 1883, "mqtts": 8883}


class MqttUrlError(GatewayError):
    """A broker's address that cannot be read; the text never holds the password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """A broker's address and login."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def as_user(self, username: str | None, password: str | None) -> Broker:
        """Return the same broker for another user."""
        return Broker(host=self.host, port=self.port, tls=self.tls, username=username, password=password)


def parse_mqtt_url(url: str) -> Broker:
    """Read ``mqtt://user:password@host:port`` (or ``mqtts://``, TLS with the system's authorities).

    Ports default to 1883 and 8883; user and password are optional and percent-decoded.

    Raises:
        MqttUrlError: another scheme, no host, a port that is none, a path.
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
    return Broker(
        host=parts.hostname,
        port=_PORTS[parts.scheme] if port is None else port,
        tls=parts.scheme == "mqtts",
        username=unquote(parts.username) if parts.username is not None else None,
        password=unquote(parts.password) if parts.password is not None else None,
    )
