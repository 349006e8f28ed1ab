"""Decisions at doors: one reason each, and what must hold whatever the list."""

from __future__ import annotations

import random
import statistics
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access import AccessList, Entry, Member, Period, Right, Schedule, State, decide
from access.model import CardStatus, Side
from access.schedules import schedule_from_json

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2026, 3, 3, 11, 0, tzinfo=UTC)
"""A Tuesday, noon in Paris."""
TOKEN = "a" * 64
OFFICE = schedule_from_json({"mon": [["08:00", "19:00"]], "tue": [["08:00", "19:00"]]})
MORNING = schedule_from_json({"tue": [["08:00", "10:00"]]})


def a_list(
    *rights: Right, status: CardStatus = "active", member: Member | None = None, **changes: object
) -> AccessList:
    owner = member or Member(ref="m-1abc", status="active", rights=rights)
    base = AccessList(
        place="p",
        version=7,
        made_at=NOON - timedelta(hours=1),
        time_zone="Europe/Paris",
        entries={TOKEN: Entry(token=TOKEN, member=owner, status=status)},
    )
    return replace(base, **changes)  # type: ignore[arg-type]


ANY = Right(doors=None, schedule=None)


def reason(
    access_list: AccessList | None, token: str | None = TOKEN, at: datetime = NOON, state: State | None = None
) -> str:
    decision = decide(access_list, token, "entry", "in", at, state=state or State())
    assert decision.granted == (decision.reason == "granted")
    return decision.reason


def test_granted_with_a_right() -> None:
    decision = decide(a_list(ANY), TOKEN, "entry", "in", NOON)
    assert (decision.granted, decision.reason, decision.rule, decision.member) == (True, "granted", "right", "m-1abc")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("suspended", "card_suspended"),
        ("lost", "card_lost"),
        ("expired", "card_expired"),
        ("returned", "card_returned"),
    ],
)
def test_a_card_that_is_not_active(status: CardStatus, expected: str) -> None:
    assert reason(a_list(ANY, status=status)) == expected


def test_each_denial_has_its_reason() -> None:
    week = timedelta(days=7)
    assert reason(None) == "list_too_old"
    assert reason(a_list(ANY, max_age_s=3599)) == "list_too_old"
    assert reason(a_list(ANY, max_age_s=3600)) == "granted"
    assert reason(a_list(ANY), token="b" * 64) == "unknown_card"
    assert reason(a_list(ANY), token=None) == "reader_fault"
    assert reason(a_list(member=Member(ref="m-1", status="suspended", rights=(ANY,)))) == "member_suspended"
    assert reason(a_list(ANY, lockdown=True)) == "lockdown"
    assert reason(a_list(ANY), state=State(lockdown=True)) == "lockdown"
    assert reason(a_list()) == "no_right_here"
    assert reason(a_list(Right(doors=frozenset({"lab"}), schedule=None))) == "no_right_here"
    assert reason(a_list(Right(doors=None, schedule=MORNING))) == "outside_schedule"
    assert reason(a_list(ANY, opening_hours=MORNING)) == "place_closed"
    assert reason(a_list(Right(doors=None, schedule=None, valid_from=NOON + week))) == "pass_not_started"
    assert reason(a_list(Right(doors=None, schedule=None, valid_until=NOON))) == "pass_ended"


def test_rights_add_up() -> None:
    ended = Right(doors=None, schedule=None, valid_until=NOON - timedelta(days=1))
    morning = Right(doors=None, schedule=MORNING)
    office = Right(doors=frozenset({"entry", "lab"}), schedule=OFFICE)
    assert reason(a_list(ended, morning)) == "outside_schedule"
    assert reason(a_list(ended, morning, office)) == "granted"


def test_validity_starts_with_its_instant_and_ends_before_it() -> None:
    right = Right(doors=None, schedule=None, valid_from=NOON, valid_until=NOON + timedelta(hours=1))
    tick = timedelta(microseconds=1)
    assert reason(a_list(right), at=NOON - tick) == "pass_not_started"
    assert reason(a_list(right), at=NOON) == "granted"
    assert reason(a_list(right), at=NOON + timedelta(hours=1) - tick) == "granted"
    assert reason(a_list(right), at=NOON + timedelta(hours=1)) == "pass_ended"


