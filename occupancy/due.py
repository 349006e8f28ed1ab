"""When the estimate of a space changes by time alone: reports expire, people leave unseen, a counter may be dead. Pure.

All times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from occupancy.counts import Counts
from occupancy.hours import HOUR, Calendar
from occupancy.lasting import ends
from occupancy.space import NEVER, SpaceFold
from occupancy.topology import Space

MINUTE: Final = 60_000_000
_AGAIN: Final = (15 * MINUTE, 5 * MINUTE)
"""A number that isn't sure moves by time alone: it is made again so often, in open and in closed time."""
_LATER: Final = 6 * HOUR
_DOUBTED: Final = (2 * HOUR, 8 * HOUR)
"""So often it is asked whether a counter that nobody passes is dead, in open and in closed time."""
_FADED: Final = 16 * 24 * HOUR
_FORGOTTEN: Final = 3 * 24 * HOUR
LONG_AGO: Final = 35 * 24 * HOUR
"""No summer closure is longer: readers at which nobody badged for longer say nothing, not even that nobody is in."""


def pass_time(space: Space, fold: SpaceFold, now: int) -> None:
    """Let time do to ``fold`` what it does without any event, up to ``now``: reports expire.

    ``fold.at`` becomes the last instant at which any of this happened, ``fold.due`` the next one, or an earlier one.
    """
    lasts = space.lasts
    if now >= fold.expires:
        fold.expires = NEVER
        for words in (fold.desks, fold.rooms, fold.counts):
            for device, (_, said_at) in words.items():
                if device in lasts and device not in fold.silent:
                    end = said_at + lasts[device] + 1
                    if end <= now:
                        _expired(fold, device, end)
                    elif end < fold.expires:
                        fold.expires = end
        for device, at in _read(fold):
            if device in lasts and device not in fold.silent:
                end = ends(at, lasts[device])
                if end <= now:
                    _expired(fold, device, end)
                elif end < fold.expires:
                    fold.expires = end
    fold.due = None if fold.expires == NEVER else fold.expires
    for device, door in fold.flow.doors.items():
        if device in lasts and device not in fold.silent:
            end = ends(door.at, door.lasts(lasts[device]))
            if end <= now:
                _expired(fold, device, end)
            else:
                fold.due = end if fold.due is None else min(fold.due, end)
    if fold.reserved.bookings or fold.grants.waiting:
        edges = (fold.due, fold.reserved.next(now), fold.grants.due)
        fold.due = min([one for one in edges if one is not None], default=None)


def _expired(fold: SpaceFold, device: int, end: int) -> None:
    fold.silent[device] = end
    fold.at = max(fold.at, end)
    fold.moved()


def due_again(fold: SpaceFold, counts: Counts | None, calendar: Calendar, now: int) -> None:
    """Note when the estimate is to be made again, since time alone moves it."""
    if counts is None:
        return
    again = 0
    if fold.flow.doors:
        heard = max([door.at for device, door in fold.flow.doors.items() if device not in fold.silent], default=0)
        again = now + _DOUBTED[calendar.closed(now)] if now - heard < _FADED else 0
    if not again and fold.stays.anyone:
        again = fold.stays.anyone + LONG_AGO
    if again > now and (fold.due is None or again < fold.due):
        fold.due = again
    if fold.room.since and (changes := fold.room.due(now)) is not None:
        fold.due = changes if fold.due is None else min(fold.due, changes)
    if counts.chance(0) > 0.999:
        return
    quiet = now - max(fold.flow.at, fold.stays.at, fold.newest)
    if quiet > _FORGOTTEN:
        return
    again = now + (_AGAIN[calendar.closed(now)] if quiet < _LATER else HOUR)
    fold.due = again if fold.due is None else min(fold.due, again)


def _read(fold: SpaceFold) -> list[tuple[int, int]]:
    """What measures the air or counts stations, and when it last did."""
    read = [(device, sensor.at) for device, sensor in fold.air.items()]
    return read + [(device, at) for device, (_, at) in fold.stations.heard.items()]


def _words(space: Space, fold: SpaceFold) -> Iterator[tuple[int, int, int]]:
    """The sensors that are believed, when each last spoke, and for how long that holds."""
    for words in (fold.desks, fold.rooms, fold.counts):
        for device, (_, at) in words.items():
            if device not in fold.silent and device in space.lasts:
                yield device, at, space.lasts[device]
    for device, at in _read(fold):
        if device not in fold.silent and device in space.lasts:
            yield device, at, space.lasts[device]


def silent_at(space: Space, fold: SpaceFold, now: int) -> tuple[Mapping[int, int], int]:
    """The devices that are not believed at ``now``, and from when on: those known, and whose report has expired.

    Returns:
        Also until when that is so, where nothing is reported.
    """
    expired: dict[int, int] = {}
    until = fold.expires
    if now >= until:
        until = NEVER
        for device, at, span in _words(space, fold):
            end = ends(at, span)
            if end <= now:
                expired[device] = end
            else:
                until = min(until, end)
    for device, door in fold.flow.doors.items():
        if device not in fold.silent and device in space.lasts:
            end = ends(door.at, door.lasts(space.lasts[device]))
            if end <= now:
                expired[device] = end
            else:
                until = min(until, end)
    return ({**fold.silent, **expired} if expired else fold.silent), until
