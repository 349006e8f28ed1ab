"""What holds in a place at an instant, by the events so far. Pure: asking changes nothing.

Time alone moves an answer from minute to minute, not within one: what was reported until now is looked at from the
beginning of the minute. So an answer is kept (``SpaceFold.answer``) until the minute is over, or longer where time
alone doesn't move it, or until something is reported of the space or of one within.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from occupancy.counts import Counts
from occupancy.due import MINUTE, silent_at
from occupancy.estimate import bounded, estimated, together, weak, weighted
from occupancy.faults import faults_of
from occupancy.hours import Calendar
from occupancy.space import NEVER, UNKNOWN, Estimate, Evidence, SpaceFold
from occupancy.sums import Sums, summed
from occupancy.topology import Space, Topology
from occupancy.use import Use
from occupancy.witnesses import Asks, Question, Testimony, Witness, asks, testimony, within

Inner = tuple[tuple[float, ...], Witness]
"""What the spaces within say together, after what it was made of beside their numbers: whether the place is closed,
the capacity of those of which nothing is known, and what is known of who is in none of them."""


class Answer:
    """What holds in a space from ``since`` until before ``until``, where nothing is reported."""

    __slots__ = ("asked", "counts", "estimate", "found", "inner", "own", "parts", "silent", "since", "until", "word")

    def __init__(self, since: int, until: int, silent: Mapping[int, int], own: Testimony, parts: Sums) -> None:
        self.since = since
        self.until = until
        self.silent = silent
        self.own = own
        """What the space's own sources say."""
        self.parts = parts
        """What is in the spaces within."""
        self.inner: Inner | None = None
        """What these say together."""
        self.found = own
        """What both say."""
        self.counts: Counts | None = None
        self.word: bool | None = None
        """Whether presence sensors of the space, or of those within, last said somebody; None: there are none."""
        self.estimate = UNKNOWN
        self.asked = -1
        """The beginning of the minute for which ``estimate`` holds; -1: not asked for yet."""


class Asked:
    """The spaces of one place, to be asked; ``occupancy.fold.PlaceFold`` moves them."""

    __slots__ = ("_asks", "_calendar", "_downwards", "_inside", "_order", "_root", "_topology", "id", "spaces")

    def __init__(self, place: int, topology: Topology, spaces: dict[int, SpaceFold]) -> None:
        self.id = place
        self._topology = topology
        self._calendar = Calendar(topology.zone(place), topology.hours.get(place))
        self.spaces = spaces
        self._order: Final = topology.rising(topology.places.get(place, ()))
        """The spaces, the deepest first."""
        self._root: Final = next((one for one in self._order if topology.spaces[one].parent is None), None)
        self._downwards: Final = [(space, topology.spaces[space].parent) for space in reversed(self._order)]
        """The spaces with what each lies in, the highest first."""
        self._inside: Final = {space: self._sensed_within(space) for space in self._order}
        self._asks: Final[dict[int, tuple[Asks, ...]]] = {space: asks(topology.spaces[space]) for space in self._order}

    def _sensed_within(self, space: int) -> list[int]:
        """The spaces in ``space`` that anything is known of, the largest last: it changes most often."""
        rows = [self._topology.spaces[one] for one in self._topology.spaces[space].children]
        return [one.id for one in sorted(rows, key=lambda one: one.capacity or 0) if self._topology.senses(one.id)]

    def distributions(self, now: int) -> dict[int, Counts | None]:
        """How likely each number of people is in each space at ``now``, by the events so far; None: unknown.

        It changes nothing: what is asked often or seldom is the same.
        """
        return {space: self._answer(space, now).counts for space in self._order}

    def estimates(self, now: int) -> dict[int, Estimate]:
        """What holds in each space at ``now``, by the events so far; see ``distributions``."""
        made = {space: self._estimate(space, self._answer(space, now), now) for space in self._order}
        for space, above in self._downwards:
            if above is not None:
                made[space] = bounded(made[space], made[above], self._topology.spaces[space].capacity)
        return made

    def explain(self, space: int, now: int) -> tuple[Evidence, ...]:
        """What made the number of ``space`` at ``now``, the weightiest first."""
        return weighted(self._answer(space, now).found, self.spaces[space])

    def _answer(self, space: int, now: int) -> Answer:
        """What holds in ``space`` at ``now``."""
        fold = self.spaces[space]
        last: Answer | None = fold.answer
        holds = last is not None and fold.fresh and last.since <= now < last.until
        heard: list[Counts] = []
        blind: list[Space] = []
        somebody = False
        for one in self._inside[space]:
            within_it = self.spaces[one]
            answer: Answer | None = within_it.answer
            if answer is None or not (within_it.fresh and answer.since <= now < answer.until) or self._inside[one]:
                answer = self._answer(one, now)
            somebody = somebody or answer.word is True
            if answer.counts is None:
                blind.append(self._topology.spaces[one])
            else:
                heard.append(answer.counts)
        parts = summed(heard, () if last is None else last.parts)
        if last is not None and holds and parts is last.parts:
            return last
        row = self._topology.spaces[space]
        minute = now - now % MINUTE
        end = minute + MINUTE
        if last is not None and holds:
            made = Answer(last.since, last.until, last.silent, last.own, parts)
            stored = True
        else:
            silent, expires = silent_at(row, fold, now)
            stored = silent is fold.silent
            kept: Testimony = []
            if last is not None and stored and last.since <= now:
                same = last.since == minute
                kept = [
                    one for one in last.own
                    if (same or one.until >= end) and (fold.fresh or one.kind in fold.unmoved)
                ]  # fmt: skip
            own = testimony(Question(row, fold, silent, self._calendar, minute, self._use), self._asks[space], kept)
            until = min([one.until or end for one in own], default=NEVER)
            made = Answer(minute, min(until, expires, self._calendar.piece(now)[1]), silent, own, parts)
        if heard:
            made.inner = self._within(fold, parts, blind, minute, last)
            made.found = [*made.own, made.inner[1]]
        made.counts = together(made.found)
        made.word = somebody or next((one.numbers["somebody"] for one in made.own if one.kind == "presence"), None)
        if stored:
            fold.answer, fold.fresh = made, True
        return made

    def _within(self, fold: SpaceFold, parts: Sums, blind: list[Space], minute: int, last: Answer | None) -> Inner:
        """What the spaces within say; the same as ``last`` where nothing that it is made of has moved."""
        closed, unknown = self._calendar.closed(minute), sum([one.capacity or 1 for one in blind])
        made_of = closed, unknown, *fold.beside.sums
        if last is not None and last.inner is not None and parts is last.parts and made_of == last.inner[0]:
            return last.inner
        return made_of, within(parts, fold.beside, unknown, closed=closed)

    @property
    def _use(self) -> Use:
        return self.spaces[self._root].use if self._root is not None else Use()

    def _estimate(self, space: int, answer: Answer, now: int) -> Estimate:
        minute = now - now % MINUTE
        if answer.asked != minute:
            row = self._topology.spaces[space]
            faults = faults_of(
                row, self.spaces[space], minute,
                found=answer.found, counts=answer.counts, silent=answer.silent, calendar=self._calendar,
            )  # fmt: skip
            wary = weak(answer.found)
            answer.estimate, answer.asked = estimated(row, answer.counts, faults, answer.word, weak=wary), minute
        return answer.estimate
