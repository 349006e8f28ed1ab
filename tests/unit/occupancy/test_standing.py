"""People whom no desk sensor sees: what is believed of them, and what head counts teach."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from access.schedules import schedule_from_json
from occupancy.fold import PlaceFold
from occupancy.hours import HOUR
from occupancy.seats import AWAY
from occupancy.space import Estimate, SpaceFold
from occupancy.standing import Standing
from occupancy.topology import Device, Gateway, Space, Topology

MORNING = int(datetime(2026, 6, 1, 9, tzinfo=UTC).timestamp()) * 1_000_000
SEATS = 60
TAKEN = 40
DAY = 24 * HOUR
HOURS = schedule_from_json({one: [["08:00", "20:00"]] for one in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")})


def place(*, nested: bool) -> tuple[PlaceFold, list[Device]]:
    """Sixty desks, in the place itself or in a space of it."""
    room = 2 if nested else 1
    spaces = [Space(id=1, place=5, parent=None, capacity=SEATS, seats=0 if nested else SEATS)]
    if nested:
        spaces.append(Space(id=2, place=5, parent=1, capacity=SEATS, seats=SEATS))
    desks = [
        Device(id=n, kind="desk_sensor", space=room, at_desk=True, side="in", door_from=None, door_to=None)
        for n in range(1, SEATS + 1)
    ]
    gateway = Gateway(id=1, code="g1", place=5, place_code="gare", shard=7)
    coded = [(1, f"d{one.id}", one) for one in desks]
    return PlaceFold(5, Topology.build([gateway], spaces, coded, {5: "UTC"}, hours={5: HOURS})), desks


def sit(fold: PlaceFold, desks: list[Device], at: int) -> None:
    """Forty of the desks are taken, and say so."""
    for desk in desks:
        fold.apply({"kind": "desk", "occupied": desk.id <= TAKEN, "at": at}, desk, at)


def taught(*, nested: bool, counted: int, days: int = 8) -> tuple[PlaceFold, Estimate]:
    """A place in which so many are counted by hand each day, and what it says the day after."""
    fold, desks = place(nested=nested)
    for day in range(days):
        sit(fold, desks, MORNING + day * DAY)
        at = MORNING + day * DAY + HOUR
        fold.apply({"kind": "head_count", "space": 1, "present": counted, "at": at}, None, at)
        for desk in desks:
            then = MORNING + day * DAY + 8 * HOUR
            fold.apply({"kind": "desk", "occupied": False, "at": then}, desk, then)
    sit(fold, desks, MORNING + days * DAY)
    return fold, fold.estimates(MORNING + days * DAY + HOUR)[1]


def test_head_counts_teach_who_sits_at_no_desk() -> None:
    for nested in (False, True):
        _, before = taught(nested=nested, counted=0, days=0)
        _, after = taught(nested=nested, counted=46)
        assert before.present is not None and after.present is not None
        assert before.present <= 42, "until then hardly anybody is believed to stand"
        assert after.present in (45, 46, 47), f"six more were counted each day: {after}"


def test_without_a_head_count_the_doubt_of_the_share_is_in_the_interval() -> None:
    fold, desks = place(nested=False)
    sit(fold, desks, MORNING)
    space = fold.spaces[1]
    wide = fold.distributions(MORNING + HOUR)[1]
    space.seats.standing.sums = [AWAY[0][0] * 1e9, 1e9]  # the same share, surely known
    space.moved()
    sure = fold.distributions(MORNING + HOUR)[1]
    assert wide is not None and sure is not None
    assert abs(wide.mean - sure.mean) < 0.1 and wide.variance > sure.variance + 0.5


def test_one_wrong_head_count_moves_the_share_by_little() -> None:
    _, right = taught(nested=False, counted=42)
    fold, desks = place(nested=False)
    sit(fold, desks, MORNING)
    fold.apply({"kind": "head_count", "space": 1, "present": 500, "at": MORNING + HOUR}, None, MORNING + HOUR)
    sit(fold, desks, MORNING + DAY)
    wrong = fold.estimates(MORNING + DAY + HOUR)[1]
    assert wrong.present is not None and right.present is not None and wrong.present - right.present <= 8


def test_what_was_learned_is_stored() -> None:
    fold, answer = taught(nested=True, counted=46)
    states = {
        space: SpaceFold.from_json(json.loads(one.to_json()), at=one.at, estimate=one.estimate, revision=0)
        for space, one in fold.spaces.items()
    }
    again = PlaceFold(5, place(nested=True)[0]._topology, states)
    assert again.estimates(MORNING + 8 * DAY + HOUR)[1] == answer
    assert Standing.from_json(states[1].beside.to_json()).sums == fold.spaces[1].beside.sums
