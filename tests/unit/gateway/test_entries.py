"""What a decision leaves behind at a door: uses, movements, what was taken; and what is told of it."""

from __future__ import annotations

import json
import logging

import pytest

from access import card_token, token_key
from access.rules import DoorRules
from gateway.contract.wire import EnrolledCard
from tests.unit.gateway.hall import ANNA, AT, BEN, CODE, HOST, KEY, PIN, Hall, S, access_list, config, hours, token

HALF_DAY = 1479886
"""The morning of 23 November 2026 (``access.passes.slot_of``)."""
TIMED = DoorRules(to_space="hall", passback="timed", passback_s=3600)
ASKS = DoorRules(from_space="hall", to_space="lab", pin=True)


@pytest.fixture
def hall() -> Hall:
    return Hall()


def test_without_a_contact_a_grant_counts_at_once_and_tells_what_it_used(hall: Hall) -> None:
    event = hall.badge(ANNA)
    assert (event["pass_ref"], event["slots"], event["rule"]) == ("p-anna", [HALF_DAY], "right")
    assert hall.badge(ANNA, after_s=10)["reason"] == "anti_passback"


def test_with_a_contact_a_grant_counts_when_the_door_was_passed(hall: Hall) -> None:
    hall.rules(entry=TIMED)
    hall.contact(is_open=False)
    event = hall.badge(ANNA)
    assert event["pass_ref"] == "p-anna"
    assert "slots" not in event
    assert hall.place.memory.state.used == {}
    assert hall.badge(ANNA, after_s=4)["decision"] == "granted", "nobody went in"
    assert [one["access_at"] for one in hall.told("access_not_taken")] == [AT + 3 * S], "another takes its place"
    hall.contact(is_open=True)
    (taken,) = hall.told("access_taken")
    assert (taken["access_at"], taken["pass_ref"], taken["slots"]) == (AT + 7 * S, "p-anna", [HALF_DAY])
    hall.contact(is_open=False)
    assert hall.badge(ANNA)["reason"] == "anti_passback"


def test_a_grant_that_nobody_used_uses_nothing(hall: Hall) -> None:
    hall.rules(entry=TIMED)
    hall.contact(is_open=False)
    hall.badge(ANNA)
    hall.wait(30)
    assert [one["access_at"] for one in hall.told("access_not_taken")] == [AT + 3 * S]
    assert hall.place.memory.state.used == {}
    assert hall.place.memory.state.movements == {}
    assert hall.badge(ANNA)["decision"] == "granted"


def test_where_passback_is_hard_a_grant_counts_whatever_the_contact_says(hall: Hall) -> None:
    """A magnet on the contact: the door is opened, and nothing tells."""
    hall.contact(is_open=False)
    assert hall.badge(ANNA)["slots"] == [HALF_DAY]
    assert hall.badge(ANNA, after_s=4)["decision"] == "granted", "the lock is open still"
    assert "slots" not in hall.told("access")[-1]
    hall.wait(30)
    assert hall.badge(ANNA)["reason"] == "anti_passback"
    hall.pass_through(ANNA, "out")
    assert hall.badge(ANNA, after_s=20)["decision"] == "granted", "who has left comes in again"


def test_where_passback_is_hard_the_opening_ends_the_time_to_show_a_card_again(hall: Hall) -> None:
    hall.contact(is_open=False)
    hall.badge(ANNA)
    hall.contact(is_open=True)
    assert hall.told("access_taken")
    assert "slots" not in hall.told("access_taken")[0], "its grant has told of them"
    hall.contact(is_open=False)
    assert hall.badge(ANNA, after_s=3.5)["reason"] == "anti_passback"
    assert not any(name.startswith("grant:") for name in hall.kept), "nor does a restart forgive it"


def test_grants_in_a_row_that_are_never_taken_are_an_alarm_and_the_contact_is_not_believed(hall: Hall) -> None:
    hall.rules(entry=DoorRules(to_space="hall"))
    hall.contact(is_open=False)
    for _ in range(5):
        assert "slots" not in hall.badge(ANNA, after_s=20)
    hall.wait(20)
    (fault,) = hall.told("device")
    assert (fault["device"], fault["what"]) == ("contact", "fault")
    granted = hall.badge(ANNA, after_s=20)
    assert (granted["slots"], granted["awaits"]) == ([HALF_DAY], False), "from now on a grant counts"
    hall.wait(20)
    assert len(hall.told("access_not_taken")) == 5
    assert len(hall.told("device")) == 1, "said once"
    hall.badge(BEN, after_s=20)
    hall.contact(is_open=True)
    hall.contact(is_open=False)
    assert "slots" not in hall.badge(BEN, after_s=20), "it has told of an opening: it is believed again"
    hall.wait(20)
    assert len(hall.told("device")) == 1


