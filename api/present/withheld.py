"""The occupancy of a place's spaces in answers without a key: bands, and what isn't said because of them. Pure.

A place minus its other spaces is a space: where a space shows a band only, the numbers beside it are withheld, so that
no subtraction brings it back. Nothing else depends on who comes and goes either: ``at`` is when the place's gateways
were last known to have told everything, and within a band the quality is always the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from api.present.network import Place, Space
from api.present.occupancy import Occupancy, SpaceState
from occupancy.fold import TTL_S
from occupancy.public import Band, Rule
from occupancy.staleness import SECOND, believed_until

_PARTS: Final = 4
"""``at`` moves by so many parts of the time to live."""

Occupancies = tuple[tuple[Space, Occupancy], ...]


def public_occupancies(
    place: Place, states: Sequence[tuple[Space, SpaceState | None]], *, complete: int, now: int
) -> Occupancies:
    """Return what answers without a key say of the spaces of ``place`` at ``now``, in their order.

    Args:
        place: the place.
        states: the row of each space; None: it has none yet.
        complete: the instant up to which all events of its gateways are stored; 0: not known.
        now: the time.
    """
    found = [(space, _alone(place, space, state, complete, now)) for space, state in states]
    return tuple(_with_numbers(place.public, found) if place.public.numbers else _with_bands(found))


def _alone(place: Place, space: Space, state: SpaceState | None, complete: int, now: int) -> Occupancy:
    """Say what may be said of a space, whatever is said of the others."""
    silent = state is None or state.quality == "unknown"
    read_only = space.read_only or (space.parent is None and any(one.read_only for one in place.spaces))
    if state is None and not (read_only and complete):
        return Occupancy(capacity=space.capacity)
    capacity = space.capacity if state is None or state.capacity is None else state.capacity
    ttl_s = TTL_S if state is None else state.ttl_s
    at = complete or (0 if state is None else state.at)
    at -= at % max(1, ttl_s * SECOND // _PARTS)
    if silent and not read_only:
        return Occupancy(capacity=capacity, at=at, ttl_s=ttl_s)
    if now > believed_until(at, ttl_s):
        return Occupancy(capacity=capacity, quality="stale", at=at, ttl_s=ttl_s)
    # Readers alone know of nobody before the first card, and long after the last one.
    present = 0 if state is None or state.present is None else state.present
    band = place.public.band(present, capacity)
    if state is None or band.exact is None:
        return Occupancy(capacity=capacity, quality="degraded", at=at, ttl_s=ttl_s, band=band)
    low, high = (place.public.band(one or 0, capacity) for one in (state.low, state.high))
    return Occupancy(
        present=present, low=low.low, high=high.high, capacity=capacity, quality=state.quality, at=at, ttl_s=ttl_s
    )


def _with_numbers(rule: Rule, found: list[tuple[Space, Occupancy]]) -> list[tuple[Space, Occupancy]]:
    """Withhold the numbers of a place's spaces where one has a band or none, and the sum if it would say too much."""
    root = next((one for space, one in found if space.parent is None), None)
    inner = [(space, one) for space, one in found if space.parent is not None]
    if root is None or root.present is None or all(one.present is not None for _, one in inner):
        return found
    tops = {space.id for space, _ in found if space.parent is None}
    beside = sum(one.band is not None for space, one in inner if space.parent in tops) - 1
    if beside > 0 and root.present > beside * rule.threshold and all(one.band is not None for _, one in inner):
        # the others together hold fewer than the place, so that somebody is in each
        whole = Band(low=0, high=root.present)
        return [(space, one if space.parent is None else _banded(one, whole)) for space, one in found]
    least = rule.threshold + 1
    # With these lower bounds taken off, the rest may still be anything in the band.
    enough = rule.threshold + least * sum(one.present is not None and space.parent in tops for space, one in inner)
    if root.present < enough:
        root = _banded(root, Band(low=least, high=enough))
    return [
        (space, root)
        if space.parent is None
        else (space, one if one.present is None else _banded(one, Band(low=least, high=root.most)))
        for space, one in found
    ]


def _with_bands(found: list[tuple[Space, Occupancy]]) -> list[tuple[Space, Occupancy]]:
    """Say nothing of the spaces of a place whose bands and that of the whole together say more than each."""
    root = next((one for space, one in found if space.parent is None), None)
    tops = {space.id for space, _ in found if space.parent is None}
    bands = [(one.band, one.capacity) for space, one in found if space.parent in tops]
    if root is None or root.band is None or not _tell_more(root.band, bands):
        return found
    return [
        (space, one if space.parent is None or one.band is None else _banded(one, Band(low=0, high=one.capacity)))
        for space, one in found
    ]


def _tell_more(whole: Band, parts: list[tuple[Band | None, int | None]]) -> bool:
    """Whether the band of a place narrows a band of one of its spaces, given those of the others."""
    for index, (band, _) in enumerate(parts):
        if band is None or band.low:
            continue
        others = [one for other, (one, _) in enumerate(parts) if other != index]
        if whole.high is not None and band.high is not None:
            beside = sum(one.low for one in others if one is not None)
            if whole.high - beside < band.high and beside:
                return True
        highs = [None if one is None else one.high for one in others]
        if None not in highs and whole.low > sum(one for one in highs if one is not None):
            return True
    return False


def _banded(one: Occupancy, band: Band) -> Occupancy:
    return replace(one, present=None, low=None, high=None, quality="degraded", band=band)
