"""How many people a space's desk sensors speak of. Pure.

A desk that is said to be taken holds a person, or a bag: the longer it has been so, and the more people of the house
will have left by the hour, the likelier a bag. A desk that has just been left may be taken again in a moment: how often
that is so the space's own gaps say. Seats without a sensor that speaks are taken as those with one are: how many people
there are sit at those is a beta-binomial question, with the share that is usual at this hour as the prior.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate
from math import exp, fsum, lgamma
from operator import mul
from typing import Any, Final

from occupancy.counts import Counts, added, exactly, mixed, persons, scaled
from occupancy.hours import CLOSED, HOUR
from occupancy.standing import Prior, Standing

BAG: Final = 0.1
"""Share of stays that end with a bag, or a sensor that does not notice that the person left. Assumed."""
AWAY: Final[tuple[Prior, Prior]] = ((0.04, 0.02), (0.01, 0.005))
"""People who stand or walk, or whose sensor does not notice them, for each who sits, and the doubt of that: in a whole
place, and in a space within, which they leave to do so. Who has just left a desk counts apart. Assumed, until head
counts teach it."""
BACK: Final = (3.0, 10.0)
"""Desks that were taken again soon after they were left, of so many: what is believed at first. Assumed."""
GAP: Final = HOUR // 4
"""A desk that is taken again within this time was not given up."""
_PASSING: Final = HOUR // 20
"""Who sat for less long did not settle, and will hardly be back."""
_FADE: Final = 0.12
"""Hours in which the chance of a return falls to a third."""
_BAGGED: Final = 30 * HOUR
"""So long nobody sits at a desk."""
_ALIKE: Final = 1.5
"""People prefer some seats: so many watched seats say of the others what one would, were all alike. Assumed."""
_HARDLY: Final = 0.5
"""Fewer than so many taken seats are none."""
_USUAL: Final = 0.05
"""How much a new hour counts in the usual number."""


class Seats:
    """The desk sensors of one space."""

    __slots__ = ("_asked", "_there", "back", "left", "oldest", "since", "standing", "usual")

    def __init__(self) -> None:
        self.since: dict[int, tuple[int, float]] = {}
        """Taken desks, by device: since when, and the risk of leaving then (``occupancy.stays``)."""
        self.oldest = 0
        """None of these desks was taken before this instant. Made of the rest."""
        self.left: dict[int, int] = {}
        """Desks that were left lately, by device: when."""
        self.back = [0.0, 0.0]
        """Desks that were taken again soon, of all that were left."""
        self.standing = Standing()
        """People who sit at no desk."""
        self.usual: dict[int, tuple[float, float, float]] = {}
        """By bin of hours: mean share of seats taken, mean square, weight."""
        self._there: dict[int, float] = {}
        """What ``_sitting`` said last, but of desks that were left or taken since. Made of the rest."""
        self._asked: tuple[float | None, Collection[int]] = None, ()
        """At which risk that was, and of which desks; None: for that instant only."""

    def said(self, device: int, at: int, risk: float, *, occupied: bool | None) -> None:
        """A desk's sensor spoke."""
        if occupied:
            if device in self.since:
                return
            gap = self.left.pop(device, None)
            self.since[device] = (at, risk)
            self.oldest = min(self.oldest, at)
            if gap is not None and at - gap <= GAP:
                self.back[0] += 1.0
        elif occupied is None:
            self._there.pop(device, None)
            self.since.pop(device, None)
            self.left.pop(device, None)
        else:
            self._there.pop(device, None)
            since = self.since.pop(device, None)
            if since is not None and at - since[0] >= _PASSING:
                self.left = {one: then for one, then in self.left.items() if at - then < 2 * GAP}
                self.left[device] = at
                self.back = [self.back[0] * 0.995, self.back[1] * 0.995 + 1.0]

    def stuck(self, first: int) -> list[int]:
        """The desks that were taken before ``first``, and are still."""
        if self.oldest >= first:
            return []
        self.oldest = min([at for at, _ in self.since.values()], default=first)
        return [one for one, (at, _) in self.since.items() if at < first]

    def just_left(self, now: int) -> bool:
        """Whether a desk was left lately, so that somebody may be back."""
        return any([now - at < 2 * GAP for at in self.left.values()])  # noqa: C419

    @property
    def share_back(self) -> float:
        """The share of desks left that are taken again soon."""
        return (BACK[0] + self.back[0]) / (BACK[1] + self.back[1])

    def counts(
        self,
        watched: Collection[int],
        seats: int,
        *,
        now: int,
        risk: float,
        bin_: int,
        silent: Mapping[int, int],
        nested: bool,
        off: float = 0.0,
    ) -> tuple[Counts, float]:
        """How many people are here, and how many desks are surely taken.

        Args:
            watched: sensors of desks that say whether they are taken: a set, or the like.
            seats: all seats of the space, watched or not; at least as many.
            now: the instant.
            risk: the risk of leaving summed up until then.
            bin_: of hours.
            nested: whether the space lies in another.
            off: the chance that nobody comes today, where nobody has come (``occupancy.use``).
            silent: devices that are not believed, and from when on. What one said last fades within an hour.
        """
        there, live = self._sitting(watched, now, risk), len(watched)
        sat = list(there.values())
        if silent:
            sat = [
                chance * exp(min(0, silent[one] - now) / HOUR) if one in silent else chance
                for one, chance in there.items()
            ]
        gaps = [max(0, now - at) for one, at in self.left.items() if one in watched]
        back = self.share_back
        sat += [back * exp(-gap / HOUR / _FADE) for gap in gaps if gap < 2 * GAP]
        mean = fsum(sat)
        counts = persons(sat)
        if live < seats:
            counts = added(counts, self._unwatched(mean, live, seats - live, bin_, off))
        return added(counts, self.standing.beside(counts.mean, AWAY[nested])), mean

    def _sitting(self, watched: Collection[int], now: int, risk: float) -> dict[int, float]:
        """The taken ones of these desks, each with the chance that somebody sits there.

        Asked again at the same risk, only the desks that were taken since are looked at.
        """
        first, there = now - _BAGGED, self._there
        whole = self.oldest >= first
        if not (whole and risk == self._asked[0] and watched is self._asked[1]):
            there = self._there = {}
            self._asked = (risk if whole else None), watched
        if len(there) < len(self.since):
            for one in self.since.keys() - there.keys() if there else self.since:
                if one in watched:
                    start, then = self.since[one]
                    stay = exp(then - risk) if start >= first else 0.0
                    there[one] = stay / (stay + BAG * (1.0 - stay))
        return there

    def _unwatched(self, taken: float, live: int, others: int, bin_: int, off: float) -> Counts:
        """How many sit at ``others`` unwatched seats, where about ``taken`` of ``live`` watched ones are taken.

        A beta-binomial distribution: the seats are taken at one rate, which the watched ones and the usual rate of the
        hour tell of (Johnson, Kemp and Kotz 2005, "Univariate Discrete Distributions", 6.2).
        """
        usual, weight = self._usual(bin_)
        a = usual * weight + taken / _ALIKE + 1e-3
        b = (1 - usual) * weight + max(0.0, live - taken) / _ALIKE + 1e-3
        steps = [(others - k) * (a + k) / ((k + 1) * (b + others - k - 1)) for k in range(others)]
        weights = list(accumulate(steps, mul, initial=1.0))
        counts = scaled(0, weights) or exactly(0)
        if off and taken < _HARDLY:
            seats, free = live / _ALIKE, (1 - usual) * weight
            none = exp(lgamma(weight) - lgamma(free) + lgamma(free + seats) - lgamma(weight + seats))
            counts = mixed(counts, exactly(0), off / (off + (1 - off) * none))
        return counts

    def _usual(self, bin_: int) -> tuple[float, float]:
        """The usual share of seats taken at this hour, and for how many seats that counts."""
        mean, square, weight = self.usual.get(bin_, (0.0, 0.0, 0.0))
        if weight < 3.0:
            return (0.02, 4.0) if bin_ >= CLOSED else (0.25, 1.5)
        varies = max(0.0, square - mean * mean) + 0.01
        share = min(0.98, max(0.005, mean))
        return share, min(8.0, max(1.0, share * (1 - share) / varies))

    def note_usual(self, bin_: int, watched: Sequence[int]) -> None:
        """An hour is over: note which share of the watched seats was taken in it."""
        if not watched:
            return
        share = sum(1 for one in watched if one in self.since) / len(watched)
        mean, square, weight = self.usual.get(bin_, (0.0, 0.0, 0.0))
        keep = 1 - max(_USUAL, 1 / (weight + 1))
        self.usual[bin_] = (
            mean * keep + share * (1 - keep),
            square * keep + share * share * (1 - keep),
            min(weight + 1, 1 / _USUAL),
        )

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; see ``from_json``."""
        standing = self.standing.to_json()
        return {
            "since": self.since, "left": self.left, "back": self.back, "usual": self.usual, "standing": standing,
        }  # fmt: skip

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Seats:
        """Read what ``to_json`` made."""
        made = cls()
        made.since = {int(key): (one[0], one[1]) for key, one in value["since"].items()}
        made.left = {int(key): one for key, one in value["left"].items()}
        made.back = list(value["back"])
        made.standing = Standing.from_json(value["standing"])
        made.usual = {int(key): (one[0], one[1], one[2]) for key, one in value["usual"].items()}
        return made
