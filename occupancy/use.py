"""At which hours of the week a place is used, learned from the signs of people. Pure.

A place whose opening hours nobody has entered has them all the same: at night and on Sundays nobody comes. An hour is
used when somebody is seen in it, or must have been in. Between two signs somebody was in where the second shows a
person who leaves, or the first one who came not long before. The share of used hours is learned for each hour of the
week, and is taken as that of the hour on any day while the weekday has shown little.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from math import sqrt
from typing import Any, Final
from zoneinfo import ZoneInfo

from occupancy.hours import HOUR, NIGHT, WEEK, Calendar
from occupancy.rows import numbers_of, text_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STAY: Final = 10 * HOUR
"""Who leaves was in for so long at most since anybody was seen."""
_SAT: Final = 14 * HOUR
"""Longer than that nobody sits at a desk: it was a bag."""
_SITS: Final = 4 * HOUR
"""Who came is in for so long at most without a sign."""
_CLOSURE: Final = 8 * 24 * HOUR
"""After so long without a sign the place was shut: that says nothing of its weeks."""
_KEPT: Final = 0.85
"""What is left of an hour of the week a week later."""
_DIGITS: Final = 3
"""Decimal places of the sums: they are stored with each event of the place."""
_POOLED: Final = 0.5
"""For so many weeks counts what the same hour shows on all days."""
_BEFORE: Final = (0.1, 0.7)
"""The share of used hours from midnight to five and of others, for one day: before anything is known. Assumed."""
_SELDOM: Final = 0.3
"""An hour that is used so seldom beside the most used ones is a closed one."""
_FEW: Final = 0.03
"""So is one in which so few are seen beside the busiest ones: in a large house somebody passes at any hour."""
_NIGHT: Final = 5
_CALM: Final = 0.1
"""The calmest hours of the day are a night, where fewer are seen than that beside the busiest ones: a house that is
open all night has nights, too."""
_BUSY: Final = 14
"""So many hours of the week are the busiest ones."""
_MOST: Final = 0.95
"""No day and no hour is surer to be used."""
_DAYS: Final = 8
"""No more days before are looked at."""
_OPENS: Final = 0.8
"""The chance that somebody comes on a day whose opening hours are known, at least. Assumed."""
_SHORTEST: Final = 3
"""Fewer closed hours in a row are a break."""


class Use:
    """The hours of one place."""

    __slots__ = ("_known", "_text", "came", "holds", "last", "people", "seen", "slot", "until", "unused", "used")

    def __init__(self) -> None:
        self.last = 0
        """When anybody was last seen; 0: never."""
        self.came = False
        """That was somebody who came."""
        self.holds = 0
        """Until when somebody is in who came, where nobody is seen leaving."""
        self.until = 0
        """The end of the last hour that is in the sums."""
        self.slot = 0
        """That hour of the week."""
        self.used = [0.0] * WEEK
        self.seen = [0.0] * WEEK
        """For each hour of the week: in how many weeks it was used, and of how many that is known."""
        self.people = [0.0] * WEEK
        """So many were seen in these weeks."""
        self.unused = NIGHT
        """What ``closed`` was after the first sign of the day."""
        self._known: list[float] | None = None
        self._text: tuple[str, str] | None = None
        """What ``text`` writes of the sums, before and after the people of the last hour; None: they have changed."""

    def sign(self, zone: ZoneInfo, at: int, *, came: int, left: int, holds: int = 0, since: int = 0) -> None:
        """So many were seen, coming and leaving.

        Args:
            zone: of the place.
            at: the instant.
            came: people.
            left: people.
            holds: who came stays for so long, where nobody is seen leaving.
            since: since when who left was surely in, where that is known.
        """
        if at <= self.last:
            return
        before, last, held = self.until, self.last, self.holds
        stayed = at - last <= _STAY if left else self.came and at - last <= _SITS
        stayed = stayed or (0 < since <= before and at - since <= _SAT)
        self.last, self.came, self.holds = at, came > 0, max(held, at + holds)
        if at < before:
            self.people[self.slot] += came + left
            return
        end = at - at % HOUR + HOUR
        if last and end - before <= _CLOSURE:
            for hour in range(before, end - HOUR, HOUR):
                self._note(_slot(hour, zone), int(stayed or hour < held))
            self._note(_slot(end - HOUR, zone), came + left)
        self.until = end
        if not last or _local(last, zone).date() != _local(at, zone).date():
            self.unused = self.closed()
            self._text = None

    def _note(self, slot: int, people: int) -> None:
        """In another hour so many were in, at least."""
        self.used[slot] = round(self.used[slot] * _KEPT + (people > 0), _DIGITS)
        self.seen[slot] = round(self.seen[slot] * _KEPT + 1.0, _DIGITS)
        self.people[slot] = round(self.people[slot] * _KEPT + people, _DIGITS)
        self.slot = slot
        self._known = self._text = None

    def closed(self) -> frozenset[int]:
        """The hours of the week, from Monday's first, in which hardly anybody is ever there."""
        shares, crowd = self._shares(), _smooth(self.people, self.seen, (0.0, 0.0))
        seldom = _SELDOM * sum(sorted(shares)[-_BUSY:]) / _BUSY
        busy = sum(sorted(crowd)[-_BUSY:]) / _BUSY
        by_day = [sum(crowd[hour::24]) / 7 for hour in range(24)]
        calm, start = min((sum(by_day[(hour + n) % 24] for n in range(_NIGHT)) / _NIGHT, hour) for hour in range(24))
        night = {(start + n) % 24 for n in range(_NIGHT)} if calm < _CALM * busy else set()
        return _runs([shares[one] < seldom or crowd[one] < _FEW * busy or one % 24 in night for one in range(WEEK)])

    def off(self, calendar: Calendar, now: int) -> float:
        """The chance that nobody comes on the day of ``now``, where nobody was seen on it yet: a closed day.

        The later it is, the likelier; likelier still where nobody came on an open day since anybody was seen. The hours
        of a day are alike: each counts for half of what it would alone.
        """
        zone = calendar.zone
        if not self.last or (today := _local(now, zone)).date() <= (day := _local(self.last, zone).date()):
            return 0.0
        shares = self._shares()
        comes = [min(_MOST, max(shares[24 * one : 24 * one + 24])) for one in range(7)]
        some = max(comes[today.weekday()], _OPENS * calendar.known)
        missed = [day + timedelta(days=n) for n in range(1, min(_DAYS, (today.date() - day).days))]
        if any(comes[one.weekday()] > 0.5 and not calendar.closed(_noon(one, zone)) for one in missed):
            some = min(some, 0.5)
        none = 1.0
        for hour in range(today.hour):
            none *= 1.0 - min(_MOST, shares[24 * today.weekday() + hour] / some)
        return (1 - some) / (1 - some + some * sqrt(none))

    def _shares(self) -> list[float]:
        """The share of used ones, for each hour of the week."""
        if self._known is None:
            self._known = _smooth(self.used, self.seen, _BEFORE)
        return self._known

    def to_json(self) -> list[Any]:
        """Return JSON values; see ``from_json``."""
        hours = "".join("10"[hour in self.unused] for hour in range(WEEK))
        rows = map(text_of, (self.used, self.seen, self.people))
        return [self.last, self.came, self.holds, self.until, self.slot, hours, *rows]

    def text(self) -> str:
        """``to_json`` as JSON text; nearly all of it changes once an hour only."""
        if self._text is None:
            hours, used, seen, people = self.to_json()[5:]
            words = people.split(" ")
            before = "".join([f"{one} " for one in words[: self.slot]])
            after = "".join([f" {one}" for one in words[self.slot + 1 :]])
            self._text = f'"{hours}","{used}","{seen}","{before}', f'{after}"]'
        before, after = self._text
        numbers = f"{self.last},{'true' if self.came else 'false'},{self.holds},{self.until},{self.slot}"
        return f"[{numbers},{before}{text_of([self.people[self.slot]])}{after}"

    @classmethod
    def from_json(cls, value: list[Any]) -> Use:
        """Read what ``to_json`` made."""
        made = cls()
        made.last, made.came, made.holds, made.until, made.slot, hours, *rows = value
        made.unused = frozenset(hour for hour, is_used in enumerate(hours) if is_used == "0")
        made.used, made.seen, made.people = map(numbers_of, rows)
        if any(len(one) != WEEK for one in (hours, made.used, made.seen, made.people)):
            raise ValueError("the use of other hours")
        return made


