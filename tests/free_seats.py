"""What a free seat is, as a table of cases: the rule, the API's answers and Grafana's views are held to it.

A case is one place: its root space (30 people), an open space (24), a meeting room (6), a fab lab (8) whose benches are
no seats to work at. What a case says of them replaces this.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from psycopg.types.json import Jsonb

from access.schedules import DAYS
from tests.api_server import Centre

People = tuple[int, int] | None
"""At least and at most; None: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is so, and what must be said."""

    name: str
    hours: Literal["open", "closed", "unknown"] = "open"
    closure: bool = False
    locked: bool = False
    place: People = (5, 7)
    open_space: People = (5, 7)
    room: People = (0, 0)
    seats: int | None = 24
    """Of the open space."""
    lab_for_work: bool = False
    """Its eight benches are marked as seats to work at; nobody is there."""
    booked: tuple[str, ...] = ()
    """Spaces that are booked now (``place``: the whole), each as often as it stands here."""
    free: tuple[int, int] | None = field(kw_only=True)
    """Of the place."""
    in_room: tuple[int, int] | None = (6, 6)
    """Of the meeting room."""

    @property
    def opened(self) -> bool | None:
        """Whether the place is open; None: not known."""
        if self.closure or self.locked or self.hours == "closed":
            return False
        return None if self.hours == "unknown" else True


CASES: Final = (
    Case(name="surely free is what the most people leave", free=(17, 19)),
    Case(name="nobody there", place=(0, 0), open_space=(0, 0), free=(24, 24)),
    Case(name="more people than seats", open_space=(24, 30), place=(24, 30), free=(0, 0)),
    Case(name="closed by its hours", hours="closed", free=(0, 0), in_room=(0, 0)),
    Case(name="closed for a day", closure=True, free=(0, 0), in_room=(0, 0)),
    Case(name="in lockdown", locked=True, free=(0, 0), in_room=(0, 0)),
    Case(
        name="closed, and nobody knows who is in",
        hours="closed",
        open_space=None,
        place=None,
        room=None,
        free=(0, 0),
        in_room=(0, 0),
    ),
    Case(name="hours not known", hours="unknown", free=(17, 19)),
    Case(name="a closure where hours are not known", hours="unknown", closure=True, free=(0, 0), in_room=(0, 0)),
    Case(name="nothing known", open_space=None, place=None, room=None, free=None, in_room=None),
    Case(name="only the place is known: all may sit there", open_space=None, place=(3, 5), free=(19, 24)),
    Case(name="only the place is known: more than other rooms hold", open_space=None, place=(20, 22), free=(2, 18)),
    Case(name="chairs of a meeting room are no seats to work at", place=(24, 24), open_space=(24, 24), free=(0, 0)),
    Case(name="one person has the whole meeting room", room=(1, 6), free=(17, 19), in_room=(0, 0)),
    Case(name="perhaps somebody in the meeting room", room=(0, 2), free=(17, 19), in_room=(0, 6)),
    Case(name="a booked room is not free, though nobody is in", booked=("room",), free=(17, 19), in_room=(0, 0)),
    Case(name="a booked room nobody knows of", booked=("room",), room=None, free=(17, 19), in_room=(0, 0)),
    Case(name="each booking of the open space holds a seat", booked=("open", "open"), free=(15, 19)),
    Case(name="more bookings than people", booked=("open",) * 8, free=(9, 16)),
    Case(name="a booking of the place holds a seat", booked=("place", "place"), free=(15, 19)),
    Case(name="bookings where only the place is known", booked=("open", "place"), open_space=None, free=(15, 23)),
    Case(name="benches that are marked count", lab_for_work=True, free=(25, 27)),
    Case(name="a part is known", lab_for_work=True, open_space=None, free=(8, 32)),
    Case(name="no number of seats", seats=None, free=None),
)

HOURS: Final[dict[str, dict[str, Any] | None]] = {
    "open": {day: [["00:00", "24:00"]] for day in DAYS},
    "closed": {},
    "unknown": None,
}


def arrange(centre: Centre, code: str, case: Case) -> None:
    """Write the place ``code`` of a case; there must be the members m-00001 to m-00009."""
    now, hours = datetime.now(UTC), HOURS[case.hours]
    place = centre.place(code, opening_hours=None if hours is None else Jsonb(hours))
    centre.conn.execute(
        "INSERT INTO space (place, code, name, kind, parent, capacity, for_work)"
        " SELECT %s, 'lab', 'Lab', 'fab_lab', id, 8, %s FROM space WHERE place = %s AND parent IS NULL",
        (place, case.lab_for_work or None, place),
    )
    centre.conn.execute("UPDATE space SET capacity = %s WHERE place = %s AND code = 'open-space'", (case.seats, place))
    spaces: dict[str, People] = {"place": case.place, "open-space": case.open_space, "room-1": case.room, "lab": (0, 0)}
    for space, people in spaces.items():
        low, high = people or (None, None)
        quality = "unknown" if people is None else "live"
        centre.state(code, space, present=low, low=low, high=high, quality=quality, notify=False)
    names = {"room": "room-1", "open": "open-space", "place": None}
    for number, what in enumerate(case.booked, start=1):
        centre.conn.execute(
            "INSERT INTO booking (member, place, space, starts_at, ends_at) SELECT %s, %s,"
            " (SELECT id FROM space WHERE place = %s AND code = %s), %s, %s",
            (f"m-0000{number}", place, place, names[what], now - timedelta(hours=1), now + timedelta(days=1)),
        )
    if case.closure:
        today = now.date()
        centre.conn.execute(
            "INSERT INTO closure (place, first, last) VALUES (%s, %s, %s)",
            (place, today - timedelta(days=2), today + timedelta(days=2)),
        )
    if case.locked:
        centre.conn.execute("INSERT INTO lockdown (place, ordered_by) VALUES (%s, 'test')", (place,))
