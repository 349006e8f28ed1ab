"""What bookings tell of a space: weak evidence. Pure.

Who booked comes with a chance p, so of k bookings in force K are taken up, a binomial number (of a room that one party
books, K is 0 or 1). At least as many are in as take up a booking, whoever else is: P(N | bookings) is proportional to
P(K <= N), never less than a quarter of the most, so that a booking alone outweighs no sensor. Where nothing else speaks
of a room that one party books, a party is in it with the chance p. Elsewhere nothing is known by bookings alone.

p and the chance that somebody is still in after the end are means of Beta beliefs. A place teaches them by all its
spaces that another source speaks of (Gelman et al. 2013, "Bayesian data analysis", 2.4).

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from occupancy.counts import Counts, persons, scaled
from occupancy.hours import HOUR

COMES: Final = (8.5, 10.0)
"""Bookings that are taken up, of so many: what is believed at first. Assumed."""
STAYS: Final = (2.0, 10.0)
"""After so many bookings somebody is still in when ``AFTER`` has passed: what is believed at first. Assumed."""
AFTER: Final = HOUR // 6
_LATE: Final = HOUR // 4
"""Within this time after the beginning people come: half at once."""
_CAME: Final = {True: 0.9, False: 0.5}
"""Who came is still in with this chance, who hasn't come yet comes yet. Assumed."""
_LEAST: Final = 0.25
_KEPT: Final = 0.98
"""What is left of what was learned one booking later."""
_OVER: Final = HOUR
"""So long after the end nobody is in for the booking any more."""


@dataclass(slots=True, kw_only=True)
class Booking:
    """One booking of a space, or of a seat in it."""

    starts: int
    ends: int
    party: bool
    """It is of the whole space, for one party."""
    asked: int = 0
    """Up to when other sources were asked about it."""
    taken: bool | None = None
    """Whether anybody came, by a check-in or by another source; None: none has spoken."""


class Reserved:
    """The bookings of one space, and what was learned of bookings in its place."""

    __slots__ = ("bookings", "came", "stayed")

    def __init__(self) -> None:
        self.bookings: dict[int, Booking] = {}
        """By number: those to come and in force, and those that were just over."""
        self.came = [0.0, 0.0]
        """Bookings that were taken up, of all of which it is known."""
        self.stayed = [0.0, 0.0]
        """Bookings after which somebody was still in, of those taken up."""

    @property
    def known(self) -> bool:
        """Whether anything was ever booked here, or learned of bookings."""
        return bool(self.bookings) or self.came[1] > 0.0

    @property
    def comes(self) -> float:
        """The chance that a booking is taken up."""
        return (COMES[0] + self.came[0]) / (COMES[1] + self.came[1])

    @property
    def stays(self) -> float:
        """The chance that somebody is still in ``AFTER`` the end."""
        return (STAYS[0] + self.stayed[0]) / (STAYS[1] + self.stayed[1])

    def told(self, number: int, booking: Booking, *, held: bool, at: int) -> None:
        """A booking was made or changed, or, not ``held``, is none any more."""
        self.bookings.pop(number, None)
        if held and booking.ends > at:
            self.bookings[number] = booking

    def over(self, at: int) -> list[Booking]:
        """Take out the bookings of which everything is known that will be."""
        done = [one for one, old in self.bookings.items() if old.ends + AFTER <= at]
        return [self.bookings.pop(one) for one in done]

    def learn(self, *, taken: bool, stayed: bool) -> None:
        """A booking of the place is over: whether anybody came, and was still in after the end."""
        self.came = [self.came[0] * _KEPT + taken, self.came[1] * _KEPT + 1.0]
        if taken:
            self.stayed = [self.stayed[0] * _KEPT + stayed, self.stayed[1] * _KEPT + 1.0]

    def follow(self, other: Reserved) -> None:
        """Begin with what another space of the place has learned."""
        self.came, self.stayed = list(other.came), list(other.stayed)

    def chances(self, now: int) -> list[tuple[float, bool]]:
        """Of each booking that says anything at ``now``: how likely somebody is in for it; whether it is a party's."""
        said = [one for one in self.bookings.values() if one.starts <= now < one.ends + _OVER]
        return [(self._chance(one, now), one.party) for one in said]

    def _chance(self, one: Booking, now: int) -> float:
        comes = self.comes if one.taken is None else _CAME[one.taken]
        if now < one.ends:
            return comes if one.taken else comes * min(1.0, 0.5 + 0.5 * (now - one.starts) / _LATE)
        return comes * float(self.stays ** ((now - one.ends) / AFTER))

    def next(self, now: int) -> int | None:
        """When a booking begins or ends next, after ``now``."""
        edges = [at for one in self.bookings.values() for at in (one.starts, one.ends, one.ends + _OVER) if at > now]
        return min(edges, default=None)

    def to_json(self) -> list[Any]:
        """Return JSON values; see ``from_json``."""
        bookings = {
            number: [one.starts, one.ends, one.party, one.asked, one.taken] for number, one in self.bookings.items()
        }
        return [bookings, self.came, self.stayed]

    @classmethod
    def from_json(cls, value: list[Any]) -> Reserved:
        """Read what ``to_json`` made."""
        made = cls()
        bookings, came, stayed = value
        made.bookings = {
            int(number): Booking(starts=one[0], ends=one[1], party=one[2], asked=one[3], taken=one[4])
            for number, one in bookings.items()
        }
        made.came, made.stayed = list(came), list(stayed)
        return made


def at_least(chances: list[float], most: int) -> Counts | None:
    """How likely each number of people up to ``most`` is, where as many as take up their bookings are in at least."""
    taken = persons(chances)
    sofar, weights = 0.0, []
    for n in range(most + 1):
        sofar += taken.chance(n)
        weights.append(max(_LEAST, sofar))
    return scaled(0, weights)
