"""What one gateway's password can do to the rights process: neither fill it nor keep it from serving the others."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx

from gateway.contract.signing import public_key
from gateway.contract.wire import Address, Reply, State
from gateway.mqtt.loop import MqttLoop, parse_mqtt_url
from maillage.embedded.process import free_port
from maillage.stack.children import Child
from tests.cards import CARD_SECRET
from tests.conftest import CentralBroker, Database
from tests.integration.rights.hearer import Hearer
from tests.integration.rights.network import Network
from tests.integration.rights.test_process import SEED
from tests.waiting import until

MB = 1024 * 1024
ADDRESSES = 100_000
MANY = 1500
MOST_GROWTH = 48 * MB
PORT = Address(shard=2, place="port", gateway="port-1")
GARE = Address(shard=1, place="gare", gateway="gare-1")


@contextlib.contextmanager
def rights(database: Database, mqtt: CentralBroker, directory: Path) -> Iterator[Child]:
    """The rights process, as a process of its own, whose memory can be measured."""
    port = free_port()
    child = Child(
        name="rights",
        arguments=["rights"],
        environment={
            "MAILLAGE_DATABASE_URL": database.as_login("rights_1"),
            "MAILLAGE_MQTT_URL": mqtt.url("rights"),
            "MAILLAGE_LIST_SIGNING_KEY": SEED,
            "MAILLAGE_CARD_SECRET": CARD_SECRET,
            "MAILLAGE_METRICS_PORT": str(port),
        },
        log=directory / "rights.log",
        health=f"http://127.0.0.1:{port}/readyz",
    )
    child.start()
    try:
        child.wait_until_well(deadline_s=60, stopped=lambda: False)
        yield child
    finally:
        child.stop()


def memory(child: Child) -> int:
    """Bytes of a process that are in memory."""
    return int(Path(f"/proc/{child.pid}/statm").read_text().split()[1]) * 4096


class Attacker:
    """Who has one gateway's password; it goes no faster than the broker passes its messages on to the centre."""

    def __init__(self, loop: MqttLoop, mqtt: CentralBroker, user: str) -> None:
        self._asked = self._arrived = 0
        self._link = loop.add(parse_mqtt_url(mqtt.url(user)), client_id="attacker", on_message=lambda _message: None)
        watch = loop.add(
            parse_mqtt_url(mqtt.url("rights")),
            client_id="watch",
            on_message=lambda message: self._note(message.topic),
            subscriptions=[("maillage/v1/+/+/+/state", 1), ("maillage/v1/+/+/+/reply", 1)],
        )
        until(lambda: self._link.connected and watch.connected, what="the attacker is connected")

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, ahead: int = 400) -> None:
        self._asked += 1
        self._link.publish(topic, payload, qos=1, retain=retain)
        if self._asked - self._arrived > ahead:
            self.finish(ahead // 2)

    def finish(self, ahead: int = 0) -> None:
        until(lambda: self._asked - self._arrived <= ahead, deadline_s=120, what="they arrive at the centre")

    def _note(self, topic: str) -> None:
        self._arrived += "/port-1/" in topic


def settled(network: Network, gare: Hearer) -> bool:
    rows = network.run("SELECT l.version, l.fingerprint FROM access_list l WHERE l.place = at('gare')")
    return network.dirty() == 0 and rows == [(gare.version, gare.lists.fingerprint or "")]


def large_state() -> bytes:
    """Nearly all that a message holds."""
    unwell = [{"device": f"d{number}", "silent_since": number} for number in range(20_000)]
    return json.dumps({"online": True, "boot": "b", "list_version": 0, "unwell": unwell}).encode()


def test_one_password_fills_nothing_and_stops_nobody(
    network: Network, database: Database, mqtt: CentralBroker, tmp_path: Path
) -> None:
    """By a broker whose rules are still those of before, which let a gateway speak as any place's."""
    network.member("anna", "gare")
    network.rights.close()
    loop = MqttLoop("test")
    loop.start()
    gare = Hearer(loop, mqtt.url, GARE, public_key(SEED))
    try:
        with rights(database, mqtt, tmp_path) as process:
            gare.connect()
            until(lambda: settled(network, gare), what="gare holds its list")
            attacker = Attacker(loop, mqtt, "port-1")
            before = memory(process)
            small = State(online=True, boot="b", list_version=1).model_dump_json().encode()
            for number in range(ADDRESSES):
                where = Address(shard=number % 64, place=f"x{number}", gateway="port-1")
                attacker.publish(where.topic("state" if number % 4 else "reply"), small)
            large = large_state()
            for number in range(60):
                attacker.publish(
                    Address(shard=3, place=f"y{number}", gateway="port-1").topic("state"), large, retain=True
                )
                attacker.publish(PORT.topic("state"), large, retain=True, ahead=4)
            bomb = base64.b64encode(zlib.compress(b"[" * 30_000_000)).decode()
            for number in range(5_000):
                attacker.publish(
                    PORT.topic("reply"), Reply(id=f"o-{number}", outcome="done").model_dump_json().encode()
                )
            for _ in range(200):
                attacker.publish(
                    PORT.topic("reply"), Reply(id="o", outcome="done", entries=bomb).model_dump_json().encode()
                )
            attacker.finish()
            network.run("UPDATE card SET status = 'lost'")
            until(lambda: gare.version == 2 and settled(network, gare), what="gare is served all the while")
            grown = memory(process) - before
            assert grown < MOST_GROWTH, f"the rights process grew by {grown / MB:.0f} MB"
            lines = process.log.read_text()
            assert "messages_dropped" in lines
            assert len(lines.splitlines()) < 500
    finally:
        loop.stop()


def test_a_gateway_speaks_and_hears_at_its_own_address_only(mqtt: CentralBroker) -> None:
    mqtt.server.enrol({"port-1": "secret of port-1"}, where={"port-1": "02/port"})
    loop, heard, lists = MqttLoop("test"), list[str](), list[bytes]()
    loop.start()
    try:
        centre = loop.add(
            parse_mqtt_url(mqtt.url("rights")),
            client_id="centre",
            on_message=lambda message: heard.append(message.topic),
            subscriptions=[("maillage/v1/+/+/+/state", 1), ("maillage/v1/+/+/+/reply", 1)],
        )
        link = loop.add(
            parse_mqtt_url(mqtt.server.url("port-1")),
            client_id="port-1",
            on_message=lambda message: lists.append(message.payload),
            subscriptions=[("maillage/v1/+/+/+/list", 1), (PORT.topic("list"), 1)],
        )
        until(lambda: centre.connected and link.connected, what="both are connected")
        for one in (
            Address(shard=2, place="gare", gateway="port-1"),
            Address(shard=1, place="port", gateway="port-1"),
            Address(shard=2, place="port", gateway="port-2"),
            GARE,
        ):
            link.publish(one.topic("state"), b"x", qos=1)
            link.publish(one.topic("reply"), b"x", qos=1)
        link.publish(PORT.topic("reply"), b"x", qos=1)
        until(lambda: len(heard) > 0, what="its own word arrives")
        assert heard == [PORT.topic("reply")]
        centre.publish(Address(shard=1, place="gare", gateway="port-1").topic("list"), b"not its own", qos=1)
        centre.publish(PORT.topic("list"), b"its own", qos=1)
        until(lambda: b"its own" in lists, what="it hears its list")
        assert set(lists) == {b"its own"}

        # it moves to another place: the same connection then speaks there, and nowhere else
        mqtt.server.enrol({"port-1": "secret of port-1"}, where={"port-1": "01/gare"})
        moved = Address(shard=1, place="gare", gateway="port-1")
        link.publish(PORT.topic("reply"), b"x", qos=1)
        link.publish(moved.topic("reply"), b"x", qos=1)
        until(lambda: moved.topic("reply") in heard, what="it speaks at its new address")
        assert heard == [PORT.topic("reply"), moved.topic("reply")]
    finally:
        loop.stop()


def test_all_retained_states_arrive_though_they_are_more_than_a_broker_queues(
    network: Network, database: Database, mqtt: CentralBroker, tmp_path: Path
) -> None:
    """1,500 gateways have spoken before the rights process starts."""
    network.run(
        "INSERT INTO place (code, name, shard, latitude, longitude, department, source, source_id)"
        " SELECT 'p' || n, 'many', n %% 64, 48, 7, '67', 'test', 'p' || n FROM generate_series(1, %(many)s) n",
        many=MANY,
    )
    network.run("INSERT INTO gateway (code, place) SELECT code || '-1', id FROM place WHERE name = 'many'")
    network.rights.close()
    mqtt.url("all-1")
    acl = mqtt.server.directory / "acl"
    acl.write_text(acl.read_text() + "\nuser all-1\ntopic readwrite #\n")
    loop, back = MqttLoop("test"), set[str]()
    loop.start()
    try:
        link = loop.add(
            parse_mqtt_url(mqtt.server.url("all-1")),
            client_id="all",
            on_message=lambda message: back.add(message.topic),
            subscriptions=[("maillage/v1/+/+/+/state", 1)],
        )
        until(lambda: link.connected, what="it is connected")
        assert mqtt.server.pid is not None
        os.kill(mqtt.server.pid, signal.SIGHUP)
        said = State(online=True, boot="b", list_version=0).model_dump_json().encode()

        def heard(number: int) -> bool:
            link.publish(f"maillage/v1/{number % 64:02d}/p{number}/p{number}-1/state", said, retain=True)
            return len(back) > 0

        until(lambda: heard(1), what="the broker lets it speak")
        for number in range(1, MANY + 1):
            heard(number)
            if number % 200 == 0:
                until(lambda: len(back) >= number - 100, what="the broker has them")  # noqa: B023  (called at once)
        until(lambda: len(back) == MANY, what="the broker has all of them")
        with rights(database, mqtt, tmp_path) as process:
            assert process.health is not None
            metrics = process.health.replace("readyz", "metrics")
            until(
                lambda: f"maillage_rights_gateways_online {MANY}.0" in httpx.get(metrics).text,
                deadline_s=120,
                every_s=0.5,
                what="all gateways are known to be online",
            )
    finally:
        loop.stop()
