"""Figures of use, and a place beside its peers. Pure. docs/worth.md defines each figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

FEWEST_PEERS: Final = 5
"""With fewer a quantile would show one place's figure."""
_SIZES: Final = (12, 30, 60)
"""The most seats of each size class but the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What was offered in opening hours, and what of it was taken: sums of seconds."""

    open_s: int
    known_s: int
    seat_s: int
    person_s: int
    quarters: int
    """Quarter hours that are known well enough."""
    busy: int
    """Of these, those over 80 % of the capacity."""

    @property
    def utilisation(self) -> float | None:
        """Seat-hours taken of those offered; None: nothing is known, or there are no seats."""
        return self.person_s / self.seat_s if self.seat_s else None

    @property
    def busy_share(self) -> float | None:
        """The share of the time over 80 % of the capacity."""
        return self.busy / self.quarters if self.quarters else None

    @property
    def known(self) -> float | None:
        """The share of the opening hours with a number; None: it never was open."""
        return self.known_s / self.open_s if self.open_s else None

    @property
    def seats(self) -> float | None:
        """The capacity, on average over what is known."""
        return self.seat_s / self.known_s if self.known_s else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """The highest quarter hour: its mean number of people. ``at``: its start, or the day of a group's."""

    people: float
    at: datetime | date
    seats: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quartiles:
    """Of the peers: about a quarter of them is below ``low``, half below ``median``, three quarters below ``high``."""

    low: float
    median: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """Other places of the same kind and size class, without their names."""

    places: int
    utilisation: Quartiles
    busy_share: Quartiles


def size_class(seats: float | None) -> tuple[int, int | None] | None:
    """Return the fewest and the most seats of a place's size class, None for no limit; None: no seats are known."""
    if not seats:
        return None
    low = 1
    for most in _SIZES:
        if seats < most + 0.5:
            return low, most
        low = most + 1
    return low, None


def peers_of(own: Use, others: Iterable[Use]) -> Peers | None:
    """Compare with the ``others`` of the same kind: those of ``own``'s size class that are known for half of the time.

    None: they are fewer than five, or the size of ``own`` isn't known.
    """
    size = size_class(own.seats)
    alike = [one for one in others if one.known_s * 2 >= one.open_s and one.quarters and size_class(one.seats) == size]
    used = [one.utilisation for one in alike if one.utilisation is not None]
    busy = [one.busy_share for one in alike if one.busy_share is not None]
    if size is None or len(used) < FEWEST_PEERS or len(busy) < FEWEST_PEERS:
        return None
    return Peers(places=len(alike), utilisation=quartiles(used), busy_share=quartiles(busy))


def quartiles(values: Sequence[float]) -> Quartiles:
    """Return the quartiles of ``values``, each as the mean of three neighbours, so that none is one place's figure.

    The middle one lies where percentile_cont takes it, between two values by their distance.
    """
    ordered = sorted(values)
    last = len(ordered) - 1

    def at(rank: float) -> float:
        below = int(min(max(rank, 0.0), last))
        return ordered[below] + (ordered[min(below + 1, last)] - ordered[below]) * (min(max(rank, 0.0), last) - below)

    def near(share: float) -> float:
        return sum(at(share * last + step) for step in (-1, 0, 1)) / 3

    return Quartiles(low=near(0.25), median=near(0.5), high=near(0.75))
