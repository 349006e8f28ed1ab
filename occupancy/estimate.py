"""Estimates how many people are in a space: what its witnesses say of the one number, brought together. Pure.

Each kind of source is a witness with a distribution of its own (``occupancy.flow``, ``stays``, ``seats``, ``rooms``):
they are multiplied, each with a doubt of its own. A space that holds others has the sum of these as a witness too.
``present`` is the median, ``low`` and ``high`` the 5 and 95 % quantiles.

``now`` is the instant for which it is made, on the clock of the place's events; all times are microseconds since the
Unix epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from occupancy.counts import Counts, added, agreed, exactly, mixed, moments, normal
from occupancy.hours import CLOSED, HOUR, Calendar
from occupancy.lasting import ends
from occupancy.quiet import GONE, dead
from occupancy.space import NEVER, Estimate, Evidence, SpaceFold
from occupancy.topology import Space, Topology

MINUTE: Final = 60_000_000
SURE: Final = 0.01
"""``live``: so small is the chance that the number is wrong by more than ``tolerance``."""
DOUBT: Final = 0.003
"""The chance that a witness is wrong altogether."""
_AGAIN: Final = (15 * MINUTE, 5 * MINUTE)
"""A number that isn't sure moves by time alone: it is made again so often, in open and in closed time."""
_LATER: Final = 6 * HOUR
_DOUBTED: Final = (2 * HOUR, 8 * HOUR)
"""So often it is asked whether a counter that nobody passes is dead, in open and in closed time."""
_FADED: Final = 16 * 24 * HOUR
_FORGOTTEN: Final = 3 * 24 * HOUR
_STANDING: Final = 0.025
"""People of a place who are in none of its watched spaces, for each who is. Assumed."""
_LONG_AGO: Final = 35 * 24 * HOUR
"""No summer closure is longer: readers at which nobody badged for longer say nothing, not even that nobody is in."""
_BLIND: Final = 8.0
"""Hours after which silent counters say nothing any more."""


class Witness(NamedTuple):
    """What one kind of source says of a space; the rest as in ``Evidence``."""

    kind: str
    counts: Counts
    at: int | None
    numbers: dict[str, Any]


Testimony = list[Witness]
"""What each kind of source says of a space."""


def tolerance(capacity: int | None) -> float:
    """How far a live number may be off: two people, or a tenth of the capacity."""
    return max(2.0, 0.1 * (capacity or 0))


def pass_time(space: Space, fold: SpaceFold, now: int) -> None:
    """Let time do to ``fold`` what it does without any event, up to ``now``: reports expire.

    ``fold.at`` becomes the last instant at which any of this happened, ``fold.due`` the next one.
    """
    if now >= fold.expires:
        fold.expires = NEVER
        for device, said_at, span in _words(space, fold):
            end = ends(said_at, span)
            if end <= now:
                fold.silent[device] = end
                fold.at = max(fold.at, end)
            else:
                fold.expires = min(fold.expires, end)
    fold.due = None if fold.expires == NEVER else fold.expires
    if fold.grants.waiting and (answered := fold.grants.due) is not None:
        fold.due = answered if fold.due is None else min(fold.due, answered)


def due_again(fold: SpaceFold, counts: Counts | None, calendar: Calendar, now: int) -> None:
    """Note when the estimate is to be made again, since time alone moves it."""
    if counts is None:
        return
    again = 0
    if fold.flow.doors:
        heard = max((door.at for device, door in fold.flow.doors.items() if device not in fold.silent), default=0)
        again = now + _DOUBTED[calendar.closed(now)] if now - heard < _FADED else 0
    if not again and fold.stays.anyone:
        again = fold.stays.anyone + _LONG_AGO
    if again > now and (fold.due is None or again < fold.due):
        fold.due = again
    if counts.chance(0) > 0.999:
        return
    quiet = now - max(fold.flow.at, fold.stays.at, max((at for _, at in fold.desks.values()), default=0))
    if quiet > _FORGOTTEN:
        return
    again = now + (_AGAIN[calendar.closed(now)] if quiet < _LATER else HOUR)
    fold.due = again if fold.due is None else min(fold.due, again)


