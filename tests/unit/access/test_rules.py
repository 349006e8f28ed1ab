"""What a place demands of whoever comes: anti-passback, limits, PINs, supervision, lockdown; and what is remembered."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from access import Decision, Member, Right, State, code_token, decide, muster, pin_hash
from access.aftermath import forget, stands_open
from access.model import Reason
from access.rules import DoorRules, SpaceRules
from access.schedules import schedule_from_json
from access.state import Tries
from tests.unit.access.place_parts import ANNA, BEN, HOST, HOUR, KEY, LAB, MINUTE, NOON, WORK, Door, place


@pytest.mark.parametrize(
    ("mode", "again"), [("hard", "anti_passback"), ("timed", "anti_passback"), ("soft", "granted")]
)
def test_anti_passback_across_the_doors_of_a_place(mode: Any, again: str) -> None:
    door = place(entry=DoorRules(to_space="place", passback=mode, passback_s=600))
    assert door.read(ANNA).noted is None
    assert door.reason(ANNA, NOON + MINUTE, "lab") == "granted"
    second = door.read(ANNA, NOON + 2 * MINUTE)
    assert second.reason == again
    assert second.noted == ("anti_passback" if mode == "soft" else None)
    assert door.reason(BEN, NOON + 2 * MINUTE) == "granted"
    later = door.read(ANNA, NOON + 13 * MINUTE)
    assert later.reason == ("anti_passback" if mode == "hard" else "granted")
    door.read(ANNA, NOON + 20 * MINUTE, side="out")
    assert door.read(ANNA, NOON + 21 * MINUTE) == Decision(
        granted=True, reason="granted", rule="right", member="m-anna"
    )


def test_a_full_space_lets_in_whom_it_holds_already_and_who_comes_after_one_has_left() -> None:
    spaces = {"place": SpaceRules(limit=2), "lab": SpaceRules(parent="place", limit=1)}
    door = place(spaces=spaces)
    assert door.reason(ANNA) == "granted"
    assert door.reason(BEN, door="lab") == "granted"  # into the lab is into the place as well
    assert door.state.counts == {"place": 2, "lab": 1}
    assert door.reason(HOST) == "space_full"
    assert door.reason(ANNA, door="lab") == "space_full"
    assert door.reason(ANNA) == "granted"
    assert door.reason(BEN, side="out", door="lab") == "granted"
    assert door.state.counts == {"place": 2, "lab": 0}
    assert door.reason(BEN, side="out") == "granted"
    assert door.reason(HOST) == "granted"
    assert set(muster(door.state, NOON + 2 * HOUR)) == {"m-anna", "m-host"}
    assert forget(door.state, NOON, door.held.rules) == door.state
    assert forget(door.state, NOON + MINUTE, door.held.rules).counts == {"place": 0, "lab": 0}


def with_pin() -> Door:
    anna = Member(
        ref="m-anna", status="active", rights=(Right(doors=None, schedule=None),), pin=pin_hash(KEY, "m-anna", "2718")
    )
    return place(anna, entry=DoorRules(to_space="place", pin=True, pin_while=WORK))


def test_card_and_pin() -> None:
    door = with_pin()
    right, wrong = pin_hash(KEY, "m-anna", "2718"), pin_hash(KEY, "m-anna", "3141")
    assert door.reason(ANNA) == "pin_required"
    assert door.reason(ANNA, pin=wrong) == "wrong_pin"
    assert door.reason(ANNA, pin=right) == "granted"
    assert door.reason(ANNA, pin=pin_hash(KEY, "m-ben", "2718")) == "wrong_pin"
    assert door.reason(BEN, pin=right) == "wrong_pin"  # Ben has none: nothing is his
    assert door.reason(ANNA, NOON + 9 * HOUR) == "granted"  # no PIN asked outside of these hours
    assert door.reason(ANNA, door="lab") == "granted"


def test_wrong_pins_earn_pauses_that_grow_and_the_right_one_ends_them() -> None:
    door, at = with_pin(), NOON
    right, wrong = pin_hash(KEY, "m-anna", "2718"), pin_hash(KEY, "m-anna", "3141")
    for _ in range(5):
        assert door.reason(ANNA, at, pin=wrong) == "wrong_pin"
    assert door.reason(ANNA, at + timedelta(seconds=29), pin=right) == "too_many_tries"
    assert door.reason(ANNA, at - timedelta(seconds=29), pin=right) == "too_many_tries"  # a clock set back
    at += timedelta(seconds=30)
    assert door.reason(ANNA, at, pin=wrong) == "wrong_pin"
    assert door.reason(ANNA, at + timedelta(seconds=59), pin=right) == "too_many_tries"
    assert door.reason(BEN, at, pin=None) == "pin_required"
    assert door.reason(ANNA, at, door="lab") == "granted"
    assert door.reason(ANNA, at + timedelta(seconds=60), pin=right) == "granted"
    assert door.state.tries == {}
    door.state = replace(door.state, tries={})
    for _ in range(200):
        door.read(ANNA, at, pin=wrong)
        at += timedelta(hours=1)
    assert door.reason(ANNA, at, pin=right) == "granted"  # no pause is longer than the longest


def test_codes_at_a_keypad() -> None:
    door = place()
    token = code_token(KEY, "271828")
    entries = {**door.held.entries, token: replace(door.held.entries[ANNA], token=token)}
    door.held = replace(door.held, entries=entries)
    assert door.reason(token, by="code") == "granted"
    for guess in range(5):
        assert door.reason(code_token(KEY, f"00000{guess}"), by="code") == "unknown_card"
    assert door.reason(token, by="code") == "too_many_tries"
    assert door.reason(token, by="code", door="lab") == "granted"
    assert door.reason(ANNA) == "granted"  # cards go on
    assert door.reason(token, NOON + MINUTE, by="code") == "granted"


def test_a_code_is_one_factor_where_two_are_asked_for() -> None:
    door = with_pin()
    token = code_token(KEY, "271828")
    anna = replace(door.held.entries[ANNA], token=token)
    door.held = replace(door.held, entries={**door.held.entries, token: anna})
    assert door.reason(token, by="code") == "pin_required"
    assert door.reason(token, by="code", door="lab") == "granted"


def test_wrong_codes_count_for_an_hour_whatever_opens_in_between() -> None:
    door = place()
    token = code_token(KEY, "271828")
    door.held = replace(door.held, entries={**door.held.entries, token: replace(door.held.entries[ANNA], token=token)})
    at = NOON
    for guess in range(4):
        assert door.reason(f"{guess:064x}", at, by="code") == "unknown_card"
        assert door.reason(token, at, by="code") == "granted"
        at += 15 * MINUTE
    assert door.reason(f"{7:064x}", at, by="code") == "unknown_card"  # the first is an hour old: these are four
    assert door.reason(token, at, by="code") == "granted"
    assert door.reason(f"{8:064x}", at, by="code") == "unknown_card"
    assert door.reason(token, at + timedelta(seconds=29), by="code") == "too_many_tries"
    assert door.reason(token, at - timedelta(seconds=29), by="code") == "too_many_tries"  # a clock set back
    assert door.reason(ANNA, at) == "granted"
    assert door.reason(token, at, "lab", by="code") == "granted"
    assert door.reason(token, at + timedelta(seconds=30), by="code") == "granted"


def test_a_door_where_no_pin_is_asked_for_forgives_no_wrong_ones() -> None:
    door = with_pin()
    wrong = pin_hash(KEY, "m-anna", "3141")
    for _ in range(4):
        assert door.reason(ANNA, pin=wrong) == "wrong_pin"
    assert door.reason(ANNA, NOON + 9 * HOUR) == "granted"  # outside of the hours in which it asks
    assert door.reason(ANNA, pin=wrong) == "wrong_pin"
    assert door.reason(ANNA, pin=wrong) == "too_many_tries"


def test_many_unknown_cards_earn_a_short_pause_for_cards() -> None:
    door, at = place(), NOON
    for number in range(20):
        assert door.reason(f"{number:08x}".ljust(64, "0"), at) == "unknown_card"
    assert door.reason(ANNA, at + timedelta(seconds=9)) == "too_many_tries"
    assert door.reason(ANNA, at, side="out") == "granted"
    assert door.reason(ANNA, at, "lab") == "granted"
    assert door.reason(ANNA, at + timedelta(seconds=10)) == "granted"
    at += timedelta(seconds=10)
    for number in range(30, 330):
        door.read(f"{number:08x}".ljust(64, "0"), at)
        at += timedelta(seconds=1)
    assert door.state.tries["cards:entry"].count < 40
    assert door.reason(ANNA, at + timedelta(seconds=60)) == "granted"  # no pause is longer
    assert door.reason("9" * 64, at + timedelta(seconds=600)) == "unknown_card"
    assert door.state.tries["cards:entry"].count == 1  # those before are forgotten


def test_the_same_unknown_card_again_and_again_pauses_nobody() -> None:
    door = place()
    for number in range(500):
        assert door.reason("9" * 64, NOON + timedelta(seconds=number)) == "unknown_card"
    assert door.reason(ANNA) == "granted"


def test_tries_that_an_earlier_version_kept_still_count() -> None:
    door = place()
    door.state = State(tries={"door:entry": Tries(count=6, last_at=NOON)})
    assert door.reason("9" * 64, NOON + 2 * MINUTE, by="code") == "unknown_card"
    assert door.state.tries["door:entry"].count == 7
    assert door.reason("8" * 64, NOON + 3 * MINUTE, by="code") == "too_many_tries"
    assert door.reason("8" * 64, NOON + 2 * HOUR, by="code") == "unknown_card"
    assert door.state.tries["door:entry"].count == 1


def test_a_supervised_door_waits_for_a_host() -> None:
    door = place(entry=DoorRules(to_space="place", supervised=WORK))
    refused = door.read(ANNA)
    assert (refused.reason, refused.rule) == ("place_closed", "supervision")
    assert door.reason(HOST) == "granted"
    assert door.reason(ANNA) == "granted"
    door.read(HOST, NOON + MINUTE, side="out")
    assert door.state.hosts == 0
    assert door.reason(BEN, NOON + 2 * MINUTE) == "place_closed"
    assert door.reason(BEN, NOON + 9 * HOUR) == "granted"  # not supervised in the evening


def test_the_first_card_of_a_host_leaves_the_door_open_for_its_period() -> None:
    door = place(entry=DoorRules(to_space="place", first_card=WORK))
    door.read(ANNA)
    assert not stands_open(door.held, "entry", NOON, door.state)
    door.read(HOST, taken=False)
    assert not stands_open(door.held, "entry", NOON, door.state)
    door.read(HOST)
    assert stands_open(door.held, "entry", NOON + 29 * MINUTE, door.state)
    assert not stands_open(door.held, "entry", NOON + 30 * MINUTE, door.state)
    assert not stands_open(door.held, "entry", NOON + 3 * HOUR, door.state)  # the afternoon wants its own first card
    assert not stands_open(door.held, "entry", NOON + 7 * 24 * HOUR, door.state)
    assert not stands_open(door.held, "lab", NOON, door.state)
    assert not stands_open(None, "entry", NOON, door.state)
    assert not stands_open(door.held, "entry", NOON, replace(door.state, lockdown=True))


def test_a_first_card_opens_no_door_of_a_closed_place() -> None:
    door = place(entry=DoorRules(to_space="place", first_card=WORK))
    mornings = schedule_from_json({"tue": [["08:00", "12:15"]]})
    door.held = replace(door.held, opening_hours=mornings)
    door.read(HOST)
    assert stands_open(door.held, "entry", NOON + 14 * MINUTE, door.state)
    assert not stands_open(door.held, "entry", NOON + 15 * MINUTE, door.state)
    door.state = State()
    assert door.read(HOST, NOON + 20 * MINUTE).granted  # a host may enter outside of the hours
    assert not door.state.held_open
    door.held = replace(
        door.held,
        opening_hours=schedule_from_json({"tue": [["08:00", "24:00"]], "closed": [["2026-03-03", "2026-03-03"]]}),
    )
    assert door.read(HOST, NOON + 21 * MINUTE).granted
    assert not stands_open(door.held, "entry", NOON + 21 * MINUTE, door.state)


def test_lockdown_and_evacuation_of_a_door_and_of_the_place() -> None:
    door = place()
    for state, locked in (
        (State(lockdown=True), {"entry", "lab"}),
        (State(locked_doors=frozenset({"lab"})), {"lab"}),
        (State(evacuation=True), {"entry", "lab"}),
        (State(evacuated_doors=frozenset({"entry"})), {"entry"}),
    ):
        for code in ("entry", "lab"):
            decision = decide(door.held, HOST, code, "in", NOON, state=state)
            assert (decision.reason == "lockdown") == (code in locked)
            evacuated = state.evacuation or code in state.evacuated_doors
            assert stands_open(door.held, code, NOON, state) == evacuated
            assert decision.rule == ("evacuation" if evacuated else "lockdown" if code in locked else "right")
            assert decide(door.held, None, code, "out", NOON, state=state).granted
    assert place(lab=replace(LAB, locked=True)).reason(ANNA, door="lab") == "lockdown"


def test_hosts_enter_a_closed_place_and_by_an_old_list_where_the_policy_says_so() -> None:
    closed = replace(place().held, opening_hours=schedule_from_json({}))
    assert decide(closed, ANNA, "entry", "in", NOON).reason == "place_closed"
    assert decide(closed, HOST, "entry", "in", NOON).granted
    for policy in (False, True):
        old = replace(place(hosts_open_when_old=policy).held, max_age_s=60)
        at = NOON + HOUR
        assert decide(old, ANNA, "entry", "in", at).reason == "list_too_old"
        assert decide(old, HOST, "entry", "in", at).granted == policy


def test_spaces_drawn_in_a_circle_end() -> None:
    circle = {"place": SpaceRules(parent="lab", limit=1), "lab": SpaceRules(parent="place")}
    door = place(spaces=circle)
    assert door.reason(ANNA) == "granted"
    assert door.reason(BEN, door="lab") == "space_full"


def test_every_reason_is_asserted_somewhere() -> None:
    """The names that stand in these files, so that none is added without a test."""
    text = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert not [reason for reason in get_args(Reason) if f'== "{reason}"' not in text and f', "{reason}")' not in text]
