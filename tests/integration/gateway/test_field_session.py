"""What the field broker took of sensors arrives once, whatever dies; what it took of readers is worth nothing later."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from gateway.config import GatewayConfig
from gateway.mqtt.loop import Message, MqttLoop, parse_mqtt_url
from gateway.settings import GatewaySettings
from maillage.embedded import EmbeddedMosquitto
from tests.integration.gateway.stage import Centre, Field, process_of_its_own, start, until_heard, until_it_hears
from tests.unit.gateway.place_parts import badge, config
from tests.waiting import until

EUI = "24e1240000000b01"
COUNTER = {"code": "counter", "driver": "chirpstack", "kind": "counter", "model": "VS350", "address": f"app/{EUI}"}
DESK = {"code": "desk", "kind": "presence", "driver": "zigbee2mqtt", "address": "z/desk"}
KEYS = {"code": "keys", "kind": "keypad", "driver": "zigbee2mqtt", "address": "z/keys", "door": "entry"}
READER = {"code": "reader-in", "kind": "reader", "driver": "esp_rfid", "address": "gare/in#in", "door": "entry"}
CONTACT = {"code": "contact", "kind": "contact", "driver": "zigbee2mqtt", "address": "z/contact", "door": "entry"}


def place(*devices: dict[str, Any]) -> GatewayConfig:
    return config(devices=list(devices or (READER, DESK, COUNTER, CONTACT)))


class Sensors:
    """A desk and a people counter that speak at QoS 1 and note what the broker has acknowledged."""

    def __init__(self, broker: EmbeddedMosquitto) -> None:
        self.acknowledged: set[int] = set()
        self._numbers: dict[int, int] = {}
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="sensors")
        self._client.max_inflight_messages_set(1000)
        self._client.on_publish = lambda _client, _data, mid, *_: self.acknowledged.add(mid)
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        self.sent = 0

    def say(self) -> None:
        """Say the next number: even ones by the desk, odd ones by the counter."""
        number = self.sent
        self.sent += 1
        if number % 2 == 0:
            topic, message = "z/desk", {"occupancy": number % 4 == 0, "last_seen": str(number)}
        else:
            topic = f"application/app/device/{EUI}/event/up"
            message = {"deduplicationId": f"d{number}", "time": str(number), "fCnt": number, "fPort": 85}
            message["data"] = "BcwBAAAA"  # one person came in
        self._numbers[number] = self._client.publish(topic, json.dumps(message), qos=1).mid

    def confirmed(self) -> list[int]:
        return [number for number, mid in self._numbers.items() if mid in self.acknowledged]

    @contextmanager
    def at_work(self, per_s: float) -> Iterator[None]:
        stop = threading.Event()

        def run() -> None:
            while not stop.wait(5 / per_s):
                for _ in range(5):
                    self.say()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def close(self) -> None:
        self._client.loop_stop()
        self._client.disconnect()


@pytest.fixture
def sensors(field_mqtt: EmbeddedMosquitto) -> Iterator[Sensors]:
    made = Sensors(field_mqtt)
    yield made
    made.close()


def arrived(centre: Centre) -> list[int]:
    return [int(event["device_at"]) for event in centre.events if event["kind"] in ("desk", "count")]


def test_kill_9_of_the_gateway_loses_and_doubles_nothing_that_the_field_broker_took(
    told: GatewaySettings, sensors: Sensors, centre: Centre, field_mqtt: EmbeddedMosquitto
) -> None:
    with process_of_its_own(told, place()):
        until_heard(field_mqtt, "z/desk")
        sensors.say()
        until(lambda: arrived(centre))
    with sensors.at_work(per_s=300):
        for _ in range(4):
            with process_of_its_own(told, place()):
                enough = len(centre.events) + 100
                until(lambda enough=enough: len(centre.events) > enough, deadline_s=30)  # type: ignore[misc]
                threading.Event().wait(random.uniform(0.0, 0.4))
    last = start(told, place())
    try:
        until(lambda: len(sensors.confirmed()) == sensors.sent, deadline_s=30)
        until(lambda: len(set(arrived(centre))) >= sensors.sent, deadline_s=60)
        until(lambda: last.spool.position("gare-1").depth == 0, deadline_s=30)
        assert sorted(arrived(centre)) == list(range(sensors.sent)), "each once"
        assert arrived(centre) == sorted(arrived(centre)), "in order"
    finally:
        last.stop()


def test_the_field_broker_may_restart_while_the_gateway_is_away(
    told: GatewaySettings, sensors: Sensors, centre: Centre, field_mqtt: EmbeddedMosquitto
) -> None:
    start(told, place()).stop()
    for _ in range(3000):
        sensors.say()
    until(lambda: len(sensors.confirmed()) == 3000, deadline_s=30)
    sensors.close()
    field_mqtt.restart()
    process = start(told, place())
    try:
        until(lambda: len(arrived(centre)) >= 3000, deadline_s=60)
        assert arrived(centre) == list(range(3000))
    finally:
        process.stop()


def test_a_session_that_the_broker_has_lost_begins_anew(
    told: GatewaySettings, field: Field, centre: Centre, field_mqtt: EmbeddedMosquitto
) -> None:
    """The new one counts its packets from 1 again; the same words under the same number are news all the same."""
    process = start(told, place())
    try:
        for number in range(2):
            field.desk(number)
        until(lambda: len(centre.of_kind("desk")) == 2)
        session = process.runtime._deliveries.session
        field_mqtt.kill9()
        field_mqtt.restart()
        until(lambda: process.runtime._deliveries.session > session, deadline_s=30)
        until_it_hears(process)
        until(lambda: field._link.connected, deadline_s=30)
        for number in range(2):
            field.desk(number)
        until(lambda: len(centre.of_kind("desk")) == 4)
    finally:
        process.stop()


@pytest.mark.parametrize("retain", [False, True])
def test_a_card_that_was_read_while_the_gateway_was_away_opens_nothing(
    told: GatewaySettings, field: Field, centre: Centre, retain: bool
) -> None:
    start(told, place()).stop()
    field.say("gare/in/send", badge("in"), retain=retain)
    field.desk(1)
    process = start(told, place())
    try:
        until(lambda: centre.of_kind("desk"), what="the desk's message was kept")
        field.desk(2)
        until(lambda: len(centre.of_kind("desk")) == 2)
        assert centre.of_kind("access") == []
        assert field.commands == []
        field.say("gare/in/send", badge("in"))
        until(lambda: centre.of_kind("access"), what="and one that is read now is decided on")
    finally:
        process.stop()


def test_a_code_that_waits_in_the_session_of_a_sensor_opens_nothing(
    told: GatewaySettings, field: Field, centre: Centre
) -> None:
    """What was a contact is a keypad by now: the broker still has its topic in the sensors' session."""
    start(told, place(READER, DESK, {**KEYS, "kind": "contact"})).stop()
    field.say("z/keys", b'{"action": "disarm", "action_code": "270119"}')
    field.desk(1)
    for devices in ((READER, DESK, KEYS), (READER, DESK, {**KEYS, "kind": "contact"})):
        process = start(told, place(*devices))
        try:
            until(lambda: centre.of_kind("desk"))
            assert centre.of_kind("access") == []
        finally:
            process.stop()
        field.say("z/keys", b'{"action": "disarm", "action_code": "270119"}')


