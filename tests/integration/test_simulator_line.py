"""The line between a place and the centre: cut, hung, slow and mended under a real MQTT connection."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from gateway.mqtt.loop import Link, Message, MqttLoop, parse_mqtt_url
from maillage.embedded import EmbeddedMosquitto
from simulator.line import Line, caller
from tests.waiting import until


@pytest.fixture
def line(field_mqtt: EmbeddedMosquitto) -> Iterator[Line]:
    one = Line(field_mqtt.host, field_mqtt.port)
    yield one
    one.close()


class Pair:
    """A sender behind the line and a listener beside the broker."""

    def __init__(self, broker: EmbeddedMosquitto, port: int) -> None:
        self.heard: list[Message] = []
        self.loop = MqttLoop("pair")
        self.near: Link = self.loop.add(
            parse_mqtt_url(f"mqtt://127.0.0.1:{port}"), client_id="near", on_message=lambda _message: None
        )
        self.far: Link = self.loop.add(
            parse_mqtt_url(broker.url()), client_id="far", on_message=self.heard.append, subscriptions=[("said", 1)]
        )
        self.loop.start()
        until(lambda: self.near.connected and self.far.connected)

    def says(self) -> bool:
        """Whether a word gets through."""
        self.near.publish("said", b"")
        return bool(self.heard)


def test_cut_and_mended(line: Line, field_mqtt: EmbeddedMosquitto) -> None:
    pair = Pair(field_mqtt, line.start())
    until(pair.says, every_s=0.05)
    line.cut()
    until(lambda: not pair.near.connected)
    assert pair.far.connected
    line.mend()
    until(lambda: pair.near.connected)
    pair.heard.clear()
    until(pair.says, every_s=0.05)
    assert line.bytes_relayed > 0
    pair.loop.stop()


def test_hung_and_slow(line: Line, field_mqtt: EmbeddedMosquitto) -> None:
    pair = Pair(field_mqtt, line.start())
    until(pair.says, every_s=0.05)
    line.delay_s = 0.3
    pair.heard.clear()
    began = time.monotonic()
    pair.near.publish("said", b"slow")
    until(lambda: any(one.payload == b"slow" for one in pair.heard))
    assert time.monotonic() - began >= 0.3
    line.delay_s = 0.0
    line.hang()
    pair.near.publish("said", b"late")
    # Another pair of hands passes the broker meanwhile, and nothing of what hangs.
    pair.far.publish("said", b"beside")
    until(lambda: any(one.payload == b"beside" for one in pair.heard))
    assert pair.near.connected
    assert not any(one.payload == b"late" for one in pair.heard)
    line.mend()
    until(lambda: any(one.payload == b"late" for one in pair.heard))
    pair.loop.stop()


def test_one_gateway_goes_offline_and_comes_back(line: Line, field_mqtt: EmbeddedMosquitto) -> None:
    loop = MqttLoop("two")
    port = line.start()
    one, other = (
        loop.add(
            parse_mqtt_url(f"mqtt://{name}:secret@127.0.0.1:{port}"),
            client_id=f"{name}-0123",
            on_message=lambda _message: None,
            will=("maillage/v1/00/x/x/state", b"{}"),
        )
        for name in ("gare-g1", "mairie-g1")
    )
    loop.start()
    until(lambda: one.connected and other.connected)
    line.take_offline(["gare-g1"])
    until(lambda: not one.connected)
    assert other.connected
    line.take_offline([])
    until(lambda: one.connected)
    assert other.connects == 1
    line.take_offline(["*"])
    until(lambda: not one.connected and not other.connected)
    loop.stop()


@pytest.mark.parametrize("packet", [b"", b"\x10", b"\x30\x02hi", b"\x10\xff\xff\xff\xff\xff", b"\x10\x04\x00\xff\x01"])
def test_what_is_no_connect_is_nobodys(packet: bytes) -> None:
    assert caller(packet) == ""


def test_under_tls_a_gateways_port_says_whose_connection_it_is(field_mqtt: EmbeddedMosquitto) -> None:
    line = Line(field_mqtt.host, field_mqtt.port, gateways=["a-g1", "b-g1"])
    line.start()
    one, other = Pair(field_mqtt, line.ports["a-g1"]), Pair(field_mqtt, line.ports["b-g1"])
    line.take_offline(["a-g1"])  # what its packets say is "near" for both
    until(lambda: not one.near.connected)
    assert other.near.connected
    line.take_offline([])
    until(lambda: one.near.connected)
    for pair in (one, other):
        pair.loop.stop()
    line.close()
