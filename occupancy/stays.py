"""Who is in by what readers saw: known persons, each there with a chance, and unknown ones beside them. Pure.

A person who badged in and was not seen leaving is there with the chance S / (S + f (1 - S)): S the survival of a stay,
f the share of exits without a badge. Where no reader stands on the way out, f is 1 and only S speaks. S is exp(-H),
H the leaving rate (``occupancy.habits``) summed up since the person was last seen. Each entry brings some unknown
people along, as many as the place has shown (``occupancy.unbadged``), who leave at the same rate: an M/G/infinity queue
(Eick, Massey and Whitt 1993, "The physics of the M_t/G/inf queue").
"""

from __future__ import annotations

from math import exp, log
from typing import Any, Final

from occupancy.counts import Counts, added, blended, moments, persons
from occupancy.habits import Habits
from occupancy.hours import HOUR, Calendar
from occupancy.openings import BETWEEN, Openings
from occupancy.unbadged import Unbadged

FORGOTTEN: Final = (1.5, 15.0)
"""Exits without a badge, of so many: what is believed before anything is known. Assumed."""
_GONE: Final = 0.01
"""Whose chance of being there is smaller is forgotten."""
_TODAY: Final = ((0.6, 0.25), (1.0, 0.5), (1.6, 0.25))
"""How fast everybody leaves today, beside the usual rate, and how likely that is. Assumed."""
_MOST: Final = 0.9
"""No more of those who are in leave by one opening."""
_TWICE: Final = 2 * 60_000_000
"""A card that is read again within this time is the same coming in."""
_LONGEST: Final = 14 * 24 * HOUR


