"""A place's own broker as `maillage gateway field` sets it up: each device says its own, the gateway alone commands."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.config import GatewayConfig
from gateway.mqtt.loop import Link, Message, MqttLoop, parse_mqtt_url
from maillage.doctor.broker import look_at_broker
from maillage.embedded import EmbeddedField, EmbeddedMosquitto
from maillage.embedded.bundle import Bundle
from tests.unit.gateway.place_parts import config
from tests.waiting import until


@pytest.fixture
def closed(bundle: Bundle, tmp_path: Path) -> Iterator[EmbeddedField]:
    server = EmbeddedField(tmp_path / "field", bundle=bundle, tls=True)
    server.start()
    server.furnish([config()])
    yield server
    server.stop()


class Crowd:
    """Connections to one broker, and what each hears."""

    def __init__(self, broker: EmbeddedField) -> None:
        self.heard: dict[str, list[tuple[str, bytes]]] = {}
        self._broker = broker
        self._loop = MqttLoop("crowd")
        self._loop.start()

    def join(self, user: str | None, *, password: str | None = None, reads: str = "#") -> Link:
        broker = parse_mqtt_url(self._broker.url())
        if user is not None:
            broker = broker.as_user(user, self._broker.password(user) if password is None else password)
        heard = self.heard.setdefault(user or "nobody", [])

        def hear(message: Message) -> None:
            heard.append((message.topic, message.payload))

        return self._loop.add(broker, client_id=f"test-{user}-{password}", on_message=hear, subscriptions=[(reads, 1)])

    def close(self) -> None:
        self._loop.stop()


@pytest.fixture
def crowd(closed: EmbeddedField) -> Iterator[Crowd]:
    made = Crowd(closed)
    yield made
    made.close()


def test_a_device_says_its_own_and_hears_its_own(closed: EmbeddedField, crowd: Crowd) -> None:
    gateway, board = crowd.join("gateway"), crowd.join("gare.reader-in")
    other, bridge = crowd.join("gare.reader-out"), crowd.join("gare.zigbee2mqtt")
    until(lambda: all(link.connected for link in (gateway, board, other, bridge)))
    for link, topic in (
        (other, "gare/in/send"),  # as another board
        (other, "gare/in/cmd"),  # a command to a lock
        (other, "gare/out/cmd"),  # to itself: who holds the board's password opens nothing by it
        (bridge, "gare/in/cmd"),
        (bridge, "gare/in/send"),
        (bridge, "z/bridge/state"),  # its own, from here on
        (bridge, "z/just-joined"),
        (other, "gare/out/send"),
        (board, "gare/in/send"),
    ):
        link.publish(topic, topic.encode())
    until(lambda: len(crowd.heard["gateway"]) >= 4)
    gateway.publish("gare/in/cmd", b"open")
    until(lambda: crowd.heard["gare.reader-in"])
    assert sorted(topic for topic, _ in crowd.heard["gateway"] if topic != "gare/in/cmd") == sorted(
        ["z/bridge/state", "z/just-joined", "gare/out/send", "gare/in/send"]
    )
    assert crowd.heard["gare.reader-in"] == [("gare/in/cmd", b"open")]
    assert crowd.heard["gare.reader-out"] == []


def test_a_stranger_does_not_get_in_and_a_retired_board_is_cut_off(closed: EmbeddedField, crowd: Crowd) -> None:
    board = crowd.join("gare.reader-out")
    strangers = [crowd.join(None), crowd.join("gare.reader-in", password="guessed")]
    until(lambda: board.connected)
    until(lambda: closed.tail().count("not authorised") >= 2)
    assert not any(link.connects for link in strangers)
    old = config()
    closed.furnish([GatewayConfig.model_validate(old.model_dump() | {"devices": old.devices[:1]})])
    until(lambda: not board.connected)


def test_a_bridge_elsewhere_comes_by_tls_and_believes_the_copied_certificate(
    closed: EmbeddedField,
) -> None:
    assert closed.tls_port is not None
    believed = ssl.create_default_context(cafile=closed.certificate)
    with (
        socket.create_connection((closed.host, closed.tls_port), timeout=30) as plain,
        believed.wrap_socket(plain, server_hostname="127.0.0.1") as bridge,
    ):
        bridge.sendall(_connect("gare.zigbee2mqtt", closed.password("gare.zigbee2mqtt")))
        assert bridge.recv(4) == b"\x20\x02\x00\x00"  # CONNACK: accepted
    with socket.create_connection((closed.host, closed.tls_port), timeout=30) as plain, pytest.raises(ssl.SSLError):
        ssl.create_default_context().wrap_socket(plain, server_hostname="127.0.0.1")


def test_the_doctor_logs_in_as_the_gateway_and_names_a_broker_that_is_open(
    closed: EmbeddedField, field_mqtt: EmbeddedMosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found() -> list[tuple[str, str]]:
        looked = look_at_broker("MAILLAGE_FIELD_MQTT_URL", "field broker", logins="MAILLAGE_FIELD_LOGINS")
        return [(one.state, one.text.rpartition(" as ")[2]) for one in looked]

    monkeypatch.setenv("MAILLAGE_FIELD_MQTT_URL", closed.url())
    assert found() == [("bad", "anybody: Not authorized")]
    monkeypatch.setenv("MAILLAGE_FIELD_LOGINS", str(closed.directory / "logins.json"))
    assert found() == [("good", "gateway")]
    monkeypatch.delenv("MAILLAGE_FIELD_LOGINS")
    monkeypatch.setenv("MAILLAGE_FIELD_MQTT_URL", field_mqtt.url())
    assert found() == [("note", "anybody: it lets anybody in")]


def _connect(user: str, password: str) -> bytes:
    """Return MQTT's first packet (3.1.1, section 3.1): a clean session."""

    def text(word: str) -> bytes:
        return len(word).to_bytes(2, "big") + word.encode()

    body = text("MQTT") + b"\x04\xc2\x00\x3c" + text("bridge") + text(user) + text(password)
    return b"\x10" + len(body).to_bytes(1, "big") + body
