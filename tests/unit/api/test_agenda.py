"""The layout of a place's bookings, and hours of a week as a form."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from time import process_time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.schedules import DAYS, schedule_from_json, schedule_to_json
from api.pages.manage.agenda import QUARTER, Row, groups_of, lanes_of, shown_of
from api.pages.manage.local_times import midnight, minute_of, moment
from api.pages.manage.week_form import Unreadable, fields_of, hours_of, spans_of
from api.present.geography import Point
from api.present.network import Place, Space

PARIS = ZoneInfo("Europe/Paris")
DAY = date(2026, 3, 28)
"""A Saturday; on the next day an hour is left out, and one comes twice on 25 October 2026."""


def booking(first: float, last: float, ref: str = "b-1", day: date = DAY, **fields: Any) -> dict[str, Any]:
    starts = midnight(day, PARIS).astimezone(UTC) + timedelta(hours=first)
    ends = midnight(day, PARIS).astimezone(UTC) + timedelta(hours=last)
    what = {"resource": "laser", "unit": "1", "space": None, "status": "booked"}
    return {"ref": ref, "starts": starts, "ends": ends, **what, **fields}


@pytest.mark.parametrize(("day", "hours"), [(DAY, 24), (date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_a_day_has_its_hours_also_when_clocks_change(day: date, hours: int) -> None:
    always = schedule_from_json({one: [["00:00", "24:00"]] for one in DAYS})
    shown = shown_of(day, PARIS, always, [])
    assert len(shown.hours) == hours
    assert shown.quarters == len(shown.open) == hours * 4
    assert all(shown.open)
    names = [hour.astimezone(PARIS).hour for hour in shown.hours]
    assert names.count(2) == hours - 23


def test_the_hours_of_opening_are_shown_and_every_booking() -> None:
    schedule = schedule_from_json({"sat": [["09:30", "12:00"]]})
    shown = shown_of(DAY, PARIS, schedule, [booking(14, 15)])
    assert [hour.astimezone(PARIS).hour for hour in shown.hours] == [9, 10, 11, 12, 13, 14]
    assert shown.open[:3] == (False, False, True)
    assert shown.open[12:] == (False,) * 12
    assert [hour.astimezone(PARIS).hour for hour in shown_of(DAY, PARIS, None, []).hours] == list(range(8, 20))
    assert len(shown_of(DAY, PARIS, schedule_from_json({}), []).hours) == 12, "a closed day is shown too"


@given(
    st.lists(
        st.tuples(st.integers(0, 1430), st.integers(1, 600)).map(lambda one: (one[0] / 60, (one[0] + one[1]) / 60)),
        max_size=12,
    )
)
def test_each_line_has_all_quarters_and_each_booking_once(times: list[tuple[float, float]]) -> None:
    held = [booking(*one, ref=f"b-{number}") for number, one in enumerate(times)]
    shown = shown_of(DAY, PARIS, None, held)
    lanes = lanes_of(Row(name="", target="r:laser:1", held=list(held)), shown)
    for lane in lanes:
        assert sum(cell.span for cell in lane) == shown.quarters
        at = shown.starts
        for cell in lane:
            if cell.booking is not None:
                assert at <= max(cell.booking["starts"], shown.starts)
                assert min(cell.booking["ends"], shown.ends) <= at + cell.span * QUARTER
            at += cell.span * QUARTER
    shown_refs = [cell.booking["ref"] for lane in lanes for cell in lane if cell.booking is not None]
    assert sorted(shown_refs) == sorted(one["ref"] for one in held)


def place(*spaces: Space) -> Place:
    about = {"address": None, "postcode": None, "commune": None, "commune_code": None, "department": "87"}
    more = {"region": None, "website": None, "typology": None, "opening_hours": None, "hours_generated": False}
    where: Any = {**about, **more, "source": "", "generated": False, "point": Point(latitude=45.8, longitude=1.2)}
    return Place(id=1, code="limoges", name="Limoges", time_zone="Europe/Paris", spaces=spaces, **where)


def space(number: int, kind: str, **fields: Any) -> Space:
    return Space(
        id=number, place=1, code=f"s{number}", name=kind, kind=kind, parent=0, capacity=4, generated=False, **fields
    )


def test_a_large_resource_shows_what_is_booked_and_one_row_for_the_rest() -> None:
    units = [str(number) for number in range(1, 31)]
    desks = {"code": "laser", "name": "Postes", "kind": "desk", "space": "s1", "units": units}
    held = [
        booking(9, 10, unit="7"),
        booking(9, 10, ref="b-2", unit="31"),
        booking(9, 10, ref="b-3", status="cancelled"),
    ]
    (group,) = groups_of(place(space(1, "open_space", for_work=True)), [desks], held)
    assert [(row.target, len(row.held)) for row in group.rows] == [
        ("r:laser:7", 1),
        ("r:laser:31", 1),
        ("r:laser:", 0),
    ]
    assert group.rows[-1].name == "29"


def test_rooms_seats_blocks_and_bookings_of_the_place_have_a_row() -> None:
    rooms = {"code": "salle", "name": "Salle", "kind": "room", "space": "s1", "units": ["1"]}
    spaces = (
        space(1, "meeting_room", one_party=True),
        space(2, "phone_box", one_party=True),
        space(3, "open", for_work=True),
    )
    block = booking(9, 10, resource=None, unit=None, space="s1", member=None)
    whole = booking(9, 10, ref="b-2", resource=None, unit=None, space=None)
    found = groups_of(place(*spaces), [rooms], [block, whole])
    assert [[row.target for row in group.rows] for group in found] == [["r:salle:1"], ["s:s3"], ["s:s2"], [""]]
    assert [one["ref"] for one in found[0].rows[0].held] == ["b-1"], "an event in a room takes the room"


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("", []),
        ("fermé", []),
        ("9-12", [["09:00", "12:00"]]),
        ("8h à 12h30, 14:00-24:00", [["08:00", "12:30"], ["14:00", "24:00"]]),
        ("9:00 – 12:00 et 14h – 0h", [["09:00", "12:00"], ["14:00", "24:00"]]),
        ("0900-1200;1300-1400", [["09:00", "12:00"], ["13:00", "14:00"]]),
    ],
)
def test_spans_are_read_as_people_write_them(text: str, spans: list[list[str]]) -> None:
    assert spans_of(text, "mon") == spans


@pytest.mark.parametrize("text", ["9", "12-9", "9-9", "9-12, 11-14", "25-26", "9-12-14", "neuf heures", "9:75-10", "-"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(Unreadable, match="mon"):
        spans_of(text, "mon")


def test_hours_that_are_made_to_keep_us_busy_do_not() -> None:
    began = process_time()
    with pytest.raises(Unreadable):
        spans_of("9" + " " * 12_000 + "9", "mon")
    assert process_time() - began < 1.0


def test_a_form_gives_back_the_hours_that_it_shows() -> None:
    hours = {
        "mon": [["08:00", "12:00"], ["14:00", "24:00"]],
        "holidays": {"department": "67", "hours": [["10:00", "12:00"]]},
        "except": [["2026-07-01", "2026-08-31", []], ["2026-12-24", "2026-12-24", [["09:00", "12:00"]]]],
        "closed": [["2026-05-01", "2026-05-01"]],
    }
    assert schedule_to_json(schedule_from_json(hours)) == hours
    assert hours_of(fields_of(hours)) == hours
    assert fields_of(None)["known"] == ""
    assert hours_of(fields_of(None)) == {}
    with pytest.raises(Unreadable, match="x0_first"):
        hours_of({"x0_first": "2026-07-02", "x0_last": "2026-07-01"})


def test_hours_on_the_clock_of_the_wall() -> None:
    assert [minute_of(one) for one in ("09:30", "9h30", "24:00", "24:01", "9", "٩:٣٠", None)] == [
        570, 570, 1440, None, None, None, None,
    ]  # fmt: skip
    spring, autumn = date(2026, 3, 29), date(2026, 10, 25)
    assert moment(spring, 150, PARIS).astimezone(UTC) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert moment(autumn, 150, PARIS).astimezone(UTC) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert moment(autumn, 1440, PARIS) == midnight(date(2026, 10, 26), PARIS)