def _smooth(sums: list[float], seen: list[float], before: tuple[float, float]) -> list[float]:
    """The mean of each hour of the week; that of the hour on any day counts, too."""
    out = [0.0] * WEEK
    for hour in range(24):
        days = range(hour, WEEK, 24)
        pooled = (sum(sums[one] for one in days) + before[hour >= 5]) / (sum(seen[one] for one in days) + 1.0)
        for one in days:
            out[one] = (sums[one] + _POOLED * pooled) / (seen[one] + _POOLED)
    return out


def _runs(closed: list[bool]) -> frozenset[int]:
    """The closed hours that stand in a row long enough, across the end of the week too."""
    if all(closed):
        return NIGHT  # never used
    found: list[int] = []
    run: list[int] = []
    start = closed.index(False)
    for step in range(start, start + WEEK + 1):
        if closed[step % WEEK]:
            run.append(step % WEEK)
        else:
            found += run if len(run) >= _SHORTEST else []
            run = []
    return frozenset(found)


def _local(at: int, zone: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=at)).astimezone(zone)


def _noon(day: date, zone: ZoneInfo) -> int:
    return round(datetime.combine(day, time(12), zone).timestamp()) * 1_000_000


def _slot(at: int, zone: ZoneInfo) -> int:
    """The hour of the week that holds ``at``."""
    local = _local(at, zone)
    return local.weekday() * 24 + local.hour