def test_an_earlier_grant_s_contact_forgives_no_wrong_pins(hall: Hall) -> None:
    lab_contact = {"code": "contact", "driver": "zigbee2mqtt", "address": "z/contact", "door": "lab"}
    devices = [one.model_dump() for one in config().devices if one.code != "contact"]
    hall.build(access_list(doors={"lab": DoorRules(to_space="lab", pin=True)}), devices=[*devices, lab_contact])
    hall.contact(is_open=False)
    hall.badge(ANNA, "lab")
    assert hall.type(PIN)["decision"] == "granted"
    assert hall.badge(ANNA, "lab", after_s=4)["reason"] == "pin_required"
    for wrong in ("0001", "0002", "0003", "0004"):
        assert hall.type(wrong, after_s=0.1)["reason"] == "wrong_pin"
    hall.contact(is_open=True, after_s=0.1)
    assert hall.told("access_taken")
    assert hall.type("0005", after_s=0.1)["tries"] == 5
    assert hall.type(PIN)["reason"] == "too_many_tries"


def test_a_right_code_forgives_no_wrong_ones_and_a_card_opens_all_the_same(hall: Hall) -> None:
    wrong = 0
    for number in range(80):
        hall.badge(BEN, "lab", after_s=0.1)
        reason = hall.type(f"{number:04d}", after_s=0.1)["reason"]
        wrong += reason == "unknown_card"
        hall.type(CODE, after_s=0.1)
    assert wrong == 5
    assert [event["tries"] for event in hall.told("access") if "tries" in event] == [5]
    assert hall.badge(ANNA, "lab")["decision"] == "granted"
    assert hall.badge(BEN, "out")["decision"] == "granted"


def test_a_thousand_unknown_cards_are_braked_and_said_to_be_too_many(hall: Hall) -> None:
    reasons = [hall.badge(f"{number:08X}", after_s=0.5)["reason"] for number in range(1000)]
    assert reasons.count("unknown_card") < 40
    assert hall.told("access")[19]["tries"] == 20
    assert hall.badge(BEN, "out")["decision"] == "granted", "the way out stays free"
    assert hall.badge(BEN, "lab")["decision"] == "granted", "so do the other doors"
    hall.wait(61)
    assert hall.badge(HOST)["decision"] == "granted", "nobody waits for longer than a minute"


def test_a_card_that_is_right_opens_when_the_pause_is_over_if_it_stays(hall: Hall) -> None:
    for number in range(20):
        hall.badge(f"{number:08X}", after_s=0.1)
    assert hall.badge(BEN)["reason"] == "too_many_tries"
    hall.commands.clear()
    for _ in range(6):
        hall.badge(BEN, after_s=2)
    assert hall.commands


def test_one_unknown_card_that_is_shown_again_and_again_brakes_nobody(hall: Hall) -> None:
    reasons = {hall.badge("0BADCAFE", after_s=4)["reason"] for _ in range(200)}
    assert reasons == {"unknown_card"}
    assert hall.badge(BEN)["decision"] == "granted"


def test_a_contact_that_falls_silent_is_not_waited_for(hall: Hall) -> None:
    hall.contact(is_open=False)
    hall.hear("zigbee2mqtt", "z/contact/availability", b"offline")
    assert hall.badge(ANNA)["slots"] == [HALF_DAY]


def test_the_way_out_is_told_and_opens_the_way_in_again(hall: Hall) -> None:
    hall.badge(ANNA)
    out = hall.badge(ANNA, "out")
    assert (out["side"], out["rule"]) == ("out", "egress")
    assert hall.badge(ANNA)["decision"] == "granted"


def test_the_lock_comes_first_and_the_memory_before_the_event(hall: Hall) -> None:
    hall.order.clear()
    hall.badge(ANNA)
    assert hall.order[0] == "unlock"
    assert hall.order[-1] == "access"
    assert set(hall.order[1:-1]) == {"keep"}


def test_a_soft_passback_and_a_host_are_told(hall: Hall) -> None:
    hall.rules(entry=DoorRules(to_space="hall", passback="soft"))
    hall.badge(HOST)
    again = hall.badge(HOST, after_s=10)
    assert (again["noted"], again["host"]) == ("anti_passback", True)


