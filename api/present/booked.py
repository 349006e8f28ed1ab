"""What is booked, by place, in sorted arrays: an instant or a window is looked up without reading the rest. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedTime:
    """A booking without its member; times in microseconds, ``ends`` not included. ``space``: None for the place."""

    place: int
    space: int | None
    starts: int
    ends: int


_BY_START: Final = itemgetter(0)


class Booked:
    """The bookings of one place and its spaces, by their starts."""

    __slots__ = ("_ends", "_longest", "_spaces", "_starts")

    def __init__(self, rows: Iterable[tuple[int, int, int | None]] = ()) -> None:
        """``rows``: start, end and space of each."""
        ordered = sorted(rows, key=_BY_START)
        self._starts = array("q", [row[0] for row in ordered])
        self._ends = array("q", [row[1] for row in ordered])
        spaces: dict[int | None, int | None] = {}
        self._spaces = tuple([spaces.setdefault(row[2], row[2]) for row in ordered])
        self._longest = max([row[1] - row[0] for row in ordered], default=0)

    def __len__(self) -> int:
        return len(self._starts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Booked):
            return NotImplemented
        mine, theirs = (self._starts, self._ends, self._spaces), (other._starts, other._ends, other._spaces)
        return mine == theirs

    __hash__ = None  # type: ignore[assignment]

    def at(self, moment: int) -> Counter[int | None]:
        """Return how many bookings of each space are in force; None: of the place."""
        return Counter(space for _, _, space in self.within(moment, moment + 1))

    def within(self, start: int, end: int) -> Iterator[tuple[int, int, int | None]]:
        """Give start, end and space of the bookings that overlap ``start`` to ``end``, in the order of their starts."""
        ends, spaces = self._ends, self._spaces
        first = bisect_right(self._starts, start - self._longest - 1)
        for index in range(first, bisect_left(self._starts, end, first)):
            if ends[index] > start:
                yield self._starts[index], ends[index], spaces[index]

    def most(self, start: int, end: int, spaces: Collection[int | None]) -> int:
        """Return the most bookings of ``spaces`` together that are in force at one instant of ``start`` to ``end``."""
        begins, ends, held_by = self._starts, self._ends, self._spaces
        first = bisect_right(begins, start - self._longest - 1)
        held = [
            index
            for index in range(first, bisect_left(begins, end, first))
            if ends[index] > start and held_by[index] in spaces
        ]
        over = most = 0
        ending = sorted([ends[index] for index in held])
        for number, index in enumerate(held, 1):
            while ending[over] <= begins[index]:
                over += 1
            most = max(most, number - over)
        return most

    def around(self, moment: int) -> tuple[int | None, int | None]:
        """Return when a booking last began or ended, and when one next will; None: none did, or none will."""
        passed = bisect_right(self._starts, moment)
        before = [self._starts[passed - 1]] if passed else []
        after = [self._starts[passed]] if passed < len(self._starts) else []
        for end in self._ends[:passed]:
            (before if end <= moment else after).append(end)
        return max(before, default=None), min(after, default=None)

    def until(self, space: int, moment: int) -> int:
        """Return until when ``space`` is booked without a gap."""
        until, index = moment, bisect_right(self._starts, moment - self._longest - 1)
        while index < len(self._starts) and self._starts[index] <= until:
            if self._spaces[index] == space:
                until = max(until, self._ends[index])
            index += 1
        return until


NOTHING: Final = Booked()


class BookingsByPlace:
    """All current and future bookings by place."""

    def __init__(self, rows: Iterable[BookedTime | tuple[int, int | None, int, int]] = ()) -> None:
        """``rows``: bookings, or place, space, start and end of each."""
        grouped: dict[int, list[tuple[int, int, int | None]]] = defaultdict(list)
        for row in rows:
            place, space, starts, ends = (
                (row.place, row.space, row.starts, row.ends) if isinstance(row, BookedTime) else row
            )
            grouped[place].append((starts, ends, space))
        self._by_place = {place: Booked(found) for place, found in grouped.items()}

    def of(self, place: int) -> Booked:
        """Return the bookings of a place and its spaces."""
        return self._by_place.get(place, NOTHING)

    def places(self) -> set[int]:
        """Return the places with bookings."""
        return set(self._by_place)

    def differ(self, other: BookingsByPlace) -> set[int]:
        """Return the places whose bookings are others there."""
        return {place for place in self.places() | other.places() if self.of(place) != other.of(place)}

    def put(self, places: Iterable[int], rows: BookingsByPlace) -> None:
        """Replace the bookings of ``places`` by those in ``rows``."""
        for place in places:
            found = rows.of(place)
            if len(found):
                self._by_place[place] = found
            else:
                self._by_place.pop(place, None)
