"""A recording of real makers' messages through a real gateway: on its own broker in, on the centre's broker out."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from gateway.config import GatewayConfig, write_gateways
from gateway.contract.wire import BATCH, parse_topic
from gateway.mqtt.loop import Message, MqttLoop, parse_mqtt_url
from gateway.run import run
from gateway.settings import GatewaySettings
from maillage.embedded import EmbeddedMosquitto
from maillage.replay import replay
from tests.conftest import CentralBroker
from tests.waiting import until

CAPTURE = Path(__file__).parents[1] / "data" / "devices" / "capture.jsonl"
APPLICATION = "17c82e96-be03-4f38-aef3-f83d48582d97"
DEVICES: list[dict[str, Any]] = [
    {"code": "reader", "driver": "esp_rfid", "address": "/rfid#your esp-rfid hostname", "door": "entry"},
    {"code": "hue", "driver": "zigbee2mqtt", "address": "p1/HueMotionOffice01"},
    {"code": "radar", "driver": "zigbee2mqtt", "address": "p1/0xa4c1382a6b329e9d"},
    {"code": "desk", "driver": "chirpstack", "address": f"{APPLICATION}/24e124535b000001", "model": "VS341"},
    {"code": "other", "driver": "chirpstack", "address": f"{APPLICATION}/0101010101010101", "model": "VS341"},
]


class Centre:
    """Keeps the events that reach the centre's broker."""

    def __init__(self, url: str) -> None:
        self.events: dict[int, dict[str, Any]] = {}
        self.loop = MqttLoop("centre")
        self.link = self.loop.add(
            parse_mqtt_url(url), client_id="centre", on_message=self._take, subscriptions=[("maillage/v1/#", 1)]
        )
        self.loop.start()
        until(lambda: self.link.connected)

    def _take(self, message: Message) -> None:
        parsed = parse_topic(message.topic)
        if parsed is not None and parsed[1] == "events":
            batch = BATCH.validate_json(message.payload)
            for number, event in enumerate(batch["events"], batch["first"]):
                self.events[number] = dict(event)

    def kinds(self) -> Counter[tuple[str, str]]:
        return Counter((one["device"], one["kind"]) for one in self.events.values())


EXPECTED: Final = Counter(
    {
        ("reader", "access"): 1,
        ("reader", "door"): 2,
        ("desk", "desk"): 1,
        ("hue", "desk"): 1,
        ("radar", "desk"): 1,
        ("gateway", "gateway"): 3,  # its start, and two messages that no driver reads
    }
)
"""At least so many events of each device and kind."""


def test_a_capture_runs_through_the_drivers(mqtt: CentralBroker, field_mqtt: EmbeddedMosquitto, tmp_path: Path) -> None:
    centre = Centre(mqtt.url("ingest"))
    config = GatewayConfig.model_validate(
        {
            "shard": 7,
            "place": "p1",
            "gateway": "p1-g1",
            "card_key": "00" * 32,
            "doors": [{"code": "entry", "lock": "reader"}],
            "devices": DEVICES,
        }
    ).model_copy(update={"mqtt_password": SecretStr(mqtt.password("p1-g1"))})
    mqtt.url("p1-g1")  # enrols it
    write_gateways(tmp_path / "gateways.json", (config,))
    settings = GatewaySettings(
        mqtt_url=SecretStr(f"mqtt://127.0.0.1:{mqtt.server.port}"),
        field_mqtt_url=SecretStr(field_mqtt.url()),
        gateways_file=tmp_path / "gateways.json",
        spool=tmp_path / "spool.sqlite",
        metrics_port=0,
    )
    stop = threading.Event()
    gateway = threading.Thread(target=run, args=(settings, stop))
    gateway.start()
    try:
        until(lambda: ("gateway", "gateway") in centre.kinds())  # its start has reached the centre
        until(lambda: _listens(field_mqtt, centre), every_s=0.1)
        played = replay(
            CAPTURE, mqtt_url=field_mqtt.url(), speed=None, prefixes=[("zigbee2mqtt/", "p1/")], say=lambda _line: None
        )
        until(lambda: centre.kinds() >= EXPECTED, what="all that the capture holds")
    finally:
        stop.set()
        gateway.join(60)
        centre.loop.stop()
    assert played.bad_lines == 0
    kinds = centre.kinds()
    assert kinds["hue", "desk"] == 1  # said three times within a second
    assert kinds["radar", "desk"] == 1
    assert kinds["reader", "door"] >= 2
    faults = [one for one in centre.events.values() if one.get("what") == "driver_fault"]
    assert {one["text"] for one in faults} >= {"invalid_json", "truncated"}
    denied = [one for one in centre.events.values() if one["kind"] == "access"]
    assert {one["decision"] for one in denied} == {"denied"}  # no list yet: shut


def _listens(broker: EmbeddedMosquitto, centre: Centre) -> bool:
    """Whether the gateway hears the field: a battery that nobody else reports reaches the centre."""
    _say(broker, "p1/0xa4c1382a6b329e9d", b'{"battery": 42}')
    return any(one.get("value") == 42 for one in centre.events.values())


def _say(broker: EmbeddedMosquitto, topic: str, payload: bytes) -> None:
    loop = MqttLoop("say")
    link = loop.add(parse_mqtt_url(broker.url()), client_id="say", on_message=lambda _message: None)
    loop.start()
    until(lambda: link.connected)
    link.publish(topic, payload)
    loop.stop()
