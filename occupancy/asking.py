"""What holds in a place at an instant, by the events so far. Pure: asking changes nothing.

Time alone moves an answer from minute to minute, not within one: it is what holds at the end of its minute. So it is
kept until the minute is over, or something is reported of the space, or of one within.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from occupancy.counts import Counts, Sums, summed
from occupancy.due import MINUTE, silent_at
from occupancy.estimate import estimated, together, weighted
from occupancy.faults import faults_of
from occupancy.hours import Calendar
from occupancy.space import Estimate, Evidence, SpaceFold
from occupancy.topology import Topology
from occupancy.witnesses import Testimony, testimony, within


class Answer:
    """What holds in a space in a minute."""

    __slots__ = ("counts", "estimate", "found", "minute", "own", "parts", "silent")

    def __init__(self, minute: int, silent: Mapping[int, int], own: Testimony) -> None:
        self.minute = minute
        self.silent = silent
        self.own = own
        """What the space's own sources say."""
        self.parts: Sums = ()
        """What is in the spaces within."""
        self.found = own
        """What both say."""
        self.counts: Counts | None = None
        self.estimate: Estimate | None = None
        """None: not asked for yet."""


Answers = dict[int, Answer]


class Asked:
    """The spaces of one place, to be asked; ``occupancy.fold.PlaceFold`` moves them."""

    __slots__ = ("_calendar", "_inside", "_order", "_topology", "id", "spaces")

    def __init__(self, place: int, topology: Topology, spaces: dict[int, SpaceFold]) -> None:
        self.id = place
        self._topology = topology
        self._calendar = Calendar(topology.zone(place), topology.hours.get(place))
        self.spaces = spaces
        self._order: Final = topology.rising(topology.places.get(place, ()))
        """The spaces, the deepest first."""
        self._inside: Final = {space: self._sensed_within(space) for space in self._order}

    def _sensed_within(self, space: int) -> list[int]:
        """The spaces in ``space`` that anything is known of, the largest last: it changes most often."""
        rows = [self._topology.spaces[one] for one in self._topology.spaces[space].children]
        return [one.id for one in sorted(rows, key=lambda one: one.capacity or 0) if self._topology.senses(one.id)]

    def distributions(self, now: int) -> dict[int, Counts | None]:
        """How likely each number of people is in each space at ``now``, by the events so far; None: unknown.

        It changes nothing: what is asked often or seldom is the same.
        """
        known: Answers = {}
        return {space: self._answer(space, now, known).counts for space in self._order}

    def estimates(self, now: int) -> dict[int, Estimate]:
        """What holds in each space at ``now``, by the events so far; see ``distributions``."""
        known: Answers = {}
        return {space: self._estimate(space, self._answer(space, now, known)) for space in self._order}

    def explain(self, space: int, now: int) -> tuple[Evidence, ...]:
        """What made the number of ``space`` at ``now``, the weightiest first."""
        return weighted(self._answer(space, now, {}).found)

    def _answer(self, space: int, now: int, known: Answers) -> Answer:
        """What holds in ``space`` at ``now``; ``known`` gathers what holds in those within."""
        inside = self._inside[space]
        for one in inside:
            if one not in known:
                known[one] = self._answer(one, now, known)
        row, fold = self._topology.spaces[space], self.spaces[space]
        last: Answer | None = fold.answer
        minute = now // MINUTE
        silent = silent_at(row, fold, now)
        holds = last is not None and fold.fresh and last.minute == minute and last.silent is silent
        heard = [counts for one in inside if (counts := known[one].counts) is not None]
        parts = summed(heard, () if last is None else last.parts)
        if last is not None and holds and parts is last.parts:
            known[space] = last
            return last
        end = (minute + 1) * MINUTE - 1
        own = last.own if last is not None and holds else testimony(row, fold, silent, self._calendar, end)
        answer = known[space] = Answer(minute, silent, own)
        answer.parts = parts
        if heard:
            blind = [self._topology.spaces[one] for one in inside if known[one].counts is None]
            answer.found = [*own, within(parts[-1][1], blind, end, self._calendar)]
        answer.counts = together(answer.found)
        if silent is fold.silent:
            fold.answer, fold.fresh = answer, True
        return answer

    def _estimate(self, space: int, answer: Answer) -> Estimate:
        if answer.estimate is None:
            row, fold = self._topology.spaces[space], self.spaces[space]
            faults = faults_of(
                row, fold, (answer.minute + 1) * MINUTE - 1, found=answer.found, counts=answer.counts,
                silent=answer.silent, calendar=self._calendar,
            )  # fmt: skip
            answer.estimate = estimated(row, answer.counts, faults)
        return answer.estimate
