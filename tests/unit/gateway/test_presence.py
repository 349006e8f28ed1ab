"""A card that stays at its reader is one act; a door that did not open in time opens again, for no other entry."""

from __future__ import annotations

from dataclasses import replace

import pytest

from access import AccessList
from access.rules import Allowance, DoorRules, Terms
from gateway.contract.wire import EnrolledCard
from tests.unit.gateway.hall import ANNA, AT, BEN, CODE, PIN, Hall, S, access_list, token

TEN = Terms(allowance=Allowance(unit="entry", limit=10))
OPEN = ("gare/in/cmd", {"cmd": "opendoor", "doorip": "in"})


def by_entries(limit: int = 10, *, passback: str = "off", **doors: DoorRules) -> AccessList:
    """Anna's pass counts entries."""
    terms = Terms(allowance=Allowance(unit="entry", limit=limit))
    doors = {"entry": DoorRules(to_space="hall", passback=passback), **doors}  # type: ignore[arg-type]
    made = access_list(doors=doors)
    entry = made.entries[token(ANNA)]
    member = replace(entry.member, rights=(replace(entry.member.rights[0], terms=terms),))
    return replace(made, entries={**made.entries, token(ANNA): replace(entry, member=member)})


@pytest.fixture
def hall() -> Hall:
    made = Hall()
    made.place.lists.current = by_entries()
    return made


def used(hall: Hall) -> list[int]:
    """Every slot of Anna's pass that the centre is told of."""
    return [slot for event in hall.told("access", "access_taken") for slot in event.get("slots", ())]


def stay(hall: Hall, reads: int, uid: str = ANNA, reader: str = "in") -> None:
    for _ in range(reads):
        hall.badge(uid, reader, after_s=2.05)
        hall.place.tick(hall.now, hall.at)


@pytest.mark.parametrize("contact", [True, False])
@pytest.mark.parametrize("passback", ["off", "hard"])
def test_a_card_that_stays_is_one_entry(hall: Hall, passback: str, contact: bool) -> None:
    hall.place.lists.current = by_entries(passback=passback)
    if contact:
        hall.contact(is_open=False)
    stay(hall, 2)
    if contact:
        hall.contact(is_open=True, after_s=0.1)
        hall.contact(is_open=False, after_s=0.7)
    stay(hall, 30)
    (event,) = hall.told("access")
    assert event["decision"] == "granted"
    assert len(used(hall)) == 1
    assert hall.told("access_not_taken") == []


def test_three_grants_and_one_opening_are_one_entry(hall: Hall) -> None:
    hall.contact(is_open=False)
    assert [hall.badge(ANNA, after_s=3.5)["decision"] for _ in range(3)] == ["granted"] * 3
    hall.contact(is_open=True)
    hall.badge(ANNA, after_s=3.5)
    hall.wait(60)
    assert len(used(hall)) == 1
    assert len(hall.told("access_not_taken")) == 2
    hall.contact(is_open=False)
    hall.badge(ANNA, after_s=3600)
    hall.contact(is_open=True)
    assert len(used(hall)) == 2, "another opening is another entry"


def test_everybody_who_was_let_in_may_take_one_opening(hall: Hall) -> None:
    hall.contact(is_open=False)
    hall.badge(ANNA)
    hall.badge(BEN)
    hall.contact(is_open=True)
    assert len(hall.told("access_taken")) == 2
    assert set(hall.place.memory.state.movements) == {"m-anna", "m-ben"}


def test_a_lock_whose_time_is_over_opens_again_for_a_card_that_stays(hall: Hall) -> None:
    hall.contact(is_open=False)
    stay(hall, 3)
    assert hall.commands == [OPEN], "open still"
    stay(hall, 1)
    assert hall.commands == [OPEN] * 2
    stay(hall, 2)
    hall.contact(is_open=True, after_s=0.5)
    (taken,) = hall.told("access_taken")
    assert taken["access_at"] == hall.told("access")[0]["at"]
    assert hall.told("access_not_taken") == []
    stay(hall, 10)
    assert hall.commands == [OPEN] * 2, "the door was seen to open"


