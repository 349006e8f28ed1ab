"""What a virtual device says, the gateway's driver of its maker reads as it was meant."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.contract.configuration import Device
from gateway.contract.wire import EVENT
from gateway.drivers import Decoded
from gateway.drivers.registry import drivers_for
from simulator.air import Air
from simulator.clock import Clock, Scheduler
from simulator.devices.collectd import VirtualRadio
from simulator.devices.esp_rfid import VirtualEspRfid
from simulator.devices.milesight import VirtualDesk
from simulator.devices.zigbee import VirtualPresence
from simulator.faults import Faults
from simulator.wifi import AccessPoint
from tests.unit.simulator.doorkeeper import START


class Heard:
    """Air that leads straight into the driver."""

    def __init__(self, device: Device, faults: Faults | None = None) -> None:
        self.driver = drivers_for((device,))[device.driver]
        self.said: list[Decoded] = []
        self.air = Air(self._take, Scheduler(Clock(START, 1)), faults=faults or Faults(), seed=1)

    def _take(self, topic: str, payload: bytes, retain: bool) -> bool:
        assert retain is topic.endswith("/availability")
        self.said.append(self.driver.decode(topic, payload, 0))
        return True

    def events(self, kind: str) -> list[dict[str, Any]]:
        found = [event for one in self.said for event in one.events]
        for event in found:
            EVENT.validate_python(event)
        return [dict(event) for event in found if event["kind"] == kind]


def device(driver: str, address: str, **more: Any) -> Device:
    return Device.model_validate({"code": "d", "driver": driver, "address": address, "door": "entry"} | more)


@given(
    states=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=5),
    model=st.sampled_from(["VS340", "VS341"]),
)
def test_desks(states: list[tuple[bool, bool]], model: str) -> None:
    one = device("chirpstack", "a-b/24e124535b000001", model=model)
    heard = Heard(one)
    desk = VirtualDesk("p/d", one, heard.air, random.Random(1))
    desk.join()
    for occupied, whole in states:
        desk.report(occupied=occupied, whole=whole)
    assert [event["occupied"] for event in heard.events("desk")] == [occupied for occupied, _ in states]
    assert len(heard.events("device")) == sum(whole for _, whole in states)
    assert all(one.heard == ("d",) for one in heard.said)


@given(states=st.lists(st.booleans(), min_size=1, max_size=5), model=st.sampled_from([None, "ZY-M100", "RTCGQ11LM"]))
def test_presence(states: list[bool], model: str | None) -> None:
    one = device("zigbee2mqtt", "z/room", model=model)
    heard = Heard(one)
    sensor = VirtualPresence("p/d", one, heard.air, random.Random(1))
    sensor.join()
    for occupied in states:
        sensor.report(occupied=occupied, whole=True)
        before = len(heard.events("desk"))
        sensor.heartbeat(occupied=occupied)
        assert all(event["occupied"] is occupied for event in heard.events("desk")[before:])
    told = [event["occupied"] for event in heard.events("desk")]
    # Repeats apart, it says what it was told to say.
    assert _changes(told) == _changes(states)


def _changes(states: list[bool]) -> list[bool]:
    return [state for at, state in enumerate(states) if at == 0 or states[at - 1] is not state]


@given(card=st.binary(min_size=4, max_size=10), reversed_=st.booleans(), side=st.sampled_from(["in", "out"]))
def test_readers(card: bytes, reversed_: bool, side: str) -> None:
    one = device("esp_rfid", "rfid#reader", uid_reversed=reversed_, side=side)
    heard = Heard(one)
    board = VirtualEspRfid("p/d", one, heard.air)
    board.read_card(card.hex())
    (read,) = (read for said in heard.said for read in said.reads)
    assert (read.uid, read.side, read.door) == (card, side, "entry")


def test_a_board_from_boot_to_door() -> None:
    one = device("esp_rfid", "rfid#reader@10.0.0.7")
    heard = Heard(one)
    board = VirtualEspRfid("p/d", one, heard.air)
    board.boot()
    board.heartbeat()
    assert board.command(heard.driver.unlock("d", 5)[1])
    board.door(is_open=True)
    board.door(is_open=True)
    board.door(is_open=False)
    board.release()
    board.door(is_open=True)
    assert [event["state"] for event in heard.events("door")] == ["open", "closed", "open", "tamper"]
    assert not any(said.reads for said in heard.said)
    assert all(said.heard == ("d",) for said in heard.said)


def test_clocks_and_losses() -> None:
    one = device("chirpstack", "a-b/24e124535b000001", model="VS341")
    heard = Heard(one, Faults(clocks={"p/d": -1e9}, loss_rate=0.0))
    VirtualDesk("p/d", one, heard.air, random.Random(1)).report(occupied=True, whole=False)
    behind = datetime.now(UTC) - datetime.fromisoformat(heard.events("desk")[0]["device_at"])
    assert timedelta(seconds=1e9) <= behind < timedelta(seconds=1e9 + 600)
    silent = Heard(one, Faults(loss_rate=1))
    VirtualDesk("p/d", one, silent.air, random.Random(1)).report(occupied=True, whole=False)
    assert silent.said == []
    assert silent.air.counters["lost"] == 1


def test_the_stations_of_two_radios_are_those_of_the_people_here_and_the_printers() -> None:
    one = device("collectd", "collectd/ap/iwinfo-wlan0", kind="access_point", space="hall")
    heard = Heard(one)
    point = AccessPoint(Scheduler(Clock(START, 1)), always_on=3, dice=random.Random(4))
    point.radios = [VirtualRadio("p/d", one, heard.air), VirtualRadio("p/d", one, heard.air)]

    def total() -> float:
        before = len(heard.said)
        point._report()
        return sum(
            event["value"] for said in heard.said[before:] for event in said.events if event["kind"] == "measure"
        )

    assert total() in (3, 4)
    for number in range(40):
        point.come(f"m-{number}")
    assert 40 < total() < 90
    for number in range(40):
        point.go(f"m-{number}")
    assert total() in (3, 4)
    assert {event["name"] for event in heard.events("measure")} == {"wifi_stations"}
