"""Whole weeks around the clock changes, quarter by quarter: who is let in is who the clock on the wall lets in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from access import AccessList, Attempt, Entry, Member, Right, Schedule, decide
from access.schedules import DAYS, schedule_from_json
from tests.unit.access.forms import forms

TOKEN = "a" * 64
CHANGES = {
    "Europe/Paris": [("2026-03-29T01:00Z", 1, 2), ("2026-10-25T01:00Z", 2, 1)],
    # Saint-Pierre-et-Miquelon changes with North America; La Réunion never does.
    "America/Miquelon": [("2026-03-08T05:00Z", -3, -2), ("2026-11-01T04:00Z", -2, -3)],
    "Indian/Reunion": [("2026-03-29T01:00Z", 4, 4), ("2026-10-25T01:00Z", 4, 4)],
}
"""When, and the hours between UTC and the wall before and after: from the laws, not from a library."""
ALWAYS = schedule_from_json({day: [["00:00", "24:00"]] for day in DAYS})
NIGHT = [["00:00", "02:00"], ["02:30", "03:00"], ["22:15", "24:00"]]
HOURS = {
    "the small hours": dict.fromkeys(DAYS, NIGHT),
    "the hour that comes twice or never": {"sun": [["01:00", "03:00"]]},
    "from three": {"sun": [["03:00", "12:00"]], "mon": [["08:00", "18:00"]]},
    "until two": {"sat": [["20:00", "24:00"]], "sun": [["00:00", "02:00"]]},
}


def minutes(body: dict[str, list[list[str]]], day: date) -> set[int]:
    """Every open minute of a day, from the text."""
    found: set[int] = set()
    for start, end in body.get(DAYS[day.weekday()], []):
        first, last = (int(clock[:2]) * 60 + int(clock[3:]) for clock in (start, end))
        found |= set(range(first, last))
    return found


def a_list(schedule: Schedule, zone: str, ends: datetime | None = None) -> AccessList:
    member = Member(ref="m-1", status="active", rights=(Right(doors=None, schedule=schedule, valid_until=ends),))
    return AccessList(
        place="gare", version=1, made_at=datetime(2026, 1, 1, tzinfo=UTC), time_zone=zone,
        entries={TOKEN: Entry(token=TOKEN, member=member, status="active")},
    )  # fmt: skip


@pytest.mark.parametrize("zone", CHANGES)
@pytest.mark.parametrize("hours", HOURS)
def test_no_quarter_opens_what_is_closed_or_the_reverse(zone: str, hours: str) -> None:
    held = a_list(schedule_from_json(HOURS[hours]), zone)
    opening = AccessList(
        place="gare", version=1, made_at=held.made_at, time_zone=zone,
        entries=a_list(ALWAYS, zone).entries,
        opening_hours=schedule_from_json(HOURS[hours]),
    )  # fmt: skip
    both = [*forms(held).values(), opening]
    opened = 0
    for when, before, after in CHANGES[zone]:
        change = datetime.fromisoformat(when)
        for quarter in range(-4 * 24 * 3, 4 * 24 * 3):
            at = change + timedelta(minutes=15 * quarter)
            wall = at + timedelta(hours=before if at < change else after)
            expected = wall.hour * 60 + wall.minute in minutes(HOURS[hours], wall.date())
            opened += expected
            for one in both:
                assert decide(one, TOKEN, "entry", "in", at).granted is expected, (at, wall)
    assert opened


@pytest.mark.parametrize("zone", CHANGES)
def test_both_folds_are_the_instants_that_they_are(zone: str) -> None:
    """A wall clock's time that comes twice, or never, given with its zone: decided as the same instant in UTC."""
    local = ZoneInfo(zone)
    for when, _, _ in CHANGES[zone]:
        change = datetime.fromisoformat(when)
        held = a_list(ALWAYS, zone, ends=change.astimezone(local))
        wall = (change - timedelta(hours=3)).astimezone(local).replace(tzinfo=None)
        for quarter in range(4 * 6):
            for fold in (0, 1):
                at = (wall + timedelta(minutes=15 * quarter)).replace(tzinfo=local, fold=fold)
                exact = at.astimezone(UTC)
                assert decide(held, TOKEN, "entry", "in", at).granted is (exact < change)
                assert decide(held, TOKEN, "entry", "in", exact).granted is (exact < change)
                assert Attempt(card_token=TOKEN, door="entry", side="in", at=at).at == exact


def test_an_instant_without_a_zone_is_none() -> None:
    held = a_list(schedule_from_json({}), "Europe/Paris")
    with pytest.raises(ValueError, match="without a zone"):
        decide(held, TOKEN, "entry", "in", datetime(2026, 3, 29, 2, 30))  # noqa: DTZ001
    with pytest.raises(ValueError, match="without a zone"):
        Attempt(card_token=TOKEN, door="entry", side="in", at=datetime(2026, 3, 29, 2, 30))  # noqa: DTZ001