def _words(space: Space, fold: SpaceFold) -> Iterator[tuple[int, int, int]]:
    """The devices that are believed, when each last spoke, and for how long that holds."""
    for words in (fold.desks, fold.rooms, fold.counts):
        for device, (_, at) in words.items():
            if device not in fold.silent and device in space.lasts:
                yield device, at, space.lasts[device]
    for device, door in fold.flow.doors.items():
        if device not in fold.silent and device in space.lasts:
            yield device, door.at, door.lasts(space.lasts[device])


def silent_at(space: Space, fold: SpaceFold, now: int) -> Mapping[int, int]:
    """The devices that are not believed at ``now``, and from when on: those known, and whose report has expired."""
    if now < fold.expires:
        return fold.silent
    expired = {device: end for device, at, span in _words(space, fold) if (end := ends(at, span)) <= now}
    return {**fold.silent, **expired} if expired else fold.silent


def believable(present: int | None, capacity: int | None) -> bool:
    """Whether so many can be in: a sensor that counts heads sometimes reports what nobody could have counted."""
    return present is not None and 0 <= present <= 20 + 2 * (capacity or 500)


def estimated(space: Space, counts: Counts | None, faults: Iterable[str] = ()) -> Estimate:
    """The estimate that a distribution stands for; None: unknown."""
    if counts is None:
        return Estimate(present=None, low=None, high=None, quality="unknown", faults=tuple(faults))
    low, present, high = counts.quantiles(0.05, 0.5, 0.95)
    wrong = counts.beyond(present, tolerance(space.capacity))
    quality = "live" if wrong <= SURE else "degraded"
    return Estimate(present=present, low=low, high=high, quality=quality, faults=tuple(faults))


def witnesses(
    topology: Topology,
    folds: Mapping[int, SpaceFold],
    number: int,
    known: dict[int, Counts | None],
    *,
    calendar: Calendar,
    now: int,
) -> Testimony:
    """What each kind of source says of the space ``number`` at ``now``; ``known`` gathers what is in those within."""
    space, fold = topology.spaces[number], folds[number]
    nested: list[tuple[Space, Counts | None]] = []
    for child in space.children:
        if topology.senses(child):
            if child not in known:
                known[child] = together(witnesses(topology, folds, child, known, calendar=calendar, now=now))
            nested.append((topology.spaces[child], known[child]))
    found: Testimony = []
    silent = silent_at(space, fold, now)

    def add(kind: str, counts: Counts, at: int | None, **numbers: Any) -> None:
        found.append(Witness(kind, counts, at, numbers))

    if space.counters and fold.flow.doors:
        counts = _by_counters(space, fold, silent, calendar, now)
        if counts is not None:
            day = fold.flow.day
            add(
                "counters",
                counts,
                max(door.at for door in fold.flow.doors.values()),
                entered=day[0] + fold.bucket[1],
                left=day[1] + fold.bucket[2],
            )
    seen = [value for one in space.counters if one in fold.counts and one not in silent
            for value in (fold.counts[one][0],) if value is not None and believable(value, space.capacity)]  # fmt: skip
    if seen:
        number = sum(seen)
        at = max(at for _, at in fold.counts.values())
        add("seen", normal(number, 0.05 + (0.05 * number) ** 2) if number else exactly(0), at, number=number)
    if space.badged and fold.stays.anyone and now - fold.stays.anyone < _LONG_AGO:
        risk = fold.stays.risk_at(fold.habits, calendar, now)
        counts = fold.stays.counts(risk, out=space.badges_out)
        add("badges", counts, fold.stays.anyone, members=len(fold.stays.inside), others=round(fold.stays.others, 2))
    live = [
        one
        for one in space.desks
        if fold.desks.get(one, (None, 0))[0] is not None and now - silent.get(one, now) < HOUR
    ]
    if any(one not in silent for one in live):
        risk = fold.stays.risk_at(fold.habits, calendar, now)
        seats = max(len(live), space.seats if space.seats is not None else len(space.desks))
        bin_ = calendar.piece(now)[2]
        counts, sat = fold.seats.counts(
            live, seats, now=now, risk=risk, bin_=bin_, silent=silent, nested=space.parent is not None
        )
        at = max(fold.desks[one][1] for one in live)
        add("desks", counts, at, taken=round(sat, 1), watched=len(live), seats=seats)
    if any(fold.rooms.get(one, (None, 0))[0] is not None and one not in silent for one in space.rooms):
        elsewhere = [one for one in (*fold.room.since, *fold.room.left) if one not in space.rooms]  # moved, or retired
        counts = fold.room.counts(space.capacity, now, {*silent, *elsewhere} if elsewhere else silent)
        add("presence", counts, max(at for _, at in fold.rooms.values()), somebody=bool(fold.room.since))
    inner = _nested(nested, now, calendar)
    if inner is not None:
        add("spaces", inner, None)
    if fold.head_count is not None:
        number, at = fold.head_count
        hours = max(0, now - at) / HOUR
        if hours < 4 and not (space.counters and fold.flow.doors):
            add("head_count", normal(number, 0.1 + (number + 2) * 0.6 * hours + (1.5 * hours) ** 2), at, number=number)
    return found


