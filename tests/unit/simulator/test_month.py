"""A month in process: through the gateway's own decisions, the same from the same seed, with all who come and go."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from simulator.groups import GROUPS
from simulator.month import ZONE, Month, live
from simulator.rates import FLAWLESS

HOUR = 3_600_000_000


def _present(month: Month, at: int, space: str = "place") -> int:
    steps = month.truth[space]
    return steps[max(0, bisect_right(steps, (at, 1 << 30)) - 1)][1]


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_every_group_s_devices_speak_through_the_gateway(group: str) -> None:
    month = live(group, seed=1, days=4)
    kinds = {event["kind"] for event, _ in month.events}
    assert {
        "badge_in": {"access"},
        "badge_in_out": {"access", "access_taken", "door", "desk"},
        "all_desks": {"desk"},
        "half_desks": {"desk"},
        "counter_only": {"count"},
        "counter_co2": {"count", "measure"},
        "pir": {"desk"},
    }[group] <= kinds
    assert "gateway" not in kinds  # no driver fault: each message could be read
    assert {event["device"] for event, _ in month.events} <= {one.code for one in month.fitting.config.devices}
    instants = [at for _, at in month.events]
    assert instants == sorted(instants)
    assert month.first <= instants[0] <= instants[-1] <= month.last
    root = month.fitting.spaces[0]
    assert (root.parent, root.seats, root.capacity) == (None, 12, 12)
    assert set(month.truth) == {one.code for one in month.fitting.spaces}
    assert max(people for _, people in month.truth[root.code]) > 0
    assert all(people >= 0 for steps in month.truth.values() for _, people in steps)


def test_the_same_seed_lives_the_same_month() -> None:
    first, again, other = (live("badge_in_out", seed, days=2) for seed in (1, 1, 8))
    assert (first.events, first.truth) == (again.events, again.truth)
    assert first.truth != other.truth


def test_everybody_is_counted_in_the_room_where_they_are() -> None:
    month = live("pir", seed=3, days=4)
    rooms = [one.code for one in month.fitting.spaces if one.parent is not None]
    for hour in range(4 * 24):
        at = month.first + hour * HOUR
        assert sum(_present(month, at, room) for room in rooms) <= _present(month, at)


def test_guests_an_evening_s_public_and_the_cleaner_come_and_go() -> None:
    rates = FLAWLESS.model_copy(update={"guests": 0.5, "evenings": 1.0, "cleaning_days": 7})
    month = live("badge_in", seed=3, days=5, rates=rates)
    acts, door = month.town.acts, month.town.places[0].doors[0]
    assert min(acts["guest.let_in"], acts["evening.let_in"]) > 3
    assert acts["cleaner.came"] >= 4  # not on a holiday
    assert door.passed["in", "helped"] >= acts["guest.let_in"]
    granted = sum(event["kind"] == "access" and event["decision"] == "granted" for event, _ in month.events)
    assert granted == door.passed["in", "badge"]
    assert _present(month, month.last) == 0
    evenings = [_present(month, month.first + (24 * day + 20) * HOUR) for day in range(5)]
    assert sorted(evenings)[1] >= 3


def test_a_month_has_a_week_in_which_the_place_is_closed() -> None:
    month = live("badge_in", seed=4, rates=FLAWLESS.model_copy(update={"closed_week": True}))
    (closure,) = month.hours.closures
    assert (closure.last - closure.first).days == 6
    by_day: dict[bool, list[int]] = {True: [], False: []}
    for day in range(28):
        noon = month.first + (24 * day + 11) * HOUR
        when = datetime.fromtimestamp(noon / 1e6, UTC).astimezone(ZoneInfo(ZONE))
        closed = closure.first <= when.date() <= closure.last
        assert not (closed and month.is_open(noon))
        by_day[closed].append(_present(month, noon))
    assert len(by_day[True]) == 7
    assert sum(by_day[True]) / 7 < 0.2 * sum(by_day[False]) / 21