class Stays:
    """The badges of one space."""

    __slots__ = ("anyone", "at", "forgot", "inside", "others", "risk", "unbadged")

    def __init__(self) -> None:
        self.at = 0
        """Up to when ``risk`` and ``others`` hold; 0: nobody ever badged."""
        self.risk = 0.0
        """The leaving rate, summed up since the beginning."""
        self.inside: dict[str, tuple[int, float]] = {}
        """Members who may be in: when each was last seen going in, and the risk then."""
        self.others = 0.0
        """Unknown people who are expected to be in."""
        self.anyone = 0
        """When a reader last let anybody through; 0: never."""
        self.forgot = [0.0, 0.0]
        """Exits without a badge, and all exits of members that are known."""
        self.unbadged = Unbadged()

    @property
    def openings(self) -> Openings:
        """The doors into this space."""
        return self.unbadged.openings

    @property
    def share_forgotten(self) -> float:
        """The share of exits without a badge."""
        return (FORGOTTEN[0] + self.forgot[0]) / (FORGOTTEN[1] + self.forgot[1])

    def risk_at(self, habits: Habits, calendar: Calendar, at: int) -> float:
        """The leaving rate summed up until ``at``."""
        if at <= self.at or not self.at:
            return self.risk
        share = BETWEEN if self.openings.trusted else 1.0
        _, end, bin_ = calendar.piece(self.at)
        if at <= end:  # as for most events
            return self.risk + share * habits.rates[bin_] * ((at - self.at) / HOUR)
        pieces = calendar.pieces(self.at, min(at, self.at + _LONGEST))
        return self.risk + share * sum(habits.rates[b] * h for b, h in pieces)

    def entered(self, member: str | None, at: int, risk: float) -> None:
        """A person was let in; who was in already had left without a badge."""
        if member is None:
            self.others += 1.0
        else:
            known = self.inside.get(member)
            if known is not None and known[0] >= at - _TWICE:
                return
            if known is not None:
                self._exited(forgot=1.0)
            self.inside[member] = (at, risk)
        self.openings.entered()
        self.others += self.unbadged.share
        self.unbadged.exposure += 1.0

    def seen(self, member: str, at: int, risk: float) -> bool:
        """A member who is in was seen inside; return whether that is news."""
        known = self.inside.get(member)
        if known is not None and known[0] >= at:
            return False
        self.inside[member] = (at, risk)
        self.anyone = max(self.anyone, at)
        return True

    def told(self, present: int, at: int, risk: float, *, out: bool) -> None:
        """So many were counted by hand: the rest are unknown people."""
        self.compared(at, (float(present), 0.25), risk, out=out)
        known = sum(self._there(since, risk, out=out) for _, since in self.inside.values())
        beyond = present - known
        if beyond >= 0:
            self.others = beyond * exp(risk - self.risk)
        else:  # some who were believed to be in are not: the longest unseen first
            self.others = 0.0
            missing = -beyond
            for member, _ in sorted(self.inside.items(), key=lambda item: item[1]):
                if missing < 0.5:
                    break
                missing -= self._there(self.inside.pop(member)[1], risk, out=out)

    def exited(self, member: str | None) -> int | None:
        """A person badged out; return since when he or she was known to be in."""
        if member is None:
            self.others = max(0.0, self.others - 1.0)
            return None
        known = self.inside.pop(member, None)
        self.unbadged.left(known=known is not None)
        if known is None:
            return None
        self._exited(forgot=0.0)
        return known[0]

    def _exited(self, *, forgot: float) -> None:
        self.forgot = [self.forgot[0] * 0.998 + forgot, self.forgot[1] * 0.998 + 1.0]
        self.openings.forgotten += forgot

    def opened(self, *, out: bool) -> None:
        """A door opened without a grant, now: somebody leaves, or comes without a badge."""
        came = self.openings.let_in
        if self.openings.trusted:
            inside, _ = self.expected(self.risk, out=out)
            leaves = (1.0 - BETWEEN) * (1.0 - came) * self.openings.each
            self._leave(-log(1.0 - min(_MOST, leaves / max(inside, 1e-9))))
        self.others += came

    def _leave(self, risk: float) -> None:
        """So much more of the risk of leaving is over."""
        self.risk += risk
        stays = exp(-risk)
        self.others *= stays
        self.unbadged.exposure *= stays

    def _there(self, since: float, risk: float, *, out: bool) -> float:
        """The chance that a person is still there who was last seen at the risk ``since``."""
        stays = exp(since - risk)
        if not out:
            return stays
        forgotten = self.share_forgotten
        return stays / (stays + forgotten * (1.0 - stays)) if stays > 1e-12 else 0.0

    def step(self, habits: Habits, calendar: Calendar, at: int, *, out: bool) -> None:
        """Let time pass up to ``at``."""
        if not self.at:
            self.at = at
            return
        pieces = calendar.pieces(self.at, min(at, self.at + _LONGEST))
        usual = sum(habits.rates[bin_] * hours for bin_, hours in pieces)
        self._leave((BETWEEN if self.openings.trusted else 1.0) * usual)
        self.at = at
        share = self.share_forgotten if out else 1.0
        least = self.risk + log(share * _GONE / (1.0 - _GONE + share * _GONE))  # where ``_there`` is _GONE
        for member in [one for one, (_, since) in self.inside.items() if since < least]:
            del self.inside[member]
            if out:
                self._exited(forgot=1.0)

    def counts(self, risk: float, *, out: bool) -> Counts:
        """How many are in at this risk."""
        others, doubt = self._unknown(risk)
        unknown = moments(others, others + doubt)
        passed = sorted([since - risk for _, since in self.inside.values()])
        if not passed:
            return unknown
        known: list[Counts] = []
        forgotten = self.share_forgotten
        for pace, _ in _TODAY:
            if out:
                there = [(stay := exp(pace * one)) / (stay + forgotten * (1.0 - stay)) for one in passed]
            else:
                there = [exp(pace * one) for one in passed]
            known.append(persons(there))
        return added(blended(known, [weight for _, weight in _TODAY]), unknown)

    def _unknown(self, risk: float) -> tuple[float, float]:
        """How many unknown people are expected, and the variance of that: the share isn't known exactly."""
        stays = exp(self.risk - risk)
        exposure = self.unbadged.exposure * stays
        return self.others * stays, self.unbadged.variance * exposure * exposure

    def compared(self, at: int, seen: tuple[float, float], risk: float, *, out: bool) -> None:
        """Other sources say that so many are in, mean and variance: learn how many come without a badge."""
        counts = self.counts(risk, out=out)
        badges = counts.mean, max(0.0, counts.variance - self._unknown(risk)[1])
        self.unbadged.compared(at, seen, badges, self.unbadged.exposure * exp(self.risk - risk))

    def expected(self, risk: float, *, out: bool) -> tuple[float, float]:
        """The mean and the variance of how many are in at this risk, everybody leaving as usual."""
        there = [self._there(since, risk, out=out) for _, since in self.inside.values()]
        others = self.others * exp(self.risk - risk)
        return sum(there) + others, sum(one * (1.0 - one) for one in there) + others

    @property
    def says_anything(self) -> bool:
        """Whether there is anything to store: a badge, a contact, or a grant whose door hasn't opened yet."""
        return bool(self.at or self.anyone or self.openings.tells or self.openings.granted)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; see ``from_json``."""
        return {
            "at": self.at,
            "risk": self.risk,
            "inside": self.inside,
            "others": self.others,
            "anyone": self.anyone,
            "forgot": self.forgot,
            "unbadged": self.unbadged.to_json(),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Stays:
        """Read what ``to_json`` made."""
        made = cls()
        made.at, made.risk, made.others, made.anyone = value["at"], value["risk"], value["others"], value["anyone"]
        made.inside = {member: (one[0], one[1]) for member, one in value["inside"].items()}
        made.forgot = list(value["forgot"])
        made.unbadged = Unbadged.from_json(value["unbadged"])
        return made
