"""What holds of every estimate, whatever the devices say: by Hypothesis, on one place with every kind of source."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from math import inf, isfinite
from operator import le
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from access.schedules import Period, Schedule
from occupancy.counts import agreed, normal
from occupancy.estimate import DOUBT
from occupancy.fold import PlaceFold
from occupancy.hours import HOUR
from occupancy.space import Estimate, SpaceFold
from occupancy.staleness import SECOND
from occupancy.topology import Device, Gateway, Space, Topology
from tests.unit.topology import device

ROOT, OPEN, MEETING, LAB = 1, 2, 3, 4
MONDAY = 1_790_550_000 * SECOND  # 27 September 2026 is a Sunday; this is 23:00 UTC, local time 01:00 on Monday
OFFICE = Schedule(days=((Period(start_min=480, end_min=1200),),) * 5 + ((), ()))
DEVICES = {
    **{f"desk-{n}": device(10 + n, "desk_sensor", space=OPEN, expect_every_s=3600) for n in range(4)},
    "room": device(20, "presence_sensor", space=MEETING),
    "door": replace(device(30, "counter", space=ROOT), expect_every=HOUR // 6),
    "lab": device(31, "counter", space=LAB),
    "heads": device(32, "counter", space=LAB),
    "air": device(33, "climate", space=ROOT),
    "in": device(40, "reader", door=(None, ROOT)),
    "out": device(41, "reader", door=(None, ROOT), side="out"),
}


def house() -> Topology:
    spaces = [
        Space(id=ROOT, place=1, parent=None, capacity=24),
        Space(id=OPEN, place=1, parent=ROOT, capacity=6, seats=6),
        Space(id=MEETING, place=1, parent=ROOT, capacity=8),
        Space(id=LAB, place=1, parent=ROOT, capacity=None),
    ]
    gateway = Gateway(id=1, code="g", place=1, place_code="p", shard=0)
    devices = [(1, code, one) for code, one in DEVICES.items()]
    return Topology.build([gateway], spaces, devices, {1: "Europe/Paris"}, hours={1: OFFICE})


Timed = tuple[dict[str, Any], Device | None, int]


def event(device: str, kind: str, /, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "device": device, **more}


DESKS = [f"desk-{n}" for n in range(4)]
SAID = st.one_of(
    st.builds(event, st.sampled_from([*DESKS, "room"]), st.just("desk"), occupied=st.sampled_from([True, False, None])),
    st.builds(
        event,
        st.sampled_from(["door", "lab"]),
        st.just("count"),
        entered=st.sampled_from([0, 0, 1, 2, 5, 65_500]),
        left=st.sampled_from([0, 0, 1, 2, 5]),
    ),
    st.builds(event, st.just("heads"), st.just("count"), present=st.sampled_from([None, 0, 3, 9])),
    st.builds(
        event, st.just("air"), st.just("measure"), name=st.just("co2"), value=st.sampled_from([0.0, 410, 900, 4e3])
    ),
    st.builds(
        event,
        st.sampled_from(["in", "out"]),
        st.just("access"),
        decision=st.just("granted"),
        member=st.sampled_from([None, "m-1", "m-2", "m-3"]),
        awaits=st.just(value=False),
    ),
    st.builds(event, st.sampled_from(list(DEVICES)), st.just("device"), what=st.just("link"), value=st.integers(0, 1)),
    st.builds(
        lambda space, present: {"kind": "head_count", "device": None, "space": space, "present": present},
        st.sampled_from([ROOT, OPEN, LAB]),
        st.integers(0, 500),
    ),
)
GAPS = st.sampled_from([-9000, -240, 0, 1, 30, 600, 3600, 6 * 3600, 40 * 3600])
STORY = st.lists(st.tuples(SAID, GAPS), max_size=20)


def told(story: Iterable[tuple[dict[str, Any], int]], start: int = MONDAY + 7 * HOUR) -> list[Timed]:
    """A story as the fold takes it: what was said, by which device, when; each so many seconds after the one before.

    Nothing twice in a row: that is one event that was sent again, and the ingest stores it once.
    """
    out: list[Timed] = []
    at = start
    for said, gap in story:
        at += gap * SECOND
        one = {**said, "at": at}, DEVICES.get(said["device"]), at
        if not out or out[-1] != one:
            out.append(one)
    return out


def folded(events: Iterable[Timed]) -> PlaceFold:
    made = PlaceFold(1, house())
    for one in events:
        made.apply(*one)
    return made


def end_of(events: list[Timed]) -> int:
    return max((at for _, _, at in events), default=MONDAY)


def reread(place: PlaceFold) -> PlaceFold:
    """The same place, stored and read back."""
    stored = {
        number: SpaceFold.from_json(json.loads(one.to_json()), at=one.at, estimate=one.estimate, revision=one.revision)
        for number, one in place.spaces.items()
    }
    return PlaceFold(1, house(), stored)


def quantiles(estimate: Estimate) -> tuple[int, ...] | None:
    found = [one for one in (estimate.low, estimate.present, estimate.high) if one is not None]
    return tuple(found) or None


def width(estimate: Estimate) -> float:
    return inf if estimate.low is None or estimate.high is None else estimate.high - estimate.low


@settings(max_examples=30, deadline=None)
@given(STORY, st.sampled_from([0, 1, 90, 3600, 30 * 3600, 400 * 24 * 3600]))
def test_never_negative_nor_nan_and_low_present_high_are_in_order(story: list[Any], later: int) -> None:
    events = told(story)
    place = folded(events)
    now = end_of(events) + later * SECOND
    for counts in place.distributions(now).values():
        if counts is not None:
            assert counts.low >= 0
            assert all(isfinite(p) and p >= 0 for p in counts.chances)
            assert abs(sum(counts.chances) - 1) < 1e-6
    for one in place.estimates(now).values():
        if one.low is None or one.present is None or one.high is None:
            assert (one.low, one.present, one.high, one.quality) == (None, None, None, "unknown")
        else:
            assert 0 <= one.low <= one.present <= one.high
            assert one.quality in ("live", "degraded")


@settings(max_examples=30, deadline=None)
@given(STORY, st.sampled_from([0, 90, 3600, 30 * 3600]))
def test_nobody_is_in_a_space_who_is_not_in_what_it_lies_in(story: list[Any], later: int) -> None:
    events = told(story)
    place = folded(events)
    place.settle()
    place.look(end_of(events) + later * SECOND)
    shown = {number: one.estimate for number, one in place.spaces.items()}
    for found in (shown, place.estimates(end_of(events) + later * SECOND)):
        whole = quantiles(found[ROOT])
        for one in map(quantiles, found.values()):
            assert None in (one, whole) or all(map(le, one or (), whole or ()))


@settings(max_examples=30, deadline=None)
@given(STORY)
def test_the_same_event_twice_changes_nothing(story: list[Any]) -> None:
    events = told(story)
    once, twice = folded(events), folded(one for event in events for one in (event, event))
    once.settle()
    twice.settle()
    for number, one in once.spaces.items():
        assert twice.spaces[number].to_json() == one.to_json()
    assert twice.estimates(end_of(events)) == once.estimates(end_of(events))


@settings(max_examples=25, deadline=None)
@given(STORY, st.sets(st.integers(0, 20), max_size=4), st.sets(st.integers(0, 20), max_size=4))
def test_asked_often_or_seldom_and_stored_and_read_back_is_the_same(
    story: list[Any], asked: set[int], stored: set[int]
) -> None:
    events = told(story)
    seldom, often = folded(events), PlaceFold(1, house())
    for n, (said, source, at) in enumerate(events):
        if n in asked:
            often.estimates(at + HOUR)
            often.explain(ROOT, at)
        if n in stored:
            often.settle()
            often = reread(often)
        often.apply(said, source, at)
    for later in (0, HOUR // 7, 40 * HOUR):
        now = end_of(events) + later
        assert often.distributions(now) == seldom.distributions(now)
        assert often.estimates(now) == seldom.estimates(now)


@settings(max_examples=25, deadline=None)
@given(STORY)
def test_what_is_kept_is_what_would_be_made_anew(story: list[Any]) -> None:
    """Answers and stored texts are kept until something moves: after each event they are as if nothing were kept."""
    place = PlaceFold(1, house())
    for said, source, at in told(story):
        place.apply(said, source, at)
        place.settle()
        made = []
        for _ in ("kept", "anew"):
            texts = {number: one.to_json() for number, one in place.spaces.items()}
            made.append((texts, place.distributions(at), place.estimates(at), place.estimates(at + HOUR)))
            for one in place.spaces.values():
                one.moved()
                one.answer = None
        assert made[0] == made[1]


MOVES = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([None, OPEN, MEETING, LAB]), st.sampled_from([60, 600, 2400])),
    max_size=14,
)
"""Who goes where (None: out), and how many seconds later the next one does."""


def true_story(moves: Iterable[tuple[int, int | None, int]]) -> list[Timed]:
    """What the devices of the place say of four people, each with a desk, when all of them say the truth."""
    out: list[Timed] = []
    at = MONDAY + 8 * HOUR
    where: dict[int, int | None] = dict.fromkeys(range(4))

    def say(name: str, kind: str, **more: Any) -> None:
        nonlocal at
        at += SECOND
        out.append((event(name, kind, at=at, **more), DEVICES[name], at))

    for name in (*DESKS, "room"):
        say(name, "desk", occupied=False)
    for name in ("door", "lab"):
        say(name, "count", entered=0, left=0)
    say("heads", "count", present=0)
    for person, to, gap in moves:
        before = where[person]
        if before == to:
            continue
        where[person] = to
        at += gap * SECOND
        if before is None or to is None:
            side = "out" if to is None else "in"
            say(side, "access", decision="granted", member=f"m-{person}", awaits=False)
            say("door", "count", entered=int(before is None), left=int(to is None))
        if LAB in (before, to):
            say("lab", "count", entered=int(to == LAB), left=int(before == LAB))
            say("heads", "count", present=list(where.values()).count(LAB))
        if OPEN in (before, to):
            say(DESKS[person], "desk", occupied=to == OPEN)
        if MEETING in (before, to):
            say("room", "desk", occupied=MEETING in where.values())
    return out


def silence(name: str, at: int) -> Timed:
    return event(name, "device", at=at, what="link", value=0), DEVICES[name], at


def alive(events: list[Timed], start: int, until: int, *, but: str | None = None) -> list[Timed]:
    """What the devices say while nobody moves: each again what it said last, every ten minutes, all but one."""
    last = {said["device"]: said for said, _, _ in events if said["kind"] != "access" and said["device"] != but}
    out: list[Timed] = []
    for at in range(start + 600 * SECOND, until, 600 * SECOND):
        for name, said in last.items():
            same = said if "present" in said or "occupied" in said else {**said, "entered": 0, "left": 0}
            out.append(({**same, "at": at}, DEVICES[name], at))
    return out


@settings(max_examples=25, deadline=None)
@given(MOVES, st.sampled_from([*DESKS, "room", "door", "lab", "heads"]), st.sampled_from([0, 1, 4, 13]))
def test_silence_of_a_device_never_narrows(moves: list[Any], name: str, hours: int) -> None:
    """A space one of whose devices died is not surer than with the device alive, while nobody moves.

    It holds at once, later in open time, and after closing (13 hours later). There both narrow with time: that no
    counter that lives sees anybody is evidence that nobody is left, and who is not seen any more leaves as people do
    at that hour. But the living counter narrows at least as much, so it is never the silence that does it.

    It is said of devices that do not contradict each other. Where one of two that do falls silent, the other one is
    left, and is believed. Of the spaces above, whose other sources may fit the rest better, and hours later, when
    whoever sat at a dead sensor may have gone, it holds but for one person; but for two after closing, up to which
    number a counter that sees nobody leave and one that still counts heads are no contradiction.
    """
    events = true_story(moves)
    at = end_of(events)
    now = at + hours * HOUR
    living, dead = (
        folded([*events, *more]).estimates(now)
        for more in (alive(events, at, now), [silence(name, at), *alive(events, at, now, but=name)])
    )
    for space, one in living.items():
        own = DEVICES[name].space == space and not hours
        if "disagreeing" not in one.faults:
            assert width(dead[space]) >= width(one) - (0 if own else 2 if hours == 13 else 1), (space, one, dead[space])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 40), st.floats(0.05, 20), st.floats(0.05, 20))
def test_more_evidence_never_widens_without_a_contradiction(number: int, one: float, other: float) -> None:
    """Two sources that mean the same number are together not less sure than each alone."""
    several = [normal(float(number), variance) for variance in (one, other)]
    narrowest = min(high - low for low, high in (counts.quantiles(0.05, 0.95) for counts in several))
    low, high = agreed(several, DOUBT).quantiles(0.05, 0.95)
    assert high - low <= narrowest


@settings(max_examples=25, deadline=None)
@given(MOVES, st.sampled_from([ROOT, OPEN, MEETING, LAB]))
def test_a_head_count_of_what_is_shown_never_widens(moves: list[Any], space: int) -> None:
    events = true_story(moves)
    place, now = folded(events), end_of(events) + SECOND
    before = place.estimates(now)[space]
    assume(before.present is not None)
    counted = {"kind": "head_count", "device": None, "space": space, "present": before.present, "at": now}
    place.apply(counted, None, now)
    assert width(place.estimates(now)[space]) <= width(before)
