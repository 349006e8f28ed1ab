from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from access.schedules import ALWAYS, closed_on, with_department
from rights.hours import NEVER, Timetables

PARIS = ZoneInfo("Europe/Paris")
MONDAY = {"mon": [["08:00", "12:00"]]}


def at(day: int, hour: int) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=PARIS).astimezone(UTC)


def test_links_are_resolved_and_shared() -> None:
    hours = Timetables([(1, MONDAY, [2]), (2, {"tue": [["20:00", "24:00"]]}, [])])
    found = hours.get(1, None)
    assert found is not None
    assert found.covers(at(2, 9), PARIS)
    assert found.covers(at(3, 21), PARIS)
    assert hours.get(1, None) is found


def test_a_circle_opens_nothing_and_a_link_that_is_gone_adds_nothing() -> None:
    hours = Timetables([(1, MONDAY, [2]), (2, MONDAY, [1]), (3, MONDAY, [99])])
    assert hours.get(1, None) is None
    assert "circle" in hours.broken[1]
    assert hours.get(3, None) is not None
    assert hours.get(99, None) is None


def test_what_cannot_be_read_takes_what_is_linked_to_it_along() -> None:
    hours = Timetables([(1, MONDAY, [2]), (2, {"mon": "always"}, [])])
    assert hours.get(1, None) is None
    assert hours.get(2, None) is None
    assert set(hours.broken) == {1, 2}


def test_holidays_are_those_of_the_place_unless_it_says_whose() -> None:
    open_but = {**MONDAY, "holidays": {"hours": []}}
    hours = Timetables([(1, open_but, [])])
    alsace, elsewhere = hours.get(1, "67"), hours.get(1, "33")
    assert alsace is not None
    assert elsewhere is not None
    assert (alsace.holidays, elsewhere.holidays) != (None, None)
    assert alsace.holidays is not None
    assert alsace.holidays.department == "67"
    assert with_department({"holidays": {"department": "2A", "hours": []}}, "67")["holidays"]["department"] == "2A"
    assert open_but["holidays"] == {"hours": []}


def test_closures_close_also_a_place_without_hours() -> None:
    first, last = date(2026, 3, 2), date(2026, 3, 3)
    assert closed_on(None, []) is None
    closed = closed_on(None, [(first, last)])
    assert closed is not None
    assert not closed.covers(at(3, 12), PARIS)
    assert closed.covers(at(4, 12), PARIS)
    narrow = closed_on(NEVER, [(first, last)])
    assert narrow is not None
    assert not narrow.covers(at(4, 12), PARIS)
    assert ALWAYS.covers(at(4, 23), PARIS)