def together(found: Testimony) -> Counts | None:
    """What the witnesses say together; None where there is none."""
    return agreed([one.counts for one in found], DOUBT) if found else None


def weighted(found: Testimony) -> tuple[Evidence, ...]:
    """The evidence, the weightiest first."""
    variances = [one.counts.variance for one in found]
    total = sum(1.0 / (variance + 0.1) for variance in variances)
    ranked = [
        Evidence(
            kind=one.kind,
            at=one.at,
            mean=one.counts.mean,
            spread=variance**0.5,
            weight=1.0 / (variance + 0.1) / total,
            numbers=one.numbers,
        )
        for one, variance in zip(found, variances, strict=True)
    ]
    return tuple(sorted(ranked, key=lambda one: -one.weight))


def _by_counters(
    space: Space, fold: SpaceFold, silent: Mapping[int, int], calendar: Calendar, now: int
) -> Counts | None:
    flow = fold.flow
    minute, entered, left = fold.bucket
    blind = [one for one in flow.doors if one in silent and one in space.counters]
    share = min(1.0, sum(map(flow.share, blind))) if blind else 0.0

    def heard(blind_share: float) -> Counts:
        """The number as the fold will have it when the minute is over, then what the silence since says."""
        made, at = flow.counts, flow.at
        if entered or left:
            end = max(at, min((minute + 1) * MINUTE, now))
            made = flow.silent(made, fold.habits, calendar, at, end, blind=blind_share) if at else made
            made = flow.passed(made, entered, left, calendar.piece(minute * MINUTE)[2])
            at = end
        return flow.silent(made, fold.habits, calendar, at, now, blind=blind_share) if at and now > at else made

    counts = heard(share)
    for device in blind:
        until = flow.doors[device].until
        counts = flow.unseen(counts, fold.habits, calendar, until, now, share=flow.share(device))
    if blind and _width(counts) < _width(all_hear := heard(0.0)):
        counts = all_hear  # that a counter is silent never makes anything surer
    gone = len(blind)
    for device in space.counters:
        if device in flow.doors and device not in silent and (chance := dead(flow, device, calendar, now)) > 0.001:
            gone += chance > GONE
            start = flow.doors[device].at
            unseen = flow.unseen(counts, fold.habits, calendar, start, now, share=flow.share(device))
            counts = mixed(counts, unseen, chance)
    if gone and gone == len(space.counters) and now - max(door.at for door in flow.doors.values()) > _BLIND * HOUR:
        return None
    return counts


def _width(counts: Counts) -> int:
    low, high = counts.quantiles(0.05, 0.95)
    return high - low


def _nested(nested: Iterable[tuple[Space, Counts | None]], now: int, calendar: Calendar) -> Counts | None:
    total: Counts | None = None
    blind = 0
    for inside, counts in nested:
        if counts is None:
            blind += inside.capacity or 1
        else:
            total = counts if total is None else added(total, counts)
    if total is None:
        return None
    standing = _STANDING * total.mean + (0.01 if calendar.piece(now)[2] >= CLOSED else 0.03)
    total = added(total, moments(standing, standing))
    if blind:
        total = added(total, moments(0.1 * blind, (0.25 * blind) ** 2 + 0.1 * blind))
    return total
