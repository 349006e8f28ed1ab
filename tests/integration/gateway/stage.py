"""The two ends of a gateway: a centre that keeps the contract in memory, and devices on the field broker."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from gateway.config import GatewayConfig, write_gateways
from gateway.contract.wire import BATCH, OrderBody
from gateway.mqtt.loop import Message, MqttLoop, parse_mqtt_url
from gateway.run import Process, identified
from gateway.settings import GatewaySettings
from maillage.embedded import EmbeddedMosquitto
from rights.packing import order_message
from tests.conftest import CentralBroker
from tests.unit.gateway.place_parts import SEED, config
from tests.waiting import until


class Centre:
    """What ingest and rights do for one gateway, without a database: takes what continues, answers with the mark."""

    def __init__(self, loop: MqttLoop, broker: CentralBroker, one: GatewayConfig) -> None:
        broker.url(one.gateway)  # enrols it
        self.address = one.address
        self.stored: dict[str, list[Any]] = {}
        self.states: list[dict[str, Any]] = []
        self.replies: list[dict[str, Any]] = []
        self.ignored = 0
        self.deaf = threading.Event()
        """While set, batches are lost."""
        self.loses = 0.0
        """The part of the batches that are lost anyway."""
        self._link = loop.add(
            parse_mqtt_url(broker.url("ingest")),
            client_id="centre",
            on_message=self._hear,
            subscriptions=[(self.address.topic("events"), 1)],
        )
        self._rights = loop.add(
            parse_mqtt_url(broker.url("rights")),
            client_id="rights",
            on_message=self._hear,
            subscriptions=[(self.address.topic(leaf), 1) for leaf in ("state", "reply")],
        )
        until(lambda: self._link.connected and self._rights.connected)

    def _hear(self, message: Message) -> None:
        leaf = message.topic.rpartition("/")[2]
        if leaf == "state":
            self.states.append(json.loads(message.payload))
        elif leaf == "reply":
            self.replies.append(json.loads(message.payload))
        elif not self.deaf.is_set() and random.random() >= self.loses:
            batch = BATCH.validate_json(message.payload)
            stored = self.stored.setdefault(batch["epoch"], [])
            if batch["first"] <= len(stored) + 1:
                stored.extend(batch["events"][len(stored) + 1 - batch["first"] :])
            else:
                self.ignored += 1
            self.mark(batch["epoch"])

    def mark(self, epoch: str) -> None:
        mark = {"epoch": epoch, "seq": len(self.stored[epoch])}
        self._link.publish(self.address.topic("committed"), json.dumps(mark).encode(), retain=True)

    def send(self, leaf: str, payload: bytes, *, retain: bool = False) -> None:
        link = self._rights if leaf in ("list", "command", "config") else self._link
        link.publish(self.address.topic(leaf), payload, retain=retain)  # type: ignore[arg-type]

    @property
    def events(self) -> list[Any]:
        """Everything of every epoch, in the order of their coming."""
        return [event for stored in self.stored.values() for event in stored]

    def of_kind(self, kind: str) -> list[Any]:
        return [event for event in self.events if event["kind"] == kind]


class Field:
    """Devices at the place's broker."""

    def __init__(self, loop: MqttLoop, broker: EmbeddedMosquitto) -> None:
        self.broker = broker
        self.commands: list[tuple[str, bytes]] = []
        self._link = loop.add(
            parse_mqtt_url(broker.url()),
            client_id="devices",
            on_message=lambda message: self.commands.append((message.topic, message.payload)),
            subscriptions=[("gare/+/cmd", 1)],
        )
        until(lambda: self._link.connected)

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._link.publish(topic, payload, retain=retain)

    def desk(self, number: int) -> None:
        self.say("z/desk", json.dumps({"occupancy": number % 2 == 0, "last_seen": str(number)}).encode())


def until_heard(broker: EmbeddedMosquitto, topic: str) -> None:
    """Wait until somebody is subscribed to ``topic``.

    The broker answers a message that nobody is subscribed to with reason 0x10 (MQTT 5, 3.4.2.1). The message that we
    send has no news.
    """
    answers: list[bool] = []
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
    client.on_publish = lambda _client, _data, _mid, reason, _properties: answers.append(
        reason != "No matching subscribers"
    )
    client.connect(broker.host, broker.port)
    client.loop_start()

    def heard() -> bool:
        client.publish(topic, b"{}", qos=1).wait_for_publish(10)
        return any(answers)

    try:
        until(heard, what=f"a subscription to {topic}")
    finally:
        client.disconnect()
        client.loop_stop()


def settings(directory: Path, mqtt: CentralBroker, field: EmbeddedMosquitto, **changes: Any) -> GatewaySettings:
    return GatewaySettings(
        **{
            "mqtt_url": f"mqtt://127.0.0.1:{mqtt.server.port}",
            "field_mqtt_url": field.url(),
            "gateways_file": directory / "gateways.json",
            "spool": directory / "spool.sqlite",
            "metrics_port": 0,
            **changes,
        }
    )


@contextmanager
def process_of_its_own(told: GatewaySettings, one: GatewayConfig | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A gateway as a process, killed at the end of the block as by a power cut."""
    write_gateways(told.gateways_file, (one or config(),))
    environment = {
        **os.environ,
        "MAILLAGE_MQTT_URL": told.mqtt_url.get_secret_value(),
        "MAILLAGE_FIELD_MQTT_URL": told.field_mqtt_url.get_secret_value(),
        "MAILLAGE_GATEWAYS_FILE": str(told.gateways_file),
        **({"MAILLAGE_IDENTITY": str(told.identity)} if told.identity is not None else {}),
        "MAILLAGE_SPOOL": str(told.spool),
        "MAILLAGE_METRICS_PORT": "0",
        "MAILLAGE_LOG_LEVEL": "ERROR",
    }
    process = subprocess.Popen([sys.executable, "-m", "maillage", "gateway"], env=environment)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def start(told: GatewaySettings, one: GatewayConfig | None = None) -> Process:
    """Start a gateway in this process and wait until both of its lines stand."""
    identities = identified(told)
    process = Process(told, () if identities else (one or config(),), identities)
    until(lambda: process.runtime.connected and process.uplink.connected() == 1)
    until_it_hears(process)
    return process


def until_it_hears(process: Process) -> None:
    """Wait for the subscriptions at the place's broker: a message that comes before them is nobody's."""
    until(
        lambda: process.runtime.connected and all(link.hears for link in process.runtime._links or ()),
        what="messages of devices come",
    )


def command(
    do: str, *, nonce: str, door: str | None = "entry", lives_s: float = 10.0, seed: str = SEED, **more: str
) -> bytes:
    body = {
        "id": f"id-{nonce}",
        "gateway": "gare-1",
        "do": do,
        "door": door,
        "expires_at": int((time.time() + lives_s) * 1_000_000),
        "nonce": nonce,
        "by": "manager",
        **more,
    }
    return order_message(OrderBody.model_validate(body), seed)
