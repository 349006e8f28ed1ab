"""Whole days of whole places, in fake time, heard through the gateway's drivers."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise

import pytest

from gateway.contract.configuration import Device
from gateway.drivers.models.gm861 import Gm861
from simulator.errors import FaultError, QuestionError
from simulator.faults import Faults, changed, given_faults
from simulator.truth import parse_instant
from tests.unit.simulator.doorkeeper import World
from tests.unit.simulator.plans import place

DAY_END_H = 23.9


def test_a_day_in_three_places() -> None:
    world = World(place(1, desks=12, rooms=2), place(2, lab=True), place(3, desks=20))
    world.live(10.5)
    assert [world.present(f"p-{n}") > 0 for n in (1, 2, 3)] == [True] * 3
    world.live(DAY_END_H)
    keeper = world.keeper
    assert [world.present(f"p-{n}") for n in (1, 2, 3)] == [0, 0, 0]
    assert keeper.unreadable == []
    assert {decoded for _, decoded in keeper.said if decoded.gone} == set()
    sides = Counter((read.side, granted) for _, read, granted in keeper.reads)
    assert sides["in", True] > 30
    assert sides["out", True] > 20
    # Whoever forgot to badge out, or came in behind another, left a difference: as in life.
    assert abs(sides["in", True] - sides["out", True]) < sides["in", True] / 3
    assert keeper.told("p-1", "desk")


def test_a_qr_reader_lives_at_its_door() -> None:
    plan = place(1)
    reader = Device.model_validate({"code": "qr", "driver": "gm861", "address": "tele/p-1-qr", "door": "entry"})
    world = World(plan.model_copy(update={"devices": (*plan.devices, reader)}))
    world.live(8)
    said = [Gm861([reader]).decode(topic, payload, 0) for topic, payload in world.keeper.messages]
    assert "qr" in {code for decoded in said for code in decoded.heard}
    assert not any(decoded.scans for decoded in said)


def test_the_truth_stays_within_reason_at_every_instant() -> None:
    world = World(place(1, desks=6, rooms=1), place(2, lab=True, desks=10))
    for hour in range(8, 24):
        world.live(hour)
        for told in world.town.truth.tell()["places"].values():
            inside = {space: people for space, people in told["spaces"].items() if space != "place"}
            assert all(people >= 0 for people in inside.values())
            assert sum(inside.values()) <= told["present"] == told["spaces"]["place"]
            assert sum(told["desks"].values()) <= told["present"]


def test_sensors_say_what_is_once_it_is_quiet() -> None:
    world = World(place(2, desks=10, rooms=1))
    world.live(DAY_END_H)
    last = {one["device"]: one["occupied"] for one in world.keeper.told("p-2", "desk")}
    assert len(last) == 11
    assert not any(last.values())
    assert any(one["occupied"] for one in world.keeper.told("p-2", "desk") if one["device"] == "room-0")


def test_the_first_messages_tell_every_sensor_s_state() -> None:
    world = World(place(1, desks=10, rooms=2))
    world.live(7.5 + 3 / 60)  # three real seconds at speed 60
    assert {one["device"] for one in world.keeper.told("p-1", "desk")} == {
        device.code for device in world.keeper.gateways[0].devices if device.driver != "esp_rfid"
    }


def test_nobody_gets_in_while_the_gateway_is_silent() -> None:
    world = World(place(1))
    world.answering_s = None
    world.live(DAY_END_H)
    assert world.keeper.reads
    assert world.town.openings == 0
    assert world.town.refused > 0
    assert _history(world) == {0}


def _history(world: World) -> set[int]:
    start, end = 1000.0, world.now_s
    instants = [round((start + (end - start) * part / 200) * 1e6) for part in range(201)]
    return {world.town.truth.tell(place="p-1", at=at)["places"]["p-1"]["present"] for at in instants}


def test_a_refused_card_stays_outside_and_a_known_one_doesn_t() -> None:
    world = World(place(1))
    world.keeper.open_to = lambda read: read.side == "out" or read.uid[-1] % 2 == 0
    world.live(DAY_END_H)
    granted = sum(1 for _, read, granted in world.keeper.reads if granted and read.side == "in")
    denied = sum(1 for _, read, granted in world.keeper.reads if not granted)
    assert granted
    assert denied
    assert world.town.refused > 0
    entered = _entered(world)
    # Only those let in, and the few who slip in behind them.
    assert granted <= entered <= granted + 3


def _entered(world: World) -> int:
    line = world.town.truth._places["p-1"].spaces["place"].value
    return sum(max(0, later - earlier) for earlier, later in pairwise(line))


def test_nobody_is_kept_in() -> None:
    world = World(place(1))
    world.live(11)
    assert world.present("p-1") > 0
    world.answering_s = None
    world.live(DAY_END_H)
    assert world.present("p-1") == 0
    # The handle opens without the relay, and the firmware says so.
    assert any(one["state"] == "tamper" for one in world.keeper.told("p-1", "door"))


def test_the_lock_obeys_only_its_own_maker_s_command() -> None:
    world = World(place(1))
    for payload in (b"", b"opendoor", b'{"cmd":"opendoor"}', b'{"cmd":"opendoor","doorip":"another"}', b"[]"):
        world.town.command("p-1/entry-in/cmd", payload)
    assert world.town.air.counters["unlocked"] == 0
    world.town.command("p-1/entry-in/cmd", b'{"cmd":"opendoor","doorip":"entry-in"}')
    assert world.town.air.counters["unlocked"] == 1
    assert world.town.openings == 0  # with nobody there the relay clicks and falls back


def test_the_same_seed_says_the_same() -> None:
    def topics(seed: int) -> list[str]:
        world = World(place(1), place(2, lab=True), seed=seed)
        world.live(13)
        return [topic for topic, _ in world.keeper.messages]

    assert topics(1) == topics(1) != topics(2)


def test_two_days_differ_and_both_end() -> None:
    world = World(place(1))
    world.live(24 + 11)
    assert world.present("p-1") > 0
    world.live(24 + DAY_END_H)
    assert world.present("p-1") == 0


def test_the_past_can_be_asked_for() -> None:
    world = World(place(1))
    world.live(11)
    then, people = round(world.now_s * 1e6), world.present("p-1")
    world.live(DAY_END_H)
    assert world.town.truth.tell(place="p-1", at=then)["places"]["p-1"]["present"] == people > 0
    assert world.town.truth.tell(place="p-1", at=0)["places"]["p-1"]["present"] is None
    with pytest.raises(QuestionError, match="no place 'x'"):
        world.town.truth.tell(place="x")
    assert parse_instant("1970-01-01T00:00:01Z") == parse_instant("1000000") == 1_000_000
    for wrong in ("yesterday", "2026-03-03T07:30:00"):
        with pytest.raises(QuestionError):
            parse_instant(wrong)


def test_duplicates_and_overtaking() -> None:
    whole, twice = World(place(1)), World(place(1), faults=Faults(duplicate_rate=1, reorder_rate=0.5))
    for world in (whole, twice):
        world.answering_s = None
        world.live(12)
    assert twice.town.air.counters["sent"] == 2 * twice.town.air.counters["said"]
    assert twice.town.air.counters["reordered"] > 0
    assert whole.town.air.counters["sent"] == whole.town.air.counters["said"]


def test_dead_and_garbled_devices() -> None:
    world = World(place(1), faults=Faults(dead=("p-1/desk-1",), garbage=("p-1/entry-in",)))
    world.live(DAY_END_H)
    desks = {one["device"] for one in world.keeper.told("p-1", "desk")}
    assert "desk-1" not in desks
    assert "desk-2" in desks
    assert set(world.keeper.unreadable) == {"invalid_json"}
    assert not any(read.side == "in" for _, read, _ in world.keeper.reads)


def test_a_wrong_clock_shows_only_in_the_device_s_own_time() -> None:
    world = World(place(1, rooms=0), faults=Faults(clocks={"p-1/desk-0": -3e9}))
    world.live(7.7)
    wrong = [one["device_at"] for one in world.keeper.told("p-1", "desk") if one["device"] == "desk-0"]
    assert wrong
    assert all(when < "1980" for when in wrong)


def test_faults_are_checked() -> None:
    faults = changed(Faults(), {"duplicate_rate": 0.1, "dead": ["a/b"]})
    assert (faults.duplicate_rate, faults.is_dead("a/b"), faults.is_dead("a/c")) == (0.1, True, False)
    assert changed(faults, {"dead": []}).duplicate_rate == 0.1
    assert given_faults(Faults(), clocks=["a/b=-5", "*=2.5"]).clocks == {"a/b": -5, "*": 2.5}
    assert given_faults(Faults(), text='{"loss_rate": 0.5}', dead=["a/b"]) == Faults(loss_rate=0.5, dead=("a/b",))
    for text in ("{", "[]", '{"x": 1}'):
        with pytest.raises(FaultError):
            given_faults(Faults(), text=text)
    for change in ({"duplicate_rate": 2}, {"unknown": 1}, {"clocks": {"a": "x"}}):
        with pytest.raises(FaultError):
            changed(faults, change)


def test_boards_speak_like_the_firmware() -> None:
    world = World(place(1))
    world.live(9.5)
    messages = [json.loads(payload) for topic, payload in world.keeper.messages if topic == "p-1/entry-in/send"]
    kinds = Counter(one["type"] for one in messages)
    assert kinds["boot"] == 1
    assert all(one["hostname"] == "entry-in" and isinstance(one["time"], int) for one in messages)
    opened = [one for one in messages if one["type"] == "access" and one["uid"] == " "]
    shown = [one for one in messages if one["type"] == "access" and one["uid"] != " "]
    assert len(opened) == world.town.air.counters["unlocked"] == len(shown)


def test_a_sensor_holds_on_from_the_last_time_it_saw_somebody() -> None:
    world = World(place(1), speed=1)
    watch = next(one for one in world.town.places[0].apparatus._watches if one.sensor.hold_s == 300)
    world.live(7.6)  # six minutes: every sensor has told its first state

    def said_after(virtual_s: float) -> bool:
        world.live(7.6 + (elapsed := elapsed_s[-1] + virtual_s) / 3600)
        elapsed_s.append(elapsed)
        return watch.said

    elapsed_s = [0.0]
    watch.change(1)
    assert [said_after(5), said_after(10)] == [False, True]
    watch.change(0)
    assert said_after(200)
    watch.change(1)  # back within the hold…
    watch.change(0)  # …and gone again: the hold begins anew
    assert [said_after(200), said_after(110)] == [True, False]


def test_a_contact_and_a_counter_at_the_entry_tell_of_each_opening_and_each_person() -> None:
    usual = place(1, rooms=0)
    contact = {"code": "contact", "driver": "zigbee2mqtt", "kind": "contact", "address": "z2m/contact", "door": "entry"}
    counter = {"code": "counter", "driver": "chirpstack", "kind": "counter", "model": "VS133", "address": "a/24e1ff"}
    devices = (*usual.devices, Device.model_validate(contact), Device.model_validate(counter))
    world = World(usual.model_copy(update={"devices": devices}))
    world.live(DAY_END_H)
    (door,) = world.town.places[0].doors
    opened = Counter(one["device"] for one in world.keeper.told("p-1", "door") if one["state"] == "open")
    assert opened["contact"] == opened["entry-in"] == door.openings > 5
    entered = sum(one["entered"] for one in world.keeper.told("p-1", "count"))
    assert entered == sum(many for (side, _), many in door.passed.items() if side == "in")
