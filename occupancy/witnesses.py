"""What each kind of source says of how many people are in a space. Pure.

Each kind is a function of a ``Question``, in ``WITNESSES``, and has a distribution of its own (``occupancy.flow``,
``stays``, ``seats``, ``rooms``). A space that holds others has the sum of these as a witness too.

All times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import exp
from typing import Any, Final, NamedTuple

from occupancy.air import holds, likely
from occupancy.beside_air import counted
from occupancy.counts import Counts, added, blended, exactly, moments, normal
from occupancy.due import LONG_AGO, MINUTE
from occupancy.hours import CLOSED, HOUR, Calendar
from occupancy.quiet import GONE, dead, frozen
from occupancy.reserved import at_least
from occupancy.space import NEVER, SpaceFold
from occupancy.standing import Prior, Standing
from occupancy.sums import Sums
from occupancy.topology import Space
from occupancy.use import Use

STANDING: Final[Prior] = (0.025, 0.012)
"""People of a place who are in none of its watched spaces, for each who is, and the doubt of that. Assumed, until head
counts teach it."""
_HARDLY: Final = 0.05
"""Below this chance a counter is hardly dead."""
_SLOWLY: Final = 5 * MINUTE
"""So often it is looked at how many may have left unseen, where nothing is reported."""
_BLIND: Final = 8.0
"""Hours after which silent counters say nothing any more."""


class Witness(NamedTuple):
    """What one kind of source says of a space; the rest as in ``occupancy.space.Evidence``."""

    kind: str
    counts: Counts
    at: int | None
    """When it last said anything; of sensors that repeat themselves: ``heard``."""
    numbers: dict[str, Any]
    until: int = 0
    """Until when it holds where nothing is reported; 0: for its minute, since time alone moves it."""


Testimony = list[Witness]
"""What each kind of source says of a space."""


class Question(NamedTuple):
    """How many people are in ``space`` at ``now``?"""

    space: Space
    fold: SpaceFold
    silent: Mapping[int, int]
    """Devices that are not believed, and from when on."""
    calendar: Calendar
    now: int
    use: Use
    """The hours in which the place is used."""


Asks = tuple[str, Callable[[Question], Witness | None]]
"""A kind of source, and how it is asked."""


def believable(present: int | None, capacity: int | None) -> bool:
    """Whether so many can be in: a sensor that counts heads sometimes reports what nobody could have counted."""
    return present is not None and 0 <= present <= 20 + 2 * (capacity or 500)


def testimony(question: Question, asked: Iterable[Asks], kept: Iterable[Witness]) -> Testimony:
    """What each kind of source says, but what is known of the spaces within.

    ``asked``: those that may say anything (``asks``); ``kept`` was said before and holds.
    """
    known = {one.kind: one for one in kept}
    return [said for kind, ask in asked if (said := known.get(kind) or ask(question)) is not None]


def asks(space: Space) -> tuple[Asks, ...]:
    """The kinds of sources that may say anything of ``space``, as it is equipped, each with how it is asked."""
    none = {
        *(() if space.counters else ("counters", "seen")),
        *(() if space.badged else ("badges",)),
        *(() if space.desks else ("desks",)),
        *(() if space.rooms else ("presence",)),
        *(() if space.air else ("air",)),
        *(() if space.radios else ("stations",)),
    }
    return tuple([one for one in WITNESSES.items() if one[0] not in none])


def heard(witness: Witness, fold: SpaceFold) -> int | None:
    """When what made ``witness`` was last heard: a sensor that says the same again says nothing new."""
    if witness.kind in ("desks", "presence"):
        words = fold.desks if witness.kind == "desks" else fold.rooms
        return max([at for _, at in words.values()], default=None)
    if witness.kind == "stations":
        return max((at for _, at in fold.stations.heard.values()), default=None)
    return witness.at


def _slowly(fold: SpaceFold, now: int) -> tuple[int, int]:
    """The instant for which it was last looked at how many may have left unseen, and until when that holds.

    That is when something was last reported of the space, or every few minutes.
    """
    begun = now - now % _SLOWLY
    return max(begun, min(now, fold.bucket[0] * MINUTE)), begun + _SLOWLY


def _counters(question: Question) -> Witness | None:
    space, fold, silent, calendar, now, _ = question
    if not (space.counters and fold.flow.doors):
        return None
    now, until = _slowly(fold, now)
    counts = _by_counters(space, fold, silent, calendar, now)
    if counts is None:
        return None
    day, (_, entered, left) = fold.flow.day, fold.bucket
    at = max(door.at for door in fold.flow.doors.values())
    return Witness("counters", counts, at, {"entered": day[0] + entered, "left": day[1] + left}, until)


def _seen(question: Question) -> Witness | None:
    """Sensors that count heads."""
    space, fold, silent, *_ = question
    if not fold.counts:
        return None
    seen = [value for one in space.counters if one in fold.counts and one not in silent
            for value in (fold.counts[one][0],) if value is not None and believable(value, space.capacity)]  # fmt: skip
    if not seen:
        return None
    number = sum(seen)
    counts = normal(number, 0.05 + (0.05 * number) ** 2) if number else exactly(0)
    return Witness("seen", counts, max(at for _, at in fold.counts.values()), {"number": number}, NEVER)


def _badges(question: Question) -> Witness | None:
    space, fold, _, calendar, now, _ = question
    stays = fold.stays
    if not (space.badged and stays.anyone):
        return None
    now, until = _slowly(fold, now)
    if now - stays.anyone >= LONG_AGO:
        return None
    counts = stays.counts(stays.risk_at(fold.habits, calendar, now), out=space.badges_out)
    share = round(100 * stays.unbadged.share, 1)
    numbers = {"members": len(stays.inside), "others": round(stays.others, 2), "unbadged_pct": share}
    return Witness("badges", counts, stays.anyone, numbers, until)


def _desks(question: Question) -> Witness | None:
    space, fold, silent, calendar, now, use = question
    heard, desks = fold.desks, space.desks
    if not (heard and desks):
        return None
    until = 0
    if not fold.seats.just_left(now):
        now, until = _slowly(fold, now)
    live = fold.live
    if live is None:
        live = fold.live = {one for one, (occupied, _) in heard.items() if occupied is not None and one in desks}
    if silent:
        live = {one for one in live if now - silent.get(one, now) < HOUR}
        if all(one in silent for one in live):
            return None
    if not live:
        return None
    risk = fold.stays.risk_at(fold.habits, calendar, now)
    seats = max(len(live), space.seats if space.seats is not None else len(space.desks))
    bin_ = calendar.piece(now)[2]
    off = use.off(calendar, now) if len(live) < seats and bin_ < CLOSED else 0.0
    counts, sat = fold.seats.counts(
        live, seats, now=now, risk=risk, bin_=bin_, silent=silent, nested=space.parent is not None, off=off
    )
    return Witness("desks", counts, None, {"taken": round(sat, 1), "watched": len(live), "seats": seats}, until)


def _presence(question: Question) -> Witness | None:
    """Sensors that watch a room as a whole."""
    space, fold, silent, _, now, _ = question
    room = fold.room
    if not any([one in fold.rooms and fold.rooms[one][0] is not None and one not in silent for one in space.rooms]):  # noqa: C419
        return None
    elsewhere = [one for one in (*room.on, *room.off) if one not in space.rooms]  # moved, or retired
    skip = {*silent, *elsewhere} if elsewhere else silent
    some = room.chance(now, skip)
    until = 0 if room.fades(now, skip) else NEVER
    return Witness("presence", room.counts(space.capacity, some), None, {"somebody": room.says(some)}, until)


def _head_count(question: Question) -> Witness | None:
    """A count by hand, which says the less the older it is."""
    space, fold, _, calendar, now, _ = question
    if fold.head_count is None:
        return None
    number, at = fold.head_count
    hours = max(0, now - at) / HOUR
    if hours >= 4 or (space.counters and fold.flow.doors):
        return None
    rates = fold.habits.rates
    stay = exp(-sum([rates[bin_] * spent for bin_, spent in calendar.pieces(at, now) if bin_ >= CLOSED]))
    mean = number * stay  # after closing they leave
    counts = normal(mean, 0.1 + mean * (1.0 - stay) + stay * (number + 2) * 0.6 * hours + (1.5 * hours * stay) ** 2)
    return Witness("head_count", counts, at, {"number": number})


def _air(question: Question) -> Witness | None:
    """CO2 sensors: of several, what they say on average, no surer than each."""
    space, fold, silent, calendar, now, _ = question
    if not fold.air:
        return None
    closed, most = calendar.closed(now), holds(space.capacity)
    all_counted = counted(space, fold, silent, now)
    read = [sensor for one, sensor in fold.air.items() if one in space.air and one not in silent]
    found = [said for one in read if (said := one.people(now, closed=closed, holds=most, counted=all_counted))]
    if not found:
        return None
    mean = sum(one for one, _ in found) / len(found)
    variance = sum(one for _, one in found) / len(found)
    counts = likely((mean, variance), closed=closed, most=3 * most // 2, counted=all_counted, alone=_alone(space))
    ppm, outside = (round(sum(one) / len(read)) for one in zip(*((s.read, s.outside) for s in read), strict=True))
    return Witness("air", counts, max(one.at for one in read), {"ppm": ppm, "outside": outside})


def _stations(question: Question) -> Witness | None:
    """Wi-Fi access points."""
    space, fold, silent, calendar, now, _ = question
    total = fold.stations.total(space.radios, silent) if fold.stations.heard else None
    if total is None:
        return None
    heard = [at for radio, (_, at) in fold.stations.heard.items() if radio in space.radios]
    numbers = {"stations": round(total), "background": round(fold.stations.background)}
    most = max(20, 2 * holds(space.capacity), round(3 * total))
    counts = fold.stations.counts(total, most, closed=calendar.closed(now), alone=_alone(space))
    return Witness("stations", counts, max(heard), numbers, calendar.piece(now)[1])


def _bookings(question: Question) -> Witness | None:
    """Who booked the space, or seats in it."""
    space, fold, _, _, now, _ = question
    reserved = fold.reserved
    if not reserved.bookings:
        return None
    said = reserved.chances(now)
    if not said:
        return None
    numbers = {"booked": sum(one.starts <= now < one.ends for one in reserved.bookings.values()),
               "come_pct": round(100 * reserved.comes)}  # fmt: skip
    if _alone(space):
        party = [chance for chance, whole in said if whole]
        if not party:
            return None
        counts: Counts | None = fold.room.counts(space.capacity, max(party))
    else:
        counts = at_least([chance for chance, _ in said], max(20, 2 * holds(space.capacity)))
    return None if counts is None else Witness("bookings", counts, None, numbers)


def _alone(space: Space) -> bool:
    """Whether no hardware says how many are in."""
    return not (space.counters or space.badged or space.desks or space.rooms or space.children)


WITNESSES: Final[dict[str, Callable[[Question], Witness | None]]] = {
    "counters": _counters,
    "seen": _seen,
    "badges": _badges,
    "desks": _desks,
    "presence": _presence,
    "head_count": _head_count,
    "air": _air,
    "stations": _stations,
    "bookings": _bookings,
}


def within(parts: Sums, beside: Standing, unknown: int, *, closed: bool) -> Witness:
    """How many are in the spaces of one, and beside them.

    Args:
        parts: how many are in those of which anything is known, and their sums.
        beside: what is known of those who are in none of them.
        unknown: how many the others hold.
        closed: whether their place is closed.
    """
    few = 0.01 if closed else 0.03
    total = added(parts[-1][1], beside.beside(sum([one.mean for one, _ in parts]), STANDING, few))
    if unknown:
        total = added(total, moments(0.1 * unknown, (0.25 * unknown) ** 2 + 0.1 * unknown))
    return Witness("spaces", total, None, {})


def _by_counters(
    space: Space, fold: SpaceFold, silent: Mapping[int, int], calendar: Calendar, now: int
) -> Counts | None:
    flow = fold.flow
    minute, entered, left = fold.bucket
    blind = [one for one in flow.doors if one in silent and one in space.counters]
    share = min(1.0, sum(map(flow.share, blind))) if blind else 0.0

    def heard(blind_share: float) -> Counts:
        """The number as the fold will have it when the minute is over, then what the silence since says."""
        made, at = flow.paths, flow.at
        if entered or left:
            if fold.gathered is None or fold.gathered[1] != blind_share:
                end = max(at, (minute + 1) * MINUTE)
                made = flow.silent(made, fold.habits, calendar, at, end, blind=blind_share) if at else made
                made = flow.passed(made, entered, left, calendar.piece(minute * MINUTE)[2])
                fold.gathered = end, blind_share, made
            at, _, made = fold.gathered
        if at and now > at:
            made = flow.silent(made, fold.habits, calendar, at, now, blind=blind_share)
        return made.together

    counts = heard(share)
    for device in blind:
        until = flow.doors[device].until
        counts = flow.unseen(counts, fold.habits, calendar, until, now, share=flow.share(device))
    if blind and _width(counts) < _width(all_hear := heard(0.0)):
        counts = all_hear  # that a counter is silent never makes anything surer
    gone = [flow.doors[device].at for device in blind]
    doubted: list[tuple[float, float, int]] = []
    for device in space.counters:
        door = flow.doors.get(device)
        if door is None or device in silent:
            continue
        chance, since = max(
            (dead(flow, device, calendar, now), door.at), (frozen(flow, device, len(fold.seats.since)), door.last)
        )
        if chance > GONE:
            gone.append(since)
        if chance > 0.001:
            doubted.append((chance, flow.share(device), since))
    several, weights = [counts], [1.0]
    for chance, share, since in _alike(doubted):
        several.append(flow.unseen(counts, fold.habits, calendar, since, now, share=share))
        weights = [*(one * (1.0 - chance) for one in weights), chance]
    if doubted:
        counts = blended(several, weights)
    if gone and len(gone) == len(space.counters) and now - max(gone) > _BLIND * HOUR:
        return None
    return counts


def _alike(doubted: list[tuple[float, float, int]]) -> list[tuple[float, float, int]]:
    """Counters that may be dead: the chance of it, the share of what passes, since when.

    Those of which it isn't likely are taken as one: what each would have missed matters little.
    """
    small = [one for one in doubted if one[0] < _HARDLY]
    if len(small) < 2:
        return doubted
    chance = sum([one for one, _, _ in small])
    share = sum([one * share for one, share, _ in small]) / chance
    since = sum([one * at for one, _, at in small]) / chance
    return [*(one for one in doubted if one[0] >= _HARDLY), (chance, share, int(since))]


def _width(counts: Counts) -> int:
    low, high = counts.quantiles(0.05, 0.95)
    return high - low
