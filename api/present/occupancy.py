"""The occupancy of a space at a time, from its row and the state of its gateways. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from api.http.timestamps import rfc3339
from api.present.network import Space
from occupancy.public import Band
from occupancy.staleness import believed_until, true_as_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceState:
    """One row of ``space_state`` as stored or notified; times in microseconds."""

    space: int
    place: int
    revision: int
    present: int | None
    low: int | None
    high: int | None
    capacity: int | None
    quality: str
    at: int
    ttl_s: int
    changed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayState:
    """The last state that a gateway reported; ``heard`` in microseconds by the centre's clock."""

    gateway: int
    place: int
    online: bool
    heard: int
    spool_depth: int | None
    complete: int | None = None
    """Up to when all its events are stored: the database compares its spool with the stored events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    """How many people are in a space, as in answers; ``at`` in microseconds."""

    present: int | None = None
    low: int | None = None
    high: int | None = None
    capacity: int | None = None
    quality: str = "unknown"
    at: int | None = None
    ttl_s: int = 0
    band: Band | None = None
    """What an answer without a key says instead of the numbers, which are None then."""

    @property
    def least(self) -> int | None:
        """So many are in at least, with a chance of 95 %; None: not known."""
        return self.low if self.band is None else self.band.low

    @property
    def most(self) -> int | None:
        """So many are in at most, with a chance of 95 %; None: not known, or no limit is known."""
        if self.band is None:
            return self.high
        return self.capacity if self.band.high is None else self.band.high

    def as_json(self) -> str:
        """The fields of every answer, without braces: present, low, high, capacity, quality, at, ttl, band."""
        at = "null" if self.at is None else f'"{rfc3339(self.at)}"'
        band = "null" if self.band is None else f'{{"from":{self.band.low},"to":{_number(self.band.high)}}}'
        return (
            f'"present":{_number(self.present)},"low":{_number(self.low)},"high":{_number(self.high)},'
            f'"capacity":{_number(self.capacity)},"quality":"{self.quality}","at":{at},"ttl":{self.ttl_s},"band":{band}'
        )


def _number(value: int | None) -> int | str:
    return "null" if value is None else value


def occupancy_of(state: SpaceState | None, space: Space | None, *, complete: int, now: int) -> Occupancy:
    """Return the occupancy of a space at ``now``; its gateways' events are all stored up to ``complete`` (0: unknown).

    Stale means unknown, never zero: past its time to live a number is withheld.
    """
    if state is None:
        return Occupancy(capacity=space.capacity if space else None)
    capacity = state.capacity if state.capacity is not None else (space.capacity if space else None)
    at = true_as_of(state.at, complete)
    if state.quality == "unknown":
        return Occupancy(capacity=capacity, at=at, ttl_s=state.ttl_s)
    if now > believed_until(at, state.ttl_s):
        return Occupancy(capacity=capacity, quality="stale", at=at, ttl_s=state.ttl_s)
    return Occupancy(
        present=state.present,
        low=state.low,
        high=state.high,
        capacity=capacity,
        quality=state.quality,
        at=at,
        ttl_s=state.ttl_s,
    )
