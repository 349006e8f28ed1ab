from __future__ import annotations

import itertools
import json
from datetime import datetime
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from occupancy.fold import PlaceFold, fold
from occupancy.grants import ANSWER
from occupancy.hours import HOUR
from occupancy.lasting import STAY
from occupancy.moving import LATE
from occupancy.space import UNKNOWN, VERSION, Estimate, OlderForm, SpaceFold, UnknownForm
from occupancy.staleness import SECOND
from tests.unit.topology import DEVICES, LAB, MEETING, OPEN, ROOT, make_topology

T = 1_795_000_000 * SECOND


def desk(name: str, occupied: bool | None) -> dict[str, Any]:
    return {"kind": "desk", "device": name, "occupied": occupied}


def badge(side: str, member: str | None = "m-0001", decision: str = "granted") -> dict[str, Any]:
    event = {"kind": "access", "device": side, "decision": decision, "reason": "granted", "side": side}
    return event if member is None else {**event, "member": member}


def granted(access: int, member: str = "m-0001", side: str = "in", **more: Any) -> dict[str, Any]:
    """A grant that is named by ``access``, at a door whose contact will tell."""
    return badge(side, member) | {"awaits": True, "at": access} | more


def contact(access: int, side: str = "in", *, taken: bool) -> dict[str, Any]:
    return {"kind": "access_taken" if taken else "access_not_taken", "device": side, "access_at": access}


def count(device: str, **numbers: Any) -> dict[str, Any]:
    return {"kind": "count", "device": device, **numbers}


def link(device: str, heard: int) -> dict[str, Any]:
    return {"kind": "device", "device": device, "what": "link", "value": heard}


def place(*events: dict[str, Any] | tuple[int, dict[str, Any]], without: tuple[str, ...] = ()) -> PlaceFold:
    """Fold ``events``, a second apart from T on, or at T plus the seconds given with them."""
    timed = [(n, e) if isinstance(e, dict) else e for n, e in enumerate(events)]
    return fold(5, make_topology(without=without), [told(e, T + s * SECOND) for s, e in timed])


def told(event: dict[str, Any], at: int) -> tuple[Any, Any, int]:
    """An event as the fold takes it: itself, its device, its corrected time."""
    return {"at": at, **event}, DEVICES.get(event["device"]), at


def numbers(of: PlaceFold, space: int) -> tuple[Any, ...]:
    e = of.spaces[space].estimate
    return e.present, e.low, e.high, e.quality


def test_nothing_heard_is_unknown_not_zero() -> None:
    assert place().spaces[ROOT].estimate == UNKNOWN


def test_occupied_desks_are_counted_and_silent_ones_widen_the_interval() -> None:
    heard = place(desk("desk-0", True), desk("desk-1", True), desk("desk-2", False))
    assert numbers(heard, OPEN) == (2, 2, 2, "live")
    one = numbers(place(desk("desk-0", True), desk("desk-1", False)), OPEN)
    assert one[:2] == (2, 1) or one[:2] == (1, 1)
    assert one[2] >= 2
    cannot_tell = place(desk("desk-0", True), desk("desk-1", False), desk("desk-2", None))
    assert numbers(cannot_tell, OPEN) == one
    silent = place(desk("desk-0", True), desk("desk-1", False), desk("desk-2", False), link("desk-0", 0))
    assert numbers(silent, OPEN)[0] == 1, "who sat at the silent one is there for now, less and less surely"


def test_a_silent_sensor_that_speaks_again_is_believed_again() -> None:
    events = [
        desk("desk-0", True),
        desk("desk-1", False),
        desk("desk-2", False),
        link("desk-0", 0),
        desk("desk-0", True),
    ]
    assert numbers(place(*events), OPEN) == (1, 1, 1, "live")


def test_all_sensors_silent_is_unknown() -> None:
    events = [desk(f"desk-{n}", True) for n in range(3)] + [link(f"desk-{n}", 0) for n in range(3)]
    assert numbers(place(*events), OPEN) == (None, None, None, "unknown")


