"""Openings of a door that no grant explains: who leaves by the handle, who is let in, and what they teach."""

from __future__ import annotations

import json
from typing import Any

import pytest

from occupancy.fold import PlaceFold
from occupancy.hours import HOUR
from occupancy.openings import LET_IN_UNKNOWN, Openings
from occupancy.space import SpaceFold
from occupancy.topology import Device, Gateway, Space, Topology
from occupancy.unbadged import Unbadged

T = 1_764_576_000_000_000  # 8 in the morning, UTC
S, DAY = 1_000_000, 24 * HOUR
READER = Device(id=1, kind="reader", space=None, at_desk=False, side="in", door_from=None, door_to=1, door=5)
OUT = Device(id=2, kind="reader", space=None, at_desk=False, side="out", door_from=None, door_to=1, door=5)


def place(*readers: Device) -> PlaceFold:
    gateway = Gateway(id=1, code="g", place=1, place_code="p", shard=0)
    space = Space(id=1, place=1, parent=None, capacity=30)
    devices = [(1, f"d{one.id}", one) for one in readers]
    return PlaceFold(1, Topology.build([gateway], [space], devices, {1: "UTC"}))


def door(fold: PlaceFold, at: int, seconds: float = 4.0) -> None:
    for state, when in (("open", at), ("closed", at + int(seconds * S))):
        fold.apply({"kind": "door", "state": state, "at": when}, READER, when)


def badge(fold: PlaceFold, at: int, member: str, reader: Device = READER) -> None:
    granted = {"kind": "access", "decision": "granted", "at": at, "member": member, "awaits": True}
    fold.apply(granted, reader, at)
    fold.apply({"kind": "door", "state": "open", "at": at + S}, READER, at + S)
    fold.apply({"kind": "access_taken", "access_at": at, "at": at + S}, reader, at + S)
    fold.apply({"kind": "door", "state": "closed", "at": at + 5 * S}, READER, at + 5 * S)


def days(fold: PlaceFold, number: int, *, people: int = 10) -> None:
    """So many come in the morning, each by a badge, and leave in the evening, each by the handle."""
    for day in range(number):
        for one in range(people):
            badge(fold, T + day * DAY + one * 60 * S, f"m-{one}")
        for one in range(people):
            door(fold, T + day * DAY + 9 * HOUR + one * 60 * S)


@pytest.mark.parametrize(("gap", "ungranted"), [(1, False), (61, False), (63, True)])
def test_a_grant_explains_one_opening_soon_after_it(gap: int, ungranted: bool) -> None:
    doors = Openings()
    doors.let_through(5, T)
    assert doors.moved(5, T + gap * S, is_open=True, out=False) is ungranted
    assert not doors.moved(5, T + (gap + 5) * S, is_open=False, out=False)
    assert doors.moved(5, T + (gap + 9) * S, is_open=True, out=False), "the next one is another person"


def test_who_goes_through_the_open_door_uses_no_later_opening() -> None:
    doors = Openings()
    doors.moved(5, T, is_open=True, out=False)
    doors.let_through(5, T + S)
    doors.moved(5, T + 5 * S, is_open=False, out=False)
    assert doors.moved(5, T + 20 * S, is_open=True, out=False)


def test_people_are_believed_in_until_the_door_opens() -> None:
    """Ten came, nobody has opened the door: they are still there in the afternoon; ten openings later nobody is."""
    fold, unlearned = place(READER), place(READER)
    days(fold, 10)
    last = T + 10 * DAY
    for one in (fold, unlearned):
        for number in range(10):
            badge(one, last + number * 60 * S, f"m-{number}")
    assert fold.spaces[1].stays.openings.trusted
    afternoon = last + 8 * HOUR
    assert (fold.estimates(afternoon)[1].present or 0) >= 7
    assert (unlearned.estimates(afternoon)[1].present or 0) <= 5, "by usual stays alone"
    for number in range(5):
        door(fold, afternoon + number * 60 * S)
    assert 2 <= (fold.estimates(afternoon + 10 * 60 * S)[1].present or 0) <= 5
    for number in range(6):
        door(fold, afternoon + (15 + number) * 60 * S)
    assert fold.estimates(afternoon + 30 * 60 * S)[1].present == 0


def test_a_silent_contact_is_trusted_no_more() -> None:
    fold = place(READER)
    days(fold, 10)
    fold.apply({"kind": "device", "what": "link", "value": 0, "at": T + 11 * DAY}, READER, T + 11 * DAY)
    assert not fold.spaces[1].stays.openings.trusted


def test_more_openings_than_badges_teach_of_people_without_one() -> None:
    even, more = Unbadged(), Unbadged()
    for learned, openings in ((even, 100), (more, 200)):
        for one in range(openings):
            at = T + one * 600 * S
            learned.openings.moved(5, at, is_open=True, out=False)
            learned.openings.moved(5, at + S, is_open=False, out=False)
        learned.openings.balance[0] = 100.0
    assert more.openings.each < 0.75
    assert more.share > even.share + 0.01
    assert more.share < 0.15, "weak evidence: a door opens for nobody, too"
    assert more.variance < Unbadged().variance


def test_too_few_openings_are_not_trusted() -> None:
    """A second door without a contact: of four who come one leaves here."""
    doors = Openings()
    for one in range(60):
        doors.moved(5, T + one * 600 * S, is_open=True, out=False)
        doors.moved(5, T + one * 600 * S + S, is_open=False, out=False)
        for _ in range(4):
            doors.entered()
    assert not doors.trusted
    assert doors.beyond is None


def test_openings_beyond_the_exits_that_were_forgotten_are_people_who_are_let_in() -> None:
    fold = place(READER, OUT)
    for day in range(60):
        badge(fold, T + day * DAY, "m-1")
        door(fold, T + day * DAY + HOUR)  # a guest comes
        door(fold, T + day * DAY + 2 * HOUR)  # and leaves
        badge(fold, T + day * DAY + 3 * HOUR, "m-1", OUT)
    doors = fold.spaces[1].stays.openings
    assert doors.let_in == pytest.approx(0.5, abs=0.1)
    assert not doors.trusted
    assert Openings().let_in == pytest.approx(0.15)
    alone = Openings()
    alone.handle = True
    assert alone.let_in == LET_IN_UNKNOWN
    door(fold, T + 60 * DAY)
    assert fold.spaces[1].stays.others == pytest.approx(doors.let_in, abs=0.05), "weak evidence of one"


def test_the_state_is_stored_whole_and_goes_on_alike() -> None:
    fold = place(READER)
    days(fold, 6)
    fold.settle()
    text = fold.spaces[1].to_json()
    state: dict[str, Any] = json.loads(text)
    one = SpaceFold.from_json(state, at=fold.spaces[1].at, estimate=fold.spaces[1].estimate, revision=0)
    assert one.to_json() == text
    again = PlaceFold(1, fold._topology, {1: one})
    for each in (fold, again):
        badge(each, T + 7 * DAY, "m-3")
        door(each, T + 7 * DAY + HOUR)
        each.settle()
    assert again.spaces[1].to_json() == fold.spaces[1].to_json()
    assert again.distributions(T + 7 * DAY + 2 * HOUR) == fold.distributions(T + 7 * DAY + 2 * HOUR)
