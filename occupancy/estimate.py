"""Estimates how many people are in a space, from what each of its sources reports. Pure.

First form. Desk sensors and room sensors give a lower bound and say how much they can't tell; counters, or where there
are none badges, count who came in by the doors; what lies in a space counts for it.

``now`` is the instant for which it is made, on the clock of the place's events; all times are microseconds since the
Unix epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from occupancy import day_sums
from occupancy.lasting import STAY, ends
from occupancy.space import UNKNOWN, Estimate, SpaceFold
from occupancy.topology import Space


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a group of sources reports: at least ``low``, at most ``high``; whether any reported, or is silent."""

    low: int
    high: int
    known: bool
    badly: bool


def pass_time(space: Space, fold: SpaceFold, zone: ZoneInfo, now: int) -> None:
    """Let time do to ``fold`` what it does without any event, up to ``now``.

    A sensor's report expires; a forgotten badge-out is dropped; the counters' day ends. ``fold.at`` becomes the
    last instant at which any of this happened, ``fold.due`` the next one.
    """
    due: list[int] = []
    for device, said_at, span in _words(space, fold):
        end = ends(said_at, span)
        if end <= now:
            fold.silent.add(device)
            fold.at = max(fold.at, end)
        else:
            due.append(end)
    for member, badged_at in list(fold.inside.items()):
        end = ends(badged_at, STAY)
        if end <= now:
            del fold.inside[member]
            fold.at = max(fold.at, end)
        else:
            due.append(end)
    for turn in day_sums.turns(fold.sums, zone):
        if turn <= now:
            fold.at = max(fold.at, turn)
        else:
            due.append(turn)
    if fold.grants.waiting and (answered := fold.grants.due) is not None:
        due.append(answered)
    fold.due = min(due, default=None)


def _words(space: Space, fold: SpaceFold) -> Iterator[tuple[int, int, int]]:
    """The devices that are believed, when each last spoke, and for how long that holds."""
    for words in (fold.desks, fold.rooms, fold.counts):
        for device, (_, at) in words.items():
            if device not in fold.silent and device in space.lasts:
                yield device, at, space.lasts[device]
    for device, at in fold.moves.items():
        if device not in fold.silent and device in space.lasts:
            yield device, at, space.lasts[device]


def estimate(
    space: Space, fold: SpaceFold, nested: Iterable[tuple[Space, Estimate]], *, zone: ZoneInfo, now: int
) -> Estimate:
    """Estimate ``space`` from its fold and the estimates of those spaces in it that anything speaks of."""
    seated, room = _desks(space, fold), _room(space, fold)
    heads, doors_badly = _by_door(space, fold, zone, now)
    known = seated.known or room.known or heads is not None
    badly = seated.badly or room.badly or doors_badly
    low, high = max(seated.low, room.low), max(seated.high, room.high)
    spread = 0
    for inside, inner in nested:
        badly = badly or inner.quality != "live"
        if inner.low is None or inner.high is None:
            spread += inside.capacity or 0  # not known to be empty, so never counted as free
            continue
        known = True
        low += inner.low
        # People in a room whose sensor only reports presence came in by the door, where the door counts.
        if heads is None or not inside.rooms:
            spread += inner.high - inner.low
    if not known:
        return UNKNOWN
    present = max(heads or 0, low)
    quality = "degraded" if badly else "live"
    return Estimate(present=present, low=low, high=max(high, low + spread, present), quality=quality)


def _desks(space: Space, fold: SpaceFold) -> _Seen:
    taken = uncertain = 0
    for device in space.desks:
        occupied = fold.desks.get(device, (None, 0))[0]
        if occupied is None or device in fold.silent:
            uncertain += 1
        elif occupied:
            taken += 1
    return _Seen(taken, taken + uncertain, known=uncertain < len(space.desks), badly=uncertain > 0)


def _room(space: Space, fold: SpaceFold) -> _Seen:
    said = [None if one in fold.silent else fold.rooms.get(one, (None, 0))[0] for one in space.rooms]
    somebody = any(said)
    high = max(space.capacity or 1, 1) if somebody else 0
    return _Seen(int(somebody), high, known=any(one is not None for one in said), badly=None in said)


def _by_door(space: Space, fold: SpaceFold, zone: ZoneInfo, now: int) -> tuple[int | None, bool]:
    """How many are in by the counters or, without any, by the badges; None: not known. And whether it is unsure."""
    if space.counters:
        return _counted(space, fold, zone, now)
    if not space.badged or not fold.badges:
        return None, False
    return len(fold.inside), False


def _counted(space: Space, fold: SpaceFold, zone: ZoneInfo, now: int) -> tuple[int | None, bool]:
    """How many are in by the counters. A sum below zero, which can't be right, shows as 0 and as unsure."""
    seen = [fold.counts[one][0] for one in space.counters if one in fold.counts and one not in fold.silent]
    heads: int | None = sum(value or 0 for value in seen) if any(value is not None for value in seen) else None
    if fold.moves or fold.sums:
        heard = any(one in fold.moves and one not in fold.silent for one in space.counters)
        moved = day_sums.inside(fold.sums, day_sums.day_of(now, zone)[0]) if heard else None
        if moved is None:
            return None, True
        heads = moved + (heads or 0)
    if heads is None:
        return None, True
    unheard = space.counters - fold.moves.keys() - fold.counts.keys()
    return max(heads, 0), heads < 0 or None in seen or bool(unheard or space.counters & fold.silent)