def test_a_room_with_presence_holds_one_to_all() -> None:
    assert numbers(place(desk("room", True)), MEETING) == (3, 1, 6, "degraded")
    gone = place((0, desk("room", True)), (600, desk("room", False)))
    assert numbers(gone, MEETING)[1] == 0, "somebody may sit still"
    at = T + 3600 * SECOND
    assert gone.estimates(at)[MEETING] == Estimate(present=0, low=0, high=0, quality="live")


def test_members_inside_by_badge() -> None:
    assert place(badge("in"), badge("in", "m-0002")).spaces[ROOT].estimate.present == 2
    assert place(badge("in"), badge("in", "m-0002"), badge("out")).spaces[ROOT].estimate.present == 1
    assert place(badge("in"), badge("in")).spaces[ROOT].estimate.present == 1, "one member is one person"
    assert place(badge("in", decision="denied")).spaces[ROOT].estimate == UNKNOWN


def test_who_was_let_in_is_inside_when_the_contact_says_so() -> None:
    """Case 4: of a door with a contact, whichever device it is."""
    assert place(granted(1)).spaces[ROOT].estimate == UNKNOWN
    assert place(granted(1), contact(1, taken=True)).spaces[ROOT].estimate.present == 1
    here = [badge("in", "m-0009"), granted(1)]
    assert place(*here).spaces[ROOT].estimate.present == 1
    assert place(*here, contact(1, taken=False)).spaces[ROOT].estimate.present == 1
    assert place(*here, contact(1, taken=True)).spaces[ROOT].estimate.present == 2
    both = [granted(1), contact(1, taken=True), granted(2, side="out")]
    assert place(*both, contact(2, "out", taken=False)).spaces[ROOT].estimate.present == 1, "turned round in the door"
    assert place(*both, contact(2, "out", taken=True)).spaces[ROOT].estimate.present == 0