def test_card_then_pin(hall: Hall) -> None:
    hall.rules(lab=ASKS)
    asked = hall.badge(ANNA, "lab")
    assert (asked["reason"], asked["device"]) == ("pin_required", "reader-lab")
    assert hall.commands == []
    granted = hall.type(PIN)
    assert (granted["decision"], granted["device"], granted["card"]) == ("granted", "keys", token(ANNA))
    assert "by" not in granted
    assert hall.commands == [("gare/lab/cmd", {"cmd": "opendoor", "doorip": "lab"})]
    assert hall.type(PIN)["by"] == "code", "a PIN belongs to the card before it, once"


def test_wrong_pins_may_be_tried_again_until_they_are_too_many(hall: Hall) -> None:
    hall.rules(lab=ASKS)
    hall.badge(ANNA, "lab")
    reasons = [hall.type(f"{number}", after_s=1.5)["reason"] for number in (1111, 2, 3333, 4444, 5555)]
    assert reasons == ["wrong_pin"] * 5
    assert hall.type(PIN)["reason"] == "too_many_tries"
    assert hall.type(PIN)["by"] == "code", "and the card is to be shown again"
    assert hall.badge(ANNA, "lab")["reason"] == "too_many_tries"
    hall.wait(31)
    assert hall.badge(ANNA, "lab")["reason"] == "pin_required"
    assert hall.type(PIN)["decision"] == "granted"


def test_a_pin_that_comes_too_late_is_none(hall: Hall) -> None:
    hall.rules(lab=ASKS)
    hall.badge(ANNA, "lab")
    assert hall.type(PIN, after_s=20.5)["reason"] == "unknown_card"
    assert hall.commands == []


def test_the_pin_of_another_door_opens_none(hall: Hall) -> None:
    hall.rules(entry=DoorRules(to_space="hall", pin=True), lab=ASKS)
    assert hall.badge(ANNA, "in")["reason"] == "pin_required"
    assert hall.type(PIN)["reason"] == "unknown_card"


def test_a_tag_at_the_keypad_is_a_card(hall: Hall) -> None:
    hall.rules(lab=ASKS)
    assert hall.type(f"+{ANNA}")["reason"] == "pin_required"
    assert hall.type(PIN)["decision"] == "granted"


def test_a_code_is_a_credential_of_its_own(hall: Hall) -> None:
    event = hall.type(CODE)
    assert (event["decision"], event["by"], event["member"]) == ("granted", "code", "m-code")
    assert hall.type(CODE, after_s=0.5) == {}, "the hub repeats itself"
    assert hall.type("+" + CODE + "00")["reason"] == "unknown_card", "no card opens what a code opens"


@pytest.mark.parametrize("wrong", ["000000", "1", "1234567890123"])
def test_guessed_codes_are_slowed_down_and_leave_no_trace(hall: Hall, wrong: str) -> None:
    events = [hall.type(wrong) for _ in range(5)]
    assert [(event["reason"], "card" in event) for event in events] == [("unknown_card", False)] * 5
    assert hall.type(CODE)["reason"] == "too_many_tries"
    hall.wait(31)
    assert hall.type(CODE)["decision"] == "granted"


def test_the_inside_needs_no_code(hall: Hall) -> None:
    keys = {
        "code": "keys-out",
        "kind": "keypad",
        "driver": "zigbee2mqtt",
        "address": "z/out",
        "door": "entry",
        "side": "out",
    }
    reader = {"code": "reader-in", "driver": "esp_rfid", "address": "gare/in#in", "door": "entry"}
    hall.build(devices=[keys, reader])
    assert hall.type("1", topic="z/out")["decision"] == "granted"
    assert hall.commands


