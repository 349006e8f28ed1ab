"""What holds in a place at an instant, by the events so far. Pure: asking changes nothing.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Iterator

from occupancy.counts import Counts
from occupancy.estimate import estimated, together, weighted
from occupancy.faults import faults_of
from occupancy.hours import Calendar
from occupancy.space import Estimate, Evidence, SpaceFold
from occupancy.topology import Topology
from occupancy.witnesses import Testimony, testimony, within


class Asked:
    """The spaces of one place, to be asked; ``occupancy.fold.PlaceFold`` moves them."""

    __slots__ = ("_calendar", "_topology", "id", "spaces")

    def __init__(self, place: int, topology: Topology, spaces: dict[int, SpaceFold]) -> None:
        self.id = place
        self._topology = topology
        self._calendar = Calendar(topology.zone(place), topology.hours.get(place))
        self.spaces = spaces

    def distributions(self, now: int) -> dict[int, Counts | None]:
        """How likely each number of people is in each space at ``now``, by the events so far; None: unknown.

        It changes nothing: what is asked often or seldom is the same.
        """
        return {space: counts for space, _, counts in self._said(now)}

    def _said(self, now: int) -> Iterator[tuple[int, Testimony, Counts | None]]:
        """Each space with what speaks of it and what that says together, the deepest first."""
        known: dict[int, Counts | None] = {}
        for space in self._topology.rising(self._topology.places.get(self.id, ())):
            found = self._witnesses(space, now, known)
            known[space] = together(found)
            yield space, found, known[space]

    def _witnesses(self, space: int, now: int, known: dict[int, Counts | None]) -> Testimony:
        """What speaks of ``space``; ``known`` gathers what is in the spaces within it."""
        row = self._topology.spaces[space]
        nested = []
        for child in row.children:
            if self._topology.senses(child):
                if child not in known:
                    known[child] = together(self._witnesses(child, now, known))
                nested.append((self._topology.spaces[child], known[child]))
        inner = within(nested, now, self._calendar) if nested else None
        return testimony(row, self.spaces[space], inner, calendar=self._calendar, now=now)

    def estimates(self, now: int) -> dict[int, Estimate]:
        """What holds in each space at ``now``, by the events so far; see ``distributions``."""
        return {space: self._estimated(space, found, counts, now) for space, found, counts in self._said(now)}

    def _estimated(self, space: int, found: Testimony, counts: Counts | None, now: int) -> Estimate:
        row = self._topology.spaces[space]
        faults = faults_of(row, self.spaces[space], now, found=found, counts=counts, calendar=self._calendar)
        return estimated(row, counts, faults)

    def explain(self, space: int, now: int) -> tuple[Evidence, ...]:
        """What made the number of ``space`` at ``now``, the weightiest first."""
        return weighted(self._witnesses(space, now, {}))