def test_the_number_moves_once_at_the_passage_and_the_stay_begins_at_the_badge() -> None:
    made = place((0, badge("in", "m-0009")), (10, granted(1)), (14, contact(1, taken=True)))
    assert [(c.at // SECOND - T // SECOND, c.estimate.present) for c in made.changes if c.space == ROOT] == [
        (14, 2),
    ], "one estimate a minute in which something happens"
    assert made.spaces[ROOT].stays.inside["m-0001"][0] == T + 10 * SECOND


def test_of_an_older_gateway_a_grant_is_waited_for_where_the_door_tells() -> None:
    knows = {"kind": "door", "device": "contact", "state": "closed"}
    old = badge("in") | {"at": 1}
    assert place(knows, old).spaces[ROOT].estimate == UNKNOWN
    assert place(knows, old, contact(1, taken=False)).spaces[ROOT].estimate == UNKNOWN
    assert place(knows, old, contact(1, taken=True)).spaces[ROOT].estimate.present == 1
    later = (ANSWER // SECOND + 5, desk("desk-0", False))
    assert place((0, knows), (1, old), later).spaces[ROOT].stays.inside.keys() == {"m-0001"}, "nobody was to tell"
    silent = link("contact", 0)
    assert place(knows, silent, old).spaces[ROOT].estimate.present == 1


def test_who_is_heard_again_has_not_said_anything_yet() -> None:
    """Case 6: availability alone makes no old value believed, whichever driver says it."""
    outage = [desk("room", True), link("room", 0), link("room", 1)]
    assert place(*outage).spaces[MEETING].estimate == UNKNOWN
    assert numbers(place(*outage, desk("room", True)), MEETING) == (3, 1, 6, "degraded")


def at_clock(events: list[Any], until_s: int, *, without: tuple[str, ...] = ()) -> PlaceFold:
    """Fold events (at T plus seconds), then let time pass to T plus ``until_s`` without any."""
    return fold(
        5, make_topology(without=without), [told(e, T + s * SECOND) for s, e in events], until=T + until_s * SECOND
    )


READERS_ONLY = tuple(name for name in DEVICES if name not in ("in", "out"))


def test_a_forgotten_badge_out_ends_by_time_alone() -> None:
    """Case 19."""
    before = at_clock([(0, badge("in"))], 3600, without=READERS_ONLY)
    assert numbers(before, ROOT)[0] == 1
    after = at_clock([(0, badge("in"))], 60 * 3600, without=READERS_ONLY)
    assert numbers(after, ROOT) == (0, 0, 0, "live")
    chances = [chance_of_one(after, T + hour * HOUR) for hour in range(30)]
    assert chances == sorted(chances, reverse=True), "less and less likely"
    moved = at_clock([(0, badge("in")), (6 * 3600, {**badge("lab-in"), "side": "in"})], 6 * 3600)
    assert chance_of_one(moved, T + 7 * HOUR) > chance_of_one(before, T + 7 * HOUR), "seen again, whichever door inside"


def chance_of_one(of: PlaceFold, at: int) -> float:
    counts = of.distributions(at)[ROOT]
    return 0.0 if counts is None else counts.chance(1)


def test_a_sensor_is_not_believed_for_ever() -> None:
    by_rhythm = [(0, desk("room", True))]
    assert numbers(at_clock(by_rhythm, 4 * 3600), MEETING) == (3, 1, 6, "degraded")
    assert numbers(at_clock(by_rhythm, 4 * 3600 + 1), MEETING) == (None, None, None, "unknown")
    desks = [(0, desk("desk-0", True)), (3600, desk("desk-1", False)), (3600, desk("desk-2", False))]
    assert numbers(at_clock(desks, 14 * 3600 + 1), OPEN)[0] == 0
    assert numbers(at_clock([(0, count("heads", present=4))], 15 * 3600), LAB) == (None, None, None, "unknown")


def test_time_passes_between_events_too() -> None:
    day = at_clock([(0, badge("in")), (20 * 3600, badge("in", "m-0002"))], 0, without=READERS_ONLY)
    curve = [c.estimate.present for c in day.changes]
    assert (curve[0], curve[-1]) == (1, 1)
    assert 0 in curve, "the first had left before the second came"


ONE_COUNTER = ("heads", "room", "desk-0", "desk-1", "desk-2", "in", "out", "lab-in")


def counter_at(local: str, **numbers: int) -> tuple[int, dict[str, Any]]:
    at = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("Europe/Paris"))
    return round(at.timestamp()) - T // SECOND, count("counter", **numbers)


def test_two_doors_reports_in_any_order() -> None:
    """Case 2: who leaves by one door before the other has told of their coming is not cut off."""
    reports = [count("counter", entered=0, left=5), count("counter", entered=5, left=0)]
    for order in (reports, reports[::-1]):
        assert numbers(place(*order, without=ONE_COUNTER), LAB)[:2] == (0, 0)
    below = place(count("counter", entered=1, left=4), without=ONE_COUNTER)
    assert numbers(below, LAB)[:2] == (0, 0), "shown as nobody"


def test_what_counters_miss_ends_with_the_day() -> None:
    """Case 3: one of five leaves unseen each day."""
    week = [
        counter_at(f"2026-11-{day}T{hour}:00", **numbers)
        for day in range(23, 29)
        for hour, numbers in (("09", {"entered": 5, "left": 0}), ("18", {"entered": 0, "left": 4}))
    ]
    for day in range(6):
        morning = fold(5, make_topology(without=ONE_COUNTER), [told(e, T + s * SECOND) for s, e in week[: 2 * day + 1]])
        assert 5 <= (numbers(morning, LAB)[0] or 0) <= 6, (
            "those missed in the morning too, and nobody of the day before"
        )
    evening = week[:2]
    next_morning, _ = counter_at("2026-11-24T05:00")
    assert numbers(at_clock(evening, next_morning, without=ONE_COUNTER), LAB)[0] == 0
    noon, _ = counter_at("2026-11-25T18:00")
    assert numbers(at_clock(evening, noon, without=ONE_COUNTER), LAB) == (None, None, None, "unknown"), (
        "not heard since"
    )


def test_a_fold_of_a_version_before_is_rebuilt_and_never_read() -> None:
    last = Estimate(present=12, low=12, high=12, quality="live")
    for old in ({"at": T, "net": 12}, {"v": 2, "at": T, "moves": {}}, {"v": 3, "at": T, "desks": {}}, {"v": 4}):
        with pytest.raises(OlderForm):
            SpaceFold.from_json(dict(old), at=T, estimate=last, revision=3)


@pytest.mark.parametrize(
    "stored",
    [{"v": VERSION + 1, "people": 4}, {"v": VERSION}, {"v": 5}, {"v": 5, "desks": []}, {}, {"v": "5"}],
    ids=["a newer version", "nothing of it", "cut short", "another form", "empty", "no number"],
)
def test_a_fold_that_cannot_be_read_is_unknown_and_never_misread(stored: dict[str, Any]) -> None:
    with pytest.raises(UnknownForm):
        SpaceFold.from_json(dict(stored), at=T, estimate=Estimate(present=4, low=4, high=4, quality="live"), revision=7)
    topology = make_topology()
    last = Estimate(present=4, low=4, high=4, quality="live")
    one = PlaceFold(5, topology, {OPEN: SpaceFold.anew(T, last, 7)})
    one.look(T + SECOND)
    assert (one.spaces[OPEN].estimate, one.spaces[OPEN].revision) == (UNKNOWN, 7)
    assert {change.space for change in one.changes} >= {OPEN}, "what is stored is corrected at once"
    one.apply(*told(desk("desk-0", True), T + 2 * SECOND))
    one.settle()
    assert numbers(one, OPEN)[1] == 1, "by the desk that spoke"


def test_who_forgot_to_badge_out_does_not_stay_for_ever() -> None:
    later = STAY // SECOND + 60
    assert place((0, badge("in")), (later, badge("in", "m-0002"))).spaces[ROOT].estimate.present == 1


def test_the_place_holds_at_least_those_at_its_desks() -> None:
    tailgated = place(badge("in"), desk("desk-0", True), desk("desk-1", True), desk("desk-2", False))
    assert tailgated.spaces[ROOT].estimate.present == 2


def test_what_a_silent_desk_may_hide_widens_the_place_too() -> None:
    without = ("room", "counter", "heads", "desk-2")
    heard = [desk("desk-0", False), desk("desk-1", True), link("desk-0", 0)]
    assert numbers(place(*heard, without=without), OPEN)[:2] == (1, 1)
    later = place(*heard, without=without).estimates(T + 2 * HOUR)
    assert (later[OPEN].high or 0) >= 2, "the silent one may be taken by now"
    assert numbers(place(badge("in"), badge("in", "m-0002"), *heard, without=without), ROOT)[0] == 2


def test_a_meeting_is_counted_at_the_door() -> None:
    without = ("counter", "heads", "desk-0", "desk-1", "desk-2")
    assert numbers(place(badge("in"), desk("room", True), without=without), ROOT)[:2] == (1, 1)
    assert numbers(place(desk("room", True), without=(*without, "in", "out")), ROOT)[:2] == (3, 1)


def test_counters() -> None:
    assert numbers(place(count("counter", entered=3, left=1)), LAB)[0] == 2
    assert numbers(place(count("counter", entered=1, left=4)), LAB)[0] == 0, "never negative"
    assert numbers(place(count("heads", present=4)), LAB)[0] == 4
    assert numbers(place(count("heads", present=None)), LAB) == (None, None, None, "unknown")


ALL_VACANT = [desk("desk-0", False), desk("desk-1", False), desk("desk-2", False)]


def test_an_event_much_older_than_the_last_word_is_history() -> None:
    late = LATE // SECOND
    taken = [(0, one) for one in ALL_VACANT[1:]] + [(0, desk("desk-0", True))]
    assert numbers(place(*taken, (-late - 1, desk("desk-0", False))), OPEN)[0] == 1
    assert numbers(place(*taken, (-late + 1, desk("desk-0", False))), OPEN)[0] == 0


def test_a_day_that_arrives_at_once_leaves_its_curve() -> None:
    vacant = [(-60, one) for one in ALL_VACANT]
    day = place(*vacant, (0, desk("desk-0", True)), (3600, desk("desk-1", True)), (7200, desk("desk-0", False)))
    curve = {(c.at - T) // SECOND: c.estimate.present for c in day.changes if c.space == OPEN}
    assert (curve[0], curve[3600], curve[7200]) == (1, 2, 1)


def test_asked_often_or_seldom_is_the_same() -> None:
    events = [(0, badge("in")), (700, count("counter", entered=3, left=0)), (9000, count("counter", entered=0, left=1))]
    often, seldom = PlaceFold(5, make_topology()), PlaceFold(5, make_topology())
    for second in range(0, 12_000, 60):
        for s, e in events:
            if second <= s < second + 60:
                often.apply(*told(e, T + s * SECOND))
        often.estimates(T + second * SECOND)
        often.explain(LAB, T + second * SECOND)
    for s, e in events:
        seldom.apply(*told(e, T + s * SECOND))
    assert often.estimates(T + 20_000 * SECOND) == seldom.estimates(T + 20_000 * SECOND)


def test_devices_that_say_nothing_of_people_change_nothing() -> None:
    assert place({"kind": "measure", "device": "air", "name": "co2", "value": 500.0}).spaces[OPEN].estimate == UNKNOWN


def test_a_place_without_the_sensors_of_a_space_is_not_degraded_by_it() -> None:
    events = [badge("in"), desk("desk-0", True), desk("desk-1", False), desk("desk-2", False)]
    without = ("room", "counter", "heads")
    assert numbers(place(*events, without=without), ROOT) == (1, 1, 1, "live")


EVENTS = st.one_of(
    st.builds(desk, st.sampled_from(["desk-0", "desk-1", "desk-2", "room"]), st.sampled_from([True, False, None])),
    st.builds(
        badge,
        st.sampled_from(["in", "out"]),
        st.sampled_from(["m-0001", "m-0002", "m-0003"]),
        st.sampled_from(["granted", "denied"]),
    ),
    st.builds(lambda a, b: count("counter", entered=a, left=b), st.integers(0, 5), st.integers(0, 5)),
    st.builds(lambda a: count("heads", present=a), st.one_of(st.none(), st.integers(0, 9))),
    st.builds(link, st.sampled_from(list(DEVICES)), st.integers(0, 1)),
    st.builds(granted, st.integers(1, 4), st.sampled_from(["m-0001", "m-0002"]), st.sampled_from(["in", "out"])),
    st.builds(contact, st.integers(1, 4), st.sampled_from(["in", "out"]), taken=st.booleans()),
    st.builds(lambda state: {"kind": "door", "device": "contact", "state": state}, st.sampled_from(["open", "held"])),
)
TIMED = st.lists(st.tuples(EVENTS, st.integers(-400 * SECOND, 20 * 3600 * SECOND)), max_size=60)


@settings(max_examples=60, deadline=None)
@given(TIMED)
def test_estimates_are_ordered_and_never_negative(events: list[tuple[dict[str, Any], int]]) -> None:
    made = fold(5, make_topology(), [told(e, T + s) for e, s in events])
    for space in made.spaces.values():
        e = space.estimate
        if e.present is None:
            assert e == UNKNOWN
        else:
            assert e.low is not None
            assert e.high is not None
            assert 0 <= e.low <= e.present <= e.high


@example(  # a grant whose door opens after the transaction
    events=[
        (count("heads", present=None), 0),
        (granted(1, "m-0001", "in"), 0),
        ({"kind": "door", "device": "contact", "state": "open"}, 0),
    ],
    cuts=[2],
)
@settings(max_examples=60, deadline=None)
@given(TIMED, st.lists(st.integers(0, 60), max_size=6))
def test_where_the_transactions_end_changes_nothing(events: list[tuple[dict[str, Any], int]], cuts: list[int]) -> None:
    """Settling, storing and reading back between any two events leads to the same as one fold of all."""
    timed = [one for one, _ in groupby(told(e, T + s) for e, s in events)]  # the same twice in a row is one event
    topology = make_topology()
    whole = fold(5, topology, timed)
    end = max((at for _, _, at in timed), default=T)
    pieces = PlaceFold(5, topology)
    for n, (event, device, at) in enumerate(timed):
        if n in cuts:
            pieces.settle()
            stored = {
                space: SpaceFold.from_json(
                    json.loads(one.to_json()), at=one.at, estimate=one.estimate, revision=one.revision
                )
                for space, one in pieces.spaces.items()
            }
            pieces = PlaceFold(5, topology, stored)
        pieces.apply(event, device, at)
    pieces.settle()
    for space, one in whole.spaces.items():
        assert pieces.spaces[space].to_json() == one.to_json()
    assert pieces.estimates(end) == whole.estimates(end)


@example(  # what the room lies in is looked at again six hours later, and bounds it differently
    events=[
        (count("counter", entered=0, left=0), 0),
        ({"kind": "door", "device": "contact", "state": "open"}, 21601),
    ],
    looks=[],
)
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(EVENTS, st.integers(0, 8 * 3600)), max_size=25), st.lists(st.integers(0, 8 * 3600), max_size=25)
)
def test_a_look_between_events_ends_where_a_fresh_fold_does(
    events: list[tuple[dict[str, Any], int]], looks: list[int]
) -> None:
    """The ingest looks up to an instant before which no event is missing; the refold only knows the events."""
    topology = make_topology()
    live, at, timed = PlaceFold(5, topology), T, []
    for (event, gap), pause in itertools.zip_longest(events, looks[: len(events)], fillvalue=0):  # type: ignore[misc]
        timed.append(told(event, at + gap * SECOND))
        live.apply(*timed[-1])
        live.settle()
        at += (gap + pause) * SECOND
        live.look(at)
    live.look(at + 3 * 24 * 3600 * SECOND)
    until = max(one.at for one in live.spaces.values())
    again = fold(5, topology, timed, until=until)
    for space, one in again.spaces.items():
        assert one.to_json() == live.spaces[space].to_json()
        assert again.estimates(live.spaces[space].at)[space] == live.spaces[space].estimate


