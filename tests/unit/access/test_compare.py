"""Comparing two lists, and deltas: applied, they are the full list, and what doesn't fit changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access import AccessList, Entry, ListError, Member, Right, State, decide, from_json, to_json
from access.compare import Delta, apply, compare, delta, fingerprint
from access.deltas_json import delta_from_json, delta_to_json
from access.rules import Allowance, Booking, DoorRules, PlaceRules, SpaceRules, Terms
from access.schedules import schedule_from_json

NOON = datetime(2026, 3, 3, 11, 0, tzinfo=UTC)
TOKENS = [f"{number:064x}" for number in range(8)]
OFFICE = schedule_from_json({"tue": [["08:00", "12:00"], ["12:30", "19:00"]]})
NIGHT = schedule_from_json({"tue": [["19:00", "24:00"]], "holidays": {"department": "67", "hours": []}})
TERMS = [Terms(), Terms(allowance=Allowance(unit="half_day", limit=2)), Terms(booked=True), Terms(supervises=True)]
RIGHTS = st.builds(
    Right,
    doors=st.sampled_from([None, frozenset({"entry"}), frozenset({"lab", "entry"})]),
    schedule=st.sampled_from([None, OFFICE, NIGHT]),
    valid_until=st.sampled_from([None, NOON + timedelta(days=2), NOON - timedelta(hours=1)]),
    pass_ref=st.sampled_from([None, "p-1"]),
    terms=st.sampled_from(TERMS),
    used=st.sampled_from([(), (1, 2)]),
)
BOOKING = Booking(doors=frozenset({"lab"}), start=NOON, end=NOON + timedelta(hours=2))
RULES = PlaceRules(
    doors={"entry": DoorRules(to_space="place", passback="soft"), "lab": DoorRules(from_space="place", to_space="lab")},
    spaces={"place": SpaceRules(limit=9), "lab": SpaceRules(parent="place")},
)


@st.composite
def lists(draw: st.DrawFn, version: int = 1) -> AccessList:
    members = [
        Member(
            ref=f"m-{number}",
            status=draw(st.sampled_from(["active", "suspended"])),
            rights=tuple(draw(st.lists(RIGHTS, max_size=2))),
            pin=draw(st.sampled_from([None, "a" * 32])),
            bookings=draw(st.sampled_from([(), (BOOKING,)])),
        )
        for number in range(3)
    ]
    entries = {
        token: Entry(
            token=token,
            member=draw(st.sampled_from(members)),
            status=draw(st.sampled_from(["active", "active", "lost", "suspended"])),
        )
        for token in draw(st.sets(st.sampled_from(TOKENS)))
    }
    return AccessList(
        place="gare",
        version=version,
        made_at=NOON + timedelta(hours=version),
        time_zone="Europe/Paris",
        max_age_s=draw(st.sampled_from([None, 86400])),
        opening_hours=draw(st.sampled_from([None, OFFICE, schedule_from_json({})])),
        lockdown=draw(st.booleans()),
        rules=draw(st.sampled_from([PlaceRules(), RULES])),
        entries=entries,
    )


@given(lists(), lists(version=2), lists(version=3))
def test_deltas_one_after_the_other_are_the_full_list(one: AccessList, two: AccessList, three: AccessList) -> None:
    held = one
    for old, new in ((one, two), (two, three)):
        sent = delta_to_json(delta(old, new))
        held = apply(held, delta_from_json(sent))
        assert to_json(held) == to_json(new)
        assert held == new
    assert not compare(three, held)
    assert to_json(from_json(to_json(held))) == to_json(three)


@given(lists(), lists())
def test_a_comparison_finds_what_there_is_to_find(ours: AccessList, theirs: AccessList) -> None:
    found = compare(ours, theirs)
    back = compare(theirs, ours)
    assert (found.missing, found.extraneous) == (back.extraneous, back.missing)
    assert (found.different, found.settings) == (back.different, back.settings)
    for token in TOKENS:
        mine, other = ours.entries.get(token), theirs.entries.get(token)
        assert (token in found.missing) == (other is None and mine is not None)
        assert (token in found.extraneous) == (mine is None and other is not None)
        if mine is not None and mine == other:
            assert token not in found.different
    assert not compare(ours, replace(ours, version=99, made_at=NOON))
    if fingerprint(ours) == fingerprint(theirs):
        assert not found


@given(lists(), st.data())
def test_the_order_of_entries_rights_and_bookings_does_not_matter(ours: AccessList, data: st.DataObject) -> None:
    shuffled = replace(ours, entries=dict(data.draw(st.permutations(list(ours.entries.items())))))
    assert to_json(shuffled) == to_json(ours)
    turned = replace(
        ours,
        entries={
            token: replace(entry, member=replace(entry.member, rights=entry.member.rights[::-1]))
            for token, entry in ours.entries.items()
        },
    )
    assert not compare(ours, turned)
    for token in TOKENS:
        for door in ("entry", "lab"):
            assert decide(shuffled, token, door, "in", NOON) == decide(ours, token, door, "in", NOON)
            assert decide(turned, token, door, "in", NOON).reason == decide(ours, token, door, "in", NOON).reason


@given(lists(), st.data())
def test_revoking_never_grants(ours: AccessList, data: st.DataObject) -> None:
    """A card taken out, another status, a right less, by delta: what was refused stays refused."""
    if not ours.entries:
        return
    token = data.draw(st.sampled_from(sorted(ours.entries)))
    entry = ours.entries[token]
    how = data.draw(st.sampled_from(["removed", "lost", "member", "right"]))
    entries = dict(ours.entries)
    if how == "removed":
        del entries[token]
    elif how == "lost":
        entries[token] = replace(entry, status="lost")
    else:
        rights = entry.member.rights[1:] if how == "right" else entry.member.rights
        member = replace(entry.member, rights=rights, status="suspended" if how == "member" else entry.member.status)
        entries = {t: replace(e, member=member) if e.member.ref == member.ref else e for t, e in entries.items()}
    fewer = apply(ours, delta(ours, replace(ours, version=2, entries=entries)))
    for asked in TOKENS:
        for door in ("entry", "lab"):
            before, now = decide(ours, asked, door, "in", NOON), decide(fewer, asked, door, "in", NOON, state=State())
            assert before.granted or not now.granted
    assert how == "right" or not decide(fewer, token, "entry", "in", NOON).granted


@pytest.fixture
def step() -> tuple[AccessList, AccessList, Delta]:
    member = Member(ref="m-1", status="active", rights=(Right(doors=None, schedule=OFFICE),))
    entries = {token: Entry(token=token, member=member, status="active") for token in TOKENS[:2]}
    old = AccessList(
        place="gare", version=4, made_at=NOON, time_zone="Europe/Paris", opening_hours=OFFICE, rules=RULES,
        entries=entries,
    )  # fmt: skip
    new = replace(old, version=5, entries={**entries, TOKENS[0]: replace(entries[TOKENS[0]], status="lost")})
    return old, new, delta(old, new)


def test_a_lost_card_costs_a_few_hundred_bytes(step: tuple[AccessList, AccessList, Delta]) -> None:
    _, _, change = step
    assert len(delta_to_json(change)) < 400
    assert not change.part.entries  # no right of anybody travels


def test_what_does_not_fit_is_refused(step: tuple[AccessList, AccessList, Delta]) -> None:
    old, new, change = step
    cases = [
        (new, change),
        (replace(old, version=3), change),
        (replace(old, place="port"), change),
        (old, replace(change, part=replace(change.part, version=4))),
        (old, replace(change, removed=(TOKENS[7],))),
        (old, replace(change, cards=())),
        (old, replace(change, fingerprint="0" * 64)),
        (replace(old, entries={}), change),
        (replace(old, lockdown=True), change),
    ]
    for held, wrong in cases:
        with pytest.raises(ListError):
            apply(held, wrong)
    for one, other in ((new, old), (old, old), (old, replace(new, place="port"))):
        with pytest.raises(ListError):
            delta(one, other)


def test_a_delta_cut_anywhere_is_none(step: tuple[AccessList, AccessList, Delta]) -> None:
    text = delta_to_json(step[2])
    for end in range(0, len(text), 7):
        with pytest.raises(ListError):
            delta_from_json(text[:end])
    for wrong in (
        "[]",
        "null",
        '{"base":1}',
        text.replace('"lost"', '"alive"'),
        text.replace('"base":4', '"base":"4"'),
    ):
        with pytest.raises(ListError):
            delta_from_json(wrong)
