"""A place whose field broker is closed: boards with the logins that `maillage gateway field` printed, and strangers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from gateway.config import write_gateways
from gateway.field.arrivals import BURST
from gateway.mqtt.loop import Message, MqttLoop, parse_mqtt_url
from gateway.run import Process
from gateway.settings import GatewaySettings
from maillage.cli import app
from maillage.embedded.bundle import Bundle
from maillage.embedded.field import EmbeddedField
from simulator.air import Air
from simulator.clock import Clock, Scheduler
from simulator.devices.esp_rfid import VirtualEspRfid
from simulator.faults import Faults
from simulator.wires import Wires, read_logins
from tests.conftest import CentralBroker
from tests.integration.gateway.stage import Centre, command, settings, start
from tests.unit.gateway.place_parts import CARD, S, access_list, badge, config, signed
from tests.waiting import until

_ANY_DAY: Final = datetime(2026, 3, 3)  # noqa: DTZ001  (by the clock on the wall)


class House:
    """A gateway, its closed broker, and virtual boards that log in as real ones do."""

    def __init__(self, server: EmbeddedField, told: GatewaySettings, centre: Centre, logins: Path) -> None:
        self.server = server
        self.told = told
        self.centre = centre
        self.commands: list[tuple[str, bytes]] = []
        self.loop = MqttLoop("house")
        self.loop.start()
        self.air = Air(self._say, Scheduler(Clock(_ANY_DAY, 1)), faults=Faults(), seed=1)
        self.boards = {
            device.code: VirtualEspRfid(f"gare/{device.code}", device, self.air)
            for device in config().devices
            if device.driver == "esp_rfid"
        }
        self.wires = Wires(
            self.loop,
            parse_mqtt_url(server.url()),
            hears=[board.command_topic for board in self.boards.values()],
            on_message=self._hear,
            logins=read_logins(logins),
        )
        until(lambda: self.wires.connected)

    def _say(self, topic: str, payload: bytes, retain: bool) -> bool:
        return self.wires.publish(topic, payload, retain)

    def _hear(self, message: Message) -> None:
        self.commands.append((message.topic, message.payload))
        for board in self.boards.values():
            if board.command_topic == message.topic:
                board.command(message.payload)

    def as_the_gateway(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish with the gateway's own password: only who stole it can command at all."""
        link = self.loop.add(
            parse_mqtt_url(self.server.url("gateway")), client_id=f"thief-{time.monotonic()}", on_message=lambda _: None
        )
        until(lambda: link.connected)
        link.publish(topic, payload, retain=retain)

    def start(self) -> Process:
        process = start(self.told)
        self.centre.send("list", signed(access_list(made_at=int(time.time()) * S)))
        until(lambda: process.places["gare-1"].lists.current is not None)
        return process

    def alarms(self) -> list[tuple[str, str]]:
        return [
            (event["device"], event["commanded"]) for event in self.centre.of_kind("device") if "commanded" in event
        ]

    def at_rest(self) -> list[tuple[str, str]]:
        """The alarms, once everything before has been stored."""
        before = len(self.centre.of_kind("desk"))
        number = before
        while len(self.centre.of_kind("desk")) == before:
            number += 1
            self.wires.publish("z/desk", json.dumps({"occupancy": number % 2 == 0}).encode(), False)
            until(lambda: len(self.centre.of_kind("desk")) > before)
        return self.alarms()


@pytest.fixture
def house(bundle: Bundle, tmp_path: Path, mqtt: CentralBroker, loop: MqttLoop) -> Iterator[House]:
    server = EmbeddedField(tmp_path / "field", bundle=bundle)
    server.start()
    server.furnish([config()])
    write_gateways(tmp_path / "gateways.json", (config(),))
    given = {
        "--gateways-file": str(tmp_path / "gateways.json"),
        "--logins": str(server.directory / "logins.json"),
        "--out": str(tmp_path / "unused"),
        "--port": str(server.port),
    }
    words = [word for option in given.items() for word in option]
    printed = CliRunner().invoke(app, ["gateway", "field", "--json", *words])
    assert printed.exit_code == 0, printed.output
    (tmp_path / "printed.json").write_text(printed.stdout)
    told = settings(tmp_path, mqtt, server, field_logins=server.directory / "logins.json")
    made = House(server, told, Centre(loop, mqtt, config()), tmp_path / "printed.json")
    yield made
    made.loop.stop()
    server.stop()