def _counted(fold: PlaceFold, present: int, second: int) -> None:
    fold.apply({"kind": "head_count", "space": ROOT, "present": present}, None, T + second * SECOND)
    fold.settle()


def _desks_taken_and_nobody_counted() -> PlaceFold:
    one = PlaceFold(5, make_topology())
    for seat in range(3):
        one.apply(*told(desk(f"desk-{seat}", True), T + seat * SECOND))
    _counted(one, 0, 10)
    return one


def test_a_space_is_not_live_where_what_it_lies_in_contradicts_it() -> None:
    one = _desks_taken_and_nobody_counted()
    assert numbers(one, ROOT)[3] == "degraded"
    present, low, high, quality = numbers(one, OPEN)
    assert (low, high) == (0, 3), "its desks are taken, and by the place's count they can't be"
    assert (present, quality) == (3, "degraded")
    assert "disagreeing" in one.spaces[OPEN].estimate.faults
    assert one.estimates(T + 11 * SECOND)[OPEN] == one.spaces[OPEN].estimate


def test_a_restart_does_not_keep_a_space_bounded() -> None:
    """What bounded it isn't stored, so it is made again as soon as what it lies in is."""
    one = _desks_taken_and_nobody_counted()
    assert numbers(one, OPEN)[1] == 0
    stored = {
        space: SpaceFold.from_json(json.loads(kept.to_json()), at=kept.at, estimate=kept.estimate, revision=0)
        for space, kept in one.spaces.items()
    }
    for going_on in (one, PlaceFold(5, make_topology(), stored)):
        _counted(going_on, 9, 90)
        assert numbers(going_on, OPEN) == (3, 3, 3, "live")


def test_estimate_is_a_value() -> None:
    assert Estimate(present=1, low=1, high=1, quality="live") == Estimate(present=1, low=1, high=1, quality="live")