@pytest.mark.parametrize("contact", [True, False])
def test_a_card_that_was_forgotten_at_the_reader_keeps_no_door_open(hall: Hall, contact: bool) -> None:
    if contact:
        hall.contact(is_open=False)
    stay(hall, 100)
    assert len(hall.commands) == 4
    assert len(hall.told("access")) == 1
    assert len(hall.told("audit")) == 3


def test_the_way_out_opens_for_as_long_as_a_card_is_held_there(hall: Hall) -> None:
    stay(hall, 30, reader="out")
    assert len(hall.commands) == 10
    assert len(hall.told("access")) == 1
    assert len(hall.told("audit")) == 3


def test_a_card_that_is_taken_away_and_shown_again_opens_and_uses_nothing_more(hall: Hall) -> None:
    """Without a contact nobody knows whether the door was passed; within a minute it is one entry."""
    hall.place.lists.current = by_entries(1)
    events = [hall.badge(ANNA, after_s=after_s) for after_s in (2, 4, 8, 20)]
    assert [event["decision"] for event in events] == ["granted"] * 4
    assert hall.commands == [OPEN] * 4
    assert len(used(hall)) == 1
    assert hall.badge(ANNA, after_s=60)["reason"] == "pass_used_up"


def test_hard_anti_passback_forgives_within_the_lock_s_time_only(hall: Hall) -> None:
    hall.place.lists.current = by_entries(passback="hard")
    assert [hall.badge(ANNA, after_s=after_s).get("reason") for after_s in (2, 4, 5)] == [
        "granted",
        "granted",
        "anti_passback",
    ]


def test_who_has_left_in_between_enters_anew(hall: Hall) -> None:
    hall.badge(ANNA)
    hall.badge(ANNA, "out", after_s=5)
    hall.badge(ANNA, after_s=5)
    assert len(used(hall)) == 2


def test_other_cards_in_between_end_no_presence(hall: Hall) -> None:
    stay(hall, 2)
    hall.badge(BEN)
    stay(hall, 1)
    hall.badge(BEN)
    hall.badge("04FFFFFF")
    stay(hall, 1)
    events = hall.told("access")
    assert [event.get("member") for event in events] == ["m-anna", "m-ben", None]
    assert len(used(hall)) == 1


def test_a_code_that_is_typed_again_after_another_is_another_act(hall: Hall) -> None:
    for code in (CODE, CODE, "0000", CODE):
        hall.type(code, after_s=0.2)
    assert [event["reason"] for event in hall.told("access")] == ["granted", "unknown_card", "granted"]


def test_cards_that_come_sooner_than_a_reader_reads_were_shown_again(hall: Hall) -> None:
    acts = [hall.badge(card, after_s=0.4) for card in (ANNA, BEN, ANNA, BEN, ANNA)]
    assert [act["member"] for act in acts] == ["m-anna", "m-ben", "m-anna", "m-ben", "m-anna"]
    assert len(used(hall)) == 1


def test_a_card_that_was_shown_at_another_reader_has_left_the_first(hall: Hall) -> None:
    acts = [hall.badge(ANNA, reader, after_s=1.2) for reader in ("out", "in", "out", "in")]
    assert [event["side"] for event in acts] == ["out", "in", "out", "in"]
    assert len(used(hall)) == 2


def test_a_denied_card_that_stays_is_denied_once_and_opens_as_soon_as_it_may(hall: Hall) -> None:
    stay(hall, 30, "04FFFFFF")
    assert [event["reason"] for event in hall.told("access")] == ["unknown_card"]
    stay(hall, 30, "0102")
    assert [event["reason"] for event in hall.told("access")] == ["unknown_card", "unknown_card"]
    hall.place.lock_down(True)
    stay(hall, 5, BEN)
    assert hall.commands == []
    hall.place.release()
    stay(hall, 1, BEN)
    assert [event["reason"] for event in hall.told("access")][2:] == ["lockdown", "granted"]
    assert hall.commands == [OPEN]