def test_a_thread_that_stood_still_knows_that_it_reads_old_messages(
    loop: MqttLoop, field: Field, field_mqtt: EmbeddedMosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.mqtt.loop._STOOD_STILL_S", 1.5)
    monkeypatch.setattr("gateway.mqtt.loop._OLD_FOR_S", 5.0)
    frozen = MqttLoop("frozen")
    heard: list[tuple[bytes, bool]] = []

    def hear(message: Message) -> None:
        heard.append((message.payload, frozen.reads_old))

    frozen.start()
    try:
        link = frozen.add(
            parse_mqtt_url(field_mqtt.url()), client_id="frozen", on_message=hear, subscriptions=[("t", 1)]
        )
        until(lambda: link.connected)
        until(lambda: field.say("t", b"before") or heard, every_s=0.1)  # type: ignore[func-returns-value]
        heard.clear()
        stands, said = threading.Event(), threading.Event()

        def stand_still() -> None:
            stands.set()
            said.wait(60)
            time.sleep(2)

        frozen._ask(stand_still)
        assert stands.wait(60)
        field.say("t", b"meanwhile")
        said.set()
        until(lambda: (b"meanwhile", True) in heard)
        until(lambda: field.say("t", b"after") or (b"after", False) in heard, every_s=0.1)  # type: ignore[func-returns-value]
    finally:
        frozen.stop()
