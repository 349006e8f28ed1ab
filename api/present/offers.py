"""The places of a search, by what they offer. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nsmallest

from api.present.ahead import Ahead
from api.present.availability import Offer
from api.present.network import Place
from api.present.search import FoundPlace
from api.present.wanted import Code, Why

SHOWN = 10
"""Places that aren't offered which an answer names."""
_CLOSED: frozenset[Code] = frozenset({"closed", "lockdown", "closes_early"})


class Offers:
    """Places with free seats, places of which it isn't known, and the others with the reason; each in its order."""

    def __init__(self, refused: Iterable[tuple[FoundPlace, Why]] = ()) -> None:
        """``refused``: places that lack what is wanted; they are not counted."""
        self.free: list[tuple[FoundPlace, Offer | Ahead]] = []
        self.unknown: list[tuple[FoundPlace, Offer | Ahead]] = []
        self.counts = {"free": 0, "full": 0, "unknown": 0, "closed": 0}
        self._refused = list(refused)
        self._whys: dict[int, Why | None] = {}

    def refuse(self, found: FoundPlace, why: Why) -> None:
        """Take a place that lacks what is wanted."""
        self._refused.append((found, why))

    def add(self, found: FoundPlace, why: Why | None, offer: Offer | Ahead) -> None:
        """Take a place that has what is wanted; ``why``: it isn't offered."""
        self._whys[found.place.id] = why
        if why is None or why.code == "unlikely":  # its chance is shown, however small
            self.counts["full" if why else "free"] += 1
            self.free.append((found, offer))
        elif why.code == "unknown":
            self.counts["unknown"] += 1
            self.unknown.append((found, offer))
        else:
            self.counts["closed" if why.code in _CLOSED else "full"] += 1
            self._refused.append((found, why))

    def likeliest_first(self) -> None:
        """Order the places with free seats by their chance; equal ones stay in their order."""
        self.free.sort(key=lambda one: -((one[1].chance if isinstance(one[1], Ahead) else None) or 0.0))

    def why(self, place: Place) -> Why | None:
        """Return why ``place`` isn't offered; None: it is."""
        if place.id in self._whys:
            return self._whys[place.id]
        return next((why for found, why in self._refused if found.place is place), Why(code="unknown"))

    def nearest_refused(self) -> list[tuple[FoundPlace, Why]]:
        """Return the nearest places that aren't offered, a few; by code where the search has no point."""
        return nsmallest(SHOWN, self._refused, key=lambda one: one[0].key)