def test_what_is_typed_shows_nowhere(hall: Hall, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    hall.rules(lab=ASKS)
    hall.badge(ANNA, "lab")
    for typed in (PIN, "987654", "0102030405"):
        hall.type(typed)
    said = json.dumps([hall.events, hall.kept, hall.order]) + caplog.text + repr(hall.place.__dict__)
    assert not any(typed in said for typed in (PIN, "987654", "0102030405"))


def test_an_unknown_format_is_refused_by_its_length_and_a_keyed_hash(hall: Hall) -> None:
    event = hall.badge("010203040506")
    assert (event["reason"], event["bits"]) == ("unknown_card", 48)
    bits = f"{0x010203040506:048b}"
    assert event["card"] == card_token(token_key(KEY), f"?48:{bits}")
    assert hall.badge("010203040506", "out")["decision"] == "granted"
    assert "010203040506" not in json.dumps(hall.events)


def test_the_next_card_is_told_and_not_decided_on(hall: Hall) -> None:
    told: list[EnrolledCard | None] = []
    assert hall.place.enrol("reader-lab", AT + 60 * S, told.append)
    assert hall.badge(BEN, "in")["decision"] == "granted", "another reader works on"
    hall.commands.clear()
    assert hall.badge("04AABBCCDDEEFF", "lab") == {}
    assert hall.commands == []
    (card,) = told
    assert card is not None
    assert (card.token, card.last4, card.format) == (token("04AABBCCDDEEFF"), "EEFF", "MIFARE7")
    assert card.bits == f"{0x04AABBCCDDEEFF:056b}"
    (audit,) = hall.told("audit")
    assert (audit["device"], audit["text"]) == ("reader-lab", "a card was presented for enrolment")
    assert "AABB" not in json.dumps(hall.events).upper()
    assert hall.badge("04AABBCCDDEEFF", "lab") == {}, "it stays"
    assert hall.badge("04AABBCCDDEEFF", "lab", after_s=4)["reason"] == "unknown_card", "one card an order"


def test_a_card_of_unknown_format_is_told_by_its_bits(hall: Hall) -> None:
    told: list[EnrolledCard | None] = []
    hall.place.enrol("reader-in", AT + 60 * S, told.append)
    hall.badge("010203040506")
    assert told == [EnrolledCard(bits=f"{0x010203040506:048b}")]


def test_an_enrolment_ends_with_its_time_or_with_the_next(hall: Hall) -> None:
    told: list[EnrolledCard | None] = []
    hall.place.enrol("reader-in", AT + 10 * S, told.append)
    hall.wait(10)
    assert told == [None]
    assert hall.badge(BEN)["decision"] == "granted"
    hall.place.enrol("reader-in", AT + 60 * S, told.append)
    hall.place.enrol("reader-in", AT + 60 * S, told.append)
    assert told == [None, None]
    assert not hall.place.enrol("contact", AT + 60 * S, told.append)
    assert not hall.place.enrol("nobody", AT + 60 * S, told.append)


def test_enrolling_at_the_way_out_keeps_nobody_in(hall: Hall) -> None:
    told: list[EnrolledCard | None] = []
    hall.place.enrol("reader-out", AT + 60 * S, told.append)
    assert hall.badge(BEN, "out")["decision"] == "granted"
    assert len(told) == 1


def test_evacuation_opens_every_door_at_once_and_until_released(hall: Hall) -> None:
    assert hall.place.evacuate(True)
    assert {topic for topic, _ in hall.commands} == {"gare/in/cmd", "gare/lab/cmd"}
    hall.commands.clear()
    for _ in range(10):
        hall.wait(0.5)
    assert 2 * 2 <= len(hall.commands) <= 2 * 3, "again before a lock falls shut, and no more often"
    assert hall.badge(ANNA)["reason"] == "lockdown"
    assert hall.badge(ANNA, "out")["decision"] == "granted"
    hall.contact(is_open=False)
    hall.contact(is_open=True)
    hall.wait(60)
    assert [one["state"] for one in hall.told("door")] == ["closed", "open"], "neither forced nor held"
    hall.commands.clear()
    assert hall.place.release()
    hall.wait(10)
    assert hall.commands == []
    hall.wait(31)
    assert hall.told("door")[-1]["state"] == "held", "from the order's end on it is"
    assert [one["text"] for one in hall.told("audit")] == [
        *("entry stands open", "lab stands open", "entry stands open no longer", "lab stands open no longer")
    ]


def test_one_door_alone_is_evacuated_locked_and_released(hall: Hall) -> None:
    assert hall.place.evacuate(True, "lab")
    assert [topic for topic, _ in hall.commands] == ["gare/lab/cmd"]
    assert hall.place.lock_down(True, "entry")
    assert hall.badge(BEN)["reason"] == "lockdown"
    assert hall.place.release("lab")
    assert not hall.place.evacuation
    assert hall.badge(BEN, after_s=4)["reason"] == "lockdown"
    assert hall.place.release()
    assert hall.badge(BEN)["decision"] == "granted"
    assert not any((hall.place.lock_down(True, "x"), hall.place.evacuate(True, "x"), hall.place.release("x")))


def test_the_first_host_leaves_the_door_open_until_the_period_ends(hall: Hall) -> None:
    hall.rules(entry=DoorRules(to_space="hall", first_card=hours("10:00", "10:30")))
    hall.badge(BEN)
    hall.commands.clear()
    hall.wait(1)
    assert hall.commands == []
    hall.badge(HOST)
    hall.commands.clear()
    for _ in range(20):
        hall.wait(0.5)
    assert 3 <= len(hall.commands) <= 5
    assert hall.place.lock_down(True)
    hall.commands.clear()
    hall.wait(5)
    assert hall.commands == [], "a lockdown shuts it"
    hall.place.lock_down(False)
    hall.wait(1)
    assert hall.commands
    hall.wait(600)
    hall.commands.clear()
    hall.wait(1)
    assert hall.commands == [], "10:30 is over"


def test_an_order_to_open_forces_nothing(hall: Hall) -> None:
    hall.contact(is_open=False)
    assert hall.place.unlock("entry")
    hall.contact(is_open=True)
    assert [one["state"] for one in hall.told("door")] == ["closed", "open"]
    hall.contact(is_open=False)
    hall.wait(20)
    hall.contact(is_open=True)
    assert hall.told("door")[-1]["state"] == "forced"
    assert not hall.place.unlock("nowhere")


def test_who_leaves_by_the_handle_forces_nothing_each_time(hall: Hall) -> None:
    """The door has a reader on the inside; no contact tells whether the handle was used."""
    hall.contact(is_open=False)
    hall.pass_through(ANNA)
    for _ in range(87):
        hall.wait(600)
        hall.contact(is_open=True)
        hall.contact(is_open=False)
    said = [one for one in hall.told("door") if one["state"] == "forced"]
    assert [one.get("unsure") for one in said] == [True]


def test_a_door_of_an_empty_place_that_is_forced_is_said_to_be(hall: Hall) -> None:
    hall.contact(is_open=False)
    hall.pass_through(ANNA)
    hall.pass_through(ANNA, "out")
    hall.wait(60)
    hall.contact(is_open=True)
    assert [one.get("unsure") for one in hall.told("door") if one["state"] == "forced"] == [None]


def test_what_a_board_calls_tampering_is_judged_here(hall: Hall) -> None:
    """The firmware says so whenever its door opens without its own relay (src/door.esp)."""

    def board(source: str, text: str) -> None:
        message = {"type": "WARN", "src": source, "desc": text, "data": "", "hostname": "lab"}
        hall.hear("esp_rfid", "gare/lab/send", json.dumps(message).encode(), after_s=0.01)

    board("door", "Door Closed")
    board("door", "Door Open")
    board("tamper", "Door was tampered!")
    board("tamper", "Door wasn't closed within max open time!")
    assert [one["state"] for one in hall.told("door")] == ["closed", "open"], "the handle inside; nobody held it yet"
    hall.wait(31)
    board("door", "Door Closed")
    board("tamper", "Door was tampered!")
    assert [one["state"] for one in hall.told("door")][2:] == ["held", "closed", "tamper"]


def test_openings_that_no_card_explains_are_counted_till_the_night(hall: Hall) -> None:
    hall.contact(is_open=False)
    hall.contact(is_open=True)
    hall.contact(is_open=False)
    hall.badge("0A0B0C0D", "out")
    assert (hall.place.memory.unsure.openings, hall.place.memory.unsure.strangers) == (1, 1)
    hall.build()
    assert (hall.place.memory.unsure.openings, hall.place.memory.unsure.strangers) == (1, 1)
    hall.wait(24 * 3600)
    assert (hall.place.memory.unsure.openings, hall.place.memory.unsure.strangers) == (0, 0)


def test_a_list_that_counts_the_uses_itself_ends_the_gateway_s_own(hall: Hall) -> None:
    hall.badge(ANNA)
    assert hall.place.memory.state.used == {"p-anna": frozenset({HALF_DAY})}
    newer = access_list(2)
    (right,) = newer.entries[token(ANNA)].member.rights
    object.__setattr__(right, "used", (HALF_DAY,))
    hall.place.lists.current = newer
    hall.wait(1)
    assert hall.place.memory.state.used == {}


def test_a_contact_that_is_taken_off_says_so_once_a_minute(hall: Hall) -> None:
    for _ in range(5):
        hall.hear("zigbee2mqtt", "z/contact", b'{"contact": true, "tamper": true}')
    assert [one["state"] for one in hall.told("door")] == ["closed", "tamper"]
    hall.hear("zigbee2mqtt", "z/contact", b'{"contact": false, "tamper": true}')
    assert [one["state"] for one in hall.told("door")][2] == "open"
