"""The connections of virtual devices to the field broker: one that speaks for all, or one for each login.

With the logins that ``maillage gateway field --json`` prints each board and bridge connects as itself, as real ones
do. Thousands of connections are more than one machine holds: without logins one connection speaks for all.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr

from gateway.mqtt.filters import Routes
from gateway.mqtt.loop import Broker, Link, Message, MqttLoop
from simulator.errors import LoginsError


class DeviceLogin(BaseModel):
    """What was typed into a board or a bridge."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    user: str
    password: SecretStr
    says: tuple[str, ...]
    hears: tuple[str, ...]


class _Printed(BaseModel):
    logins: tuple[DeviceLogin, ...]


def read_logins(path: Path) -> tuple[DeviceLogin, ...]:
    """Read what ``maillage gateway field --json`` printed.

    Raises:
        LoginsError: it can't be read.
    """
    try:
        return _Printed.model_validate(json.loads(path.read_text(encoding="utf-8"))).logins
    except (OSError, ValueError) as error:
        raise LoginsError(f"{path}: not what `maillage gateway field --json` prints: {type(error).__name__}") from error


class Wires:
    """Connections in one loop; each message goes by the connection whose login may say it."""

    def __init__(
        self,
        loop: MqttLoop,
        broker: Broker,
        *,
        hears: Iterable[str],
        on_message: Callable[[Message], None],
        logins: Sequence[DeviceLogin] = (),
    ) -> None:
        """Connect. ``hears``: the topics of the devices' commands."""
        self.broker = broker
        self._ways: Routes[Link] = Routes()

        def link(broker: Broker, name: str, topics: Iterable[str]) -> Link:
            return loop.add(
                broker,
                client_id=f"{name}-{secrets.token_hex(4)}",
                on_message=on_message,
                subscriptions=[(topic, 0) for topic in topics],
            )

        if not logins:
            self._links = [link(broker, "simulator", hears)]
            self._ways.add("#", self._links[0])
            return
        self._links = []
        hears = tuple(hears)
        for one in logins:
            own: Routes[bool] = Routes()
            for topic in one.hears:
                own.add(topic, True)
            as_device = broker.as_user(one.user, one.password.get_secret_value())
            made = link(as_device, one.user, [topic for topic in hears if own.of(topic)])
            self._links.append(made)
            for topic in one.says:
                self._ways.add(topic, made)

    @property
    def connected(self) -> bool:
        """Whether all are."""
        return all(link.connected for link in self._links)

    def publish(self, topic: str, payload: bytes, retain: bool) -> bool:
        """Send a message; False: no login may say it, or there is no connection, and it is lost."""
        way = next(iter(self._ways.of(topic)), None)
        if way is None or not way.connected:
            return False
        way.publish(topic, payload, qos=0, retain=retain)
        return True