def test_a_clock_before_the_list_was_made_makes_no_list_old() -> None:
    assert reason(a_list(ANY, max_age_s=60), at=datetime(1970, 1, 1, tzinfo=UTC)) == "granted"


@given(
    access_list=st.sampled_from([None, a_list(), a_list(ANY, lockdown=True), a_list(ANY, status="lost", max_age_s=1)]),
    token=st.sampled_from([None, TOKEN, "b" * 64]),
    at=st.datetimes(timezones=st.just(UTC)),
)
def test_egress_is_always_granted(access_list: AccessList | None, token: str | None, at: datetime) -> None:
    assert decide(access_list, token, "anything", "out", at, state=State(lockdown=True)).granted


RIGHTS = st.builds(
    Right,
    doors=st.sampled_from([None, frozenset({"entry"}), frozenset({"lab"})]),
    schedule=st.sampled_from([None, OFFICE, MORNING]),
    valid_from=st.sampled_from([None, NOON - timedelta(days=1), NOON + timedelta(days=1)]),
    valid_until=st.sampled_from([None, NOON + timedelta(days=2), NOON - timedelta(hours=1)]),
)


@given(rights=st.lists(RIGHTS, max_size=5), data=st.data(), side=st.sampled_from(get_args(Side)))
def test_the_order_of_rights_does_not_matter_and_taking_one_away_never_grants(
    rights: list[Right], data: st.DataObject, side: Side
) -> None:
    before = decide(a_list(*rights), TOKEN, "entry", side, NOON)
    assert decide(a_list(*data.draw(st.permutations(rights))), TOKEN, "entry", side, NOON) == before
    for index in range(len(rights)):
        fewer = decide(a_list(*rights[:index], *rights[index + 1 :]), TOKEN, "entry", side, NOON)
        assert before.granted or not fewer.granted


@given(minutes=st.integers(0, 2 * 365 * 24 * 60))
def test_the_clock_on_the_wall_decides_through_both_changes_of_the_year(minutes: int) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    local = at.astimezone(PARIS)
    night = Schedule(days=((Period(start_min=60, end_min=180),),) * 7)
    expected = local.hour in (1, 2)
    assert night.covers(at, PARIS) is expected


def test_the_hour_that_comes_twice_is_open_twice_and_the_missing_one_never() -> None:
    two_to_three = Schedule(days=((Period(start_min=120, end_min=180),),) * 7)
    autumn = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1)]
    assert [two_to_three.covers(at, PARIS) for at in autumn] == [True, True]
    spring = [datetime(2026, 3, 29, 0, minute, tzinfo=UTC) for minute in range(60)]
    spring += [datetime(2026, 3, 29, 1, minute, tzinfo=UTC) for minute in range(60)]
    assert not any(two_to_three.covers(at, PARIS) for at in spring)


def test_a_hundred_thousand_entries_cost_a_decision_nothing() -> None:
    tokens = [f"{number:064x}" for number in range(100_000)]
    members = [
        Member(ref=f"m-{number:04}", status="active", rights=(Right(doors=None, schedule=OFFICE),))
        for number in range(10_000)
    ]
    entries = {
        token: Entry(token=token, member=members[number % 10_000], status="active")
        for number, token in enumerate(tokens)
    }
    big = replace(a_list(), entries=entries, opening_hours=OFFICE)
    small = replace(big, entries=dict(list(entries.items())[:100]))
    spent: dict[int, list[float]] = {len(big.entries): [], len(small.entries): []}
    dice = random.Random(1)
    for _ in range(1000):
        for one in (big, small):  # in turns, so that whatever else runs here slows both down
            token = tokens[dice.randrange(len(one.entries))]
            begin = time.perf_counter()
            decision = decide(one, token, "entry", "in", NOON)
            spent[len(one.entries)].append(time.perf_counter() - begin)
            assert decision.granted
    assert statistics.median(spent[100_000]) < 10 * statistics.median(spent[100])
