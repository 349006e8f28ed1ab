"""What a free seat is, as a table of cases: the rule, the API's answers and Grafana's views are held to it.

A case is one place: its root space (30 people), an open space (24), a meeting room (6), a fab lab (8) whose benches are
no seats to work at. What a case says of them replaces this.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

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
