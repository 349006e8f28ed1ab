"""Which commands and openings of a lock are the gateway's own, and which are another's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.door.foreign import OBEYS_WITHIN_S, ForeignOpenings
from gateway.drivers import Opened
from gateway.field.commands import Commands
from gateway.mqtt.filters import Routes
from gateway.mqtt.loop import Message
from gateway.place import Place
from tests.unit.gateway.place_parts import CARD, Bench, badge, config

CMD = "gare/in/cmd"
OPEN = b'{"cmd": "opendoor", "doorip": "in"}'


def message(payload: bytes = OPEN, *, topic: str = CMD, retained: bool = False) -> Message:
    return Message(topic=topic, payload=payload, retained=retained)


@pytest.fixture
def commands() -> Commands:
    return Commands([Bench().build()], Routes())


def test_only_locks_are_watched(commands: Commands) -> None:
    assert list(commands.filters) == [CMD, "gare/out/cmd", "gare/lab/cmd"]
    assert not commands.is_command("z/desk/set")


def test_ours_comes_back_once_for_each_time_that_it_was_sent(commands: Commands) -> None:
    commands.sent(CMD, OPEN)
    commands.sent(CMD, OPEN)
    assert [commands.is_foreign(message()) for _ in range(3)] == [False, False, True]


def test_the_same_bytes_of_another_lock_or_of_an_earlier_connection_are_not_ours(commands: Commands) -> None:
    commands.sent("gare/out/cmd", OPEN)
    assert commands.is_foreign(message())
    commands.sent(CMD, OPEN)
    commands.forget()
    assert commands.is_foreign(message())


def test_a_new_configuration_is_followed_and_what_was_sent_still_comes_back(commands: Commands) -> None:
    commands.sent(CMD, OPEN)
    board = {"code": "yard", "driver": "esp_rfid", "address": "gare/yard#yard", "door": "entry"}
    kept = config().devices[0].model_dump()
    commands.follow([Bench().build(devices=[kept, board])], Routes())
    assert list(commands.filters) == [CMD, "gare/yard/cmd"]
    assert not commands.is_foreign(message())
    assert commands.is_foreign(message(topic="gare/yard/cmd"))


def test_a_kept_command_is_never_ours_and_what_clears_it_is_none(commands: Commands) -> None:
    commands.sent(CMD, OPEN)
    assert commands.is_foreign(message(retained=True))
    assert not commands.is_foreign(message(b""))
    assert not commands.is_foreign(message())


def test_a_driver_that_hears_its_own_commands_brings_no_second_copy() -> None:
    place, others = Bench().build(), Routes[tuple[Place, str]]()
    others.add("gare/in/#", (place, "another"))
    once = Commands([place], others)
    assert CMD not in once.filters
    assert once.is_command(CMD)
    others.add("gare/+/cmd", (place, "another"))
    assert not Commands([place], others).is_command(CMD)


class Reports:
    def __init__(self) -> None:
        self.events: list[Any] = []
        self.foreign = ForeignOpenings("gare-1", 0.0, self.events.append)

    def obeyed(self, now: float) -> bool:
        before = len(self.events)
        self.foreign.opened(Opened(device="in", by="command"), 7, now)
        return len(self.events) == before


def test_a_board_obeyed_ours_if_it_was_ordered_lately() -> None:
    reports = Reports()
    assert reports.obeyed(OBEYS_WITHIN_S)  # of the process before this one
    assert not reports.obeyed(OBEYS_WITHIN_S + 1)
    assert reports.events == [
        {"kind": "device", "at": 7, "device": "in", "what": "fault", "commanded": "opened",
         "text": "it opened, and the gateway sent it no command"}
    ]  # fmt: skip
    reports.foreign.ordered("in", 1000.0)
    assert reports.obeyed(1000.0)
    assert reports.obeyed(1000.0 + OBEYS_WITHIN_S)
    assert not reports.obeyed(1001.0 + OBEYS_WITHIN_S)


def test_the_relay_that_follows_a_button_or_the_list_is_no_second_alarm() -> None:
    reports = Reports()
    reports.foreign.opened(Opened(device="in", by="button"), 7, 1000.0)
    assert reports.obeyed(1000.5)
    reports.foreign.opened(Opened(device="in", by="list"), 7, 2000.0)
    assert reports.obeyed(2000.5)
    assert len(reports.events) == 1


def test_a_flood_of_commands_is_counted() -> None:
    reports, device = Reports(), Bench().build().config.devices[0]
    for _ in range(500):
        reports.foreign.commanded(device, message(), 7, 1.0)
    reports.foreign.commanded(device, message(b"?"), 7, 100.0)
    assert len(reports.events) < 120
    assert sum(1 + event.get("value", 0) for event in reports.events) == 501


def test_at_a_place_our_order_excuses_the_report() -> None:
    bench = Bench()
    place = bench.build()
    bench.now += 1000
    place.tick(bench.now, bench.at)
    bench.events.clear()
    place.unlock("entry")
    obeyed = json.dumps({"type": "access", "uid": " ", "username": "MQTT", "hostname": "in"}).encode()
    bench.hear("esp_rfid", "gare/in/send", obeyed)
    assert [event.get("what") for event in bench.events] == ["link"], "it had been silent, and speaks again"
    bench.hear("esp_rfid", "gare/in/send", obeyed, after_s=100)
    bench.hear("esp_rfid", "gare/in/send", badge("in", CARD, access="Always"), after_s=100)
    alarms: list[Any] = [event for event in bench.events if "commanded" in event]
    assert [event["commanded"] for event in alarms] == ["opened", "opened"]


def test_the_exit_button_of_a_board_explains_an_opening() -> None:
    bench = Bench()
    bench.build()
    bench.hear("zigbee2mqtt", "z/contact", b'{"contact": true}', after_s=100)
    pressed = json.dumps({"type": "access", "uid": " ", "username": "Button", "hostname": "in"}).encode()
    bench.hear("esp_rfid", "gare/in/send", pressed)
    bench.hear("zigbee2mqtt", "z/contact", b'{"contact": false}')
    bench.hear("zigbee2mqtt", "z/contact", b'{"contact": true}')
    bench.hear("zigbee2mqtt", "z/contact", b'{"contact": false}', after_s=100)
    states = [event["state"] for event in bench.events if event["kind"] == "door"]
    assert states == ["closed", "open", "closed", "open", "forced"]
    assert not any("commanded" in event for event in bench.events)