def test_a_board_with_the_printed_login_opens_its_door_and_raises_nothing(house: House) -> None:
    process = house.start()
    try:
        house.boards["reader-in"].read_card(CARD.hex())
        until(lambda: [topic for topic, _ in house.commands] == ["gare/in/cmd"])
        until(lambda: house.boards["reader-in"].relay_on)
        house.centre.send("command", command("unlock", nonce="n-1"))
        until(lambda: len(house.commands) == 2)
        house.boards["reader-in"].command(house.commands[0][1])  # its report comes again, and late
        assert house.at_rest() == []
    finally:
        process.stop()
    process = house.start()  # an order just before a restart: the board's report comes after it
    try:
        house.boards["reader-in"].command(house.commands[0][1])
        assert house.at_rest() == []
    finally:
        process.stop()


@pytest.mark.parametrize("retain", [False, True])
def test_a_command_of_another_is_an_alarm_and_is_not_kept(house: House, retain: bool) -> None:
    payload = json.dumps({"cmd": "opendoor", "doorip": "in"}).encode()
    if retain:  # it lies there since before the gateway's start
        house.as_the_gateway("gare/in/cmd", payload, retain=True)
        until(lambda: house.commands)
    process = house.start()
    try:
        if not retain:
            house.as_the_gateway("gare/in/cmd", payload)
            house.as_the_gateway("gare/in/cmd", b'{"cmd": "adduser", "doorip": "in", "uid": "04A1", "user": "Eve"}')
        until(lambda: len(house.alarms()) >= 1 + (not retain))
        words: list[Any] = [event["text"] for event in house.centre.of_kind("device") if "commanded" in event]
        if retain:
            assert ("reader-in", "retained") in house.alarms()
            heard: list[Message] = []
            link = house.loop.add(
                parse_mqtt_url(house.server.url("gateway")),
                client_id="late",
                on_message=heard.append,
                subscriptions=[("gare/in/cmd", 1)],
            )
            until(lambda: link.connected)
            house.as_the_gateway("gare/in/cmd", b"a mark")
            until(lambda: any(message.payload == b"a mark" for message in heard))
            assert not any(message.retained for message in heard)
        else:
            assert house.alarms()[:2] == [("reader-in", "command")] * 2
            assert "opendoor" in words[0]
            assert "adduser" in words[1]
            assert not any("04A1" in word or "Eve" in word for word in words)
    finally:
        process.stop()


def test_a_board_that_publishes_without_end_keeps_nobody_waiting(house: House) -> None:
    process = house.start()
    try:
        for number in range(3000):
            house.wires.publish("gare/lab/send", badge("lab", uid=number.to_bytes(4, "big")), False)
        until(lambda: any("too_many_messages" in str(event.get("text")) for event in house.centre.of_kind("gateway")))
        house.boards["reader-in"].read_card(CARD.hex())
        until(lambda: "gare/in/cmd" in [topic for topic, _ in house.commands])
        assert process.runtime.messages < 2 * BURST
    finally:
        process.stop()


def test_a_board_that_opens_by_its_own_list_is_an_alarm(house: House) -> None:
    process = house.start()
    try:
        known = {"type": "access", "isKnown": "true", "access": "Always", "username": "Eve", "uid": "0badcafe"}
        house.wires.publish("gare/out/send", json.dumps(known | {"hostname": "out"}).encode(), False)
        until(lambda: house.alarms() == [("reader-out", "opened")])
    finally:
        process.stop()
