"""What is still to be brought up to date: members, whole places, and those set aside after a failure. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

SLOW: Final = timedelta(seconds=5)
"""A use of a pass waits so long for others."""
ASIDE: Final = timedelta(seconds=60)
"""What fails even alone is tried again after this."""
PLACES_A_TURN: Final = 40
"""At most; fewer where these take long, since a lost card waits meanwhile."""
_TURN_S: Final = 1.0
_CAREFUL_TURNS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Dirty:
    """A row of access_dirty."""

    id: int
    member: str | None
    place: int | None
    at: datetime
    hurry: bool


class Backlog:
    """Remembered between two refreshes; all of it can be read again from the database."""

    def __init__(self) -> None:
        self.places: dict[int, datetime] = {}
        """Places to be rebuilt as a whole, and since when they are dirty."""
        self._rows: defaultdict[int | None, set[int]] = defaultdict(set)
        """Rows of access_dirty that are done with once a place is rebuilt; None: once no place waits."""
        self._taken: set[int] = set()
        """All of these."""
        self.forced: dict[int, int] = {}
        """Places that get a new version above this number, even with the same contents."""
        self._aside_rows: dict[int, datetime] = {}
        self._aside_places: dict[int, datetime] = {}
        self._careful = 0
        """Turns in which one thing is done at a time, to find which of them fails."""
        self._pace = PLACES_A_TURN
        """Places in a turn."""
        self.places_first = False
        """Whether it is the places' turn: they must not wait for ever behind members who keep changing."""

    @property
    def careful(self) -> bool:
        """Whether one thing is done at a time."""
        return self._careful > 0

    def forget(self) -> None:
        """Start over, but for what is set aside."""
        self.places.clear()
        self._rows.clear()
        self._taken.clear()
        self.forced.clear()

    def add(self, place: int, since: datetime, rows: Iterable[Dirty] = ()) -> None:
        """Queue a place; ``rows`` are done with once it is rebuilt."""
        self.places.setdefault(place, since)
        self._take(place, rows)

    def add_all(self, places: Iterable[int], since: datetime, rows: Iterable[Dirty]) -> None:
        """Queue places; ``rows`` are done with once all are rebuilt."""
        for place in places:
            self.places.setdefault(place, since)
        self._take(None, rows)

    def fresh(self, rows: Iterable[Dirty], now: datetime) -> list[Dirty]:
        """Return those of ``rows`` that are neither queued nor set aside."""
        return [one for one in rows if one.id not in self._taken and self._aside_rows.get(one.id, now) <= now]

    def due(self, rows: Sequence[Dirty], now: datetime) -> list[Dirty]:
        """Return those of the members' ``rows`` to be done now.

        All of them as soon as one has waited for long; else those in a hurry, with all others of the same members.
        """
        if not any(not row.hurry and now - row.at >= SLOW for row in rows):
            hurried = {row.member for row in rows if row.hurry}
            rows = [row for row in rows if row.member in hurried]
        return [row for row in rows if row.member == rows[0].member] if self._careful and rows else list(rows)

    def next_places(self, now: datetime) -> list[int]:
        """Return the places to be rebuilt now."""
        ready = [place for place in self.places if self._aside_places.get(place, now) <= now]
        return ready[: 1 if self._careful else self._pace]

    def waits(self, now: datetime) -> bool:
        """Return whether there is a place to be rebuilt now."""
        return any(self._aside_places.get(place, now) <= now for place in self.places)

    def rebuilt(self, places: Iterable[int]) -> set[int]:
        """Forget ``places``; return the rows that are done with."""
        done: set[int] = set()
        for place in places:
            del self.places[place]
            self.forced.pop(place, None)
            self._aside_places.pop(place, None)
            done |= self._rows.pop(place, set())
        if not self.places:
            done |= self._rows.pop(None, set())
        self._taken -= done
        return done

    def took(self, seconds: float) -> None:
        """The last places took so long: take fewer or more of them the next time."""
        if seconds > _TURN_S:
            self._pace = max(1, self._pace // 2)
        elif seconds < _TURN_S / 4:
            self._pace = min(PLACES_A_TURN, self._pace * 2)

    def succeeded(self) -> None:
        """A turn went well."""
        self._careful = max(0, self._careful - 1)

    def failed(self, rows: Sequence[Dirty], places: Sequence[int], now: datetime) -> bool:
        """What was tried failed; return whether it was a single thing, which is now set aside, else be careful."""
        alone = len({row.member for row in rows}) + len(places) <= 1
        if alone:
            self._aside_rows |= {row.id: now + ASIDE for row in rows}
            self._aside_places |= dict.fromkeys(places, now + ASIDE)
        self._careful = _CAREFUL_TURNS
        return alone

    def _take(self, place: int | None, rows: Iterable[Dirty]) -> None:
        ids = {row.id for row in rows}
        if ids:
            self._rows[place] |= ids
            self._taken |= ids
