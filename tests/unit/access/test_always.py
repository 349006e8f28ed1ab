"""What must hold for any list, any place's rules and any history of readings."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from access import AccessList, Attempt, Entry, Member, Right, State, after, decide, explain, muster
from access.aftermath import forget, stands_open
from access.checks import CHECKS
from access.rules import Allowance, Booking, DoorRules, PlaceRules, SpaceRules, Terms
from access.schedules import DAYS, Closure, schedule_from_json
from access.state_json import state_from_json, state_to_json
from tests.unit.access.forms import forms

START = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)
"""The evening before the clocks change in Paris."""
TOKENS = ["a" * 64, "b" * 64, "c" * 64, "d" * 64]
STRANGER = "e" * 64
DOORS = ["entry", "lab", "cupboard"]
ALWAYS = schedule_from_json({day: [["00:00", "24:00"]] for day in DAYS})
NIGHT = schedule_from_json({"sat": [["18:00", "24:00"]], "sun": [["00:00", "04:00"]]})
MORNING = schedule_from_json({"sun": [["02:00", "03:30"], ["08:00", "12:00"]]})
HOURS = st.sampled_from([None, None, None, NIGHT, MORNING])
TERMS = st.builds(
    Terms,
    allowance=st.none()
    | st.builds(
        Allowance,
        unit=st.sampled_from(["half_day", "day", "hour", "entry"]),
        limit=st.integers(0, 3),
        each_month=st.booleans(),
    ),
    booked=st.sampled_from([False, False, True]),
    outside_hours=st.booleans(),
    supervises=st.booleans(),
    visitor=st.sampled_from([None, None, None, None, "expected", "left", "cancelled"]),
)
RIGHTS = st.builds(
    Right,
    doors=st.sampled_from([None, frozenset({"entry"}), frozenset({"entry", "lab"})]),
    schedule=HOURS,
    valid_until=st.sampled_from([None, START + timedelta(hours=5)]),
    pass_ref=st.sampled_from(["p-1", "p-2", None]),
    terms=TERMS | st.just(Terms()),
)
BOOKING = Booking(doors=frozenset({"lab", "entry"}), start=START, end=START + timedelta(hours=6))
LATER = Booking(doors=None, start=START + timedelta(hours=8), end=START + timedelta(hours=9))
ROUTES = {"entry": (None, "place"), "lab": ("place", "lab"), "cupboard": (None, None)}


@st.composite
def door_rules(draw: st.DrawFn, door: str) -> DoorRules:
    from_space, to_space = ROUTES[door]
    return DoorRules(
        from_space=from_space,
        to_space=to_space,
        pin=draw(st.sampled_from([False, False, True])),
        pin_while=draw(HOURS),
        passback=draw(st.sampled_from(["off", "off", "soft", "hard", "timed"])),
        passback_s=3600,
        supervised=draw(st.sampled_from([None, None, None, NIGHT])),
        first_card=draw(HOURS),
        locked=draw(st.sampled_from([False] * 7 + [True])),
    )


@st.composite
def lists(draw: st.DrawFn) -> AccessList:
    members = [
        Member(
            ref=f"m-{number}",
            status=draw(st.sampled_from(["active", "active", "active", "suspended"])),
            rights=tuple(draw(st.lists(RIGHTS, min_size=1, max_size=3))),
            pin=draw(st.sampled_from([None, "1" * 32])),
            bookings=draw(st.sampled_from([(), (BOOKING,), (BOOKING, LATER)])),
        )
        for number in range(3)
    ]
    return AccessList(
        place="gare",
        version=1,
        made_at=START,
        time_zone="Europe/Paris",
        max_age_s=draw(st.sampled_from([None, None, 7200])),
        opening_hours=draw(HOURS),
        lockdown=draw(st.sampled_from([False] * 7 + [True])),
        rules=PlaceRules(
            doors={door: draw(door_rules(door)) for door in DOORS},
            spaces={
                "place": SpaceRules(limit=draw(st.sampled_from([None, 2]))),
                "lab": SpaceRules(parent="place", limit=1),
            }
            if draw(st.booleans())
            else {"place": SpaceRules(), "lab": SpaceRules(parent="place")},
            hosts_open_when_old=draw(st.booleans()),
            tries=2,
        ),
        entries={
            token: Entry(
                token=token,
                member=draw(st.sampled_from(members)),
                status=draw(st.sampled_from(["active"] * 5 + ["lost"])),
            )
            for token in TOKENS
        },
    )


READS = st.tuples(
    st.sampled_from([*TOKENS, *TOKENS, STRANGER, None]),
    st.sampled_from(DOORS),
    st.sampled_from(["in", "in", "out"]),
    st.integers(0, 200),
    st.sampled_from([None, "1" * 32, "1" * 32, "2" * 32]),
    st.sampled_from(["card", "card", "code"]),
    st.sampled_from([True, True, False]),
)


@settings(max_examples=100, deadline=None)
@given(held=lists(), reads=st.lists(READS, min_size=5, max_size=14), data=st.data())
def test_through_any_history(held: AccessList, reads: list[tuple], data: st.DataObject) -> None:  # type: ignore[type-arg]
    others = forms(held)
    revoked_token = data.draw(st.sampled_from(TOKENS))
    revoked = revoke(held, revoked_token, how := data.draw(st.sampled_from(REVOKING)))
    state, at = State(), START
    for token, door, side, minutes, pin, by, taken in reads:
        at += timedelta(minutes=minutes)
        decision = decide(held, token, door, side, at, state=state, pin=pin, by=by)
        for form, other in others.items():
            assert decide(other, token, door, side, at, state=state, pin=pin, by=by) == decision, form
        steps = explain(held, token, door, side, at, state=state, pin=pin, by=by)
        assert steps[-1].decision == decision
        assert all(step.decision is None for step in steps[:-1])
        assert [step.check for step in steps] == [name for name, _ in CHECKS[: len(steps)]]
        assert decision.granted == (decision.reason == "granted")
        assert decision.granted or side == "in"
        without = decide(revoked, token, door, side, at, state=state, pin=pin, by=by)
        assert decision.granted or not without.granted
        assert side == "out" or not without.granted or token != revoked_token or how not in WHOLLY

        before = copy.deepcopy(state)
        attempt = Attempt(card_token=token, door=door, side=side, at=at, by=by)
        following = after(decision, attempt, held, state, taken=taken)
        assert state == before  # what it was made of is left alone
        state = following
        check_counts(held, state)
        assert state_from_json(state_to_json(state)) == state
        if not decision.granted and decision.reason not in ("wrong_pin", "unknown_card"):
            assert state == before
        assert not stands_open(held, door, at, replace(state, lockdown=True))
        assert stands_open(held, door, at, replace(state, evacuation=True))
    nobody = forget(state, at + timedelta(seconds=1), held.rules)
    assert not muster(nobody, at)
    assert not any(nobody.counts.values())
    assert nobody.hosts == 0
    assert nobody.used == state.used


def check_counts(held: AccessList, state: State) -> None:
    """Count again from where everybody is."""
    expected: dict[str, int] = {}
    for one in state.movements.values():
        for space in held.rules.within(one.space):
            expected[space] = expected.get(space, 0) + 1
    assert {space: count for space, count in state.counts.items() if count} == expected
    assert state.hosts == sum(one.host for one in state.movements.values())


WHOLLY = ["card", "lost", "suspended", "expired", "member", "locked"]
"""After these the card opens nothing; after the others, no more than before."""
REVOKING = [*WHOLLY, "right", "ended", "cancelled", "booking", "closed"]


def revoke(held: AccessList, token: str, how: str) -> AccessList:
    entries = dict(held.entries)
    if how == "card":
        del entries[token]
        return replace(held, entries=entries)
    if how in ("lost", "suspended"):
        status: Any = how
        return replace(held, entries={**entries, token: replace(entries[token], status=status)})
    if how == "expired":
        return replace(held, entries={**entries, token: replace(entries[token], valid_until=START)})
    if how == "locked":
        return replace(held, lockdown=True)
    if how == "closed":
        days = held.opening_hours or ALWAYS
        return replace(held, opening_hours=replace(days, closures=(Closure(first=START.date(), last=START.date()),)))
    member = entries[token].member
    if how == "member":
        less = replace(member, status="suspended")
    elif how == "right":
        less = replace(member, rights=member.rights[1:])
    elif how == "ended":
        less = replace(member, rights=(replace(member.rights[0], valid_until=START), *member.rights[1:]))
    elif how == "cancelled":
        terms = replace(member.rights[0].terms, visitor="cancelled")
        less = replace(member, rights=(replace(member.rights[0], terms=terms), *member.rights[1:]))
    else:
        less = replace(member, bookings=())
    return replace(
        held,
        entries={
            key: replace(entry, member=less) if entry.member.ref == member.ref else entry
            for key, entry in entries.items()
        },
    )