def test_nothing_opens_again_in_a_lockdown(hall: Hall) -> None:
    stay(hall, 1)
    hall.place.lock_down(True)
    stay(hall, 20)
    assert hall.commands == [OPEN]


def test_a_pin_may_be_typed_for_as_long_as_its_card_stays(hall: Hall) -> None:
    hall.place.lists.current = by_entries(lab=DoorRules(from_space="hall", to_space="lab", pin=True))
    stay(hall, 20, reader="lab")
    assert [event["reason"] for event in hall.told("access")] == ["pin_required"]
    assert hall.type(PIN, after_s=0.5)["decision"] == "granted"
    stay(hall, 5, reader="lab")
    assert len(hall.told("access")) == 2


def test_a_card_that_lies_there_is_enrolled_once(hall: Hall) -> None:
    told: list[EnrolledCard | None] = []
    stay(hall, 2, "04AABBCC", "lab")
    hall.place.enrol("reader-lab", hall.at + 60 * S, told.append)
    stay(hall, 2, "04AABBCC", "lab")
    assert [one and one.token for one in told] == [token("04AABBCC")]
    hall.place.enrol("reader-lab", hall.at + 60 * S, told.append)
    stay(hall, 3, "04AABBCC", "lab")
    assert len(told) == 1, "the next card is meant"
    stay(hall, 1, "04AABBDD", "lab")
    assert [one and one.token for one in told] == [token("04AABBCC"), token("04AABBDD")]
    assert [event["reason"] for event in hall.told("access")] == ["unknown_card"]


@pytest.mark.parametrize("passback", ["off", "hard"])
@pytest.mark.parametrize("reads", [1, 40])
def test_a_kill_while_the_card_lies_there_changes_nothing(hall: Hall, passback: str, reads: int) -> None:
    hall.place.lists.current = by_entries(passback=passback)
    stay(hall, reads)
    hall.wait(4, tick=False)
    hall.build(by_entries(passback=passback))
    stay(hall, 5)
    assert [event["reason"] for event in hall.told("access")] == ["granted"]
    assert len(used(hall)) == 1


def test_who_went_through_before_a_kill_has_entered_once(hall: Hall) -> None:
    hall.contact(is_open=False)
    hall.badge(ANNA)
    hall.contact(is_open=True)
    assert len(used(hall)) == 1
    hall.build(by_entries())
    stay(hall, 20)
    assert [event["reason"] for event in hall.told("access")] == ["granted"] * 2
    assert len(used(hall)) == 1
    hall.badge(ANNA, after_s=70)
    assert len(used(hall)) == 2


def test_a_grant_before_a_kill_is_no_reason_to_refuse_or_to_count_again(hall: Hall) -> None:
    hall.place.lists.current = by_entries(1)
    hall.badge(ANNA)
    hall.build(by_entries(1))
    assert hall.badge(ANNA, after_s=40)["decision"] == "granted"
    assert len(used(hall)) == 1


def test_a_clock_that_jumps_locks_nobody_out(hall: Hall) -> None:
    for jump_s in (3600, -7200):
        stay(hall, 2)
        hall.at += jump_s * S
        hall.place.clock_stepped(jump_s)
    stay(hall, 10)
    assert [event["reason"] for event in hall.told("access")] == ["granted"] * 3


def test_no_card_number_and_nothing_typed_is_kept(hall: Hall) -> None:
    hall.badge("0102")
    hall.type(PIN)
    hall.badge(ANNA)
    kept = {name: text for name, text in hall.kept.items() if name.startswith("presence:")}
    assert list(kept) == ["presence:reader-in"]
    assert PIN not in str(hall.kept)
    assert ANNA.lower() not in str(kept).lower().replace(token(ANNA), "")
    assert hall.told("access")[-1]["at"] > AT
